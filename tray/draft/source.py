"""What a draft is made from: an export of a Coze flow, this program's own spec, or a recipe. All become DraftSpecs.

Two steps, because some things can only be told once the media is here (an export's unit of time, the length of a
recipe's speech): `read` finds and checks the drafts that a text holds, `to_spec` makes each a DraftSpec.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tray.draft.coze_json import _parsed
from tray.draft.problems import Problem
from tray.draft.spec import DraftSpec, Place

TimeUnit = Literal["auto", "ms", "us", "s"]
"""The unit of an export's times; auto: what its media's real length tells."""


@dataclass(frozen=True)
class Imported:
    """A draft as a spec, without the segments that have problems; and what was guessed or left off on the way.

    `time_unit`: "us", "ms", "s" or "mixed", and the reason for it in words.
    """

    spec: DraftSpec
    time_unit: str
    time_unit_reason: str
    problems: list[Problem]
    warnings: list[str]


TimeUnit = Literal["auto", "ms", "us", "s"]
"""Of an export's times; auto: what its media's real length tells."""


class Source(Protocol):
    """One draft of what was given, checked as far as it can be without its media. It can be pickled.

    `number` counts from 1; `key` is the same for the same draft said twice; `said` counts the segments it says.
    """

    number: int
    key: str
    name: str
    said: int
    problems: list[Problem]
    warnings: list[str]

    def urls(self) -> Iterator[tuple[str, Place]]:
        """Each media URL and the place that asks for it, in order."""

    def caption_urls(self) -> Iterator[tuple[str, Place]]:
        """Each link to SRT captions and the place that asks for it."""

    def to_spec(self, lengths_us: Mapping[str, int | None]) -> Imported:
        """The draft as a spec. `lengths_us`: by URL the real length of its media, None for a picture; media that can't
        be had is not there."""


def key_of(value: Any) -> str:
    """The same for the same JSON value, however it is written."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def parsed_inside(value: Any) -> Any:
    """What a text holds that is a JSON list or object; anything else as it is. Flows hand such texts on as strings."""
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{"):
        return value
    try:
        return _parsed(value)
    except (ValueError, RecursionError):
        return value
