"""pystray's icon, with pictures that are sharp at their real size, and with clicks on its balloons.

pystray hands one large image to each platform, which scales it: to 32 and then to 16 px on Windows, to 22 points of a
coarse screen on macOS. Here each is given the picture that was drawn for the size it shows. pystray is pinned, as
methods of it are replaced (pystray 0.19.5, _win32.py, _darwin.py, _appindicator.py, _gtk.py).
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from tray.desktop.images import theme_path
from tray.errors import TrayError
from tray.locale import _

log = logging.getLogger(__name__)

NIN_BALLOONSHOW, NIN_BALLOONHIDE, NIN_BALLOONTIMEOUT, NIN_BALLOONUSERCLICK = range(0x0402, 0x0406)
"""WM_USER + 2 to 5 (shellapi.h); the lParam of the message that the icon asked to be told by."""

TRY_AGAIN_S = (1.0, 2.0, 5.0, 10.0)
"""When an icon that the taskbar has refused is handed over again; from then on as after the last."""

refused = threading.Event()
"""Windows: the icon should be shown, and the taskbar does not take it. At login it starts beside us."""

_WM_AGAIN = 0x0400 + 12
"""WM_USER + 12; + 10 and + 11 are pystray's."""


def icon_class() -> Any:
    """The class to make the icon of, whose `icon` is a Picture. On Windows it has `on_balloon` to be set, which is told
    what becomes of a balloon (NIN_BALLOON…), and its `notify` raises TrayError where it is refused. `host.prepare` must
    have returned None before."""
    import pystray

    if sys.platform == "win32":
        return _windows(pystray.Icon)
    if sys.platform == "darwin":
        return _mac(pystray.Icon)
    return _indicator(pystray.Icon) if os.environ.get("PYSTRAY_BACKEND") == "appindicator" else _gtk(pystray.Icon)


def _windows(base: Any) -> Any:
    class WindowsIcon(base):  # type: ignore[misc]
        on_balloon: Callable[[int], None] = staticmethod(lambda _what: None)
        _icon_handle: Any

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._wanted, self._refusals = False, 0
            self._again: threading.Timer | None = None
            self._guard = threading.Lock()
            self._message_handlers[_WM_AGAIN] = self._add_again

        def _create_window(self, atom: Any) -> Any:
            """Before there is any: else Windows takes the process for one that knows no fine screens, has it draw at
            100 % and makes icon and menu larger itself, which blurs them."""
            import ctypes

            ctypes.windll.user32.SetProcessDPIAware()  # type: ignore[attr-defined]
            return super()._create_window(atom)

        def _assert_icon_handle(self) -> None:
            """In the size of the notification area; pystray's own is that of the desktop's icons, which is scaled."""
            from pystray._util import serialized_image, win32

            if self._icon_handle:
                return
            width, height = _small_icon()
            with serialized_image(self.icon, "ICO") as path:
                self._icon_handle = win32.LoadImage(None, path, win32.IMAGE_ICON, width, height, win32.LR_LOADFROMFILE)

        def _on_notify(self, wparam: int, lparam: int) -> Any:
            if NIN_BALLOONSHOW <= lparam <= NIN_BALLOONUSERCLICK:
                return self.on_balloon(lparam)
            return super()._on_notify(wparam, lparam)

        def _show(self) -> None:
            self._wanted = True
            super()._show()

        def _hide(self) -> None:
            with self._guard:
                self._wanted, self._refusals = False, 0
                if self._again is not None:
                    self._again.cancel()
                    self._again = None
            refused.clear()
            super()._hide()

        def _message(self, code: int, flags: int, **data: Any) -> None:
            """pystray's own drops the answer."""
            import ctypes

            from pystray._util import win32

            size = ctypes.sizeof(win32.NOTIFYICONDATAW)
            asked = win32.NOTIFYICONDATAW(cbSize=size, hWnd=self._hwnd, uFlags=flags, **data)
            taken = bool(win32.Shell_NotifyIcon(code, asked))
            if not taken and code == win32.NIM_ADD:  # one that was too busy to answer in time may have it all the same
                taken = bool(win32.Shell_NotifyIcon(win32.NIM_MODIFY, asked))
            if flags & win32.NIF_INFO:
                if not taken:
                    raise TrayError(_("Windows' taskbar does not take the notification."))
            elif code != win32.NIM_DELETE and self._wanted:
                self._answered(taken=taken)

        def _answered(self, *, taken: bool) -> None:
            with self._guard:
                if taken:
                    if refused.is_set():
                        log.info("the taskbar takes the icon now")
                    refused.clear()
                    self._refusals = 0
                    return
                if not refused.is_set():
                    log.warning("the taskbar does not take the icon; it is tried again")
                refused.set()
                if self._again is None:
                    delay_s = TRY_AGAIN_S[min(self._refusals, len(TRY_AGAIN_S) - 1)]
                    self._refusals += 1
                    self._again = threading.Timer(delay_s, self._ask_to_add_again)
                    self._again.daemon = True
                    self._again.start()

        def _ask_to_add_again(self) -> None:
            """Of the thread that the window belongs to: by then it may be gone."""
            from pystray._util import win32

            with self._guard:
                self._again = None
            win32.PostMessage(self._hwnd, _WM_AGAIN, 0, 0)

        def _add_again(self, _wparam: int, _lparam: int) -> None:
            if self._wanted and refused.is_set():
                self._show()

    return WindowsIcon


def _small_icon() -> tuple[int, int]:
    """In pixels: 16 on a screen at 100 %, 32 at 200 %."""
    import ctypes

    metrics = ctypes.windll.user32.GetSystemMetrics  # type: ignore[attr-defined]
    return metrics(49), metrics(50)  # SM_CXSMICON, SM_CYSMICON


def _mac(base: Any) -> Any:
    class MacIcon(base):  # type: ignore[misc]
        def _assert_image(self) -> None:
            """In points of the status bar, with twice as many pixels for a fine screen."""
            import AppKit
            import Foundation

            points = int(self._status_bar.thickness())
            image = AppKit.NSImage.alloc().initWithSize_((points, points))
            for size in (points, 2 * points):
                png = io.BytesIO()
                self.icon.image(size).save(png, "PNG")
                shown = AppKit.NSBitmapImageRep.imageRepWithData_(Foundation.NSData(png.getvalue()))
                shown.setSize_((points, points))
                image.addRepresentation_(shown)
            self._icon_image = image
            self._status_item.button().setImage_(image)

    return MacIcon


def _indicator(base: Any) -> Any:
    class IndicatorIcon(base):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._appindicator.set_icon_theme_path(str(theme_path()))

        def _update_fs_icon(self) -> None:
            self._icon_path = self.icon.name
            self._icon_valid = True

        def _remove_fs_icon(self) -> None:
            self._icon_valid = False

    return IndicatorIcon


def _gtk(base: Any) -> Any:
    class GtkIcon(base):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            from gi.repository import Gtk

            Gtk.IconTheme.get_default().append_search_path(str(theme_path()))
            super().__init__(*arguments, **options)

        def _update_icon(self) -> None:
            from gi.repository import GLib

            GLib.idle_add(self._status_icon.set_from_icon_name, self.icon.name)
            self._icon_valid = True

        def _remove_fs_icon(self) -> None:
            self._icon_valid = False

    return GtkIcon
