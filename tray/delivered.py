"""Reads what a mailbox workflow puts out: tool calls for this computer, or drafts as they are.

Anyone who can write into the mailbox's table can put anything there, so nothing is believed: not types, not sizes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tray.draft import coze_infos
from tray.draft.coze_json import parsed, parsed_inside
from tray.draft.problems import short
from tray.draft.source import holds_draft
from tray.locale import _
from tray.text import whole_characters

MOST_ENTRIES = 200
"""Of one output; what is beyond is delivered again, when these are acknowledged."""
LONGEST_ID, LONGEST_NAME = 200, 100
LONGEST_ARGUMENTS = 20_000_000
"""Coze's own limit of what a workflow takes or gives is 20 MB."""
_DEEPEST = 6
_DRAFT_KEYS = ("tracks", "recipe", "srt")
"""What is below an object that has one of these is a draft's, not the mailbox's."""


@dataclass(frozen=True)
class Item:
    """A tool call. `id` tells it from every other of its mailbox; `arguments`: JSON text of an object."""

    id: str
    tool: str
    arguments: str


@dataclass(frozen=True)
class Unreadable:
    """An entry that can't be run: why, and its id, "" where it has none that can be used."""

    id: str
    reason: str


def read(text: str) -> tuple[list[Item | Unreadable], int]:
    """The entries of one output, and how many there are beyond MOST_ENTRIES.

    A list of `{"id", "tool", "arguments"}` (the arguments an object or the JSON text of one), or drafts in any form
    that `draft.source` knows, alone or in a list: such an entry is a call of `generate_draft`, its id is its `id` or
    the `draft_id` in it. An entry without an id gets a hash of what it says. All of it may be encoded several times,
    stand in Markdown, or in an object under any key, as an End node's `{"output": …}`.
    """
    if not text.strip():
        return [], 0
    try:
        value = parsed(text)
        found = list(_entries(value, _DEEPEST))
    except (ValueError, RecursionError):
        return [Unreadable("", _("it says “{text}”, which is no list of items").format(text=short(text)))], 0
    return [_entry(one) for one in found[:MOST_ENTRIES]], max(0, len(found) - MOST_ENTRIES)


def _entries(value: Any, depth: int) -> Iterator[Any]:
    """The entries in `value`, however it is wrapped; what is none of anything known is an entry, too, to be told of."""
    value = _inside(value)
    if value is None or value in ("", [], {}):
        return
    if isinstance(value, list) and depth:
        for one in value:
            yield from _entries(one, depth - 1)
    elif isinstance(value, dict) and depth and _wraps(value, depth):
        for one in value.values():
            if isinstance(inner := _inside(one), (list, dict)):
                yield from _entries(inner, depth - 1)
    elif not isinstance(value, dict) or any(one not in (None, "", [], {}) for one in value.values()):
        yield value


def _wraps(value: dict[str, Any], depth: int) -> bool:
    """Whether the entries are below `value`, which is none itself."""
    if "tool" in value:
        return False
    if _holds_calls(value, depth):
        return True
    if _id_in(value) or _is_draft(value):
        return False
    return any(isinstance(_inside(one), (list, dict)) for one in value.values())


def _holds_calls(value: Any, depth: int) -> bool:
    """Whether there are tool calls in what wraps them."""
    value = _inside(value)
    if not depth:
        return False
    if isinstance(value, list):
        return any(_holds_calls(one, depth - 1) for one in value[:MOST_ENTRIES])
    if not isinstance(value, dict):
        return False
    return "tool" in value or (
        not any(key in value for key in _DRAFT_KEYS) and any(_holds_calls(one, depth - 1) for one in value.values())
    )


def _inside(value: Any) -> Any:
    """What a text holds that is JSON; each node that hands a text on may encode it once more."""
    for _round in range(_DEEPEST):
        inner = parsed_inside(value)
        if inner is value or not isinstance(value, str):
            break
        value = inner
    return value


def _is_draft(value: dict[str, Any]) -> bool:
    is_named = any(key in value for key in (*_DRAFT_KEYS, "drafts")) or any(map(coze_infos.kind_of, value))
    return is_named and holds_draft(json.dumps(value, ensure_ascii=False))


def _entry(value: Any) -> Item | Unreadable:
    said = value.get("id") if isinstance(value, dict) else None
    try:
        text = whole_characters(json.dumps(value, ensure_ascii=False))
        item_id = _id(said) if said not in (None, "") else _draft_id(value, _DEEPEST)
    except (ValueError, RecursionError) as error:
        return Unreadable("", str(error))
    item_id = item_id or hashlib.sha256(text.encode()).hexdigest()[:32]
    if len(text) > LONGEST_ARGUMENTS:
        return Unreadable(item_id, _("it is longer than {n} characters").format(n=LONGEST_ARGUMENTS))
    if isinstance(value, dict) and "tool" in value:
        return _call(item_id, value)
    if holds_draft(text):
        return Item(item_id, "generate_draft", json.dumps({"content": text}, ensure_ascii=False))
    reason = _("“{text}” is neither a tool call nor a draft").format(text=short(value))
    return Unreadable(item_id if _id_in(value) else "", reason)


def _call(item_id: str, value: dict[str, Any]) -> Item | Unreadable:
    tool = value["tool"]
    if not isinstance(tool, str) or not 0 < len(tool) <= LONGEST_NAME:
        return Unreadable(item_id, _("“{text}” is no name of a tool").format(text=short(tool)))
    arguments = _inside(value.get("arguments"))
    if arguments in (None, ""):
        arguments = {}
    if not isinstance(arguments, dict):
        return Unreadable(
            item_id, _("the arguments of {tool} are no JSON object: {text}").format(tool=tool, text=short(arguments))
        )
    return Item(item_id, whole_characters(tool), whole_characters(json.dumps(arguments, ensure_ascii=False)))


def _id_in(value: Any) -> str:
    """An entry's own id, "" for none."""
    if not isinstance(value, dict):
        return ""
    for key in ("id", "draft_id"):
        try:
            if found := _id(value.get(key)):
                return found
        except ValueError:
            continue
    return ""


def _id(said: Any) -> str:
    """Raises ValueError for what can't be an id."""
    if isinstance(said, int) and not isinstance(said, bool) and abs(said) < 10**30:
        said = str(said)
    if said is None or said == "":
        return ""
    if not isinstance(said, str) or len(said) > LONGEST_ID:
        raise ValueError(
            _("its id “{text}” is no text of at most {n} characters").format(text=short(said), n=LONGEST_ID)
        )
    return whole_characters(said)


def _draft_id(value: Any, depth: int) -> str:
    """The first `draft_id` in an export, "" for none."""
    value = _inside(value)
    if not depth:
        return ""
    if isinstance(value, dict):
        if own := _id(value.get("draft_id")):
            return own
        inner = [one for key, one in value.items() if key not in _DRAFT_KEYS]
    else:
        inner = value[:MOST_ENTRIES] if isinstance(value, list) else []
    return next((found for one in inner if (found := _draft_id(one, depth - 1))), "")
