"""Times of an export beside those of its segments: short durations and keyframes, whose unit may be another.

Flows write a transition's 500 as the plugin's default has it, in milliseconds, into a draft whose ranges are
microseconds (Gardene-el/Coze2JianYing, coze_plugin/tools/make_image_info; the ranges are passed on unchanged).
"""

from __future__ import annotations

from collections.abc import Sequence

from tray.draft.spec import LONGEST_US
from tray.draft.units import DOCUMENTED_FIRST, US_PER, Unit

SHORTEST_US = 20_000
"""Shorter than a frame: nobody means a transition or a fade of that."""
LONGEST_SHORT_US = 60_000_000
"""Where the segment's own length is not known: longer than anybody fades."""


def short_us(value: float, unit: Unit, whole_us: int | None, may_guess: bool) -> tuple[int, Unit]:
    """`value`, a part of a segment of `whole_us`, in microseconds, and the unit in which it was taken: the segment's
    own, unless that makes no sense and another does. 0 stays 0."""
    most_us = whole_us or LONGEST_SHORT_US
    if may_guess and value > 0:
        for each in (unit, *DOCUMENTED_FIRST):
            if SHORTEST_US <= value * US_PER[each] <= most_us:
                return round(value * US_PER[each]), each
    return round(min(value * US_PER[unit], LONGEST_US)), unit


def keyframes_us(
    times: Sequence[float], unit: Unit, start_us: int | None, whole_us: int | None, may_guess: bool
) -> tuple[list[int], Unit, bool]:
    """Keyframe times in microseconds from the start of a segment that lies at `start_us` and is `whole_us` long; the
    unit in which they were taken, and whether they were times on the timeline."""
    tolerance_us = 1_000
    for each in (unit, *DOCUMENTED_FIRST) if may_guess else (unit,):
        at_us = [time * US_PER[each] for time in times]
        first_us, last_us = min(at_us), max(at_us)
        for offset_us in dict.fromkeys((start_us or 0, 0)):
            ends = whole_us is None or last_us <= offset_us + whole_us + tolerance_us
            fits = ends and offset_us <= first_us + tolerance_us
            # A movement that ends within the first frame is one in another unit; nothing but its start tells nothing.
            is_meant = not may_guess or last_us == offset_us or last_us - offset_us >= SHORTEST_US
            if fits and is_meant:
                return _within(at_us, offset_us, whole_us), each, offset_us > 0
    return _within([time * US_PER[unit] for time in times], 0, None), unit, False


def _within(at_us: Sequence[float], offset_us: int, whole_us: int | None) -> list[int]:
    most_us = LONGEST_US if whole_us is None else whole_us
    return [round(min(max(time - offset_us, 0), most_us)) for time in at_us]
