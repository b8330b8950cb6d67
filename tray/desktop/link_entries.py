"""What makes the desktop hand links to this program to it: Windows and Linux start `coze-tray link` with one; macOS,
where the bundle says what it takes (build.spec), tells the program that runs."""

from __future__ import annotations

import importlib
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from tray.desktop import autostart, login_entries, outside
from tray.desktop.desktop_entry import escape, exec_arguments, exec_line, main_group, unescape, write_whole
from tray.desktop.images import icon_path

log = logging.getLogger(__name__)

SCHEME = "coze-tray"


class Entry(Protocol):
    """`program`: what is registered, "" for nothing. Each raises OSError."""

    def program(self) -> str: ...
    def write(self, command: list[str]) -> None: ...


class WindowsEntry:
    r"""A class below HKCU\Software\Classes with a value "URL Protocol" (Microsoft, "Registering an Application to a URI
    Scheme"). The uninstaller takes it out."""

    KEY = rf"Software\Classes\{SCHEME}"

    def __init__(self) -> None:
        self._winreg: Any = importlib.import_module("winreg")

    def program(self) -> str:
        with (
            suppress(FileNotFoundError),
            self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, rf"{self.KEY}\shell\open\command") as key,
        ):
            arguments = login_entries.windows_arguments(str(self._winreg.QueryValueEx(key, "")[0]))
            return arguments[0] if arguments else ""
        return ""

    def write(self, command: list[str]) -> None:
        line = subprocess.list2cmdline([*command, "link", "--"]) + ' "%1"'
        for key, name, value in (
            (self.KEY, "", "URL:coze-tray"),
            (self.KEY, "URL Protocol", ""),
            (rf"{self.KEY}\shell\open\command", "", line),
        ):
            with self._winreg.CreateKey(self._winreg.HKEY_CURRENT_USER, key) as opened:
                self._winreg.SetValueEx(opened, name, 0, self._winreg.REG_SZ, value)


class LinuxEntry:
    """A desktop entry with the scheme as a MIME type (freedesktop.org, Association between MIME types and
    applications), and xdg-mime's word that it is the one. `install --remove` takes it away."""

    NAME = "coze-tray-link.desktop"

    def __init__(self) -> None:
        data = os.environ.get("XDG_DATA_HOME", "")
        folder = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
        self.path = folder / "applications" / self.NAME

    def program(self) -> str:
        try:
            text = self.path.read_text("utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""
        arguments = exec_arguments(unescape(main_group(text).get("Exec", "")))
        return arguments[0] if arguments else ""

    def write(self, command: list[str]) -> None:
        lines = (
            "[Desktop Entry]",
            "Type=Application",
            "Name=coze-tray",
            f"Exec={exec_line([*command, 'link', '--'])} %u",
            f"Path={login_entries.FOLDER}",
            f"Icon={escape(str(icon_path()))}",
            "Terminal=false",
            "NoDisplay=true",
            f"MimeType=x-scheme-handler/{SCHEME};",
        )
        write_whole(self.path, "".join(f"{line}\n" for line in lines).encode())
        try:
            subprocess.run(  # noqa: S603 - no shell
                ["xdg-mime", "default", self.NAME, f"x-scheme-handler/{SCHEME}"],  # noqa: S607 - the system's
                env=outside.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=10,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("links may not be handed to this program: %s", error)


def on_links(opened: Callable[[str], None]) -> None:
    """Hear of links on macOS; nothing elsewhere. To be called before the icon's loop runs: a link may have started the
    program. It was not seen on a real Mac by who wrote this: what goes wrong is logged.

    They come as the Apple event GURL/GURL, whose direct object ("----") is the link (Apple, NSAppleEventManager)."""
    if sys.platform != "darwin":
        return
    try:
        import Foundation

        class Links(Foundation.NSObject):  # type: ignore[misc]
            def heard_withReplyEvent_(self, event: Any, _reply: Any) -> None:  # noqa: N802 - its selector's name
                opened(str(event.paramDescriptorForKeyword_(_code("----")).stringValue()))

        _kept.append(Links.alloc().init())
        Foundation.NSAppleEventManager.sharedAppleEventManager().setEventHandler_andSelector_forEventClass_andEventID_(
            _kept[-1], "heard:withReplyEvent:", _code("GURL"), _code("GURL")
        )
    except Exception:  # the icon is more
        log.exception("links can't be heard of")


_kept: list[Any] = []  # the manager does not keep it


def _code(four: str) -> int:
    return int.from_bytes(four.encode("ascii"), "big")


def register() -> None:
    """To be called when the packaged program starts: links are handed to it from now on. Another installation that is
    still there keeps them. What goes wrong is logged: nothing but links hangs on it."""
    if not getattr(sys, "frozen", False) or sys.platform == "darwin":
        return
    entry: Entry = WindowsEntry() if sys.platform == "win32" else LinuxEntry()
    command = autostart.command()
    try:
        found = entry.program()
        if not found or (found != command[0] and not Path(found).is_file()):
            entry.write(command)
    except OSError as error:
        log.warning("links can't be registered: %s", error)
