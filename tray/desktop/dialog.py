"""Asking the user for a text in a window of the desktop's own: one way per platform, each a process of its own.

Tk can't be used from a program with an icon: its threads abort the process, and macOS wants both in the main thread.
"""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from tray.desktop import outside
from tray.desktop.notify import cut
from tray.errors import TrayError
from tray.locale import _

TEXT_UNITS = 1000
"""What Windows' InputBox shows of its prompt: about 1024 characters."""

_WINDOWS = (
    "[Console]::OutputEncoding = New-Object Text.UTF8Encoding $false; "
    "Add-Type -AssemblyName Microsoft.VisualBasic; "
    "[Microsoft.VisualBasic.Interaction]::InputBox($env:COZE_TRAY_TEXT, $env:COZE_TRAY_TITLE)"
)
_MAC = (
    "on run argv",
    'set answer to display dialog (item 2 of argv) with title (item 1 of argv) default answer ""',
    "text returned of answer",
    "end run",
)


class NoDialogError(TrayError):
    """There is nothing here that could ask."""


def ask_text(title: str, text: str, over: threading.Event | None = None, *, hidden: bool = False) -> str | None:
    """What the user types, None where they don't want to. Blocks until then; `over`, once set, takes the window away.
    `hidden`: what is typed is not shown, but on Windows, whose InputBox has no way to.

    The texts are arguments or variables of the process, so that nothing in them is read as script. Raises
    NoDialogError."""
    command, variables = _command(cut(title, 100), cut(text, TEXT_UNITS), hidden=hidden)
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell
            command,
            env={**outside.environment(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise NoDialogError(_("No window can be shown here: {error}").format(error=error)) from None
    over = over or threading.Event()
    threading.Thread(target=_end_when, args=(process, over), name="dialog", daemon=True).start()
    said, _nothing = process.communicate()
    over.set()
    typed = said.decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r\n")
    if process.returncode != 0 or (sys.platform == "win32" and not typed):  # it says "" of “Cancel”
        return None
    return typed


def _command(title: str, text: str, *, hidden: bool) -> tuple[list[str], dict[str, str]]:
    """The command that asks, and its variables."""
    if sys.platform == "win32":
        powershell = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32/WindowsPowerShell/v1.0/powershell.exe")
        command = [str(powershell), "-NoProfile", "-Sta", "-Command", _WINDOWS]
        return command, {"COZE_TRAY_TITLE": title, "COZE_TRAY_TEXT": text}
    if sys.platform == "darwin":
        lines = [line + " with hidden answer" if hidden and "display dialog" in line else line for line in _MAC]
        return ["osascript", *(word for line in lines for word in ("-e", line)), title, text], {}
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        if zenity := shutil.which("zenity"):
            # Its text takes "\n" for a line's end and "_" for a shortcut (zenity 3.44, src/entry.c).
            shown = text.replace("\\", "\\\\").replace("_", "__")
            hide = ["--hide-text"] if hidden else []
            return [zenity, "--entry", *hide, f"--title={title}", f"--text={shown}", "--width=420"], {}
        if kdialog := shutil.which("kdialog"):
            return [kdialog, "--title", title, "--password" if hidden else "--inputbox", _rich(text)], {}
    raise NoDialogError(_("No window can be shown to ask in."), _("Install zenity or kdialog, or use the terminal."))


def _rich(text: str) -> str:
    """For kdialog, whose text Qt takes for HTML where it looks like it: pictures of this computer, and links. So it is
    told to, and all of it is text. It takes "\\n" for a line's end (KDE/kdialog, src/utils.cpp)."""
    said = html.escape(text, quote=False).replace("\n", "<br>").replace("\\", "\\\\")
    return f"<qt>{said}</qt>"


def _end_when(process: subprocess.Popen[bytes], over: threading.Event) -> None:
    over.wait()
    process.terminate()
