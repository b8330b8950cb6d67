"""Can an icon be shown on this desktop, with which of pystray's backends, and what does that backend leave to us?

pystray itself does not know: its icon counts as visible where no tray shows it, and its xorg backend has no menu.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from tray.locale import _

_CHECK_EVERY_S = 0.5


def prepare(wait_s: float = 10) -> str | None:
    """Get ready to import pystray. Returns None, or a sentence for the user: what is missing and what mends it.

    On Linux it sets PYSTRAY_BACKEND and waits up to `wait_s` seconds for a tray: at login the panel comes later than
    the programs that start with it. What no waiting mends is said at once.
    """
    if sys.platform in ("win32", "darwin"):
        return None
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return _("There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set).")
    missing = _missing_libraries()
    if missing is not None:
        return missing
    deadline = time.monotonic() + wait_s
    while (backend := _backend()) is None:
        if time.monotonic() >= deadline:
            return _no_tray()
        time.sleep(min(_CHECK_EVERY_S, max(0.0, deadline - time.monotonic())))
    os.environ["PYSTRAY_BACKEND"] = backend
    try:
        import pystray  # noqa: F401 - to know now whether it can be
    except ImportError as error:
        return _("The icon's library can't be loaded: {error}.").format(error=error)
    return None


def adapt_pystray() -> None:
    """To be called before an icon is made."""
    if sys.platform == "darwin":
        import AppKit

        # Else there is an icon in the Dock.
        accessory = AppKit.NSApplicationActivationPolicyAccessory
        AppKit.NSApplication.sharedApplication().setActivationPolicy_(accessory)
    elif sys.platform != "win32":
        from pystray._util import notify_dbus

        # pystray talks to the notification daemon at start and end, though nothing was notified through it: one that
        # hangs holds the icon up for 25 s, and without one the end raises. notify.py does not need it.
        notify_dbus.Notifier = _NoNotifier


def on_main_thread(action: Callable[[], None]) -> None:
    """macOS kills a program that changes its icon from another thread; elsewhere pystray sees to it."""
    if sys.platform == "darwin":
        from PyObjCTools import AppHelper

        AppHelper.callAfter(action)
    else:
        action()


def on_signals(quit_: Callable[[], None]) -> None:
    """Let Ctrl-C and SIGTERM call `quit_`. On Linux, once pystray's loop runs; elsewhere it does nothing.

    GTK's loop runs no Python handlers, and pystray gives Ctrl-C its default back when it starts.
    """
    if sys.platform in ("win32", "darwin"):
        return
    import signal

    from gi.repository import GLib

    def on_signal() -> bool:
        quit_()
        return True  # so that the next one does not kill

    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, on_signal)


class _NoNotifier:
    def hide(self) -> None:
        pass


def _missing_libraries() -> str | None:
    """PyGObject and GTK: what is missing of them, in a sentence; else None."""
    try:
        import gi
    except ImportError:
        return _(
            "Python's GTK bindings (PyGObject) are missing: install python3-gi, gir1.2-gtk-3.0 and "
            "gir1.2-ayatanaappindicator3-0.1 (apt), and make the venv over the system's Python: "
            "python3 -m venv --system-site-packages"
        )
    try:
        gi.require_version("Gtk", "3.0")
        from gi.repository import Gtk
    except (ImportError, ValueError):
        return _("GTK 3 is missing: install gir1.2-gtk-3.0 (apt).")
    if not Gtk.init_check()[0]:
        return _("The display {display} can't be opened.").format(
            display=os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
        )
    return None


def _backend() -> str | None:
    """The backend of the tray that is there now, if there is one."""
    if _has_indicator_library() and _indicator_host_runs():
        return "appindicator"
    return "gtk" if _xembed_tray_runs() else None


def _no_tray() -> str:
    if _indicator_host_runs():
        return _("A library is missing for this desktop's tray: install gir1.2-ayatanaappindicator3-0.1 (apt).")
    return _(
        "This desktop has no tray that shows icons: on GNOME install and switch on the AppIndicator extension "
        "(gnome-shell-extension-appindicator), elsewhere add the panel's tray or status area."
    )


def _has_indicator_library() -> bool:
    import gi

    versions = gi.Repository.get_default().enumerate_versions
    return "0.1" in [*versions("AyatanaAppIndicator3"), *versions("AppIndicator3")]


def _indicator_host_runs() -> bool:
    """Whether a StatusNotifier host is registered (freedesktop.org, StatusNotifierWatcher)."""
    from gi.repository import Gio, GLib

    watcher = "org.kde.StatusNotifierWatcher"
    try:
        answer = Gio.bus_get_sync(Gio.BusType.SESSION).call_sync(
            watcher,
            "/StatusNotifierWatcher",
            "org.freedesktop.DBus.Properties",
            "Get",
            GLib.Variant("(ss)", (watcher, "IsStatusNotifierHostRegistered")),
            None,
            Gio.DBusCallFlags.NO_AUTO_START,
            1000,  # ms
            None,
        )
    except GLib.Error:
        return False
    return bool(answer.unpack()[0])


def _xembed_tray_runs() -> bool:
    """Whether a tray owns the X selection, and GTK itself talks to that X server (not to Wayland)."""
    from gi.repository import Gdk

    display = Gdk.Display.get_default()
    if display is None or "X11" not in type(display).__name__:
        return False
    from Xlib import error
    from Xlib.display import Display

    try:
        server = Display()
        try:
            selection = server.intern_atom(f"_NET_SYSTEM_TRAY_S{server.get_default_screen()}")
            return bool(server.get_selection_owner(selection))
        finally:
            server.close()
    except (error.DisplayError, error.XauthError, error.ConnectionClosedError, OSError):
        return False
