"""What is shown from when to when, as segments: a video that is too short plays slower, or again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tray.draft.spec import Place, VisualSegment

SLOWED = 1.25
"""Up to this much slower nobody minds; to begin again for an instant, everybody does."""
MOST_REPEATS = 1_000


@dataclass
class Shot:
    """A picture or video shown from `start_us` to `end_us`, without its sound where there is speech."""

    place: Place
    url: str
    start_us: int
    end_us: int
    is_silent: bool

    def go_on(self, end_us: int, *, is_silent: bool) -> None:
        self.end_us = end_us
        self.is_silent = self.is_silent or is_silent


def pictures(shots: Sequence[Shot], lengths_us: Mapping[str, int | None]) -> Iterator[VisualSegment]:
    """The segments of a track that shows `shots`. `lengths_us`: by URL how long a video is, None for a picture."""
    for shot in shots:
        lasting_us = shot.end_us - shot.start_us
        length_us = lengths_us.get(shot.url)
        if length_us is None or length_us >= lasting_us or length_us * MOST_REPEATS < lasting_us:
            yield _segment(shot, shot.start_us, shot.end_us, None)
        elif lasting_us <= length_us * SLOWED:
            yield _segment(shot, shot.start_us, shot.end_us, length_us)
        else:
            times = -(-lasting_us // length_us)
            edges = [shot.start_us + lasting_us * index // times for index in range(times + 1)]
            for start_us, end_us in itertools.pairwise(edges):
                yield _segment(shot, start_us, end_us, None)


def _segment(shot: Shot, start_us: int, end_us: int, source_us: int | None) -> VisualSegment:
    return VisualSegment(
        place=shot.place,
        media=shot.url,
        start_us=start_us,
        duration_us=end_us - start_us,
        source_duration_us=source_us,
        volume=0.0 if shot.is_silent else 1.0,
    )
