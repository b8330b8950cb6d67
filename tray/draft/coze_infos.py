"""Reads lists of infos, of which the plugins' add_* tools make tracks: `image_infos`, `caption_infos`, …

Each is a list of objects, or of JSON strings of objects, or a JSON string of either; each makes a track. Two plugins
speak this way. Coze2JianYing's make_*_info write the fields of its export flat, in milliseconds as documented
(Gardene-el/Coze2JianYing, coze_plugin/tools). capcut-mate's *_infos, and those of the plugins like it, have names of
their own and are in microseconds, their positions in pixels (Hommy-master/capcut-mate, docs: add_images, add_videos,
add_audios, add_captions, add_effects, add_filters, add_keyframes).

They are put as an export, and read as one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from tray.draft.coze_export import CozeDraft
from tray.draft.coze_export import read as read_export
from tray.draft.coze_json import key_of, parsed_inside
from tray.draft.problems import Problem
from tray.draft.source import Imported, TimeUnit
from tray.draft.spec import Place
from tray.locale import _

_KIND = re.compile(
    r"(?:^|_)(images?|imgs?|videos?|audios?|captions?|texts?|effects?|filters?|stickers?|keyframes?)_infos?(?:_?\d+)?$",
    re.IGNORECASE,
)
_TRACKS = {"img": "image", "caption": "text"}
_PROJECT = {"name": "name", "draft_name": "name", "width": "width", "height": "height", "fps": "fps"}
_RENAMED = {
    "transition": "transition_type",
    "effect_title": "effect_type",
    "filter_title": "filter_type",
    "audio_effect": "effect_type",
    "alpha": "opacity",
    "transform_x": "position_x",
    "transform_y": "position_y",
    "font": "font_family",
    "text_color": "color",
    "text": "content",
}
"""capcut-mate's names of what an export has, too."""
_MARKS = _RENAMED.keys() | {"out_animation", "out_animation_duration", "loop_animation_duration", "keyword"}
"""What only capcut-mate and its like say."""
_PROPERTIES = {
    "KFTypePositionX": "position_x",
    "KFTypePositionY": "position_y",
    "KFTypeScaleX": "scale_x",
    "KFTypeScaleY": "scale_y",
    "UNIFORM_SCALE": "uniform_scale",
    "KFTypeRotation": "rotation",
    "KFTypeAlpha": "alpha",
    "KFTypeSaturation": "saturation",
    "KFTypeContrast": "contrast",
    "KFTypeBrightness": "brightness",
    "KFTypeVolume": "volume",
}


def kind_of(name: str) -> str:
    """Of what the list of this name holds infos: image, video, audio, text, effect, filter, sticker, keyframe; "" where
    it is no such list."""
    found = _KIND.search(name)
    kind = found[1].lower().rstrip("s") if found else ""
    return _TRACKS.get(kind, kind)


def is_infos(value: Mapping[str, Any]) -> bool:
    """Whether this object has lists of infos from which a track can be made."""
    return any(kind_of(name) not in ("", "keyframe") and _infos(one) for name, one in value.items())


def read(value: Mapping[str, Any], number: int, prefix: str, time_unit: TimeUnit) -> InfosDraft:
    """The draft that the lists of `value` describe. `prefix` is where it stands in a list, as `drafts[1]`."""
    said = {name: infos for name, one in value.items() if kind_of(name) and (infos := _infos(one)) is not None}
    lists = {name: infos for name, infos in said.items() if infos and kind_of(name) != "keyframe"}
    moving = [one for name, infos in said.items() if kind_of(name) == "keyframe" for one in infos]
    is_mate = any(_is_mate(name, infos) for name, infos in lists.items())
    tracks = [
        {"track_type": kind_of(name), "segments": [_segment(one, kind_of(name), is_mate=is_mate) for one in infos]}
        for name, infos in lists.items()
    ]
    unmoved = _move([one for track in tracks for one in track["segments"]], moving)
    project = {name: value[key] for key, name in _PROJECT.items() if key in value}
    rest = {name: one for name, one in value.items() if name not in _PROJECT and name not in said and name != "tracks"}
    if is_mate and time_unit == "auto":
        time_unit = "us"
    inner = read_export(json.dumps({"draft_id": "", **rest, "project": project, "tracks": tracks}), time_unit)[0]
    draft = InfosDraft(number, key_of(value), inner, list(lists), prefix, is_mate)
    if unmoved:
        text = _("keyframes are left off: no info has the id {ids}")
        draft.warnings.append(text.format(ids=_(", ").join(unmoved[:5])))
    return draft


@dataclass(frozen=True)
class InfosDraft:
    """Lists of infos, read as the export `inner`; `lists` are their names, one for each track. Places and fields are
    named as the lists have them. `is_mate`: they are capcut-mate's, in microseconds."""

    number: int
    key: str
    inner: CozeDraft
    lists: list[str]
    prefix: str
    is_mate: bool

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def said(self) -> int:
        return self.inner.said

    @property
    def warnings(self) -> list[str]:
        return self.inner.warnings

    @property
    def problems(self) -> list[Problem]:
        return [self._told(problem) for problem in self.inner.problems]

    def urls(self) -> Iterator[tuple[str, Place]]:
        return ((url, self._place(place)) for url, place in self.inner.urls())

    def caption_urls(self) -> Iterator[tuple[str, Place]]:
        return iter(())

    def to_spec(self, lengths_us: Mapping[str, int | None]) -> Imported:
        imported = self.inner.to_spec(lengths_us)
        tracks = tuple(
            track.model_copy(
                update={
                    "segments": tuple(
                        segment.model_copy(update={"place": self._place(segment.place)}) for segment in track.segments
                    )
                }
            )
            for track in imported.spec.tracks
        )
        reason = _("infos with these names are in microseconds") if self.is_mate else imported.time_unit_reason
        return replace(
            imported,
            spec=imported.spec.model_copy(update={"tracks": tracks}),
            problems=[self._told(problem) for problem in imported.problems],
            time_unit_reason=reason,
        )

    def _place(self, place: Place) -> Place:
        path = self.prefix
        if place.track is not None:
            path = ".".join(part for part in (path, self.lists[place.track - 1]) if part)
        if place.segment is not None:
            path += f"[{place.segment - 1}]"
        return place.model_copy(update={"draft": self.number, "path": path})

    def _told(self, problem: Problem) -> Problem:
        """Of the field as the info has it: what the export has in groups is flat there."""
        flat = _flat(problem.at)
        message = problem.message.replace(problem.at, flat, 1) if problem.at else problem.message
        return Problem(self._place(problem.place), message, flat)


_FLAT = re.compile(r"^(?:time_range|transform|effects|audio|speed|style|animations|project)\.(?=.)")


def _flat(field: str) -> str:
    field = _FLAT.sub("", field)
    return re.sub(r"^(crop|background|stroke|shadow)\.(?=.)", r"\1_", field.replace("material_range.", "material_"))


def _infos(value: Any) -> list[Any] | None:
    """The infos of a list, or of a JSON string of one; None where it is neither."""
    value = parsed_inside(value)
    return [parsed_inside(one) for one in value] if isinstance(value, list) else None


def _is_mate(name: str, infos: list[Any]) -> bool:
    is_text = kind_of(name) == "text"
    return "img" in name.lower() or any(
        isinstance(one, dict)
        and (not one.keys().isdisjoint(_MARKS - {"text"}) or (is_text and "text" in one and "content" not in one))
        for one in infos
    )


def _segment(info: Any, kind: str, *, is_mate: bool) -> Any:
    """The info as a segment of an export, whose reader knows flat fields. What is no object, it tells of."""
    if not isinstance(info, dict):
        return info
    renamed = {_RENAMED.get(name, name): one for name, one in info.items() if name not in ("width", "height")}
    if is_mate:
        renamed.pop("duration", None)  # the media's own
        if kind == "filter" and "intensity" in renamed:
            renamed["filter_intensity"] = _share(renamed.pop("intensity"))
    return {"type": kind, **{name: one for name, one in renamed.items() if one is not None and one != ""}}


def _share(percent: Any) -> Any:
    return percent / 100 if _is_number(percent) else percent


def _move(segments: list[Any], moving: list[Any]) -> list[str]:
    """Put the keyframes, capcut-mate's, on the segments that they name; the ids of those that are not there."""
    by_id = {str(one["id"]): one for one in segments if isinstance(one, dict) and one.get("id")}
    keys: dict[str, list[Any]] = {}
    for one in moving:
        keys.setdefault(str(one.get("segment_id")) if isinstance(one, dict) else "?", []).append(one)
    for of in keys.keys() & by_id.keys():
        segment, own = by_id[of], [one for one in keys[of] if isinstance(one, dict)]
        said = segment.setdefault("keyframes", [])
        if isinstance(said, list):
            whole = _whole_of(segment, own)
            said += [
                {
                    "property": _PROPERTIES.get(str(one.get("property")), one.get("property")),
                    "time": one.get("offset") if whole is None else one["offset"] * whole,
                    "value": one.get("value"),
                }
                for one in own
            ]
    return [of[:100] for of in keys if of not in by_id]


def _whole_of(segment: Mapping[str, Any], keys: list[Any]) -> float | None:
    """The segment's length where its keyframes' times are shares of it, as some versions have them."""
    start, end = segment.get("start"), segment.get("end")
    is_share = all(_is_number(one.get("offset")) and 0 <= one["offset"] <= 1 for one in keys)
    return end - start if is_share and _is_number(start) and _is_number(end) else None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
