"""The pictures that icons/draw.py makes. An installed package has them in tray/icons, a checkout beside tray/."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from tray.events import State


def icon_path() -> Path:
    """The program's own icon, a PNG of 256 px. Raises FileNotFoundError where the package was installed without it."""
    return _find("coze-tray.png")


@functools.cache
def state_image(state: State) -> Image:
    """The icon for `state`: RGBA, 128 px. Raises FileNotFoundError where the package was installed without it."""
    from PIL import Image as images

    with images.open(_find(f"state-{state}.png")) as picture:
        image: Image = picture.convert("RGBA")
        return image


def _find(name: str) -> Path:
    package = Path(__file__).parents[1]
    for folder in (package / "icons", package.parent / "icons"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{name} is neither in {package / 'icons'} nor in {package.parent / 'icons'}")
