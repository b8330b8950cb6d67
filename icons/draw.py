"""Draws the program's pictures: `python icons/draw.py` those beside this file, `python icons/draw.py --app-icons DIR`
what an installer wants (coze-tray.ico, coze-tray.icns).

The states that go on by themselves are a frame of film with a hole in the shape of the state; those that want the user
have a shape of their own. The holes are transparent, so all differ in shape where a panel shows the alpha channel alone
(macOS), and the colours stand out on light and dark panels alike (a contrast of 3 against both).

Everything lies on a grid of 16 units, and each size is drawn by itself: upright edges are moved to the nearest whole
pixel, the same from the left as from the right, so they are sharp at every size.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

SIZES = (16, 20, 22, 24, 32, 40, 44, 48, 64, 128)
"""In pixels, as tray/desktop/images.py knows them."""
APP_SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
STEPS = 8
"""So many parts a progress is shown in."""

GRID = 16
HERE = Path(__file__).parent

Point = tuple[float, float]


class Mask:
    """Shapes in grid units; what is drawn is opaque, what is cut is transparent again."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._times = 8 if size <= 256 else 2  # so much finer it is drawn, and then averaged
        self._fine = Image.new("L", (size * self._times, size * self._times), 0)
        self._draw = ImageDraw.Draw(self._fine)

    def image(self) -> Image.Image:
        return self._fine.resize((self.size, self.size), Image.Resampling.BOX)

    def box(self, x0: float, y0: float, x1: float, y1: float, radius: float = 0, *, cut: bool = False) -> None:
        """Its edges are moved to whole pixels."""
        left, top, right, bottom = (self._snapped(edge) * self._times for edge in (x0, y0, x1, y1))
        reach = radius * self.size / GRID * self._times
        reach = min(reach, (right - left) / 2, (bottom - top) / 2) if reach >= self._times else 0  # less is only a blur
        self._draw.rounded_rectangle((left, top, right - 1, bottom - 1), reach, fill=0 if cut else 255)

    def polygon(self, points: list[Point], corner: float = 0, *, cut: bool = False) -> None:
        """A polygon; its points are moved to whole pixels. With a `corner` they are not: it is then rounded by so many
        units, outwards, so give the inner points."""
        unit, fill = self.size / GRID * self._times, 0 if cut else 255
        if not corner:
            self._draw.polygon(
                [(self._snapped(x) * self._times, self._snapped(y) * self._times) for x, y in points], fill=fill
            )
            return
        scaled = [(x * unit, y * unit) for x, y in points]
        self._draw.polygon(scaled, fill=fill)
        for start, end in zip(scaled, scaled[1:] + scaled[:1], strict=True):
            self._draw.line([start, end], fill=fill, width=round(2 * corner * unit))
        for x, y in scaled:
            self._draw.ellipse((x - corner * unit, y - corner * unit, x + corner * unit, y + corner * unit), fill=fill)

    def _snapped(self, units: float) -> int:
        """In pixels. Mirrored edges stay mirrored; half a pixel goes outwards, so that strokes get no thinner."""
        if units > GRID / 2:
            return self.size - self._snapped(GRID - units)
        return math.ceil(units * self.size / GRID - 0.5)


def frame(mask: Mask, bottom: float = 15) -> None:
    """A frame of film: a rounded square with sprocket holes bitten out of each side."""
    mask.box(0, 1, 16, bottom, radius=2)
    for y in range(3, round(bottom) - 2, 4):
        mask.box(0, y, 1, y + 2, cut=True)
        mask.box(15, y, 16, y + 2, cut=True)


def idle(mask: Mask) -> None:
    """Play: ready."""
    frame(mask)
    mask.polygon([(6, 4), (12, 8), (6, 12)], cut=True)


def stopped(mask: Mask) -> None:
    """Only the frame's outline is left, with the stop square in it."""
    frame(mask)
    mask.box(3, 3, 13, 13, radius=0.5, cut=True)
    mask.box(5, 5, 11, 11, radius=0.5)


def connecting(mask: Mask) -> None:
    """Three dots."""
    frame(mask)
    for x in (3, 7, 11):
        mask.box(x, 7, x + 2, 9, radius=0.5, cut=True)


def streaming(mask: Mask) -> None:
    """An arrow down: the answer comes in."""
    frame(mask)
    mask.box(6, 3, 10, 8, cut=True)
    mask.polygon([(3, 8), (13, 8), (8, 13)], cut=True)


def working(mask: Mask) -> None:
    """The segments of a timeline on three tracks."""
    frame(mask)
    for x0, y, x1 in ((3, 3, 9), (6, 7, 13), (3, 11, 7), (9, 11, 12)):
        mask.box(x0, y, x1, y + 2, cut=True)


def working_at(step: int) -> Callable[[Mask], None]:
    """Two tracks, and below them a bar of which `step` of STEPS parts are full."""

    def draw(mask: Mask) -> None:
        frame(mask, bottom=11)
        mask.box(3, 3, 9, 5, cut=True)
        mask.box(6, 7, 13, 9, cut=True)
        mask.box(0, 15, 16, 16)
        mask.box(0, 12, GRID * step / STEPS, 16)

    return draw


def reconnecting(mask: Mask) -> None:
    """An hourglass."""
    frame(mask)
    mask.box(4, 3, 12, 4, cut=True)
    mask.polygon([(4, 4), (12, 4), (8, 8)], cut=True)
    mask.polygon([(4, 12), (12, 12), (8, 8)], cut=True)
    mask.box(4, 12, 12, 13, cut=True)


def asking(mask: Mask) -> None:
    """A question mark in a speech bubble."""
    mask.box(0, 0, 16, 13, radius=2)
    mask.polygon([(3, 12), (7.5, 12), (3, 16)])
    mask.box(5, 2, 11, 8, radius=1.5, cut=True)
    mask.box(7, 4, 9, 6, radius=0.5)
    mask.box(5, 5, 7, 8)
    mask.box(7, 7, 9, 8, cut=True)
    mask.box(7, 9, 9, 11, radius=0.5, cut=True)


def sign_in(mask: Mask) -> None:
    """A padlock."""
    mask.box(3, 0, 13, 12, radius=4.5)
    mask.box(5, 2, 11, 12, radius=2.5, cut=True)
    mask.box(1, 7, 15, 16, radius=1.5)
    mask.box(7, 10, 9, 13, cut=True)


def error(mask: Mask) -> None:
    """An exclamation mark in a triangle."""
    mask.polygon([(8, 1.6), (14.8, 14.2), (1.2, 14.2)], 1)
    mask.box(0, 15, 16, 16, cut=True)
    mask.box(7, 5, 9, 10, cut=True)
    mask.box(7, 11, 9, 13, cut=True)


PICTURES: dict[str, tuple[Callable[[Mask], None], str, str]] = {
    "stopped": (stopped, "#858b99", "#6f7685"),
    "idle": (idle, "#6b74ff", "#5760f2"),
    "connecting": (connecting, "#2f8fe8", "#1b78d0"),
    "streaming": (streaming, "#0f9c8b", "#0b8577"),
    "working": (working, "#a45cf0", "#8d3fe8"),
    **{f"working-{step}": (working_at(step), "#a45cf0", "#8d3fe8") for step in range(1, STEPS + 1)},
    "asking": (asking, "#ea4f86", "#d43d74"),
    "reconnecting": (reconnecting, "#c97a00", "#b26900"),
    "sign_in": (sign_in, "#a3821a", "#8c6d05"),
    "error": (error, "#f04a42", "#d9362e"),
}


def picture(name: str, size: int) -> Image.Image:
    """The picture of a state, RGBA, drawn for this size in pixels."""
    draw, top, bottom = PICTURES[name]
    mask = Mask(size)
    draw(mask)
    return coloured(mask.image(), top, bottom)


def app_icon(size: int) -> Image.Image:
    """The frame with a white play triangle and a spark: it is shown large, where white inside reads well."""
    base, play, spark = Mask(size), Mask(size), Mask(size)
    frame(base)
    play.polygon([(5.9, 5), (11.2, 8.2), (5.9, 11.4)], 0.6)
    if size >= 32:  # below, it is a speck
        star(spark, 11.9, 4.1, 1.7)
    drawn = coloured(base.image(), "#7d86ff", "#4046dc")
    for shape in (play, spark):
        drawn.paste("#ffffff", mask=shape.image())
    return drawn


def star(mask: Mask, x: float, y: float, size: float) -> None:
    """A four-pointed spark."""
    points = []
    for step in range(8):
        reach = size if step % 2 == 0 else size * 0.3
        angle = step * math.pi / 4
        points.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
    mask.polygon(points, 0.08)


def coloured(mask: Image.Image, top: str, bottom: str) -> Image.Image:
    """The mask filled with a gradient from `top` to `bottom`."""
    ramp = Image.linear_gradient("L").resize(mask.size)
    filled = Image.composite(Image.new("RGB", mask.size, bottom), Image.new("RGB", mask.size, top), ramp)
    filled.putalpha(mask)
    return filled


def app_icons(folder: Path) -> None:
    """Write coze-tray.ico and coze-tray.icns, for programs and installers, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [app_icon(size) for size in APP_SIZES]
    sizes = [(size, size) for size in APP_SIZES]
    drawn[-1].save(folder / "coze-tray.ico", sizes=sizes, append_images=drawn[:-1])
    large = [app_icon(size) for size in (16, 32, 64, 128, 256, 512, 1024)]
    large[-1].save(folder / "coze-tray.icns", append_images=large[:-1])


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--app-icons"]:
        app_icons(Path(arguments[1]))
        return
    app_icon(256).save(HERE / "coze-tray.png", optimize=True)
    for size in SIZES:
        folder = HERE / "hicolor" / f"{size}x{size}" / "apps"
        folder.mkdir(parents=True, exist_ok=True)
        for name in PICTURES:
            picture(name, size).save(folder / f"coze-tray-{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
