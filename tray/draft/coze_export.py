"""Reads what Coze flows produce today: the Coze2JianYing export, in all its wrappers.

Two steps, because the unit of an export's times can only be told once its media is here: `read` finds the drafts
and checks them, coze_spec.to_spec turns one into a DraftSpec. The format: Gardene-el/Coze2JianYing, docs and
examples/json_output_samples; what differs in real exports is noted where it is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from tray.draft import coze_style, spec
from tray.draft.coze_style import Group
from tray.draft.problems import DraftError, Problem, name_of
from tray.locale import _

_BUILT = {"video": "visual", "image": "visual", "audio": "audio", "text": "text"}
_NOT_BUILT_YET = {"sticker", "effect", "filter"}


class SaidRange(Group):
    start: float
    end: float


class SaidTransform(Group):
    position_x: float = 0.0
    position_y: float = 0.0
    scale: float | None = None
    scale_x: float | None = None
    scale_y: float | None = None
    rotation: float = 0.0
    opacity: float = Field(default=1.0, ge=0, le=1)


class SaidSpeed(Group):
    speed: float | None = Field(default=None, gt=0)
    reverse: bool = False


class SaidAudio(Group):
    volume: float | None = Field(default=None, ge=0)
    speed: float | None = Field(default=None, gt=0)
    change_pitch: bool = False
    fade_in: float = 0.0
    fade_out: float = 0.0
    effect_type: str | None = None


_Id = Annotated[str, BeforeValidator(str)]


class SaidSegment(Group):
    id: _Id | None = None
    type: str = ""
    material_url: str = ""
    content: str = ""
    time_range: SaidRange | None = None
    material_range: SaidRange | None = None
    transform: SaidTransform = SaidTransform()
    speed: SaidSpeed = SaidSpeed()
    audio: SaidAudio = SaidAudio()
    volume: float | None = Field(default=None, ge=0)
    style: coze_style.Style = coze_style.Style()
    alignment: str = "center"
    # Read only to say that they are left off:
    crop: dict[str, Any] = Field(default_factory=dict)
    effects: dict[str, Any] = Field(default_factory=dict)
    background: dict[str, Any] = Field(default_factory=dict)
    animations: dict[str, Any] = Field(default_factory=dict)
    keyframes: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class CozeSegment:
    place: spec.Place
    kind: str
    """visual, audio or text."""
    said: SaidSegment


@dataclass(frozen=True)
class CozeTrack:
    muted: bool
    volume: float | None
    segments: list[CozeSegment]


@dataclass(frozen=True)
class CozeDraft:
    """One draft of an export, checked but for its times' unit. `key` is the same for the same draft said twice."""

    number: int
    key: str
    name: str
    width: int
    height: int
    fps: int
    tracks: list[CozeTrack]
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
        """Nothing was said that could be built, and nothing was wrong: real exports hold such drafts."""
        return not self.problems and not any(track.segments for track in self.tracks)


def read(text: str) -> list[CozeDraft]:
    """The drafts in `text`, an export in any of its wrappers. Raises DraftError if it holds none."""
    try:
        value = _parsed(_unfenced(text))
    except (ValueError, RecursionError) as error:
        raise DraftError(
            _("This is not JSON: {error}").format(error=error),
            _("Give the JSON that the Coze flow's export step produced, unchanged."),
        ) from None
    drafts = [_draft(number, found) for number, found in enumerate(_find(value), 1)]
    if not drafts:
        raise DraftError(
            _("This JSON holds no draft: no object with “tracks” was found in it."),
            _("Give the JSON that the Coze flow's export step produced, unchanged."),
        )
    return drafts


def holds_draft(text: str) -> bool:
    """Whether `text` as a whole is an export (a bot's answer may be one). Cheap for ordinary prose."""
    if '"tracks"' not in text and '\\"tracks' not in text:
        return False
    try:
        return any(not draft.is_empty for draft in read(text))
    except DraftError:
        return False


def _unfenced(text: str) -> str:
    """Without the Markdown fence that a bot puts around JSON."""
    fenced = re.fullmatch(r"\s*```\w*\s*\n(.*?)\n?\s*```\s*", text, re.DOTALL)
    return fenced[1] if fenced else text


def _parsed(text: str) -> Any:
    """The JSON value of `text`, with whole characters only: half of an emoji, cut by a model, can't be written."""
    text = _whole_characters(text)
    value = json.loads(text, parse_constant=_refuse_constant)
    if re.search(r"\\u[dD][89a-fA-F]", text):
        value = json.loads(_whole_characters(json.dumps(value, ensure_ascii=False)))
    return value


def _whole_characters(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _refuse_constant(name: str) -> float:
    raise ValueError(_("{name} is not a number").format(name=name))


def _find(value: Any, depth: int = 8) -> Iterator[dict[str, Any]]:
    """The drafts in `value`, whatever they are wrapped in: objects, lists, JSON strings in either."""
    if depth == 0:
        return
    if isinstance(value, str):
        if value.lstrip()[:1] in ("{", "["):
            try:
                inner = _parsed(value)
            except (ValueError, RecursionError):
                return
            yield from _find(inner, depth - 1)
    elif isinstance(value, list):
        for item in value:
            yield from _find(item, depth - 1)
    elif isinstance(value, dict):
        if isinstance(value.get("tracks"), list) or ("project" in value and "draft_id" in value):
            yield value
        else:
            for item in value.values():
                yield from _find(item, depth - 1)


def _draft(number: int, value: dict[str, Any]) -> CozeDraft:
    found: Any = value.get("project")
    project: dict[str, Any] = found if isinstance(found, dict) else {}
    place = spec.Place(draft=number)
    problems: list[Problem] = []
    warnings: list[str] = []
    tracks = [
        _track(spec.Place(draft=number, track=index), track, problems, warnings)
        for index, track in enumerate(value.get("tracks") or [], 1)
    ]

    def whole(key: str, default: int, least: int, most: int) -> int:
        said = project.get(key)
        if said is None:
            return default
        if isinstance(said, (int, float)) and least <= said <= most:
            return round(said)
        problems.append(Problem(place, _("project.{key} is {value!r}, not {least} to {most}").format(
            key=key, value=said, least=least, most=most)))  # fmt: skip
        return default

    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return CozeDraft(
        number=number,
        key=hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest(),
        name=str(project.get("name") or ""),
        width=whole("width", 1920, 16, 16384),
        height=whole("height", 1080, 16, 16384),
        fps=whole("fps", 30, 1, 240),
        tracks=tracks,
        problems=problems,
        warnings=warnings,
    )


def _track(place: spec.Place, value: Any, problems: list[Problem], warnings: list[str]) -> CozeTrack:
    if not isinstance(value, dict) or not isinstance(value.get("segments") or [], list):
        problems.append(Problem(place, _("this is not a track (an object with “segments”)")))
        return CozeTrack(False, None, [])
    segments: list[CozeSegment] = []
    for index, said in enumerate(value.get("segments") or [], 1):
        where = place.model_copy(update={"segment": index})
        segment = _checked(where, said, str(value.get("track_type") or ""), problems, warnings)
        if segment:
            segments.append(segment)
    volume = value.get("volume")
    if not isinstance(volume, (int, float)) or not 0 <= volume < 100:
        volume = None
    return CozeTrack(bool(value.get("muted")), volume, segments)


def _checked(
    place: spec.Place, value: Any, track_type: str, problems: list[Problem], warnings: list[str]
) -> CozeSegment | None:
    """The segment, or None with the reason in `problems` or `warnings`."""
    if isinstance(value, dict):
        url = value.get("material_url")
        place = place.model_copy(update={
            "id": str(value["id"]) if value.get("id") else None,
            "url": url if isinstance(url, str) and url else None,
        })  # fmt: skip
    try:
        said = SaidSegment.model_validate(value)
    except ValidationError as error:
        problems.extend(Problem(place, message) for message in _in_words(error))
        return None
    kind = said.type or track_type
    if kind in _NOT_BUILT_YET:
        name = value.get(f"{kind}_type") or value.get("content") or said.material_url
        warnings.append(
            _("{place}: a {kind} segment ({name}) is left out: this version builds video, image, audio and text")
            .format(place=name_of(place), kind=kind, name=name)
        )  # fmt: skip
        return None
    if kind not in _BUILT:
        problems.append(Problem(place, _("“{kind}” is no kind of segment that is known").format(kind=kind)))
        return None
    if kind == "text" and not said.content.strip():
        warnings.append(_("{place}: left out, it has no text").format(place=name_of(place)))
        return None
    wrong = [*_wrong_range(said.time_range, "time_range"), *_wrong_range(said.material_range, "material_range")]
    if said.time_range is None:
        wrong.append(_("time_range is missing"))
    if kind != "text" and not said.material_url.strip():
        wrong.append(_("material_url is missing"))
    problems.extend(Problem(place, message) for message in wrong)
    return None if wrong else CozeSegment(place, _BUILT[kind], said)


def _wrong_range(said: SaidRange | None, name: str) -> Iterator[str]:
    if said is None:
        return
    if said.start < 0 or said.end < 0:
        yield _("{name} is negative ({start:g} to {end:g})").format(name=name, start=said.start, end=said.end)
    elif said.end <= said.start:
        yield _("{name} has no length ({start:g} to {end:g})").format(name=name, start=said.start, end=said.end)


def _in_words(error: ValidationError) -> Iterable[str]:
    for detail in error.errors(include_url=False):
        name = ".".join(str(part) for part in detail["loc"]) or _("the segment")
        said = repr(detail["input"])
        yield _("{name} can't be {value}: {why}").format(
            name=name, value=said if len(said) <= 60 else f"{said[:60]}…", why=detail["msg"]
        )
