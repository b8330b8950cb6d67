"""A draft's timeline in words, and as a picture for the terminal: a bar to scale for each track.

Widths are counted in the terminal's columns: Chinese characters take two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tray.draft.spec import (
    Animation,
    AudioSegment,
    DraftSpec,
    EffectSegment,
    Filter,
    FilterSegment,
    Segment,
    StickerSegment,
    TextSegment,
    Track,
    TrackKind,
    Transition,
    VisualSegment,
)
from tray.locale import _, ngettext
from tray.text import for_terminal

ROWS = 10
"""So many segments of a track are listed, if not all are asked for."""

_COLOURS: dict[TrackKind, str] = {
    "video": "cyan", "audio": "green", "text": "yellow", "sticker": "magenta", "effect": "red", "filter": "blue",
}  # fmt: skip
_NARROWEST = 20


@dataclass(frozen=True)
class Marks:
    """What bars are drawn with: segments in turn, so that a cut is seen; and nothing."""

    segments: tuple[str, str]
    nothing: str


BLOCKS = Marks(("█", "▓"), "·")
PLAIN = Marks(("#", "="), ".")
"""For terminals that have no blocks, or draw them two columns wide."""


@dataclass(frozen=True)
class Row:
    """A segment in words, each on one line: what it is, and what is done to it."""

    start_us: int
    duration_us: int
    what: str
    details: str


def row(segment: Segment) -> Row:
    details = _in_one_line(_(", ").join(_details(segment)))
    return Row(segment.target.start_us, segment.target.duration_us, _in_one_line(_what(segment)), details)


def picture(spec: DraftSpec, width: int, marks: Marks) -> Iterator[Text]:
    """The lines of the picture, at most `width` columns wide: the topmost track first, as JianYing shows them."""
    end_us = spec.length_us
    labels = [label_of(number, track) for number, track in enumerate(spec.tracks, 1)]
    room = max(map(cell_len, labels), default=0)
    bar = max(width - room - 2, _NARROWEST)
    if labels:
        yield Text(" " * (room + 2) + _ruler(end_us, bar), style="dim", no_wrap=True)
    for track, label in reversed(list(zip(spec.tracks, labels, strict=True))):
        line = Text(set_cell_size(label, room) + "  ", no_wrap=True)
        for mark in _bar(track, end_us, bar, marks):
            line.append(mark, "dim" if mark == marks.nothing else _COLOURS[track.kind])
        yield line


def table(spec: DraftSpec, width: int, *, whole: bool) -> Iterator[Text]:
    """The segments of each track, topmost track first: start, length, what, and what is done to it. Without `whole`
    the first ROWS of each."""
    for number, track in reversed(list(enumerate(spec.tracks, 1))):
        yield Text(label_of(number, track), style=f"bold {_COLOURS[track.kind]}", no_wrap=True)
        listed = track.segments if whole else track.segments[:ROWS]
        rows = [row(segment) for segment in listed]
        starts = [clock(one.start_us) for one in rows]
        lengths = [clock(one.duration_us) for one in rows]
        whats = [one.what for one in rows]
        details = [one.details for one in rows]
        start_room, length_room = max(map(len, starts)), max(map(len, lengths))
        share = width // 2 if any(details) else width - len("      ")
        what_room = min(max(map(cell_len, whats)), max(share - start_room - length_room, _NARROWEST))
        for start, length, what, detail in zip(starts, lengths, whats, details, strict=True):
            line = Text(f"  {start:>{start_room}}  ", no_wrap=True)
            line.append(f"{length:>{length_room}}  ", "dim")
            line.append(_cut(what, what_room))
            line.append(f"  {detail}", "dim")
            line.rstrip()
            yield line
        left = len(track.segments) - len(listed)
        if left:
            more = ngettext("  … and {n} more (--all shows it)", "  … and {n} more (--all shows them)", left)
            yield Text(more.format(n=left), style="dim")


def clock(time_us: int) -> str:
    """A time to the millisecond, as 1:05.250 or 1:00:05.250."""
    seconds, ms = divmod(round(time_us / 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}.{ms:03d}" if hours else f"{minutes}:{seconds:02d}.{ms:03d}"


def name_of_kind(kind: str) -> str:
    """A kind of segment or track in words."""
    return {
        "video": _("video"), "image": _("picture"), "audio": _("sound"), "text": _("text"), "sticker": _("sticker"),
        "effect": _("effect"), "filter": _("filter"),
    }[kind]  # fmt: skip


def file_name(media: str) -> str:
    """A medium's own name, short: files of a draft are named by their content."""
    name = media.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return f"{stem[:8]}…{dot}{ending}" if len(stem) > 12 else name


def label_of(number: int, track: Track) -> str:
    """A track, counted from 1 from the bottom up, in words."""
    n = len(track.segments)
    label = f"{number} {name_of_kind(track.kind)} × {n}"
    return _("{track}, muted").format(track=label) if track.muted else label


def _bar(track: Track, end_us: int, width: int, marks: Marks) -> list[str]:
    """One mark a column: of the segment that fills most of it. None is so short that it isn't there, if another
    doesn't share its column."""
    most_us = [0] * width
    bar = [marks.nothing] * width
    for number, segment in enumerate(track.segments):
        start, end = segment.target.start_us * width, segment.target.end_us * width  # in shares of a column
        first, last = start // end_us, min((end - 1) // end_us, width - 1)
        for column in {first, last}:
            fills = min(end, (column + 1) * end_us) - max(start, column * end_us)
            if fills > most_us[column]:
                most_us[column], bar[column] = fills, marks.segments[number % 2]
        for column in range(first + 1, last):
            bar[column] = marks.segments[number % 2]
    return bar


def _ruler(end_us: int, width: int) -> str:
    """Times above the bars, at round seconds and not too near each other."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
    step = next((s for s in steps if s * 1e6 * width >= 12 * end_us), steps[-1]) * 1_000_000
    line = [" "] * width
    for at_us in range(0, end_us + 1, step):
        column = at_us * width // max(end_us, 1)
        mark = clock(at_us).partition(".")[0]
        if column + len(mark) <= width:
            line[column : column + len(mark)] = mark
    return "".join(line).rstrip()


def _what(segment: Segment) -> str:
    if isinstance(segment, TextSegment):
        return segment.text
    if isinstance(segment, StickerSegment):
        return _("sticker {id}").format(id=segment.sticker)
    if isinstance(segment, EffectSegment):
        return segment.effect.name
    if isinstance(segment, FilterSegment):
        return _named(segment.filter)
    return f"{name_of_kind(segment.kind)} {file_name(segment.media)}"


def _details(segment: Segment) -> Iterator[str]:
    """What is done to it, in words."""
    if isinstance(segment, (VisualSegment, AudioSegment)):
        yield from _played(segment)
    if isinstance(segment, VisualSegment):
        yield from (_("filter {name}").format(name=_named(one)) for one in segment.filters)
        if segment.mask:
            yield _("mask {name}").format(name=segment.mask.name)
        if segment.mix_mode:
            yield _("mix mode {name}").format(name=segment.mix_mode)
        if segment.chroma:
            yield _("chroma key {colour}").format(colour=segment.chroma.colour)
        if segment.crop:
            yield _("cropped")
    if isinstance(segment, (VisualSegment, AudioSegment)):
        yield from (_("effect {name}").format(name=one.name) for one in segment.effects)
    animations: tuple[tuple[str, str], ...] = (
        ("intro", _("intro {name}")), ("outro", _("outro {name}")), ("group", _("animation {name}")),
        ("loop", _("loop {name}")), ("transition", _("then transition {name}")),
    )  # fmt: skip
    for field, said in animations:
        one: Animation | Transition | None = getattr(segment, field, None)
        if one is not None:
            length = f" {clock(one.duration_us)}" if one.duration_us else ""
            yield said.format(name=one.name + length)
    n = sum(map(len, getattr(segment, "keyframes", {}).values()))
    if n:
        yield ngettext("{n} keyframe", "{n} keyframes", n).format(n=n)


def _played(segment: VisualSegment | AudioSegment) -> Iterator[str]:
    if segment.source_start_us:
        yield _("from {time}").format(time=clock(segment.source_start_us))
    if segment.speed not in (None, 1.0):
        yield _("speed {n:g}×").format(n=segment.speed)
    if segment.reverse:
        yield _("backwards")
    if segment.volume != 1.0:
        yield _("volume {percent:.0f}%").format(percent=segment.volume * 100)
    if segment.fade_in_us:
        yield _("fades in {time}").format(time=clock(segment.fade_in_us))
    if segment.fade_out_us:
        yield _("fades out {time}").format(time=clock(segment.fade_out_us))


def _named(one: Filter) -> str:
    return one.name if one.intensity == 1.0 else f"{one.name} {one.intensity * 100:.0f}%"


def _in_one_line(text: str) -> str:
    """Fit to be shown: no control characters, on one line."""
    return " ".join(for_terminal(text).split())


def _cut(text: str, columns: int) -> str:
    """As many columns wide, whatever its length."""
    return set_cell_size(text, columns) if cell_len(text) <= columns else set_cell_size(text, columns - 1) + "…"
