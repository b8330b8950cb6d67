"""In which unit an export wrote its times: told by the media's real length, else by the rest of the draft.

Coze2JianYing documents milliseconds, but its flows hand microseconds and seconds through as well, even within one
draft (its converter passes the numbers on unchanged: Gardene-el/Coze2JianYing, DraftGenerator/converter.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tray.locale import _, ngettext

Unit = Literal["us", "ms", "s"]
TimeUnit = Literal["auto", "ms", "us", "s"]
"""The user's setting."""
DOCUMENTED_FIRST: tuple[Unit, ...] = ("ms", "us", "s")
US_PER: dict[Unit, int] = {"us": 1, "ms": 1_000, "s": 1_000_000}

SHORTEST_US = 100_000
"""Nobody cuts shorter: a reading that makes a segment shorter than this is not taken for meant."""
LONG_US = 600_000_000
"""Ten minutes: longer than any picture or caption is shown."""


class Timed(NamedTuple):
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
    """The unit of each segment, in order; `unit` for them all ("mixed" where they differ), the `usual` one, and why."""

    units: list[Unit]
    unit: str
    usual: Unit
    reason: str


def settle(segments: Sequence[Timed], fps: int, said: TimeUnit = "auto") -> Settled:
    """Find the unit of every segment of one draft, unless the user's setting says it."""
    if said != "auto":
        return Settled([said] * len(segments), said, said, _("--unit or the setting time_unit says so"))
    told = [_whole(segment) for segment in segments]
    votes = Counter(unit for unit in told if unit)
    if votes:
        n = sum(votes.values())
        reason = ngettext(
            "the real length of {n} media file tells it", "the real lengths of {n} media files tell it", n
        ).format(n=n)
        return _settled(segments, told, [unit for unit, _count in votes.most_common()], reason)

    # No segment plays its media whole. Milliseconds stand unless the media contradicts them.
    likely = Counter(_not_absurd(s, DOCUMENTED_FIRST, None) or "ms" for s in segments if s.length_us is not None)
    if likely and "ms" not in likely:
        reason = _("in milliseconds the segments would be far from what their media holds")
        return _settled(segments, told, [unit for unit, _count in likely.most_common()], reason)
    unit, reason = _without_media(segments, fps) if not likely else (DOCUMENTED_FIRST[0], _contradicted_by_nothing())
    return _settled(segments, told, [unit], reason)


def _settled(
    segments: Sequence[Timed], told: Sequence[Unit | None], likely: Sequence[Unit], reason: str
) -> Settled:  # fmt: skip
    """The told units, and for each other segment the likeliest unit that is not absurd for it."""
    ends_us = [s.end * US_PER[unit] for s, unit in zip(segments, told, strict=True) if unit]
    end_us = max(ends_us, default=None)
    order = [*likely, *(unit for unit in DOCUMENTED_FIRST if unit not in likely)]
    units = [
        unit or _not_absurd(segment, order, end_us) or likely[0] for segment, unit in zip(segments, told, strict=True)
    ]
    used = Counter(units)
    if len(used) > 1:
        counts = ", ".join(f"{unit} × {count}" for unit, count in used.most_common())
        reason = _("{reason}, segment by segment ({counts})").format(reason=reason, counts=counts)
    usual = used.most_common(1)[0][0] if used else likely[0]
    return Settled(units, usual if len(used) < 2 else "mixed", usual, reason)


def _whole(segment: Timed) -> Unit | None:
    """The unit in which the segment plays its media whole. Speech and clips of a flow nearly always do."""
    length_us = segment.length_us
    if length_us is None:
        return None
    tolerance_us = max(0.05 * length_us, min(150_000, 0.3 * length_us))
    whole = [unit for unit, factor in US_PER.items() if abs(segment.needed * factor - length_us) <= tolerance_us]
    return whole[0] if len(whole) == 1 else None


def _not_absurd(segment: Timed, order: Iterable[Unit], end_us: float | None) -> Unit | None:
    """The first unit of `order` that gives the segment a time somebody can have meant. `end_us`: the end of what is
    known of the timeline."""
    for unit in order:
        duration_us, needed_us = (segment.end - segment.start) * US_PER[unit], segment.needed * US_PER[unit]
        if duration_us < SHORTEST_US:
            continue
        if end_us is not None and segment.end * US_PER[unit] > 20 * end_us + LONG_US:
            continue
        # Music under a longer film is asked for longer than it is; nobody asks for twenty times as much.
        most_us = None if segment.length_us is None else segment.length_us * (3 if duration_us > LONG_US else 20)
        if most_us is None or needed_us <= most_us:
            return unit
    return None


def _without_media(segments: Sequence[Timed], fps: int) -> tuple[Unit, str]:
    durations_ms = [segment.end - segment.start for segment in segments]
    if durations_ms and max(durations_ms) * US_PER["ms"] < US_PER["s"] / fps:
        return "s", _("in milliseconds every segment would be shorter than one frame")
    if durations_ms and min(durations_ms) * US_PER["ms"] > LONG_US:
        return "us", _("in milliseconds every segment would be longer than ten minutes")
    return "ms", _contradicted_by_nothing()


def _contradicted_by_nothing() -> str:
    return _("nothing in the draft tells, so milliseconds, as documented")
