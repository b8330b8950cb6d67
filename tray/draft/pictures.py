"""Pictures, still and moving. What JianYing takes stays as it is, the rest is converted without loss (see convert)."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path
from typing import BinaryIO

from PIL import AvifImagePlugin, IcoImagePlugin, Image, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

from tray.draft import convert
from tray.draft.probe import LONGEST_US, MOST_PIXELS, Probe, ProbeError, check_size, renamed
from tray.locale import _

KEPT = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "BMP": "bmp", "GIF": "gif"}
"""The formats that JianYing takes as they are, by Pillow's names; a GIF only if it moves."""
_OPENED = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "AVIF", "TIFF", "ICO", "PPM")
"""No others: Pillow hands EPS to Ghostscript, and what comes is a bot's."""
_PLUGINS = (AvifImagePlugin, IcoImagePlugin, TiffImagePlugin, WebPImagePlugin)  # importing them registers them
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TURNED = (5, 6, 7, 8)
"""EXIF orientations that lie on their side."""


def picture(path: Path) -> Probe | None:
    """The picture in `path`, None if it is none. An animation is a video without sound."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS  # what is inside an icon is opened by Pillow alone
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    try:
        with path.open("rb") as file:
            formats = (*_OPENED, "HEIF") if _is_heif(file) else _OPENED
            with Image.open(file, formats=formats) as image:  # reads the header only
                check_size(*image.size)
                made = _told(image, file, path)
    except UnidentifiedImageError:
        return None
    except Image.DecompressionBombError:
        raise ProbeError(_("the picture is too large")) from None
    except ProbeError:
        raise
    except Exception as error:  # noqa: BLE001 - a broken picture raises anything: Pillow's plugins differ
        raise ProbeError(_("the picture is broken: {error}").format(error=error)) from None
    if made.path == path:  # only now: Windows renames no file that is open
        return Probe(renamed(path, KEPT[str(image.format)]), made.kind, made.width, made.height, made.length_us)
    path.unlink()
    return made


def _told(image: Image.Image, file: BinaryIO, path: Path) -> Probe:
    """What `image` is; its path is `path` where it stays as it is, else the converted file's."""
    name, frames = str(image.format), getattr(image, "n_frames", 1) if image.format not in ("MPO", "GIF") else 1
    width, height = image.size
    if name == "TIFF" and frames > 1:
        raise ProbeError(_("it holds {n} pictures (TIFF). Save the one that is meant as PNG.").format(n=frames))
    if name == "GIF" and getattr(image, "is_animated", False):
        if b";" not in _tail(file)[-16:]:
            raise _cut_off()
        return Probe(path, "video", width, height, _gif_us(path))
    if frames > 1 and name in ("WEBP", "AVIF", "PNG"):
        made, length_us = convert.to_mov(image, path.with_suffix(".mov"))
        return Probe(made, "video", width, height, length_us)
    if name not in KEPT or name == "GIF":
        made = path.with_suffix(".png")
        return Probe(made, "image", *convert.to_png(image, made), None)
    if name == "PNG":
        _check_png(file)
    elif name == "BMP" or b"\xff\xd9" not in _tail(file):
        image.load()  # decodes it; raises for one that is cut off, passes one with a trailer
    if "exif" in image.info and image.getexif().get(0x0112) in _TURNED:
        width, height = height, width
    return Probe(path, "image", width, height, None)


def _is_heif(file: BinaryIO) -> bool:
    """Whether it may be a HEIC; then Pillow is taught to read it."""
    head = file.read(12)
    file.seek(0)
    if head[4:8] != b"ftyp" or head[8:] not in _HEIF_BRANDS:
        return False
    import pillow_heif

    pillow_heif.register_heif_opener()
    return True


def _check_png(file: BinaryIO) -> None:
    """Compare the checksums of what matters in a PNG, and see that it ends: ten times as fast as decoding it."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        left, checksum = size, zlib.crc32(kind)
        while left and (data := file.read(min(left, 1 << 20))):
            checksum, left = zlib.crc32(data, checksum), left - len(data)
        said = file.read(4)
        if left or len(said) < 4:
            break
        if kind[:1].isupper() and int.from_bytes(said, "big") != checksum:
            raise ProbeError(_("the picture is broken: {error}").format(error=_("a checksum is wrong")))
        if kind == b"IEND":
            return
    raise _cut_off()


def _tail(file: BinaryIO) -> bytes:
    size = file.seek(0, 2)
    file.seek(max(0, size - 1024))
    return file.read()


def _gif_us(path: Path) -> int:
    """How long the frames of a GIF are shown, once. None of them is decoded, there may be very many."""
    import av

    with av.open(str(path), format="gif") as media:
        stream = media.streams.video[0]
        ticks = sum(packet.duration or 0 for packet in media.demux(stream))
        length_us = round(ticks * (stream.time_base or 0) * 1_000_000)
    if not 0 < length_us <= LONGEST_US:
        raise ProbeError(_("its length can't be read ({name}): it is broken or cut off").format(name="GIF"))
    return length_us


def _cut_off() -> ProbeError:
    return ProbeError(_("the picture is cut off: the file ends before the picture does"))
