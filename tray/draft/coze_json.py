"""Finds the drafts in what a flow or a bot gives: in JSON strings, in objects under any key, in Markdown fences."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from tray.locale import _
from tray.text import whole_characters

DEEPEST = 10


@dataclass(frozen=True)
class NotADraft:
    """An element of a list of drafts that is none."""

    value: Any


def drafts_in(text: str) -> list[dict[str, Any] | NotADraft]:
    """Every draft in `text`: objects with `tracks`, a list. Raises ValueError or RecursionError where it is no JSON."""
    return list(_find(parsed(text), DEEPEST))


def text_of(data: bytes) -> str:
    """The text of an export's file: UTF-8, what Windows' editors call Unicode, or the code page of a Chinese Windows.

    Raises UnicodeDecodeError for none of these.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def broken(error: Exception) -> str:
    """What keeps a text from being JSON, in the user's language."""
    if isinstance(error, json.JSONDecodeError):
        return _("the JSON breaks off or is wrong at line {line}, column {column}").format(
            line=error.lineno, column=error.colno
        )
    if isinstance(error, RecursionError):
        return _("the JSON is nested too deeply")
    return str(error)


def parsed_inside(value: Any) -> Any:
    """What a text holds that is JSON, a list or an object; anything else as it is. Flows hand such texts on."""
    if not isinstance(value, str) or value.lstrip("\ufeff \t\r\n")[:1] not in ("[", "{", "`", '"'):
        return value
    try:
        return parsed(value)
    except (ValueError, RecursionError):
        return value


def key_of(value: Any) -> str:
    """The same for the same JSON value, however it is written. Raises RecursionError."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _find(value: Any, depth: int) -> Iterator[dict[str, Any] | NotADraft]:
    if depth == 0:
        return
    if isinstance(value, str):
        if "tracks" in value or "project" in value:
            try:
                inner = parsed(value)
            except (ValueError, RecursionError):
                return
            yield from _find(inner, depth - 1)
    elif isinstance(value, list):
        for item in value:
            yield from _find(item, depth - 1)
    elif isinstance(value, dict):
        yield from _in_object(value, depth)


def _in_object(value: dict[str, Any], depth: int) -> Iterator[dict[str, Any] | NotADraft]:
    tracks = value.get("tracks")
    if isinstance(tracks, str):
        try:
            tracks = parsed(tracks)
        except (ValueError, RecursionError):
            pass
        else:
            value = {**value, "tracks": tracks}
    if tracks:
        yield value
    elif isinstance(value.get("drafts"), list):
        for item in value["drafts"]:
            found = list(_find(item, depth - 1))
            yield from found or [NotADraft(item)]
    else:
        inner = [found for item in value.values() for found in _find(item, depth - 1)]
        # Real exports hold drafts whose tracks are empty or not there at all.
        is_empty_draft = "tracks" in value or ("project" in value and "draft_id" in value)
        yield from inner or ([value] if is_empty_draft else [])


def parsed(text: str) -> Any:
    """The JSON value of `text`, with whole characters only: half of an emoji, cut by a model, can't be written."""
    try:
        return orjson.loads(text.removeprefix("\ufeff"))
    except (orjson.JSONDecodeError, RecursionError):  # halves of characters too; and its messages are terse
        return _parsed_with_care(text)


def _parsed_with_care(text: str) -> Any:
    text = whole_characters(text).lstrip("\ufeff")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        if fenced(text) is None:
            raise
        value = _in_fences(text)
    if re.search(r"\\u[dD][89a-fA-F]", text):
        value = json.loads(whole_characters(json.dumps(value, ensure_ascii=False)))
    return value


def fenced(text: str) -> str | None:
    """What stands in the first Markdown fence of `text`."""
    return next(_fences(text), None)


def _fences(text: str) -> Iterator[str]:
    end = -3
    while True:
        start = text.find("```", end + 3)
        line_end = text.find("\n", start)
        end = text.find("```", line_end)
        if start < 0 or line_end < 0 or end < 0:
            return
        yield text[line_end:end]


def _in_fences(text: str) -> Any:
    """The JSON value in the fences of `text`, a list where several hold one. Raises ValueError where none does."""
    values, first = [], None
    for inner in _fences(text):
        try:
            values.append(json.loads(inner, parse_constant=_refuse_constant))
        except ValueError as error:
            first = first or error
    if first and not values:
        raise first
    return values[0] if len(values) == 1 else values


def _refuse_constant(name: str) -> float:
    raise ValueError(_("{name} is not a number").format(name=name))
