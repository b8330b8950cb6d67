"""The icons' pictures."""

from __future__ import annotations

import importlib.util
import io
import itertools
import shutil
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from PIL import Image, ImageChops, ImageStat

from tray.desktop import images
from tray.events import State

STATES: tuple[State, ...] = get_args(State)
PICTURES = [images.Picture(state) for state in STATES] + [images.picture("working", n, 7) for n in range(8)]
ICONS = Path(__file__).parents[1] / "icons"
SMALL = (16, 20, 22, 24, 32)


def named(picture: images.Picture) -> str:
    return picture.name


def alpha(picture: images.Picture, size: int) -> Image.Image:
    return picture.image(size).getchannel("A")


@pytest.mark.parametrize("picture", PICTURES, ids=named)
def test_every_picture_is_drawn_in_every_size_on_a_transparent_ground(picture: images.Picture) -> None:
    for size in images.SIZES:
        assert (picture.image(size).mode, picture.image(size).size) == ("RGBA", (size, size))
        assert alpha(picture, size).getextrema() == (0, 255)


@pytest.mark.parametrize("size", SMALL)
@pytest.mark.parametrize("picture", PICTURES, ids=named)
def test_pictures_are_sharp_where_they_are_small(picture: images.Picture, size: int) -> None:
    """Half transparent is what an edge leaves that lies between two pixels: slopes and round corners have some."""
    shares = alpha(picture, size).histogram()
    assert sum(shares[32:224]) / size**2 < 0.11
    scaled = alpha(picture, 128).resize((size, size)).histogram()  # as whoever shows it would do
    assert sum(shares[32:224]) < sum(scaled[32:224])


@pytest.mark.parametrize("size", SMALL)
@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(STATES, 2)))
def test_states_differ_in_shape_alone(one: State, other: State, size: int) -> None:
    """So many of the pixels: 23 of the smallest icon's 256."""
    difference = ImageChops.difference(*(alpha(images.Picture(state), size) for state in (one, other)))
    assert ImageStat.Stat(difference).mean[0] / 255 > 0.09


def test_each_step_of_the_progress_differs_from_the_one_before() -> None:
    steps = [images.Picture("working", step) for step in range(1, images.STEPS + 1)]
    for one, other in itertools.pairwise(steps):
        for size in SMALL:
            difference = ImageChops.difference(alpha(one, size), alpha(other, size))
            assert ImageStat.Stat(difference).mean[0] / 255 * size**2 >= 6  # a whole column of the bar


def test_the_progress_is_shown_in_eight_steps_and_full_only_at_the_end() -> None:
    steps = [images.picture("working", done, 1000).step for done in range(1001)]
    assert steps == sorted(steps) and set(steps) == set(range(1, 9))
    assert steps.count(8) == 1
    assert images.picture("working", 5, 0).step == images.picture("streaming", 1, 2).step == 0
    assert images.picture("working", 9, 3).step == 8


@pytest.mark.parametrize("ground", ["#ffffff", "#f3f3f3", "#202020", "#000000"])
@pytest.mark.parametrize("picture", PICTURES, ids=named)
def test_every_picture_stands_out_on_light_and_dark_panels(picture: images.Picture, ground: str) -> None:
    """WCAG asks for a contrast of 3 for graphics: all of the shape has it, not only its mean."""
    panel = Image.new("RGB", (1, 1), ground).getpixel((0, 0))
    assert isinstance(panel, tuple)
    shown = picture.image(32)
    colours = {pixel[:3] for _n, pixel in shown.getcolors(32 * 32) or () if pixel[3] == 255}
    for colour in colours:
        light, dark = sorted((_luminance(list(colour)), _luminance(list(panel))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3


def test_the_program_has_an_icon_of_256_pixels() -> None:
    with Image.open(images.icon_path()) as picture:
        assert picture.size == (256, 256)


def test_the_pictures_are_what_the_script_draws(tmp_path: Path) -> None:
    draw = _script(Path(shutil.copy(ICONS / "draw.py", tmp_path)))
    draw.main([])
    assert draw.SIZES == images.SIZES and draw.STEPS == images.STEPS
    drawn = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.png")}
    assert drawn == {path.relative_to(ICONS) for path in ICONS.rglob("*.png")}
    for path in drawn:
        with Image.open(tmp_path / path) as new, Image.open(ICONS / path) as kept:
            # Another release of Pillow may round an edge otherwise.
            assert ImageStat.Stat(ImageChops.difference(new, kept)).mean[3] < 1, path


def test_the_program_s_icons_for_windows_and_macos_are_drawn_for_each_size(tmp_path: Path) -> None:
    draw = _script(ICONS / "draw.py")
    draw.main(["--app-icons", str(tmp_path / "made")])
    with Image.open(tmp_path / "made" / "coze-tray.ico") as ico:
        assert {16, 24, 32, 48, 256} <= {width for width, _height in ico.info["sizes"]}
        ico.size = (16, 16)
        assert ImageChops.difference(ico.convert("RGBA"), draw.app_icon(16)).getbbox() is None
    with Image.open(tmp_path / "made" / "coze-tray.icns") as icns:
        assert {(16, 16, 2), (128, 128, 1), (512, 512, 2)} <= set(icns.info["sizes"])


def test_windows_is_given_each_size_as_it_was_drawn() -> None:
    file = io.BytesIO()
    images.Picture("asking").save(file, format="ICO")
    with Image.open(file) as ico:
        assert {width for width, _height in ico.info["sizes"]} == set(images.SIZES)
        for size in (16, 20, 32):
            ico.size = (size, size)
            shown, drawn = ico.convert("RGBA"), images.Picture("asking").image(size)
            assert ImageChops.difference(shown, drawn).getbbox() is None


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


def _script(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw", path)
    assert spec is not None
    assert spec.loader is not None
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    return draw


def _luminance(colour: list[float]) -> float:
    """Relative luminance (WCAG 2)."""
    linear = [c / 12.92 if (c := v / 255) <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for v in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
