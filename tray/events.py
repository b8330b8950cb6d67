"""The typed events everything reports by, and the bus that carries them.

This module is imported by the tray icon at start, so it imports the standard library alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

log = logging.getLogger(__name__)

State = Literal["stopped", "idle", "connecting", "streaming", "working", "asking", "reconnecting", "sign_in", "error"]
"""stopped: not listening. idle: nothing to do. connecting: opening a stream. streaming: reading one. working: running
a tool. asking: a run waits for the user's answer. reconnecting: the network or the cloud is away, another try follows.
sign_in: Coze takes no token, requests wait until the user has signed in. error: the last request failed, or a
mailbox does each time."""


@dataclass(frozen=True)
class Failure:
    """Why a request failed. `code` is Coze's number as text, or a word of this program's; `logid` is Coze's.

    `again`: asked again as a new request, it may well succeed. `kept`: it is not over, it only ended for now, and goes
    on by itself when what it waits for is there."""

    code: str
    message: str
    advice: str = ""
    logid: str = ""
    again: bool = False
    kept: bool = False


@dataclass(frozen=True)
class Receipt:
    """What building a draft reports. `segments` counts by kind; times in µs; `time_unit` is the unit of the export
    ("us", "ms", "s" or "mixed") and `time_unit_reason` how it was found, "" where the draft says its units itself.
    `warned`: of each of `warnings` the track and segment of the draft that it is about, from 1; [] for none."""

    path: str
    name: str
    draft_id: str
    segments: dict[str, int]
    duration_us: int
    media_bytes: int
    time_unit: str
    time_unit_reason: str
    warnings: list[str]
    warned: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class StateChanged:
    """The listener's state as a whole; `detail` is a sentence for the menu and the tooltip."""

    state: State
    detail: str = ""


@dataclass(frozen=True)
class RequestQueued:
    """It has to wait until another one is over, or its place in the queue has changed."""

    request_id: str


@dataclass(frozen=True)
class RequestStarted:
    """`title`: what was asked, in a line or so."""

    request_id: str
    title: str


@dataclass(frozen=True)
class TextArrived:
    """A piece of the bot's answer as it streams in."""

    request_id: str
    delta: str


@dataclass(frozen=True)
class QuestionAsked:
    """A run waits for the user. `options`: what may be answered, () for anything. `url`: a page to open first."""

    request_id: str
    question_id: str
    text: str
    options: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class QuestionAnswered:
    request_id: str
    question_id: str


@dataclass(frozen=True)
class Noticed:
    """Something to know that ends nothing. `request_id` "": it is about the program."""

    request_id: str
    text: str


@dataclass(frozen=True)
class ToolStarted:
    request_id: str
    call_id: str
    tool: str


@dataclass(frozen=True)
class ToolFinished:
    """`message` is what the bot was told; `ok` False: something could not be done."""

    request_id: str
    call_id: str
    tool: str
    ok: bool
    message: str


@dataclass(frozen=True)
class MediaProgress:
    """`done` of `total` media files are here, `received_bytes` so far."""

    request_id: str
    done: int
    total: int
    received_bytes: int


@dataclass(frozen=True)
class DraftWritten:
    request_id: str
    receipt: Receipt


@dataclass(frozen=True)
class RequestDone:
    request_id: str
    text: str


@dataclass(frozen=True)
class RequestFailed:
    request_id: str
    failure: Failure


@dataclass(frozen=True)
class RequestCancelled:
    """The user wanted it no more; what it had written stays."""

    request_id: str


Event = (
    StateChanged
    | RequestQueued
    | RequestStarted
    | TextArrived
    | QuestionAsked
    | QuestionAnswered
    | Noticed
    | ToolStarted
    | ToolFinished
    | MediaProgress
    | DraftWritten
    | RequestDone
    | RequestFailed
    | RequestCancelled
)

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        StateChanged,
        RequestQueued,
        RequestStarted,
        TextArrived,
        QuestionAsked,
        QuestionAnswered,
        Noticed,
        ToolStarted,
        ToolFinished,
        MediaProgress,
        DraftWritten,
        RequestDone,
        RequestFailed,
        RequestCancelled,
    )
}


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain JSON values; `from_json` turns it back."""
    return {"event": type(event).__name__, **asdict(event)}


def from_json(value: dict[str, Any]) -> Event:
    """The event that `to_json` wrote. Raises KeyError or TypeError for anything else."""
    fields = dict(value)
    kind = _KINDS[fields.pop("event")]
    if "receipt" in fields:
        fields["receipt"] = Receipt(**fields["receipt"])
    if "failure" in fields:
        fields["failure"] = Failure(**fields["failure"])
    if "options" in fields:
        fields["options"] = tuple(fields["options"])
    event: Event = kind(**fields)
    return event


class Bus:
    """Carries each event to every subscriber, in the thread that publishes it: subscribers return at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, subscriber: Callable[[Event], None]) -> Callable[[], None]:
        """Call `subscriber` with every event from now on. Returns the function that ends it."""
        with self._lock:
            self._subscribers = [*self._subscribers, subscriber]

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = [other for other in self._subscribers if other is not subscriber]

        return unsubscribe

    def publish(self, event: Event) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:  # a broken subscriber must not stop the one that reports
                log.exception("a subscriber failed on %s", type(event).__name__)
