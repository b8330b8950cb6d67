"""The pictures that icons/draw.py makes. An installed package has them in tray/icons, a checkout beside tray/."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from tray.events import State

SIZES = (16, 20, 22, 24, 32, 40, 44, 48, 64, 128)
"""In pixels. Panels ask for 16, 20, 22, 24 or 32, and for twice that on a fine screen."""
STEPS = 8
"""So many parts a progress is shown in: few, as each change costs the panel something."""


@dataclass(frozen=True)
class Picture:
    """What the icon shows: a state, drawn for each size by itself. pystray takes it for an image of Pillow's, which it
    saves into a file. `step` of STEPS is a progress; 0: none is known."""

    state: State
    step: int = 0

    @property
    def name(self) -> str:
        """As the files are named, and the icons of the theme in `theme_path`."""
        return f"coze-tray-{self.state}" + (f"-{self.step}" if self.step else "")

    def image(self, size: int) -> Image:
        """RGBA, for so many pixels. One that was not drawn in that size is the next larger one, made smaller."""
        drawn = min((one for one in SIZES if one >= size), default=SIZES[-1])
        image = _read(f"hicolor/{drawn}x{drawn}/apps/{self.name}.png")
        return image if drawn == size else image.resize((size, size))

    def save(self, file: IO[bytes], format: str) -> None:
        """A PNG, or an ICO with every size in it."""
        if format.upper() == "ICO":
            images = [self.image(size) for size in SIZES]
            images[-1].save(file, format, sizes=[one.size for one in images], append_images=images[:-1])
        else:
            self.image(64).save(file, format)


def picture(state: State, done: int = 0, total: int = 0) -> Picture:
    """The picture for `state`; while it works, with how far it is: `done` of `total`, which is 0 where it is not known.
    The last part is full when all is done."""
    if state != "working" or total <= 0:
        return Picture(state)
    return Picture(state, 1 + (STEPS - 1) * min(max(done, 0), total) // total)


def icon_path() -> Path:
    """The program's own icon, a PNG of 256 px. Raises FileNotFoundError where the package was installed without it."""
    return _find("coze-tray.png")


def theme_path() -> Path:
    """The folder with the states as icons of a theme (freedesktop.org, Icon Theme), which panels pick the size from."""
    return _find("hicolor").parent


@functools.lru_cache(maxsize=len(SIZES))
def _read(name: str) -> Image:
    from PIL import Image as images

    with images.open(_find(name)) as picture:
        image: Image = picture.convert("RGBA")
        return image


def _find(name: str) -> Path:
    package = Path(__file__).parents[1]
    for folder in (package / "icons", package.parent / "icons"):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} is neither in {package / 'icons'} nor in {package.parent / 'icons'}")
