"""The declarative description of a draft, in this program's own schema. It knows no JSON dialect but its own.

A spec as written may leave things open: times (segments follow each other, media plays whole), names as people say
them, captions as SRT. `resolve` settles all that and gives a spec again: every `start` and `duration` said, names as
the catalogue has them, media as files inside the draft. `build` writes a resolved spec, `read` reads one back.

Times are integers in microseconds, or text with a unit ("1.5s", "500ms"). Positions are in half canvases from the
canvas's centre, x to the right, y up (pyJianYingDraft, segment.py, ClipSettings). Colours are "#RRGGBB".
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from tray.draft.spec_values import (
    FASTEST,
    KEYFRAMES_OF,
    LONGEST_US,
    LOUDEST,
    MEDIA,
    SLOWEST,
    Animation,
    Chroma,
    Clip,
    Colour,
    Crop,
    Effect,
    Fill,
    Filter,
    Keyframe,
    KeyframeProperty,
    Keyframes,
    Length,
    Mask,
    Name,
    Percent,
    Place,
    Share,
    Span,
    Time,
    Transition,
    Value,
)
from tray.locale import _

__all__ = [
    "FASTEST",
    "KEYFRAMES_OF",
    "LONGEST_US",
    "LOUDEST",
    "MEDIA",
    "SLOWEST",
    "Animation",
    "AudioSegment",
    "Background",
    "Border",
    "Bubble",
    "Captions",
    "Chroma",
    "Clip",
    "Colour",
    "Crop",
    "DraftSpec",
    "Effect",
    "EffectSegment",
    "Fill",
    "Filter",
    "FilterSegment",
    "Keyframe",
    "KeyframeProperty",
    "Keyframes",
    "Length",
    "Mask",
    "Name",
    "Percent",
    "Place",
    "Segment",
    "Shadow",
    "Share",
    "Span",
    "StickerSegment",
    "StyledRange",
    "TextSegment",
    "TextStyle",
    "Time",
    "Track",
    "TrackKind",
    "Transition",
    "VisualSegment",
]


class Border(Value):
    """`width` in JianYing's own scale, 0 to 100."""

    colour: Colour = "#000000"
    width: Percent = 40.0
    opacity: Share = 1.0


class Shadow(Value):
    colour: Colour = "#000000"
    opacity: Share = 1.0
    distance: Percent = 5.0
    angle_deg: float = Field(default=-45.0, alias="angle", ge=-180, le=180)
    diffuse: Percent = 15.0


class Background(Value):
    """A box behind the text. Lengths are shares, in JianYing's own scale."""

    colour: Colour = "#000000"
    opacity: Share = 1.0
    style: Literal[1, 2] = 1
    round_radius: Share = 0.0
    width: Share = 0.14
    height: Share = 0.14
    horizontal_offset: Share = 0.5
    vertical_offset: Share = 0.5


class TextStyle(Value):
    """`size` in JianYing's own scale (8 is a usual caption); spacings in JianYing's own scale too; `max_line_width` as
    a share of the canvas's width; `font` None: the system's."""

    size: float = Field(default=8.0, gt=0, le=1000)
    font: Name | None = None
    bold: bool = False
    italic: bool = False
    underline: bool = False
    colour: Colour = "#FFFFFF"
    opacity: Share = 1.0
    align: Literal["left", "center", "right"] = "center"
    vertical: bool = False
    letter_spacing: float = Field(default=0.0, ge=-100, le=1000)
    line_spacing: float = Field(default=0.0, ge=-100, le=1000)
    auto_wrap: bool = True
    max_line_width: Share = 0.82
    border: Border | None = None
    shadow: Shadow | None = None
    background: Background | None = None


class StyledRange(Value):
    """Another style for the characters from `start` up to `end` (not included), counted from 0. What is None is as in
    the segment's style."""

    start: int = Field(ge=0)
    end: int = Field(gt=0)
    size: float | None = Field(default=None, gt=0, le=1000)
    font: Name | None = None
    bold: bool | None = None
    italic: bool | None = None
    underline: bool | None = None
    colour: Colour | None = None
    border: Border | None = None
    shadow: Shadow | None = None

    @model_validator(mode="after")
    def _has_length(self) -> StyledRange:
        if self.start >= self.end:
            raise ValueError(_("a styled range ends after it starts"))
        return self


class Bubble(Value):
    """A speech bubble behind a text: ids as a draft made in JianYing has them."""

    effect_id: Name
    resource_id: Name


class _Segment(Value):
    """`start` None: where the segment before it on its track ends. `duration` None: as long as its media plays (from
    `source_start` on), 5 s for a picture, 3 s for anything else."""

    place: SkipJsonSchema[Place] = Field(default=Place(), exclude=True, repr=False)
    start_us: Time | None = Field(default=None, alias="start")
    duration_us: Length | None = Field(default=None, alias="duration")

    @property
    def target(self) -> Span:
        """Where it lies on the timeline. A resolved segment has it."""
        if self.start_us is None or self.duration_us is None:
            raise ValueError("not resolved")
        return Span(self.start_us, self.duration_us)


class _Played(_Segment):
    """`media`: an http(s) link, a data: URL, or a file in an allowed folder; in a resolved spec the path inside the
    draft. `source_start`, `source_duration`: the part of the media that is played; None: as much as the duration takes.
    `speed` None: as source and duration imply, 1 without them."""

    media: str = Field(min_length=1)
    source_start_us: Time = Field(default=0, alias="source_start")
    source_duration_us: Length | None = Field(default=None, alias="source_duration")
    speed: float | None = Field(default=None, ge=SLOWEST, le=FASTEST)
    change_pitch: bool = False
    volume: float = Field(default=1.0, ge=0, le=LOUDEST)
    fade_in_us: Time = Field(default=0, alias="fade_in")
    fade_out_us: Time = Field(default=0, alias="fade_out")
    reverse: bool = False
    keyframes: Keyframes = Field(default_factory=dict)

    @property
    def source(self) -> Span:
        """The part of the media that is played. A resolved segment has it."""
        if self.source_duration_us is None:
            raise ValueError("not resolved")
        return Span(self.source_start_us, self.source_duration_us)


class VisualSegment(_Played):
    """A video or a picture; which of the two, the media itself tells, and a resolved segment says it. A picture has no
    source, speed or sound; they are ignored.

    `fit`: how the media is scaled to the canvas before `clip` (fit: all of it is seen, fill: the canvas is covered,
    stretch: both, its shape changes). A group animation excludes an intro and an outro.
    """

    kind: Literal["video", "image"] = "video"
    clip: Clip = Clip()
    crop: Crop | None = None
    fit: Literal["fit", "fill", "stretch"] = "fit"
    transition: Transition | None = None
    intro: Animation | None = None
    outro: Animation | None = None
    group: Animation | None = None
    filters: tuple[Filter, ...] = ()
    effects: tuple[Effect, ...] = ()
    mask: Mask | None = None
    mix_mode: Name | None = None
    chroma: Chroma | None = None
    fill: Fill | None = None


class AudioSegment(_Played):
    """A sound. `effects`: one of each kind."""

    kind: Literal["audio"] = "audio"
    effects: tuple[Effect, ...] = ()


class TextSegment(_Segment):
    """A caption or title. `flower`: the effect id of a JianYing text effect (花字)."""

    kind: Literal["text"] = "text"
    text: str = Field(min_length=1, max_length=20_000)
    clip: Clip = Clip()
    style: TextStyle = TextStyle()
    ranges: tuple[StyledRange, ...] = Field(default=(), max_length=10_000)
    bubble: Bubble | None = None
    flower: Name | None = None
    intro: Animation | None = None
    outro: Animation | None = None
    loop: Animation | None = None
    keyframes: Keyframes = Field(default_factory=dict)


class StickerSegment(_Segment):
    """A sticker by its resource id, as a draft made in JianYing has it."""

    kind: Literal["sticker"] = "sticker"
    sticker: Name
    clip: Clip = Clip()
    keyframes: Keyframes = Field(default_factory=dict)


class EffectSegment(_Segment):
    """A scene or character effect over everything below."""

    kind: Literal["effect"] = "effect"
    effect: Effect


class FilterSegment(_Segment):
    """A filter over everything below."""

    kind: Literal["filter"] = "filter"
    filter: Filter


Segment = Annotated[
    VisualSegment | AudioSegment | TextSegment | StickerSegment | EffectSegment | FilterSegment,
    Field(discriminator="kind"),
]
TrackKind = Literal["video", "audio", "text", "sticker", "effect", "filter"]


class Track(Value):
    """Segments of one kind (a video track holds videos and pictures). `volume` multiplies its segments' own."""

    kind: TrackKind
    segments: tuple[Segment, ...] = ()
    muted: bool = False
    volume: float = Field(default=1.0, ge=0, le=LOUDEST)

    @model_validator(mode="after")
    def _of_one_kind(self) -> Track:
        for segment in self.segments:
            kind = "video" if segment.kind == "image" else segment.kind
            if kind != self.kind:
                raise ValueError(
                    _("a {track} track can't hold a segment of kind {kind}").format(track=self.kind, kind=segment.kind)
                )
        return self


class Captions(Value):
    """Subtitles as SRT, given as text or by link: a text track of their own. `offset` is added to every time.
    `max_chars`: a longer cue is split at its punctuation, its time shared out by length."""

    place: SkipJsonSchema[Place] = Field(default=Place(), exclude=True, repr=False)
    srt: str | None = Field(default=None, max_length=20_000_000)
    url: str | None = None
    offset_us: Time = Field(default=0, alias="offset")
    max_chars: int | None = Field(default=None, ge=4, le=1000)
    clip: Clip = Clip(y=-0.8)
    style: TextStyle = TextStyle(size=5.0)

    @model_validator(mode="after")
    def _one(self) -> Captions:
        if (self.srt is None) == (self.url is None):
            raise ValueError(_("captions are given either as “srt” or as “url”"))
        return self


class DraftSpec(Value):
    """A whole draft. `width`, `height` in pixels, `fps` frames a second. Tracks are listed from the bottom up; the
    first video track is JianYing's main track, with nothing visible below it. `background`: the fill of the main
    track's segments that say none."""

    version: Literal[1] = 1
    name: str = Field(default="", max_length=1000)
    width: int = Field(default=1920, ge=16, le=16384)
    height: int = Field(default=1080, ge=16, le=16384)
    fps: int = Field(default=30, ge=1, le=240)
    background: Fill | None = None
    tracks: tuple[Track, ...] = ()
    captions: tuple[Captions, ...] = ()
    cover: str | None = None
    """A picture to be the draft's cover; None: the first picture or video frame."""

    @property
    def length_us(self) -> int:
        """Where the last segment ends. A resolved spec has it."""
        return max((segment.target.end_us for track in self.tracks for segment in track.segments), default=0)
