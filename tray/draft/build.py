"""Makes the main file of a draft of a resolved spec.

What a segment carries is written by pyJianYingDraft's own classes (attached); segments and media have its keys and
those that the application itself writes (shapes). Its checks, which compare every segment with every other, are left
out: a resolved spec has no overlaps.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pyJianYingDraft as jy
from pyJianYingDraft.segment import BaseSegment

from tray.draft import attached
from tray.draft.build_text import Texts
from tray.draft.folders import Profile
from tray.draft.materials import Materials
from tray.draft.resolve import Resolved
from tray.draft.shapes import encoded, filled, new_id, shape
from tray.draft.spec import (
    AudioSegment,
    Clip,
    EffectSegment,
    FilterSegment,
    Keyframes,
    Segment,
    Span,
    StickerSegment,
    TextSegment,
    Track,
    VisualSegment,
)

__all__ = ["content", "encoded"]

_RENDER_INDEX = {"video": 0, "audio": 0, "filter": 10_000, "effect": 11_000, "sticker": 14_000, "text": 14_000}
"""Where each kind of track begins in the order of drawing (inventories; effects: pyJianYingDraft, video_segment.py)."""


def content(resolved: Resolved, profile: Profile, media_root: str) -> dict[str, Any]:
    """The main file's content; `encoded` writes it.

    `media_root`: where the draft folder will be, with forward slashes, or the application's placeholder for it. Objects
    share what they have in common: nobody changes them.
    """
    spec = resolved.spec
    materials = Materials(resolved, profile, media_root)
    texts = Texts(materials)
    tracks, layer = [], 0
    for track in spec.tracks:
        tracks.append(_track(track, layer, resolved, materials, texts))
        layer += track.kind != "audio"
    script = jy.ScriptFile(spec.width, spec.height, spec.fps, maintrack_adsorb=not resolved.main_track_has_gaps)
    template = shape(profile, "top")
    made: dict[str, Any] = {
        **script.content,
        **template,
        "id": str(uuid.uuid4()).upper(),
        "fps": float(spec.fps),
        "duration": spec.length_us,
        "canvas_config": {**template["canvas_config"], "width": spec.width, "height": spec.height},
        "config": {**script.content["config"], **template["config"], "maintrack_adsorb": script.maintrack_adsorb},
        "materials": materials.groups,
        "tracks": tracks,
    }
    if sys.platform == "darwin":
        for key in ("platform", "last_modified_platform"):
            made[key] = {**made[key], "os": "mac"}
    return made


def _track(track: Track, layer: int, resolved: Resolved, materials: Materials, texts: Texts) -> dict[str, Any]:
    """`layer`: how many visible tracks lie below this one."""
    mute = int(track.muted)
    template = {
        **_segment_template(materials.profile, track.kind),
        "render_index": _RENDER_INDEX[track.kind] + (0 if track.kind == "audio" else layer),
        "track_render_index": 0 if track.kind == "audio" else layer,
        "track_attribute": mute,
    }
    segments = []
    for segment in track.segments:
        own = _own(segment, resolved, materials, texts)
        segments.append(filled(template, {"id": new_id(), "target_timerange": _range(segment.target), **own}))
    return {
        **shape(materials.profile, "track"),
        "id": new_id(),
        "type": track.kind,
        "attribute": mute,
        "is_default_name": True,
        "segments": segments,
    }


def _segment_template(profile: Profile, kind: str) -> dict[str, Any]:
    return {**BaseSegment("", jy.Timerange(0, 0)).export_json(), **shape(profile, f"segment-{kind}")}


def _own(segment: Segment, resolved: Resolved, materials: Materials, texts: Texts) -> dict[str, Any]:
    """What the segment has that its track's others need not have."""
    if isinstance(segment, VisualSegment):
        companions = {"speeds": {"speed": segment.speed}, "canvases": attached.fill(segment.fill)}
        refs = materials.companions("video", companions)
        refs += attached.to_visual(segment, resolved.files[segment.media], materials)
        material_id = materials.video(segment.media, segment.crop)
        return {
            "material_id": material_id,
            "extra_material_refs": refs,
            **_played(segment, materials.profile),
            **_placed(segment.clip, segment.keyframes),
        }
    if isinstance(segment, AudioSegment):
        refs = materials.companions("audio", {"speeds": {"speed": segment.speed}})
        refs += attached.to_audio(segment, materials)
        material_id = materials.audio(segment.media)
        return {
            "material_id": material_id,
            "extra_material_refs": refs,
            **_played(segment, materials.profile),
        }
    if isinstance(segment, TextSegment):
        refs = list(attached.to_text(segment, materials))
        own = {"material_id": texts.add(segment), "extra_material_refs": refs}
        return own | _moving(segment.keyframes, materials.profile) | _placed(segment.clip, segment.keyframes)
    if isinstance(segment, StickerSegment):
        sticker = {"resource_id": segment.sticker, "sticker_id": segment.sticker, "type": "sticker"}
        refs = list(attached.to_sticker(materials))
        own = {"material_id": materials.add("stickers", sticker), "extra_material_refs": refs}
        return own | _moving(segment.keyframes, materials.profile) | _placed(segment.clip, segment.keyframes)
    if isinstance(segment, EffectSegment):
        return {"material_id": attached.effect_of(segment.effect, materials)}
    assert isinstance(segment, FilterSegment)  # noqa: S101 - there is no other kind
    return {"material_id": attached.filter_of(segment.filter, materials)}


def _played(segment: VisualSegment | AudioSegment, profile: Profile) -> dict[str, Any]:
    own: dict[str, Any] = {
        "source_timerange": _range(segment.source),
        "speed": segment.speed,
        "volume": segment.volume,
        "is_tone_modify": segment.change_pitch,
        "reverse": segment.reverse,
    }
    return own | _moving(segment.keyframes, profile)


def _moving(keyframes: Keyframes, profile: Profile) -> dict[str, Any]:
    return {"common_keyframes": attached.keyframe_lists(keyframes, profile)} if keyframes else {}


def _placed(clip: Clip, keyframes: Keyframes) -> dict[str, Any]:
    """Where a visible segment lies."""
    own: dict[str, Any] = {"clip": _clip(clip)}
    if clip.scale_x != clip.scale_y or "scale_x" in keyframes or "scale_y" in keyframes:
        own["uniform_scale"] = {"on": False, "value": 1.0}
    return own


@lru_cache(maxsize=1024)
def _clip(clip: Clip) -> Mapping[str, Any]:
    """The same for all captions of a draft, as a rule."""
    settings = jy.ClipSettings(
        alpha=clip.opacity,
        flip_horizontal=clip.flip_horizontal,
        flip_vertical=clip.flip_vertical,
        rotation=clip.rotation_deg,
        scale_x=clip.scale_x,
        scale_y=clip.scale_y,
        transform_x=clip.x,
        transform_y=clip.y,
    )
    return settings.export_json()


def _range(span: Span) -> dict[str, int]:
    return {"start": span.start_us, "duration": span.duration_us}
