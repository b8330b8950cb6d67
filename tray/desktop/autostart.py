"""Starting at login: one class per platform, and three functions that choose it.

The command is the one this process was started as: the packaged program, or this Python with `-m tray`. Where
COZE_TRAY_HOME is set, it is set at login too, except on Windows, whose Run key holds nothing but a command line.
"""

from __future__ import annotations

import importlib
import os
import plistlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from xml.parsers.expat import ExpatError

from tray.desktop.images import icon_path
from tray.errors import TrayError
from tray.locale import _


@dataclass(frozen=True)
class Registered:
    """`where`: the file or registry value. `command`: what runs at login, as it would be typed."""

    where: str
    command: str


def enable() -> None:
    """Start at login from now on; replaces what was registered. Raises TrayError where that can't be written."""
    try:
        _platform().enable(command())
    except OSError as error:
        raise _not_changed(error) from error


def disable() -> None:
    """Start at login no more. Raises TrayError where that can't be written."""
    try:
        _platform().disable()
    except OSError as error:
        raise _not_changed(error) from error


def status() -> Registered | None:
    """What is registered, whoever registered it; None for nothing, or for what can't be read."""
    try:
        return _platform().status()
    except (OSError, ValueError, ExpatError):
        return None


@contextmanager
def as_it_was() -> Iterator[None]:
    """After the block the same is registered as before it, to the byte."""
    platform = _platform()
    before = platform.read()
    try:
        yield
    finally:
        platform.put_back(before)


def command() -> list[str]:
    """The command that starts this program again, with absolute paths."""
    if getattr(sys, "frozen", False):
        # On Windows the commands have an executable of their own, coze-tray.com, which opens a console.
        return [str(Path(sys.executable).with_suffix(".exe")) if sys.platform == "win32" else sys.executable]
    python = Path(sys.executable)
    windowless = python.with_name("pythonw.exe")
    if sys.platform == "win32" and windowless.exists():
        python = windowless
    return [str(python), "-m", "tray"]


class _Autostart(Protocol):
    def enable(self, command: list[str]) -> None: ...
    def disable(self) -> None: ...
    def status(self) -> Registered | None: ...
    def read(self) -> Any: ...
    def put_back(self, before: Any) -> None: ...


class WindowsAutostart:
    r"""A value of HKCU\Software\Microsoft\Windows\CurrentVersion\Run."""

    KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
    VALUE = "coze-tray"

    def __init__(self) -> None:
        self._winreg: Any = importlib.import_module("winreg")

    def enable(self, command: list[str]) -> None:
        with self._winreg.CreateKey(self._winreg.HKEY_CURRENT_USER, self.KEY) as key:
            self._winreg.SetValueEx(key, self.VALUE, 0, self._winreg.REG_SZ, subprocess.list2cmdline(command))

    def disable(self) -> None:
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, self.KEY, 0, self._winreg.KEY_SET_VALUE) as key:
                self._winreg.DeleteValue(key, self.VALUE)
        except FileNotFoundError:
            pass

    def status(self) -> Registered | None:
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, self.KEY) as key:
                value, _kind = self._winreg.QueryValueEx(key, self.VALUE)
        except FileNotFoundError:
            return None
        return Registered(rf"HKCU\{self.KEY}\{self.VALUE}", str(value))

    def read(self) -> tuple[Any, int] | None:
        """The value and its type; None for none."""
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, self.KEY) as key:
                value, kind = self._winreg.QueryValueEx(key, self.VALUE)
        except FileNotFoundError:
            return None
        return value, kind

    def put_back(self, before: tuple[Any, int] | None) -> None:
        if before is None:
            self.disable()
            return
        value, kind = before
        with self._winreg.CreateKey(self._winreg.HKEY_CURRENT_USER, self.KEY) as key:
            self._winreg.SetValueEx(key, self.VALUE, 0, kind, value)


class _File:
    """What registers by a file, and nothing else."""

    path: Path

    def read(self) -> bytes | None:
        return self.path.read_bytes() if self.path.exists() else None

    def put_back(self, before: bytes | None) -> None:
        if before is None:
            self.path.unlink(missing_ok=True)
        else:
            _write(self.path, before)


class MacAutostart(_File):
    """A LaunchAgent; launchd reads it at the next login."""

    def __init__(self) -> None:
        self.path = Path.home() / "Library" / "LaunchAgents" / "com.coze-tray.plist"

    def enable(self, command: list[str]) -> None:
        agent: dict[str, Any] = {
            "Label": "com.coze-tray",
            "ProgramArguments": command,
            "RunAtLoad": True,
            "ProcessType": "Interactive",
            "LimitLoadToSessionType": "Aqua",
        }
        if home := _home():
            agent["EnvironmentVariables"] = {"COZE_TRAY_HOME": home}
        _write(self.path, plistlib.dumps(agent))

    def disable(self) -> None:
        self.path.unlink(missing_ok=True)

    def status(self) -> Registered | None:
        if not self.path.exists():
            return None
        agent = plistlib.loads(self.path.read_bytes())
        arguments = agent.get("ProgramArguments") if isinstance(agent, dict) else None
        return Registered(str(self.path), shlex.join(map(str, arguments))) if arguments else None


class LinuxAutostart(_File):
    """A desktop entry in the autostart folder (freedesktop.org, Desktop Application Autostart Specification)."""

    def __init__(self) -> None:
        config = os.environ.get("XDG_CONFIG_HOME", "")
        # The specification says to take no notice of a relative one.
        folder = Path(config) if Path(config).is_absolute() else Path.home() / ".config"
        self.path = folder / "autostart" / "coze-tray.desktop"

    def enable(self, command: list[str]) -> None:
        if home := _home():
            command = ["env", f"COZE_TRAY_HOME={home}", *command]
        lines = (
            "[Desktop Entry]",
            "Type=Application",
            "Name=coze-tray",
            f"Exec={_escape(' '.join(map(_exec_argument, command)))}",
            f"Icon={_escape(str(icon_path()))}",
            "Terminal=false",
            "X-GNOME-Autostart-enabled=true",
        )
        _write(self.path, "".join(f"{line}\n" for line in lines).encode())

    def disable(self) -> None:
        self.path.unlink(missing_ok=True)

    def status(self) -> Registered | None:
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return None
        entry = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        arguments = _exec_arguments(_unescape(entry.get("Exec", "")))
        # Desktops switch it off by these keys.
        off = entry.get("Hidden") == "true" or entry.get("X-GNOME-Autostart-enabled") == "false"
        return Registered(str(self.path), shlex.join(arguments)) if arguments and not off else None


def _platform() -> _Autostart:
    if sys.platform == "win32":
        return WindowsAutostart()
    return MacAutostart() if sys.platform == "darwin" else LinuxAutostart()


def _home() -> str | None:
    """COZE_TRAY_HOME, absolute: at login the working folder is another one."""
    home = os.environ.get("COZE_TRAY_HOME")
    return str(Path(home).absolute()) if home else None


def _exec_argument(text: str) -> str:
    """An argument as Exec takes it (Desktop Entry Specification, The Exec key)."""
    for character in '\\"`$':
        text = text.replace(character, f"\\{character}")
    return '"' + text.replace("%", "%%") + '"'


def _exec_arguments(text: str) -> list[str]:
    """The arguments in an Exec line, whoever wrote it."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', text)
    return [(re.sub(r"\\(.)", r"\1", quoted) or plain).replace("%%", "%") for quoted, plain in found]


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(text: str) -> str:
    """A value of type string (Desktop Entry Specification, Possible value types)."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def _unescape(value: str) -> str:
    plain = {escape[1]: character for character, escape in _ESCAPES.items()}
    characters = iter(value)
    return "".join(plain.get(next(characters, ""), "") if c == "\\" else c for c in characters)


def _write(path: Path, content: bytes) -> None:
    """The whole file or none: a login may come at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_bytes(content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _not_changed(error: OSError) -> TrayError:
    return TrayError(
        _("Starting at login could not be changed: {error}.").format(error=error),
        _("See that this place can be written."),
    )
