"""How long to wait before the next try, when to give up, and how often the cloud may be asked how things stand."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from tray.coze.errors import CozeError, NetworkAwayError

BUSY_TRIES = 9
"""How often a busy cloud is asked before its error counts: for over a minute, as its limits are by the minute."""
LONGEST_PAUSE_S = 30.0
LONGEST_RETRY_AFTER_S = 300.0
"""A server may ask for a longer wait than that; it is asked sooner, and may say so again."""


@dataclass
class Pace:
    """How fast the cloud is asked: one for the whole program, as every client keeps to it.

    `poll_s`: between two polls, whoever's they are (Coze wants no more than one a second). `first_pause_s`: before the
    second try of something that failed."""

    poll_s: float = 1.0
    first_pause_s: float = 0.5
    _next: float = field(default=0.0, init=False)

    async def turn(self) -> None:
        """Wait until a poll may go out."""
        while (left_s := self._next - time.monotonic()) > 0:  # noqa: ASYNC110 - several may wait
            await asyncio.sleep(left_s)
        self._next = time.monotonic() + self.poll_s


@dataclass
class Tries:
    """The tries of one run. `patience_s`: for how long the cloud may be away or busy, None for ever away."""

    patience_s: float | None
    first_pause_s: float = 0.5
    _pause_s: float = field(default=0.0, init=False)
    _busy: int = field(default=0, init=False)
    _failing_since: float | None = field(default=None, init=False)
    _began: float = field(default=0.0, init=False)

    def begin(self) -> None:
        """A step begins."""
        self._began = time.monotonic()

    def reached(self, *, worked: bool) -> None:
        """The cloud answered; `worked`: it also did what was asked."""
        if worked:
            self._pause_s, self._busy = 0.0, 0
        if not self._busy:
            self._failing_since = None

    def next_pause_s(self, error: NetworkAwayError | CozeError) -> float:
        """How long to wait before the next try. Raises `error` where there is to be none."""
        if self._failing_since is None:
            self._failing_since = self._began
        self._pause_s = min(self._pause_s * 2 or self.first_pause_s, LONGEST_PAUSE_S)
        # All clients of a cloud that was away must not come back at the same moment.
        pause_s = self._pause_s * random.uniform(0.75, 1.25)  # noqa: S311
        if isinstance(error, CozeError):
            self._busy += 1
            pause_s = max(pause_s, min(error.retry_after_s, LONGEST_RETRY_AFTER_S))
            if self._busy >= BUSY_TRIES:
                raise error
        if self.patience_s is not None and time.monotonic() + pause_s - self._failing_since > self.patience_s:
            raise error
        return pause_s
