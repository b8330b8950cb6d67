"""The neutral run: what a chat, a workflow or a chatflow does, in events that are the same for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Protocol

from tray.coze.errors import CozeError, NetworkAwayError, may_succeed
from tray.locale import _


@dataclass(frozen=True)
class Started:
    """The cloud has begun. `run` (JSON values) names it from now on: a driver that is given it goes on with the same
    run, after a restart too. Comes again whenever it changes."""

    run: dict[str, Any]


@dataclass(frozen=True)
class Connected:
    """A stream is open."""


@dataclass(frozen=True)
class Away:
    """The cloud can't be reached or asks to wait; another try follows by itself in `pause_s`."""

    reason: str
    pause_s: float = 0.0

    def __str__(self) -> str:
        return _("again in {n} s; {reason}").format(n=max(1, round(self.pause_s)), reason=self.reason)


@dataclass(frozen=True)
class Notice:
    """Something that the user should know, though the run goes on."""

    text: str


@dataclass(frozen=True)
class Text:
    """A piece of the answer, as it streams in."""

    delta: str


@dataclass(frozen=True)
class Output:
    """Something said in full: an answer of a bot, the output of a workflow. `id` tells a repetition after a reconnect
    from something new."""

    id: str
    text: str


@dataclass(frozen=True)
class ToolCall:
    """`arguments` is JSON text of an object, or ""."""

    id: str
    name: str
    arguments: str

    @property
    def key(self) -> str:
        """The same whenever Coze asks for this call again. Ids alone may be missing, or come again with another."""
        said = hashlib.sha256(f"{self.name}\0{self.arguments}".encode("utf-8", "replace"))
        return f"{self.id}:{said.hexdigest()[:16]}"


@dataclass(frozen=True)
class ToolCalls:
    """The run waits until all of these are answered, at once, with `Driver.answer`."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True)
class ToolOutput:
    call_id: str
    output: str


@dataclass(frozen=True)
class Question:
    """The run waits for a person, who is answered for with `Driver.reply`. `options`: what may be answered, () for
    anything. `url`: a page to open first (an account to be connected), "" for none."""

    id: str
    text: str
    options: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class Finished:
    token_count: int
    debug_url: str = ""


@dataclass(frozen=True)
class Failed:
    """`again`: nothing is wrong with what was asked; running it again, as something new, may well succeed."""

    code: str
    message: str
    advice: str = ""
    logid: str = ""
    again: bool = False


MOST_CHARS = 200_000_000
"""What a run may say in all; Coze itself takes 20 MB."""


def failure_of(error: CozeError | NetworkAwayError) -> Failed:
    """The failure that an error is which nothing mends."""
    return Failed(error.code, error.message, error.advice, error.logid, again=may_succeed(error.code))


def too_long(logid: str) -> Failed:
    """A run that never stops talking."""
    text = _("It says more than {n} characters; that is no draft.").format(n=MOST_CHARS)
    return Failed("too_long", text, _("See in Coze what it does."), logid)


RunEvent = Started | Connected | Away | Notice | Text | Output | ToolCalls | Question | Finished | Failed


class Driver(Protocol):
    """One run in one mode. `events` may be called once."""

    @property
    def scope(self) -> str:
        """What the ids of its tool calls and outputs are unique in."""

    def events(self) -> AsyncGenerator[RunEvent, None]:
        """The run, to its end: the last event is Finished or Failed. Raises NetworkAwayError when patience is at an
        end, CozeError with a code in SIGN_IN when Coze takes no token; in both cases a new driver with the last
        `Started.run` goes on."""

    def answer(self, outputs: list[ToolOutput]) -> None:
        """The outputs of all calls of the last ToolCalls; sent when `events` goes on."""

    def reply(self, text: str) -> None:
        """The answer to the last Question; sent when `events` goes on."""
