"""The draft's cover: the first picture or video frame of the timeline as the canvas shows it, before any animation.

Runs in the worker process only: it decodes media. A cover is never worth a draft, so whatever can't be decoded, or not
soon, gives the next best: another picture of the timeline, at last a plain play sign.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tray.draft.spec import Clip, Crop, DraftSpec, Fill, VisualSegment

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

SHORTEST_SIDE, LONGEST_SIDE = 720, 1920
"""Within these is the longer side of a cover, in pixels."""
MOST_PIXELS = 50_000_000
"""Of a picture or frame as it is decoded; a JPEG is decoded smaller than it is."""
STILLS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".heic", ".heif", ".avif")
"""How the names of pictures end that stand still."""
MOST_TRIES = 3
DECODE_S = 2.0
"""For how long a video is decoded to come from its last keyframe to the frame that is wanted."""

_FORMATS = "mov,matroska,avi,flv,mpegts,mpeg,asf"
"""The containers a video may be (FFmpeg's names): no playlists, which would make FFmpeg open what they name."""


def write_cover(path: Path, spec: DraftSpec, files: Mapping[str, Path], chosen: Path | None = None) -> None:
    """Write a JPEG with the canvas's aspect, its longer side 720 to 1920 pixels.

    `spec` is resolved; `files`: where its media is, by the path inside the draft. `chosen`: a picture that is to be the
    cover. Raises OSError where it can't be written.
    """
    size = _size(spec)
    cover = _of_picture(chosen, size) if chosen is not None else None
    for segment in _earliest(spec):
        if cover is not None:
            break
        file = files.get(segment.media)
        cover = _of_segment(segment, file, size) if file is not None else None
    (cover or _play_sign(size)).save(path, "JPEG", quality=88)


def _size(spec: DraftSpec) -> tuple[int, int]:
    longest = max(spec.width, spec.height)
    scale = min(max(longest, SHORTEST_SIDE), LONGEST_SIDE) / longest
    return max(1, round(spec.width * scale)), max(1, round(spec.height * scale))


def _earliest(spec: DraftSpec) -> Iterator[VisualSegment]:
    """What is seen first, from the bottom up: a logo above the picture is not the cover."""
    seen = [
        segment
        for track in spec.tracks
        for segment in track.segments[: MOST_TRIES * 4]  # in time order: later ones are not needed
        if isinstance(segment, VisualSegment) and segment.clip.opacity > 0
    ]
    yield from sorted(seen, key=lambda segment: segment.target.start_us)[:MOST_TRIES]


def _of_picture(file: Path, size: tuple[int, int]) -> Image | None:
    try:
        return _drawn(picture(file, size), size, Clip(), None, None)
    except Exception as error:  # noqa: BLE001 - a broken picture raises anything: Pillow's plugins differ
        log.info("no cover of %s: %s", file.name, error)
        return None


def _of_segment(segment: VisualSegment, file: Path, size: tuple[int, int]) -> Image | None:
    try:
        still = segment.kind == "image" or file.suffix.lower() == ".gif"
        image = picture(file, size) if still else frame(file, _first_shown_us(segment), size)
        return _drawn(image, size, segment.clip, segment.crop, segment.fill)
    except Exception as error:  # noqa: BLE001 - as above, and what FFmpeg raises
        log.info("no cover of %s: %s", file.name, error)
        return None


def _first_shown_us(segment: VisualSegment) -> int:
    return segment.source.end_us if segment.reverse else segment.source.start_us


def picture(file: Path, size: tuple[int, int]) -> Image:
    """The picture upright, with transparency, not much larger than `size`."""
    from PIL import Image, ImageOps

    enough = 2 * max(size)
    with Image.open(file) as image:
        shrink = min(1.0, enough / max(image.size))
        image.draft("RGB", (int(image.width * shrink), int(image.height * shrink)))  # a JPEG is; others aren't
        _check(image.width, image.height)
        if image.mode in ("RGB", "RGBA", "L"):  # the usual ones; others can't be made smaller well
            image.thumbnail((enough, enough))
        return ImageOps.exif_transpose(image).convert("RGBA")


def frame(file: Path, at_us: int, size: tuple[int, int]) -> Image:
    """The video's frame at a time, upright, with square pixels; a frame before it where that takes too long."""
    import av

    with av.open(str(file), options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"}) as container:
        stream = container.streams.video[0]
        _check(stream.width, stream.height)
        if at_us > 0:
            container.seek(at_us + (container.start_time or 0), backward=True)
        until, found = time.monotonic() + DECODE_S, None
        for found in container.decode(stream):
            shown_us = (found.time or 0) * 1e6 - (container.start_time or 0)
            if shown_us + 1 >= at_us or time.monotonic() > until:
                break
        if found is None:
            raise ValueError("no frame")
        square = found.width * float(stream.sample_aspect_ratio or 1)
        shrink = min(1.0, 2 * max(size) / max(square, found.height))
        image: Image = found.to_image(
            width=max(1, round(square * shrink)), height=max(1, round(found.height * shrink))
        )  # fmt: skip
        return image.rotate(found.rotation, expand=True).convert("RGBA")


def _check(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width}x{height} is too large")


def _drawn(image: Image, size: tuple[int, int], clip: Clip, crop: Crop | None, fill: Fill | None) -> Image:
    """The picture on the canvas as its segment lays it there."""
    from PIL import Image as images

    if crop is not None:
        image = image.crop(_box(crop, image.size))
    fit = min(size[0] / image.width, size[1] / image.height)
    wide, high = image.width * fit * abs(clip.scale_x), image.height * fit * abs(clip.scale_y)
    canvas = _background(image, size, fill)
    if min(wide, high) < 1:
        raise ValueError("it is scaled down to nothing")
    if wide < image.width or high < image.height:  # the transformation below takes too few pixels into account
        image = image.resize((min(image.width, math.ceil(wide)), min(image.height, math.ceil(high))))
    # By the inverse, from the canvas to the picture: however large the picture is drawn, no more than the canvas is.
    over_x = image.width / wide * math.copysign(1, clip.scale_x) * (-1 if clip.flip_horizontal else 1)
    over_y = image.height / high * math.copysign(1, clip.scale_y) * (-1 if clip.flip_vertical else 1)
    turned = math.radians(clip.rotation_deg)
    a, b = math.cos(turned) * over_x, math.sin(turned) * over_x
    d, e = -math.sin(turned) * over_y, math.cos(turned) * over_y
    centre_x, centre_y = size[0] / 2 * (1 + clip.x), size[1] / 2 * (1 - clip.y)
    data = (a, b, image.width / 2 - a * centre_x - b * centre_y, d, e, image.height / 2 - d * centre_x - e * centre_y)
    laid = image.transform(size, images.Transform.AFFINE, data, images.Resampling.BICUBIC)
    if clip.opacity < 1:
        laid.putalpha(laid.getchannel("A").point(lambda alpha: round(alpha * clip.opacity)))
    canvas.paste(laid, (0, 0), laid)
    return canvas


def _box(crop: Crop, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The crop in pixels, at least one of them."""
    left, top = int(crop.left * size[0]), int(crop.top * size[1])
    left, top = min(left, size[0] - 1), min(top, size[1] - 1)
    return left, top, max(left + 1, round(crop.right * size[0])), max(top + 1, round(crop.bottom * size[1]))


def _background(image: Image, size: tuple[int, int], fill: Fill | None) -> Image:
    from PIL import Image as images
    from PIL import ImageFilter, ImageOps

    if fill is None or fill.blur is None:
        return images.new("RGB", size, fill.colour if fill and fill.colour else "#000000")
    small = ImageOps.fit(image.convert("RGB"), (max(1, size[0] // 8), max(1, size[1] // 8)))
    return small.filter(ImageFilter.GaussianBlur(1 + 8 * fill.blur)).resize(size)


def _play_sign(size: tuple[int, int]) -> Image:
    from PIL import Image as images
    from PIL import ImageDraw

    cover: Any = images.new("RGB", size, "#22252B")
    x, y, r = size[0] / 2, size[1] / 2, min(size) / 8
    ImageDraw.Draw(cover).polygon([(x - r * 0.7, y - r), (x - r * 0.7, y + r), (x + r, y)], fill="#E8EAED")
    made: Image = cover
    return made
