"""Folders, opened in the desktop's file manager; pages, in its browser."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path

log = logging.getLogger(__name__)


def open_folder(path: str | os.PathLike[str]) -> None:
    """Open the folder and return at once. What goes wrong is logged."""
    threading.Thread(target=_open, args=(Path(path),), name="open-folder", daemon=True).start()


def open_page(url: str) -> None:
    """Open the page. What goes wrong is logged; what is not https is not opened."""
    if not url.startswith("https://") or not webbrowser.open(url):
        log.warning("the page %s could not be opened", url)


def _open(folder: Path) -> None:
    if not folder.is_dir():  # and so never a program that lies where a folder was
        log.warning("the folder %s is not there", folder)
        return
    try:
        if sys.platform == "win32":
            os.startfile(folder)  # noqa: S606 - a folder
            return
        opener = "open" if sys.platform == "darwin" else "xdg-open"
        subprocess.run(  # noqa: S603 - a list of two, no shell
            [opener, str(folder.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # the file manager outlives the tray
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        log.warning("the folder %s could not be opened: %s", folder, error)
