"""Puts files into a draft: each its own, so that an edit in one draft reaches no other and not the cache.

Where the file system can (btrfs, XFS, APFS), a copy shares its bytes until one of the two is changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tray.draft.threads import to_its_end


class Copies:
    """Copies that lie ready for the drafts of a build, in `folder` beside them: made by a thread of their own, while
    media still comes and drafts are still being composed. Use as an async context manager; leaving it ends the
    copying, but for the file that is under way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun: set[str] = set()
        self._ready: set[str] = set()
        self._last: Future[None] | None = None
        self._leaving = threading.Event()
        self._thread = ThreadPoolExecutor(1, "copies")

    async def __aenter__(self) -> Copies:
        await to_its_end(self._folder.mkdir)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._leaving.set()
        await asyncio.to_thread(self._thread.shutdown)

    def lay_ready(self, files: Iterable[Path]) -> None:
        """Begin to copy these, each once. What can't be copied is not ready; why, `place` will say."""
        new = list({file.name: file for file in files if file.name not in self._begun}.values())
        self._begun.update(file.name for file in new)
        self._last = self._thread.submit(self._copy, new)

    def _copy(self, files: Iterable[Path]) -> None:
        for file in files:
            if self._leaving.is_set():
                return
            with contextlib.suppress(OSError):
                copy(file, self._folder / file.name)
                self._ready.add(file.name)

    def place(self, files: Mapping[str, Path], draft: Path) -> None:
        """Put each file at its path inside the draft folder: the one that lies ready, else a copy. Blocks until they
        are there. Raises OSError."""
        if self._last is not None:
            self._last.result()  # there is one thread: what was begun before is done, too
        for path, file in files.items():
            if file.name in self._ready:
                self._ready.remove(file.name)
                (self._folder / file.name).rename(draft / path)
            else:  # it could not be copied, or another draft of this build has it
                copy(file, draft / path)


def copy(source: Path, target: Path) -> None:
    """Copy a file, its bytes only where it must be. Raises OSError."""
    try:
        if sys.platform == "linux":
            _copied_by_the_kernel(source, target)
        elif not (sys.platform == "darwin" and _cloned(source, target)):
            shutil.copyfile(source, target)
    except OSError:
        target.unlink(missing_ok=True)  # half of it would look like all of it
        raise


def _copied_by_the_kernel(source: Path, target: Path) -> None:
    with source.open("rb") as ours, target.open("wb") as theirs:
        left = os.fstat(ours.fileno()).st_size
        with contextlib.suppress(OSError):
            while left and (copied := os.copy_file_range(ours.fileno(), theirs.fileno(), left)):
                left -= copied
        if left:  # it can't between these two file systems, or the disk is full: then this fails, too
            os.lseek(ours.fileno(), 0, os.SEEK_SET)
            os.lseek(theirs.fileno(), 0, os.SEEK_SET)
            shutil.copyfileobj(ours, theirs, 1 << 20)


def _cloned(source: Path, target: Path) -> bool:
    """Whether macOS could (on one volume of APFS)."""
    import ctypes

    clonefile = getattr(ctypes.CDLL(None, use_errno=True), "clonefile", None)
    return clonefile is not None and clonefile(os.fsencode(source), os.fsencode(target), 0) == 0
