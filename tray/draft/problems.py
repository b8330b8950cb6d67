"""What is wrong with a draft, said of one place in it; and the error that carries it when nothing can be built."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tray.draft.spec import Place
from tray.errors import TrayError
from tray.locale import _

MOST = 1_000
"""So many warnings and problems of a draft are listed; nobody reads on."""


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


def named_in(line: str) -> tuple[int, int] | None:
    """The track and segment that `line` begins with, as `name_of` names them in the language that is in use."""
    words = (_("draft {}"), _("track {}"), _("segment {}"))
    draft, track, segment = (re.escape(text).replace(r"\{\}", "([0-9]{1,9})") for text in words)
    then = re.escape(_(", "))
    found = re.match(f"(?:{draft}{then})?{track}{then}{segment}", line)
    return (int(found[2]), int(found[3])) if found else None


class Notes:
    """What is found on the way: `problems` keep a draft from being built, `warnings` are told with it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._warned: dict[tuple[int | None, str], tuple[Place, str]] = {}
        self._more: dict[tuple[int | None, str], int] = {}

    def fail(self, place: Place, text: str, at: str = "") -> None:
        self.problems.append(Problem(place, text, at))

    def warn(self, place: Place, text: str, about: str = "") -> None:
        """The same about several segments of a track is said of the first, with their number: ten thousand captions
        with one habit make one line. `about` is the same for warnings that differ in their numbers alone."""
        key = (place.track, about or text)
        if key in self._warned:
            self._more[key] = self._more.get(key, 0) + 1
        else:
            self._warned[key] = (place, text)

    @property
    def warnings(self) -> list[str]:
        """As the receipt has them, in the order in which they came up, at most MOST."""
        lines = [
            _warning(place, text, self._more.get(key, 0)) for key, (place, text) in islice(self._warned.items(), MOST)
        ]
        more = len(self._warned) - len(lines)
        return [*lines, _("{n} more warnings are not listed").format(n=more)] if more else lines


def few(problems: list[Problem], draft: Place) -> list[Problem]:
    """At most MOST of them, and how many there are more."""
    if len(problems) <= MOST:
        return problems
    text = _("{n} more things are wrong with this draft").format(n=len(problems) - MOST)
    return [*problems[:MOST], Problem(draft, text)]


def _warning(place: Place, text: str, more: int) -> str:
    if more:
        text = _("{text} (and so for {n} more of its track)").format(text=text, n=more)
    where = name_of(place)
    return said_of(where, text) if where else text


def in_words(error: ValidationError, model: type[BaseModel] | None = None) -> Iterator[tuple[str, str]]:
    """What pydantic found wrong, in the user's language: the field, as `tracks[0].segments[2].clip.opacity`, and what
    is wrong with it. The message does not name the field; `said_of(field, message)` does. Of a field that `model` has
    not, it names the one that is meant."""
    for detail in error.errors(include_url=False):
        message = _in_words(detail)
        if model is not None and detail["type"] == "extra_forbidden" and (meant := _meant(model, detail["loc"])):
            message = _("no such field is known; is “{name}” meant?").format(name=meant)
        yield _field_of(detail["loc"]), message


def _field_of(location: Iterable[int | str]) -> str:
    """A location of pydantic's as a path. The kinds by which it tells segments apart are no part of it."""
    path = ""
    parts = list(location)
    for index, part in enumerate(parts):
        is_tag = index > 0 and isinstance(parts[index - 1], int) and part in _TAGS and index + 1 < len(parts)
        if isinstance(part, int):
            path += f"[{part}]"
        elif not is_tag and part != "[key]":
            path += f".{part}" if path else str(part)
    return path


def short(value: Any, most: int = 60) -> str:
    """A value of the input for a message: as text or JSON, cut to `most` characters without reading all of it."""
    if isinstance(value, str):
        text = value[: most + 1]
    else:
        text = ""
        for part in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value):
            text += part
            if len(text) > most:
                break
    return text if len(text) <= most else f"{text[:most]}…"


def _meant(model: type[BaseModel], location: tuple[int | str, ...]) -> str | None:
    """The field of `model`, or of the part of it that `location` leads to, whose name is nearest to the last name."""
    for part in location[:-1]:
        inner = [one for name, one in _fields(model).items() if name == part]
        model = next((one for one in map(_model_of, inner) if one), model)
    return next(iter(difflib.get_close_matches(str(location[-1]), _fields(model), 1, 0.7)), None)


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """What may be said in its JSON, with the type of each."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items() if not field.exclude}


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The model in a type like `Model | None` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for model in map(_model_of, get_args(annotation)) if model), None)


_TAGS = frozenset(("video", "image", "audio", "text", "sticker", "effect", "filter"))
_COLOUR = "^#[0-9a-fA-F]{6}$"


def _in_words(detail: ErrorDetails) -> str:
    value, limits = short(detail["input"]), detail.get("ctx", {})
    kind = detail["type"]
    if kind == "value_error":  # one of the schema's own validators, in the user's language already
        return str(limits["error"])
    text = _texts().get(kind)
    if kind == "string_pattern_mismatch" and limits.get("pattern") == _COLOUR:
        text = _("{value} is no colour, which is written like #FFAA00")
    if text is None:
        text = _expected(kind)
    if text is None:
        return _("{value} can't be used: {why}").format(value=value, why=detail["msg"])
    return _filled(text, value, limits)


def _filled(text: str, value: str, limits: Mapping[str, Any]) -> str:
    said = {name: limit if isinstance(limit, (int, float)) else short(limit, 200) for name, limit in limits.items()}
    for name in said.keys() & {"expected", "expected_tags"}:  # pydantic's "'a', 'b' or 'c'"
        said[name] = _(", ").join(filter(None, re.findall("'([^']*)'", limits[name])))
    return text.format(**{**said, "value": value})


def _texts() -> dict[str, str]:
    """What each of pydantic's error types means; named places are those of its context."""
    return {
        "missing": _("it is missing"),
        "extra_forbidden": _("no such field is known"),
        "greater_than": _("{value} is too little, it must be more than {gt}"),
        "greater_than_equal": _("{value} is too little, the least is {ge}"),
        "less_than": _("{value} is too much, it must be less than {lt}"),
        "less_than_equal": _("{value} is too much, the most is {le}"),
        "finite_number": _("{value} is not a number"),
        "int_from_float": _("{value} is not a whole number"),
        "string_too_long": _("it is longer than {max_length} characters"),
        "string_too_short": _("it is shorter than {min_length} characters"),
        "too_long": _("it has {actual_length} members, the most is {max_length}"),
        "string_pattern_mismatch": _("{value} is not written like {pattern}"),
        "literal_error": _("{value} is not known; it can be {expected}"),
        "union_tag_invalid": _("the {discriminator} {tag} is not known; it can be {expected_tags}"),
        "union_tag_not_found": _("{discriminator} is missing"),
    }


def _expected(kind: str) -> str | None:
    """What a wrong type should have been."""
    expected = kind.removesuffix("_type").removesuffix("_parsing").removesuffix("_attributes")
    if expected == kind:
        return None
    return {
        "float": _("{value} is not a number"),
        "int": _("{value} is not a whole number"),
        "string": _("{value} is not text"),
        "bool": _("{value} is not true or false"),
        "list": _("{value} is not a list"),
        "tuple": _("{value} is not a list"),
        "path": _("{value} is not a path"),
        "dict": _("{value} is not an object"),
        "model": _("{value} is not an object"),
    }.get(expected)
