"""The neutral run: what a chat (later a workflow, a chatflow) does, in events that are the same for all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Started:
    """The cloud has begun, and these ids name the run from now on. Comes before anything else of it."""

    conversation_id: str
    chat_id: str


@dataclass(frozen=True)
class Connected:
    """A stream is open."""


@dataclass(frozen=True)
class Away:
    """The cloud can't be reached or asks to wait; another try follows by itself."""

    reason: str


@dataclass(frozen=True)
class Text:
    """A piece of the answer, as it streams in."""

    delta: str


@dataclass(frozen=True)
class Output:
    """Something said in full: an answer of a bot. `id` tells a repetition after a reconnect from something new."""

    id: str
    text: str


@dataclass(frozen=True)
class ToolCall:
    """`arguments` is JSON text of an object, or ""."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ToolCalls:
    """The run waits until all of these are answered, at once."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True)
class ToolOutput:
    call_id: str
    output: str


@dataclass(frozen=True)
class Finished:
    token_count: int


@dataclass(frozen=True)
class Failed:
    code: str
    message: str
    advice: str = ""
    logid: str = ""


RunEvent = Started | Connected | Away | Text | Output | ToolCalls | Finished | Failed
