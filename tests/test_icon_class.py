"""pystray's icon as each platform gets it. macOS and Windows are played: the methods that are replaced are called as
pystray calls them."""

from __future__ import annotations

import contextlib
import ctypes
import io
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from program import wait_until
from tray.desktop import host
from tray.desktop import icon as icon_module
from tray.desktop.images import Picture
from tray.errors import TrayError


class Base:
    """As much of pystray's icon as the replaced methods use."""

    def __init__(self, picture: Picture) -> None:
        self.icon = picture
        self._hwnd = 7
        self._icon_handle: object = None
        self._message_handlers: dict[int, Callable[[int, int], object]] = {}
        self.told: list[tuple[int, int]] = []

    def _show(self) -> None:
        self._message(NIM_ADD, 1 | 2 | 4, szTip="t")

    def _hide(self) -> None:
        self._message(NIM_DELETE, 0)

    def _message(self, code: int, flags: int, **data: object) -> None:
        raise AssertionError("it drops the answer")

    def _on_notify(self, wparam: int, lparam: int) -> None:
        self.told.append((wparam, lparam))


NIM_ADD, NIM_MODIFY, NIM_DELETE, NIF_INFO, NIF_TIP = 0, 1, 2, 0x10, 4


class Data(ctypes.Structure):
    _fields_ = [("cbSize", ctypes.c_uint), ("uFlags", ctypes.c_uint)]


class Taskbar:
    """Windows', as far as it takes icons: once it is there, and one that it has not got already."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there, self.has_it = False, False
        self.told: list[int] = []
        win32 = types.SimpleNamespace(
            NIM_ADD=NIM_ADD, NIM_MODIFY=NIM_MODIFY, NIM_DELETE=NIM_DELETE, NIF_INFO=NIF_INFO,
            NOTIFYICONDATAW=Data, Shell_NotifyIcon=self.tell, PostMessage=self.post,
        )  # fmt: skip
        monkeypatch.setitem(sys.modules, "pystray._util", types.SimpleNamespace(win32=win32))  # type: ignore[arg-type]
        monkeypatch.setattr(icon_module, "TRY_AGAIN_S", (0.02, 0.03, 0.05))
        self.icon = made("win32", monkeypatch, Picture("idle"))

    def tell(self, code: int, _data: Data) -> int:
        self.told.append(code)
        if not self.there or self.has_it == (code == NIM_ADD):
            return 0
        self.has_it = code != NIM_DELETE
        return 1

    def post(self, _window: int, message: int, wparam: int, lparam: int) -> int:
        self.icon._message_handlers[message](wparam, lparam)
        return 1


@pytest.fixture
def taskbar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Taskbar]:
    made = Taskbar(monkeypatch)
    yield made
    made.icon._hide()
    assert not icon_module.refused.is_set()


def test_an_icon_that_the_taskbar_refuses_at_login_is_handed_over_again_until_it_is_taken(taskbar: Taskbar) -> None:
    taskbar.icon._show()
    why = host.no_tray()
    assert why is not None and "taskbar" in why
    wait_until(lambda: taskbar.told.count(NIM_ADD) >= 5, "the later tries")
    assert host.no_tray() is not None
    taskbar.there = True
    wait_until(lambda: host.no_tray() is None, "the icon")
    before = len(taskbar.told)
    time.sleep(0.2)  # nothing more comes
    assert taskbar.has_it and len(taskbar.told) == before


def test_a_taskbar_that_was_too_busy_to_answer_and_has_the_icon_shows_it(taskbar: Taskbar) -> None:
    taskbar.there = taskbar.has_it = True
    taskbar.icon._show()
    assert taskbar.told == [NIM_ADD, NIM_MODIFY] and host.no_tray() is None


def test_an_icon_whose_taskbar_has_gone_is_handed_to_the_next_one(taskbar: Taskbar) -> None:
    taskbar.there = True
    taskbar.icon._show()
    assert host.no_tray() is None
    taskbar.there = taskbar.has_it = False
    taskbar.icon._message(NIM_MODIFY, NIF_TIP, szTip="t")
    assert host.no_tray() is not None
    taskbar.there = True
    wait_until(lambda: taskbar.has_it, "the icon")


def test_an_icon_that_is_taken_away_is_not_handed_over_any_more(taskbar: Taskbar) -> None:
    taskbar.icon._show()
    taskbar.icon._hide()
    before = len(taskbar.told)
    time.sleep(0.2)  # nothing more comes
    assert len(taskbar.told) == before and host.no_tray() is None


def test_what_changes_before_the_icon_is_shown_is_no_refusal(taskbar: Taskbar) -> None:
    taskbar.icon._message(NIM_MODIFY, NIF_TIP, szTip="t")
    assert host.no_tray() is None


def test_a_balloon_that_is_refused_is_an_error_and_says_nothing_of_the_icon(taskbar: Taskbar) -> None:
    with pytest.raises(TrayError, match="notification"):
        taskbar.icon._message(NIM_MODIFY, NIF_INFO, szInfo="m")
    assert host.no_tray() is None
    taskbar.there = taskbar.has_it = True
    taskbar.icon._message(NIM_MODIFY, NIF_INFO, szInfo="m")


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


def test_windows_tells_what_becomes_of_the_balloon_and_of_all_else_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    icon = made("win32", monkeypatch, Picture("idle"))
    balloon: list[int] = []
    icon._on_notify(1, icon_module.NIN_BALLOONUSERCLICK)  # nobody listens yet
    icon.on_balloon = balloon.append
    for what in (icon_module.NIN_BALLOONSHOW, icon_module.NIN_BALLOONUSERCLICK, 0x0202):  # WM_LBUTTONUP
        icon._on_notify(1, what)
    assert balloon == [0x0402, 0x0405]
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
