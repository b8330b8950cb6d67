"""What a media file is: its kind, extension, size in pixels and length, told by its content.

Runs in the worker process only: MediaInfo's options are global, and probing in two threads at once crashes.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tray.locale import _

IMAGE_EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "BMP": "bmp"}
"""The picture formats JianYing takes as they are (by Pillow's names); others become PNG, without loss."""

_OPENED = (*IMAGE_EXTENSIONS, "GIF", "WEBP", "AVIF", "TIFF", "ICO", "PPM")
MOST_PIXELS = 100_000_000
LONGEST_US = 24 * 3600 * 1_000_000

_AUDIO_EXTENSIONS = {
    "MPEG Audio": "mp3",
    "Wave": "wav",
    "FLAC": "flac",
    "ADTS": "aac",
    "Ogg": "ogg",
    "MPEG-4": "m4a",
    "AIFF": "aiff",
    "Windows Media": "wma",
    "AMR": "amr",
}
_VIDEO_EXTENSIONS = {
    "MPEG-4": "mp4",
    "QuickTime": "mov",
    "Matroska": "mkv",
    "WebM": "webm",
    "AVI": "avi",
    "Flash Video": "flv",
    "MPEG-TS": "ts",
    "MPEG-PS": "mpg",
    "Windows Media": "wmv",
}


@dataclass(frozen=True)
class Probe:
    """`width`, `height` in pixels, 0 for a sound; `length_us` None for a picture. `path` is the file to use: the
    one probed under its right extension, or the PNG made of it."""

    path: Path
    kind: Literal["image", "video", "audio"]
    width: int
    height: int
    length_us: int | None
    has_audio: bool = False

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size


class ProbeError(Exception):
    """The content is no media that a draft can use; the text says what it is."""


def probe(path: Path) -> Probe:
    """Tell what `path` is and give it the extension of its content. Raises ProbeError."""
    return _image(path) or _pcm_wav(path) or _timed(path)


def _image(path: Path) -> Probe | None:
    """The picture in `path`, None if it is none or an animation (which plays like a video)."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.init()
    Image.MAX_IMAGE_PIXELS = None  # checked here, before anything is decoded
    allowed = [name for name in _OPENED if name in Image.OPEN]  # Pillow hands EPS to Ghostscript, and that is a bot's
    try:
        with Image.open(path, formats=allowed) as image:  # reads the header only
            name, (width, height) = image.format or "", image.size
            _check_size(width, height)
            if name == "GIF" and getattr(image, "n_frames", 1) > 1:
                extension, length_us = "gif", _animation_us(path, image)
            elif name in IMAGE_EXTENSIONS:
                extension, length_us = IMAGE_EXTENSIONS[name], None
                if not _ends_whole(path, name):
                    image.load()  # decodes it; raises for one that is cut off, passes one with a trailer
                elif name == "PNG":
                    image.verify()  # its checksums
            else:
                extension, length_us = "png", None
                upright = ImageOps.exif_transpose(image)
                width, height = upright.size
                has_alpha = upright.mode in ("RGBA", "LA", "PA", "P")
                upright.convert("RGBA" if has_alpha else "RGB").save(path.with_suffix(".png"), "PNG")
    except UnidentifiedImageError:
        return None
    except ProbeError:
        raise
    except Exception as error:  # noqa: BLE001 - a broken picture raises anything: Pillow's plugins differ
        raise ProbeError(_("the picture is broken: {error}").format(error=error)) from None
    # Only now: Windows renames no file that is open.
    if name in IMAGE_EXTENSIONS or length_us is not None:
        made = _renamed(path, extension)
    else:
        made = path.with_suffix(".png")
        path.unlink()
    return Probe(made, "video" if length_us is not None else "image", width, height, length_us)


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise ProbeError(_("the picture is too large ({width}×{height})").format(width=width, height=height))


def _ends_whole(path: Path, name: str) -> bool:
    """Whether the file ends with the end mark of its format: a cut-off one does not, and no decoding is needed."""
    mark = {"PNG": b"IEND", "JPEG": b"\xff\xd9", "MPO": b"\xff\xd9"}.get(name)
    return mark is not None and mark in _tail(path)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1024))
        return file.read()


def _animation_us(path: Path, image: Any) -> int:
    if b";" not in _tail(path)[-16:]:
        raise ProbeError(_("the picture is cut off: the file ends before the picture does"))
    length_ms = 0
    for frame in range(image.n_frames):
        image.seek(frame)
        length_ms += image.info.get("duration", 0) or 100  # a frame without one is shown for 0.1 s
    return length_ms * 1000


def _pcm_wav(path: Path) -> Probe | None:
    """The WAV in `path`, None if it is none or not plain PCM: two hundred times as fast as MediaInfo (0.03 ms)."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                return None
            file.seek(0)
            with wave.open(file) as sound:
                frame_bytes = sound.getnchannels() * sound.getsampwidth()
                said, rate = sound.getnframes(), sound.getframerate()
    except (wave.Error, EOFError):
        return None
    held = (path.stat().st_size - 44) // frame_bytes
    # One that was written to a pipe says 0xFFFFFFFF bytes (or none), and is whole all the same.
    if held < 0.99 * said and head[4:8] not in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        raise ProbeError(_("the file ({name}) is cut off").format(name="Wave"))
    length_us = _length_us(min(said or held, held) * 1000 / rate)
    return Probe(_renamed(path, "wav"), "audio", 0, 0, length_us) if length_us else None


def _timed(path: Path) -> Probe:
    """The video or sound in `path`."""
    info = _media_info(path)
    general = info.general_tracks[0]
    name = str(general.format or "")
    if general.format_profile == "QuickTime":
        name = "QuickTime"
    tracks = info.video_tracks or info.audio_tracks
    if not tracks:
        raise ProbeError(_not_media(path, name))
    length_us = _length_us(tracks[0].duration, general.duration)
    if general.istruncated == "Yes" and length_us is not None:
        raise ProbeError(_("the file ({name}) is cut off").format(name=name))
    if length_us is None:  # no header says it (raw AAC, VBR mp3, streamed WebM): read it to its end
        scanned = _media_info(path, parse_speed=1.0)
        length_us = _length_us((scanned.video_tracks or scanned.audio_tracks)[0].duration,
                               scanned.general_tracks[0].duration)  # fmt: skip
    if not length_us:
        raise ProbeError(_("its length can't be read ({name}): it is broken or cut off").format(name=name))
    if info.video_tracks:
        width, height = tracks[0].width, tracks[0].height
        if not (width and height):
            raise ProbeError(_("the size of the video ({name}) can't be read").format(name=name))
        return Probe(_renamed(path, _VIDEO_EXTENSIONS.get(name, "mp4")), "video", int(width), int(height), length_us)
    return Probe(_renamed(path, _AUDIO_EXTENSIONS.get(name, "mp3")), "audio", 0, 0, length_us)


def _media_info(path: Path, **options: Any) -> Any:
    from pymediainfo import MediaInfo

    return MediaInfo.parse(path, mediainfo_options={"File_TestContinuousFileNames": "0"}, **options)


def _length_us(*lengths_ms: object) -> int | None:
    for length_ms in lengths_ms:
        if isinstance(length_ms, (int, float, str)) and 0 < float(length_ms) * 1000 <= LONGEST_US:
            return round(float(length_ms) * 1000)
    return None


def _not_media(path: Path, name: str) -> str:
    with path.open("rb") as file:
        start = file.read(200)
    text = start.decode("utf-8", "replace").strip()
    if text.isprintable() or start.lstrip()[:1] in (b"{", b"[", b"<"):
        return _("the server sent a message instead of media: {text}").format(text=text)
    if name:
        return _("it is neither a picture, a video nor a sound, but {name}").format(name=name)
    return _("it is neither a picture, a video nor a sound (or it is broken)")


def _renamed(path: Path, extension: str) -> Path:
    return path.replace(path.with_suffix(f".{extension}"))
