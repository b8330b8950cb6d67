"""The chats of the simulated cloud: what its bots and chatflows say, and the endpoints about them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tray.simulator.exchange import DONE, Exchange, Frames, frame


@dataclass
class SimulatedChat:
    """A chat as the cloud keeps it: `status` and `required_action` as in the protocol."""

    id: str
    conversation_id: str
    bot_id: str
    prompt: str
    status: str = "in_progress"
    calls: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    rounds: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    """What the request that created it said."""
    last_error: tuple[int, str] = (0, "")
    """Code and message."""

    def wire(self) -> dict[str, Any]:
        """The chat object as the cloud sends it."""
        value: dict[str, Any] = {
            "id": self.id,
            "conversation_id": self.conversation_id,
            "bot_id": self.bot_id,
            "created_at": 1730949143,
            "last_error": {"code": self.last_error[0], "msg": self.last_error[1]},
            "status": self.status,
            "usage": {"token_count": 0, "output_count": 0, "input_count": 0},
        }
        if self.status == "requires_action":
            value["required_action"] = {
                "type": "submit_tool_outputs",
                "submit_tool_outputs": {"tool_calls": self.calls},
            }
        return value

    # What a script says: each of these changes the chat and gives the frame for the stream.

    def created(self) -> bytes:
        return frame("conversation.chat.created", {**self.wire(), "status": "created"})

    def in_progress(self) -> bytes:
        self.status = "in_progress"
        return frame("conversation.chat.in_progress", self.wire())

    def says(self, text: str) -> Iterator[bytes]:
        """An answer: deltas, then the whole message."""
        message = self._message("answer")
        for start in range(0, len(text), 4):
            yield frame("conversation.message.delta", {**message, "content": text[start : start + 4]})
        whole = {**message, "content": text}
        self.answers.append(whole)
        yield frame("conversation.message.completed", whole)

    def calls_tool(self, name: str, arguments: dict[str, Any]) -> bytes:
        self.status = "requires_action"
        function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
        self.calls = [{"id": f"call-{uuid.uuid4().hex[:12]}", "type": "function", "function": function}]
        return frame("conversation.chat.requires_action", self.wire())

    def asks(self, question: str) -> Iterator[bytes]:
        """What a node that asks back says: the question as an answer, and a call without a function."""
        yield from self.says(question)
        self.status = "requires_action"
        self.calls = [{"id": "", "type": "reply_message", "function": None, "require_info": None}]
        content = json.dumps({"msg_type": "interrupt", "data": "", "from_module": None, "from_unit": None})
        yield frame("conversation.message.completed", {**self._message("verbose"), "content": content})
        yield frame("conversation.chat.requires_action", self.wire())
        yield self.done()

    def completed(self) -> Iterator[bytes]:
        self.status = "completed"
        yield frame("conversation.chat.completed", self.wire())
        yield self.done()

    def failed(self, code: int, message: str) -> bytes:
        self.status, self.last_error = "failed", (code, message)
        return frame("conversation.chat.failed", self.wire())

    def done(self) -> bytes:
        """The end of the stream: a chatflow's tells where Coze shows how it ran."""
        if "workflow_id" not in self.body:
            return DONE
        url = f"https://www.coze.cn/work_flow?execute_id={self.id}&workflow_id={self.body['workflow_id']}"
        return frame("done", {"debug_url": url})

    @property
    def busy(self) -> bool:
        """Whether no other chat may begin in its conversation. One that asks back is answered by another chat."""
        waits_for_tools = self.status == "requires_action" and any(call.get("function") for call in self.calls)
        return self.status in ("created", "in_progress") or waits_for_tools

    def _message(self, kind: str) -> dict[str, Any]:
        return {
            "id": uuid.uuid4().hex[:19],
            "conversation_id": self.conversation_id,
            "bot_id": self.bot_id,
            "chat_id": self.id,
            "role": "assistant",
            "type": kind,
            "content_type": "text",
        }


@dataclass
class Chats:
    """The endpoints of `/v3/chat` and of chatflows. `on_chat` and `on_outputs` as in Simulator."""

    on_chat: Callable[[SimulatedChat], Frames]
    on_outputs: Callable[[SimulatedChat, dict[str, str]], Frames]
    chats: dict[str, SimulatedChat]

    def routes(self) -> dict[str, Callable[[Exchange], None]]:
        return {
            "/v3/chat": lambda x: self._create(x, x.query.get("conversation_id", "")),
            "/v1/workflows/chat": lambda x: self._create(x, x.body.get("conversation_id", "")),
            "/v1/conversations/": self._clear,
            "/v3/chat/retrieve": lambda x: self._about(x, lambda chat: x.data(chat.wire())),
            "/v3/chat/message/list": lambda x: self._about(x, lambda chat: x.data(chat.answers)),
            "/v3/chat/cancel": lambda x: self._cancel(x, self.chats.get(str(x.body["chat_id"]))),
            "/v3/chat/submit_tool_outputs": lambda x: self._about(x, lambda chat: self._outputs(x, chat)),
        }

    def _create(self, exchange: Exchange, conversation_id: str) -> None:
        body = exchange.body
        if any(chat.busy for chat in list(self.chats.values()) if chat.conversation_id == conversation_id):
            exchange.refuse(4016, "conversation is occupied")
            return
        chat = SimulatedChat(
            id=uuid.uuid4().hex[:19],
            conversation_id=conversation_id or uuid.uuid4().hex[:19],
            bot_id=body.get("bot_id", ""),
            prompt=body["additional_messages"][-1]["content"],
            body=body,
        )
        self.chats[chat.id] = chat
        exchange.stream(self.on_chat(chat))

    def _clear(self, exchange: Exchange) -> None:
        conversation_id, _slash, deed = exchange.path.removeprefix("/v1/conversations/").partition("/")
        if deed == "clear":
            exchange.data({"id": uuid.uuid4().hex[:19], "conversation_id": conversation_id})
        else:
            exchange.refuse(4000, f"no such endpoint: {exchange.path}")

    def _outputs(self, exchange: Exchange, chat: SimulatedChat) -> None:
        outputs = {item["tool_call_id"]: item["output"] for item in exchange.body["tool_outputs"]}
        if chat.status != "requires_action" or set(outputs) != {call["id"] for call in chat.calls}:
            exchange.refuse(4000, "tool outputs do not match the calls")
            return
        chat.rounds += 1
        exchange.stream(self.on_outputs(chat, outputs))

    def _cancel(self, exchange: Exchange, chat: SimulatedChat | None) -> None:
        if chat is None or chat.status not in ("created", "in_progress"):
            exchange.refuse(4104, "the chat can't be cancelled")
            return
        chat.status = "canceled"
        exchange.data(chat.wire())

    def _about(self, exchange: Exchange, then: Callable[[SimulatedChat], None]) -> None:
        chat = self.chats.get(exchange.query.get("chat_id", ""))
        if chat is None:
            exchange.refuse(4001, "chat not found")
        else:
            then(chat)
