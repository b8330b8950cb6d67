"""Bot mode: a chat over `POST /v3/chat`, its tool calls answered over `submit_tool_outputs`, to its end.

Whatever the network does, a chat is created once: from the moment its id is known, a broken stream is followed up
with `chat/retrieve`, as Coze lets no one rejoin a stream.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from cozepy import Message
from cozepy import ToolOutput as WireToolOutput

from tray.asked import Asked
from tray.coze.client import Client, WireEvent
from tray.coze.errors import RETRIED, CozeError, NetworkAwayError, advice
from tray.coze.run import (
    Away,
    Connected,
    Failed,
    Finished,
    Output,
    RunEvent,
    Started,
    Text,
    ToolCall,
    ToolCalls,
    ToolOutput,
)
from tray.coze.tries import Tries
from tray.locale import _

USER_ID = "coze-tray"
"""Whom the bot talks to: it keeps its memory of a user under this name."""
SUBMIT_TRIES = 8
REPEATS = 3
"""How often Coze may ask for calls whose outputs it has taken."""
LONGEST_S = 30 * 60.0
"""A chat that works for longer without a word is given up; Coze's own limit for a workflow is 10 minutes."""


@dataclass
class Chat:
    """One chat with a bot, or with a chatflow. `run`: what `Started` said of one that was begun before, None for a new
    one.

    `patience_s`: for how long the network may stay away before `events` raises NetworkAwayError; None: for ever.
    `on_posting` is called when the chat's creation goes out: from then until Started, it may exist unknown.
    """

    client: Client
    asked: Asked
    run: dict[str, Any] | None
    patience_s: float | None
    on_posting: Callable[[], None] = lambda: None
    _outputs: list[ToolOutput] | None = field(default=None, init=False)
    _reply: str | None = field(default=None, init=False)
    _accepted: bool = field(default=False, init=False)
    _logid: str = field(default="", init=False)

    @property
    def scope(self) -> str:
        """The chat's id, "" before it has one: what the ids of its tool calls and outputs are unique in."""
        return self.ids[1] if self.ids else ""

    @property
    def ids(self) -> tuple[str, str] | None:
        """Of the conversation and the chat, None before the chat is created."""
        return (str(self.run["conversation_id"]), str(self.run["chat_id"])) if self.run else None

    def answer(self, outputs: list[ToolOutput]) -> None:
        """The outputs of all calls of the last ToolCalls; sent when `events` goes on."""
        self._outputs = outputs

    async def events(self) -> AsyncGenerator[RunEvent, None]:
        """The run, to its end: the last event is Finished or Failed.

        Raises NetworkAwayError when patience is at an end; the chat goes on in the cloud, and a new Chat with its
        `ids` picks it up. Failed with code "lost" means that nobody knows whether the chat was created.
        """
        tries = Tries(self.patience_s)
        submitted: Counter[str] = Counter()
        repeated: Counter[str] = Counter()
        key = ""
        step = self._catch_up if self.ids else self._create
        while True:
            calls: ToolCalls | None = None
            tries.begin()
            try:
                async with aclosing(step()) as steps:
                    async for event in steps:
                        if isinstance(event, (Finished, Failed)):
                            yield event
                            return
                        if isinstance(event, ToolCalls):
                            calls = event
                            continue
                        if isinstance(event, Connected):
                            tries.reached(worked=step != self._catch_up)
                        yield event
            except (NetworkAwayError, CozeError) as error:
                if failed := self._given_up(error, tries, resubmitted=submitted[key] > 1):
                    yield failed
                    return
                yield Away(error.message)
                await tries.pause(error)
                calls = None
            if calls is None:
                step = self._catch_up if self.ids else self._create
                continue
            repeated[key] += self._accepted
            key = ",".join(call.id for call in calls.calls)
            submitted[key] += 1
            if repeated[key] >= REPEATS or submitted[key] > SUBMIT_TRIES:
                yield Failed("unanswered", _("Coze asks for the same tool calls again and again."), "", self._logid)
                return
            self._outputs, self._accepted = None, False
            yield calls
            step = self._submit

    def _given_up(self, error: NetworkAwayError | CozeError, tries: Tries, *, resubmitted: bool) -> Failed | None:
        """The failure that `error` is, None if another try may mend it."""
        if isinstance(error, NetworkAwayError):
            return _lost(error) if self.ids is None and error.sent else None
        passes = error.code in RETRIED or (
            # Outputs that were sent twice, as the first time's answer was lost; or an answer that is no JSON.
            self.ids is not None and (error.code == "200" or (error.code == "4000" and resubmitted))
        )
        if passes and tries.busy():
            return None
        return Failed(error.code, error.message, error.advice, error.logid)

    def reply(self, text: str) -> None:
        """The answer to the last Question; sent when `events` goes on."""
        self._reply = text

    async def _create(self) -> AsyncGenerator[RunEvent, None]:
        body = {
            "bot_id": self.asked.target_id,
            "user_id": USER_ID,
            "additional_messages": [Message.build_user_question_text(self.asked.prompt).model_dump(exclude_none=True)],
            "stream": True,
            "auto_save_history": True,  # submitting outputs fails with 5000 without it
        }
        async for event in self._stream("/v3/chat", {}, body, self.on_posting):
            yield event
        if self.ids is None:
            yield Failed("empty", _("Coze's answer ended before a chat was created."), "", self._logid)

    async def _submit(self) -> AsyncGenerator[RunEvent, None]:
        conversation_id, chat_id = self._known_ids()
        if self._outputs is None:
            raise RuntimeError("ToolCalls was not answered")
        outputs = [WireToolOutput(tool_call_id=o.call_id, output=o.output) for o in self._outputs]
        body = {"tool_outputs": [output.model_dump() for output in outputs], "stream": True}
        params = {"conversation_id": conversation_id, "chat_id": chat_id}
        async for event in self._stream("/v3/chat/submit_tool_outputs", params, body, None):
            self._accepted = True
            yield event

    async def _stream(
        self, path: str, params: dict[str, str], body: dict[str, Any], on_sending: Callable[[], None] | None
    ) -> AsyncGenerator[RunEvent, None]:
        """A stream's events, up to what ends it: the chat's end, its tool calls, or an error event (whose chat may
        well go on: `events` then asks)."""
        async with self.client.stream(path, params, body, on_sending) as wire_events:
            yield Connected()
            async for wire in wire_events:
                self._logid = wire.logid
                if wire.name == "error" and self.ids is None:
                    yield _failed(wire.data, wire.logid)
                    return
                if wire.name in ("error", "done", "Done"):
                    return
                for event in self._read(wire):
                    if isinstance(event, Failed) and event.code == "unreadable":
                        return  # a stream may be cut inside its last event: retrieve tells it whole
                    yield event
                    if isinstance(event, (Finished, Failed, ToolCalls)):
                        return

    def _read(self, wire: WireEvent) -> Iterator[RunEvent]:
        data: dict[str, Any] = wire.data if isinstance(wire.data, dict) else {}
        if wire.name.startswith("conversation.chat."):
            if self.ids is None and data.get("id") and data.get("conversation_id"):
                self.run = {"conversation_id": str(data["conversation_id"]), "chat_id": str(data["id"])}
                yield Started(self.run)
            if data:
                # The event's name is the truth; examples show a status that lags behind it.
                yield from self._status(wire.name.rpartition(".")[2], data, wire.logid)
        elif wire.name == "conversation.message.delta" and data.get("type") == "answer":
            if content := data.get("content"):
                yield Text(str(content))
        elif wire.name == "conversation.message.completed" and data.get("type") == "answer":
            yield _output(data)

    def _status(self, status: str, data: dict[str, Any], logid: str) -> Iterator[RunEvent]:
        if status == "completed":
            usage = data.get("usage")
            count = usage.get("token_count") if isinstance(usage, dict) else 0
            yield Finished(count if isinstance(count, int) else 0)
        elif status == "failed":
            yield _failed(data, logid)
        elif status in ("canceled", "cancelled"):
            yield Failed("canceled", _("The chat was cancelled in Coze."), "", logid)
        elif status == "requires_action":
            yield _tool_calls(data, logid)

    async def _catch_up(self) -> AsyncGenerator[RunEvent, None]:
        """Ask what became of the chat until it waits for us or is over. Never more than once a second."""
        conversation_id, chat_id = self._known_ids()
        params = {"conversation_id": conversation_id, "chat_id": chat_id}
        pause_s, began = 1.0, time.monotonic()
        while time.monotonic() - began < LONGEST_S:
            found, logid = await self.client.call("POST", "/v3/chat/retrieve", params)
            data: dict[str, Any] = found if isinstance(found, dict) else {}
            status = str(data.get("status") or "")
            # Only when the whole step is done, it counts as reached.
            outputs = await self._said(params) if status == "completed" else []
            yield Connected()
            for event in (*outputs, *self._status(status, data, logid)):
                yield event
                if not isinstance(event, Output):
                    return
            if not status:
                raise CozeError("200", _("the chat's state can't be read"), logid)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 10.0)
        yield Failed(
            "slow", _("Coze has worked on it for half an hour without a word."), _("See in Coze what it does.")
        )

    async def _said(self, params: dict[str, str]) -> list[Output]:
        messages, _logid = await self.client.call("GET", "/v3/chat/message/list", params)
        found = messages if isinstance(messages, list) else []
        return [_output(m) for m in found if isinstance(m, dict) and m.get("type") == "answer"]

    def _known_ids(self) -> tuple[str, str]:
        if self.ids is None:
            raise RuntimeError("the chat has no ids yet")
        return self.ids


def _output(message: dict[str, Any]) -> Output:
    text = str(message.get("content") or "")
    return Output(str(message.get("id") or text), text)


def _tool_calls(data: dict[str, Any], logid: str) -> ToolCalls | Failed:
    try:
        said = data["required_action"]["submit_tool_outputs"]["tool_calls"]
        calls = tuple(_tool_call(call) for call in said)
    except (KeyError, TypeError, AttributeError):
        calls = ()
    if not calls:
        return Failed("unreadable", _("Coze waits for something this program can't read."), "", logid)
    if any(not call.name for call in calls):
        return Failed(
            "question",
            _("The bot asks a question back, which can't be answered here."),
            _("Make the bot ask nothing back, or ask it in Coze."),
            logid,
        )
    return ToolCalls(calls)


def _tool_call(call: dict[str, Any]) -> ToolCall:
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(str(call["id"]), str(function.get("name") or ""), arguments)


def _failed(data: Any, logid: str) -> Failed:
    """From `last_error` of a chat, or the bare {"code", "msg"} that some failures come with."""
    said: dict[str, Any] = data if isinstance(data, dict) else {}
    error = said.get("last_error") if isinstance(said.get("last_error"), dict) else said
    code = str((error or said).get("code") or "failed")
    message = str((error or said).get("msg") or "") or _("Coze gave no reason.")
    text = _("The chat failed ({code}): {message}").format(code=code, message=message)
    return Failed(code, text, advice(code), logid)


def _lost(error: NetworkAwayError) -> Failed:
    return Failed(
        "lost",
        _("The connection broke while the chat was being created: {error}").format(error=error.message),
        _("Coze may be at work on it, so it was not asked again by itself. If no draft comes, ask once more."),
        error.logid,
    )
