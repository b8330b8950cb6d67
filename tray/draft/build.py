"""Makes the content of a JianYing draft of arranged segments, with pyJianYingDraft's objects.

Its materials are made here without its probing constructors, and its segments are put into tracks that `arrange` has
already freed of overlaps: its own checks compare every segment with every other.
"""

from __future__ import annotations

import sys
import uuid
from typing import Any, Literal, cast
from urllib.parse import unquote

import pyJianYingDraft as jy
from pyJianYingDraft.script_material import ScriptMaterial

from tray.draft.arrange import Arranged, Placed
from tray.draft.probe import Probe
from tray.draft.spec import AudioSegment, Clip, DraftSpec, TextSegment, TextStyle, VisualSegment
from tray.locale import _

PHOTO_LENGTH_US = 10_800_000_000
"""JianYing lets a photo be drawn out to three hours (pyJianYingDraft, local_materials.py)."""

_TRACK_TYPES = {"visual": jy.TrackType.video, "audio": jy.TrackType.audio, "text": jy.TrackType.text}
_ALIGN: dict[str, Literal[0, 1, 2]] = {"left": 0, "center": 1, "right": 2}


def content(spec: DraftSpec, arranged: Arranged, draft_path: str, warnings: list[str]) -> dict[str, Any]:
    """The main file's content. `draft_path`: where the draft folder will be, with forward slashes."""
    script = jy.ScriptFile(spec.width, spec.height, spec.fps, maintrack_adsorb=not arranged.main_track_has_gaps)
    videos: dict[str, jy.VideoMaterial] = {}
    audios: dict[str, jy.AudioMaterial] = {}
    for number, lane in enumerate(arranged.lanes):
        track_type = _TRACK_TYPES[lane.kind]
        script.append_track(jy.TrackSpec(track_type, name=str(number), mute=lane.muted))
        segments = script.tracks[str(number)].segments
        for placed in lane.placed:
            segment = placed.segment
            if isinstance(segment, TextSegment):
                segments.append(_text(segment, placed, script.materials, warnings))
            elif isinstance(segment, AudioSegment):
                segments.append(_audio(segment, placed, _audio_material(placed, draft_path, audios), script.materials))
            else:
                segments.append(_visual(segment, placed, _video_material(placed, draft_path, videos), script.materials))
            script.duration = max(script.duration, placed.target.end_us)
    script.materials.videos.extend(videos.values())
    script.materials.audios.extend(audios.values())
    return _exported(script)


def _exported(script: jy.ScriptFile) -> dict[str, Any]:
    """What ScriptFile.dumps writes, as a value (it only gives indented text), with an id of the draft's own."""
    tracks = [track.export_json() for track in script.tracks.values()]
    for index, track in enumerate(tracks):
        track["name"], track["is_default_name"] = "", True
        for segment in track["segments"]:
            segment["render_index"] = index
            segment["track_render_index"] = 0
    result: dict[str, Any] = {
        **script.content,
        "id": str(uuid.uuid4()).upper(),
        "fps": float(script.fps),
        "duration": script.duration,
        "canvas_config": {"width": script.width, "height": script.height, "ratio": "original"},
        "materials": script.materials.export_json(),
        "tracks": tracks,
    }
    result["config"]["maintrack_adsorb"] = script.maintrack_adsorb
    if sys.platform == "darwin":
        for key in ("platform", "last_modified_platform"):
            result[key]["os"] = "mac"
    return result


def _media_path(probe: Probe, draft_path: str) -> str:
    return f"{draft_path}/Resources/local/{probe.path.name}"


def _material_name(placed: Placed) -> str:
    """What JianYing's media list shows: the link's own file name where it has one, else the file's."""
    probe, url = cast(Probe, placed.probe), getattr(placed.segment, "url", "")
    name = unquote(url.partition("?")[0]).rpartition("/")[2]
    return name[-60:] if "." in name and not url.startswith("data:") else probe.path.name


def _video_material(placed: Placed, draft_path: str, known: dict[str, jy.VideoMaterial]) -> jy.VideoMaterial:
    probe = cast(Probe, placed.probe)
    path = _media_path(probe, draft_path)
    if path not in known:
        material = jy.VideoMaterial.__new__(jy.VideoMaterial)
        material.material_id = uuid.uuid4().hex
        material.local_material_id = str(uuid.uuid4())
        material.material_name = _material_name(placed)
        material.path = path
        material.duration = probe.length_us or PHOTO_LENGTH_US
        material.width, material.height = probe.width, probe.height
        material.material_type = "video" if probe.kind == "video" else "photo"
        material.crop_settings = jy.CropSettings()
        known[path] = material
    return known[path]


def _audio_material(placed: Placed, draft_path: str, known: dict[str, jy.AudioMaterial]) -> jy.AudioMaterial:
    probe = cast(Probe, placed.probe)
    path = _media_path(probe, draft_path)
    if path not in known:
        material = jy.AudioMaterial.__new__(jy.AudioMaterial)
        material.material_id = uuid.uuid4().hex  # pyJianYingDraft writes it as local_material_id too
        material.material_name = _material_name(placed)
        material.path = path
        material.duration = cast(int, probe.length_us)
        known[path] = material
    return known[path]


def _visual(
    segment: VisualSegment, placed: Placed, material: jy.VideoMaterial, materials: ScriptMaterial
) -> jy.VideoSegment:
    made = jy.VideoSegment(
        material,
        _timerange(placed.target),
        source_timerange=_timerange(placed.source),
        speed=placed.speed,
        volume=segment.volume,
        clip_settings=_clip(segment.clip),
    )
    made.uniform_scale = segment.clip.scale_x == segment.clip.scale_y
    made.target_timerange = _timerange(placed.target)  # the constructor's own is off by its rounding
    materials.speeds.append(made.speed)
    return made


def _audio(
    segment: AudioSegment, placed: Placed, material: jy.AudioMaterial, materials: ScriptMaterial
) -> jy.AudioSegment:
    made = jy.AudioSegment(
        material,
        _timerange(placed.target),
        source_timerange=_timerange(placed.source),
        speed=placed.speed,
        volume=segment.volume,
        change_pitch=segment.change_pitch,
    )
    made.target_timerange = _timerange(placed.target)
    materials.speeds.append(made.speed)
    return made


def _text(segment: TextSegment, placed: Placed, materials: ScriptMaterial, warnings: list[str]) -> jy.TextSegment:
    style = segment.style
    made = jy.TextSegment(
        segment.text,
        _timerange(placed.target),
        font=_font(style, warnings),
        style=jy.TextStyle(
            size=style.size,
            bold=style.bold,
            italic=style.italic,
            underline=style.underline,
            color=_rgb(style.colour),
            alpha=segment.clip.opacity,
            align=_ALIGN[style.align],
            auto_wrapping=True,
        ),
        clip_settings=_clip(segment.clip.model_copy(update={"opacity": 1.0})),  # a text's is in its style
        border=jy.TextBorder(color=_rgb(style.border.colour), width=style.border.width) if style.border else None,
        background=jy.TextBackground(color=style.background.colour, alpha=style.background.opacity)
        if style.background
        else None,
        shadow=jy.TextShadow(
            color=_rgb(style.shadow.colour),
            distance=style.shadow.distance,
            angle=style.shadow.angle_deg,
            diffuse=style.shadow.diffuse,
        )
        if style.shadow
        else None,
    )
    made.uniform_scale = segment.clip.scale_x == segment.clip.scale_y
    made.extra_material_refs.clear()  # the library refers to a speed that it registers nowhere
    materials.texts.append(made.export_material())
    return made


def _font(style: TextStyle, warnings: list[str]) -> jy.FontType | None:
    if style.font is None:
        return None
    found = next((font for font in jy.FontType if style.font in (font.name, font.value.name)), None)
    if found is None:
        text = _("the font “{name}” is not one of JianYing's; the system's is used").format(name=style.font)
        if text not in warnings:
            warnings.append(text)
    return found


def _clip(clip: Clip) -> jy.ClipSettings:
    return jy.ClipSettings(
        alpha=clip.opacity,
        rotation=clip.rotation_deg,
        scale_x=clip.scale_x,
        scale_y=clip.scale_y,
        transform_x=clip.x,
        transform_y=clip.y,
    )


def _timerange(span: Any) -> jy.Timerange:
    return jy.Timerange(span.start_us, span.duration_us)


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue
