"""The page of the running program: opened in the browser, served while somebody looks. Light to import."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

from tray.errors import HandOffError
from tray.locale import _

if TYPE_CHECKING:
    from tray.app import App
    from tray.web.gate import OwnPage
    from tray.web.server import Server

log = logging.getLogger(__name__)


class Page:
    """Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._guard: OwnPage | None = None
        self._closed = False

    def url(self, app: App, path: str = "") -> str:
        """An address that opens `path` of the page ("" for its beginning), once and soon; the server is started where
        none runs. Raises OSError where no port can be had, HandOffError when the program ends."""
        with self._lock:
            if self._closed:
                raise HandOffError(_("coze-tray has ended just now."), _("Try again."))
            if self._server is None or self._guard is None or not self._server.stay():
                self._server, self._guard = _served(app)
            return self._guard.address(path)

    @property
    def serving(self) -> bool:
        server = self._server
        return server is not None and server.serving

    def close(self) -> None:
        """For good: the program ends."""
        with self._lock:
            self._closed = True
            if self._server is not None:
                self._server.stop()


def _served(app: App) -> tuple[Server, OwnPage]:
    from tray import memory
    from tray.web.gate import Gate, OwnPage, uid_of_connection
    from tray.web.pages import Pages
    from tray.web.server import IDLE_S, Server
    from tray.web.site import site

    listening = socket.create_server(("127.0.0.1", 0))
    guard = OwnPage(f"http://127.0.0.1:{listening.getsockname()[1]}", uid_of_connection)
    shown = Pages(app)
    gate = Gate(site(app, shown), guard)
    return Server(gate, listening, IDLE_S, shown.streams.close, memory.give_back), guard
