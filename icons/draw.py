"""Draws the icons beside this file: `python icons/draw.py`.

One base, a frame of film, with a hole in the shape of the state. The hole is transparent, so the states differ in
shape where a panel shows the alpha channel alone (macOS), and the frame's colours stand out on light and dark panels.
Everything lies on a grid of 16 units, so that edges fall between pixels at 16, 32, 48 and 64 px.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

UNIT = 64  # pixels of one grid unit while drawing: 1024 px, eight times the finished size
FULL = 16 * UNIT
HERE = Path(__file__).parent

Point = tuple[float, float]


class Mask:
    """Shapes in grid units; what is drawn is opaque, what is cut is transparent again."""

    def __init__(self) -> None:
        self.image = Image.new("L", (FULL, FULL), 0)
        self._draw = ImageDraw.Draw(self.image)

    def box(self, x0: float, y0: float, x1: float, y1: float, radius: float = 0, fill: int = 255) -> None:
        edges = (x0 * UNIT, y0 * UNIT, x1 * UNIT - 1, y1 * UNIT - 1)
        self._draw.rounded_rectangle(edges, radius * UNIT, fill=fill)

    def dot(self, x: float, y: float, radius: float, fill: int = 255) -> None:
        self.box(x - radius, y - radius, x + radius, y + radius, radius, fill)

    def polygon(self, points: list[Point], corner: float = 0.35, fill: int = 255) -> None:
        """A polygon whose corners are rounded by `corner` units, outwards: give the inner points."""
        scaled = [(x * UNIT, y * UNIT) for x, y in points]
        self._draw.polygon(scaled, fill=fill)
        for start, end in zip(scaled, scaled[1:] + scaled[:1], strict=True):
            self._draw.line([start, end], fill=fill, width=round(2 * corner * UNIT))
        for x, y in points:
            self.dot(x, y, corner, fill)


def frame(mask: Mask) -> None:
    """A frame of film: a rounded square with three sprocket holes bitten out of each side."""
    mask.box(0, 1, 16, 15, radius=2.5)
    for y in (3, 7, 11):
        mask.box(-2, y, 1.1, y + 2, radius=0.4, fill=0)
        mask.box(14.9, y, 18, y + 2, radius=0.4, fill=0)


def idle(mask: Mask) -> None:
    """Play: ready."""
    mask.polygon([(6.25, 5), (11.25, 8), (6.25, 11)], 0.6, fill=0)


def stopped(mask: Mask) -> None:
    """Only the frame's outline is left, with the stop square in it."""
    mask.box(3, 3, 13, 13, radius=1, fill=0)
    mask.box(5, 5, 11, 11, radius=0.8)


def connecting(mask: Mask) -> None:
    """Three dots."""
    for x in (4.25, 8, 11.75):
        mask.dot(x, 8, 1.4, fill=0)


def streaming(mask: Mask) -> None:
    """An arrow down: the answer comes in."""
    mask.box(7, 3, 9, 9, radius=0.3, fill=0)
    mask.polygon([(4.7, 8.35), (11.3, 8.35), (8, 12.1)], 0.35, fill=0)


def working(mask: Mask) -> None:
    """The segments of a timeline on three tracks."""
    for x0, y0, x1 in ((3, 3, 9), (6, 7, 13), (3, 11, 7.5), (9, 11, 11.5)):
        mask.box(x0, y0, x1, y0 + 2, radius=0.5, fill=0)


def reconnecting(mask: Mask) -> None:
    """An hourglass."""
    mask.polygon([(5, 3.6), (11, 3.6), (8, 8)], 0.6, fill=0)
    mask.polygon([(5, 12.4), (11, 12.4), (8, 8)], 0.6, fill=0)


def asking(mask: Mask) -> None:
    """A question mark."""
    mask.dot(8, 6, 3.6, fill=0)
    mask.dot(8, 6, 1.6)
    mask.box(3.8, 6.2, 7, 10.2)
    mask.box(7, 8, 9, 10.4, radius=0.3, fill=0)
    mask.dot(8, 12.4, 1.15, fill=0)


def sign_in(mask: Mask) -> None:
    """A key."""
    mask.dot(5.6, 8, 2.9, fill=0)
    mask.dot(5.6, 8, 1.1)
    mask.box(7.5, 7, 13.4, 9, radius=0.3, fill=0)
    mask.box(10.9, 8, 12.9, 11.4, radius=0.3, fill=0)


def error(mask: Mask) -> None:
    """An exclamation mark."""
    mask.box(7, 3, 9, 9.5, radius=0.9, fill=0)
    mask.dot(8, 12, 1.15, fill=0)


STATES: dict[str, tuple[Callable[[Mask], None], str, str]] = {
    "stopped": (stopped, "#9aa0ac", "#7b8190"),
    "idle": (idle, "#6f7cff", "#4650e6"),
    "connecting": (connecting, "#4aa8ff", "#1f7fe0"),
    "streaming": (streaming, "#20bfa9", "#0f9c8b"),
    "working": (working, "#b56cff", "#8d3fe8"),
    "asking": (asking, "#ff8fb0", "#e0457a"),
    "reconnecting": (reconnecting, "#f7a823", "#dd8600"),
    "sign_in": (sign_in, "#e8b84a", "#b97f0c"),
    "error": (error, "#ff5f57", "#dd342c"),
}


def coloured(mask: Image.Image, top: str, bottom: str) -> Image.Image:
    """The mask filled with a gradient from `top` to `bottom`."""
    ramp = Image.linear_gradient("L").resize(mask.size)
    filled = Image.composite(Image.new("RGB", mask.size, bottom), Image.new("RGB", mask.size, top), ramp)
    filled.putalpha(mask)
    return filled


def state_icon(shape: Callable[[Mask], None], top: str, bottom: str) -> Image.Image:
    mask = Mask()
    frame(mask)
    shape(mask)
    return coloured(mask.image, top, bottom)


def app_icon() -> Image.Image:
    """The frame with a white play triangle and a spark: it is shown large, where white inside reads well."""
    base, play, spark = Mask(), Mask(), Mask()
    frame(base)
    play.polygon([(5.9, 5), (11.2, 8.2), (5.9, 11.4)], 0.6)
    star(spark, 11.9, 4.1, 1.7)
    picture = coloured(base.image, "#7d86ff", "#4046dc")
    picture.paste("#ffffff", mask=ImageChops.lighter(play.image, spark.image))
    return picture


def star(mask: Mask, x: float, y: float, size: float) -> None:
    """A four-pointed spark."""
    points = []
    for step in range(8):
        reach = size if step % 2 == 0 else size * 0.3
        angle = step * math.pi / 4
        points.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
    mask.polygon(points, 0.08)


def save(picture: Image.Image, size: int, name: str) -> None:
    picture.resize((size, size), Image.Resampling.BOX).save(HERE / name, optimize=True)


def main() -> None:
    save(app_icon(), 256, "coze-tray.png")
    for state, (shape, top, bottom) in STATES.items():
        save(state_icon(shape, top, bottom), 128, f"state-{state}.png")


if __name__ == "__main__":
    main()
