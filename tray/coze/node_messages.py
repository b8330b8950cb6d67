"""What the nodes of a workflow say: the pieces that stream in, put together."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tray.coze.interrupts import carried
from tray.coze.run import MOST_CHARS, Output, RunEvent, Text
from tray.coze.wire import text_of

_BRACE = re.compile(r"\s*\{")

MOST_PIECES = 100
"""After so many, a text is no longer held back to see how it begins."""


@dataclass(eq=False)
class _Node:
    """A message of a node, as far as it has come. `shown`: whether it is told as Text; None: not to be told yet."""

    title: str
    pieces: list[str] = field(default_factory=list)
    shown: bool | None = None
    next_seq: int = -1


@dataclass
class Messages:
    """What the nodes of a run say: pieces put together, and each text told once.

    A finished text is an Output, unless it turns out to be the question of an interrupt: one that carries a tool call
    waits for the stream's end, and one in which no draft can be (it has no brace) for the next message."""

    missing: bool = False
    _open: dict[tuple[str, ...], _Node] = field(default_factory=dict)
    _held: list[tuple[str, str]] = field(default_factory=list)  # titles and texts
    _finished: dict[str, str] = field(default_factory=dict)  # the last text of each title
    _told: set[str] = field(default_factory=set)
    _shown: _Node | None = None
    _chars: int = 0
    _tokens: int = 0
    _usage: int = 0

    def add(self, data: Any) -> Iterator[RunEvent]:
        """A Message event."""
        if not isinstance(data, dict):
            self.missing |= data != ""
            return
        yield from self._release(keep_calls=True)
        self._count(data)
        text = text_of(data.get("content"))
        self._chars += len(text) + 100
        if self.too_long:
            return
        title = str(data.get("node_title") or "")
        key = title, str(data.get("node_id") or ""), str(data.get("node_execute_uuid") or "")
        node = self._open.setdefault(key, _Node(title))
        self._follow(node, data.get("node_seq_id"))
        node.pieces.append(text)
        last = data.get("node_is_finish") in (True, "true")
        yield from self._show(node, text, last=last)
        if last:
            del self._open[key]
            yield from self._say(node)

    @property
    def too_long(self) -> bool:
        """Whether the run says more than can be kept."""
        return self._chars > MOST_CHARS

    def question(self, title: str) -> str:
        """The last text of the node `title`, which is no Output then; where the interrupt names no node, the last text
        that is none yet."""
        for key, node in list(self._open.items()):
            if node.title == title:
                del self._open[key]
                return "".join(node.pieces)
        if not title and title not in self._finished and self._held:
            title = self._held[-1][0]
        text = self._finished.get(title, "")
        self._held = [held for held in self._held if held != (title, text)]
        return text

    def rest(self) -> Iterator[Output]:
        """What was said in full and is not told yet; the stream is at its end."""
        yield from self._release(keep_calls=False)
        self._open.clear()
        self._finished.clear()

    def finish(self) -> Iterator[Output]:
        """As `rest`, and what has no mark of its end."""
        left = list(self._open.values())
        yield from self._release(keep_calls=False)
        for node in left:
            for text in _objects("".join(node.pieces)):
                yield from self._say(_Node(node.title, [text]))
        yield from self.rest()

    def token_count(self) -> int:
        return self._tokens or self._usage

    def _say(self, node: _Node) -> Iterator[Output]:
        text = "".join(node.pieces)
        if not text:
            return
        self._finished[node.title] = text
        if "{" not in text or carried(text):
            self._held.append((node.title, text))
        else:
            yield from self._output(text)

    def _release(self, *, keep_calls: bool) -> Iterator[Output]:
        held, self._held = self._held, []
        for title, text in held:
            if keep_calls and "{" in text:
                self._held.append((title, text))
            else:
                yield from self._output(text)

    def _output(self, text: str) -> Iterator[Output]:
        name = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
        if name not in self._told:
            self._told.add(name)
            yield Output(name, text)

    def _show(self, node: _Node, piece: str, *, last: bool) -> Iterator[Text]:
        if node.shown is None:
            piece = "".join(node.pieces)
            node.shown = _for_people(piece, last=last or len(node.pieces) > MOST_PIECES)
        if node.shown and piece:
            between = "\n" if self._shown is not None and self._shown is not node else ""
            self._shown = node
            yield Text(between + piece)

    def _follow(self, node: _Node, seq: Any) -> None:
        """Coze asks to see by node_seq_id that no piece is lost (documented: workflow_stream_run)."""
        number = whole(seq, -1)
        self.missing |= 0 <= node.next_seq < number
        node.next_seq = number + 1 if number >= 0 else -1

    def _count(self, data: dict[str, Any]) -> None:
        self._tokens += whole(data.get("token"))
        usage = data.get("usage")  # documented as the sum of the call so far
        self._usage = max(self._usage, whole(usage.get("token_count")) if isinstance(usage, dict) else 0)


def whole(value: Any, otherwise: int = 0) -> int:
    """A whole number, or the text of one."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _objects(text: str) -> list[str]:
    """The JSON objects that `text` consists of: messages of one node, without a mark where each ends. Any other text as
    it is."""
    found, at, decoder = [], 0, json.JSONDecoder()
    try:
        while brace := _BRACE.match(text, at):
            _value, at = decoder.raw_decode(text, brace.end() - 1)
            found.append(text[brace.end() - 1 : at])
    except (ValueError, RecursionError):
        return [text]
    return [text] if text[at:].strip() else found


def _for_people(start: str, *, last: bool) -> bool | None:
    """Whether a text that begins so is told while it comes: not JSON, in a fence or encoded twice neither. None: that
    can't be seen yet."""
    start = start.lstrip()
    if not last and (not start or any(opening.startswith(start) for opening in _JSON)):
        return None
    return bool(start) and not start.startswith(_JSON)


_JSON = ("{", "[", "```json", '"{', '"[')
