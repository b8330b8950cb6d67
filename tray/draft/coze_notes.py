"""Warnings about an export, gathered so that ten thousand captions with one habit make one line of the receipt."""

from __future__ import annotations

from itertools import islice

from tray.draft.problems import name_of, said_of
from tray.draft.spec import Place
from tray.locale import _

MOST = 1_000
"""Nobody reads on; the rest is counted."""


class Notes:
    """What was guessed or left off. The same about several segments of a track is said of the first, with their
    number."""

    def __init__(self) -> None:
        self._found: dict[tuple[int | None, str], tuple[Place, str]] = {}
        self._more: dict[tuple[int | None, str], int] = {}

    def add(self, place: Place, text: str, about: str = "") -> None:
        """`about` is the same for warnings that differ in their numbers alone."""
        key = (place.track, about or text)
        if key in self._found:
            self._more[key] = self._more.get(key, 0) + 1
        else:
            self._found[key] = (place, text)

    def lines(self) -> list[str]:
        """As the receipt has them, in the order in which they came up."""
        lines = [
            said_of(name_of(place), _with_more(text, self._more.get(key, 0)))
            for key, (place, text) in islice(self._found.items(), MOST)
        ]
        more = len(self._found) - len(lines)
        return [*lines, _("{n} more warnings are not listed").format(n=more)] if more else lines


def _with_more(text: str, more: int) -> str:
    if not more:
        return text
    return _("{text} (and so for {n} more of its track)").format(text=text, n=more)
