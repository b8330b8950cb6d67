"""Fits segments to their media's real length, and the segments of one track to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tray.draft.probe import Probe
from tray.draft.problems import Problem, name_of, said_of
from tray.draft.spec import AudioSegment, DraftSpec, Segment, Span, TextSegment, Track, VisualSegment
from tray.locale import _

TRIMMED_FRAMES = 2
"""Speech lengths are rounded, so neighbours overlap by this much without meaning to."""

SLOWEST, FASTEST = 0.1, 100.0
"""JianYing's range of speeds."""


@dataclass(frozen=True)
class Placed:
    """A segment with its final times. `source` None and `speed` 1 for text; `probe` None for text."""

    segment: Segment
    target: Span
    source: Span | None
    speed: float
    probe: Probe | None


@dataclass(frozen=True)
class Lane:
    """A track of the finished draft: segments in time order, none over another."""

    kind: str
    muted: bool
    placed: list[Placed]


@dataclass(frozen=True)
class Arranged:
    lanes: list[Lane]
    main_track_has_gaps: bool
    problems: list[Problem]
    warnings: list[str]


def arrange(spec: DraftSpec, probes: Mapping[str, Probe]) -> Arranged:
    """Every segment of `spec` whose media is here on a track where it fits. `probes`: by URL what each file is."""
    frame_us = round(1_000_000 / spec.fps)
    problems: list[Problem] = []
    warnings: list[str] = []
    lanes: list[Lane] = []
    for track in spec.tracks:
        fitted: list[Placed] = []
        for segment in track.segments:
            if not isinstance(segment, TextSegment) and segment.url not in probes:
                continue  # its media can't be had, which was said where it was fetched
            placed = _fit(segment, probes, frame_us, warnings)
            if isinstance(placed, Problem):
                problems.append(placed)
            else:
                fitted.append(placed)
        lanes += _lanes(track, fitted, frame_us, warnings)
    main = next((lane.placed for lane in lanes if lane.kind == "visual"), [])
    return Arranged(lanes, _has_gaps(main), problems, warnings)


def _fit(segment: Segment, probes: Mapping[str, Probe], frame_us: int, warnings: list[str]) -> Placed | Problem:
    """The segment with the part of its media that it plays."""
    if isinstance(segment, TextSegment):
        return Placed(segment, segment.target, None, 1.0, None)
    probe = probes[segment.url]
    if isinstance(segment, AudioSegment) != (probe.kind == "audio"):
        return Problem(segment.place, _wrong_kind(segment, probe))
    target = segment.target
    if probe.length_us is None:
        return Placed(segment, target, Span(start_us=0, duration_us=target.duration_us), 1.0, probe)

    def warn(text: str) -> None:
        warnings.append(said_of(name_of(segment.place), text))

    source, speed = _source(segment)
    if not SLOWEST <= speed <= FASTEST:
        warn(_("its material_range and time_range imply a speed of {speed:.4g}×; it plays at 1×").format(speed=speed))
        speed = 1.0
    wanted_us = max(1, round(target.duration_us * speed))
    if abs(source.duration_us - wanted_us) > frame_us * max(speed, 1.0):
        if source.duration_us > wanted_us:
            warn(_("its material_range is longer than its time at {speed:g}×; it is cut").format(speed=speed))
            source = Span(start_us=source.start_us, duration_us=wanted_us)
        else:
            warn(_("its material_range is shorter than its time at {speed:g}×; it ends earlier").format(speed=speed))
            target = Span(start_us=target.start_us, duration_us=max(1, round(source.duration_us / speed)))
    else:
        source = Span(start_us=source.start_us, duration_us=wanted_us)

    if source.start_us >= probe.length_us:
        return Problem(
            segment.place,
            _("it plays its media from {start:.2f} s on, which is only {length:.2f} s long").format(
                start=source.start_us / 1e6, length=probe.length_us / 1e6
            ),
        )
    if source.end_us > probe.length_us:
        source = Span(start_us=source.start_us, duration_us=probe.length_us - source.start_us)
        shortened = max(1, round(source.duration_us / speed))
        if target.duration_us - shortened > frame_us:
            warn(
                _("its media is only {length:.2f} s long; it is shown for {now:.2f} s instead of {said:.2f} s").format(
                    length=probe.length_us / 1e6, now=shortened / 1e6, said=target.duration_us / 1e6
                )
            )
        target = Span(start_us=target.start_us, duration_us=shortened)
    return Placed(segment, target, source, speed, probe)


def _source(segment: VisualSegment | AudioSegment) -> tuple[Span, float]:
    """What the segment says of its media: the part to play and the speed."""
    if segment.source is None:
        speed = segment.speed or 1.0
        return Span(start_us=0, duration_us=max(1, round(segment.target.duration_us * speed))), speed
    return segment.source, segment.speed or segment.source.duration_us / segment.target.duration_us


def _wrong_kind(segment: Segment, probe: Probe) -> str:
    names = {"image": _("a picture"), "video": _("a video"), "audio": _("a sound")}
    wanted = names["audio"] if isinstance(segment, AudioSegment) else _("a picture or a video")
    return _("its media is {found}, {wanted} is needed").format(found=names[probe.kind], wanted=wanted)


def _lanes(track: Track, fitted: Sequence[Placed], frame_us: int, warnings: list[str]) -> list[Lane]:
    """One lane where nothing overlaps; a further one, above it, for each layer of what does."""
    lanes: list[Lane] = []
    for placed in sorted(fitted, key=lambda p: p.target.start_us):
        where = name_of(placed.segment.place)
        for number, lane in enumerate(lanes):
            before = lane.placed[-1]
            overlap_us = before.target.end_us - placed.target.start_us
            if overlap_us > 0 and number == 0 and overlap_us <= TRIMMED_FRAMES * frame_us < before.target.duration_us:
                lane.placed[-1] = _trimmed(before, overlap_us)
                warnings.append(
                    _("{place}: it reaches {ms:.0f} ms into the next segment and is trimmed").format(
                        place=name_of(before.segment.place), ms=overlap_us / 1000
                    )
                )
                overlap_us = 0
            if overlap_us <= 0:
                lane.placed.append(placed)
                if number:
                    warnings.append(_("{place}: it overlaps and is on a track of its own").format(place=where))
                break
        else:
            if lanes:
                warnings.append(_("{place}: it overlaps and is on a track of its own").format(place=where))
            lanes.append(Lane(track.kind, track.muted, [placed]))
    return lanes


def _trimmed(placed: Placed, by_us: int) -> Placed:
    target = Span(start_us=placed.target.start_us, duration_us=placed.target.duration_us - by_us)
    source = placed.source and Span(
        start_us=placed.source.start_us, duration_us=max(1, placed.source.duration_us - round(by_us * placed.speed))
    )
    return replace(placed, target=target, source=source)


def _has_gaps(placed: Sequence[Placed]) -> bool:
    """Whether JianYing's magnetic main track would shift anything: it closes gaps, one before the start included."""
    end_us = 0
    for one in placed:
        if one.target.start_us > end_us:
            return True
        end_us = one.target.end_us
    return False
