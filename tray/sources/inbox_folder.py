"""The inbox's folder: which of its files are to be taken, and hearing that they change."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from tray.draft.folders import drafts_folder
from tray.errors import TrayError
from tray.home import home
from tray.locale import _
from tray.sources.inbox_files import MOST_BYTES, SAVE_AS

WORKING, DONE, FAILED = "working", "done", "failed"
"""Folders of the inbox that nothing is taken from."""
Stamp = tuple[int, int]
"""A file's size, and when it was changed, ns."""
RESULTS = tuple(f".{where}.txt" for where in (DONE, FAILED))
"""How the names of files end that say what became of others."""


def files(inbox: Path) -> Iterator[Path]:
    """Those that are to be taken, of the inbox and of the folders in it, which are named like targets. A link is taken
    as what it is, and refused when it is to be read."""
    for folder in (inbox, *_folders(inbox)):
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                is_file = entry.is_file(follow_symlinks=False) or entry.is_symlink()
                if is_file and _is_taken(entry.name):
                    yield folder / entry.name


def stamp_of(file: Path) -> Stamp | None:
    """None where it can't be looked at."""
    try:
        stat = file.lstat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def is_open_to_write(file: Path) -> bool:
    """Whether a program has it open to write, where the system says so: Linux does, of the user's own files, by
    refusing a lease for reading (fcntl(2)). Windows refuses the rename itself."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Who opens it just then would have this program ended by SIGIO; SIGURG is ignored.
        fcntl.fcntl(opened, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # not every file system has leases
        return False
    finally:
        os.close(opened)
    return False


def watch(inbox: Path, changed: Callable[[], None]) -> Any:
    """Call `changed`, from another thread, whenever something may have changed that is to be taken. Returns what is to
    be stopped. Raises OSError."""
    from watchdog import events
    from watchdog.observers import Observer

    class Inside(events.FileSystemEventHandler):
        def on_any_event(self, event: events.FileSystemEvent) -> None:
            if any(_concerns(inbox, os.fsdecode(path)) for path in (event.src_path, event.dest_path) if path):
                changed()

    class Itself(events.FileSystemEventHandler):
        """Of its own being moved a folder does not tell; the one above it does."""

        def on_any_event(self, event: events.FileSystemEvent) -> None:
            if Path(os.fsdecode(event.src_path)) == inbox:
                changed()

    heard: list[type[events.FileSystemEvent]] = [
        events.FileCreatedEvent, events.FileModifiedEvent, events.FileMovedEvent, events.FileClosedEvent,
        events.DirCreatedEvent, events.DirMovedEvent,
    ]  # fmt: skip
    gone: list[type[events.FileSystemEvent]] = [events.DirMovedEvent, events.DirDeletedEvent]
    # Of a folder that was made and moved into at once it hears twice, and says so; only its last callback counts then.
    warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, r"watchdog\.")
    observer = Observer()
    observer.daemon = True
    observer.schedule(Inside(), str(inbox), recursive=True, event_filter=heard)
    observer.schedule(Itself(), str(inbox.parent), recursive=False, event_filter=gone)
    observer.start()
    return observer


def unfit(folder: Path, drafts_dir: Path | None) -> str | None:
    """Why the files of that folder are not to be taken: they were put there for something else."""
    folder = folder.resolve()
    kept = [Path.home(), home()]
    with suppress(TrayError):  # there may be no drafts folder yet
        kept.append(drafts_folder(drafts_dir))
    places = (
        platformdirs.user_desktop_path, platformdirs.user_documents_path, platformdirs.user_downloads_path,
        platformdirs.user_pictures_path, platformdirs.user_videos_path, platformdirs.user_music_path,
    )  # fmt: skip
    holds = any(path.resolve() == folder or folder in path.resolve().parents for path in kept)
    why = _("Other things are kept in it. Choose a folder of its own for the inbox.")
    return why if holds or folder in [place().resolve() for place in places] else None


def is_ours(name: str) -> bool:
    """Whether the program itself keeps files in the folder of that name."""
    return name.lower() in (WORKING, DONE, FAILED)


def _folders(inbox: Path) -> Iterator[Path]:
    inside = inbox.resolve()
    with suppress(OSError), os.scandir(inbox) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not is_ours(entry.name) and not entry.name.startswith("."):
                folder = inbox / entry.name
                if folder.resolve().parent == inside:  # else it is a Windows junction, out of the inbox
                    yield folder


def _concerns(inbox: Path, path: str) -> bool:
    try:
        below = Path(path).relative_to(inbox).parts
    except ValueError:
        return True  # it says so by another name of the same folder
    return not below or not is_ours(below[0])


def _is_taken(name: str) -> bool:
    """By its name: no file that programs write beside another one, no other kind, no result."""
    kind = Path(name).suffix.lower()
    is_known = kind in MOST_BYTES or kind in SAVE_AS
    return is_known and not name.startswith((".", "~")) and not name.lower().endswith(RESULTS)
