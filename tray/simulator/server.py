"""The simulated cloud: an HTTP server on loopback with the chat endpoints and a shelf of media."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

MOST_UNHEARD = 200

Frames = Iterable[bytes]
"""A stream's bytes, a piece at a time. Ending it by raising ConnectionError cuts the connection."""


@dataclass(frozen=True)
class Received:
    """A request that reached the simulator. `body` is parsed JSON, None for none."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


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

    def wire(self) -> dict[str, Any]:
        """The chat object as the cloud sends it."""
        value: dict[str, Any] = {
            "id": self.id,
            "conversation_id": self.conversation_id,
            "bot_id": self.bot_id,
            "created_at": 1730949143,
            "last_error": {"code": 0, "msg": ""},
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

    def completed(self) -> Iterator[bytes]:
        self.status = "completed"
        yield frame("conversation.chat.completed", self.wire())
        yield DONE

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


DONE = b'event:done\ndata:"[DONE]"\n\n'


def frame(event: str, data: Any) -> bytes:
    """One event as Coze writes it: no space after the colon, no id."""
    return f"event:{event}\ndata:{json.dumps(data, ensure_ascii=False)}\n\n".encode()


@dataclass
class Simulator:
    """Serves on 127.0.0.1 while entered. `on_chat` and `on_outputs` write the streams: of a new chat, and of one
    whose tool outputs (by call id) have arrived. `media` answers GET below /media/ with bytes, None for 404."""

    on_chat: Callable[[SimulatedChat], Frames]
    on_outputs: Callable[[SimulatedChat, dict[str, str]], Frames]
    media: Callable[[str], bytes | None] = lambda _name: None
    pace_s: float = 0.0
    chats: dict[str, SimulatedChat] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> Simulator:
        simulator = self

        class Handler(_Handler):
            cloud = simulator

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="simulator", daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        return f"http://{self.host}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that goes away is no news


class _Handler(BaseHTTPRequestHandler):
    cloud: Simulator
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else None
        self.cloud.received.append(Received(self.command, parts.path, query, body, dict(self.headers)))
        if parts.path.startswith("/media/"):
            self._media(parts.path.removeprefix("/media/"))
        elif not self.headers.get("Authorization", "").startswith("Bearer "):
            self._json({"code": 4100, "msg": "authentication is invalid"})
        elif parts.path == "/v3/chat":
            self._chat(body or {}, query)
        elif query.get("chat_id") not in self.cloud.chats:
            self._json({"code": 4001, "msg": "chat not found"})
        else:
            self._about(self.cloud.chats[query["chat_id"]], parts.path, body)

    def _chat(self, body: dict[str, Any], query: dict[str, str]) -> None:
        chat = SimulatedChat(
            id=uuid.uuid4().hex[:19],
            conversation_id=query.get("conversation_id") or uuid.uuid4().hex[:19],
            bot_id=body["bot_id"],
            prompt=body["additional_messages"][-1]["content"],
        )
        self.cloud.chats[chat.id] = chat
        self._stream(self.cloud.on_chat(chat))

    def _about(self, chat: SimulatedChat, path: str, body: Any) -> None:
        if path == "/v3/chat/retrieve":
            self._json({"code": 0, "msg": "", "data": chat.wire()})
        elif path == "/v3/chat/message/list":
            self._json({"code": 0, "msg": "", "data": chat.answers})
        elif path == "/v3/chat/submit_tool_outputs":
            outputs = {item["tool_call_id"]: item["output"] for item in body["tool_outputs"]}
            if chat.status != "requires_action" or set(outputs) != {call["id"] for call in chat.calls}:
                self._json({"code": 4000, "msg": "tool outputs do not match the calls"})
                return
            chat.rounds += 1
            self._stream(self.cloud.on_outputs(chat, outputs))
        else:
            self._json({"code": 4000, "msg": f"no such endpoint: {path}"})

    def _stream(self, frames: Frames) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("x-tt-logid", "20260101000000SIMULATED")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        pieces = iter(frames)
        try:
            for piece in pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
                time.sleep(self.cloud.pace_s)
            self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:  # the client left, or the script cuts the line
            self.close_connection = True
            for _piece in islice(pieces, MOST_UNHEARD):  # the cloud goes on all the same
                pass

    def _media(self, name: str) -> None:
        data = self.cloud.media(name)
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _json(self, value: Any) -> None:
        data = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("x-tt-logid", "20260101000000SIMULATED")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
