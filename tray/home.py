"""Where the program keeps everything. Imported by the icon: nothing heavy here."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The folder below which everything the program keeps lies: COZE_TRAY_HOME, else the user's data folder."""
    said = os.environ.get("COZE_TRAY_HOME")
    return Path(said).absolute() if said else platformdirs.user_data_path("coze-tray", appauthor=False)
