"""The values that a spec is made of: times, places, and how a picture lies, moves and is decorated (see spec)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from tray.locale import _

MEDIA = "Resources/local"
"""Where media lies in a draft: the application's own layout."""
LONGEST_US = 24 * 3600 * 1_000_000
"""A timeline can be a day long."""
SLOWEST, FASTEST = 0.1, 100.0
"""JianYing's range of speeds."""
LOUDEST = 10.0
"""JianYing's loudest is +20 dB, ten times."""

_US_PER = {"us": 1, "µs": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "min": 60_000_000, "h": 3_600_000_000}
_TIME = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) *(us|µs|ms|s|m|min|h)")


def parse_time(value: Any) -> Any:
    """Microseconds of "1.5s", "500ms", … Anything else is left for pydantic to judge. Raises ValueError."""
    if isinstance(value, str) and (found := _TIME.fullmatch(value.strip())):
        return round(float(found[1]) * _US_PER[found[2]])
    if isinstance(value, (str, bool)) or (isinstance(value, float) and not value.is_integer()):
        text = _("a time is microseconds as a whole number, or a number with its unit: “1.5s”, “500ms”")
        raise ValueError(text)
    return value


_TIME_SCHEMA = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? *(us|ms|s|m|h)$"}],
    "description": "microseconds, or a number with its unit: 1.5s, 500ms",
}
Time = Annotated[int, BeforeValidator(parse_time), Field(ge=0, le=LONGEST_US), WithJsonSchema(_TIME_SCHEMA)]
Length = Annotated[int, BeforeValidator(parse_time), Field(gt=0, le=LONGEST_US), WithJsonSchema(_TIME_SCHEMA)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Percent = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class Span(NamedTuple):
    """A stretch of a timeline or of a media file, in microseconds."""

    start_us: int
    duration_us: int

    @property
    def end_us(self) -> int:
        return self.start_us + self.duration_us


class Value(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )


class Place(Value):
    """Where in the source a thing was said; draft, track and segment are counted from 1. What messages name.

    `path` is the same for programs, as `drafts[0].tracks[2].segments[14]`, counted from 0.
    """

    draft: int | None = None
    track: int | None = None
    segment: int | None = None
    id: str | None = None
    url: str | None = None
    path: str = ""


class Clip(Value):
    """How a picture lies on the canvas. Scale 1 = as `fit` has it, rotation clockwise, `opacity` 0 to 1.

    `scale` is short for `scale_x` and `scale_y`.
    """

    x: float = Field(default=0.0, ge=-1000, le=1000)
    y: float = Field(default=0.0, ge=-1000, le=1000)
    scale_x: float = Field(default=1.0, ge=-10_000, le=10_000)
    scale_y: float = Field(default=1.0, ge=-10_000, le=10_000)
    rotation_deg: float = Field(default=0.0, alias="rotation", ge=-1e6, le=1e6)
    opacity: Share = 1.0
    flip_horizontal: bool = False
    flip_vertical: bool = False

    @model_validator(mode="before")
    @classmethod
    def _both_scales(cls, value: Any) -> Any:
        if isinstance(value, dict) and "scale" in value:
            value = dict(value)
            both = value.pop("scale")
            value.setdefault("scale_x", both)
            value.setdefault("scale_y", both)
        return value


class Crop(Value):
    """The part of the picture that is shown, as shares of its width and height from its upper left corner."""

    left: Share = 0.0
    top: Share = 0.0
    right: Share = 1.0
    bottom: Share = 1.0

    @model_validator(mode="after")
    def _has_area(self) -> Crop:
        if self.left >= self.right or self.top >= self.bottom:
            raise ValueError(_("nothing is left of the picture: left must be below right, top below bottom"))
        return self


class Animation(Value):
    """An intro, outro, group or loop animation. `duration` None: the animation's own."""

    name: Name
    duration_us: Length | None = Field(default=None, alias="duration")


class Transition(Value):
    """To the next segment of the same track. `duration` None: the transition's own."""

    name: Name
    duration_us: Length | None = Field(default=None, alias="duration")


class Filter(Value):
    name: Name
    intensity: Share = 1.0


class Effect(Value):
    """A scene or character effect of a picture, or a sound effect of a sound. `params` in JianYing's order and scale,
    0 to 100; None (or left out at the end) is that parameter's default. `kind` None: whichever has the name."""

    name: Name
    kind: Literal["scene", "character", "audio_scene", "tone", "speech_to_song"] | None = None
    params: tuple[Percent | None, ...] = ()


class Mask(Value):
    """`x`, `y`: its centre in half media sizes from the media's centre. `size`: its height as a share of the media's.
    `width` and `round_corner` are a rectangle's alone. Rotation clockwise."""

    name: Name
    x: float = Field(default=0.0, ge=-100, le=100)
    y: float = Field(default=0.0, ge=-100, le=100)
    size: float = Field(default=0.5, gt=0, le=100)
    width: float | None = Field(default=None, gt=0, le=100)
    rotation_deg: float = Field(default=0.0, alias="rotation", ge=-1e6, le=1e6)
    feather: Percent = 0.0
    round_corner: Percent = 0.0
    invert: bool = False


class Chroma(Value):
    """The colour that becomes transparent."""

    colour: Colour
    intensity: Percent = 20.0
    shadow: Percent = 0.0
    edge_smooth: Percent = 0.0
    spill: Percent = 0.0


class Fill(Value):
    """What is seen beside a picture that does not cover the canvas: the picture blurred, or a colour. One of the two.

    JianYing's four strengths of blur are 0.0625, 0.375, 0.75 and 1. It counts on the main track alone.
    """

    blur: Share | None = None
    colour: Colour | None = None

    @model_validator(mode="after")
    def _one(self) -> Fill:
        if (self.blur is None) == (self.colour is None):
            raise ValueError(_("a background fill is either “blur” or “colour”"))
        return self


KeyframeProperty = Literal[
    "position_x", "position_y", "rotation", "scale", "scale_x", "scale_y", "opacity",
    "saturation", "contrast", "brightness", "volume",
]  # fmt: skip


class Keyframe(Value):
    """`time` from the segment's start. `value` in the property's own unit: half canvases, degrees, factors; saturation,
    contrast and brightness -1 to 1."""

    time_us: Time = Field(alias="time")
    value: float = Field(ge=-1e6, le=1e6)


MOST_KEYFRAMES = 10_000
"""Of one property of one segment."""
Keyframes = dict[KeyframeProperty, Annotated[tuple[Keyframe, ...], Field(max_length=MOST_KEYFRAMES)]]
_ON_CANVAS = frozenset(("position_x", "position_y", "rotation", "scale", "scale_x", "scale_y", "opacity"))
KEYFRAMES_OF: Mapping[str, frozenset[str]] = {
    "video": frozenset(get_args(KeyframeProperty)),
    "image": frozenset(get_args(KeyframeProperty)) - {"volume"},
    "audio": frozenset(("volume",)),
    "text": _ON_CANVAS,
    "sticker": _ON_CANVAS,
    "effect": frozenset(),
    "filter": frozenset(),
}
"""By kind of segment what can have keyframes (pyJianYingDraft, keyframe.py, KeyframeProperty)."""
