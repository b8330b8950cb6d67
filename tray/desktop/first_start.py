"""The first start of all: the guide opens by itself, once."""

from __future__ import annotations

import logging
import os
import sys
import threading

from tray.desktop import opener
from tray.desktop.program import Program
from tray.home import write_private

log = logging.getLogger(__name__)

NOT_WANTED = "COZE_TRAY_NO_GUIDE"
"""Set in the environment where nobody is to be guided: in tests, and by who sets up computers for others."""


def guide(program: Program) -> bool:
    """Open the guide in the browser where nothing was ever set up and nobody has signed in. Whether it was. Never a
    second time: it may have been left on purpose."""
    mark = program.home / "guided"
    if os.environ.get(NOT_WANTED) or not _has_screen() or mark.exists():
        return False
    if (program.home / "settings.toml").exists() or program.has_token():
        return False
    try:
        write_private(mark, "")
        url = program.page("guide")
    except OSError as error:
        log.warning("the guide can't be opened: %s", error)
        return False
    if url is not None:
        threading.Thread(target=opener.open_own_page, args=(url,), name="guide", daemon=True).start()
    return url is not None


def _has_screen() -> bool:
    return not sys.platform.startswith("linux") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
