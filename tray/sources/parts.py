"""What a source of requests works with, and what those share that have a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tray.asked import Asked
from tray.events import Bus, Event, Noticed, StateChanged
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


class Wakeful:
    """A source that lives in a thread of its own, from `start` to `stop`, and is woken when the listener begins or
    ceases to listen."""

    def __init__(self, name: str, parts: Parts) -> None:
        self._parts = parts
        self._wake, self._ending = threading.Event(), threading.Event()
        self._was_listening = False
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    def start(self) -> None:
        self._unsubscribe = self._parts.bus.subscribe(self._on_event)
        self._thread.start()

    def stop(self) -> None:
        """What was asked goes on."""
        self._unsubscribe()
        self._ending.set()
        self._wake.set()
        if self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StateChanged) and (listens := event.state != "stopped") != self._was_listening:
            self._was_listening = listens
            self._wake.set()

    def _live(self) -> None:
        """Until `_ending` is set."""
        raise NotImplementedError
