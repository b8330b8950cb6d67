"""Reads what Coze flows produce today: the Coze2JianYing export, in all its wrappers.

Two steps, because the unit of an export's times can only be told once its media is here: `read` finds the drafts
and checks them, coze_spec.to_spec turns one into a DraftSpec. The format: Gardene-el/Coze2JianYing, docs and
examples/json_output_samples; what differs in real exports is noted where it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from tray.draft import coze_style, spec
from tray.draft.coze_json import NotADraft, drafts_in
from tray.draft.coze_style import Group
from tray.draft.problems import DraftError, Problem, name_of
from tray.locale import _

_BUILT = {"video": "visual", "image": "visual", "audio": "audio", "text": "text"}
_NOT_BUILT_YET = {"sticker", "effect", "filter"}

_Number = Annotated[float, Field(ge=-1e15, le=1e15)]
_Factor = Annotated[float, Field(ge=-1e4, le=1e4)]
_Speed = Annotated[float, Field(ge=0.1, le=100)]
"""JianYing's own range."""
_Volume = Annotated[float, Field(ge=0, le=1000)]
_Id = Annotated[str, BeforeValidator(str)]


class SaidRange(Group):
    start: _Number
    end: _Number


class SaidTransform(Group):
    position_x: _Number = 0.0
    position_y: _Number = 0.0
    scale: _Factor | None = None
    scale_x: _Factor | None = None
    scale_y: _Factor | None = None
    rotation: _Number = 0.0
    opacity: float = Field(default=1.0, ge=0, le=1)


class SaidSpeed(Group):
    speed: _Speed | None = None


class SaidAudio(Group):
    volume: _Volume | None = None
    speed: _Speed | None = None
    change_pitch: bool = False


class SaidSegment(Group):
    """What a segment says, as far as it is built."""

    id: _Id | None = None
    type: str = ""
    material_url: str = ""
    content: str = ""
    time_range: SaidRange | None = None
    material_range: SaidRange | None = None
    transform: SaidTransform = SaidTransform()
    speed: SaidSpeed = SaidSpeed()
    audio: SaidAudio = SaidAudio()
    volume: _Volume | None = None
    style: coze_style.Style = coze_style.Style()
    alignment: str = "center"

    @field_validator("time_range", "material_range", mode="before")
    @classmethod
    def _absent(cls, value: Any) -> Any:
        """A range whose members are null is none."""
        is_empty = isinstance(value, dict) and value.get("start") is None and value.get("end") is None
        return None if is_empty else value


@dataclass(frozen=True)
class CozeSegment:
    """A segment that can be built. `kind`: visual, audio or text. `left_off`: what of it this version does not build,
    in words, "" for nothing."""

    place: spec.Place
    kind: str
    said: SaidSegment
    left_off: str


@dataclass(frozen=True)
class CozeTrack:
    muted: bool
    volume: float | None
    segments: list[CozeSegment]


@dataclass(frozen=True)
class CozeDraft:
    """One draft of an export, checked but for its times' unit. `key` is the same for the same draft said twice;
    `said` counts the segments it says, of every kind."""

    number: int
    key: str
    name: str
    width: int = 1920
    height: int = 1080
    fps: int = 30
    said: int = 0
    tracks: list[CozeTrack] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def urls(self) -> Iterator[tuple[str, spec.Place]]:
        """Each media URL and the place that asks for it, in order."""
        for track in self.tracks:
            for segment in track.segments:
                if segment.kind != "text":
                    yield segment.said.material_url, segment.place

    @property
    def is_empty(self) -> bool:
        """It says no segments, and nothing is wrong: real exports hold such drafts."""
        return not self.problems and not self.said


def read(text: str) -> list[CozeDraft]:
    """The drafts in `text`, an export in any of its wrappers. Raises DraftError if it holds none."""
    advice = _("Give the JSON that the Coze flow's export step produced, unchanged.")
    try:
        found = drafts_in(text)
    except (ValueError, RecursionError) as error:
        raise DraftError(_("This is not JSON: {error}").format(error=error), advice) from None
    if not found:
        raise DraftError(_("This JSON holds no draft: no object with “tracks” was found in it."), advice)
    return [_draft(number, value) for number, value in enumerate(found, 1)]


def holds_draft(text: str) -> bool:
    """Whether `text` as a whole is an export (a bot's answer may be one). Cheap for ordinary prose."""
    if '"tracks"' not in text and '\\"tracks' not in text:
        return False
    try:
        return any(not draft.is_empty for draft in read(text))
    except DraftError:
        return False


def _draft(number: int, value: dict[str, Any] | NotADraft) -> CozeDraft:
    place = spec.Place(draft=number)
    if isinstance(value, NotADraft):
        problem = Problem(place, _("this is no draft: {value}").format(value=_short(value.value)))
        return CozeDraft(number, f"none {number}", "", problems=[problem])
    problems: list[Problem] = []
    warnings: list[str] = []
    found: Any = value.get("project")
    project: dict[str, Any] = found if isinstance(found, dict) else {}
    tracks = value.get("tracks") or []
    if not isinstance(tracks, list):
        problems.append(Problem(place, _("“tracks” is no list: {value}").format(value=_short(tracks))))
        tracks = []

    def whole(key: str, default: int, least: int, most: int) -> int:
        said = project.get(key)
        if said is None:
            return default
        if isinstance(said, (int, float)) and least <= said <= most:
            return round(said)
        text = _("project.{key} is {value}, not {least} to {most}")
        problems.append(Problem(place, text.format(key=key, value=_short(said), least=least, most=most)))
        return default

    made = [
        _track(place.model_copy(update={"track": index}), track, problems, warnings)
        for index, track in enumerate(tracks, 1)
    ]
    draft = CozeDraft(
        number=number,
        key=hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest(),
        name=str(project.get("name") or ""),
        width=whole("width", 1920, 16, 16384),
        height=whole("height", 1080, 16, 16384),
        fps=whole("fps", 30, 1, 240),
        said=sum(len(_segments_of(track)) for track in tracks),
        tracks=made,
        problems=problems,
        warnings=warnings,
    )
    if draft.said and not problems and not any(track.segments for track in made):
        problems.append(Problem(place, _("nothing in it can be built by this version: {what}").format(
            what="; ".join(warnings))))  # fmt: skip
    return draft


def _segments_of(track: Any) -> list[Any]:
    segments = track.get("segments") if isinstance(track, dict) else None
    return segments if isinstance(segments, list) else []


def _track(place: spec.Place, value: Any, problems: list[Problem], warnings: list[str]) -> CozeTrack:
    if not isinstance(value, dict) or "segments" not in value or not isinstance(value["segments"] or [], list):
        problems.append(Problem(place, _("this is not a track (an object with “segments”)")))
        return CozeTrack(False, None, [])
    segments: list[CozeSegment] = []
    for index, said in enumerate(_segments_of(value), 1):
        where = place.model_copy(update={"segment": index})
        segment = _checked(where, said, str(value.get("track_type") or ""), problems, warnings)
        if segment:
            segments.append(segment)
    volume = value.get("volume")
    if volume is not None and not (isinstance(volume, (int, float)) and 0 <= volume <= 1000):
        warnings.append(
            _("{place}: the volume {value} is no loudness and is ignored").format(
                place=name_of(place), value=_short(volume)
            )
        )
        volume = None
    return CozeTrack(bool(value.get("muted")), volume, segments)


def _checked(
    place: spec.Place, value: Any, track_type: str, problems: list[Problem], warnings: list[str]
) -> CozeSegment | None:
    """The segment, or None with the reason in `problems` or `warnings`."""
    if not isinstance(value, dict):
        problems.append(Problem(place, _("this is no segment: {value}").format(value=_short(value))))
        return None
    url = value.get("material_url")
    place = place.model_copy(update={
        "id": str(value["id"]) if value.get("id") else None,
        "url": _short_url(url) if isinstance(url, str) and url else None,
    })  # fmt: skip
    kind = str(value.get("type") or track_type)
    if kind in _NOT_BUILT_YET:
        name = _short(value.get(f"{kind}_type") or value.get("content") or url)
        warnings.append(
            _("{place}: left out, this version builds no segments of kind {kind} ({name})")
            .format(place=name_of(place), kind=kind, name=name)
        )  # fmt: skip
        return None
    if kind not in _BUILT:
        problems.append(Problem(place, _("“{kind}” is no kind of segment that is known").format(kind=kind[:60])))
        return None
    if kind in ("image", "text"):  # these have no length of their own; what is said of one means nothing
        value = {key: member for key, member in value.items() if key != "material_range"}
    try:
        said = SaidSegment.model_validate(value)
    except ValidationError as error:
        problems.extend(Problem(place, message) for message in _in_words(error))
        return None
    if kind == "text" and not said.content.strip():
        warnings.append(_("{place}: left out, it has no text").format(place=name_of(place)))
        return None
    wrong = [*_wrong_range(said.time_range, "time_range"), *_wrong_range(said.material_range, "material_range")]
    if said.time_range is None:
        wrong.append(_("{name} is missing").format(name="time_range"))
    if kind != "text" and not said.material_url.strip():
        wrong.append(_("{name} is missing").format(name="material_url"))
    problems.extend(Problem(place, message) for message in wrong)
    said.material_url = said.material_url.strip()
    return None if wrong else CozeSegment(place, _BUILT[kind], said, _left_off(value))


def _wrong_range(said: SaidRange | None, name: str) -> Iterator[str]:
    if said is None:
        return
    if said.start < 0 or said.end < 0:
        yield _("{name} is negative ({start:g} to {end:g})").format(name=name, start=said.start, end=said.end)
    elif said.end <= said.start:
        yield _("{name} has no length ({start:g} to {end:g})").format(name=name, start=said.start, end=said.end)


def _in_words(error: ValidationError) -> Iterable[str]:
    for detail in error.errors(include_url=False):
        name = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "missing":
            yield _("{name} is missing").format(name=name)
        else:
            text = _("{name} can't be {value}: {why}")
            yield text.format(name=name, value=_short(detail["input"]), why=detail["msg"])


def _left_off(value: dict[str, Any]) -> str:
    """What the segment says and this version does not build, in words. Nothing of it is checked."""

    def group(name: str) -> dict[str, Any]:
        found = value.get(name)
        return found if isinstance(found, dict) else {}

    effects, audio, background = group("effects"), group("audio"), group("background")
    animations = [
        _("animation {}").format(_short(name))
        for key, name in group("animations").items()
        if name and isinstance(name, str) and not key.endswith("_duration")
    ]
    parts = [
        _("transition {}").format(_short(effects["transition_type"])) if effects.get("transition_type") else "",
        _("filter {}").format(_short(effects["filter_type"])) if effects.get("filter_type") else "",
        _("audio effect {}").format(_short(audio["effect_type"])) if audio.get("effect_type") else "",
        *animations,
        _("crop") if group("crop").get("enabled") else "",
        _("reverse") if group("speed").get("reverse") else "",
        _("fades") if audio.get("fade_in") or audio.get("fade_out") else "",
        _("background fill") if background.get("blur") or background.get("color") else "",
        _("keyframes") if any(group("keyframes").values()) else "",
    ]
    return _(", ").join(part for part in parts if part)


def _short(value: Any) -> str:
    """A value of the export, for a message."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _short_url(url: str) -> str:
    """The link as messages show it: a data: URL may be megabytes long."""
    return url if len(url) <= 2000 else f"{url[:100]}…"
