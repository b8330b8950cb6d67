"""How long to wait before the next try, and when to give up."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from tray.coze.errors import CozeError, NetworkAwayError

BUSY_TRIES = 6
"""How often a busy or failing cloud is asked again before its error counts."""


@dataclass
class Tries:
    """How long to wait before the next try, and when to give up."""

    patience_s: float | None
    pause_s: float = 0.5
    _busy: int = 0
    _away_since: float | None = None
    _began: float = 0.0

    def begin(self) -> None:
        """A step begins."""
        self._began = time.monotonic()

    def reached(self, *, worked: bool) -> None:
        """The cloud answered; `worked`: it also did what was asked."""
        self._away_since = None
        if worked:
            self.pause_s, self._busy = 0.5, 0

    def busy(self) -> bool:
        """Whether a busy cloud may be asked once more."""
        self._busy += 1
        return self._busy < BUSY_TRIES

    async def pause(self, error: NetworkAwayError | CozeError) -> None:
        """Wait before the next try. Raises `error` where the network has been away for too long."""
        pause_s = self.pause_s
        if isinstance(error, NetworkAwayError):
            if self._away_since is None:
                self._away_since = self._began
            if self.patience_s is not None and time.monotonic() + pause_s - self._away_since > self.patience_s:
                raise error
        else:
            pause_s = max(pause_s, min(error.retry_after_s, 60.0))
        await asyncio.sleep(pause_s)
        self.pause_s = min(self.pause_s * 2, 30.0)
