"""The hotkey's setting, and what is said where it can't be had. A real one is pressed in tests/desktop."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from program import wait_until
from tray import settings as settings_module
from tray.errors import SettingsError
from tray.settings import Settings
from tray.sources.hotkey import Hotkey


@pytest.mark.parametrize(
    ("said", "meant"),
    [("", ""), ("<Ctrl> + <Alt> + J", "<ctrl>+<alt>+j"), ("<f9>", "<f9>"), ("<cmd>+<space>", "<cmd>+<space>")],
)
def test_a_hotkey_is_one_or_more_of_ctrl_alt_shift_and_cmd_and_a_key(said, meant):
    assert Settings(hotkey=said).hotkey == meant


@pytest.mark.parametrize("said", ["j", "ctrl+j", "<ctrl>+<ctrl", "<alt>+jj", "<f20>", "<ctrl>"])
def test_what_is_none_is_told(said, tmp_path: Path):
    file = tmp_path / "home" / "settings.toml"
    file.parent.mkdir()
    file.write_text(f'hotkey = "{said}"\n', "utf-8")
    with pytest.raises(SettingsError, match=r"line 1: hotkey: .*<ctrl>\+<alt>\+j"):
        settings_module.load()


def failed(said: str = "<ctrl>+j") -> str:
    told: list[str] = []
    hotkey = Hotkey(said, lambda: None, told.append)
    hotkey.start()
    wait_until(lambda: told, "why it does not work is told")
    hotkey.stop()
    return told[0]


def test_macos_and_wayland_are_told_another_way(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setattr(sys, "platform", "linux")
    assert "coze-tray page" in failed()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "coze-tray://ask" in failed()


def test_a_library_that_is_missing_or_fails_is_told_and_nothing_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setitem(sys.modules, "pynput", None)
    monkeypatch.setitem(sys.modules, "pynput.keyboard", None)
    assert "pip install pynput" in failed()

    class Broken(Keyboard):
        def join(self, timeout: float | None = None) -> None:
            raise OSError("no hook")

    use(monkeypatch, Broken)
    assert "no hook" in failed("<f9>")


def test_no_other_thread_touches_what_waits_for_x11_when_it_stops(monkeypatch: pytest.MonkeyPatch):
    waiting: list[Keyboard] = []

    class X11(Keyboard):
        def start(self) -> None:
            waiting.append(self)

        def join(self, timeout: float | None = None) -> None: ...

        def stop(self) -> None:
            raise AssertionError("it may spin for ever")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    use(monkeypatch, X11)
    opened: list[str] = []
    hotkey = Hotkey("<f9>", lambda: opened.append("page"), opened.append)
    hotkey.start()
    wait_until(lambda: waiting, "it to listen")
    assert waiting[0].down("x"), "it goes on"
    hotkey.stop()
    assert not waiting[0].down("<f9>") and not waiting[0].up("<f9>"), "it ends with the next key"
    assert opened == []


class Keyboard(threading.Thread):
    """As pynput's Listener."""

    def __init__(self, on_press: Callable[[str], bool], on_release: Callable[[str], bool]) -> None:
        super().__init__(daemon=True)
        self.down, self.up = on_press, on_release

    def canonical(self, key: str) -> str:
        return key

    def stop(self) -> None: ...


class Keys:
    """As pynput's HotKey."""

    def __init__(self, keys: str, pressed: Callable[[], object]) -> None:
        self._keys, self._pressed = keys, pressed

    @staticmethod
    def parse(said: str) -> str:
        return said

    def press(self, key: str) -> None:
        if key == self._keys:
            self._pressed()

    def release(self, key: str) -> None: ...


def use(monkeypatch: pytest.MonkeyPatch, listener: type[Keyboard]) -> None:
    """In pynput's place."""
    monkeypatch.setitem(sys.modules, "pynput", types.ModuleType("pynput"))
    keyboard = types.SimpleNamespace(Listener=listener, HotKey=Keys)
    monkeypatch.setitem(sys.modules, "pynput.keyboard", keyboard)
