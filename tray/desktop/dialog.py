"""Asking the user for a text in a window of the desktop's own: one way per platform, each a process of its own.

Tk can't be used from a program with an icon: its threads abort the process, and macOS wants both in the main thread.
"""

from __future__ import annotations

import html
import locale as system_locale
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tray.desktop import outside
from tray.desktop.notify import cut
from tray.errors import TrayError
from tray.locale import _

log = logging.getLogger(__name__)

TEXT_UNITS = 1000
"""What Windows' InputBox shows of its prompt: about 1024 characters."""
_WHY_UNITS = 120
"""Of why there is no window, in UTF-16 units: what to do instead must fit behind it. All of it is in the log."""

_TYPED, _CANCELLED, _FAILED = "typed:", "cancelled:", "failed:"
"""What the scripts for Windows print first: a PowerShell that does nothing, or is not let do it, also ends with 0."""
_WINDOWS_START = (
    "$ErrorActionPreference = 'Stop'",
    "try { [Console]::OutputEncoding = New-Object Text.UTF8Encoding $false",
)
_WINDOWS_END = ("} catch { 'failed:' + $_ }",)
_WINDOWS_FORM = (
    *_WINDOWS_START,
    "Add-Type -AssemblyName System.Windows.Forms",
    "Add-Type -AssemblyName System.Drawing",
    "[Windows.Forms.Application]::EnableVisualStyles()",
    "$font = [Drawing.SystemFonts]::MessageBoxFont",
    "$em = $font.Height",  # pixels; all is measured in it, as it grows with the screen's scale
    "$label = New-Object Windows.Forms.Label",
    "$label.Text = $env:COZE_TRAY_TEXT",
    "$label.UseMnemonic = $false",
    "$box = New-Object Windows.Forms.TextBox",
    "$box.UseSystemPasswordChar = $env:COZE_TRAY_HIDDEN -eq '1'",
    "$ok = New-Object Windows.Forms.Button",
    "$ok.Text = $env:COZE_TRAY_OK",
    "$ok.DialogResult = 'OK'",
    "$cancel = New-Object Windows.Forms.Button",
    "$cancel.Text = $env:COZE_TRAY_CANCEL",
    "$cancel.DialogResult = 'Cancel'",
    "$form = New-Object Windows.Forms.Form",
    "$form.AutoScaleMode = 'None'",
    "$form.Font = $font",
    "$form.Text = $env:COZE_TRAY_TITLE",
    "$form.FormBorderStyle = 'FixedDialog'",
    "$form.MinimizeBox = $false",
    "$form.MaximizeBox = $false",
    "$form.StartPosition = 'CenterScreen'",
    "$form.AcceptButton = $ok",
    "$form.CancelButton = $cancel",
    "$form.TopMost = $true",  # no window of this process was in front before
    "$form.Controls.AddRange(@($box, $ok, $cancel, $label))",  # in the order of the tab key
    "$wide = 28 * $em",
    "$most = New-Object Drawing.Size $wide, 0",
    "$high = [Math]::Min($label.GetPreferredSize($most).Height, 25 * $em)",
    "$label.SetBounds($em, $em, $wide, $high)",
    "$box.SetBounds($em, $label.Bottom + 8, $wide, $box.PreferredHeight)",
    "$cancel.SetBounds($box.Right - 6 * $em, $box.Bottom + $em, 6 * $em, 2 * $em)",
    "$ok.SetBounds($cancel.Left - 7 * $em, $cancel.Top, 6 * $em, 2 * $em)",
    "$form.ClientSize = New-Object Drawing.Size ($box.Right + $em), ($ok.Bottom + $em)",
    "$form.Add_Shown({ $form.Activate(); $box.Select() })",
    "if ($form.ShowDialog() -eq 'OK') { 'typed:' + $box.Text } else { 'cancelled:' }",
    *_WINDOWS_END,
)
_WINDOWS_INPUT_BOX = (
    *_WINDOWS_START,
    "Add-Type -AssemblyName Microsoft.VisualBasic",
    "$typed = [Microsoft.VisualBasic.Interaction]::InputBox($env:COZE_TRAY_TEXT, $env:COZE_TRAY_TITLE)",
    "if ($typed) { 'typed:' + $typed } else { 'cancelled:' }",  # it says "" of “Cancel”
    *_WINDOWS_END,
)
_MAC = (
    "on run argv",
    'set answer to display dialog (item 2 of argv) with title (item 1 of argv) default answer ""',
    "text returned of answer",
    "end run",
)


class NoDialogError(TrayError):
    """There is nothing here that could ask, or what there is has failed."""


class _WayFailedError(Exception):
    """The window did not come; the text says why."""


@dataclass(frozen=True)
class _Ended:
    """How a window's program has ended, with what it wrote."""

    code: int
    said: str
    complained: str


@dataclass(frozen=True)
class _Way:
    """One window. `heard`: what the user has typed, None where they don't want to; raises _WayFailedError."""

    command: list[str]
    heard: Callable[[_Ended], str | None]
    variables: dict[str, str] = field(default_factory=dict)


def ask_text(title: str, text: str, over: threading.Event | None = None, *, hidden: bool = False) -> str | None:
    """What the user types, None where they don't want to. Blocks until then; `over`, once set, takes the window away.
    `hidden`: what is typed is not shown (but by Windows' InputBox, which comes where no better window does).

    The texts are arguments or variables of the process, so that nothing in them is read as script. A window that fails
    is no answer: the next one is tried. Raises NoDialogError, which says why there is none."""
    over = over or threading.Event()
    failed = []
    try:
        for way in _ways(cut(title, 100), cut(text, TEXT_UNITS), hidden=hidden):
            try:
                return _asked(way, over)
            except _WayFailedError as error:
                why = f"{Path(way.command[0]).name}: {error}"
                log.warning("no window: %s", why)
                failed.append(why)
    finally:
        over.set()
    if failed:
        raise NoDialogError(
            _("The window to type in could not be shown ({why}).").format(
                why=cut("; ".join(dict.fromkeys(failed)), _WHY_UNITS)
            ),
            _("Use the terminal: coze-tray --help"),
        )
    raise NoDialogError(_("No window can be shown to ask in."), _("Install zenity or kdialog, or use the terminal."))


def _asked(way: _Way, over: threading.Event) -> str | None:
    try:
        with outside.without_our_libraries():
            process = subprocess.Popen(  # noqa: S603 - no shell
                way.command,
                env={**outside.environment(), **way.variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        raise _WayFailedError(error.strerror or str(error)) from None
    threading.Thread(target=_end_when, args=(process, over), name="dialog", daemon=True).start()
    said, complained = process.communicate()
    if over.is_set():
        return None
    typed = _decoded(said).lstrip("\ufeff").rstrip("\r\n")
    return way.heard(_Ended(process.returncode, typed, _decoded(complained)))


def _ways(title: str, text: str, *, hidden: bool) -> Iterator[_Way]:
    """The windows that this computer may have, the best first."""
    if sys.platform == "win32":
        powershell = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32/WindowsPowerShell/v1.0/powershell.exe")
        variables = {
            "COZE_TRAY_TITLE": title,
            "COZE_TRAY_TEXT": text,
            "COZE_TRAY_HIDDEN": "1" if hidden else "",
            "COZE_TRAY_OK": _("OK"),
            "COZE_TRAY_CANCEL": _("Cancel"),
        }
        for script in (_WINDOWS_FORM, _WINDOWS_INPUT_BOX):
            command = [str(powershell), "-NoProfile", "-Sta", "-Command", "\n".join(script)]
            yield _Way(command, _of_windows, variables)
    elif sys.platform == "darwin":
        lines = [line + " with hidden answer" if hidden and "display dialog" in line else line for line in _MAC]
        yield _Way(["osascript", *(word for line in lines for word in ("-e", line)), title, text], _of_mac)
    elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        if zenity := shutil.which("zenity"):
            # Its text takes "\n" for a line's end and "_" for a shortcut (zenity 3.44, src/entry.c).
            shown = text.replace("\\", "\\\\").replace("_", "__")
            hide = ["--hide-text"] if hidden else []
            yield _Way([zenity, "--entry", *hide, f"--title={title}", f"--text={shown}", "--width=420"], _of_linux)
        if kdialog := shutil.which("kdialog"):
            yield _Way([kdialog, "--title", title, "--password" if hidden else "--inputbox", _rich(text)], _of_linux)


def _of_windows(ended: _Ended) -> str | None:
    if ended.said.startswith(_TYPED):
        return ended.said.removeprefix(_TYPED)
    if ended.said.startswith(_CANCELLED):
        return None
    said = ended.said.removeprefix(_FAILED) if ended.said.startswith(_FAILED) else ended.complained
    raise _failed(ended.code, said)


def _of_mac(ended: _Ended) -> str | None:
    """AppleScript says -128 of “Cancel” (userCanceledErr), and ends with 1 for every error."""
    if ended.code == 0:
        return ended.said
    if "(-128)" in ended.complained:
        return None
    raise _failed(ended.code, ended.complained)


def _of_linux(ended: _Ended) -> str | None:
    """Both end with 1 for “Cancel”. So does zenity without a display: what GTK says then is not translated (seen of
    3.24: "cannot open display: :77"; of 4: "Failed to open display"); kdialog is aborted by Qt."""
    if ended.code == 0:
        return ended.said
    if ended.code == 1 and not re.search("(cannot|failed to) open display", ended.complained, re.IGNORECASE):
        return None
    raise _failed(ended.code, ended.complained)


def _failed(code: int, why: str) -> _WayFailedError:
    return _WayFailedError(" ".join(why.split()) or _("it ended with code {code}").format(code=code))


def _decoded(written: bytes) -> str:
    """What a program wrote: in UTF-8, or what Windows has for its language."""
    try:
        return written.decode("utf-8")
    except UnicodeDecodeError:
        return written.decode(system_locale.getpreferredencoding(False), "replace")


def _rich(text: str) -> str:
    """For kdialog, whose text Qt takes for HTML where it looks like it: pictures of this computer, and links. So it is
    told to, and all of it is text. It takes "\\n" for a line's end (KDE/kdialog, src/utils.cpp)."""
    said = html.escape(text, quote=False).replace("\n", "<br>").replace("\\", "\\\\")
    return f"<qt>{said}</qt>"


def _end_when(process: subprocess.Popen[bytes], over: threading.Event) -> None:
    over.wait()
    process.terminate()
