"""Where the program keeps everything. Imported by the icon: nothing heavy here."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import platformdirs


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
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def private(path: str, flags: int) -> int:
    """An `opener` for `open`: a file that it makes may be read by this user alone."""
    return os.open(path, flags, 0o600)
