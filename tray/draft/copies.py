"""Puts files into a draft: each its own, so that an edit in one draft reaches no other and not the cache.

Where the file system can (btrfs, XFS, APFS), a copy shares its bytes until one of the two is changed.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tray.draft.probe import Probe

READY = "media"
"""The folder beside the drafts being built where copies lie ready for them."""


def lay_ready(probes: Iterable[Probe], ready: Path) -> None:
    """Copy files into the folder `ready`, beside the draft, before the draft is built: meanwhile others arrive."""
    for one in probes:
        copy(one.path, ready / one.path.name)


def place(probes: Iterable[Probe], folder: Path, ready: Path) -> dict[str, int]:
    """Put each file into the new `folder` once: from `ready` if it still lies there, else a copy. Returns bytes by
    file name. Raises OSError."""
    folder.mkdir(parents=True)
    sizes: dict[str, int] = {}
    for one in probes:
        name = one.path.name
        if name in sizes:
            continue
        try:
            (ready / name).rename(folder / name)
        except FileNotFoundError:  # another draft of this export has it
            copy(one.path, folder / name)
        sizes[name] = (folder / name).stat().st_size
    return sizes


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
