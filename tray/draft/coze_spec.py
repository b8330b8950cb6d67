"""Turns a draft of a Coze2JianYing export, once its media is here, into a DraftSpec in microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType

from pydantic import ValidationError
from typing_extensions import TypedDict

from tray.draft import coze_fields, coze_keyframes, coze_looks, coze_said, coze_style, spec
from tray.draft.coze_export import CozeDraft, CozeSegment, CozeTrack, sticker_id
from tray.draft.problems import Notes, Problem, few, in_words, said_of, short
from tray.draft.source import Imported
from tray.draft.spec import Keyframes
from tray.draft.units import US_PER, Settled, Timed, Unit, settle
from tray.locale import _

_FROM_BELOW: tuple[spec.TrackKind, ...] = ("video", "audio", "effect", "filter", "sticker", "text")
"""JianYing has text above every picture, whatever the order in which a flow says them."""


def to_spec(draft: CozeDraft, lengths_us: Mapping[str, int | None]) -> Imported:
    """`draft` in microseconds. `lengths_us`: by URL the real length of its media, None for a picture."""
    ranged: list[CozeSegment] = []
    timed: list[Timed] = []
    for track in draft.tracks:
        for segment in track.segments:
            one = _timed(segment, lengths_us)
            if one:
                ranged.append(segment)
                timed.append(one)
    settled = settle(timed, draft.fps, draft.time_unit)
    desk = _Desk(draft, _units(ranged, settled), settled.usual, _in_percent(draft), Notes())
    problems = list(draft.problems)
    tracks: list[tuple[tuple[int, bool], spec.Track]] = []
    for track in draft.tracks:
        by_kind: dict[spec.TrackKind, list[spec.Segment]] = {}
        for segment in track.segments:
            try:
                made = _segment(segment, track, desk)
            except _UnusableError as error:
                problems.append(Problem(segment.place, said_of(error.field, str(error)), error.field))
            except ValidationError as error:  # a number that only the conversion takes beyond the spec's limits
                problems += _beyond(segment.place, error)
            else:
                by_kind.setdefault("video" if made.kind == "image" else made.kind, []).append(made)
        for kind, segments in by_kind.items():
            order = (_FROM_BELOW.index(kind), track.is_overlay)
            tracks.append((order, spec.Track(kind=kind, muted=track.muted, segments=tuple(segments))))
    tracks.sort(key=lambda pair: pair[0])
    background = coze_looks.canvas(draft.background, draft.number, desk.notes)
    whole = spec.DraftSpec(
        name=draft.name, width=draft.width, height=draft.height, fps=draft.fps, background=background,
        tracks=tuple(track for _order, track in tracks),
    )  # fmt: skip
    warnings = [*draft.warnings, *desk.notes.warnings]
    few_problems = few(problems, spec.Place(draft=draft.number, path=f"drafts[{draft.number - 1}]"))
    return Imported(whole, settled.unit, settled.reason, few_problems, warnings)


def _beyond(place: spec.Place, error: ValidationError) -> Iterator[Problem]:
    """In the export's words: the spec's are not what the user wrote."""
    group = {"Clip": "transform", "Crop": "crop", "TextStyle": "style", "Keyframe": "keyframes"}.get(error.title, "")
    for name, text in in_words(error):
        field = group or name
        yield Problem(place, said_of(field, text), field)


@dataclass(frozen=True)
class _Desk:
    """What every segment of a draft needs: the units by place, the usual one, whether its volumes are in percent, and
    where to note guesses."""

    draft: CozeDraft
    units: Mapping[str, Unit]
    usual: Unit
    in_percent: bool
    notes: Notes


class _UnusableError(Exception):
    """What is wrong with one segment, in words, and with which field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _timed(segment: CozeSegment, lengths_us: Mapping[str, int | None]) -> Timed | None:
    """The segment's times for `settle`; None where it does not say when it ends."""
    (start, end), (_source_start, source_end) = segment.time, segment.source
    if end is None:
        return None
    has_media = segment.kind in ("video", "image", "audio")
    length_us = lengths_us.get(segment.said.get("material_url") or "") if has_media else None
    if source_end is not None:
        source_end *= _source_factor(segment)
    return Timed(start or 0.0, end, source_end, _speed_of(segment) or 1.0, length_us)


def _units(segments: Sequence[CozeSegment], settled: Settled) -> dict[str, Unit]:
    return {segment.place.path: unit for segment, unit in zip(segments, settled.units, strict=True)}


def _source_factor(segment: CozeSegment) -> float:
    """By how much the numbers of the source range must be multiplied to be in the unit of the time range: a power of
    1000 where one is in another unit, so that nothing is played a thousand times too fast."""
    (start, end), (source_start, source_end) = segment.time, segment.source
    if end is None or source_end is None:
        return 1.0
    ratio = (source_end - (source_start or 0)) / ((end - (start or 0)) * (_speed_of(segment) or 1.0))
    return next((factor for factor in (1e-6, 1e-3, 1e3, 1e6) if 0.5 <= ratio * factor <= 2), 1.0)


def _speed_of(segment: CozeSegment) -> float | None:
    said = segment.said
    video, audio = (said.get("speed") or {}).get("speed"), (said.get("audio") or {}).get("speed")
    own, other = (audio, video) if segment.kind == "audio" else (video, audio)
    return own if own is not None else other


def _segment(segment: CozeSegment, track: CozeTrack, desk: _Desk) -> spec.Segment:
    """Raises _UnusableError, or ValidationError where a number is beyond the spec's limits."""
    said, place, notes = segment.said, segment.place, desk.notes
    unit = desk.units.get(place.path, desk.usual)
    start_us, duration_us = _target(segment, unit)
    may_guess = desk.draft.time_unit == "auto"
    times = coze_looks.Times(unit, duration_us, may_guess)
    canvas = desk.draft.width, desk.draft.height
    left_off = [*coze_fields.without_effect(segment.kind, said)]
    if said.get("keyframes"):
        left_off += coze_keyframes.without_effect(segment.kind, said["keyframes"])
    if left_off:
        text = _("left off, {kind} segments have no {names}")
        notes.warn(place, text.format(kind=segment.kind, names=_(", ").join(sorted(left_off))))
    timing: _Timing = {"place": place, "start_us": start_us, "duration_us": duration_us}
    moved: Keyframes = {}
    if said.get("keyframes"):
        at = coze_keyframes.Times(unit, start_us, duration_us, may_guess)
        moved = coze_keyframes.keyframes(said["keyframes"], segment.kind, place, at, canvas, notes)
    if segment.kind == "effect":
        return spec.EffectSegment(**timing, effect=_effect(segment, notes))
    if segment.kind == "filter":
        found = coze_looks.filter_(said, place, notes)
        if found is None:
            raise _UnusableError("filter_type", _("it is missing"))
        return spec.FilterSegment(**timing, filter=found)
    if segment.kind == "audio":
        return spec.AudioSegment(**timing, **_played(segment, track, times, desk), keyframes=moved,
                                 effects=_sound_effects(said, place, notes))  # fmt: skip
    clip = coze_looks.clip(said.get("transform"), canvas, place, notes)
    if segment.kind == "sticker":
        return spec.StickerSegment(**timing, sticker=sticker_id(said), clip=clip, keyframes=moved)
    animations = coze_looks.animations(said, times, place, notes)
    intro, outro, loop = animations.get("intro"), animations.get("outro"), animations.get("loop")
    if segment.kind == "text":
        style = coze_style.text_style(said.get("style") or {}, said.get("alignment"), clip.opacity, place, notes)
        if clip.opacity != 1:
            clip = clip.model_copy(update={"opacity": 1.0})
        return spec.TextSegment(**timing, text=said.get("content") or "", clip=clip, style=style, intro=intro,
                                outro=outro, loop=loop, keyframes=moved)  # fmt: skip
    filters = coze_looks.filter_(said, place, notes)
    return spec.VisualSegment(
        **timing,
        **_played(segment, track, times, desk),
        kind="image" if segment.kind == "image" else "video",
        clip=clip,
        crop=coze_looks.crop(said.get("crop")),
        fit=coze_looks.fit(said, place, notes),
        transition=coze_looks.transition(said, times, place, notes),
        intro=intro,
        outro=outro,
        group=loop,
        filters=(filters,) if filters else (),
        fill=coze_looks.fill(said, place, notes),
        keyframes=moved,
    )


class _Timing(TypedDict):
    place: spec.Place
    start_us: int | None
    duration_us: int | None


class _Played(TypedDict):
    media: str
    source_start_us: int
    source_duration_us: int | None
    speed: float | None
    change_pitch: bool
    volume: float
    fade_in_us: int
    fade_out_us: int
    reverse: bool


def _played(segment: CozeSegment, track: CozeTrack, times: coze_looks.Times, desk: _Desk) -> _Played:
    said, place, notes = segment.said, segment.place, desk.notes
    audio = said.get("audio") or {}
    start_us, duration_us = 0, None
    source_start, source_end = segment.source
    factor = _source_factor(segment)
    if factor != 1:
        notes.warn(place, _("material_range was taken for another unit than time_range"), "source unit")
    per = US_PER[times.unit] * factor
    if source_start is not None:
        start_us = _bounded_us(source_start * per, "material_range")
    if source_end is not None:
        duration_us = _bounded_us(source_end * per, "material_range") - start_us
        if duration_us <= 0:
            raise _UnusableError("material_range", _("it is shorter than a microsecond"))
    volume = _volume(segment, track)
    if volume > 1 and desk.in_percent:
        notes.warn(place, _("the volume {value:g} was taken for percent").format(value=volume), "volume percent")
        volume /= 100
    is_picture = segment.kind == "image"
    return {
        "media": said.get("material_url") or "",
        "source_start_us": start_us,
        "source_duration_us": duration_us,
        "speed": None if is_picture else _speed_of(segment),
        "change_pitch": bool(audio.get("change_pitch")),
        "volume": volume,
        "fade_in_us": coze_looks.length_us(audio.get("fade_in"), "fade_in", times, place, notes) or 0,
        "fade_out_us": coze_looks.length_us(audio.get("fade_out"), "fade_out", times, place, notes) or 0,
        "reverse": bool((said.get("speed") or {}).get("reverse")),
    }


def _volume(segment: CozeSegment, track: CozeTrack) -> float:
    """In the export's own number. Samples say the same loudness on the track and on its segments, so the track's counts
    only where theirs is absent."""
    said = (segment.said.get("audio") or {}).get("volume"), segment.said.get("volume"), track.volume
    return next((volume for volume in said if volume is not None), 1.0)


def _in_percent(draft: CozeDraft) -> bool:
    """Whether the volumes are in percent: one is beyond all that JianYing can play."""
    return any(_volume(segment, track) > spec.LOUDEST for track in draft.tracks for segment in track.segments)


def _sound_effects(said: coze_said.Segment, place: spec.Place, notes: Notes) -> tuple[spec.Effect, ...]:
    audio = said.get("audio") or {}
    name = coze_looks.name_said(audio.get("effect_type") or said.get("effect_type"))
    if name is None:
        return ()
    if audio.get("effect_intensity") not in (None, 1):
        text = _("effect_intensity {value:g} is left off: each of JianYing's sound effects has settings of its own")
        notes.warn(place, text.format(value=audio.get("effect_intensity")))
    return (spec.Effect(name=name),)


def _effect(segment: CozeSegment, notes: Notes) -> spec.Effect:
    """Its `properties` have no documented meaning, not even to those who write them."""
    said = segment.said
    name = coze_looks.name_said(said.get("effect_type"))
    if name is None:
        raise _UnusableError("effect_type", _("it is missing"))
    properties = said.get("properties")
    asked = {"intensity": said.get("intensity"), **(properties if isinstance(properties, dict) else {})}
    names = sorted(key for key, value in asked.items() if not coze_fields.is_empty(value) and value not in (0, 1))
    if names or not isinstance(properties, (dict, NoneType)):
        text = _("the effect's own settings are left off, JianYing's effects have others: {names}")
        notes.warn(segment.place, text.format(names=short(_(", ").join(names) or properties, 300)))
    return spec.Effect(name=name)


def _target(segment: CozeSegment, unit: Unit) -> tuple[int | None, int | None]:
    start, end = segment.time
    if end is None:
        return (None if start is None else _bounded_us(start * US_PER[unit], "time_range")), None
    start_us = round((start or 0.0) * US_PER[unit])
    end_us = _bounded_us(end * US_PER[unit], "time_range")
    if end_us <= start_us:
        raise _UnusableError("time_range", _("it is shorter than a microsecond"))
    return start_us, end_us - start_us


def _bounded_us(time_us: float, field: str) -> int:
    if time_us > spec.LONGEST_US:
        text = _("it ends after {hours:.0f} hours; a timeline can be a day long")
        raise _UnusableError(field, text.format(hours=time_us / 3600e6))
    return round(time_us)
