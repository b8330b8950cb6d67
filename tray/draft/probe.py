"""What a media file is: its kind, extension, size in pixels and length, told by its content.

Runs in the worker process only: MediaInfo's options are global, and probing in two threads at once crashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tray.locale import _

IMAGE_EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "BMP": "bmp"}
"""The picture formats JianYing takes as they are (by Pillow's names); others become PNG, without loss."""

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

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size


class ProbeError(Exception):
    """The content is no media that a draft can use; the text says what it is."""


def probe(path: Path) -> Probe:
    """Tell what `path` is and give it the extension of its content. Raises ProbeError."""
    return _image(path) or _timed(path)


def _image(path: Path) -> Probe | None:
    """The picture in `path`, None if it is none or an animation (which plays like a video)."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = 400_000_000
    try:
        with Image.open(path) as image:  # reads the header only
            name, (width, height) = image.format or "", image.size
            if name == "GIF" and getattr(image, "n_frames", 1) > 1:
                return _animation(path, image)
            if name in ("PNG", "JPEG", "MPO", "BMP"):
                if not _ends_whole(path, name):
                    image.load()  # decodes it; raises for one that is cut off, passes one with a trailer
                return Probe(_renamed(path, IMAGE_EXTENSIONS[name]), "image", width, height, None)
            converted = path.with_suffix(".png")
            image.convert("RGBA" if image.mode in ("RGBA", "LA", "PA", "P") else "RGB").save(converted, "PNG")
    except UnidentifiedImageError:
        return None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ProbeError(_("the picture is broken: {error}").format(error=error)) from None
    path.unlink()
    return Probe(converted, "image", width, height, None)


def _ends_whole(path: Path, name: str) -> bool:
    """Whether the file ends with the end mark of its format: a cut-off one does not, and no decoding is needed."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1024))
        return {"PNG": b"IEND", "BMP": b"\0never"}.get(name, b"\xff\xd9") in file.read()


def _animation(path: Path, image: Any) -> Probe:
    length_ms = 0
    for frame in range(image.n_frames):
        image.seek(frame)
        length_ms += image.info.get("duration", 0) or 100  # a frame without one is shown for 0.1 s
    width, height = image.size
    return Probe(_renamed(path, "gif"), "video", width, height, length_ms * 1000)


def _timed(path: Path) -> Probe:
    """The video or sound in `path`."""
    from pymediainfo import MediaInfo

    info = MediaInfo.parse(path, mediainfo_options={"File_TestContinuousFileNames": "0"})
    general = info.general_tracks[0]
    name = str(general.format or "")
    if general.format_profile == "QuickTime":
        name = "QuickTime"
    if general.istruncated == "Yes" and not _is_piped_wav(path):
        raise ProbeError(_("the file ({name}) is cut off").format(name=name))
    if info.video_tracks:
        video = info.video_tracks[0]
        length_us = _length_us(video.duration, general.duration)
        if not (length_us and video.width and video.height):
            raise ProbeError(_("the video ({name}) is broken or cut off: its length can't be read").format(name=name))
        return Probe(
            _renamed(path, _VIDEO_EXTENSIONS.get(name, "mp4")), "video", int(video.width), int(video.height), length_us
        )
    if info.audio_tracks:
        length_us = _length_us(info.audio_tracks[0].duration, general.duration)
        if not length_us:
            raise ProbeError(_("the sound ({name}) is broken or cut off: its length can't be read").format(name=name))
        return Probe(_renamed(path, _AUDIO_EXTENSIONS.get(name, "mp3")), "audio", 0, 0, length_us)
    raise ProbeError(_not_media(path, name))


def _length_us(*lengths_ms: object) -> int | None:
    for length_ms in lengths_ms:
        if isinstance(length_ms, (int, float, str)) and float(length_ms) > 0:
            return round(float(length_ms) * 1000)
    return None


def _is_piped_wav(path: Path) -> bool:
    """A WAV written to a pipe says 0xFFFFFFFF bytes (or none) in its header; it is whole all the same."""
    with path.open("rb") as file:
        head = file.read(8)
    return head[:4] == b"RIFF" and head[4:] in (b"\xff\xff\xff\xff", b"\0\0\0\0")


def _not_media(path: Path, name: str) -> str:
    with path.open("rb") as file:
        start = file.read(200)
    if start.lstrip()[:1] in (b"{", b"["):
        text = start.decode("utf-8", "replace").strip()
        return _("the server sent a message instead of media: {text}").format(text=text)
    if name:
        return _("it is neither a picture, a video nor a sound, but {name}").format(name=name)
    return _("it is neither a picture, a video nor a sound (or it is broken)")


def _renamed(path: Path, extension: str) -> Path:
    return path.replace(path.with_suffix(f".{extension}"))
