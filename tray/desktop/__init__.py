"""What the user sees of the program: the icon and its menu, notifications, starting at login, folders opened.

host.py        can an icon be shown here, and how
tray.py        the icon and its menu
notify.py      notifications
autostart.py   starting at login, and login_entries.py: how each platform is told
images.py      the icons' pictures
opener.py      folders in the file manager
program.py     the program these make together

Nothing heavy is imported with these modules: the icon comes first.
"""
