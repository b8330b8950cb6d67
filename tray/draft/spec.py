"""The declarative description of a draft, in this program's own schema. It knows no JSON dialect.

Times are integers in microseconds. Positions are in half canvases from the canvas's centre, x to the right, y up
(pyJianYingDraft, segment.py, ClipSettings). Colours are "#RRGGBB".
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Place(_Value):
    """Where in the source a thing was said; draft, track and segment are counted from 1. What messages name."""

    draft: int | None = None
    track: int | None = None
    segment: int | None = None
    id: str | None = None
    url: str | None = None


class Span(_Value):
    """A stretch of a timeline or of a media file, in microseconds."""

    start_us: int = Field(ge=0)
    duration_us: int = Field(gt=0)

    @property
    def end_us(self) -> int:
        return self.start_us + self.duration_us


class Clip(_Value):
    """How a picture lies on the canvas. `opacity` 0 to 1, `rotation_deg` clockwise, scale 1 = as fitted."""

    x: float = 0.0
    y: float = 0.0
    scale_x: float = 1.0
    scale_y: float = 1.0
    rotation_deg: float = 0.0
    opacity: float = Field(default=1.0, ge=0, le=1)


class Border(_Value):
    colour: str = "#000000"
    width: float = Field(default=40.0, ge=0, le=100)
    """In JianYing's own scale, 0 to 100."""


class Shadow(_Value):
    colour: str = "#000000"
    distance: float = Field(default=5.0, ge=0, le=100)
    angle_deg: float = Field(default=-45.0, ge=-180, le=180)
    diffuse: float = Field(default=15.0, ge=0, le=100)


class Background(_Value):
    colour: str = "#000000"
    opacity: float = Field(default=1.0, ge=0, le=1)


class TextStyle(_Value):
    """`size` in JianYing's own scale (8 is a usual caption); `font` is a name pyJianYingDraft knows, or None."""

    size: float = Field(default=8.0, gt=0)
    font: str | None = None
    bold: bool = False
    italic: bool = False
    underline: bool = False
    colour: str = "#FFFFFF"
    align: Literal["left", "center", "right"] = "center"
    border: Border | None = None
    shadow: Shadow | None = None
    background: Background | None = None


class VisualSegment(_Value):
    """A video or a picture; which of the two, the media itself tells. `source` is ignored for a picture.

    `speed` None: as `source` and `target` imply (1 without a source).
    """

    kind: Literal["visual"] = "visual"
    place: Place
    url: str
    target: Span
    source: Span | None = None
    speed: float | None = Field(default=None, gt=0)
    volume: float = Field(default=1.0, ge=0)
    clip: Clip = Clip()


class AudioSegment(_Value):
    """A sound. `source` and `speed` as in VisualSegment."""

    kind: Literal["audio"] = "audio"
    place: Place
    url: str
    target: Span
    source: Span | None = None
    speed: float | None = Field(default=None, gt=0)
    volume: float = Field(default=1.0, ge=0)
    change_pitch: bool = False


class TextSegment(_Value):
    kind: Literal["text"] = "text"
    place: Place
    text: str
    target: Span
    clip: Clip = Clip()
    style: TextStyle = TextStyle()


Segment = Annotated[VisualSegment | AudioSegment | TextSegment, Field(discriminator="kind")]


class Track(_Value):
    """Segments of one kind. Tracks are listed from the bottom up; the first visual one is JianYing's main track."""

    kind: Literal["visual", "audio", "text"]
    segments: tuple[Segment, ...]
    muted: bool = False


class DraftSpec(_Value):
    """A whole draft. `width`, `height` in pixels, `fps` frames a second."""

    name: str
    width: int = Field(ge=16, le=16384)
    height: int = Field(ge=16, le=16384)
    fps: int = Field(ge=1, le=240)
    tracks: tuple[Track, ...]
