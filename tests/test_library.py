"""The same scene made with pyJianYingDraft's own interface holds the same, but for what is listed here with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyJianYingDraft as jy
import pytest
from pyJianYingDraft import KeyframeProperty as Property

from specs import FILES, PROBES, place_media
from tray.draft import build, names
from tray.draft.resolve import resolve
from tray.draft.spec import DraftSpec

S = 1_000_000
IMAGE, _TALL, VIDEO, SOUND, _SPEECH = PROBES

BETTER = {
    ".render_index_track_mode_on": "JianYing 5.x's own",
    ".tracks.name": "a track has no name of its own",
    ".tracks.is_default_name": "the same",
    ".tracks.segments.render_index": "in order of drawing, not of tracks",
    ".tracks.segments.track_render_index": "the same",
    ".tracks.segments.enable_adjust": "as JianYing 5.x has it for what is no video",
    ".tracks.segments.enable_lut": "the same",
    ".tracks.segments.uniform_scale.on": "scales that differ can't be tied to each other",
    ".materials.audios.check_flag": "JianYing 5.x's own",
    ".materials.audios.copyright_limit_type": "not in JianYing 5.x's",
    ".materials.material_animations.multi_language_current": "not in JianYing 5.x's",
    ".materials.material_animations.animations.start": "a loop plays after the intro, not over it",
    ".materials.material_animations.animations.duration": "the same",
    ".materials.canvases.blur": "a colour has no blur",
}
"""What differs from the library's, and why."""
IDS = {"id", "material_id", "path", "local_material_id", "music_id", "material_name", "extra_material_refs"}


def member(kind: names.Kind, number: int = 0) -> Any:
    return names.search(kind)[number].member


def key(kind: names.Kind, number: int = 0) -> str:
    return names.search(kind)[number].key


EFFECT = next(entry for entry in names.search("scene") if len(entry.params) > 1)


def theirs(folder: Path) -> dict[str, Any]:
    image, _tall, video, sound, _speech = (str(folder / path) for path in FILES)
    script = jy.ScriptFile(1080, 1920, 30, True)
    for kind in ("video", "audio", "effect", "filter", "sticker", "text"):
        script.append_track(jy.TrackSpec(getattr(jy.TrackType, kind)))
    crop = jy.CropSettings(
        upper_left_x=0.1, upper_left_y=0.2, upper_right_x=0.9, upper_right_y=0.2, lower_left_x=0.1, lower_left_y=0.7,
        lower_right_x=0.9, lower_right_y=0.7,
    )  # fmt: skip
    clip = jy.ClipSettings(
        alpha=0.5, flip_horizontal=True, rotation=30, scale_x=1.5, scale_y=0.7, transform_x=0.3, transform_y=-0.4
    )
    shot = jy.VideoSegment(
        jy.VideoMaterial(video, crop_settings=crop), jy.Timerange(0, 4 * S), source_timerange=jy.Timerange(3 * S, 8 * S),
        volume=0.4, change_pitch=True, clip_settings=clip,
    )  # fmt: skip
    shot.add_animation(member("video_intro"), 700_000).add_animation(member("video_outro"), 600_000)
    shot.add_effect(EFFECT.member, [30, None]).add_fade(100_000, 200_000).add_filter(member("filter"), 60)
    width, height = shot.material_size
    shot.set_mix_mode(member("mix_mode")).add_mask(
        jy.MaskType.矩形, center_x=width / 8, center_y=-height / 4, size=0.4, rotation=10, feather=20, invert=True,
        rect_width=0.3, round_corner=15,
    )  # fmt: skip
    shot.add_transition(member("transition"), duration=500_000).add_background_filling("blur", 0.375)
    shot.add_chroma("#00FF00FF", 30, 10, 5, 6)
    for time_us, value in ((0, 0.1), (S, 0.2)):
        shot.add_keyframe(Property.position_x, time_us, value).add_keyframe(Property.volume, time_us, value)
    script.add_segment(shot)
    still = jy.VideoSegment(jy.VideoMaterial(image), jy.Timerange(4 * S, 3 * S)).add_animation(member("video_group"))
    still.add_background_filling("color", color="#102030FF").add_keyframe(Property.uniform_scale, 0, 1.3)
    script.add_segment(still)
    spoken = jy.AudioSegment(jy.AudioMaterial(sound), jy.Timerange(0, 5 * S), speed=1.5, volume=0.7).add_fade(S, 0)
    spoken.add_effect(member("audio_scene"), [40]).add_effect(member("tone")).add_keyframe(0, 0.5)
    script.add_segment(spoken)
    script.add_effect(EFFECT.member, jy.Timerange(0, 2 * S), params=[10])
    script.add_filter(member("filter", 1), jy.Timerange(0, 2 * S), intensity=40)
    at = jy.ClipSettings(transform_y=0.5)
    script.add_segment(jy.StickerSegment("7010558788675652900", jy.Timerange(0, 2 * S), clip_settings=at))
    style = jy.TextStyle(
        size=12, bold=True, italic=True, underline=True, color=(1.0, 0.2, 0.0), alpha=0.8, align=1, vertical=True,
        letter_spacing=3, line_spacing=4, auto_wrapping=True, max_line_width=0.6,
    )  # fmt: skip
    text = jy.TextSegment(
        "你好世界", jy.Timerange(0, 4 * S), font=member("font"), style=style, clip_settings=at,
        border=jy.TextBorder(alpha=0.6, color=(0.0, 0.0, 1.0), width=30),
        background=jy.TextBackground(color="#00FF00", style=2, alpha=0.3, round_radius=0.2, height=0.3, width=0.4,
                                     horizontal_offset=0.6, vertical_offset=0.7),
        shadow=jy.TextShadow(alpha=0.4, color=(1.0, 0.0, 0.0), diffuse=20, distance=7, angle=-30),
    )  # fmt: skip
    text.add_animation(member("text_intro"), 500_000).add_animation(member("text_outro"), 400_000)
    text.add_animation(member("text_loop")).add_bubble("111", "222").add_effect("333")
    script.add_segment(text)
    return dict(json.loads(script.dumps()))


def ours() -> dict[str, Any]:
    shot = {
        "media": VIDEO, "duration": "4s", "source_start": "3s", "source_duration": "8s", "volume": 0.4,
        "change_pitch": True, "crop": {"left": 0.1, "right": 0.9, "top": 0.2, "bottom": 0.7}, "clip": {
            "opacity": 0.5, "flip_horizontal": True, "rotation": 30, "scale_x": 1.5, "scale_y": 0.7, "x": 0.3, "y": -0.4},
        "intro": {"name": key("video_intro"), "duration": "0.7s"}, "fade_in": "100ms", "fade_out": "200ms",
        "outro": {"name": key("video_outro"), "duration": "0.6s"}, "mix_mode": key("mix_mode"),
        "effects": [{"name": EFFECT.key, "params": [30, None]}], "filters": [{"name": key("filter"), "intensity": 0.6}],
        "mask": {"name": "矩形", "x": 0.25, "y": -0.5, "size": 0.4, "rotation": 10, "feather": 20, "invert": True,
                 "width": 0.3, "round_corner": 15},
        "transition": {"name": key("transition"), "duration": "0.5s"}, "fill": {"blur": 0.375},
        "chroma": {"colour": "#00FF00", "intensity": 30, "shadow": 10, "edge_smooth": 5, "spill": 6},
        "keyframes": {name: [{"time": 0, "value": 0.1}, {"time": "1s", "value": 0.2}] for name in ("position_x", "volume")},
    }  # fmt: skip
    still = {"media": IMAGE, "duration": "3s", "group": {"name": key("video_group")}, "fill": {"colour": "#102030"},
             "keyframes": {"scale": [{"time": 0, "value": 1.3}]}}  # fmt: skip
    spoken = {"media": SOUND, "duration": "5s", "speed": 1.5, "volume": 0.7, "fade_in": "1s",
              "effects": [{"name": key("audio_scene"), "params": [40]}, {"name": key("tone"), "kind": "tone"}],
              "keyframes": {"volume": [{"time": 0, "value": 0.5}]}}  # fmt: skip
    style = {
        "size": 12, "font": key("font"), "bold": True, "italic": True, "underline": True, "colour": "#FF3300",
        "opacity": 0.8, "vertical": True, "letter_spacing": 3, "line_spacing": 4, "max_line_width": 0.6,
        "border": {"colour": "#0000FF", "opacity": 0.6, "width": 30},
        "shadow": {"colour": "#FF0000", "opacity": 0.4, "diffuse": 20, "distance": 7, "angle": -30},
        "background": {"colour": "#00FF00", "opacity": 0.3, "style": 2, "round_radius": 0.2, "height": 0.3, "width": 0.4,
                       "horizontal_offset": 0.6, "vertical_offset": 0.7},
    }  # fmt: skip
    text = {"text": "你好世界", "duration": "4s", "clip": {"y": 0.5}, "style": style, "loop": {"name": key("text_loop")},
            "intro": {"name": key("text_intro"), "duration": "0.5s"}, "flower": "333",
            "outro": {"name": key("text_outro"), "duration": "0.4s"},
            "bubble": {"effect_id": "111", "resource_id": "222"}}  # fmt: skip
    segments: dict[str, list[dict[str, Any]]] = {
        "video": [shot, still], "audio": [spoken],
        "effect": [{"duration": "2s", "effect": {"name": EFFECT.key, "params": [10]}}],
        "filter": [{"duration": "2s", "filter": {"name": key("filter", 1), "intensity": 0.4}}],
        "sticker": [{"duration": "2s", "sticker": "7010558788675652900", "clip": {"y": 0.5}}], "text": [text],
    }  # fmt: skip
    tracks = [{"kind": kind, "segments": [{"kind": kind, **one} for one in said]} for kind, said in segments.items()]
    result = resolve(DraftSpec.model_validate({"width": 1080, "height": 1920, "tracks": tracks}), PROBES, {})
    assert not result.problems and not result.warnings
    return dict(json.loads(b"".join(build.encoded(build.content(result, "jianying", "/drafts/d")))))


def alike(content: dict[str, Any]) -> dict[str, Any]:
    """With effects in one order, texts' contents as they read, and without animations of what has none."""
    materials = content["materials"]
    materials["effects"].sort(key=lambda one: (one["type"], one["resource_id"]))
    materials["material_animations"] = [one for one in materials["material_animations"] if one["animations"]]
    for text in materials["texts"]:
        text["content"] = json.loads(text["content"])
    return content


def differing(library: Any, own: Any, path: str = "") -> Iterator[str]:
    """Where `own` has not what `library` has; it may have more."""
    if isinstance(library, dict) and isinstance(own, dict):
        for name, value in library.items():
            if name not in IDS:
                yield from differing(value, own.get(name, ...), f"{path}.{name}")
    elif isinstance(library, list) and isinstance(own, list) and len(library) == len(own):
        for one, other in zip(library, own, strict=True):
            yield from differing(one, other, path)
    elif library != [] and library != (pytest.approx(own) if isinstance(own, float) else own):
        yield path


def test_a_scene_holds_what_the_library_writes_for_it(tmp_path):
    place_media(tmp_path)
    found = sorted(set(differing(alike(theirs(tmp_path)), alike(ours()))))
    assert found == sorted(BETTER)
