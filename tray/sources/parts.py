"""What a source of requests works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tray.asked import Asked
from tray.events import Bus, Noticed
from tray.journal import Journal
from tray.listener import Listener
from tray.settings import Settings


@dataclass(frozen=True)
class Parts:
    """Of the running program. `settings`: those in force now. `open_page`: shows where one asks, in the browser."""

    bus: Bus
    journal: Journal
    listener: Listener
    settings: Callable[[], Settings]
    home: Path
    open_page: Callable[[], None]

    def begin(self, asked: Sequence[tuple[str, Asked]]) -> None:
        """Queue these requests, by their ids, all or none; what is queued already stays as it is. Where nothing
        listens, they wait until something does. Raises JournalError."""
        self.journal.add_requests(asked)
        for request_id, _asked in asked:
            self.listener.go_on(request_id)

    def notice(self, text: str) -> None:
        """Tell the user."""
        self.bus.publish(Noticed("", text))
