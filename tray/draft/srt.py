"""Subtitles as SRT, as files really hold them; WebVTT is understood too.

SubRip has no specification: a cue is a number, a line `00:00:01,000 --> 00:00:02,500` and lines of text up to a blank
one. Every part of that but the times is missing or different in some real file, so cues are found by their times alone.
WebVTT's differences (header, notes, cue settings, `.` for `,`) are from W3C's WebVTT.
"""

from __future__ import annotations

import html
import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tray.draft import spec
from tray.draft.caption_text import pieces_of
from tray.draft.problems import DraftError
from tray.locale import _, ngettext

MOST_CUES = 50_000
"""A film has two thousand."""
LONGEST_TEXT = 20_000
"""What a text segment may hold."""
EXTENDED_US = 2_000_000
"""How long a cue without a length is shown, if the next does not come sooner."""
READABLE_US = 500_000
"""A cue that another would leave less than this shares one caption with it."""

_CLOCK = r"(-?)(?:(\d{1,4}) ?[:：] ?)?(\d{1,4}) ?[:：] ?(\d{1,2})(?: ?[,.，;:：] ?(\d{1,9}))?"
_TIMES = re.compile(rf"\s*{_CLOCK}\s*(?:[-–—]{{1,3}} ?>|→)\s*{_CLOCK}(?!\d)")
_ARROW = re.compile(r"[-–—] ?>\s|→")
_TAGS = re.compile(
    r"</?[ibus]\s*>"
    r"|</?(?:font|span|c|v|lang|ruby|rt|em|strong|p|div)(?:[\s.][^<>]{0,500})?>"
    r"|<\d[\d:.]{0,20}>"  # WebVTT: when the next word is said
    r"|\{\\[^{}]{0,500}\}",  # of ASS, as {\an8}
    re.IGNORECASE,
)
_BREAK = re.compile(r"<br\s*/?>|\\N", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[a-z]{2,6}|#\d{1,6});")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe]")


@dataclass(frozen=True)
class Cue:
    """One caption. It ends after it starts."""

    start_us: int
    end_us: int
    text: str


def parse(text: str, warnings: list[str] | None = None) -> list[Cue]:
    """The cues of SRT or WebVTT, in time order; they may overlap. What was mended or left out goes to `warnings`, by
    the cues' numbers as they stand in the file, counted from 1.

    Raises DraftError for more than MOST_CUES.
    """
    notes = _Notes()
    cues = _in_time_order(_said(text, notes), notes)
    if warnings is not None:
        warnings += notes.in_words()
    return cues


def split(cue: Cue, max_chars: int) -> list[Cue]:
    """`cue` as cues of at most `max_chars`, cut at punctuation where there is any. Its time is shared out by length,
    and all its text but white space at the cuts is there."""
    pieces = pieces_of(cue.text, max_chars)
    lasting_us = cue.end_us - cue.start_us
    if len(pieces) < 2 or lasting_us < len(pieces):
        return [cue]
    total = sum(map(len, pieces))
    cues: list[Cue] = []
    start_us, so_far, left = cue.start_us, 0, len(pieces)
    for piece in pieces:
        so_far += len(piece)
        left -= 1
        end_us = min(max(cue.start_us + round(lasting_us * so_far / total), start_us + 1), cue.end_us - left)
        cues.append(Cue(start_us, end_us, piece))
        start_us = end_us
    return cues


def format(cues: Sequence[Cue]) -> str:
    """SRT, numbered from 1. Blank lines inside a cue would end it, so they are left out."""
    said = []
    for number, cue in enumerate(cues, 1):
        start_ms = round(cue.start_us / 1000)
        end_ms = max(round(cue.end_us / 1000), start_ms + 1)
        said.append(f"{number}\n{_clock(start_ms)} --> {_clock(end_ms)}\n{_without_blank_lines(cue.text)}\n\n")
    return "".join(said)


def of_texts(draft: spec.DraftSpec) -> str:
    """SRT of all text tracks of a resolved spec in time order; "" without any. Texts that are shown at once are cues
    that overlap, the lower track's first."""
    cues = [
        Cue(segment.target.start_us, segment.target.end_us, segment.text)
        for track in draft.tracks
        for segment in track.segments
        if isinstance(segment, spec.TextSegment) and segment.text.strip()
    ]
    return format(sorted(cues, key=lambda cue: cue.start_us))


def to_track(captions: spec.Captions, text: str) -> tuple[spec.Track, list[str]]:
    """The text track of `captions` whose SRT is `text`, its segments in time order and none over another; and what
    was mended or left out, in words. Raises DraftError where there is no cue in it, or too many."""
    notes = _Notes()
    cues = _in_time_order(_said(text, notes), notes)
    if not cues:
        raise DraftError(
            _("There are no captions in this SRT: {start}").format(start=_quoted(text)),
            _("Give SRT text, with lines like 00:00:01,000 --> 00:00:02,500."),
        )
    most = min(captions.max_chars or LONGEST_TEXT, LONGEST_TEXT)
    cues = [piece for cue in _side_by_side(cues, notes) for piece in split(cue, most)]
    if len(cues) > MOST_CUES:
        raise _too_many(len(cues))
    segments: list[spec.Segment] = []
    for index, cue in enumerate(cues):
        start_us = cue.start_us + captions.offset_us
        if start_us + (cue.end_us - cue.start_us) > spec.LONGEST_US:
            notes.beyond.append(index + 1)
            continue
        if len(cue.text) > LONGEST_TEXT:
            notes.too_long.append(index + 1)
        place = captions.place.model_copy(
            update={"segment": index + 1, "path": f"{captions.place.path}.cues[{index}]".lstrip(".")}
        )
        segments.append(
            spec.TextSegment(
                place=place,
                start_us=start_us,
                duration_us=cue.end_us - cue.start_us,
                text=cue.text[:LONGEST_TEXT],
                clip=captions.clip,
                style=captions.style,
            )
        )
    return spec.Track(kind="text", segments=tuple(segments)), notes.in_words()


@dataclass
class _Notes:
    """The numbers of the cues to which something was done, each kind told in one sentence."""

    unreadable: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    negative: list[int] = field(default_factory=list)
    extended: list[int] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    joined: list[int] = field(default_factory=list)
    beyond: list[int] = field(default_factory=list)
    too_long: list[int] = field(default_factory=list)
    junk: list[str] = field(default_factory=list)

    def in_words(self) -> list[str]:
        told = [
            (self.unreadable, _("{cues}: left out, the times can't be read")),
            (self.empty, _("{cues}: left out, there is no text")),
            (self.negative, _("{cues}: the time before the start is cut off")),
            (self.extended, _("{cues}: shown for up to 2 s, the end is not after the start")),
            (self.moved, _("{cues}: not in the order of their times; they are sorted")),
            (self.cut, _("{cues}: shortened, the next caption begins earlier")),
            (self.joined, _("{cues}: shown together with the caption before, both are said at the same time")),
            (self.beyond, _("{cues}: left out, a timeline can be a day long")),
            (self.too_long, _("{cues}: cut, longer than a caption can be and shown too briefly to be split")),
        ]
        words = [text.format(cues=_numbers(numbers)) for numbers, text in told if numbers]
        words += [_("captions: “{text}” belongs to no cue and is left out").format(text=_quoted(j)) for j in self.junk]
        return words


def _numbers(numbers: Sequence[int]) -> str:
    shown = _(", ").join(str(number) for number in numbers[:10])
    text = ngettext("cue {numbers}", "cues {numbers}", len(numbers)).format(numbers=shown)
    if len(numbers) > 10:
        text = _("{cues} and {n} more").format(cues=text, n=len(numbers) - 10)
    return text


@dataclass(frozen=True)
class _Said:
    """A cue as it stands in the file: it may end before it starts."""

    number: int
    start_us: int
    end_us: int
    text: str


def _said(text: str, notes: _Notes) -> list[_Said]:
    lines = [line for line in re.split(r"\r\n|\r|\n", _CONTROL.sub("", text)) if not line.startswith("```")]
    is_vtt = bool(lines) and lines[0].startswith("WEBVTT")
    timed = [(index, times) for index, line in enumerate(lines) if (times := _times(line)) is not None]
    if len(timed) > MOST_CUES:
        raise _too_many(len(timed))
    if not timed:
        return []
    first = timed[0][0]
    is_numbered = first > 0 and lines[first - 1].strip().isdecimal()
    if not is_vtt:
        _note_junk(lines[: first - 1 if is_numbered else first], notes)
    said: list[_Said] = []
    ends = [index for index, _times_of_it in timed[1:]] + [len(lines)]
    for number, ((index, times), end) in enumerate(zip(timed, ends, strict=True), 1):
        block = lines[index + 1 : end]
        if is_vtt:
            block = _up_to_blank(block)
        elif end == len(lines):
            block = _without_trailing_junk(block, notes)
        elif is_numbered:
            block = _without_next_number(block, number + 1)
        if not times:
            notes.unreadable.append(number)
            continue
        start_us, end_us = times
        if start_us < 0:
            notes.negative.append(number)
        plain = _plain("\n".join(block))
        if not plain:
            notes.empty.append(number)
            continue
        said.append(_Said(number, max(0, start_us), max(0, end_us), plain))
    return said


def _times(line: str) -> tuple[int, int] | tuple[()] | None:
    """Start and end in µs; () for a line of times that can't be read, None for any other line."""
    found = _TIMES.match(line)
    if found:
        groups = found.groups()
        return _us(groups[:5]), _us(groups[5:])
    looks_like = _ARROW.search(f"{line} ") and re.match(r"\s*-?\d", line) and ":" in line
    return () if looks_like else None


def _us(groups: Sequence[str | None]) -> int:
    sign, hours, minutes, seconds, fraction = groups
    total_s = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    us = total_s * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])
    return -us if sign else us


def _up_to_blank(block: list[str]) -> list[str]:
    """In WebVTT a blank line ends the cue; identifiers, notes and styles that follow are nothing to show."""
    return block[: next((index for index, line in enumerate(block) if not line.strip()), len(block))]


def _without_next_number(block: list[str], number: int) -> list[str]:
    """Without the number of the next cue, which is the last line."""
    end = _end_of_text(block)
    if not end or not block[end - 1].strip().isdecimal():
        return block
    is_number = end == 1 or not block[end - 2].strip() or block[end - 1].strip().lstrip("0") == str(number)
    return block[: end - 1] if is_number else block


def _without_trailing_junk(block: list[str], notes: _Notes) -> list[str]:
    """After the last cue and a blank line, files hold advertising, half a cue, or what a model says in farewell."""
    start = next((index for index, line in enumerate(block) if line.strip()), len(block))
    blank = next((index for index in range(start, len(block)) if not block[index].strip()), len(block))
    _note_junk(block[blank:], notes)
    return block[:blank]


def _end_of_text(block: list[str]) -> int:
    return next((index for index in range(len(block), 0, -1) if block[index - 1].strip()), 0)


def _note_junk(lines: list[str], notes: _Notes) -> None:
    junk = " ".join(line.strip() for line in lines if line.strip())
    if junk and not junk.isdecimal() and junk.strip("`"):
        notes.junk.append(junk)


def _plain(text: str) -> str:
    """Without mark-up; blank lines inside are left out."""
    text = _TAGS.sub("", _BREAK.sub("\n", text))
    text = _ENTITY.sub(lambda found: html.unescape(found[0]), text).replace("\xa0", " ")
    return _without_blank_lines(text)


def _without_blank_lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())


def _in_time_order(said: list[_Said], notes: _Notes) -> list[Cue]:
    """Sorted, and each with a length."""
    notes.moved += [b.number for a, b in itertools.pairwise(said) if b.start_us < a.start_us]
    said = sorted(said, key=lambda one: one.start_us)
    starts = [one.start_us for one in said]
    cues: list[Cue] = []
    for one in said:
        end_us = one.end_us
        if end_us <= one.start_us:
            notes.extended.append(one.number)
            later = bisect_right(starts, one.start_us)
            end_us = one.start_us + EXTENDED_US
            if later < len(starts):
                end_us = min(end_us, starts[later])
        cues.append(Cue(one.start_us, end_us, one.text))
    return cues


def _side_by_side(cues: list[Cue], notes: _Notes) -> list[Cue]:
    """None over another: a cue is cut where the next begins, or shares its caption where that would be too short."""
    beside: list[tuple[Cue, list[str]]] = []
    for number, cue in enumerate(cues, 1):
        before, texts = beside[-1] if beside else (None, [])
        if before is None or before.end_us <= cue.start_us:
            beside.append((cue, [cue.text]))
        elif cue.start_us - before.start_us >= READABLE_US:
            notes.cut.append(number - 1)
            beside[-1] = replace(before, end_us=cue.start_us), texts
            beside.append((cue, [cue.text]))
        else:
            notes.joined.append(number)
            texts.append(cue.text)
            beside[-1] = replace(before, end_us=max(before.end_us, cue.end_us)), texts
    return [replace(cue, text="\n".join(texts)) for cue, texts in beside]


def _clock(milliseconds: int) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d},{milliseconds:03d}"


def _too_many(n: int) -> DraftError:
    return DraftError(
        _("These are {n} captions; at most {most} can be placed.").format(n=n, most=MOST_CUES),
        _("Divide them over several drafts."),
    )


def _quoted(text: str) -> str:
    line = " ".join(text[:200].split())
    return line if len(line) <= 60 else f"{line[:60]}…"
