"""Puts files into a draft: each its own, so that an edit in one draft reaches no other and not the cache.

Where the file system can (btrfs, XFS, APFS), a copy shares its bytes until one of the two is changed.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from tray.draft.probe import Probe

READY = "media"
"""The folder beside the drafts being built where copies lie ready for them."""


def lay_ready(probes: Iterable[Probe], ready: Path) -> None:
    """Copy files into the folder `ready`, beside the draft, before the draft is built: meanwhile others arrive."""
    for one in probes:
        copy(one.path, ready / one.path.name)


def place(probes: Iterable[Probe], folder: Path, ready: Path) -> dict[str, int]:
    """Put each file into the new `folder` once: what lies in `ready` is moved there, the rest copied. Returns bytes by
    file name. Raises OSError."""
    paths = {one.path.name: one.path for one in probes}
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not _moved_whole(ready, folder, paths.keys()):
        folder.mkdir()
        for name, path in paths.items():
            try:
                (ready / name).rename(folder / name)
            except OSError:  # another draft of this export has it, or it could not be laid ready
                copy(path, folder / name)
    with os.scandir(folder) as files:
        return {file.name: file.stat().st_size for file in files}


def _moved_whole(ready: Path, folder: Path, names: Collection[str]) -> bool:
    """Whether `ready` holds just what the draft needs, and could become its folder with one step."""
    try:
        if {path.name for path in ready.iterdir()} != set(names):
            return False
        ready.rename(folder)
    except OSError:
        return False
    return True


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
    with source.open("rb", buffering=0) as ours, target.open("wb", buffering=0) as theirs:
        left = os.fstat(ours.fileno()).st_size
        try:
            while left and (copied := os.copy_file_range(ours.fileno(), theirs.fileno(), left)):
                left -= copied
        except OSError:  # it can't between these two file systems, or the disk is full: then this fails, too
            ours.seek(0)
            theirs.seek(0)
            shutil.copyfileobj(ours, theirs, 1 << 20)


def _cloned(source: Path, target: Path) -> bool:
    """Whether macOS could (on one volume of APFS)."""
    import ctypes

    clonefile = getattr(ctypes.CDLL(None, use_errno=True), "clonefile", None)
    return clonefile is not None and clonefile(os.fsencode(source), os.fsencode(target), 0) == 0
