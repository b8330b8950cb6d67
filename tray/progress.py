"""What runs now, and how far it is. Imported by the icon: the standard library alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tray.events import (
    Bus,
    Event,
    MediaProgress,
    QuestionAnswered,
    QuestionAsked,
    RequestCancelled,
    RequestDone,
    RequestFailed,
    RequestStarted,
    State,
    StateChanged,
    TextArrived,
    ToolFinished,
    ToolStarted,
)


@dataclass(frozen=True)
class Running:
    """A request that runs now, or waits to go on. `title`: what was asked. `done` of `total` media files are here; 0 of
    0 where it fetches none."""

    request_id: str
    title: str
    state: State = "connecting"
    done: int = 0
    total: int = 0


class RunningRequests:
    """Kept as the bus tells of them; from any thread. While nothing listens there are none."""

    def __init__(self, bus: Bus) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}
        bus.subscribe(self._on_event)

    def all(self) -> list[Running]:
        """In the order in which they were begun."""
        with self._lock:
            return list(self._running.values())

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            if event.state == "stopped":
                with self._lock:
                    self._running.clear()
            return
        with self._lock:
            if isinstance(event, RequestStarted):
                self._running[event.request_id] = Running(event.request_id, event.title)
            elif isinstance(event, RequestDone | RequestCancelled) or _is_over(event):
                self._running.pop(event.request_id, None)
            elif before := self._running.get(event.request_id):
                self._running[event.request_id] = _after(before, event)


def media(running: Sequence[Running]) -> tuple[int, int]:
    """How many media files of all those requests are here, and how many there are to be."""
    return sum(one.done for one in running), sum(one.total for one in running)


def _is_over(event: Event) -> bool:
    return isinstance(event, RequestFailed) and not event.failure.kept


def _after(before: Running, event: Event) -> Running:
    if isinstance(event, MediaProgress):
        return replace(before, state="working", done=event.done, total=event.total)
    if isinstance(event, TextArrived):
        return replace(before, state="streaming") if before.state == "connecting" else before
    state = _state_after(event)
    return before if state is None else replace(before, state=state, done=0, total=0)


def _state_after(event: Event) -> State | None:
    if isinstance(event, ToolStarted):
        return "working"
    if isinstance(event, ToolFinished | QuestionAnswered):
        return "connecting"
    if isinstance(event, QuestionAsked):
        return "asking"
    if isinstance(event, RequestFailed):  # for now
        waits: dict[str, State] = {"sign_in": "sign_in", "network": "reconnecting", "tls": "reconnecting"}
        return waits.get(event.failure.code, "error")
    return None
