"""Asking in a window of the desktop: which program is asked, and that nothing in the texts is read as script."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tray.desktop import dialog

ODD = '-x "$(id)" `id` & \\n _a_ <b>'


def program(folder: Path, name: str, script: str) -> None:
    """A program that writes down its arguments, one after the other, and does what `script` says."""
    (folder / name).write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" > "{folder}/{name}.asked"\n{script}\n')
    (folder / name).chmod(0o755)


def asked(folder: Path, name: str) -> list[str]:
    return (folder / f"{name}.asked").read_text("utf-8").split("\0")[:-1]


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    if sys.platform == "win32":
        pytest.skip("scripts")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(
        dialog.shutil, "which", lambda name: str(tmp_path / name) if (tmp_path / name).exists() else None
    )
    return tmp_path


def test_linux_asks_with_zenity_and_takes_what_is_typed(linux):
    program(linux, "zenity", "echo '  海 '")
    assert dialog.ask_text("标题", ODD) == "  海 "
    # zenity 3 reads "\\" as an escape and "_" as a shortcut in this text.
    assert asked(linux, "zenity")[:3] == ["--entry", "--title=标题", '--text=-x "$(id)" `id` & \\\\n __a__ <b>']


def test_linux_asks_with_kdialog_where_zenity_is_not_installed(linux):
    program(linux, "kdialog", "echo 好")
    assert dialog.ask_text("标题", f"{ODD}\n2") == "好"
    # Qt takes a text that looks like HTML for HTML, and kdialog reads "\\" as an escape.
    odd = '<qt>-x "$(id)" `id` &amp; \\\\n _a_ &lt;b&gt;<br>2</qt>'
    assert asked(linux, "kdialog") == ["--title", "标题", "--inputbox", odd]


def test_one_who_cancels_has_said_nothing_and_one_who_says_nothing_has(linux):
    program(linux, "zenity", "exit 1")
    assert dialog.ask_text("t", "x") is None
    program(linux, "zenity", "echo")
    assert dialog.ask_text("t", "x") == ""


def test_where_nothing_can_ask_it_says_so(linux, monkeypatch):
    with pytest.raises(dialog.NoDialogError, match="zenity"):
        dialog.ask_text("t", "x")
    program(linux, "zenity", "echo 好")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(dialog.NoDialogError):
        dialog.ask_text("t", "x")


def test_a_window_is_taken_away_when_it_is_over(linux):
    program(linux, "zenity", "exec sleep 60")
    over = threading.Event()
    threading.Timer(0.1, over.set).start()
    began = time.monotonic()
    assert dialog.ask_text("t", "x", over) is None
    assert time.monotonic() - began < 10


class Process:
    """Takes the place of a program that is not on this platform."""

    returncode = 0

    def __init__(self, command: list[str], **options: Any) -> None:
        Process.command, Process.environment = command, options["env"]

    def communicate(self) -> tuple[bytes, None]:
        return self.said, None

    def terminate(self) -> None:
        pass

    command: list[str]
    environment: dict[str, str]
    said = b""


@pytest.mark.parametrize(("said", "text"), [("海\r\n".encode(), "海"), ("\ufeff海".encode(), "海"), (b"\r\n", None)])
def test_windows_is_given_the_texts_as_variables(said, text, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.setattr(Process, "said", said)
    assert dialog.ask_text("标题", ODD) == text
    assert Path(Process.command[0]).name == "powershell.exe" and "$(id)" not in " ".join(Process.command)
    assert Process.environment["COZE_TRAY_TEXT"] == ODD
    assert {key: Process.environment[key] for key in os.environ if key != "PATH"} == {
        key: value for key, value in os.environ.items() if key != "PATH"
    }


def test_macos_is_given_the_texts_as_arguments(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.setattr(Process, "said", "海\n".encode())
    assert dialog.ask_text("标题", ODD) == "海"
    assert Process.command[0] == "osascript" and Process.command[-2:] == ["标题", ODD]
    assert all("$(id)" not in word for word in Process.command[:-1])
