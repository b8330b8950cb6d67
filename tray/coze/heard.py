"""What a chat has said so far, over however many streams: its ids, its answers, what it waits for, how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tray.asked import Kind
from tray.coze import messages
from tray.coze.run import MOST_CHARS, Failed, Finished, Question, RunEvent, Started, Text, ToolCalls, too_long
from tray.coze.wire import WireEvent
from tray.locale import _

SUBMIT_TRIES = 12
REPEATS = 3
"""How often Coze may ask for calls whose outputs it has taken."""


@dataclass
class Heard:
    """`run` names the chat, None before it has an id. A `question` in it is what the chat waits for; `replied` says
    that the reply to it is on its way: what comes next names the chat that goes on."""

    kind: Kind
    run: dict[str, Any] | None
    answer: str = ""
    """The last."""
    error: tuple[str, str] = ("", "")
    """Code and message of what the last error event said."""
    interrupted: bool = False
    """A message said that the chat waits now."""
    _chars: int = 0
    missed: bool = False
    """A whole message came that can't be read: the stream's word that all is said is not taken, the list of messages
    has it."""

    @property
    def replying(self) -> bool:
        return bool(self.run and self.run.get("replied"))

    @property
    def unborn(self) -> bool:
        """Whether the id of a new chat is still to be told."""
        return self.run is None or self.replying

    @property
    def asks_back(self) -> bool:
        return bool(self.interrupted or (self.run and "question" in self.run))

    def read(self, wire: WireEvent) -> Iterator[RunEvent]:
        """What an event of a stream means; nothing for what is unknown or can't be read."""
        data: dict[str, Any] = wire.data if isinstance(wire.data, dict) else {}
        if wire.name.startswith("conversation.chat."):
            yield from self._born(data.get("conversation_id"), data.get("id"))
            if data and not (self.missed and wire.name == "conversation.chat.completed"):
                # The event's name is the truth; examples show a status that lags behind it.
                yield from self.status(wire.name.rpartition(".")[2], data, wire.logid)
        elif wire.name.startswith("conversation.message."):
            yield from self._born(data.get("conversation_id"), data.get("chat_id"))
            self.interrupted = self.interrupted or messages.is_interrupt(data)
            self.missed = self.missed or (not data and wire.name == "conversation.message.completed")
            if data.get("type") == "answer":
                said = messages.output(data)
                self._chars += len(said.text)
                if self._chars > MOST_CHARS:
                    yield too_long(wire.logid)
                elif wire.name == "conversation.message.delta" and said.text:
                    yield Text(said.text)
                elif wire.name == "conversation.message.completed":
                    self.answer = said.text
                    yield said

    def status(self, status: str, chat: dict[str, Any], logid: str) -> Iterator[RunEvent]:
        """What a chat's status means; nothing while it is at work."""
        if status == "completed":
            yield Finished(messages.token_count(chat))
        elif status == "failed":
            code, message = messages.error(chat)
            yield messages.failed(*((code, message) if code else self.error), logid)
        elif status in ("canceled", "cancelled"):
            yield Failed("canceled", _("The chat was cancelled in Coze."), _("Run it again."), logid, again=True)
        elif status == "requires_action":
            yield from self._waits(chat, logid)

    def asks(self) -> Iterator[RunEvent]:
        """The question that the chat waits with: the last thing it said is its text (documented by example)."""
        if self.run is None:
            raise RuntimeError("the chat has no ids yet")
        if "question" not in self.run:
            text = self.answer or _("The bot waits for an answer.")
            self.run = {**self.run, "question": text, "questions": int(self.run.get("questions", 0)) + 1}
            yield Started(self.run)
        yield Question(f"{self.run['chat_id']}:{self.run['questions']}", str(self.run["question"]))

    def replies(self) -> Started:
        """The reply to the question goes out."""
        self.run = {**(self.run or {}), "replied": True}
        self.answer, self.interrupted = "", False
        return Started(self.run)

    def reply_refused(self) -> Started:
        """The reply did not arrive, or was refused: the chat still waits for it."""
        self.run = {key: value for key, value in (self.run or {}).items() if key != "replied"}
        return Started(self.run)

    def _born(self, conversation_id: Any, chat_id: Any) -> Iterator[Started]:
        """The first ids that a new chat's stream says."""
        if self.unborn and conversation_id and chat_id:
            asked = {"questions": self.run["questions"]} if self.run and "questions" in self.run else {}
            self.run = {"conversation_id": str(conversation_id), "chat_id": str(chat_id), **asked}
            yield Started(self.run)

    def _waits(self, chat: dict[str, Any], logid: str) -> Iterator[RunEvent]:
        calls = messages.tool_calls(chat)
        if not calls:
            yield Failed(
                "unreadable",
                _("Coze waits for something this program can't read."),
                _("Look at the chat in Coze, and report it with the logid."),
                logid,
            )
        elif any(not call.name for call in calls):
            yield from self.asks()
        elif self.kind == "chatflow":
            yield Failed(
                "chatflow_tool",
                _("The chatflow calls a local tool, and Coze takes no results of local tools in a chatflow."),
                _(
                    "Make a bot of it: in Coze, create a bot in chatflow mode (单 Agent（对话流模式）) with this"
                    " chatflow, publish it with the channel “API” ticked, and ask that bot."
                ),
                logid,
            )
        else:
            yield ToolCalls(calls)


@dataclass
class Rounds:
    """Counts how often Coze asks for the same calls."""

    accepted: bool = False
    """The outputs of the last calls were taken."""
    _key: str = ""
    _submitted: Counter[str] = field(default_factory=Counter)
    _repeated: Counter[str] = field(default_factory=Counter)

    def may_answer(self, waits: ToolCalls) -> bool:
        """Whether to answer these, too."""
        self._repeated[self._key] += self.accepted
        self._key = ",".join(call.key for call in waits.calls)
        self._submitted[self._key] += 1
        self.accepted = False
        return self._repeated[self._key] < REPEATS and self._submitted[self._key] <= SUBMIT_TRIES

    @property
    def resubmitted(self) -> bool:
        return self._submitted[self._key] > 1
