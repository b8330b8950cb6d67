"""Puts files into a draft: each its own, so that an edit in one draft reaches no other and not the cache."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tray.draft.probe import Probe


def place(probes: Iterable[Probe], folder: Path) -> dict[str, int]:
    """Put each file into the new `folder` once. Returns bytes by file name. Raises OSError."""
    folder.mkdir(parents=True)
    sizes: dict[str, int] = {}
    for one in probes:
        if one.path.name not in sizes:
            sizes[one.path.name] = copy(one.path, folder / one.path.name)
    return sizes


def copy(source: Path, target: Path) -> int:
    """Copy a file; where the file system can, without copying its bytes (btrfs, XFS, APFS). Returns its size."""
    if sys.platform == "linux":
        return _by_the_kernel(source, target)
    if not (sys.platform == "darwin" and _cloned(source, target)):
        shutil.copyfile(source, target)
    return target.stat().st_size


def _by_the_kernel(source: Path, target: Path) -> int:
    """copy_file_range shares the bytes where the file system can, and else copies them in the kernel."""
    with source.open("rb", buffering=0) as ours, target.open("xb", buffering=0) as theirs:
        size = left = os.fstat(ours.fileno()).st_size
        try:
            while left and (copied := os.copy_file_range(ours.fileno(), theirs.fileno(), left)):
                left -= copied
        except OSError:  # from one file system to another, or one that can't
            ours.seek(size - left)
            theirs.seek(size - left)
            shutil.copyfileobj(ours, theirs, 1 << 20)
            left = 0
        if left:
            raise OSError(None, "the file became shorter meanwhile", str(source))
    return size


def _cloned(source: Path, target: Path) -> bool:
    """Whether macOS could clone it (APFS, one volume)."""
    import ctypes

    clonefile = getattr(ctypes.CDLL(None, use_errno=True), "clonefile", None)
    return clonefile is not None and clonefile(os.fsencode(source), os.fsencode(target), 0) == 0
