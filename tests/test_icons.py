"""The icons' pictures."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image, ImageChops, ImageStat

from tray.desktop import images
from tray.events import State

STATES: tuple[State, ...] = get_args(State)
ICONS = Path(__file__).parents[1] / "icons"


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_picture_with_a_transparent_ground(state: State) -> None:
    picture = images.state_image(state)
    assert (picture.mode, picture.size) == ("RGBA", (128, 128))
    assert picture.getchannel("A").getextrema() == (0, 255)


@pytest.mark.parametrize("size", [16, 22, 64])
@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(STATES, 2)))
def test_states_differ_in_shape_at_every_size(one: State, other: State, size: int) -> None:
    """A tenth of the alpha: about 25 of the 256 pixels of the smallest icon."""
    small = [images.state_image(state).getchannel("A").resize((size, size)) for state in (one, other)]
    assert ImageStat.Stat(ImageChops.difference(*small)).mean[0] / 255 > 0.05


@pytest.mark.parametrize("ground", ["#f5f5f4", "#ffffff", "#2b2b2b", "#000000"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_stands_out_on_light_and_dark_panels(state: State, ground: str) -> None:
    """WCAG asks for a contrast of 3 for graphics; half of that, with the shape's edge, is seen at a glance."""
    picture = images.state_image(state)
    colour = ImageStat.Stat(picture.convert("RGB"), picture.getchannel("A")).mean
    panel = Image.new("RGB", (1, 1), ground).getpixel((0, 0))
    assert isinstance(panel, tuple)
    light, dark = sorted((_luminance(colour), _luminance(list(panel))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 1.9


def test_the_program_has_an_icon_of_256_pixels() -> None:
    with Image.open(images.icon_path()) as picture:
        assert picture.size == (256, 256)


def test_the_pictures_are_what_the_script_draws(tmp_path: Path) -> None:
    script = shutil.copy(ICONS / "draw.py", tmp_path)
    spec = importlib.util.spec_from_file_location("draw", script)
    assert spec is not None
    assert spec.loader is not None
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    draw.main()
    assert {path.name for path in tmp_path.glob("*.png")} == {path.name for path in ICONS.glob("*.png")}
    for drawn in tmp_path.glob("*.png"):
        with Image.open(drawn) as new, Image.open(ICONS / drawn.name) as kept:
            # Another release of Pillow may round an edge otherwise.
            assert ImageStat.Stat(ImageChops.difference(new, kept)).mean[3] < 1, drawn.name


def test_an_installed_package_finds_its_own_icons_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path / "tray" / "icons", tmp_path / "icons"):
        folder.mkdir(parents=True)
        shutil.copy(ICONS / "coze-tray.png", folder)
    monkeypatch.setattr(images, "__file__", str(tmp_path / "tray" / "desktop" / "images.py"))
    assert images.icon_path() == tmp_path / "tray" / "icons" / "coze-tray.png"
    shutil.rmtree(tmp_path / "tray" / "icons")
    assert images.icon_path() == tmp_path / "icons" / "coze-tray.png"
    shutil.rmtree(tmp_path / "icons")
    with pytest.raises(FileNotFoundError, match=r"coze-tray\.png"):
        images.icon_path()


def _luminance(colour: list[float]) -> float:
    """Relative luminance (WCAG 2)."""
    linear = [c / 12.92 if (c := v / 255) <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for v in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
