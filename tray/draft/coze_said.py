"""What a Coze2JianYing export can say: every field, its type and its limits.

The format: Gardene-el/Coze2JianYing, data_structures/draft_generator_interface/models.py, and the plugin's
coze_plugin/tools/make_*_info, for what is left out because it is the default. Every group and every member may be
null. Other spellings are coze_fields'. Typed dictionaries, not models: checking a segment takes a few
microseconds.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

_CONFIG = ConfigDict(extra="allow", allow_inf_nan=False, coerce_numbers_to_str=True)

_Number = Annotated[float, Field(ge=-1e15, le=1e15)]
_Factor = Annotated[float, Field(ge=-1e4, le=1e4)]
_Degrees = Annotated[float, Field(ge=-1e6, le=1e6)]
_Speed = Annotated[float, Field(ge=0.1, le=100)]
"""JianYing's own range."""
_Volume = Annotated[float, Field(ge=0, le=1000)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Percent = Annotated[float, Field(ge=0, le=100)]
_Length = Annotated[float, Field(ge=0, le=1e15)]
_Name = Annotated[str, Field(max_length=100)]
_Word = Annotated[str, Field(max_length=100)]


@with_config(_CONFIG)
class Range(TypedDict, total=False):
    """`duration` says the end where `end` is absent."""

    start: _Number | None
    end: _Number | None
    duration: _Number | None


@with_config(_CONFIG)
class Transform(TypedDict, total=False):
    position_x: _Number | None
    position_y: _Number | None
    scale: _Factor | None
    scale_x: _Factor | None
    scale_y: _Factor | None
    rotation: _Degrees | None
    opacity: _Share | None
    flip_horizontal: bool | None
    flip_vertical: bool | None


@with_config(_CONFIG)
class Crop(TypedDict, total=False):
    enabled: bool | None
    left: _Share | None
    top: _Share | None
    right: _Share | None
    bottom: _Share | None


@with_config(_CONFIG)
class Effects(TypedDict, total=False):
    filter_type: _Name | None
    filter_intensity: _Percent | None
    transition_type: _Name | None
    transition_duration: _Length | None


@with_config(_CONFIG)
class Speed(TypedDict, total=False):
    speed: _Speed | None
    reverse: bool | None


@with_config(_CONFIG)
class Audio(TypedDict, total=False):
    volume: _Volume | None
    fade_in: _Length | None
    fade_out: _Length | None
    effect_type: _Name | None
    effect_intensity: _Percent | None
    speed: _Speed | None
    change_pitch: bool | None


@with_config(_CONFIG)
class Background(TypedDict, total=False):
    """`blur` is true or false where it is documented, a strength in some flows."""

    blur: _Percent | None
    color: _Word | None
    fit_mode: _Word | None


@with_config(_CONFIG)
class Animations(TypedDict, total=False):
    intro: _Name | None
    intro_duration: _Length | None
    outro: _Name | None
    outro_duration: _Length | None
    loop: _Name | None
    loop_duration: _Length | None


@with_config(_CONFIG)
class Stroke(TypedDict, total=False):
    enabled: bool | None
    color: _Word | None
    width: _Length | None


@with_config(_CONFIG)
class Shadow(TypedDict, total=False):
    enabled: bool | None
    color: _Word | None
    offset_x: _Number | None
    offset_y: _Number | None
    blur: _Length | None


@with_config(_CONFIG)
class TextBackground(TypedDict, total=False):
    enabled: bool | None
    color: _Word | None
    opacity: _Share | None


@with_config(_CONFIG)
class Style(TypedDict, total=False):
    font_family: _Name | None
    font_size: Annotated[float, Field(gt=0, le=6000)] | None
    font_weight: _Word | None
    font_style: _Word | None
    underline: bool | None
    color: _Word | None
    alignment: _Word | None
    letter_spacing: Annotated[float, Field(ge=-100, le=1000)] | None
    line_spacing: Annotated[float, Field(ge=-100, le=1000)] | None
    stroke: Stroke | None
    shadow: Shadow | None
    background: TextBackground | None


@with_config(_CONFIG)
class Segment(TypedDict, total=False):
    """`dimensions` is what a flow knew of a picture; its own file tells. An effect's `properties` mean
    nothing that is known."""

    id: str | None
    type: _Word | None
    material_url: str | None
    content: Annotated[str, Field(max_length=20_000)] | None
    time_range: Range | None
    material_range: Range | None
    transform: Transform | None
    crop: Crop | None
    effects: Effects | None
    speed: Speed | None
    audio: Audio | None
    background: Background | None
    animations: Animations | None
    style: Style | None
    alignment: _Word | None
    volume: _Volume | None
    keyframes: Any
    dimensions: Any
    effect_type: _Name | None
    intensity: _Percent | None
    properties: Any
    resource_id: _Name | None


@with_config(_CONFIG)
class Track(TypedDict, total=False):
    track_type: _Word | None
    segments: Any
    muted: bool | None
    volume: Any


@with_config(_CONFIG)
class Project(TypedDict, total=False):
    """The qualities are those of a rendered film; a draft has none."""

    name: str | None
    width: Annotated[float, Field(ge=16, le=16384)] | None
    height: Annotated[float, Field(ge=16, le=16384)] | None
    fps: Annotated[float, Field(ge=1, le=240)] | None
    video_quality: Any
    audio_quality: Any
    background_color: _Word | None
