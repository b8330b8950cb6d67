"""Starting at login: what is registered, by whom, and putting it right where the program has moved.

The command is the one this process was started as: the packaged program, or this Python with `-m tray`, and with `-P`
so that it imports nothing from the folder that it happens to be started in. Where COZE_TRAY_HOME is set, it is set at
login too, except on Windows, whose Run key holds nothing but a command line.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tray.desktop.login_entries import Entry, LinuxEntry, MacEntry, Registered, WindowsEntry
from tray.errors import TrayError
from tray.locale import _

log = logging.getLogger(__name__)

_SAFE_PATH = "-P"
"""Python's own option, from 3.11 on (its documentation, Command line and environment)."""


def enable() -> None:
    """Start at login from now on; replaces what was registered, and takes back that the desktop has switched it off.
    Raises TrayError where that can't be written."""
    ours = command()
    if "/AppTranslocation/" in ours[0]:  # macOS runs there what was downloaded and not moved yet
        raise TrayError(
            _("This copy of coze-tray runs from a place that macOS gives it for now."),
            _("Move coze-tray to the folder Applications and open it from there."),
        )
    try:
        _entry().enable(ours, _home())
    except OSError as error:
        raise _not_changed(error) from error


def disable() -> None:
    """Start at login no more. Raises TrayError where that can't be written."""
    try:
        _entry().disable()
    except OSError as error:
        raise _not_changed(error) from error


def status() -> Registered | None:
    """What starts at login, whoever registered it; None for nothing, for what the desktop has switched off, and for
    what can't be read."""
    found = registered()
    return None if found is None or found.switched_off else found


def registered() -> Registered | None:
    """As `status`, with what the desktop has switched off."""
    try:
        return _entry().registered()
    except (OSError, ValueError):
        return None


def repair() -> str | None:
    """To be called when the program starts: where what is registered is gone, as the program has moved since, or is
    this very program by an older path or as an older version registered it, this one is registered. Returns what the
    user is to know of it.

    Another installation that is still there keeps its place, and what the desktop has switched off stays off. Raises
    TrayError where it can't be written.
    """
    found = status()
    if found is None or _is_up_to_date(found) or (found.exists and not _is_in_our_folder(found)):
        return None
    enable()
    said = _("Starting at login pointed to {old}, which is not there any more; now it starts {new}.")
    if found.exists:
        said = _("Starting at login pointed to {old}; now it starts {new}, which is the same program.")
    said = said.format(old=found.program, new=command()[0])
    log.info("%s", said)
    return None if found.exists else said


def is_this(found: Registered) -> bool:
    """Whether it starts the program that runs, from its home folder."""
    return _without_safe_path(found.arguments) == _without_safe_path(command()) and _has_our_home(found)


@contextmanager
def as_it_was() -> Iterator[None]:
    """After the block the same is registered as before it, to the byte."""
    entry = _entry()
    before = entry.read()
    try:
        yield
    finally:
        entry.put_back(before)


def command() -> list[str]:
    """The command that starts this program again, with absolute paths."""
    if getattr(sys, "frozen", False):
        # On Windows the commands have an executable of their own, coze-tray.com, which opens a console.
        return [str(Path(sys.executable).with_suffix(".exe")) if sys.platform == "win32" else sys.executable]
    python = Path(sys.executable)
    windowless = python.with_name("pythonw.exe")
    if sys.platform == "win32" and windowless.exists():
        python = windowless
    return [str(python), *([_SAFE_PATH] if sys.version_info >= (3, 11) else []), "-m", "tray"]


def _is_up_to_date(found: Registered) -> bool:
    """Whether it is registered as this version would; a folder that somebody else has chosen is as good."""
    has_folder = found.folder is not None or _entry().folder is None
    return [*found.arguments] == command() and _has_our_home(found) and has_folder


def _is_in_our_folder(found: Registered) -> bool:
    """Pythons of venvs are links to one file, so the folder tells whose it is. What has other arguments was written
    by somebody who wanted them."""
    ours, theirs = _without_safe_path(command()), _without_safe_path(found.arguments)
    same_folder = os.path.realpath(Path(theirs[0]).parent) == os.path.realpath(Path(ours[0]).parent)
    return same_folder and theirs[1:] == ours[1:] and _has_our_home(found)


def _without_safe_path(arguments: Sequence[str]) -> list[str]:
    """What is started, by whichever version of ours and of Python it was registered."""
    program, *rest = arguments
    return [program, *(rest[1:] if rest[:1] == [_SAFE_PATH] else rest)]


def _has_our_home(found: Registered) -> bool:
    return found.home is None or found.home == _home()


def _entry() -> Entry:
    if sys.platform == "win32":
        return WindowsEntry()
    return MacEntry() if sys.platform == "darwin" else LinuxEntry()


def _home() -> str | None:
    """COZE_TRAY_HOME, absolute: at login the working folder is another one."""
    home = os.environ.get("COZE_TRAY_HOME")
    return str(Path(home).absolute()) if home else None


def _not_changed(error: OSError) -> TrayError:
    return TrayError(
        _("Starting at login could not be changed: {error}.").format(error=error),
        _("See that this place can be written."),
    )
