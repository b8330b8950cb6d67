"""What the user is notified of, in which words, and how much at once.

What comes in quick succession becomes one notification. A kind is collected until nothing of it has come for a second,
three at the longest: drafts of one batch come fractions of a second apart, and nobody misses that second after the
minutes that a draft takes. A mailbox may deliver hundreds, so of each kind there are at most three in a minute: what
comes meanwhile waits, and is in the next one. A timer runs only while something waits.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tray.desktop import notes
from tray.desktop.notify import Notifier
from tray.errors import SIGN_IN
from tray.events import (
    Bus,
    DraftWritten,
    Event,
    Noticed,
    QuestionAnswered,
    QuestionAsked,
    RequestCancelled,
    RequestDone,
    RequestFailed,
    RequestStarted,
    StateChanged,
)
from tray.locale import _

log = logging.getLogger(__name__)

QUIET_S, LONGEST_S = 1.0, 3.0
MOST, MOST_IN_S = 3, 60.0

Kind = Literal["drafts", "questions", "answers", "failures", "waiting", "notices"]


@dataclass(frozen=True)
class Happened:
    """One thing to tell of: the event of its kind. `about`: the request's title, "" where it is not known."""

    event: Any
    about: str = ""


@dataclass
class _Collected:
    """What waits of one kind. Seconds of the monotonic clock."""

    waiting: list[Happened] = field(default_factory=list)
    first: float = 0.0
    last: float = 0.0
    shown: deque[float] = field(default_factory=lambda: deque(maxlen=MOST))
    timer: threading.Timer | None = None

    def due(self) -> float:
        """When it may be shown."""
        calm = min(self.last + QUIET_S, self.first + LONGEST_S)
        return max(calm, self.shown[0] + MOST_IN_S) if len(self.shown) == MOST else calm


class Announcer:
    """Notifies of each draft written, each question, each request that failed, waits, or was answered without a draft,
    and what else the user should know. While `paused` says so, nothing is shown; the icon and its menu show questions
    and that one must sign in all the same."""

    def __init__(self, bus: Bus, notifier: Notifier, paused: Callable[[], bool] = lambda: False) -> None:
        self._notifier, self._paused = notifier, paused
        self._lock = threading.Lock()
        self._kinds: dict[Kind, _Collected] = {}
        self._titles: dict[str, str] = {}  # of the requests that are not over
        self._with_drafts: set[str] = set()
        self._signed_out = False
        self._unsubscribe = bus.subscribe(self._on_event)
        atexit.register(self.flush)  # after the notifier's own: so it comes before that

    def flush(self) -> None:
        """Hand what waits to the notifier now."""
        for kind in list(self._kinds):
            self._show(kind)

    def end(self) -> None:
        """Show what waits, and nothing from then on."""
        self._unsubscribe()
        atexit.unregister(self.flush)
        self.flush()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            self._on_state(event)
            return
        about = self._titles.get(event.request_id, "")
        if isinstance(event, RequestStarted):
            self._titles[event.request_id] = event.title
        elif isinstance(event, DraftWritten):
            self._with_drafts.add(event.request_id)
            self._collect("drafts", Happened(event, about))
        elif isinstance(event, QuestionAsked):
            self._collect("questions", Happened(event, about))
        elif isinstance(event, Noticed):
            log.info("notice: %s", event.text)  # where many come, not all of them are shown
            self._collect("notices", Happened(event, about))
        elif isinstance(event, RequestDone) and event.text and event.request_id not in self._with_drafts:
            self._collect("answers", Happened(event, about))
        elif isinstance(event, RequestFailed) and not (event.failure.kept and event.failure.code == "sign_in"):
            self._collect("waiting" if event.failure.kept else "failures", Happened(event, about))
        if isinstance(event, QuestionAnswered | RequestDone | RequestFailed | RequestCancelled):
            self._no_question(event.request_id)
        if isinstance(event, RequestDone | RequestFailed | RequestCancelled):
            self._titles.pop(event.request_id, None)
            self._with_drafts.discard(event.request_id)

    def _on_state(self, changed: StateChanged) -> None:
        if changed.state == "sign_in" and not self._signed_out and not self._paused():
            self._notifier.show(_("Sign in to Coze"), changed.detail or _(SIGN_IN))
        # It is told once: other requests come and go meanwhile, but none streams without a token.
        self._signed_out = changed.state == "sign_in" or (
            self._signed_out and changed.state not in ("idle", "streaming")
        )

    def _collect(self, kind: Kind, happened: Happened) -> None:
        if self._paused():
            return
        now = time.monotonic()
        with self._lock:
            collected = self._kinds.setdefault(kind, _Collected())
            if not collected.waiting:
                collected.first = now
            collected.waiting.append(happened)
            collected.last = now
            if collected.timer is None:
                self._wait(kind, collected, now)

    def _no_question(self, request_id: str) -> None:
        """It was answered, or is over: what is not shown yet need not be."""
        with self._lock:
            if collected := self._kinds.get("questions"):
                collected.waiting = [one for one in collected.waiting if one.event.request_id != request_id]

    def _wait(self, kind: Kind, collected: _Collected, now: float) -> None:
        collected.timer = threading.Timer(max(0.0, collected.due() - now), self._look, (kind,))
        collected.timer.daemon = True
        collected.timer.start()

    def _look(self, kind: Kind) -> None:
        """The time was over when the timer was set; more may have come since."""
        now = time.monotonic()
        with self._lock:
            collected = self._kinds[kind]
            if collected.timer is None:  # it was flushed meanwhile
                return
            collected.timer = None
            if collected.waiting and collected.due() > now:
                self._wait(kind, collected, now)
                return
        self._show(kind)

    def _show(self, kind: Kind) -> None:
        with self._lock:
            collected = self._kinds[kind]
            if collected.timer is not None:
                collected.timer.cancel()
                collected.timer = None
            happened, collected.waiting = collected.waiting, []
            if happened:
                collected.shown.append(time.monotonic())
        if happened and not self._paused():
            self._notifier.show(**asdict(notes.of(kind, happened)))
