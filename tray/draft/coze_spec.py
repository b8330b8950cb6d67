"""Turns a draft of a Coze2JianYing export, once its media is here, into a DraftSpec in microseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tray.draft import coze_style, spec
from tray.draft.coze_export import CozeDraft, CozeSegment, CozeTrack, SaidRange, SaidTransform
from tray.draft.problems import Problem, name_of, said_of
from tray.draft.units import US_PER, Timed, Unit, settle
from tray.locale import _

LONGEST_US = 24 * 3600 * 1_000_000
"""A segment longer than a day is a mistake in the export."""


LOUDEST = 10.0
"""JianYing's loudest is +20 dB, ten times."""


@dataclass(frozen=True)
class Imported:
    """A draft in microseconds, without the segments that have problems; and what was guessed or left off on the way."""

    spec: spec.DraftSpec
    time_unit: str
    time_unit_reason: str
    problems: list[Problem]
    warnings: list[str]


def to_spec(draft: CozeDraft, lengths_us: Mapping[str, int | None]) -> Imported:
    """`draft` in microseconds. `lengths_us`: by URL the real length of its media, None for a picture."""
    segments = [segment for track in draft.tracks for segment in track.segments]
    settled = settle([_timed(segment, lengths_us) for segment in segments], draft.fps)
    unit_of = {id(segment): unit for segment, unit in zip(segments, settled.units, strict=True)}
    problems, warnings = list(draft.problems), list(draft.warnings)
    tracks: list[spec.Track] = []
    for track in draft.tracks:
        for kind in dict.fromkeys(segment.kind for segment in track.segments):
            built: list[spec.Segment] = []
            for segment in (one for one in track.segments if one.kind == kind):
                try:
                    made, warned = _segment(segment, unit_of[id(segment)], track, draft)
                except _UnusableError as error:
                    problems.append(Problem(segment.place, str(error)))
                    continue
                built.append(made)
                warnings += [said_of(name_of(segment.place), warning) for warning in warned]
            tracks.append(spec.Track(kind=kind, muted=track.muted, segments=tuple(built)))
    # JianYing has text above every picture, whatever the order in which a flow says them.
    tracks.sort(key=lambda track: ("visual", "audio", "text").index(track.kind))
    whole = spec.DraftSpec(
        name=draft.name, width=draft.width, height=draft.height, fps=draft.fps, tracks=tuple(tracks)
    )  # fmt: skip
    return Imported(whole, settled.unit, settled.reason, problems, warnings)


class _UnusableError(Exception):
    """What is wrong with one segment, in words."""


def _speed_of(segment: CozeSegment) -> float | None:
    said = segment.said
    own, other = (said.audio, said.speed) if segment.kind == "audio" else (said.speed, said.audio)
    return own.speed if own.speed is not None else other.speed


def _timed(segment: CozeSegment, lengths_us: Mapping[str, int | None]) -> Timed:
    said = segment.said
    assert said.time_range is not None  # noqa: S101 - _checked refuses a segment without one
    length_us = None if segment.kind == "text" else lengths_us.get(said.material_url)
    source_end = said.material_range.end if said.material_range else None
    return Timed(said.time_range.start, said.time_range.end, source_end, _speed_of(segment) or 1.0, length_us)


def _segment(
    segment: CozeSegment, unit: Unit, track: CozeTrack, draft: CozeDraft
) -> tuple[spec.Segment, list[str]]:  # fmt: skip
    said, warnings = segment.said, []
    if segment.left_off:
        warnings.append(_("left off, not built by this version: {what}").format(what=segment.left_off))
    assert said.time_range is not None  # noqa: S101 - _checked refuses a segment without one
    target = _span(said.time_range, unit)
    source = _span(said.material_range, unit) if said.material_range else None
    clip = _clip(said.transform, draft, warnings)
    # Samples say the same loudness on the track and on its segments, so the track's counts only where theirs is absent.
    own = next((v for v in (said.audio.volume, said.volume, track.volume) if v is not None), 1.0)
    if own > LOUDEST:
        warnings.append(_("the volume {value:g} was taken for percent").format(value=own))
        own /= 100
    if segment.kind == "text":
        style = coze_style.text_style(said.style, said.alignment, warnings)
        return spec.TextSegment(place=segment.place, text=said.content, target=target, clip=clip, style=style), warnings
    if segment.kind == "audio":
        audio = spec.AudioSegment(
            place=segment.place, url=said.material_url, target=target, source=source, speed=_speed_of(segment),
            volume=own, change_pitch=said.audio.change_pitch,
        )  # fmt: skip
        return audio, warnings
    visual = spec.VisualSegment(
        place=segment.place, url=said.material_url, target=target, source=source, speed=_speed_of(segment),
        volume=own, clip=clip,
    )  # fmt: skip
    return visual, warnings


def _span(said: SaidRange, unit: Unit) -> spec.Span:
    end = said.end * US_PER[unit]
    if end > LONGEST_US:
        text = _("it ends after {hours:.0f} hours; a timeline can be a day long")
        raise _UnusableError(text.format(hours=end / 3600e6))
    start_us, end_us = round(said.start * US_PER[unit]), round(end)
    if end_us <= start_us:
        raise _UnusableError(_("it is shorter than a microsecond"))
    return spec.Span(start_us=start_us, duration_us=end_us - start_us)


def _clip(said: SaidTransform, draft: CozeDraft, warnings: list[str]) -> spec.Clip:
    x, y = said.position_x, said.position_y
    if max(abs(x), abs(y)) > 5:  # half canvases; nobody places a picture five screens away
        warnings.append(_("position {x:g}, {y:g} was taken for pixels").format(x=x, y=y))
        x, y = x / (draft.width / 2), y / (draft.height / 2)
    both = said.scale if said.scale is not None else 1.0
    return spec.Clip(
        x=x,
        y=y,
        scale_x=said.scale_x if said.scale_x is not None else both,
        scale_y=said.scale_y if said.scale_y is not None else both,
        rotation_deg=said.rotation,
        opacity=said.opacity,
    )
