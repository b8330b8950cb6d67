"""What programs that are not ours are started with."""

from __future__ import annotations

import ctypes
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from program import wait_until
from tray import signing_in
from tray.desktop import opener, outside

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there libraries are found so")


@needs_linux
def test_a_program_that_the_packaged_one_starts_sees_nothing_of_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", "/opt/coze-tray/_internal", raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/coze-tray/_internal")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/usr/local/lib:/opt/coze-tray/_internal/x")
    monkeypatch.setenv("XDG_DATA_DIRS", "/opt/coze-tray/_internal/share:/usr/share")
    monkeypatch.setenv("GIO_MODULE_DIR", "/opt/coze-tray/_internal/gio_modules")
    monkeypatch.setenv("GTK_THEME", "Adwaita")
    found = outside.environment()
    assert found["LD_LIBRARY_PATH"] == "/usr/local/lib"
    assert found["XDG_DATA_DIRS"] == "/usr/share"
    assert "GIO_MODULE_DIR" not in found and "LD_LIBRARY_PATH_ORIG" not in found
    assert found["GTK_THEME"] == "Adwaita"


def test_a_program_that_the_packaged_one_starts_on_windows_looks_for_its_own_dlls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_in: list[Any] = []

    def set_directory(path: Any) -> None:
        looked_in.append(getattr(path, "value", path))

    kernel32 = types.SimpleNamespace(SetDllDirectoryW=set_directory)
    monkeypatch.setattr(ctypes, "windll", types.SimpleNamespace(kernel32=kernel32), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    with outside.without_our_libraries():
        assert looked_in == [], "from source it has none of its own"
    monkeypatch.setattr(sys, "_MEIPASS", "C:\\coze-tray\\_internal", raising=False)
    with pytest.raises(OSError), outside.without_our_libraries():
        assert looked_in == [None]
        raise OSError("no such program")
    assert looked_in == [None, "C:\\coze-tray\\_internal"]


def test_windows_opens_a_folder_as_a_folder_and_nothing_that_has_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """ShellExecute takes “C:\\drafts\\夏天” for “夏天.exe” too."""
    opened: list[str] = []
    monkeypatch.setattr(os, "startfile", lambda path: opened.append(str(path)), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    (tmp_path / "a.txt").touch()
    opener._open(tmp_path)
    opener._open(tmp_path / "a.txt")
    assert opened == [f"{tmp_path}{os.sep}", str(tmp_path / "a.txt")]


@needs_linux
def test_the_browser_that_the_packaged_program_opens_sees_nothing_of_its_libraries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    command = tmp_path / "xdg-open"
    command.write_text(f'#!/bin/sh\necho "$1 ${{LD_LIBRARY_PATH-none}}" >{said}.new && mv {said}.new {said}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("BROWSER", "one")
    monkeypatch.setattr(sys, "_MEIPASS", "/opt/coze-tray/_internal", raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/coze-tray/_internal")
    signing_in._show_page("https://www.coze.cn/?a=b&c=d")
    wait_until(said.exists, "the browser")
    assert said.read_text() == "https://www.coze.cn/?a=b&c=d none\n"


def test_from_source_the_environment_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    assert outside.environment() == dict(os.environ)
