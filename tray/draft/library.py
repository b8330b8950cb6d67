"""The drafts of the drafts folder as a gallery shows them, what each holds, and which of its media is gone.

A page names a draft by its `key`, which is compared with those that are there and never becomes part of a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from tray.draft.folders import MAIN, META, is_unc
from tray.draft.problems import DraftError
from tray.draft.spec import AudioSegment, DraftSpec, VisualSegment
from tray.locale import _

COVER = "draft_cover.jpg"
"""The name that JianYing, CapCut and this program give it."""
_MAINS = (MAIN, "draft_content.json", "draft_info.json")
_HEAD = 65_536
"""Bytes of a main file that are read for its canvas, which stands near its beginning."""
_CANVAS = re.compile(rb'"canvas_config"\s*:\s*(\{[^{}]*\})')
_LAST_US = 32_503_680_000_000_000
_REPARSE_POINT = 0x400
"""stat.FILE_ATTRIBUTE_REPARSE_POINT, which is on Windows alone: links and junctions are."""


@dataclass(frozen=True)
class Draft:
    """A draft of the drafts folder, as its meta file says. Times in µs since 1970; what newer JianYing encrypts shows
    by its name and date only. `media_bytes` 0 where nobody has said it."""

    key: str
    name: str
    path: Path
    draft_id: str
    duration_us: int
    modified_us: int
    media_bytes: int


class Library:
    """The drafts in the folder `root`. Its methods may be called from any thread.

    What was read of a draft is kept until its meta file changes: a thousand drafts are read once.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._read: dict[str, tuple[tuple[int, int], Draft]] = {}
        self._canvases: dict[Path, tuple[tuple[int, int], tuple[int, int] | None]] = {}

    def drafts(self, search: str = "") -> list[Draft]:
        """Those in whose name `search` is, newest first. Raises DraftError where the folder can't be read."""
        try:
            with os.scandir(self.root) as entries:
                names = [entry.name for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            raise DraftError(
                _("The drafts folder {root} can't be read: {error}").format(
                    root=self.root, error=error.strerror or error
                ),
                _("Check the path, or set another drafts folder."),
            ) from None
        with self._lock:
            found = [draft for name in names if (draft := self._draft(name)) is not None]
            self._read = {draft.name: self._read[draft.name] for draft in found}
        wanted = plain(search)
        shown = [draft for draft in found if wanted in plain(draft.name)]
        return sorted(shown, key=lambda draft: (draft.modified_us, draft.name), reverse=True)

    def find(self, key: str) -> Draft:
        """The draft with this key or this very name, which are compared alone. Raises DraftError for none."""
        with self._lock:
            known = next((name for name in self._read if key in (name, key_of(self.root / name))), None)
            draft = self._draft(known) if known is not None else None
        if draft is not None:
            return draft
        for draft in self.drafts():
            if key in (draft.key, draft.name):
                return draft
        raise DraftError(
            _("This draft is not in the drafts folder any more."),
            _("It was deleted, renamed or moved. Look at the list again."),
        )

    def canvas(self, draft: Draft) -> tuple[int, int] | None:
        """Width and height in pixels, from the beginning of its main file; None where that doesn't say."""
        for name in _MAINS:
            file = draft.path / name
            stamp = _stamp(file)
            if stamp is None:
                continue
            known = self._canvases.get(file)
            if known is None or known[0] != stamp:
                known = self._canvases[file] = (stamp, _canvas(file))
            return known[1]
        return None

    def _draft(self, name: str) -> Draft | None:
        path = self.root / name
        stamp = _stamp(path / META)
        if stamp is None:
            return None
        known = self._read.get(name)
        if known is None or known[0] != stamp:
            known = self._read[name] = (stamp, _read(path, stamp[0]))
        return known[1]


@cache
def key_of(path: Path) -> str:
    """What a page calls the draft in that folder: short, and nothing in it means anything in a URL. Of the whole path:
    drafts folders may each have a draft of the same name."""
    return hashlib.sha256(os.path.normcase(path).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def plain(name: str) -> str:
    """A name as it is compared: macOS writes é as two characters, and nobody minds the case."""
    return unicodedata.normalize("NFC", name).casefold()


def cover(draft: Draft) -> Path | None:
    """Its cover; None for none, or where it lies elsewhere."""
    return inside(draft.path, COVER)


def inside(folder: Path, name: str) -> Path | None:
    """The file `name` of the draft in `folder`, where it is one and lies in it, whatever links there are on the way."""
    if is_unc(name):
        return None
    try:
        file = (folder / name).resolve(strict=True)
        is_inside = file.is_relative_to(folder.resolve(strict=True))
        return file if is_inside and file.is_file() else None
    except (OSError, ValueError, RuntimeError):  # RuntimeError: links that go round, before Python 3.13
        return None


def is_link(path: Path) -> bool:
    """Whether this is a symbolic link or a junction: what it leads to belongs elsewhere."""
    state = path.lstat()
    attributes: int = getattr(state, "st_file_attributes", 0)
    return stat.S_ISLNK(state.st_mode) or bool(attributes & _REPARSE_POINT and sys.platform == "win32")


@dataclass(frozen=True)
class Missing:
    """A segment whose file is not there; track and segment from 1."""

    track: int
    segment: int
    media: str


def missing_media(spec: DraftSpec, folder: Path) -> list[Missing]:
    """The segments of the draft in `folder` whose files are not there, in their order."""
    there: dict[str, bool] = {}
    found = []
    for track, segment, media in _played(spec):
        if media not in there:
            there[media] = _size(folder, media) is not None
        if not there[media]:
            found.append(Missing(track, segment, media))
    return found


def media_bytes(spec: DraftSpec, folder: Path) -> int:
    """The bytes of the files that the draft plays, of those that are there."""
    return sum(_size(folder, media) or 0 for media in {media for _track, _segment, media in _played(spec)})


def counts(spec: DraftSpec) -> dict[str, int]:
    """How many segments of each kind; those that there are."""
    counted: dict[str, int] = {}
    for track in spec.tracks:
        for segment in track.segments:
            counted[segment.kind] = counted.get(segment.kind, 0) + 1
    return counted


def with_whole_paths(spec: DraftSpec, folder: Path) -> DraftSpec:
    """The spec as it holds elsewhere: its media by absolute paths."""
    from tray.draft import read

    tracks = []
    for track in spec.tracks:
        segments = [
            segment.model_copy(update={"media": str(read.file_of(folder, segment.media))})
            if isinstance(segment, (VisualSegment, AudioSegment)) and "://" not in segment.media
            else segment
            for segment in track.segments
        ]
        tracks.append(track.model_copy(update={"segments": tuple(segments)}))
    return spec.model_copy(update={"tracks": tuple(tracks)})


def _played(spec: DraftSpec) -> Iterator[tuple[int, int, str]]:
    for number, track in enumerate(spec.tracks, 1):
        segments: Sequence[Any] = track.segments
        for place, segment in enumerate(segments, 1):
            if isinstance(segment, (VisualSegment, AudioSegment)):
                yield number, place, segment.media


def _size(folder: Path, media: str) -> int | None:
    """Bytes; None where it is not there, or on another computer: whose draft this is, nobody knows."""
    if is_unc(media):
        return None
    try:
        return (folder / media).stat().st_size
    except (OSError, ValueError):  # ValueError: a name that can be no file's
        return None


def _stamp(file: Path) -> tuple[int, int] | None:
    """When it was written and how long it is; None for no file."""
    try:
        state = os.stat(file)  # noqa: PTH116 - Path.stat takes twice as long, and there are thousands
    except (OSError, ValueError):
        return None
    return (state.st_mtime_ns, state.st_size) if stat.S_ISREG(state.st_mode) else None


def _read(path: Path, written_ns: int) -> Draft:
    try:
        meta = orjson.loads((path / META).read_bytes())
        duration_us, modified_us = int(meta["tm_duration"]), int(meta["tm_draft_modified"])
        if 0 <= duration_us <= _LAST_US and 0 <= modified_us <= _LAST_US:
            size = meta.get("draft_timeline_materials_size_")
            size = size if isinstance(size, int) and 0 <= size < 1 << 60 else 0
            return Draft(key_of(path), path.name, path, str(meta["draft_id"]), duration_us, modified_us, size)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        pass
    return Draft(key_of(path), path.name, path, "", 0, written_ns // 1000, 0)


def _canvas(file: Path) -> tuple[int, int] | None:
    try:
        with file.open("rb") as opened:
            found = _CANVAS.search(opened.read(_HEAD))
        said = orjson.loads(found[1]) if found else {}
        width, height = said.get("width"), said.get("height")
    except (OSError, ValueError):
        return None
    return (width, height) if isinstance(width, int) and isinstance(height, int) and width * height > 0 else None
