"""A draft's timeline as a picture for a page: tracks and segments to scale, drawn as SVG.

Everything looks as the page's stylesheet says (classes `tl-…`), so it is dark or light with the page, and there is no
style and no script in it: a strict Content-Security-Policy allows neither. What a draft says of itself is untrusted and
comes in as escaped text alone. Lengths are in CSS pixels.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rich.cells import cell_len, chop_cells

from tray.draft.spec import (
    AudioSegment,
    DraftSpec,
    Segment,
    TextSegment,
    Track,
    TrackKind,
    VisualSegment,
)
from tray.draft.timeline import Row, clock, file_name, label_of, name_of_kind, row
from tray.locale import _, ngettext
from tray.text import for_terminal

Warnings = Mapping[tuple[int, int], Sequence[str]]
"""What is to be said of segments, by the numbers of track and segment, from 1."""

NARROWEST, WIDEST = 1_200, 60_000
ZOOMS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""How much wider than usual a picture may be asked for."""
MOST_TRACKS, MOST_DRAWN, MOST_PICTURES = 100, 3_000, 900
"""So much is drawn as one can look at; the rest of a track's segments are drawn as one shape, without words."""

_RULER, _GAP, _HEADS = 26, 6, 104
_HEIGHTS: Mapping[TrackKind, int] = {"video": 48, "text": 32, "audio": 32, "sticker": 26, "effect": 26, "filter": 26}
_USUAL = 112
"""The width of a segment of usual length: nine Chinese characters."""
_COLUMN = 6.7
"""The width of half a Chinese character; a Latin letter takes about as much."""
_TOO_NARROW = 3.0
"""Narrower segments are drawn as one shape."""
_THUMB, _MOST_TIMES = 64.0, 12
"""The width of a picture on a segment, and how often it stands there at most."""
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_TICK = 84
_TITLES = 150_000
"""Characters in all titles together, so that a draft of long texts is no long page."""
_MOST_KEYFRAMES = 60


@dataclass(frozen=True)
class _Lane:
    """A track's place in the picture. `number` from 1 from the bottom up."""

    number: int
    track: Track
    y: int

    @property
    def height(self) -> int:
        return _HEIGHTS[self.track.kind]


def figure(
    spec: DraftSpec, warnings: Warnings | None = None, *, picture: Callable[[str], str | None] = lambda _media: None,
    zoom: float = 1.0,
) -> str:  # fmt: skip
    """HTML of the whole picture: the tracks' names, which stay, and beside them the drawing, which scrolls.

    `spec` is resolved. `picture`: by a segment's media the URL of a small picture of it, None for none. Call it with
    the tracks of `ordered` as a table beside it: that is the picture in words.
    """
    lanes = _lanes(spec.tracks)
    name = _("Timeline of {name}").format(name=_clean(spec.name) or _("the draft"))
    return (
        f'<div class="tl"><div class="tl-fixed" aria-hidden="true">{_heads(lanes)}</div>'
        f'<div class="tl-scroll" tabindex="0" role="region" aria-label="{escape(name)}">'
        f"{svg(spec, warnings, picture=picture, zoom=zoom)}</div></div>"
    )


def svg(
    spec: DraftSpec, warnings: Warnings | None = None, *, picture: Callable[[str], str | None] = lambda _media: None,
    zoom: float = 1.0,
) -> str:  # fmt: skip
    """The drawing alone; as in `figure`."""
    lanes = _lanes(spec.tracks)
    width, height = _width(spec, zoom), _height(lanes)
    drawing = _Drawing(width / max(spec.length_us, 1), warnings or {}, picture, _words(spec))
    title = _("Timeline of {name}").format(name=spec.name or _("the draft"))
    parts = itertools.chain(_ruler(spec.length_us, width, height), *map(drawing.lane, lanes))
    return (
        f'<svg class="tl-drawing" role="img" width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{_text(title)}</title><desc>{_text(summary(spec))}</desc>{''.join(parts)}</svg>"
    )


def summary(spec: DraftSpec) -> str:
    """The picture in a sentence, for who can't see it."""
    tracks = _(", ").join(label_of(lane.number, lane.track) for lane in _lanes(spec.tracks))
    if not tracks:
        return _("nothing is in it")
    return _("{length} long; from top to bottom: {tracks}. The table below has every segment.").format(
        length=clock(spec.length_us), tracks=tracks
    )


def ordered(spec: DraftSpec) -> list[tuple[int, Track]]:
    """The tracks and their numbers as they are drawn, from top to bottom: for the picture in words."""
    return [(lane.number, lane.track) for lane in _lanes(spec.tracks, most=None)]


def _lanes(tracks: Sequence[Track], most: int | None = MOST_TRACKS) -> list[_Lane]:
    """As JianYing shows them: what is seen from the topmost down to the main track, the sounds below it."""
    numbered = list(enumerate(tracks, 1))
    seen = [one for one in reversed(numbered) if one[1].kind != "audio"]
    heard = [one for one in numbered if one[1].kind == "audio"]
    if most is not None and len(numbered) > most:  # the main track and what is next to it matter most
        heard = heard[: most // 2]
        seen = seen[-(most - len(heard)) :]
    lanes, y = [], _RULER
    for number, track in [*seen, *heard]:
        lanes.append(_Lane(number, track, y))
        y += lanes[-1].height + _GAP
    return lanes


def _height(lanes: Sequence[_Lane]) -> int:
    return lanes[-1].y + lanes[-1].height + _GAP if lanes else _RULER + _GAP


def _width(spec: DraftSpec, zoom: float) -> int:
    """So wide that a segment of usual length can be read."""
    said = [
        segment.target.duration_us
        for track in spec.tracks
        if track.kind in ("video", "text")
        for segment in track.segments
    ]
    usual_us = statistics.median(said) if said else spec.length_us
    usual = min(max(spec.length_us / max(usual_us, 1) * _USUAL, NARROWEST), WIDEST)
    return round(min(max(usual * zoom, NARROWEST / 4), WIDEST * ZOOMS[-1]))


def _words(spec: DraftSpec) -> int:
    """So many characters may a segment's title have."""
    return min(max(_TITLES // max(sum(len(track.segments) for track in spec.tracks), 1), 60), 3_000)


def _heads(lanes: Sequence[_Lane]) -> str:
    """The tracks' names, each as high as its track."""
    parts = [f'<svg class="tl-heads" width="{_HEADS}" height="{_height(lanes)}">']
    for lane in lanes:
        middle = lane.y + lane.height // 2
        count = _("muted") if lane.track.muted else f"× {len(lane.track.segments)}"
        parts.append(
            f'<g class="tl-{lane.track.kind}"><title>{_text(label_of(lane.number, lane.track))}</title>'
            f'<rect x="0" y="{lane.y}" width="4" height="{lane.height}" rx="2"/>'
            f'<text x="12" y="{middle + 4}">{lane.number} {_text(name_of_kind(lane.track.kind))}'
            f'<tspan class="tl-count" dx="6">{_text(count)}</tspan></text></g>'
        )
    return "".join([*parts, "</svg>"])


def _ruler(length_us: int, width: int, height: int) -> Iterator[str]:
    """Lines at round times, not too near each other, and their times."""
    scale = width / max(length_us, 1)
    step_us = next((s * 1e6 for s in _TICKS_S if s * 1e6 * scale >= _TICK), _TICKS_S[-1] * 1e6)
    at = [number * step_us for number in range(int(length_us / step_us) + 1)]
    yield f'<path class="tl-grid" d="{"".join(f"M{_n(one * scale + 0.5)} 16V{height}" for one in at)}"/>'
    yield '<g class="tl-ruler">'
    for one in at:
        if one * scale < width - 40:
            said = clock(round(one))
            yield f'<text x="{_n(one * scale + 4)}" y="12">{said if step_us < 1e6 else said.partition(".")[0]}</text>'
    yield "</g>"


class _Drawing:
    """Draws lanes, and counts what was drawn. `scale`: pixels a microsecond."""

    def __init__(self, scale: float, warnings: Warnings, picture: Callable[[str], str | None], words: int) -> None:
        self.scale, self.warnings, self.picture, self.words = scale, warnings, picture, words
        self.drawn = self.pictures = 0

    def lane(self, lane: _Lane) -> Iterator[str]:
        track = lane.track
        muted = " tl-muted" if track.muted else ""
        yield f'<g class="tl-{track.kind}{muted}">'
        yield f'<rect class="tl-lane" y="{lane.y}" width="100%" height="{lane.height}"/>'
        narrow: list[tuple[float, float]] = []
        n = 0
        above: list[str] = []
        for number, segment in enumerate(track.segments, 1):
            x, wide = segment.target.start_us * self.scale, segment.target.duration_us * self.scale
            said = self.warnings.get((lane.number, number), ())
            if (wide < _TOO_NARROW and not said) or self.drawn >= MOST_DRAWN:
                _join(narrow, x, wide)
                n += 1
                continue
            self.drawn += 1
            yield from self._segment(segment, x, max(wide, _TOO_NARROW), lane.height, lane.y, said)
            above.extend(self._above(segment, x, wide, lane, said))
        if narrow:
            shape = "".join(f"M{_n(x)} {lane.y}h{_n(w)}v{lane.height}h-{_n(w)}z" for x, w in narrow)
            title = ngettext("{n} segment, in the table", "{n} segments, in the table", n).format(n=n)
            yield f'<path class="tl-narrow" d="{shape}"><title>{_text(title)}</title></path>'
        yield from above
        yield "</g>"

    def _segment(
        self, segment: Segment, x: float, wide: float, high: int, y: int, said: Sequence[str]
    ) -> Iterator[str]:  # fmt: skip
        """One segment, cut off where it ends."""
        one = row(segment)
        yield f'<svg class="tl-s{" tl-warned" if said else ""}" x="{_n(x)}" y="{y}" width="{_n(wide)}" height="{high}">'
        yield f"<title>{self._title(segment, one, said)}</title>"
        yield f'<rect class="tl-box" width="{_n(max(wide - 1, 1))}" height="{high}" rx="4"/>'
        left = 20.0 if said else 6.0
        if isinstance(segment, VisualSegment) and wide >= 16 and self.pictures < MOST_PICTURES:
            url = self.picture(segment.media)
            if url:
                room = wide - 5
                side = min(_THUMB, room)
                # As JianYing has it, the picture again and again; once where something stands beside it.
                times = 1 if _label(segment, one, is_pictured=True) else min(math.ceil(room / side), _MOST_TIMES)
                self.pictures += times
                yield f'<svg x="2" y="2" width="{_n(room)}" height="{high - 4}">'
                for n in range(times):
                    yield (
                        f'<image class="tl-thumb" href="{escape(url)}" x="{_n(n * side)}" width="{_n(side)}"'
                        f' height="{high - 4}" preserveAspectRatio="xMidYMid slice"/>'
                    )
                yield "</svg>"
                left = side + 8
        if isinstance(segment, (VisualSegment, AudioSegment)):
            yield from self._sound(segment, wide, high)
        label = _cut(_label(segment, one, is_pictured=left > 20), (wide - left - 5) / _COLUMN)
        if label:
            yield f'<text x="{_n(left)}" y="{high // 2 + 4}">{_text(label)}</text>'
        yield from self._motion(segment, wide, high)
        yield "</svg>"

    def _title(self, segment: Segment, one: Row, said: Sequence[str]) -> str:
        words = segment.text if isinstance(segment, TextSegment) else one.what
        clean = for_terminal(words)
        shown = clean if len(clean) <= self.words else f"{clean[: self.words]}…"
        times = f"{clock(one.start_us)} – {clock(segment.target.end_us)}"
        lines = [*(f"⚠ {text}" for text in said), shown, times, one.details]
        return escape("\n".join(for_terminal(line) for line in lines if line))

    def _sound(self, segment: VisualSegment | AudioSegment, wide: float, high: int) -> Iterator[str]:
        """How it fades, as slopes."""
        shape = ""
        if segment.fade_in_us:
            shape += f"M0 {high}L{_n(min(segment.fade_in_us * self.scale, wide))} 0"
        if segment.fade_out_us:
            shape += f"M{_n(wide - 1)} {high}L{_n(max(wide - segment.fade_out_us * self.scale, 0))} 0"
        if shape:
            yield f'<path class="tl-fade" d="{shape}"/>'

    def _motion(self, segment: Segment, wide: float, high: int) -> Iterator[str]:
        """Its animations as bars along its foot, as JianYing has them; its keyframes as diamonds; a dot where effects,
        filters or a mask are on it."""
        shape = ""
        for field in ("intro", "outro", "group", "loop"):
            animation = getattr(segment, field, None)
            if animation is not None:
                length = min((animation.duration_us or segment.target.duration_us) * self.scale, wide - 1)
                start = wide - 1 - length if field == "outro" else 0.0
                shape += f"M{_n(start)} {high - 3}h{_n(max(length, 2.0))}v3h-{_n(max(length, 2.0))}z"
        if shape:
            yield f'<path class="tl-animation" d="{shape}"/>'
        frames = {
            round(one.time_us * self.scale) for many in getattr(segment, "keyframes", {}).values() for one in many
        }
        if frames:
            at = sorted(frames)[:_MOST_KEYFRAMES]
            yield f'<path class="tl-keyframes" d="{"".join(f"M{x} {high - 9}l4 4-4 4-4-4z" for x in at)}"/>'
        if any(getattr(segment, field, None) for field in ("filters", "effects", "mask", "chroma")) and wide > 20:
            yield f'<circle class="tl-fx" cx="{_n(wide - 8)}" cy="8" r="3.5"/>'

    def _above(
        self, segment: Segment, x: float, wide: float, lane: _Lane, said: Sequence[str]
    ) -> Iterator[str]:  # fmt: skip
        """What is drawn over the lane: the transition to the next segment, and that there is a warning."""
        transition = getattr(segment, "transition", None)
        if transition is not None:
            name = _("transition {name}").format(name=_clean(transition.name))
            half = min(max((transition.duration_us or 0) * self.scale / 2, 7.0), 14.0)
            middle = lane.y + lane.height / 2
            yield (
                f'<path class="tl-transition" d="M{_n(x + wide - half)} {_n(middle - 8)}l{_n(2 * half)} 16v-16'
                f'l-{_n(2 * half)} 16z"><title>{escape(name)}</title></path>'
            )
        if said:
            title = escape("\n".join(for_terminal(text) for text in said))
            yield (
                f'<g class="tl-mark"><title>{title}</title><path d="M{_n(x + 10)} {lane.y + 3}l7 13h-14z"/>'
                f'<path class="tl-bang" d="M{_n(x + 10)} {lane.y + 7}v5m0 1.4v1.4"/></g>'
            )


def _label(segment: Segment, one: Row, *, is_pictured: bool) -> str:
    """What stands on it: what it is, and how fast it plays. A picture of it says more than its file's name."""
    if not isinstance(segment, (VisualSegment, AudioSegment)):
        return one.what
    name = "" if is_pictured else _clean(file_name(segment.media))
    return name if segment.speed in (None, 1.0) else f"{name} {segment.speed:g}×".strip()


def _join(runs: list[tuple[float, float]], x: float, wide: float) -> None:
    """Add what is drawn from `x`, or make the last run longer where it touches that."""
    if runs and x <= sum(runs[-1]) + 0.5:
        start, before = runs[-1]
        runs[-1] = (start, max(before, x + wide - start))
    else:
        runs.append((x, max(wide, 0.5)))


def _cut(text: str, columns: float) -> str:
    """As much of it as fits; nothing where not even a character does."""
    room = int(columns)
    if room < 2:
        return ""
    text = text[: room + 1]
    if cell_len(text) <= room:
        return text
    return f"{next(iter(chop_cells(text, room - 1)), '')}…" if room > 2 else ""


def _clean(text: str) -> str:
    return " ".join(for_terminal(text).split())


def _text(text: str) -> str:
    return escape(_clean(text), quote=False)


def _n(value: float) -> str:
    """A length to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def marked(texts: Iterable[tuple[tuple[int, int], str]]) -> dict[tuple[int, int], list[str]]:
    """Texts by what they are said of, as `figure` takes them."""
    found: dict[tuple[int, int], list[str]] = {}
    for place, text in texts:
        found.setdefault(place, []).append(text)
    return found


def not_drawn(spec: DraftSpec) -> str:
    """What the picture leaves out, in words; "" where it has everything."""
    left = len(spec.tracks) - MOST_TRACKS
    if left <= 0:
        return ""
    return ngettext("{n} more track is not drawn", "{n} more tracks are not drawn", left).format(n=left)
