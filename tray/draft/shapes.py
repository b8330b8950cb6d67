"""The JSON objects of a draft, each with every key its application writes.

`templates/<profile>/<kind>.json` holds the keys that all inventories of drafts made by that application agree on for
that kind of object (JianYing 5.4.5 to 5.9.0, CapCut 6.9.0 to 9.1.0), with neutral values. A group of materials is the
kind of its members ("videos", "texts"); other kinds are "top", "track", "segment-video", "keyframe", "meta", …
A kind that no inventory shows has no file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from tray.draft.folders import Profile

_AT_ONCE = 1000
"""Objects that are encoded together: enough to be quick, and few enough to take no memory."""
_SMALL = 10
"""A dict of this many keys takes no more memory than a Filled one."""


class Filled(Mapping[str, Any]):
    """A JSON object that holds only what differs from its template: a draft has tens of thousands that are alike."""

    __slots__ = ("_own", "_template")

    def __init__(self, template: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        self._template, self._own = template, own

    def __getitem__(self, key: str) -> Any:
        return self._own[key] if key in self._own else self._template[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain())

    def __len__(self) -> int:
        return len(self.plain())

    def plain(self) -> dict[str, Any]:
        return {**self._template, **self._own}


@cache
def shape(profile: Profile, kind: str) -> Mapping[str, Any]:
    """The template of a kind of object, empty for one that no inventory shows. It is shared: nobody changes it."""
    try:
        return dict(json.loads((Path(__file__).parent / "templates" / profile / f"{kind}.json").read_text("utf-8")))
    except FileNotFoundError:
        return {}


def filled(template: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """The template with `own` in it, in the form that takes less memory."""
    return {**template, **own} if len(template) <= _SMALL else Filled(template, own)


def new_id() -> str:
    """As pyJianYingDraft makes them (uuid4().hex), at a third of the cost."""
    return os.urandom(16).hex()


def encoded(content: Mapping[str, Any]) -> Iterator[bytes]:
    """The main file as compact JSON on one line, piece by piece: as a whole it can take more memory than all else."""
    rest = {key: value for key, value in content.items() if key not in ("materials", "tracks")}
    yield orjson.dumps(rest)[:-1]
    yield b',"materials":{'
    for number, (group, members) in enumerate(content["materials"].items()):
        yield (b"," if number else b"") + orjson.dumps(group) + b":["
        yield from _listed(members)
        yield b"]"
    yield b'},"tracks":['
    for number, track in enumerate(content["tracks"]):
        yield b"," if number else b""
        yield orjson.dumps({key: value for key, value in track.items() if key != "segments"})[:-1] + b',"segments":['
        yield from _listed(track["segments"])
        yield b"]}"
    yield b"]}"


def _listed(members: list[Any]) -> Iterator[bytes]:
    for start in range(0, len(members), _AT_ONCE):
        yield b"," if start else b""
        yield orjson.dumps(members[start : start + _AT_ONCE], default=_plain)[1:-1]


def _plain(value: Any) -> Any:
    if isinstance(value, Filled):
        return value.plain()
    raise TypeError(type(value).__name__)
