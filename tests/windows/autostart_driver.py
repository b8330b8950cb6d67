"""Runs on Windows: starting at login, in the registry itself; the program moves, is doubled, is switched off."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import winreg  # type: ignore[import-not-found,unused-ignore]

from tray.desktop import autostart
from tray.desktop.login_entries import WindowsEntry

OFF = b"\3" + bytes(11)


def runs_from(folder: Path) -> str:
    """Be the packaged program in that folder from now on. Returns what is to be started of it."""
    folder.mkdir(exist_ok=True)
    (folder / "coze-tray.exe").write_bytes(b"MZ")
    sys.frozen = True  # type: ignore[attr-defined]
    sys.executable = str(folder / "coze-tray.com")
    return str(folder / "coze-tray.exe")


def main(root: Path) -> None:
    autostart.disable()
    assert autostart.registered() is None

    before = runs_from(root / "我的 程序 (1)")
    autostart.enable()
    found = autostart.status()
    assert found is not None and found.exists and autostart.is_this(found), found
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, WindowsEntry.KEY) as key:
        assert winreg.QueryValueEx(key, WindowsEntry.VALUE) == (f'"{before}"', winreg.REG_SZ)

    Path(before).parent.rename(root / "新的 程序")
    now = runs_from(root / "新的 程序")
    said = autostart.repair()
    assert said is not None and before in said and now in said, said
    found = autostart.status()
    assert found is not None and found.program == now, found

    other = runs_from(root / "other")
    assert autostart.repair() is None, "the first one is still there"
    assert autostart.status() == found

    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, WindowsEntry.APPROVED) as key:
        winreg.SetValueEx(key, WindowsEntry.VALUE, 0, winreg.REG_BINARY, OFF)
    shutil.rmtree(Path(now).parent)
    assert autostart.status() is None and autostart.repair() is None, "the Task Manager has switched it off"
    off = autostart.registered()
    assert off is not None and off.switched_off and off.program == now, off
    with autostart.as_it_was():
        autostart.enable()
        found = autostart.status()
        assert found is not None and found.program == other, "the user wants it"
    assert autostart.registered() == off

    autostart.disable()
    for name in (WindowsEntry.KEY, WindowsEntry.APPROVED):
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, name) as key:
            try:
                winreg.QueryValueEx(key, WindowsEntry.VALUE)
            except FileNotFoundError:
                continue
            raise AssertionError(f"{name} still holds it")
    print("all is well")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
