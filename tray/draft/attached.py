"""What a segment carries: animations, effects, filters, masks, keyframes, … as pyJianYingDraft writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyJianYingDraft import KeyframeProperty as Property
from pyJianYingDraft.animation import Text_animation, VideoAnimation
from pyJianYingDraft.audio_segment import AudioEffect
from pyJianYingDraft.keyframe import Keyframe, KeyframeList
from pyJianYingDraft.segment import AudioFade
from pyJianYingDraft.text_segment import TextBubble, TextEffect
from pyJianYingDraft.video_segment import BackgroundFilling, Chroma, Filter, Mask, MixMode, Transition, VideoEffect

from tray.draft import names, spec
from tray.draft.folders import Profile
from tray.draft.materials import Materials
from tray.draft.probe import Probe
from tray.draft.shapes import filled, new_id, shape

PROPERTIES: Mapping[spec.KeyframeProperty, Property] = {
    "position_x": Property.position_x,
    "position_y": Property.position_y,
    "rotation": Property.rotation,
    "scale": Property.scale_x,  # with uniform_scale on it counts for both
    "scale_x": Property.scale_x,
    "scale_y": Property.scale_y,
    "opacity": Property.alpha,
    "saturation": Property.saturation,
    "contrast": Property.contrast,
    "brightness": Property.brightness,
    "volume": Property.volume,
}
_ANIMATION_WORDS = {"in": "入场", "out": "出场", "group": "组合", "loop": "循环"}
_ON_SEGMENT, _ON_ALL = 0, 2
"""What an effect applies to (pyJianYingDraft, video_segment.py, apply_target_type)."""


def meta_of(kind: names.Kind, key: str) -> Any:
    """The enum member that a resolved name stands for."""
    entry = names.find(kind, key)
    if entry is None:
        raise LookupError(f"{kind} {key}")
    return entry.member


def to_visual(segment: spec.VisualSegment, probe: Probe, materials: Materials) -> Iterator[str]:
    """The ids of all that a video or picture carries besides its companions."""
    length_us = segment.target.duration_us
    moves = []
    if intro := segment.intro:
        moves.append(VideoAnimation(meta_of("video_intro", intro.name), 0, intro.duration_us or length_us))
    if outro := segment.outro:
        outro_us = outro.duration_us or length_us
        moves.append(VideoAnimation(meta_of("video_outro", outro.name), length_us - outro_us, outro_us))
    if group := segment.group:
        moves.append(VideoAnimation(meta_of("video_group", group.name), 0, group.duration_us or length_us))
    if moves:
        yield _animations(moves, materials)
    yield from _fade(segment, materials)
    for effect in segment.effects:
        yield effect_of(effect, materials, _ON_SEGMENT)
    for one in segment.filters:
        yield filter_of(one, materials)
    if segment.mask:
        yield _mask(segment.mask, probe, materials)
    if segment.chroma:
        said = segment.chroma
        shares = (said.intensity / 100, said.shadow / 100, said.edge_smooth / 100, said.spill / 100)
        yield materials.add("chromas", Chroma(f"{said.colour}FF", *shares).export_json())
    if segment.mix_mode:
        yield materials.add("effects", MixMode(meta_of("mix_mode", segment.mix_mode).value).export_json())
    if segment.transition:
        member = meta_of("transition", segment.transition.name)
        yield materials.add("transitions", Transition(member, segment.transition.duration_us).export_json())


def to_audio(segment: spec.AudioSegment, materials: Materials) -> Iterator[str]:
    """The ids of all that a sound carries besides its companions."""
    yield from _fade(segment, materials)
    for effect in segment.effects:
        member = meta_of(effect.kind or "audio_scene", effect.name)
        yield materials.add("audio_effects", AudioEffect(member, list(effect.params)).export_json())


def to_text(segment: spec.TextSegment, materials: Materials) -> Iterator[str]:
    """The ids of all that a text refers to."""
    length_us = segment.target.duration_us
    intro, outro, loop = segment.intro, segment.outro, segment.loop
    moves = []
    intro_us = 0
    if intro:
        intro_us = intro.duration_us or length_us
        moves.append(Text_animation(meta_of("text_intro", intro.name), 0, intro_us))
    if outro:
        outro_us = outro.duration_us or length_us
        moves.append(Text_animation(meta_of("text_outro", outro.name), length_us - outro_us, outro_us))
    if loop:  # pyJianYingDraft starts it with the intro; JianYing plays it between intro and outro
        loop_us = loop.duration_us or length_us - intro_us
        moves.append(Text_animation(meta_of("text_loop", loop.name), intro_us, loop_us))
    yield _animations(moves, materials)
    if segment.bubble:
        bubble = TextBubble(segment.bubble.effect_id, segment.bubble.resource_id)
        yield materials.add("effects", bubble.export_json())
    if segment.flower:
        yield materials.add("effects", TextEffect(segment.flower, segment.flower).export_json())


def to_sticker(materials: Materials) -> Iterator[str]:
    """The ids of all that a sticker refers to: its animations, of which a spec says none."""
    yield _animations((), materials)


def effect_of(effect: spec.Effect, materials: Materials, target: int = _ON_ALL) -> str:
    """The id of a scene or character effect."""
    member = meta_of(effect.kind or "scene", effect.name)
    made = VideoEffect(member, list(effect.params), apply_target_type=target)  # type: ignore[arg-type]
    return materials.add("video_effects", made.export_json())


def filter_of(one: spec.Filter, materials: Materials) -> str:
    """The id of a filter. A filter track's are written as a segment's (pyJianYingDraft, effect_segment.py)."""
    return materials.add("effects", Filter(meta_of("filter", one.name).value, one.intensity).export_json())


def fill(said: spec.Fill | None) -> dict[str, Any]:
    """What a segment's canvas has beyond its template."""
    if said is None:
        return {}
    if said.blur is not None:
        made = BackgroundFilling("canvas_blur", said.blur, "#00000000")
    else:
        made = BackgroundFilling("canvas_color", 0.0, f"{said.colour}FF")
    return {"type": made.fill_type, "blur": made.blur, "color": made.color, "id": made.global_id}


def keyframe_lists(said: spec.Keyframes, profile: Profile) -> list[dict[str, Any]]:
    """A segment's keyframes, one list for each property."""
    template = {**shape(profile, "keyframe"), **Keyframe(0, 0.0).export_json()}
    made = []
    for name, keys in said.items():
        listed = [filled(template, {"id": new_id(), "time_offset": key.time_us, "values": [key.value]}) for key in keys]
        whole = {**shape(profile, "keyframe-list"), **KeyframeList(PROPERTIES[name]).export_json()}
        made.append({**whole, "keyframe_list": listed})
    return made


def _animations(moves: Iterable[VideoAnimation | Text_animation], materials: Materials) -> str:
    template = shape(materials.profile, "animation")
    animations = [
        {
            **template,
            "category_id": one.animation_type,
            "category_name": _ANIMATION_WORDS[one.animation_type],
            **one.export_json(),
        }
        for one in moves
    ]
    return materials.add("material_animations", {"animations": animations} if animations else {})


def _fade(segment: spec.VisualSegment | spec.AudioSegment, materials: Materials) -> Iterator[str]:
    if segment.fade_in_us or segment.fade_out_us:
        yield materials.add("audio_fades", AudioFade(segment.fade_in_us, segment.fade_out_us).export_json())


def _mask(said: spec.Mask, probe: Probe, materials: Materials) -> str:
    """In both groups, under one id: JianYing 5.x reads `masks`, later ones `common_mask` (pyJianYingDraft,
    video_segment.py, export_common_json)."""
    meta = meta_of("mask", said.name).value
    width = said.width
    if width is None:  # as high as it is wide, in pixels, but for the shape's own proportions
        width = said.size * probe.height * meta.default_aspect_ratio / max(1, probe.width)
    made = Mask(
        meta, said.x, said.y, width, said.size, meta.default_aspect_ratio,
        said.rotation_deg, said.invert, said.feather / 100, said.round_corner / 100,
    )  # fmt: skip
    materials.add("common_mask", {**shape(materials.profile, "masks"), **made.export_common_json()})
    return materials.add("masks", made.export_json())
