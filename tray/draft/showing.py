"""A draft, or one that is only tried, as a page shows it: facts, the timeline picture, and the same as a table.

What is heavy about it is done here, and the result is small and plain: for a large draft it runs in the worker process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tray.draft import library, timeline, timeline_svg, trial
from tray.draft.folders import Profile
from tray.draft.problems import Problem
from tray.draft.source import TimeUnit
from tray.draft.spec import DraftSpec
from tray.draft.timeline import Row
from tray.locale import _

MOST_ROWS = 2_000
"""So many segments are listed in the table; more are a file to be read elsewhere."""


@dataclass(frozen=True)
class TrackRows:
    """A track in words; `rows` the first of its segments, `left` how many more there are. `warned`: by the number of a
    segment, from 1, what is to be said of it."""

    label: str
    kind: str
    rows: list[Row]
    left: int
    warned: dict[int, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """`figure`: HTML of the picture. `warnings`: all that is to be said, those of segments that the picture marks as
    well. `media_bytes` of the files that are there; `missing` segments' files are not."""

    width: int
    height: int
    fps: int
    duration_us: int
    segments: dict[str, int]
    media_bytes: int
    missing: int
    figure: str
    tracks: list[TrackRows]
    warnings: list[str]


@dataclass(frozen=True)
class Said:
    """What a draft's receipt says of it, to be told again: its warnings and where they are, and how many segments of
    each kind it had when it was built."""

    warnings: Sequence[str]
    warned: Sequence[Sequence[int]]
    segments: dict[str, int]


def of_folder(folder: Path, said: Said | None, pictures: str, zoom: float) -> Shown:
    """The draft in `folder`. `pictures`: the beginning of the addresses of small pictures of its media. Raises
    DraftError for one that can't be read."""
    from tray.draft import read

    got = read.read(folder)
    counted = library.counts(got.spec)
    missing = library.missing_media(got.spec, folder)
    gone = _("its file {file} is not there")
    places = [((one.track, one.segment), gone.format(file=timeline.file_name(one.media))) for one in missing]
    if said and said.segments == counted:  # nobody has edited it since
        places += placed(said.warnings, said.warned)
    warnings = [*(said.warnings if said else ()), *got.warnings]
    return shown(got.spec, places, warnings, _addresses(folder, pictures), zoom, len(missing), folder)


@dataclass(frozen=True)
class Tried:
    """One draft that a text would make."""

    number: int
    name: str
    shown: Shown
    links: int
    time_unit: str
    time_unit_reason: str
    problems: list[Problem]
    notes: list[str]


def of_text(text: str, time_unit: TimeUnit, profile: Profile, strict: bool) -> tuple[list[Tried], int]:
    """Every draft that `text` would make, and how many say nothing. Raises DraftError where it holds none."""
    found = trial.try_text(text, time_unit, profile, strict=strict)
    return [_tried(one) for one in found.drafts], found.empty


def _tried(one: trial.TrialDraft) -> Tried:
    marks = placed(one.warnings, one.warned)
    picture = shown(one.spec, marks, one.warnings, lambda _media: None, 1.0, 0, None)
    return Tried(
        number=one.number,
        name=one.name,
        shown=picture,
        links=one.links,
        time_unit=one.time_unit,
        time_unit_reason=one.time_unit_reason,
        problems=one.problems,
        notes=one.notes,
    )


def placed(warnings: Sequence[str], warned: Sequence[Sequence[int]]) -> list[tuple[tuple[int, int], str]]:
    """Those warnings of which it is known where in the draft they are."""
    return [
        ((place[0], place[1]), text) for text, place in zip(warnings, warned, strict=False) if len(place) == 2
    ]  # fmt: skip


def shown(
    spec: DraftSpec, places: Iterable[tuple[tuple[int, int], str]], warnings: list[str],
    picture: Callable[[str], str | None], zoom: float, missing: int, folder: Path | None,
) -> Shown:  # fmt: skip
    marks = timeline_svg.marked(places)
    if left_out := timeline_svg.not_drawn(spec):
        warnings = [*warnings, left_out]
    return Shown(
        spec.width, spec.height, spec.fps, spec.length_us, library.counts(spec),
        library.media_bytes(spec, folder) if folder else 0, missing,
        timeline_svg.figure(spec, marks, picture=picture, zoom=zoom), _tracks(spec, marks), warnings,
    )  # fmt: skip


def _tracks(spec: DraftSpec, marks: timeline_svg.Warnings) -> list[TrackRows]:
    tracks, room = [], MOST_ROWS
    for number, track in timeline_svg.ordered(spec):
        listed = [timeline.row(segment) for segment in track.segments[:room]]
        room -= len(listed)
        warned = {segment: list(texts) for (of, segment), texts in marks.items() if of == number}
        label = timeline.label_of(number, track)
        tracks.append(TrackRows(label, track.kind, listed, len(track.segments) - len(listed), warned))
    return tracks


def _addresses(folder: Path, pictures: str) -> Callable[[str], str | None]:
    from urllib.parse import quote

    def address(media: str) -> str | None:
        return f"{pictures}{quote(media, safe='')}" if pictures and library.inside(folder, media) else None

    return address
