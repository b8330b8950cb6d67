"""Fits segments to their media's real length, and the segments of one track to each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tray.draft.probe import Probe
from tray.draft.problems import Notes
from tray.draft.spec import FASTEST, LONGEST_US, SLOWEST, AudioSegment, Segment, Track, VisualSegment
from tray.locale import _

PICTURE_US = 5_000_000
"""How long a picture without a duration is shown; JianYing's own default."""
OTHER_US = 3_000_000
"""How long a caption, sticker, effect or filter without a duration is."""
TRIMMED_FRAMES = 2
"""Speech lengths are rounded, so neighbours overlap by this much without meaning to."""


MOST_LANES = 100
"""So many segments of one track at the same time; a draft with more tracks can't be worked on."""


@dataclass
class Placed:
    """A segment on its way to being resolved: its times so far, what else of it changes, and whether it is left off as
    a whole. `probe` None: it has no media."""

    segment: Segment
    probe: Probe | None
    start_us: int
    duration_us: int
    source_start_us: int = 0
    source_duration_us: int = 0
    speed: float = 1.0
    changes: dict[str, Any] = field(default_factory=dict)
    is_left_off: bool = False

    @property
    def end_us(self) -> int:
        return self.start_us + self.duration_us


def in_time(track: Track, probes: Mapping[str, Probe], frame_us: int, notes: Notes) -> list[Placed]:
    """The segments of `track` with their times, in the order said. What has no media in `probes` is left out: why, was
    said where it was fetched."""
    placed: list[Placed] = []
    end_us = 0
    for segment in track.segments:
        probe = None
        if isinstance(segment, (VisualSegment, AudioSegment)):
            probe = probes.get(segment.media)
            if probe is None:
                continue
            if isinstance(segment, AudioSegment) != (probe.kind == "audio"):
                notes.fail(segment.place, _wrong_kind(segment, probe), "media")
                continue
        start_us = end_us if segment.start_us is None else segment.start_us
        one = Placed(segment, probe, start_us, segment.duration_us or _usual_us(segment, probe))
        if isinstance(segment, (VisualSegment, AudioSegment)) and probe and probe.length_us is not None:
            if not _fit(one, segment, probe.length_us, frame_us, notes):
                continue
        else:
            one.source_duration_us = one.duration_us
        end_us = one.end_us
        if end_us > LONGEST_US:
            notes.fail(segment.place, _("it ends after {hours:.0f} hours; a timeline can be a day long").format(
                hours=end_us / 3600e6))  # fmt: skip
            continue
        placed.append(one)
    return placed


def lanes(placed: Sequence[Placed], frame_us: int, notes: Notes) -> list[list[Placed]]:
    """One lane where nothing overlaps; a further one, above it, for each layer of what does. Each in time order."""
    made: list[list[Placed]] = []
    for one in sorted(placed, key=lambda p: p.start_us):
        for number, lane in enumerate(made):
            before = lane[-1]
            overlap_us = before.end_us - one.start_us
            if overlap_us > 0 and number == 0 and overlap_us <= TRIMMED_FRAMES * frame_us < before.duration_us:
                _trim(before, overlap_us)
                text = _("it reaches {ms:.0f} ms into the next segment and is trimmed")
                notes.warn(before.segment.place, text.format(ms=overlap_us / 1000), "trimmed")
                overlap_us = 0
            if overlap_us <= 0:
                lane.append(one)
                if number:
                    notes.warn(one.segment.place, _("it overlaps and is on a track of its own"))
                break
        else:
            if len(made) == MOST_LANES:
                text = _("{n} segments of its track are shown at the same time already, which is the most")
                notes.fail(one.segment.place, text.format(n=MOST_LANES), "start")
                continue
            if made:
                notes.warn(one.segment.place, _("it overlaps and is on a track of its own"))
            made.append([one])
    return made


def has_gaps(lane: Iterable[Placed]) -> bool:
    """Whether JianYing's magnetic main track would shift anything: it closes gaps, one before the start included."""
    end_us = 0
    for one in lane:
        if one.start_us > end_us:
            return True
        end_us = one.end_us
    return False


def _usual_us(segment: Segment, probe: Probe | None) -> int:
    """The length of a segment that says none and has no media that does."""
    return PICTURE_US if probe is not None and isinstance(segment, VisualSegment) else OTHER_US


def _fit(
    one: Placed, segment: VisualSegment | AudioSegment, length_us: int, frame_us: int, notes: Notes
) -> bool:  # fmt: skip
    """Settle which part of its media, `length_us` long, the segment plays, and how fast. False: none of it."""
    source_us = segment.source_duration_us
    one.source_start_us = segment.source_start_us
    if one.source_start_us >= length_us:
        text = _("it plays its media from {start:.2f} s on, which is only {length:.2f} s long")
        notes.fail(segment.place, text.format(start=one.source_start_us / 1e6, length=length_us / 1e6), "source_start")
        return False
    left_us = length_us - one.source_start_us
    if segment.duration_us is None:  # play it all, or all of the part that is named
        one.speed = segment.speed or 1.0
        if source_us is not None and source_us > left_us + frame_us:
            text = _("its media is only {length:.2f} s long; it plays to its end")
            notes.warn(segment.place, text.format(length=length_us / 1e6), "to its end")
        one.source_duration_us = min(source_us or left_us, left_us)
        one.duration_us = max(1, round(one.source_duration_us / one.speed))
        return True

    one.speed = segment.speed or (source_us / one.duration_us if source_us else 1.0)
    if not SLOWEST <= one.speed <= FASTEST:
        text = _("its material_range and time_range imply a speed of {speed:.4g}×; it plays at 1×")
        notes.warn(segment.place, text.format(speed=one.speed), "implied speed")
        one.speed = 1.0
    one.source_duration_us = max(1, round(one.duration_us * one.speed))
    if source_us is not None and abs(source_us - one.source_duration_us) > frame_us * max(one.speed, 1.0):
        if source_us > one.source_duration_us:
            text, about = _("its material_range is longer than its time at {speed:g}×; it is cut"), "cut"
        else:
            text, about = _("its material_range is shorter than its time at {speed:g}×; it ends earlier"), "earlier"
            one.source_duration_us = source_us
            one.duration_us = max(1, round(source_us / one.speed))
        notes.warn(segment.place, text.format(speed=one.speed), about)
    elif source_us is not None and abs(source_us - one.source_duration_us) <= max(one.speed, 1.0):
        one.source_duration_us = source_us  # but for rounding it is as said
    if one.source_duration_us > left_us:
        said_us, one.source_duration_us = one.duration_us, left_us
        one.duration_us = max(1, round(left_us / one.speed))
        if said_us - one.duration_us > frame_us:
            text = _("its media is only {length:.2f} s long; it is shown for {now:.2f} s instead of {said:.2f} s")
            text = text.format(length=length_us / 1e6, now=one.duration_us / 1e6, said=said_us / 1e6)
            notes.warn(segment.place, text, "shown for")
    return True


def _wrong_kind(segment: Segment, probe: Probe) -> str:
    names = {"image": _("a picture"), "video": _("a video"), "audio": _("a sound")}
    wanted = names["audio"] if isinstance(segment, AudioSegment) else _("a picture or a video")
    return _("its media is {found}, {wanted} is needed").format(found=names[probe.kind], wanted=wanted)


def _trim(one: Placed, by_us: int) -> None:
    one.duration_us -= by_us
    one.source_duration_us = max(1, one.source_duration_us - round(by_us * one.speed))
