"""Reads back what a segment carries: animations, effects, filters, masks, keyframes, … (the reverse of attached)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tray.draft import names
from tray.draft.names import Kind
from tray.draft.spec import Crop

Refs = dict[str, list[dict[str, Any]]]
"""By group the materials that a segment refers to."""
UNKNOWN = "?"
"""The key under which the name of a material comes that a spec has no word for."""

_PROPERTIES = {
    "KFTypePositionX": "position_x",
    "KFTypePositionY": "position_y",
    "KFTypeRotation": "rotation",
    "KFTypeScaleX": "scale_x",
    "KFTypeScaleY": "scale_y",
    "KFTypeAlpha": "opacity",
    "KFTypeSaturation": "saturation",
    "KFTypeContrast": "contrast",
    "KFTypeBrightness": "brightness",
    "KFTypeVolume": "volume",
}
_VIDEO_MOVES: Mapping[str, tuple[str, Kind]] = {
    "in": ("intro", "video_intro"),
    "out": ("outro", "video_outro"),
    "group": ("group", "video_group"),
}
_TEXT_MOVES: Mapping[str, tuple[str, Kind]] = {
    "in": ("intro", "text_intro"),
    "out": ("outro", "text_outro"),
    "loop": ("loop", "text_loop"),
}
_AUDIO_KINDS: tuple[Kind, ...] = ("audio_scene", "tone", "speech_to_song")
_AUDIO_CATEGORIES: Mapping[str, Kind] = {
    "sound_effect": "audio_scene",
    "tone": "tone",
    "speech_to_song": "speech_to_song",
}
_MOST_PARAMS = 100
_MASKS = ("masks", "common_mask", "common_masks")
_COMPANIONS: Mapping[str, str] = {
    "speeds": "", "beats": "", "placeholder_infos": "", "material_colors": "", "drafts": "", "audio_fades": "",
    "loudnesses": "enable", "sound_channel_mappings": "audio_channel_mapping", "vocal_separations": "choice",
}  # fmt: skip
"""What every segment has, or is read by itself; and the key that says whether it does anything, which no spec can say.
"""


def number(value: Any, otherwise: float) -> float:
    return otherwise if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)


def whole(value: Any, otherwise: int) -> int:
    return round(number(value, otherwise))


def flag(value: Any) -> bool:
    return value is True


def of_visual(refs: Refs) -> Iterator[tuple[str, Any]]:
    """The fields of a VisualSegment that its references say."""
    filters, effects = [], []
    for group, materials in refs.items():
        for material in materials:
            kind = material.get("type")
            if group == "effects" and kind == "filter":
                filters.append(filter_of(material))
            elif group == "effects" and kind == "mix_mode":
                yield "mix_mode", _key("mix_mode", material)
            elif group == "video_effects":
                effects.append(effect(material))
            elif group == "canvases":
                yield from _canvas(material)
            elif group == "transitions":
                duration_us = whole(material.get("duration"), 0) or None
                yield "transition", {"name": _key("transition", material), "duration": duration_us}
            elif group == "chromas":
                yield "chroma", _chroma(material)
            elif group == "material_animations":
                yield from _moves(material, _VIDEO_MOVES)
            elif group not in _MASKS:
                yield from _rest(group, material)
    yield "filters", tuple(filters)
    yield "effects", tuple(effects)
    mask = next((refs[group][0] for group in _MASKS if group in refs), None)
    if mask:
        yield "mask", _mask(mask)


def of_text(refs: Refs) -> Iterator[tuple[str, Any]]:
    """The fields of a TextSegment that its references say."""
    for group, materials in refs.items():
        for material in materials:
            if group == "material_animations":
                yield from _moves(material, _TEXT_MOVES)
            elif group == "effects" and material.get("type") == "text_shape":
                yield "bubble", {"effect_id": material["effect_id"], "resource_id": material["resource_id"]}
            elif group == "effects" and material.get("type") == "text_effect":
                yield "flower", material["effect_id"]
            else:
                yield from _rest(group, material)


def of_audio(refs: Refs) -> Iterator[tuple[str, Any]]:
    """The fields of an AudioSegment that its references say."""
    effects = []
    for group, materials in refs.items():
        for material in materials:
            if group == "audio_effects":
                effects.append(_audio_effect(material))
            else:
                yield from _rest(group, material)
    yield "effects", tuple(effects)


def of_sticker(refs: Refs) -> Iterator[tuple[str, Any]]:
    """What a sticker refers to, all of it unknown: a spec has no word for its animations."""
    for group, materials in refs.items():
        for material in materials:
            if group == "material_animations":
                yield from _moves(material, {})
            else:
                yield from _rest(group, material)


def _rest(group: str, material: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A reference that no field of a spec stands for."""
    switch = _COMPANIONS.get(group)
    if switch is None:
        yield UNKNOWN, material.get("name") or material.get("type") or group
    elif switch and material.get(switch):
        yield UNKNOWN, group


def _audio_effect(material: Mapping[str, Any]) -> dict[str, Any]:
    resource_id = str(material.get("resource_id"))
    # pyJianYingDraft writes no category for a tone.
    known = (kind for kind in _AUDIO_KINDS if names.by_resource(kind, resource_id))
    kind = _AUDIO_CATEGORIES.get(str(material.get("category_id")), next(known, _AUDIO_KINDS[0]))
    return {"name": _key(kind, material), "kind": kind, "params": _params(material.get("audio_adjust_params"))}


def effect(material: Mapping[str, Any]) -> dict[str, Any]:
    kind: Kind = "character" if material.get("type") == "face_effect" else "scene"
    return {"name": _key(kind, material), "kind": kind, "params": _params(material.get("adjust_params"))}


def filter_of(material: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": _key("filter", material), "intensity": min(max(number(material.get("value"), 1.0), 0.0), 1.0)}


def crop(material: Mapping[str, Any]) -> Crop | None:
    """None for a whole picture."""
    said = material.get("crop") or {}
    found = Crop(
        left=number(said.get("upper_left_x"), 0.0),
        top=number(said.get("upper_left_y"), 0.0),
        right=number(said.get("lower_right_x"), 1.0),
        bottom=number(said.get("lower_right_y"), 1.0),
    )
    return None if found == Crop() else found


def keyframes(said: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """By property the segment's keyframes; and the properties that a spec has no word for, or whose times."""
    found: dict[str, Any] = {}
    unknown = []
    uniform = (said.get("uniform_scale") or {}).get("on") is not False
    for listed in said.get("common_keyframes") or ():
        name = _PROPERTIES.get(listed["property_type"])
        keys = [{"time": whole(key["time_offset"], 0), "value": key["values"][0]} for key in listed["keyframe_list"]]
        if uniform and name == "scale_y":
            continue  # as scale_x
        if name is None or any(key["time"] < 0 for key in keys):
            unknown.append(str(listed["property_type"]))
        elif keys:
            found["scale" if uniform and name == "scale_x" else name] = tuple(sorted(keys, key=lambda key: key["time"]))
    return found, unknown


def are_curved(said: Mapping[str, Any]) -> bool:
    """Whether some of the segment's keyframes are not joined by straight lines."""
    return any(
        key.get("curveType") not in (None, "", "Line")
        for listed in said.get("common_keyframes") or ()
        for key in listed["keyframe_list"]
    )


def _key(kind: Kind, material: Mapping[str, Any]) -> str:
    """The catalogue's key for the material, else the name that the draft gives it, else its kind: what it lies on is
    not lost for the want of a name."""
    entry = names.by_resource(kind, str(material.get("resource_id")))
    return entry.key if entry else str(material.get("name") or material.get("resource_id") or kind)[:100]


def _params(said: Any) -> tuple[float | None, ...]:
    """From 0 to 100 in JianYing's order; None for a parameter that is as by default, none for those at the end."""
    by_index: dict[int, float] = {}
    for position, param in enumerate(said or ()):
        value, default = number(param.get("value"), 0.0), number(param.get("default_value"), 0.0)
        low, high = number(param.get("min_value"), 0.0), number(param.get("max_value"), 1.0)
        index = whole(param.get("parameterIndex"), position)
        if value != default and high > low and 0 <= index < _MOST_PARAMS:
            by_index[index] = min(max((value - low) / (high - low), 0), 1) * 100
    return tuple(by_index.get(index) for index in range(max(by_index, default=-1) + 1))


def _moves(material: Mapping[str, Any], kinds: Mapping[str, tuple[str, Kind]]) -> Iterator[tuple[str, Any]]:
    for one in material.get("animations") or ():
        if one.get("type") in kinds:
            name, kind = kinds[one["type"]]
            yield name, {"name": _key(kind, one), "duration": whole(one.get("duration"), 0) or None}
        else:
            yield UNKNOWN, one.get("name") or one.get("type")


def _canvas(material: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    kind, colour = material.get("type"), str(material.get("color") or "")
    if kind == "canvas_blur":
        yield "fill", {"blur": min(max(number(material.get("blur"), 0.0), 0.0), 1.0)}
    elif kind == "canvas_color" and colour:
        yield "fill", {"colour": colour[:7].upper()}
    elif kind not in ("canvas_color", None):
        yield UNKNOWN, kind


def _chroma(material: Mapping[str, Any]) -> dict[str, Any]:
    def percent(key: str) -> float:
        return number(material.get(key), 0.0) * 100

    return {
        "colour": str(material["color"])[:7].upper(),
        "intensity": percent("intensity_value"),
        "shadow": percent("shadow_value"),
        "edge_smooth": percent("edge_smooth_value"),
        "spill": percent("spill_value"),
    }


def _mask(material: Mapping[str, Any]) -> dict[str, Any]:
    config = material["config"]
    found = {
        "name": _key("mask", material),
        "x": config["centerX"],
        "y": config["centerY"],
        "size": config["height"],
        "rotation": number(config.get("rotation"), 0.0),
        "feather": number(config.get("feather"), 0.0) * 100,
        "invert": flag(config.get("invert")),
    }
    if material.get("resource_type") == "rectangle":
        found |= {"width": config["width"], "round_corner": number(config.get("roundCorner"), 0.0) * 100}
    return found
