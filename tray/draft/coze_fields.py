"""Reads the fields of a Coze2JianYing export in all their spellings, and tells what is not known.

The spellings beside those of coze_said: members of the groups said flat on the segment, as the plugin's make_*_info
have them, and its names for animations (Gardene-el/Coze2JianYing, coze_plugin/tools).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from tray.draft.coze_said import (
    Animations,
    Audio,
    Background,
    Crop,
    Effects,
    Project,
    Range,
    Segment,
    Shadow,
    Speed,
    Stroke,
    Style,
    TextBackground,
    Track,
    Transform,
)  # fmt: skip

DRAFT_KEYS = frozenset((
    "draft_id", "project", "media_resources", "tracks", "total_duration_ms", "created_timestamp", "last_modified",
    "status",
    # of the wrappers, where a flow adds the draft to them
    "format_version", "export_type", "draft_count", "exported_count", "drafts", "output", "success", "message", "code",
    "msg", "log_id", "debug_url",
))  # fmt: skip
"""What a draft has beside its tracks and project; nothing of it changes the timeline."""

_SEGMENT, _TRACK, _PROJECT = TypeAdapter(Segment), TypeAdapter(Track), TypeAdapter(Project)
_KNOWN: dict[type, frozenset[str]] = {
    each: frozenset(each.__annotations__)
    for each in (Range, Transform, Crop, Effects, Speed, Audio, Background, Animations, Stroke, Shadow, TextBackground,
                 Style, Segment, Track, Project)
}  # fmt: skip
_GROUPS: dict[str, type] = {
    "time_range": Range, "material_range": Range, "transform": Transform, "crop": Crop, "effects": Effects,
    "speed": Speed, "audio": Audio, "background": Background, "animations": Animations, "style": Style,
}  # fmt: skip
_STYLE_GROUPS: dict[str, type] = {"stroke": Stroke, "shadow": Shadow, "background": TextBackground}

_PICTURES = frozenset((
    "transform", "animations", "crop", "effects", "background", "audio", "speed", "volume", "material_range",
))  # fmt: skip
_OF_KIND: dict[str, frozenset[str]] = {
    # What is said of a picture's sound, speed and part means nothing, and is no loss.
    "image": _PICTURES,
    "video": _PICTURES,
    "audio": frozenset(("audio", "speed", "volume", "material_range", "effect_type")),
    "text": frozenset(("transform", "animations", "style", "alignment", "content", "material_range")),
    "sticker": frozenset(("transform", "content")),
    "effect": frozenset(("effect_type", "intensity", "properties")),
    "filter": frozenset(("effects", "intensity")),
}
_OF_ALL = frozenset(("id", "type", "material_url", "time_range", "dimensions", "resource_id", "keyframes"))

_ANIMATIONS = {"in": "intro", "intro": "intro", "out": "outro", "outro": "outro", "loop": "loop", "combo": "loop",
               "group": "loop"}  # fmt: skip
_FLAT: dict[str, tuple[str, ...]] = {
    **{member: (group,) for group in ("transform", "effects", "audio", "style")
       for member in _KNOWN[_GROUPS[group]] - _KNOWN[Segment]},
    **{f"crop_{member}": ("crop", member) for member in _KNOWN[Crop]},
    **{f"background_{member}": ("background", member) for member in _KNOWN[Background]},
    **{f"material_{member}": ("material_range", member) for member in ("start", "end")},
    **dict.fromkeys(("start", "end", "duration"), ("time_range",)),
    "fit_mode": ("background",),
    "reverse": ("speed",),
}  # fmt: skip
"""Members that flows say on the segment itself, as the plugin's make_*_info have them: the group they belong to, and
their name in it where it is another."""
_URLS = ("url", "video_url", "image_url", "audio_url", "sticker_url")

T = TypeVar("T")


def segment(value: dict[str, Any]) -> Segment:
    """What `value` says, its spellings settled. Raises ValidationError."""
    return _checked(_SEGMENT, _grouped(value))


def track(value: dict[str, Any]) -> Track:
    """Raises ValidationError."""
    return _checked(_TRACK, value)


def project(value: dict[str, Any]) -> Project:
    """Raises ValidationError."""
    return _checked(_PROJECT, value)


def unknown(said: Mapping[str, Any], known: type = Segment) -> Iterator[str]:
    """The fields of `said`, a dictionary of type `known`, that mean nothing known and are not empty."""
    for name in said.keys() - _KNOWN[known]:
        if not is_empty(said[name]):
            yield name
    groups = _GROUPS if known is Segment else _STYLE_GROUPS if known is Style else {}
    for name in groups.keys() & said.keys():
        group, members = groups[name], said[name]
        if members and (group is Style or not members.keys() <= _KNOWN[group]):
            for member in unknown(members, group):
                yield f"{name}.{member}"


def without_effect(kind: str, said: Segment) -> Iterator[str]:
    """The known fields that ask for something which segments of `kind` have not got in JianYing."""
    for name in said.keys() - _OF_KIND[kind] - _OF_ALL:
        value = said.get(name)
        if name in _KNOWN[Segment] and value:
            members = value if isinstance(value, dict) else {"": value}
            yield from (f"{name}.{member}".rstrip(".") for member, one in members.items() if _asks(member, one))
    if kind in ("video", "image"):
        audio = said.get("audio")
        if audio and audio.get("effect_type"):
            yield "audio.effect_type"
    if kind == "filter" and _asks("", (said.get("effects") or {}).get("transition_type")):
        yield "effects.transition_type"


def _asks(member: str, value: Any) -> bool:
    """Whether a member asks for more than what is so anyway: 0, 1, and strengths of what isn't named."""
    if member == "enabled" or member.endswith(("_duration", "_intensity")):
        return False
    return bool(value) and (value is True or value != 1 or member == "blur")


def is_empty(value: Any) -> bool:
    """Null, false, or a text, list or object without anything in it: it asks for nothing."""
    return value is None or value is False or (isinstance(value, (str, list, dict)) and not value)


def _checked(adapter: TypeAdapter[T], value: dict[str, Any]) -> T:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        # Flows write "" and [] for a group or a number that they have not got.
        fuller = _without_empties(value)
        if fuller is None:
            raise
        return adapter.validate_python(fuller)


def _without_empties(value: dict[str, Any]) -> dict[str, Any] | None:
    """`value` without its empty members and those of its groups; None where there are none."""
    kept: dict[str, Any] = {}
    changed = False
    for name, member in value.items():
        if name not in ("keyframes", "properties", "segments") and isinstance(member, dict) and member:
            inner = {key: one for key, one in member.items() if one not in ("", [], {})}
            changed = changed or len(inner) < len(member)
            kept[name] = inner
        elif member in ("", [], {}):
            changed = True
        else:
            kept[name] = member
    return kept if changed else None


def _grouped(value: dict[str, Any]) -> dict[str, Any]:
    """`value` with what was said flat, or under another name, where the groups have it. What can't be placed stays."""
    animations, style, speed = value.get("animations"), value.get("style"), value.get("speed")
    others = value.keys() - _KNOWN[Segment]
    plain_speed = isinstance(speed, (int, float, str)) and not isinstance(speed, bool)
    if isinstance(animations, dict) and not animations.keys() <= _KNOWN[Animations]:
        value = {**value, "animations": _animations(animations)}
    if isinstance(style, dict) and not style.keys() <= _KNOWN[Style]:
        value = {**value, "style": _style(style)}
    if not others and not plain_speed:
        return value
    made = dict(value)
    if plain_speed:
        made["speed"] = {"speed": speed} if speed != "" else None
    animated = {name: made.pop(name) for name in others if "_animation" in name and _animation(name)}
    if animated:
        said = made.get("animations")
        made["animations"] = {**_animations(animated), **(said if isinstance(said, dict) else {})}
    text_groups = ("stroke_", "shadow_", "background_") if made.get("type") == "text" else ("stroke_", "shadow_")
    styled = {name: made.pop(name) for name in others if name.startswith(text_groups)}
    for name in others - animated.keys() - styled.keys():
        if name in _FLAT:
            group, *renamed = _FLAT[name]
            _move(made, name, group, renamed[0] if renamed else name)
        elif name in _URLS and not made.get("material_url"):
            made["material_url"] = made.pop(name)
        elif name == "text" and not made.get("content"):
            made["content"] = made.pop(name)
        elif name == "sticker_id" and not made.get("resource_id"):
            made["resource_id"] = made.pop(name)
    if styled:
        said = made.get("style")
        made["style"] = _style({**styled, **(said if isinstance(said, dict) else {})})
    return made


def _move(made: dict[str, Any], name: str, group: str, member: str) -> None:
    """Put the flat `name` into its group, unless the group is no object or says it itself."""
    found = made.get(group)
    if found is None or isinstance(found, dict):
        said = found or {}
        if said.get(member) is None:
            made[group] = {**said, member: made.pop(name)}


def _animation(name: str) -> str:
    """`in_animation_duration` -> intro_duration; "" for the name of no animation."""
    plain, _animation_, rest = name.partition("_animation")
    kind = _ANIMATIONS.get(plain.removesuffix("_duration"))
    if kind is None or not (_animation_ or name.endswith("_duration") or name in _ANIMATIONS):
        return ""
    if rest not in ("", "_duration"):
        return ""
    return f"{kind}_duration" if name.endswith("_duration") else kind


def _animations(said: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, member in said.items():
        settled = _animation(name) or name
        if made.get(settled) is None:
            made[settled] = member
    return made


def _style(said: dict[str, Any]) -> dict[str, Any]:
    """The flat `stroke_enabled`, `stroke_color`, … in their groups."""
    made = dict(said)
    for group, members in _STYLE_GROUPS.items():
        flat = {member: made.pop(f"{group}_{member}") for member in _KNOWN[members] if f"{group}_{member}" in made}
        own = made.get(group)
        if flat:
            made[group] = {**flat, **(own if isinstance(own, dict) else {})}
    for other in ("align", "text_align"):
        if other in made and made.get("alignment") is None:
            made["alignment"] = made.pop(other)
    return made
