"""pystray's icon, with pictures that are sharp at their real size, and with clicks on its balloons.

pystray hands one large image to each platform, which scales it: to 32 and then to 16 px on Windows, to 22 points of a
coarse screen on macOS. Here each is given the picture that was drawn for the size it shows. pystray is pinned, as
methods of it are replaced (pystray 0.19.5, _win32.py, _darwin.py, _appindicator.py, _gtk.py).
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Any

from tray.desktop.images import theme_path

NIN_BALLOONUSERCLICK = 0x0405
"""WM_USER + 5 (shellapi.h); the lParam of the message that the icon asked to be told by."""


def icon_class() -> Any:
    """The class to make the icon of, whose `icon` is a Picture. On Windows it has `on_balloon_click` to be set.
    `host.prepare` must have returned None before."""
    import pystray

    if sys.platform == "win32":
        return _windows(pystray.Icon)
    if sys.platform == "darwin":
        return _mac(pystray.Icon)
    return _indicator(pystray.Icon) if os.environ.get("PYSTRAY_BACKEND") == "appindicator" else _gtk(pystray.Icon)


def _windows(base: Any) -> Any:
    class WindowsIcon(base):  # type: ignore[misc]
        on_balloon_click: Callable[[], None] = staticmethod(lambda: None)
        _icon_handle: Any

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
            if lparam == NIN_BALLOONUSERCLICK:
                return self.on_balloon_click()
            return super()._on_notify(wparam, lparam)

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
