"""The hotkey's setting, and what is said where it can't be had. A real one is pressed in tests/desktop."""

from __future__ import annotations

import sys
import threading
import types
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

    class Broken(threading.Thread):
        def __init__(self, _keys: object) -> None:
            super().__init__(daemon=True)

        def join(self, timeout: float | None = None) -> None:
            raise OSError("no hook")

        def stop(self) -> None: ...

    monkeypatch.setitem(sys.modules, "pynput", types.ModuleType("pynput"))
    monkeypatch.setitem(sys.modules, "pynput.keyboard", types.SimpleNamespace(GlobalHotKeys=Broken))  # type: ignore[arg-type]
    assert "no hook" in failed("<f9>")
