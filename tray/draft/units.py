"""In which unit an export wrote its times: told by the media's real length, else by the rest of the draft.

Coze2JianYing documents milliseconds, but its flows hand microseconds and seconds through as well, even within one
draft (its converter passes the numbers on unchanged: Gardene-el/Coze2JianYing, DraftGenerator/converter.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tray.locale import _, ngettext

Unit = Literal["us", "ms", "s"]
US_PER: dict[Unit, int] = {"us": 1, "ms": 1_000, "s": 1_000_000}

SHORTEST_US = 100_000
"""Nobody cuts shorter: a reading that makes a segment shorter than this is not taken for meant."""


@dataclass(frozen=True)
class Timed:
    """A segment's times in its export's own numbers. `source_end` None: it plays its media from the start.

    `length_us`: the real length of its media, None for what has none (pictures, text).
    """

    start: float
    end: float
    source_end: float | None = None
    speed: float = 1.0
    length_us: int | None = None

    @property
    def needed(self) -> float:
        """How far into its media the segment plays."""
        return self.source_end if self.source_end is not None else (self.end - self.start) * self.speed


@dataclass(frozen=True)
class Settled:
    """The unit of each segment, in order; `unit` for them all ("mixed" where they differ) and why."""

    units: list[Unit]
    unit: str
    reason: str


def settle(segments: Sequence[Timed], fps: int) -> Settled:
    """Find the unit of every segment of one draft."""
    told = [_told_by_media(segment) for segment in segments]
    votes = Counter(unit for unit in told if unit)
    if not votes:
        unit, reason = _untold(segments, fps)
        return Settled([unit] * len(segments), unit, reason)
    end_us = max(s.end * US_PER[unit] for s, unit in zip(segments, told, strict=True) if unit)
    units = [unit or _like_the_rest(s, votes, end_us) for s, unit in zip(segments, told, strict=True)]
    n = sum(votes.values())
    reason = ngettext("the real length of {n} media file tells it", "the real lengths of {n} media files tell it", n)
    used = Counter(units)
    if len(used) > 1:
        counts = ", ".join(f"{unit} × {count}" for unit, count in used.most_common())
        reason = _("{reason}, segment by segment ({counts})").format(reason=reason, counts=counts)
    return Settled(units, units[0] if len(used) == 1 else "mixed", reason.format(n=n))


def _told_by_media(segment: Timed) -> Unit | None:
    """The one unit in which the segment uses its media sensibly; None where none or several would."""
    if segment.length_us is None:
        return None
    length_us = segment.length_us
    needed_us = {unit: segment.needed * factor for unit, factor in US_PER.items()}
    tolerance_us = max(0.05 * length_us, min(150_000, 0.3 * length_us))
    whole = [unit for unit, us in needed_us.items() if abs(us - length_us) <= tolerance_us]
    if len(whole) == 1:
        return whole[0]
    # Asking for up to three times what there is happens (music under a longer film); for more, the unit is wrong.
    part = [unit for unit, us in needed_us.items() if SHORTEST_US <= us <= 3 * length_us]
    return part[0] if len(part) == 1 else None


def _like_the_rest(segment: Timed, votes: Counter[Unit], end_us: float) -> Unit:
    """The unit most of the told segments have, if this one then fits into their timeline; else one in which it does."""

    def fits(unit: Unit) -> bool:
        factor = US_PER[unit]
        return (segment.end - segment.start) * factor >= SHORTEST_US and segment.end * factor <= 1.5 * end_us + 5e6

    likely = [unit for unit, _votes in votes.most_common()]
    order = [*likely, *(unit for unit in US_PER if unit not in likely)]
    return next((unit for unit in order if fits(unit)), likely[0])


def _untold(segments: Sequence[Timed], fps: int) -> tuple[Unit, str]:
    if segments and all((s.end - s.start) * US_PER["ms"] < US_PER["s"] / fps for s in segments):
        return "s", _("in milliseconds every segment would be shorter than one frame")
    return "ms", _("nothing in the draft tells, so milliseconds, as documented")
