"""The server of a site, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from tray.web.gate import Gate

log = logging.getLogger(__name__)

IDLE_S = 150.0
"""So long after the last request the page is taken for closed: an open one asks at least once a minute."""
_STARTED_WITHIN_S = 10.0


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
        how: dict[str, Any] = {"http": "h11", "loop": "asyncio", "ws": "none", "timeout_graceful_shutdown": 1}
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
            if time.monotonic() - before > self._idle_s / 2:  # on Windows that clock goes on in sleep
                self._gate.quiet_since = time.monotonic()
            before = time.monotonic()
            if not self._gate.requests and time.monotonic() - self._gate.quiet_since > self._idle_s:
                log.info("nobody looks at the page: its server ends")
                self._server.should_exit = True
                return
