"""Reads this program's own spec: the JSON that `coze-tray schema` describes.

    {"version": 1, "name": "…", "tracks": [{"kind": "video", "segments": [{"media": "https://…", "duration": "5s"}]}]}

It may be a list of such, and may be wrapped as an export may (source.py). A spec is told from an export by what its
tracks say of themselves: `kind` here, `track_type` there; and by `version`, which an export has not.

The parts are checked one by one, so that everything wrong is told at once, each with its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tray.draft import spec
from tray.draft.coze_json import key_of, parsed_inside
from tray.draft.problems import Notes, Problem, few, in_words, said_of, short
from tray.draft.source import Imported
from tray.draft.spec import DraftSpec, Place
from tray.locale import _, ngettext

VERSION = 1
MOST_SEGMENTS = 100_000
"""In one draft. JianYing itself is slow with a tenth of it."""

M = TypeVar("M", bound=BaseModel)

_MODELS: dict[str, type[spec.Segment]] = {
    "video": spec.VisualSegment,
    "image": spec.VisualSegment,
    "audio": spec.AudioSegment,
    "text": spec.TextSegment,
    "sticker": spec.StickerSegment,
    "effect": spec.EffectSegment,
    "filter": spec.FilterSegment,
}


@dataclass(frozen=True)
class OwnDraft:
    """A draft that is a spec already; `spec` is without what `problems` tells of."""

    number: int
    key: str
    name: str
    said: int
    spec: DraftSpec
    prefix: str = ""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def urls(self) -> Iterator[tuple[str, Place]]:
        for track in self.spec.tracks:
            for segment in track.segments:
                if isinstance(segment, (spec.VisualSegment, spec.AudioSegment)):
                    yield segment.media, segment.place
        if self.spec.cover is not None:
            path = join(self.prefix, "cover")
            yield self.spec.cover, Place(draft=self.number, url=shown_url(self.spec.cover), path=path)

    def caption_urls(self) -> Iterator[tuple[str, Place]]:
        for captions in self.spec.captions:
            if captions.url is not None:
                yield captions.url, captions.place

    def to_spec(self, lengths_us: Mapping[str, int | None]) -> Imported:  # noqa: ARG002 - the times are all said
        return Imported(self.spec, "us", "", self.problems, self.warnings)


def is_own(value: Mapping[str, Any]) -> bool:
    """Whether this object is meant as a spec of this program's. JianYing's own files have a `version` too, but their
    tracks have a `type`."""
    tracks, captions = parsed_inside(value.get("tracks")), parsed_inside(value.get("captions"))
    if not isinstance(tracks, list):
        return "version" in value and "tracks" not in value and isinstance(captions, list)
    said = [track for track in tracks if isinstance(track, dict)]
    if any("track_type" in track or "type" in track for track in said):
        return False
    return "version" in value or any("kind" in track for track in said)


def read(value: Mapping[str, Any], number: int, prefix: str = "") -> OwnDraft:
    """The draft that the object `value` describes. `prefix` is where it stands in a list, as `drafts[1]`."""
    notes = Notes()
    place = Place(draft=number, path=prefix)
    said = dict(value)
    tracks = _members(said, "tracks", place, notes)
    captions = _members(said, "captions", place, notes)
    count = sum(len(_segments_of(track)) for track in tracks) + len(captions)
    if count > MOST_SEGMENTS:
        notes.fail(place, _("it has {n} segments, the most is {most}").format(n=count, most=MOST_SEGMENTS), "tracks")
        tracks, captions = [], []
    whole = _head(said, place, notes)
    made = [_track(track, index, place, notes) for index, track in enumerate(tracks)]
    subtitles = [_captions(one, index, place, notes) for index, one in enumerate(captions)]
    whole = whole.model_copy(
        update={
            "tracks": tuple(track for track in made if track is not None),
            "captions": tuple(one for one in subtitles if one is not None),
        }
    )
    _unseen(whole, notes)
    return OwnDraft(number, key_of(value), whole.name, count, whole, prefix, few(notes.problems, place), notes.warnings)


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a spec."""
    made = DraftSpec.model_json_schema(by_alias=True)
    # A segment without `kind` is of its track's, so more than one of the kinds may fit it.
    items = made["$defs"]["Track"]["properties"]["segments"]["items"]
    made["$defs"]["Track"]["properties"]["segments"]["items"] = {"anyOf": items["oneOf"]}
    made["$defs"]["Clip"]["properties"]["scale"] = {
        "title": "Scale", "type": "number", "description": "short for scale_x and scale_y",
    }  # fmt: skip
    made["properties"]["$schema"] = {"type": "string", "description": "where this schema lies, for editors"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:coze-tray:draft-spec:{VERSION}",
        "version": VERSION,
        **made,
    }


def shown_url(url: str) -> str:
    """The link as messages show it: a data: URL may be megabytes long."""
    return url if len(url) <= 2000 else f"{url[:100]}…"


def join(*parts: str) -> str:
    """A path of those that are not empty."""
    return ".".join(part for part in parts if part)


def check(model: type[M], value: Any, place: Place, notes: Notes) -> M | None:
    """`value` as the model, or None with what is wrong with it as problems of `place`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for at, message in in_words(error, model):
            notes.fail(place, said_of(at, message) if at else message, at)
        return None


def _unseen(whole: DraftSpec, notes: Notes) -> None:
    """Warn of segments too short to be seen: most likely their times are milliseconds, without saying so."""
    places = [
        segment.place
        for track in whole.tracks
        for segment in track.segments
        if segment.duration_us is not None and segment.duration_us * whole.fps < 1_000_000
    ]
    if places:
        text = ngettext(
            "{n} segment lasts less than a frame; a time without a unit is microseconds",
            "{n} segments last less than a frame; a time without a unit is microseconds",
            len(places),
        )
        notes.warn(places[0], text.format(n=len(places)))


def _members(said: dict[str, Any], name: str, place: Place, notes: Notes) -> list[Any]:
    """What the list `name` of a spec holds; it is taken out of `said`."""
    value = parsed_inside(said.pop(name, None))
    if value is None:
        return []
    if not isinstance(value, list):
        notes.fail(place, said_of(name, _("this is no list: {value}").format(value=short(value))), name)
        return []
    return value


def _segments_of(track: Any) -> list[Any]:
    segments = parsed_inside(track.get("segments")) if isinstance(track, dict) else None
    return segments if isinstance(segments, list) else []


def _head(said: Mapping[str, Any], place: Place, notes: Notes) -> DraftSpec:
    """All of the spec but its tracks and captions; defaults where something is wrong with it."""
    version = said.get("version", VERSION)
    if type(version) is not int or version != VERSION:
        text = _("version {said} is not known; this program reads version {known}, a newer one may read more")
        notes.fail(place, said_of("version", text.format(said=short(version), known=VERSION)), "version")
    rest = {name: value for name, value in said.items() if name not in ("version", "$schema")}
    return check(DraftSpec, rest, place, notes) or DraftSpec()


def _track(value: Any, index: int, draft: Place, notes: Notes) -> spec.Track | None:
    place = draft.model_copy(update={"track": index + 1, "path": join(draft.path, f"tracks[{index}]")})
    if not isinstance(value, dict):
        notes.fail(place, _("this is no track: {value}").format(value=short(value)))
        return None
    head = {name: member for name, member in value.items() if name != "segments"}
    track: spec.Track | None = check(spec.Track, head, place, notes)
    said = parsed_inside(value.get("segments"))
    if not isinstance(said, list):
        text = _("it is missing") if said is None else _("this is no list: {value}").format(value=short(said))
        notes.fail(place, said_of("segments", text), "segments")
        return None
    kind = value.get("kind")
    segments = [_segment(one, number, kind, place, notes) for number, one in enumerate(said)]
    if track is None:
        return None
    return track.model_copy(update={"segments": tuple(segment for segment in segments if segment is not None)})


def _segment(value: Any, index: int, track_kind: Any, track: Place, notes: Notes) -> spec.Segment | None:
    if not isinstance(value, dict):
        place = track.model_copy(update={"segment": index + 1, "path": join(track.path, f"segments[{index}]")})
        notes.fail(place, _("this is no segment: {value}").format(value=short(value)))
        return None
    url = value.get("media")
    place = Place(
        draft=track.draft,
        track=track.track,
        segment=index + 1,
        url=shown_url(url) if isinstance(url, str) else None,
        path=join(track.path, f"segments[{index}]"),
    )
    kind = value.get("kind", track_kind)
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        if "kind" in value:  # else it is the track's that is wrong, and was told
            text = _("{value} is not known; it can be {expected}")
            text = text.format(value=short(kind), expected=_(", ").join(_MODELS))
            notes.fail(place, said_of("kind", text), "kind")
        return None
    if isinstance(track_kind, str) and track_kind in _MODELS and ("video" if kind == "image" else kind) != track_kind:
        text = _("a {track} track can't hold a segment of kind {kind}").format(track=track_kind, kind=kind)
        notes.fail(place, said_of("kind", text), "kind")
        return None
    segment: spec.Segment | None = check(model, _with_place(value, place, notes) | {"kind": kind}, place, notes)
    return segment


def _captions(value: Any, index: int, draft: Place, notes: Notes) -> spec.Captions | None:
    url = value.get("url") if isinstance(value, dict) else None
    place = draft.model_copy(
        update={
            "url": shown_url(url) if isinstance(url, str) else None,
            "path": join(draft.path, f"captions[{index}]"),
        }
    )
    if not isinstance(value, dict):
        notes.fail(place, _("these are no captions: {value}").format(value=short(value)))
        return None
    captions: spec.Captions | None = check(spec.Captions, _with_place(value, place, notes), place, notes)
    return captions


def _with_place(value: dict[str, Any], place: Place, notes: Notes) -> dict[str, Any]:
    """`place` is this program's own note of where a thing was said, and no field that a spec may say."""
    if "place" in value:
        notes.fail(place, said_of("place", _("no such field is known")), "place")
    return {**value, "place": place}
