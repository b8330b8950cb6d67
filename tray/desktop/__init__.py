"""What the user sees of the program: the icon and its menu, notifications, starting at login, folders opened.

host.py        can an icon be shown here, and how
tray.py        the icon, kept as it should be
menu.py        its menu's entries
clicks.py      what they do
controls.py    what they can ask of the program
notify.py      notifications
autostart.py   starting at login, and login_entries.py: how each platform is told
images.py      the icons' pictures
opener.py      folders in the file manager, JianYing and CapCut
dialog.py      asking the user for a text
program.py     the program these make together

Nothing heavy is imported with these modules: the icon comes first.
"""
