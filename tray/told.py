"""What is known of each request that runs or ended of late, for who looks at it later than it happened. The standard
library alone: it is kept whether anybody looks or not."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from typing import Any

from tray.events import (
    Bus,
    DraftWritten,
    Event,
    Failure,
    MediaProgress,
    Noticed,
    QuestionAnswered,
    QuestionAsked,
    Receipt,
    RequestCancelled,
    RequestDone,
    RequestFailed,
    RequestQueued,
    RequestStarted,
    StateChanged,
    TextArrived,
    ToolFinished,
    ToolStarted,
)

KEPT = 50
"""So many requests are kept, those that something happened to last."""
MOST_CHARS = 2_000_000
"""Of an answer as it streams in, more is not kept; the journal has the whole one when it is over."""
MOST_NOTICES = 50


@dataclass
class Call:
    """A tool call: `ok` None while it runs. `done` of `total` media files are here."""

    call_id: str
    tool: str
    ok: bool | None = None
    message: str = ""
    done: int = 0
    total: int = 0
    received_bytes: int = 0


@dataclass
class Told:
    """What has been told of one request since this program has it. `over`: it has ended, for good."""

    request_id: str
    pieces: list[str] = field(default_factory=list)
    chars: int = 0
    calls: list[Call] = field(default_factory=list)
    question: QuestionAsked | None = None
    drafts: list[Receipt] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    failure: Failure | None = None
    over: bool = False

    def to_json(self) -> dict[str, Any]:
        """`text`: the answer so far."""
        self.pieces = ["".join(self.pieces)]
        return {**asdict(self), "text": self.pieces[0]}


class ToldRequests:
    """Kept as the bus tells of them; from any thread."""

    def __init__(self, bus: Bus) -> None:
        self._lock = threading.Lock()
        self._told: OrderedDict[str, Told] = OrderedDict()
        bus.subscribe(self._on_event)

    def of(self, request_id: str) -> dict[str, Any] | None:
        """As JSON values, as it is now; None: nothing has been told of it."""
        with self._lock:
            found = self._told.get(request_id)
            return None if found is None else found.to_json()

    def chars(self, request_id: str) -> int:
        """How long the answer is so far that `of` gives."""
        with self._lock:
            found = self._told.get(request_id)
            return 0 if found is None else found.chars

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StateChanged | RequestQueued) or not event.request_id:
            return
        with self._lock:
            told = self._told.pop(event.request_id, None) or Told(event.request_id)
            self._told[event.request_id] = told
            if len(self._told) > KEPT:
                self._let_go()
            _tell(told, event)

    def _let_go(self) -> None:
        """One that is over, where there is one: what runs may be silent for long, and has its answer nowhere else."""
        first = next(iter(self._told))
        del self._told[next((one.request_id for one in self._told.values() if one.over), first)]


def _tell(told: Told, event: Event) -> None:
    if isinstance(event, TextArrived):
        delta = event.delta[: MOST_CHARS - told.chars]
        told.pieces.append(delta)
        told.chars += len(delta)
    elif isinstance(event, RequestStarted):
        told.failure, told.over = None, False
    elif isinstance(event, QuestionAsked):
        told.question = event
    elif isinstance(event, QuestionAnswered):
        told.question = None
    elif isinstance(event, Noticed):
        told.notices = [*told.notices, event.text][-MOST_NOTICES:]
    elif isinstance(event, DraftWritten):
        told.drafts = [one for one in told.drafts if one.draft_id != event.receipt.draft_id] + [event.receipt]
    elif isinstance(event, (ToolStarted, ToolFinished, MediaProgress)):
        _tell_of_call(told, event)
    elif isinstance(event, (RequestDone, RequestFailed, RequestCancelled)):
        told.question = None
        told.failure = event.failure if isinstance(event, RequestFailed) else None
        told.over = told.failure is None or not told.failure.kept


def _tell_of_call(told: Told, event: ToolStarted | ToolFinished | MediaProgress) -> None:
    if isinstance(event, ToolStarted):
        told.calls = [one for one in told.calls if one.call_id != event.call_id]  # begun once more
        told.calls.append(Call(event.call_id, event.tool))
    elif isinstance(event, ToolFinished):
        for one in told.calls:
            if one.call_id == event.call_id:
                one.ok, one.message = event.ok, event.message
    else:
        for one in told.calls[-1:]:
            one.done, one.total, one.received_bytes = event.done, event.total, event.received_bytes
