"""When a mailbox may be run again: each run is one of the calls that the user's plan has."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_S = 86_400
HOLD_S = 5.0


@dataclass
class MailboxPace:
    """`interval_s`: between the starts of two runs; None for a workflow that itself waits with its stream open, which
    is run again when it ends. Times are of a clock that never goes back, in seconds.

    While nothing comes the interval doubles, up to `most_times` of it or `longest_s`, whichever is less.
    `hold_s`: no two starts of a workflow that waits itself are nearer. `longest_s`: so rarely is a mailbox run that
    fails each time."""

    interval_s: float | None
    hold_s: float = HOLD_S
    longest_s: float = 15 * 60.0
    most_times: float = 10.0
    _pause_s: float = field(default=0.0, init=False)
    _started: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.soon()

    @property
    def holds(self) -> bool:
        """Whether the workflow itself waits."""
        return self.interval_s is None

    @property
    def usual_s(self) -> float:
        """Between two starts when something comes."""
        return self.hold_s if self.interval_s is None else self.interval_s

    def soon(self) -> None:
        """The user has started listening, or has signed in: the next run may start as soon as ever."""
        self._pause_s = min(self.usual_s, self.hold_s)

    def started(self, now: float) -> None:
        self._started = now

    def something_came(self) -> None:
        self._pause_s = self.usual_s

    def nothing_came(self) -> None:
        most = max(self.usual_s, min(self.most_times * self.usual_s, self.longest_s))
        self._pause_s = min(max(self._pause_s, self.usual_s) * 2, most)

    def failed(self, *, passes: bool) -> None:
        """`passes`: by itself."""
        doubled = max(self._pause_s, self.usual_s) * 2
        self._pause_s = max(self.usual_s, min(doubled, self.longest_s) if passes else self.longest_s)

    def left_s(self, now: float) -> float:
        """Until the next run may start."""
        return 0.0 if self._started is None else max(0.0, self._started + self._pause_s - now)


def runs_a_day(interval_s: float | None, cap: int) -> int:
    """How often at most a mailbox is run in a day."""
    return min(cap, int(DAY_S / (interval_s or HOLD_S)))
