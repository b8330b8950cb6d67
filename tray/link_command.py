"""What `coze-tray link` does, which the desktop calls when a link to this program is opened."""

from __future__ import annotations

import sys

from tray import control
from tray.errors import TrayError
from tray.sources import links


def link(url: str) -> None:
    """Open the page as the link says; the program is started if need be. Raises TrayError."""
    try:
        control.page(links.path_of(url), opens=True)
    except TrayError as error:
        if sys.stderr is None or not sys.stderr.isatty():  # whoever opened it sees no terminal
            from tray.desktop import notify

            notify.notifier(None).show("coze-tray", str(error))
        raise
