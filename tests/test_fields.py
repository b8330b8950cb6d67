"""No field of a spec or an export is lost: each, set to something else, changes the draft or is named by a warning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from specs import PROBES
from tray.draft import build, names, source
from tray.draft.resolve import Resolved, resolve
from tray.draft.spec import DraftSpec

IMAGE, _TALL, VIDEO, SOUND, _SPEECH = PROBES
S = 1_000_000
KEYS = [{"time": 0, "value": 0.25}, {"time": S, "value": 0.5}]


def name(kind: names.Kind, number: int = 0) -> str:
    return names.search(kind)[number].key


EFFECT = next(entry for entry in names.search("scene") if len(entry.params) > 1)
SOUND_EFFECT = next(entry for entry in names.search("audio_scene") if entry.params)
ANIMATED = {"intro": {"name": name("video_intro"), "duration": 300_000}, "outro": {"name": name("video_outro")}}

TIMES: dict[str, Any] = {"start": 5 * S, "duration": 7 * S}
CLIP = {"x": 0.1, "y": 0.1, "scale_x": 1.1, "scale_y": 1.1, "scale": 1.2, "rotation": 9, "opacity": 0.5,
        "flip_horizontal": True, "flip_vertical": True}  # fmt: skip
PLAYED: dict[str, Any] = {
    "source_start": S, "source_duration": 3 * S, "speed": 2, "change_pitch": True, "volume": 0.5, "fade_in": S,
    "fade_out": S, "reverse": True, "keyframes.volume": KEYS,
}  # fmt: skip
MOVED = {f"keyframes.{one}": KEYS for one in ("position_x", "position_y", "rotation", "scale", "scale_x", "scale_y", "opacity")}  # fmt: skip
COLOURED = {f"keyframes.{one}": KEYS for one in ("saturation", "contrast", "brightness")}
STYLE: dict[str, Any] = {
    "size": 11, "font": name("font"), "bold": True, "italic": True, "underline": True, "colour": "#123456", "opacity": 0.5,
    "align": "left", "vertical": True, "letter_spacing": 2, "line_spacing": 2, "auto_wrap": False, "max_line_width": 0.5,
    "border": {}, "shadow": {}, "background": {},
}  # fmt: skip
PARTS: dict[str, dict[str, Any]] = {
    "border": {"colour": "#123456", "width": 10, "opacity": 0.5},
    "shadow": {"colour": "#123456", "opacity": 0.5, "distance": 9, "angle": 30, "diffuse": 9},
    "background": {"colour": "#123456", "opacity": 0.5, "style": 2, "round_radius": 0.5, "width": 0.5, "height": 0.5,
                   "horizontal_offset": 0.9, "vertical_offset": 0.9},
    "crop": {"left": 0.1, "top": 0.1, "right": 0.9, "bottom": 0.9},
    "mask": {"name": "圆形", "x": 0.1, "y": 0.1, "size": 0.3, "width": 0.3, "rotation": 9, "feather": 9, "round_corner": 9,
             "invert": True},
    "chroma": {"colour": "#123456", "intensity": 9, "shadow": 9, "edge_smooth": 9, "spill": 9},
    "fill": {"blur": 0.75},
    "transition": {"name": name("transition", 1), "duration": 700_000},
    "intro": {"name": name("video_intro", 1), "duration": 200_000},
    "outro": {"name": name("video_outro", 1), "duration": 200_000},
    "group": {"name": name("video_group", 1), "duration": 200_000},
}  # fmt: skip
WITH = {"mask": {"name": "矩形"}, "chroma": {"colour": "#00FF00"}, "fill": {"blur": 0.375},
        "transition": {"name": name("transition")}, "intro": ANIMATED["intro"], "outro": ANIMATED["outro"],
        "group": {"name": name("video_group")}}  # fmt: skip


def _parts(names_of: list[str]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Each member of these groups, beside a group that is there already."""
    for part in names_of:
        base = {part: WITH.get(part, {})}
        for field, value in PARTS[part].items():
            yield base, f"{part}.{field}", value


def _cases() -> Iterator[tuple[str, dict[str, Any], str, Any]]:
    """A segment's kind, what it says, and the field that is said besides."""
    visual = {
        **TIMES, **{f"clip.{field}": value for field, value in CLIP.items()}, **MOVED, **COLOURED, "fit": "fill",
        "mix_mode": name("mix_mode"), "filters": [{"name": name("filter")}], "effects": [{"name": EFFECT.key}],
        **{part: WITH.get(part, PARTS[part]) for part in ("crop", *WITH)},
    }  # fmt: skip
    for field, value in {**visual, **PLAYED}.items():
        yield "video", {}, field, value
    for field, value in {**visual, "keyframes.volume": KEYS}.items():
        yield "image", {}, field, value
    for case in _parts(["crop", *WITH]):
        yield "video", *case
    yield "video", {"fill": {"blur": 0.375}}, "fill", {"colour": "#123456"}
    yield "video", {"filters": [{"name": name("filter")}]}, "filters", [{"name": name("filter"), "intensity": 0.5}]
    yield "video", {"effects": [{"name": EFFECT.key}]}, "effects", [{"name": EFFECT.key, "params": [13]}]
    yield "video", {"effects": [{"name": EFFECT.key}]}, "effects", [{"name": EFFECT.key, "params": [None, 13]}]
    for field, value in {**TIMES, **PLAYED, **MOVED, **COLOURED, "effects": [{"name": SOUND_EFFECT.key}]}.items():
        yield "audio", {}, field, value
    one = {"name": SOUND_EFFECT.key}
    yield "audio", {"effects": [one]}, "effects", [one, {"name": name("tone"), "kind": "tone"}]
    yield "audio", {"effects": [one]}, "effects", [{**one, "params": [13]}]
    text = {
        **TIMES, **{f"clip.{field}": value for field, value in CLIP.items()}, **MOVED, **COLOURED, "keyframes.volume": KEYS,
        "text": "再见", **{f"style.{field}": value for field, value in STYLE.items()}, "flower": "7",
        "bubble": {"effect_id": "7", "resource_id": "8"}, "intro": {"name": name("text_intro")},
        "outro": {"name": name("text_outro")}, "loop": {"name": name("text_loop")},
    }  # fmt: skip
    for field, value in text.items():
        yield "text", {}, field, value
    for part in ("border", "shadow", "background"):
        for field, value in PARTS[part].items():
            yield "text", {"style": {part: {}}}, f"style.{part}.{field}", value
    for field in ("size", "font", "bold", "italic", "underline", "colour", "border", "shadow"):
        yield "text", {}, "ranges", [{"start": 0, "end": 1, field: STYLE[field]}]
    for kind, number in (("intro", 1), ("outro", 1), ("loop", 1)):
        first, other = ({"name": name(f"text_{kind}", n)} for n in (0, number))  # type: ignore[arg-type]
        yield "text", {kind: first}, kind, other
        yield "text", {kind: first}, kind, {**first, "duration": 200_000}
    for field, value in {**TIMES, **{f"clip.{one}": value for one, value in CLIP.items()}, **MOVED, **COLOURED,
                         "keyframes.volume": KEYS, "sticker": "8"}.items():  # fmt: skip
        yield "sticker", {}, field, value
    for field, value in {**TIMES, "effect": {"name": EFFECT.key, "params": [13]}}.items():
        yield "effect", {}, field, value
    yield "effect", {}, "effect", {"name": name("character")}
    for field, value in {**TIMES, "filter": {"name": name("filter"), "intensity": 0.5}}.items():
        yield "filter", {}, field, value
    yield "filter", {}, "filter", {"name": name("filter", 1)}


OWN: dict[str, dict[str, Any]] = {
    "video": {"media": VIDEO}, "image": {"media": IMAGE}, "audio": {"media": SOUND}, "text": {"text": "你好"},
    "sticker": {"sticker": "7"}, "effect": {"effect": {"name": EFFECT.key}}, "filter": {"filter": {"name": name("filter")}},
}  # fmt: skip


def draft(kind: str, said: dict[str, Any]) -> tuple[Any, list[str]]:
    """The draft of that segment and another after it, but for ids; and the warnings."""
    track = "video" if kind == "image" else kind
    base: dict[str, Any] = {"kind": kind, "duration": 6 * S, **OWN[kind]}
    segments = [{**base, **said}, {**base, "start": (said.get("start") or 0) + (said.get("duration") or 6 * S)}]
    spec = DraftSpec.model_validate({"width": 1080, "tracks": [{"kind": track, "segments": segments}]})
    result = resolve(spec, PROBES, {})
    assert not result.problems
    return written(result), result.warnings


def written(result: Resolved) -> Any:
    """The draft but for its ids."""
    whole = b"".join(build.encoded(build.content(result, "jianying", "/d"))).decode()
    return json.loads(re.sub(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "", whole))


def put(said: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    first, _dot, rest = path.partition(".")
    return {**said, first: put(said.get(first) or {}, rest, value) if rest else value}


CASES = list(_cases())


@pytest.mark.parametrize(
    ("kind", "said", "path", "value"), CASES, ids=[f"{kind} {path} {n}" for n, (kind, _, path, _v) in enumerate(CASES)]
)
def test_no_field_is_lost(kind, said, path, value):
    plain, usual = draft(kind, said)
    made, warnings = draft(kind, put(said, path, value))
    assert made != plain or set(warnings) - set(usual)


@pytest.mark.parametrize(
    ("kind", "field"),
    [("text", "volume"), ("text", "contrast"), ("sticker", "saturation"), ("audio", "rotation"), ("image", "volume")],
)
def test_keyframes_that_a_kind_of_segment_has_not_are_left_off_and_said(kind, field):
    plain, _usual = draft(kind, {})
    made, warnings = draft(kind, {"keyframes": {field: KEYS}})
    assert made == plain
    assert [field in warning for warning in warnings] == [True]


# --- exports ----------------------------------------------------------------------------------------------------------

SAID: dict[str, dict[str, Any]] = {
    "transform": {"position_x": 0.1, "position_y": 0.1, "scale": 1.2, "scale_x": 1.2, "scale_y": 1.2, "rotation": 9,
                  "opacity": 0.5, "flip_horizontal": True, "flip_vertical": True},
    "crop": {"left": 0.1, "top": 0.1, "right": 0.9, "bottom": 0.9},
    "effects": {"filter_type": name("filter"), "filter_intensity": 0.5, "transition_type": name("transition"),
                "transition_duration": 700},
    "speed": {"speed": 2, "reverse": True},
    "audio": {"volume": 0.5, "fade_in": 500, "fade_out": 500, "effect_type": SOUND_EFFECT.key, "effect_intensity": 0.5,
              "speed": 2, "change_pitch": True},
    "background": {"blur": True, "color": "#123456", "fit_mode": "fill"},
    "animations": {"intro": name("video_intro"), "intro_duration": 300, "outro": name("video_outro"),
                   "outro_duration": 300, "loop": name("video_group"), "loop_duration": 300},
    "style": {"font_family": name("font"), "font_size": 12, "font_weight": "bold", "font_style": "italic",
              "underline": True, "color": "#123456", "alignment": "left", "letter_spacing": 2, "line_spacing": 2,
              "stroke": {"enabled": True}, "shadow": {"enabled": True}, "background": {"enabled": True}},
    "keyframes": {"position": [{"time": 0, "value": {"x": 0.1, "y": 0.2}}], "scale": [{"time": 0, "value": 1.5}],
                  "rotation": [{"time": 0, "value": 9}], "opacity": [{"time": 0, "value": 0.5}],
                  "volume": [{"time": 0, "value": 0.5}]},
    "": {"alignment": "left", "volume": 0.5, "effect_type": name("scene", 3), "intensity": 0.5, "properties": {"a": 7},
         "time_range": {"start": 1000, "end": 3000}, "material_range": {"start": 1000, "end": 3000}, "content": "再见",
         "nonsense": 7},
}  # fmt: skip
BESIDE: dict[str, dict[str, Any]] = {
    "effects.filter_intensity": {"effects": {"filter_type": name("filter")}},
    "effects.transition_duration": {"effects": {"transition_type": name("transition")}},
    "audio.effect_intensity": {"audio": {"effect_type": SOUND_EFFECT.key}},
    **{f"animations.{one}_duration": {"animations": {one: SAID["animations"][one]}} for one in ("intro", "outro", "loop")},
}  # fmt: skip
"""What a strength or a length belongs to."""
HAS = {"effects": ("video", "image", "filter"), "audio": ("audio",), "animations": ("video", "image", "text")}
KINDS: dict[str, dict[str, Any]] = {
    "video": {"material_url": VIDEO}, "image": {"material_url": IMAGE}, "audio": {"material_url": SOUND},
    "text": {"content": "你好"}, "sticker": {"resource_id": "7"}, "effect": {"effect_type": EFFECT.key},
    "filter": {"effects": {"filter_type": name("filter", 5)}},
}  # fmt: skip
MEANS_NOTHING = {
    *(("image", path) for path in ("speed.speed", "speed.reverse", "audio.volume", "audio.fade_in", "audio.fade_out",
                                   "audio.effect_intensity", "audio.speed", "audio.change_pitch", "volume",
                                   "material_range")),
    ("video", "audio.effect_intensity"), ("sticker", "content"), ("filter", "effects.transition_duration"),
    *((kind, "material_range") for kind in ("text", "sticker", "effect", "filter")),
    *((kind, path) for kind in KINDS for path in BESIDE if kind not in HAS[path.partition(".")[0]]),
}  # fmt: skip
"""What a picture can't have, and what says nothing of what is left off already."""
EXPORTED = [
    (kind, ".".join(part for part in (group, field) if part), value)
    for kind in KINDS for group, fields in SAID.items() for field, value in fields.items()
]  # fmt: skip


def exported(kind: str, said: dict[str, Any]) -> tuple[Any, list[str]]:
    base = {"type": kind, "time_range": {"start": 0, "end": 4000}, **KINDS[kind]}
    segments = [{**base, **said}, {**base, "time_range": {"start": 4000, "end": 8000}}]
    tracks = [{"track_type": kind, "segments": segments}]
    whole = {"draft_id": "d", "project": {"name": "x", "width": 1080, "height": 1920}, "tracks": tracks}
    [found] = source.read(json.dumps(whole), "ms")
    imported = found.to_spec({url: probe.length_us for url, probe in PROBES.items()})
    result = resolve(imported.spec, PROBES, {})
    assert not imported.problems and not result.problems
    return written(result), [*imported.warnings, *result.warnings]


@pytest.mark.parametrize(("kind", "path", "value"), EXPORTED, ids=[f"{kind} {path}" for kind, path, _v in EXPORTED])
def test_no_field_of_an_export_is_lost(kind, path, value):
    said = {**BESIDE.get(path, {}), **KINDS[kind]}
    if kind == "text" and "animations" in said:
        said = {"animations": {one: name(f"text_{one}") for one in said["animations"]}}
    plain, usual = exported(kind, said)
    made, warnings = exported(kind, put(said, path, value))
    if (kind, path) in MEANS_NOTHING:
        assert made == plain
    else:
        assert made != plain or set(warnings) - set(usual)
