"""What makes a program start at login, one class per platform: how it is written, read, and switched off."""

from __future__ import annotations

import importlib
import math
import os
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tray.desktop.desktop_entry import escape, exec_arguments, exec_line, main_group, unescape, write_whole
from tray.desktop.images import icon_path

LABEL = "com.coze-tray"
FOLDER = "/"
"""What is started at login works here, where nobody but the system puts files: Python 3.10 imports the files of the
folder that it is started in before its own (`-m`), and at login that is the user's home. It is always there, as a
folder must be to be started in."""


@dataclass(frozen=True)
class Registered:
    """`where`: the file or registry value. `arguments`: what runs at login. `home`: the COZE_TRAY_HOME it gets, None
    for none. `switched_off`: the desktop's own settings keep it from running. `folder`: where it is started, None for
    where the system likes."""

    where: str
    arguments: tuple[str, ...]
    home: str | None = None
    switched_off: bool = False
    folder: str | None = None

    @property
    def command(self) -> str:
        """As it would be typed."""
        home = [] if self.home is None else ["env", f"COZE_TRAY_HOME={self.home}"]
        return shlex.join([*home, *self.arguments])

    @property
    def program(self) -> str:
        return self.arguments[0]

    @property
    def exists(self) -> bool:
        """Whether the program is there to be started."""
        return shutil.which(self.program) is not None or Path(self.program).is_file()


class Entry(Protocol):
    """`read` and `put_back` keep what is registered to the byte. What is done raises OSError; `registered` also
    ValueError for what is no entry. `folder`: where what `enable` registers is started, None where that can't be
    said."""

    folder: str | None

    def enable(self, command: list[str], home: str | None) -> None: ...
    def disable(self) -> None: ...
    def registered(self) -> Registered | None: ...
    def read(self) -> Any: ...
    def put_back(self, before: Any) -> None: ...


class WindowsEntry:
    r"""A value of HKCU\Software\Microsoft\Windows\CurrentVersion\Run. The Task Manager and the settings switch it off
    by a value of the same name below StartupApproved: bytes, the first of which is odd then (Microsoft documents
    nothing of it). A command line is all that it holds: no folder to start in."""

    folder = None
    KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
    APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
    VALUE = "coze-tray"

    def __init__(self) -> None:
        self._winreg: Any = importlib.import_module("winreg")

    def enable(self, command: list[str], home: str | None) -> None:  # noqa: ARG002 - the Run key takes no variable
        self._write(self.KEY, subprocess.list2cmdline(command), self._winreg.REG_SZ)
        self._delete(self.APPROVED)

    def disable(self) -> None:
        self._delete(self.KEY)
        self._delete(self.APPROVED)

    def registered(self) -> Registered | None:
        value = self._value(self.KEY)
        arguments = windows_arguments(os.path.expandvars(str(value[0]))) if value else []
        if not arguments:
            return None
        approved = self._value(self.APPROVED)
        switched_off = bool(approved and isinstance(approved[0], bytes) and approved[0] and approved[0][0] & 1)
        return Registered(rf"HKCU\{self.KEY}\{self.VALUE}", tuple(arguments), None, switched_off)

    def read(self) -> list[tuple[Any, int] | None]:
        """The values and their types; None for none."""
        return [self._value(key) for key in (self.KEY, self.APPROVED)]

    def put_back(self, before: list[tuple[Any, int] | None]) -> None:
        for key, value in zip((self.KEY, self.APPROVED), before, strict=True):
            if value is None:
                self._delete(key)
            else:
                self._write(key, *value)

    def _value(self, name: str) -> tuple[Any, int] | None:
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, name) as key:
                value, kind = self._winreg.QueryValueEx(key, self.VALUE)
        except FileNotFoundError:
            return None
        return value, kind

    def _write(self, name: str, value: Any, kind: int) -> None:
        with self._winreg.CreateKey(self._winreg.HKEY_CURRENT_USER, name) as key:
            self._winreg.SetValueEx(key, self.VALUE, 0, kind, value)

    def _delete(self, name: str) -> None:
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, name, 0, self._winreg.KEY_SET_VALUE) as key:
                self._winreg.DeleteValue(key, self.VALUE)
        except FileNotFoundError:
            pass


class _File:
    """What registers by a file, and nothing else."""

    path: Path
    folder: str | None = FOLDER

    def read(self) -> bytes | None:
        return self.path.read_bytes() if self.path.exists() else None

    def put_back(self, before: bytes | None) -> None:
        if before is None:
            self.path.unlink(missing_ok=True)
        else:
            write_whole(self.path, before)


_LOOK_AGAIN_S = 3600.0
_seen_disabled: dict[Path, tuple[float, bool]] = {}
"""Of each entry of macOS, when launchctl was asked, on the monotonic clock, and what it said. The icon's menu looks at
each change of anything, and each time would be a process, which may hang for 5 s."""


class MacEntry(_File):
    """A LaunchAgent; launchd reads it at the next login. `launchctl disable` switches it off in a place of its own
    (launchctl(1), print-disabled), which is looked at once an hour; what the system settings switch off there, no
    program can ask."""

    def __init__(self) -> None:
        self.path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def enable(self, command: list[str], home: str | None) -> None:
        agent: dict[str, Any] = {
            "Label": LABEL,
            "ProgramArguments": command,
            "WorkingDirectory": FOLDER,
            "RunAtLoad": True,
            "ProcessType": "Interactive",
            "LimitLoadToSessionType": "Aqua",
        }
        import plistlib

        if home:
            agent["EnvironmentVariables"] = {"COZE_TRAY_HOME": home}
        write_whole(self.path, plistlib.dumps(agent))
        _seen_disabled.pop(self.path, None)
        if self._is_disabled():
            _launchctl("enable", f"{_domain()}/{LABEL}")
            _seen_disabled.pop(self.path, None)

    def disable(self) -> None:
        self.path.unlink(missing_ok=True)
        _seen_disabled.pop(self.path, None)

    def registered(self) -> Registered | None:
        if not self.path.exists():
            return None
        import plistlib
        from xml.parsers.expat import ExpatError

        try:
            agent = plistlib.loads(self.path.read_bytes())
        except ExpatError as error:
            raise ValueError(str(error)) from None
        arguments = agent.get("ProgramArguments") if isinstance(agent, dict) else None
        if not isinstance(arguments, list) or not arguments:
            return None
        variables = agent.get("EnvironmentVariables")
        home = variables.get("COZE_TRAY_HOME") if isinstance(variables, dict) else None
        switched_off = agent.get("Disabled") is True or self._is_disabled()
        folder = agent.get("WorkingDirectory")
        return Registered(str(self.path), tuple(map(str, arguments)), home, switched_off, folder and str(folder))

    def _is_disabled(self) -> bool:
        looked_s, is_disabled = _seen_disabled.get(self.path, (-math.inf, False))
        if time.monotonic() - looked_s >= _LOOK_AGAIN_S:
            is_disabled = self._look_disabled()
            _seen_disabled[self.path] = time.monotonic(), is_disabled
        return is_disabled

    def _look_disabled(self) -> bool:
        said = re.search(rf'"{re.escape(LABEL)}"\s*=>\s*(\w+)', _launchctl("print-disabled", _domain()))
        return said is not None and said[1] in ("disabled", "true")  # it said true before macOS 13


class LinuxEntry(_File):
    """A desktop entry in the autostart folder (freedesktop.org, Desktop Application Autostart Specification)."""

    def __init__(self) -> None:
        config = os.environ.get("XDG_CONFIG_HOME", "")
        # The specification says to take no notice of a relative one.
        folder = Path(config) if Path(config).is_absolute() else Path.home() / ".config"
        self.path = folder / "autostart" / "coze-tray.desktop"

    def enable(self, command: list[str], home: str | None) -> None:
        if home:
            command = ["env", f"COZE_TRAY_HOME={home}", *command]
        lines = (
            "[Desktop Entry]",
            "Type=Application",
            "Name=coze-tray",
            f"Exec={exec_line(command)}",
            f"Path={FOLDER}",
            f"Icon={escape(str(icon_path()))}",
            "Terminal=false",
            "X-GNOME-Autostart-enabled=true",
        )
        write_whole(self.path, "".join(f"{line}\n" for line in lines).encode())

    def disable(self) -> None:
        self.path.unlink(missing_ok=True)

    def registered(self) -> Registered | None:
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return None
        entry = main_group(text)
        arguments = exec_arguments(unescape(entry.get("Exec", "")))
        home = None
        if arguments[:1] == ["env"] and arguments[1:2] and arguments[1].startswith("COZE_TRAY_HOME="):
            home, arguments = arguments[1].partition("=")[2], arguments[2:]
        if not arguments:
            return None
        # Desktops switch it off by these keys.
        switched_off = entry.get("Hidden") == "true" or entry.get("X-GNOME-Autostart-enabled") == "false"
        folder = unescape(entry.get("Path", "")) or None
        return Registered(str(self.path), tuple(arguments), home, switched_off, folder)


def windows_arguments(line: str) -> list[str]:
    """The arguments in a command line as subprocess.list2cmdline writes paths. Of what is not quoted Windows tries the
    beginning up to each blank for a program (CreateProcess)."""
    if not line.lstrip().startswith('"'):
        words = line.split()
        for count in range(1, len(words) + 1):
            program = " ".join(words[:count])
            if Path(program).is_file() or Path(f"{program}.exe").is_file():
                return [program, *words[count:]]
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line)]


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _launchctl(*arguments: str) -> str:
    """What it prints; nothing where it fails, as before the first login at the desktop."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            ["launchctl", *arguments],  # noqa: S607 - as the system has it
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
