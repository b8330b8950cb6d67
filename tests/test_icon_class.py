"""pystray's icon as each platform gets it. macOS and Windows are played: the methods that are replaced are called as
pystray calls them."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tray.desktop import icon as icon_module
from tray.desktop.images import Picture


class Base:
    """As much of pystray's icon as the replaced methods use."""

    def __init__(self, picture: Picture) -> None:
        self.icon = picture
        self._icon_handle: object = None
        self.told: list[tuple[int, int]] = []

    def _on_notify(self, wparam: int, lparam: int) -> None:
        self.told.append((wparam, lparam))


def made(platform: str, monkeypatch: pytest.MonkeyPatch, picture: Picture) -> Any:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setitem(sys.modules, "pystray", types.SimpleNamespace(Icon=Base))  # type: ignore[arg-type]
    return icon_module.icon_class()(picture)


def test_windows_loads_the_picture_in_the_size_of_the_notification_area(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[int, int, set[tuple[int, int]]]] = []

    @contextlib.contextmanager
    def serialized(image: Picture, kind: str) -> Iterator[str]:
        with tempfile.NamedTemporaryFile(suffix=".ico", delete=False) as file:
            image.save(file, format=kind)
        yield file.name
        Path(file.name).unlink()

    def load(_module: None, path: str, _kind: int, width: int, height: int, _flags: int) -> str:
        with Image.open(path) as ico:
            loaded.append((width, height, ico.info["sizes"]))
        return "handle"

    win32 = types.SimpleNamespace(IMAGE_ICON=1, LR_LOADFROMFILE=16, LoadImage=load)
    util = types.SimpleNamespace(serialized_image=serialized, win32=win32)
    monkeypatch.setitem(sys.modules, "pystray._util", util)  # type: ignore[arg-type]
    monkeypatch.setattr(icon_module, "_small_icon", lambda: (20, 20))  # a screen at 125 %
    icon = made("win32", monkeypatch, Picture("idle"))
    icon._assert_icon_handle()
    icon._assert_icon_handle()
    [(width, height, there)] = loaded
    assert (width, height) == (20, 20) and (20, 20) in there
    assert icon._icon_handle == "handle"


def test_windows_tells_of_a_click_on_the_balloon_and_of_all_else_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    icon = made("win32", monkeypatch, Picture("idle"))
    clicks: list[str] = []
    icon._on_notify(1, icon_module.NIN_BALLOONUSERCLICK)  # nobody listens yet
    icon.on_balloon_click = lambda: clicks.append("click")
    icon._on_notify(1, icon_module.NIN_BALLOONUSERCLICK)
    icon._on_notify(1, 0x0202)  # WM_LBUTTONUP
    assert clicks == ["click"]
    assert icon.told == [(1, 0x0202)]


def test_macos_gets_the_points_of_its_status_bar_with_the_pixels_of_a_fine_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class NSImage:
        @classmethod
        def alloc(cls) -> NSImage:
            return cls()

        def initWithSize_(self, size: tuple[int, int]) -> NSImage:
            self.size, self.shown = size, list[Any]()
            return self

        def addRepresentation_(self, shown: Any) -> None:
            self.shown.append(shown)

    class Bitmap:
        def __init__(self, data: bytes) -> None:
            with Image.open(io.BytesIO(data)) as picture:
                self.pixels = picture.size

        def setSize_(self, points: tuple[int, int]) -> None:
            self.points = points

    kit = types.SimpleNamespace(NSImage=NSImage, NSBitmapImageRep=types.SimpleNamespace(imageRepWithData_=Bitmap))
    monkeypatch.setitem(sys.modules, "AppKit", kit)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "Foundation", types.SimpleNamespace(NSData=bytes))  # type: ignore[arg-type]
    icon = made("darwin", monkeypatch, Picture("error"))
    on_button: list[Any] = []
    icon._status_bar = types.SimpleNamespace(thickness=lambda: 22.0)
    icon._status_item = types.SimpleNamespace(button=lambda: types.SimpleNamespace(setImage_=on_button.append))
    icon._assert_image()
    [image] = on_button
    assert image.size == (22, 22)
    assert [(shown.points, shown.pixels) for shown in image.shown] == [((22, 22), (22, 22)), ((22, 22), (44, 44))]
