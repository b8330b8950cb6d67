"""Can an icon be shown on this desktop, with which of pystray's backends, and what does that backend leave to us?

pystray itself does not know: its icon counts as visible where no tray shows it, and its xorg backend has no menu.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from tray.desktop.icon import refused
from tray.locale import _

ChangeMenu = Callable[[list[tuple[tuple[int, ...], str]] | None], None]
"""Brings the menu up to date: the labels that have changed, by their places; None: anything may have."""
_AFTER_CLICK_S = 0.3


def prepare() -> str | None:
    """Get ready to import pystray. Returns None, or a sentence for the user: what is missing and what mends it. None of
    that is mended by waiting. On Linux it sets PYSTRAY_BACKEND."""
    if sys.platform in ("win32", "darwin"):
        return None
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return _("There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set).")
    missing = _missing_libraries()
    if missing is not None:
        return missing
    os.environ["PYSTRAY_BACKEND"] = "appindicator" if _has_indicator_library() else "gtk"
    try:
        import pystray  # noqa: F401 - to know now whether it can be
    except ImportError as error:
        return _("The icon's library can't be loaded: {error}.").format(error=error)
    return None


def no_tray() -> str | None:
    """None where a tray shows the icon, else a sentence for the user: why none does, and what mends it. To be asked
    when `prepare` has returned None.

    The icon need not be made again when a tray comes, or comes back: libayatana-appindicator waits for a
    StatusNotifierWatcher and meanwhile for an X11 tray (fallback in src/app-indicator.c), GTK's GtkStatusIcon for an
    X11 tray (gtk/deprecated/gtktrayicon-x11.c), both by events alone; pystray adds it again when Windows has made a
    new taskbar (TaskbarCreated), and icon.py where the taskbar has refused it."""
    if sys.platform == "win32":
        return _("Windows' taskbar does not take the icon; it may not have started yet.") if refused.is_set() else None
    if sys.platform == "darwin":
        return None
    if _xembed_tray_runs():
        return None
    if not _indicator_host_runs():
        return _(
            "This desktop has no tray that shows icons: on GNOME install and switch on the AppIndicator extension "
            "(gnome-shell-extension-appindicator), elsewhere add the panel's tray or status area."
        )
    if not _has_indicator_library():
        return _("A library is missing for this desktop's tray: install gir1.2-ayatanaappindicator3-0.1 (apt).")
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


def own_menu(icon: Any) -> ChangeMenu:
    """Let the menu change when we say so. To be called once pystray's loop runs; what it returns, in the main thread.

    pystray itself makes the menu anew after each click and whenever it is told to, though the user may be looking at
    it: on Windows it destroys the one that is shown, on macOS a click then does what stands at that place in the new
    one, and on Linux the panel closes submenus. What a click changes is shown when it has changed."""
    update, icon.update_menu = icon.update_menu, lambda: None
    if sys.platform == "win32":
        return _windows_menu(icon, update)
    if sys.platform == "darwin":
        return _mac_menu(update)

    def change(labels: list[tuple[tuple[int, ...], str]] | None) -> None:
        if labels is None:
            update()
        else:
            from gi.repository import GLib

            GLib.idle_add(_set_labels, icon, labels)  # behind what pystray does to the menu in the same way

    return change


def _windows_menu(icon: Any, update: Callable[[], None]) -> ChangeMenu:
    """It is made when it is opened, and so always right; a left click opens it as a right one does."""
    from pystray._util import win32

    pystrays_own = icon._message_handlers[win32.WM_NOTIFY]
    is_open = False

    def on_notify(wparam: int, lparam: int) -> Any:
        nonlocal is_open
        if lparam not in (win32.WM_LBUTTONUP, win32.WM_RBUTTONUP):
            return pystrays_own(wparam, lparam)
        if is_open:
            return None
        is_open = True
        try:
            update()
            return pystrays_own(wparam, win32.WM_RBUTTONUP)  # until it is closed
        finally:
            is_open = False

    icon._message_handlers[win32.WM_NOTIFY] = on_notify
    return lambda _labels: None


def _mac_menu(update: Callable[[], None]) -> ChangeMenu:
    """It changes while it is closed: NSMenu tells when it is opened and closed (NSMenuDidBeginTrackingNotification)."""
    import AppKit
    from PyObjCTools import AppHelper

    is_open = is_late = False

    def on_open(_notification: object) -> None:
        nonlocal is_open
        is_open = True

    def on_close(_notification: object) -> None:
        nonlocal is_open
        is_open = False
        AppHelper.callLater(_AFTER_CLICK_S, catch_up)  # what was clicked is looked up in the menu of before

    def catch_up() -> None:
        nonlocal is_late
        if is_late and not is_open:
            is_late = False
            update()

    def change(_labels: object) -> None:
        nonlocal is_late
        is_late = True
        catch_up()

    center = AppKit.NSNotificationCenter.defaultCenter()
    for name, tell in (
        (AppKit.NSMenuDidBeginTrackingNotification, on_open),
        (AppKit.NSMenuDidEndTrackingNotification, on_close),
    ):
        center.addObserverForName_object_queue_usingBlock_(name, None, None, tell)
    return change


def _set_labels(icon: Any, labels: list[tuple[tuple[int, ...], str]]) -> bool:
    """Change them in the menu that is there, which may be open."""
    try:
        for (first, *rest), label in labels:
            item = icon._menu_handle.get_children()[first]
            for place in rest:
                item = item.get_submenu().get_children()[place]
            item.set_label(label)
    except (IndexError, AttributeError):  # another menu is there already, with newer labels
        pass
    return False  # not again


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
