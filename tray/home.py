"""Where the program keeps everything. Imported by the icon: nothing heavy here."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import platformdirs

BUSY_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
"""Pauses between tries to replace a file that is open elsewhere: 1.1 s in all."""


def home() -> Path:
    """The folder below which everything the program keeps lies: COZE_TRAY_HOME, else the user's data folder."""
    said = os.environ.get("COZE_TRAY_HOME")
    return Path(said).absolute() if said else platformdirs.user_data_path("coze-tray", appauthor=False)


def write_private(path: Path, text: str) -> None:
    """Put a file that this user alone may read in the place of `path`; whatever ends this in the middle, there is the
    old one or the new one. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    fresh.unlink(missing_ok=True)
    try:
        with open(fresh, "x", encoding="utf-8", opener=private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # or a power cut leaves the new name with nothing in it
        _put(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _put(fresh: Path, path: Path) -> None:
    """Windows replaces no file that somebody has open, as virus scanners and searches do for a moment."""
    for pause_s in BUSY_S if sys.platform == "win32" else ():
        try:
            fresh.replace(path)
        except PermissionError:
            time.sleep(pause_s)
        else:
            return
    fresh.replace(path)


def private(path: str, flags: int) -> int:
    """An `opener` for `open`: a file that it makes may be read by this user alone."""
    return os.open(path, flags, 0o600)
