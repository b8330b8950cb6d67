"""What is wrong with a draft, said of one place in it; and the error that carries it when nothing can be built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tray.draft.spec import Place
from tray.errors import TrayError
from tray.locale import _


class DraftError(TrayError):
    """A draft or a drafts folder can't be used."""


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a draft from being built."""

    place: Place
    message: str
    at: str = ""
    """The field of the place that is wrong, as `clip.opacity`."""

    def to_json(self) -> dict[str, Any]:
        """As `coze-tray build --json` lists it: draft, track, segment, id, url, path, message."""
        path = ".".join(part for part in (self.place.path, self.at) if part)
        return {**self.place.model_dump(), "path": path, "message": self.message}

    def __str__(self) -> str:
        where = name_of(self.place)
        return said_of(where, self.message) if where else self.message


def said_of(place: str, text: str) -> str:
    return _("{name}: {text}").format(name=place, text=text)


def name_of(place: Place) -> str:
    """The place in words: "draft 1, track 2, segment 3 (id x)"; "" for none."""
    words = [
        text.format(number)
        for text, number in (
            (_("draft {}"), place.draft),
            (_("track {}"), place.track),
            (_("segment {}"), place.segment),
        )
        if number is not None
    ]
    name = _(", ").join(words)
    return f"{name} (id {place.id})" if place.id else name


@dataclass
class Notes:
    """What is found on the way: `problems` keep a draft from being built, `warnings` are told with it."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def fail(self, place: Place, text: str, at: str = "") -> None:
        self.problems.append(Problem(place, text, at))

    def warn(self, place: Place, text: str) -> None:
        where = name_of(place)
        self.warnings.append(said_of(where, text) if where else text)
