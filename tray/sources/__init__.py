"""What starts requests while the program runs: files in a folder, the clock; and a key that opens the page for one.

Each is made when the settings want it, and nothing of it is imported before.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tray.sources.parts import Parts

if TYPE_CHECKING:
    from tray.sources.hotkey import Hotkey
    from tray.sources.inbox import Inbox
    from tray.sources.schedule import Schedules


class Sources:
    """Those of the running program, from `start` to `stop`, as the settings are. From any thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._runs = False
        self._inbox: Inbox | None = None
        self._schedules: Schedules | None = None
        self._hotkey: Hotkey | None = None

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
            self._stop_inbox()
            self._stop_schedules()
            self._stop_hotkey()

    def _adjust(self) -> None:
        settings = self._parts.settings()
        self._adjust_inbox(settings.inbox)
        self._adjust_schedules({name: one.schedule for name, one in settings.targets.items() if one.schedule})
        self._adjust_hotkey(settings.hotkey)

    def _adjust_inbox(self, folder: Path | None) -> None:
        if self._inbox is not None and self._inbox.folder != folder:
            self._stop_inbox()
        if self._inbox is None and folder is not None:
            from tray.sources.inbox import Inbox

            self._inbox = Inbox(folder, self._parts)
            self._inbox.start()

    def _stop_inbox(self) -> None:
        if self._inbox is not None:
            self._inbox.stop()
            self._inbox = None

    def _adjust_schedules(self, said: dict[str, str]) -> None:
        if self._schedules is not None and self._schedules.said != said:
            self._stop_schedules()
        if self._schedules is None and said:
            from tray.sources.schedule import Schedules

            self._schedules = Schedules(said, self._parts, self._parts.home / "schedules.json")
            self._schedules.start()

    def _stop_schedules(self) -> None:
        if self._schedules is not None:
            self._schedules.stop()
            self._schedules = None

    def _adjust_hotkey(self, said: str) -> None:
        if self._hotkey is not None and self._hotkey.said != said:
            self._stop_hotkey()
        if self._hotkey is None and said:
            from tray.sources.hotkey import Hotkey

            self._hotkey = Hotkey(said, self._parts.open_page, self._parts.notice)
            self._hotkey.start()

    def _stop_hotkey(self) -> None:
        if self._hotkey is not None:
            self._hotkey.stop()
            self._hotkey = None
