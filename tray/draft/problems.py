"""What is wrong with a draft, said of one place in it; and the error that carries it when nothing can be built."""

from __future__ import annotations

from dataclasses import dataclass
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
    field: str = ""
    """The field of the place that is wrong, as `clip.opacity`."""

    def to_json(self) -> dict[str, Any]:
        """As `coze-tray build --json` lists it: draft, track, segment, id, url, path, message."""
        path = ".".join(part for part in (self.place.path, self.field) if part)
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
