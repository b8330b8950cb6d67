"""What starts requests while the program runs: files in a folder, the clock; and a key that opens the page for one.

Each is made when the settings want it, and nothing of it is imported before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tray.sources.parts import Parts


class Source(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


class Sources:
    """Those of the running program, from `start` to `stop`, as the settings are. From any thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._runs = False
        self._running: dict[Callable[[Any, Parts], Source], tuple[Any, Source]] = {}  # with what the settings say

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
            for make in tuple(self._running):
                self._keep(make, None)

    def _adjust(self) -> None:
        settings = self._parts.settings()
        self._keep(_inbox, settings.inbox)
        self._keep(_schedules, {name: one.schedule for name, one in settings.targets.items() if one.schedule})
        self._keep(_hotkey, settings.hotkey)

    def _keep(self, make: Callable[[Any, Parts], Source], said: Any) -> None:
        """What `make` makes runs as the settings say, and not where they say nothing."""
        before, source = self._running.get(make, (None, None))
        if source is not None and before != said:
            source.stop()
            del self._running[make]
        if said and make not in self._running:
            source = make(said, self._parts)
            self._running[make] = said, source
            source.start()


def _inbox(folder: Path, parts: Parts) -> Source:
    from tray.sources.inbox import Inbox

    return Inbox(folder, parts)


def _schedules(said: dict[str, str], parts: Parts) -> Source:
    from tray.sources.schedule import Schedules

    return Schedules(said, parts, parts.home / "schedules.json")


def _hotkey(said: str, parts: Parts) -> Source:
    from tray.sources.hotkey import Hotkey

    return Hotkey(said, parts.open_page, parts.notice)
