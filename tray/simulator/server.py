"""The simulated cloud: an HTTP server on loopback with Coze's endpoints, a shelf of media, and faults on request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tray.simulator.chats import Chats, SimulatedChat
from tray.simulator.exchange import Exchange, Frames
from tray.simulator.faults import Faults
from tray.simulator.files import Files


@dataclass(frozen=True)
class Received:
    """A request that reached the simulator. `body` is parsed JSON, None for none, bytes for anything else."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    at_s: float
    """When its head was read, on time.monotonic's clock."""


def _no_chats(_chat: SimulatedChat) -> Frames:
    raise AssertionError("this cloud has no bot")


def _no_outputs(_chat: SimulatedChat, _outputs: dict[str, str]) -> Frames:
    raise AssertionError("no outputs were asked for")


@dataclass
class Simulator:
    """Serves on 127.0.0.1 while entered. `on_chat` and `on_outputs` write the streams: of a new chat, and of one
    whose tool outputs (by call id) have arrived. `media` answers GET below /media/ with bytes, None for 404.

    `routes`: what answers each path; one that ends with "/" answers all below it. `tokens`: those that are taken,
    None for any."""

    on_chat: Callable[[SimulatedChat], Frames] = _no_chats
    on_outputs: Callable[[SimulatedChat, dict[str, str]], Frames] = _no_outputs
    media: Callable[[str], bytes | None] = lambda _name: None
    pace_s: float = 0.0
    chats: dict[str, SimulatedChat] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    routes: dict[str, Callable[[Exchange], None]] = field(default_factory=dict)
    open_routes: dict[str, Callable[[Exchange], None]] = field(default_factory=dict)
    """Those that need no token: signing in."""
    tokens: set[str] | None = None
    faults: Faults = field(default_factory=Faults)
    files: Files = field(default_factory=Files)

    def __post_init__(self) -> None:
        self.routes.update(Chats(self.on_chat, self.on_outputs, self.chats).routes())
        self.routes["/v1/files/upload"] = self.files.upload
        self.open_routes["/media/"] = self._media

    def __enter__(self) -> Simulator:
        simulator = self

        class Handler(_Handler):
            cloud = simulator

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="simulator", daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.faults.ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        return f"http://{self.host}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def answer(self, exchange: Exchange) -> None:
        """Answer one request as the cloud does."""
        scheme, _space, token = exchange.headers.get("Authorization", "").partition(" ")
        taken = scheme == "Bearer" and bool(token) and (self.tokens is None or token in self.tokens)
        if found := _found(self.open_routes, exchange.path):
            found(exchange)
        elif not taken:
            exchange.refuse(4100, "authentication is invalid")
        elif found := _found(self.routes, exchange.path):
            found(exchange)
        else:
            exchange.refuse(4000, f"no such endpoint: {exchange.path}")

    def _media(self, exchange: Exchange) -> None:
        found = self.media(exchange.path.removeprefix("/media/"))
        exchange.whole(found or b"", "application/octet-stream", 404 if found is None else 200)


def _found(routes: dict[str, Callable[[Exchange], None]], path: str) -> Callable[[Exchange], None] | None:
    below = max((r for r in routes if r.endswith("/") and path.startswith(r)), key=len, default="")
    return routes.get(path) or routes.get(below)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

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
        at_s = time.monotonic()
        parts = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw
        fault = self.cloud.faults.take(parts.path)
        exchange = Exchange(
            self.command,
            parts.path,
            query,
            body,
            dict(self.headers),
            self,
            fault,
            self.cloud.faults,
            self.cloud.pace_s,
        )  # fmt: skip
        self.cloud.received.append(Received(self.command, parts.path, query, body, dict(self.headers), at_s))
        try:
            if fault is not None and fault.kind == "reset_before":
                exchange.reset()
            elif fault is not None and fault.kind == "mute":
                self.cloud.faults.ended.wait()
                exchange.reset()
            elif fault is not None and fault.kind == "answer":
                said = fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body).encode()
                exchange.whole(said, "application/json", fault.status, fault.headers)
            else:
                self.cloud.answer(exchange)
        except ConnectionError:
            if fault is not None and fault.kind == "reset_after":
                exchange.reset()
