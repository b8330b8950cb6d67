"""The draft's cover: what the canvas shows first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from tray.draft import cover
from tray.draft.spec import Clip, Crop, DraftSpec, Fill, TextSegment, Track, VisualSegment

BLACK, RED, BLUE, GREEN, WHITE = (0, 0, 0), (255, 0, 0), (0, 0, 255), (0, 128, 0), (255, 255, 255)


@pytest.fixture
def covered(tmp_path: Path) -> Callable[..., Image.Image]:
    """The cover of a draft of these tracks of segments; media is files of this folder."""

    def run(*tracks: tuple[Any, ...], width: int = 1280, height: int = 720, chosen: Path | None = None) -> Image.Image:
        spec = DraftSpec(
            width=width, height=height,
            tracks=tuple(Track(kind="video" if hasattr(t[0], "media") else "text", segments=t) for t in tracks),
        )  # fmt: skip
        files = {path.name: path for path in tmp_path.iterdir()}
        cover.write_cover(tmp_path / "draft_cover.jpg", spec, files, chosen)
        with Image.open(tmp_path / "draft_cover.jpg") as image:
            assert image.format == "JPEG"
            return image.convert("RGB")

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., str]:
    """Makes a picture: its left half one colour, its right half another."""

    def make(name: str, left: Any = "red", right: Any = "blue", size: tuple[int, int] = (160, 90), **save: Any) -> str:
        image = Image.new("RGBA", size, left)
        image.paste(Image.new("RGBA", (size[0] // 2, size[1]), right), (size[0] - size[0] // 2, 0))
        (image if name.endswith("png") else image.convert("RGB")).save(tmp_path / name, **save)
        return name

    return make


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., str]:
    """Makes a video with one colour a second (or two, its left half/its right half), ten frames a second, one keyframe."""

    def make(name: str, *colours: str, size: tuple[int, int] = (160, 90), squeeze: int = 1) -> str:
        with av.open(str(tmp_path / name), "w") as container:
            stream: Any = container.add_stream("mpeg4", rate=10, options={"g": "600"})
            stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
            stream.codec_context.sample_aspect_ratio = squeeze
            for colour in colours:
                image = Image.new("RGB", size, colour.partition("/")[0])
                image.paste(colour.rpartition("/")[2], (size[0] // 2, 0, *size))
                for _ in range(10):
                    container.mux(stream.encode(av.VideoFrame.from_image(image)))
            container.mux(stream.encode())
        return name

    return make


def shown(media: str, kind: str = "image", start: int = 0, duration: int = 1_000_000, **more: Any) -> VisualSegment:
    return VisualSegment(kind=kind, media=media, start=start, duration=duration, source_duration=duration, **more)  # type: ignore[arg-type]


def at(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """The colour at a place, in shares of the picture."""
    pixel = image.getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)


def like(colour: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(colour, other, strict=True))


@pytest.mark.parametrize(
    ("canvas", "size"),
    [
        ((1280, 720), (1280, 720)),
        ((1080, 1920), (1080, 1920)),
        ((3840, 2160), (1920, 1080)),
        ((320, 320), (720, 720)),
        ((16384, 16), (1920, 2)),
    ],
)
def test_it_has_the_canvas_s_aspect_and_a_long_side_of_720_to_1920(canvas, size, covered, picture):
    assert covered((shown(picture("a.png")),), width=canvas[0], height=canvas[1]).size == size


def test_the_whole_picture_is_shown_on_black(covered, picture):
    image = covered((shown(picture("a.png")),), width=720, height=1280)
    assert like(at(image, 0.2, 0.5), RED) and like(at(image, 0.8, 0.5), BLUE)
    assert like(at(image, 0.5, 0.1), BLACK) and like(at(image, 0.5, 0.9), BLACK)


def test_it_lies_as_its_clip_says(covered, picture):
    name = picture("a.png")
    filled = covered((shown(name, clip=Clip(scale=4.0)),), width=720, height=1280)
    assert like(at(filled, 0.2, 0.02), RED) and like(at(filled, 0.8, 0.98), BLUE)
    mirrored = covered((shown(name, clip=Clip(flip_horizontal=True)),))
    assert like(at(mirrored, 0.2, 0.5), BLUE)
    lifted = covered((shown(name, clip=Clip(scale=0.5, x=0.5, y=0.5)),))
    assert like(at(lifted, 0.6, 0.2), RED) and like(at(lifted, 0.25, 0.75), BLACK)
    turned = covered((shown(name, clip=Clip(rotation=90)),))
    assert like(at(turned, 0.5, 0.1), RED) and like(at(turned, 0.5, 0.9), BLUE)


def test_only_its_crop_is_shown(covered, picture):
    image = covered((shown(picture("a.png"), crop=Crop(left=0.5)),), width=800, height=900)
    assert like(at(image, 0.05, 0.5), BLUE) and like(at(image, 0.95, 0.5), BLUE)


def test_beside_it_is_its_background(covered, picture):
    name = picture("a.png", "blue")
    coloured = covered((shown(name, fill=Fill(colour="#FFFFFF")),), width=720, height=1280)
    assert like(at(coloured, 0.5, 0.05), WHITE)
    blurred = covered((shown(name, fill=Fill(blur=0.75)),), width=720, height=1280)
    assert like(at(blurred, 0.5, 0.05), BLUE)


def test_a_transparent_picture_shows_its_background(covered, picture):
    image = covered((shown(picture("a.png", (0, 0, 0, 0)), fill=Fill(colour="#FFFFFF")),))
    assert like(at(image, 0.2, 0.5), WHITE) and like(at(image, 0.8, 0.5), BLUE)


def test_it_is_the_earliest_and_of_two_the_lower(covered, picture):
    late, early = picture("late.png", "red", "red"), picture("early.png", "green", "green")
    logo = picture("logo.png", "white", "white", size=(8, 8))
    assert like(at(covered((shown(late, start=1_000_000),), (shown(early),)), 0.5, 0.5), GREEN)
    assert like(at(covered((shown(early),), (shown(logo),)), 0.5, 0.5), GREEN)


def test_what_is_not_seen_is_not_the_cover(covered, picture):
    hidden = shown(picture("a.png"), clip=Clip(opacity=0))
    assert like(at(covered((hidden,), (shown(picture("b.png", "green", "green")),)), 0.5, 0.5), GREEN)


def test_a_photo_stands_upright(covered, picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it clockwise to see it
    image = covered((shown(picture("a.jpg", exif=exif)),), width=720, height=1280)
    assert like(at(image, 0.5, 0.1), RED) and like(at(image, 0.5, 0.9), BLUE)


def test_the_first_shown_frame_of_a_video_is_the_cover(covered, film):
    name = film("a.mp4", "red", "green", "blue")
    assert like(at(covered((shown(name, "video"),)), 0.5, 0.5), RED)
    assert like(at(covered((shown(name, "video", source_start=1_500_000),)), 0.5, 0.5), GREEN)
    assert like(at(covered((shown(name, "video", reverse=True, duration=3_000_000),)), 0.5, 0.5), BLUE)


def test_a_video_stands_as_it_was_held(covered, film, tmp_path):
    name = film("a.mp4", "red/blue", size=(160, 96))
    data = (tmp_path / name).read_bytes()
    one, minus = b"\0\1\0\0", b"\xff\xff\0\0"
    upright = one + b"\0" * 12 + one + b"\0" * 12 + b"\x40\0\0\0"
    quarter = b"\0" * 4 + one + b"\0" * 4 + minus + b"\0" * 16 + b"\x40\0\0\0"
    header = data.index(b"tkhd")
    assert len(quarter) == len(upright) == 36
    (tmp_path / name).write_bytes(data[:header] + data[header:].replace(upright, quarter, 1))
    image = covered((shown(name, "video"),))
    assert like(at(image, 0.5, 0.1), RED) and like(at(image, 0.5, 0.9), BLUE) and like(at(image, 0.15, 0.5), BLACK)


def test_a_video_of_wide_pixels_is_as_wide_as_it_plays(covered, film):
    image = covered((shown(film("a.mp4", "red", size=(96, 96), squeeze=2), "video"),), width=1000, height=500)
    assert like(at(image, 0.02, 0.5), RED) and like(at(image, 0.98, 0.5), RED)


def test_the_first_frame_of_an_animation_is_the_cover(covered, tmp_path):
    frames = [Image.new("RGB", (160, 90), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    assert like(at(covered((shown("a.gif", "video"),)), 0.5, 0.5), RED)


def test_a_chosen_picture_is_the_cover(covered, picture, tmp_path):
    picture("chosen.png", "green", "green")
    image = covered((shown(picture("a.png")),), chosen=tmp_path / "chosen.png")
    assert like(at(image, 0.5, 0.5), GREEN)


@pytest.mark.parametrize("name", ["broken.png", "broken.mp4", "absent.png"])
def test_what_cannot_be_decoded_gives_way_to_the_next(name, covered, picture, tmp_path):
    if not name.startswith("absent"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    kind = "video" if name.endswith("mp4") else "image"
    after = shown(picture("b.png", "green", "green"), start=1_000_000)
    assert like(at(covered((shown(name, kind), after)), 0.5, 0.5), GREEN)


def test_without_any_picture_it_is_a_play_sign(covered):
    image = covered((TextSegment(start=0, duration=1, text="你好"),))
    assert at(image, 0.5, 0.5) != at(image, 0.1, 0.1)


def test_a_playlist_that_calls_itself_a_video_opens_nothing(covered, film, tmp_path):
    film("secret.ts", "red")
    (tmp_path / "a.mp4").write_text("#EXTM3U\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n")
    assert not like(at(covered((shown("a.mp4", "video"),)), 0.3, 0.5), RED)


@pytest.mark.parametrize("clip", [Clip(scale=10_000), Clip(scale=0.000001), Clip(x=1000, y=-1000), Clip(scale_x=-1)])
def test_no_clip_is_too_odd(clip, covered, picture):
    assert covered((shown(picture("a.png"), clip=clip),)).size == (1280, 720)


def test_a_frame_that_takes_too_long_gives_way_to_one_before_it(covered, film, monkeypatch):
    monkeypatch.setattr(cover, "DECODE_S", -1)  # a clock may stand still for so long
    image = covered((shown(film("a.mp4", "red", "green"), "video", source_start=1_500_000),))
    assert like(at(image, 0.5, 0.5), RED)


def test_a_huge_photo_is_decoded_small_and_a_huge_drawing_not_at_all(covered, tmp_path, monkeypatch):
    monkeypatch.setattr(cover, "MOST_PIXELS", 10_000_000)
    for name in ("a.jpg", "a.png"):
        Image.new("RGB", (8000, 4500), "red").save(tmp_path / name)
    assert like(at(covered((shown("a.jpg"),)), 0.1, 0.1), RED)
    assert not like(at(covered((shown("a.png"),)), 0.1, 0.1), RED)
