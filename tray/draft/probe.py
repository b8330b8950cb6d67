"""What a media file is: its kind, extension, size in pixels and length, told by its content whatever its name says.

Runs in the worker process only: media libraries crash over broken files now and then.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tray.locale import _

LONGEST_US = 24 * 3600 * 1_000_000
MOST_PIXELS = 100_000_000


@dataclass(frozen=True)
class Probe:
    """`width`, `height` in pixels as shown (a turned photo's are exchanged), 0 for a sound; `length_us` None for a
    picture. `has_audio`: whether a video has a sound track. `path` is the file to use: the one probed under its right
    extension, or what it was converted to."""

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
    """Tell what `path` is, convert it where JianYing does not take it, and give it the extension of its content. The
    original is gone then. Raises ProbeError."""
    from tray.draft import pictures, timed

    return timed.plain_wav(path) or pictures.picture(path) or timed.timed(path)


def probe_all(paths: list[Path]) -> list[Probe | str]:
    """What each file is, or why it can't be used."""
    return [_probe_or_reason(path) for path in paths]


def _probe_or_reason(path: Path) -> Probe | str:
    try:
        return probe(path)
    except ProbeError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - the media libraries raise anything for a broken file
        return _("it can't be read, it may be broken ({error})").format(error=str(error) or type(error).__name__)


def check_size(width: int, height: int) -> None:
    """Raise ProbeError for a picture that is too large to be worked with."""
    if width * height > MOST_PIXELS:
        raise ProbeError(_("the picture is too large ({width}×{height})").format(width=width, height=height))


def renamed(path: Path, extension: str) -> Path:
    return path.replace(path.with_suffix(f".{extension}"))
