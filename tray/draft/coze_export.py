"""Reads what Coze flows produce today: the Coze2JianYing export, in all its wrappers.

Two steps, because the unit of an export's times can only be told once its media is here: `read` finds the drafts
and checks them, coze_spec.to_spec turns one into a DraftSpec. The fields are coze_fields'.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from tray.draft import collecting, coze_fields, coze_keyframes, coze_said, spec
from tray.draft.coze_json import NotADraft, broken, drafts_in
from tray.draft.problems import DraftError, Notes, Problem, few, in_words, said_of, short
from tray.draft.source import Imported
from tray.draft.units import TimeUnit
from tray.locale import _

KINDS = ("video", "image", "audio", "text", "sticker", "effect", "filter")
MOST_DRAFTS, MOST_TRACKS, MOST_SEGMENTS = 1_000, 10_000, 100_000
_IS_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")


@dataclass(frozen=True, slots=True)
class CozeSegment:
    """A segment that can be built. `kind`: one of KINDS; a sticker that is given as a link is an image. `time` and
    `source` are start and end in the export's own numbers, None for what is not said."""

    place: spec.Place
    kind: str
    said: coze_said.Segment
    time: tuple[float | None, float | None]
    source: tuple[float | None, float | None]


@dataclass(frozen=True)
class CozeTrack:
    """`is_overlay`: pictures that were said as stickers."""

    muted: bool
    volume: float | None
    segments: list[CozeSegment]
    is_overlay: bool = False


@dataclass(frozen=True)
class CozeDraft:
    """One draft of an export, checked but for its times' unit: a source.Source. `key` is the same for the same draft
    said twice; `said` counts the segments it says, of every kind. `time_unit`: the setting."""

    number: int
    key: str
    name: str
    width: int = 1920
    height: int = 1080
    fps: int = 30
    background: str = ""
    said: int = 0
    time_unit: TimeUnit = "auto"
    tracks: list[CozeTrack] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def urls(self) -> Iterator[tuple[str, spec.Place]]:
        """Each media URL and the place that asks for it, in order."""
        for track in self.tracks:
            for segment in track.segments:
                if segment.kind in ("video", "image", "audio"):
                    yield segment.said.get("material_url") or "", segment.place

    def caption_urls(self) -> Iterator[tuple[str, spec.Place]]:
        """None: an export has its captions as text segments."""
        return iter(())

    def to_spec(self, lengths_us: Mapping[str, int | None]) -> Imported:
        """The draft as a spec. `lengths_us`: by URL the real length of its media, None for a picture."""
        from tray.draft import coze_spec

        with collecting.paused():
            return coze_spec.to_spec(self, lengths_us)

    @property
    def is_empty(self) -> bool:
        """It says no segments, and nothing is wrong: real exports hold such drafts."""
        return not self.problems and not self.said


def read(text: str, time_unit: TimeUnit = "auto") -> list[CozeDraft]:
    """The drafts in `text`, an export in any of its wrappers. Raises DraftError if it holds none."""
    with collecting.paused():
        found = _found(text)
        return [_draft(number, value, time_unit) for number, value in enumerate(found, 1)]


def holds_draft(text: str) -> bool:
    """Whether `text` as a whole is an export (a bot's answer may be one). Cheap for ordinary prose."""
    if '"tracks"' not in text and '\\"tracks' not in text:
        return False
    try:
        return any(not draft.is_empty for draft in read(text))
    except DraftError:
        return False


def _found(text: str) -> list[dict[str, Any] | NotADraft]:
    advice = _("Give the JSON that the Coze flow's export step produced, unchanged.")
    try:
        found = drafts_in(text)
    except (ValueError, RecursionError) as error:
        raise DraftError(_("This is not JSON: {error}").format(error=broken(error)), advice) from None
    if not found:
        raise DraftError(
            _("This JSON holds no draft: nothing in it has “tracks”, a “recipe”, an “srt” or “…_infos”."), advice
        )
    if len(found) > MOST_DRAFTS:
        raise DraftError(
            _("This JSON holds {n} drafts, more than {most}.").format(n=len(found), most=MOST_DRAFTS),
            _("Export them a few at a time."),
        )
    return found


def _draft(number: int, value: dict[str, Any] | NotADraft, time_unit: TimeUnit) -> CozeDraft:
    place = spec.Place(draft=number, path=f"drafts[{number - 1}]")
    if isinstance(value, NotADraft):
        problem = Problem(place, _("this is no draft: {value}").format(value=short(value.value)))
        return CozeDraft(number, f"none {number}", "", problems=[problem])
    findings = _Findings()
    try:
        key = hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
    except (orjson.JSONEncodeError, RecursionError):
        problem = Problem(place, _("it is nested too deeply, or holds a number beyond all bounds"))
        return CozeDraft(number, f"deep {number}", "", problems=[problem])
    project = _project(place, value.get("project"), findings)
    for name in sorted(value.keys() - coze_fields.DRAFT_KEYS):
        if not coze_fields.is_empty(value[name]):
            findings.warn(place, _("left off, nothing is known of it: {names}").format(names=short(name)))
    tracks, said = _tracks(place, value.get("tracks"), findings)
    return CozeDraft(
        number=number,
        key=key,
        name=(project.get("name") or "").strip()[:1000],
        width=round(project.get("width") or 1920),
        height=round(project.get("height") or 1080),
        fps=round(project.get("fps") or 30),
        background=(project.get("background_color") or "").strip(),
        said=said,
        time_unit=time_unit,
        tracks=tracks,
        problems=few(findings.problems, place),
        warnings=findings.warnings,
    )


class _Findings(Notes):
    """What is wrong with one draft, and what is left off it."""

    def wrong(self, place: spec.Place, message: str, of: str = "") -> None:
        """`of`: the field of the place, named before the message."""
        self.fail(place, said_of(of, message) if of else message, of)

    def invalid(self, place: spec.Place, error: ValidationError, within: str = "") -> None:
        for name, message in in_words(error):
            self.wrong(place, message, f"{within}.{name}" if within and name else within or name)


def _project(place: spec.Place, value: Any, findings: _Findings) -> coze_said.Project:
    if coze_fields.is_empty(value):
        return {}
    if not isinstance(value, dict):
        findings.wrong(place, _("{value} is not an object").format(value=short(value)), "project")
        return {}
    try:
        project = coze_fields.project(value)
    except ValidationError as error:
        findings.invalid(place, error, "project")
        return {}
    names = [f"project.{name}" for name in coze_fields.unknown(project, coze_said.Project)]
    _left_off(place, names, findings)
    return project


def _tracks(place: spec.Place, value: Any, findings: _Findings) -> tuple[list[CozeTrack], int]:
    """The tracks, and how many segments they say."""
    if coze_fields.is_empty(value):
        return [], 0
    if not isinstance(value, list):
        findings.wrong(place, _("{value} is not a list").format(value=short(value)), "tracks")
        return [], 0
    said = sum(len(_segments_of(track)) for track in value)
    if len(value) > MOST_TRACKS or said > MOST_SEGMENTS:
        text = _("it has {tracks} tracks and {segments} segments; the most are {most_tracks} and {most_segments}")
        text = text.format(tracks=len(value), segments=said, most_tracks=MOST_TRACKS, most_segments=MOST_SEGMENTS)
        findings.wrong(place, text)
        return [], said
    tracks: list[CozeTrack] = []
    for index, track in enumerate(value):
        where = spec.Place(draft=place.draft, track=index + 1, path=f"{place.path}.tracks[{index}]")
        tracks += _track(where, track, findings)
    return tracks, said


def _segments_of(track: Any) -> list[Any]:
    segments = track.get("segments") if isinstance(track, dict) else None
    return segments if isinstance(segments, list) else []


def _track(place: spec.Place, value: Any, findings: _Findings) -> list[CozeTrack]:
    """The track; two where some of its stickers are pictures."""
    if not isinstance(value, dict) or "segments" not in value or not isinstance(value["segments"] or [], list):
        findings.wrong(place, _("this is not a track (an object with “segments”)"))
        return []
    try:
        said = coze_fields.track(value)
    except ValidationError as error:
        findings.invalid(place, error)
        track_type = value.get("track_type")
        said = {"track_type": track_type if isinstance(track_type, str) else ""}
    _left_off(place, list(coze_fields.unknown(said, coze_said.Track)), findings)
    track_type = said.get("track_type") or ""
    segments: list[CozeSegment] = []
    overlays: list[CozeSegment] = []
    for index, one in enumerate(_segments_of(value)):
        segment = _segment(place, index, one, track_type, findings)
        if segment:
            was_sticker = segment.kind == "image" and (segment.said.get("type") or track_type) == "sticker"
            (overlays if was_sticker else segments).append(segment)
    volume = said.get("volume")
    is_loudness = isinstance(volume, (int, float)) and not isinstance(volume, bool) and 0 <= volume <= 1000
    if volume is not None and not is_loudness:
        findings.warn(place, _("the volume {value} is no loudness and is ignored").format(value=short(volume)))
        volume = None
    muted = bool(said.get("muted"))
    tracks = [CozeTrack(muted, volume, segments)]
    return [*tracks, CozeTrack(muted, volume, overlays, is_overlay=True)] if overlays else tracks


def _segment(track: spec.Place, index: int, value: Any, track_type: str, findings: _Findings) -> CozeSegment | None:
    """The segment, or None with the reason among the findings."""
    place = _place_of(track, index, value)
    if not isinstance(value, dict):
        findings.wrong(place, _("this is no segment: {value}").format(value=short(value)))
        return None
    try:
        said = coze_fields.segment(value)
    except ValidationError as error:
        findings.invalid(place, error)
        return None
    kind = (said.get("type") or track_type).strip().lower()
    if kind not in KINDS:
        findings.wrong(place, _("“{kind}” is no kind of segment that is known").format(kind=short(kind)), "type")
        return None
    _left_off(place, list(coze_fields.unknown(said)), findings)
    if kind == "text" and not (said.get("content") or "").strip():
        findings.warn(place, _("left out, it has no text"))
        return None
    time = _range(said.get("time_range"))
    # The others have no length of their own; what is said of one means nothing.
    source = _range(said.get("material_range")) if kind in ("video", "audio") else (None, None)
    wrong = [*_wrong_content(kind, said), *_wrong_times("time_range", *time), *_wrong_times("material_range", *source)]
    try:
        said["keyframes"] = coze_keyframes.read(said.get("keyframes"))
    except coze_keyframes.KeyframeError as error:
        wrong.append((error.field, str(error)))
    for name, message in wrong:
        findings.wrong(place, message, name)
    said["material_url"] = (said.get("material_url") or "").strip()
    if kind == "sticker" and not sticker_id(said):
        findings.warn(place, _("a sticker is an id in JianYing; this link is placed as a picture"))
        kind = "image"
    return None if wrong else CozeSegment(place, kind, said, time, source)


def _place_of(track: spec.Place, index: int, value: Any) -> spec.Place:
    said = value if isinstance(value, dict) else {}
    url, own_id = said.get("material_url"), said.get("id")
    return spec.Place(
        draft=track.draft,
        track=track.track,
        segment=index + 1,
        id=short(own_id, 100) if own_id else None,
        url=_short_url(url) if isinstance(url, str) and url else None,
        path=f"{track.path}.segments[{index}]",
    )


def _wrong_content(kind: str, said: coze_said.Segment) -> Iterator[tuple[str, str]]:
    """What the kind can't be without, and why it is not there."""
    effects = said.get("effects") or {}
    needed = {
        "effect": ("effect_type", said.get("effect_type")),
        "filter": ("filter_type", effects.get("filter_type")),
        "sticker": ("resource_id", sticker_id(said) or said.get("material_url")),
        "text": ("content", said.get("content")),
    }
    name, found = needed.get(kind, ("material_url", said.get("material_url")))
    if not (found or "").strip():
        yield name, _("it is missing")


def sticker_id(said: coze_said.Segment) -> str:
    """JianYing's id of the sticker, which flows put where a medium has its link."""
    for name in (said.get("resource_id"), said.get("material_url"), said.get("content")):
        if name and _IS_ID.fullmatch(name.strip()):
            return name.strip()
    return ""


def _wrong_times(name: str, start: float | None, end: float | None) -> Iterator[tuple[str, str]]:
    if (start is not None and start < 0) or (end is not None and end < 0):
        yield name, _("it is negative ({start:g} to {end:g})").format(start=start or 0, end=end or 0)
    elif end is not None and end <= (start or 0):
        yield name, _("it has no length ({start:g} to {end:g})").format(start=start or 0, end=end)


def _range(said: coze_said.Range | None) -> tuple[float | None, float | None]:
    """Start and end in the export's own numbers, None for what is not said."""
    if not said:
        return None, None
    start, end, duration = said.get("start"), said.get("end"), said.get("duration")
    if end is None and duration is not None:
        return start, (start or 0) + duration
    return start, end


def _left_off(place: spec.Place, names: list[str], findings: _Findings) -> None:
    if names:
        text = _("left off, nothing is known of it: {names}")
        findings.warn(place, text.format(names=short(_(", ").join(sorted(names)), 300)))


def _short_url(url: str) -> str:
    """The link as messages show it: a data: URL may be megabytes long."""
    return url if len(url) <= 2000 else f"{url[:100]}…"
