"""What starts requests by itself while the program runs: files in a folder, and the clock.

Each is made when the settings want it, and nothing of it is imported before.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tray.sources.parts import Parts

if TYPE_CHECKING:
    from tray.sources.inbox import Inbox


class Sources:
    """Those of the running program, from `start` to `stop`, as the settings are. From any thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._runs = False
        self._inbox: Inbox | None = None

    def start(self) -> None:
        with self._lock:
            self._runs = True
            self._adjust()

    def settings_changed(self) -> None:
        """As the settings are now."""
        with self._lock:
            if self._runs:
                self._adjust()

    def stop(self) -> None:
        with self._lock:
            self._runs = False
            if self._inbox is not None:
                self._inbox.stop()
                self._inbox = None

    def _adjust(self) -> None:
        folder = self._parts.settings().inbox
        if self._inbox is not None and self._inbox.folder != folder:
            self._inbox.stop()
            self._inbox = None
        if self._inbox is None and folder is not None:
            from tray.sources.inbox import Inbox

            self._inbox = Inbox(folder, self._parts)
            self._inbox.start()
