"""Asking in a window of the desktop: which program is asked, and that nothing in the texts is read as script."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
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


MISSING = "zenity: error while loading shared libraries: libwebkit2gtk-4.1.so.0: cannot open shared object file"
NO_DISPLAY = "(zenity:1): Gtk-WARNING **: 16:31:05.547: cannot open display: :77"


@pytest.mark.parametrize(
    ("code", "complaint"), [(127, MISSING), (1, NO_DISPLAY), (1, "Failed to open display"), (255, ""), (134, "")]
)
def test_a_window_that_fails_is_no_answer_and_the_next_one_is_tried(linux, code, complaint):
    program(linux, "zenity", f"echo '{complaint}' >&2; exit {code}")
    with pytest.raises(dialog.NoDialogError) as caught:
        dialog.ask_text("t", "x")
    assert "zenity" in str(caught.value) and "terminal" in str(caught.value)
    assert (complaint[:40] or str(code)) in str(caught.value)
    program(linux, "kdialog", "echo 好")
    assert dialog.ask_text("t", "x") == "好"


def test_where_every_window_fails_each_says_why(linux, caplog):
    program(linux, "zenity", f"echo '{MISSING}' >&2; exit 127")
    program(linux, "kdialog", "echo 'qt.qpa.xcb: could not connect to display :77' >&2; kill -6 $$")
    with pytest.raises(dialog.NoDialogError):
        dialog.ask_text("t", "x")
    assert MISSING in caplog.text and "could not connect to display :77" in caplog.text


def test_a_program_that_can_not_be_started_is_no_answer(linux):
    program(linux, "zenity", "")
    (linux / "zenity").write_text("#!/no/such/interpreter\n")
    program(linux, "kdialog", "echo 好")
    assert dialog.ask_text("t", "x") == "好"


def test_what_gtk_warns_of_does_not_make_a_cancel_a_failure(linux):
    program(linux, "zenity", "echo 'Gtk-Message: GtkDialog mapped without a transient parent.' >&2; exit 1")
    program(linux, "kdialog", "echo 好")
    assert dialog.ask_text("t", "x") is None


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
    """Takes the place of a program that is not on this platform; `ends` has how each one ends: its exit code, and
    what it writes."""

    def __init__(self, command: list[str], **options: Any) -> None:
        assert options["stderr"] == subprocess.PIPE
        self.returncode, *self.written = Process.ends.pop(0)
        Process.asked.append((command, options["env"]))

    def communicate(self) -> list[bytes]:
        return self.written

    def terminate(self) -> None:
        pass

    ends: list[tuple[int, bytes, bytes]]
    asked: list[tuple[list[str], dict[str, str]]]


Ends = Callable[..., list[tuple[list[str], dict[str, str]]]]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """From now on programs end so, one after the other; what they were asked is collected in what it returns."""

    def so(platform: str, *how: tuple[int, bytes, bytes]) -> list[tuple[list[str], dict[str, str]]]:
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(subprocess, "Popen", Process)
        Process.ends, Process.asked = list(how), []
        return Process.asked

    return so


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("typed:海\r\n".encode(), "海"),
        ("\ufefftyped:海".encode(), "海"),
        (b"typed:\r\n", ""),
        (b"cancelled:\r\n", None),
    ],
)
def test_windows_is_given_the_texts_as_variables(said, text, ends):
    asked = ends("win32", (0, said, b""))
    assert dialog.ask_text("标题", ODD) == text
    ((command, environment),) = asked
    assert Path(command[0]).name == "powershell.exe" and "$(id)" not in " ".join(command)
    assert environment["COZE_TRAY_TEXT"] == ODD
    assert {key: environment[key] for key in os.environ if key != "PATH"} == {
        key: value for key, value in os.environ.items() if key != "PATH"
    }


def test_windows_hides_what_is_typed_where_it_is_to_be_hidden(ends):
    asked = ends("win32", (0, b"typed:pat_x", b""), (0, b"typed:x", b""))
    assert dialog.ask_text("t", "x", hidden=True) == "pat_x"
    assert dialog.ask_text("t", "x") == "x"
    (hidden, its), (_shown, others) = asked
    assert "UseSystemPasswordChar = $env:COZE_TRAY_HIDDEN -eq '1'" in hidden[-1]
    assert (its["COZE_TRAY_HIDDEN"], others["COZE_TRAY_HIDDEN"]) == ("1", "")


CONSTRAINED = "failed:Cannot create type. Only core types are supported in this language mode."
BLOCKED = "This program is blocked by group policy."


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ((0, CONSTRAINED.encode(), b""), CONSTRAINED.removeprefix("failed:")),
        ((1, b"", BLOCKED.encode()), BLOCKED),
        ((0, b"", b""), "it ended with code 0"),  # Wine's powershell.exe does nothing, and ends so
    ],
)
def test_a_powershell_that_is_not_let_ask_is_no_answer(end, why, ends):
    ends("win32", end, end)
    with pytest.raises(dialog.NoDialogError) as caught:
        dialog.ask_text("t", "x")
    assert f"(powershell.exe: {why})" in str(caught.value), "said once"
    asked = ends("win32", end, (0, "typed:海".encode(), b""))
    assert dialog.ask_text("t", "x") == "海"
    assert "Windows.Forms.Form" in asked[0][0][-1] and "InputBox" in asked[1][0][-1]


def test_what_windows_says_in_its_own_encoding_is_read(ends, monkeypatch):
    monkeypatch.setattr(dialog.system_locale, "getpreferredencoding", lambda _set: "cp936")
    ends("win32", (1, b"", "系统上禁止运行脚本".encode("cp936")), (1, b"", b""))
    with pytest.raises(dialog.NoDialogError, match="系统上禁止运行脚本"):
        dialog.ask_text("t", "x")


def test_macos_is_given_the_texts_as_arguments(ends):
    asked = ends("darwin", (0, "海\n".encode(), b""))
    assert dialog.ask_text("标题", ODD) == "海"
    ((command, _environment),) = asked
    assert command[0] == "osascript" and command[-2:] == ["标题", ODD]
    assert all("$(id)" not in word for word in command[:-1])


def test_on_macos_only_the_user_s_own_cancel_is_one(ends):
    ends("darwin", (1, b"", "0:74: execution error: 用户已取消。 (-128)\n".encode()))
    assert dialog.ask_text("t", "x") is None
    ends("darwin", (1, b"", b"execution error: Not authorized to send Apple events. (-1743)\n"))
    with pytest.raises(dialog.NoDialogError, match="-1743"):
        dialog.ask_text("t", "x")
