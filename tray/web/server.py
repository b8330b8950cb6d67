"""The server of a site, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tray.web.gate import CONNECTION, HEADERS, Gate

log = logging.getLogger(__name__)

IDLE_S = 150.0
"""So long after the last request the page is taken for closed: an open one asks at least once a minute."""
MOST_CONNECTIONS = 100
"""A browser opens six."""
HEAD_S = 10.0
"""So long a connection may keep the server waiting for a request; uvicorn alone would wait for ever."""
_STARTED_WITHIN_S = 10.0
_BAD_REQUEST = "".join(
    f"{name}: {value}\r\n" for name, value in {**HEADERS, "Content-Type": "text/plain", "Connection": "close"}.items()
).encode()


class Server:
    """Serves from construction on, until `stop`, or until nobody has looked for `idle_s` (None: for ever). `ending`
    ends what streams; `ended` is called in its thread when all is over."""

    def __init__(
        self,
        gate: Gate,
        listening: socket.socket,
        idle_s: float | None,
        ending: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self._gate, self._idle_s, self._ending, self._ended = gate, idle_s, ending, ended
        self._deciding = threading.Lock()
        # Who sends X-Forwarded-For must not be taken for someone else.
        how: dict[str, Any] = {"http": _Impatient, "loop": "asyncio", "ws": "none", "proxy_headers": False}
        how["timeout_graceful_shutdown"] = 1
        quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False, "date_header": False}
        self._server = uvicorn.Server(uvicorn.Config(gate, **how, **quiet))
        self._thread = threading.Thread(target=self._live, args=(listening,), name="page", daemon=True)
        self._thread.start()
        end = time.monotonic() + _STARTED_WITHIN_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < end:
            time.sleep(0.005)

    @property
    def serving(self) -> bool:
        return self._thread.is_alive() and not self._server.should_exit

    def stay(self) -> bool:
        """Somebody is about to look: it serves for another `idle_s`. False: it ends already."""
        with self._deciding:
            self._gate.quiet_since = time.monotonic()
            return self.serving

    def stop(self, timeout_s: float = 3.0) -> None:
        """Close every connection. From any thread but its own."""
        self._server.should_exit = True
        self._ending()
        self._thread.join(timeout_s)

    def _live(self, listening: socket.socket) -> None:
        async def serve() -> None:
            watch = asyncio.create_task(self._watch())
            try:
                await self._server.serve([listening])
            finally:
                watch.cancel()

        try:
            asyncio.run(serve())
        except Exception:
            log.exception("the page's server failed")
        finally:
            listening.close()
            self._ended()

    async def _watch(self) -> None:
        """End it when nobody looks. Where the computer has slept, so has the page."""
        before = time.monotonic()
        while self._idle_s is not None:
            await asyncio.sleep(self._idle_s / 10)
            now = time.monotonic()
            with self._deciding:
                if now - before > self._idle_s / 2:  # on Windows that clock goes on in sleep
                    self._gate.quiet_since = now
                quiet_s = now - self._gate.quiet_since
                if not self._gate.requests and quiet_s > self._idle_s:
                    log.info("nobody looks at the page: its server ends")
                    self._server.should_exit = True
                    return
            before = now


class _Impatient(H11Protocol):
    """Keeps no connection open for who says nothing: any program of this computer may connect, and files and sockets
    are few (256 on macOS)."""

    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # An answer's head and its body are two writes, and the second would wait for the first to be acknowledged, for
        # 40 ms. asyncio sees to it only where it has made the listening socket itself.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, CONNECTION: {}}
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """With the headers that every answer has, and nothing where an answer has begun."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%s\r\n%s\n" % (_BAD_REQUEST, msg.encode()))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._giving_up is not None:
            self._giving_up.cancel()

    def _watch(self) -> None:
        theirs, ours = self.conn.their_state, self.conn.our_state
        is_late = theirs is h11.IDLE or (theirs is h11.SEND_BODY and ours in (h11.DONE, h11.MUST_CLOSE))
        if not is_late and self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        elif is_late and self._giving_up is None:
            self._giving_up = self.loop.call_later(HEAD_S, self.transport.abort)
