"""The page on loopback where a sign-in by browser ends: Coze's redirect brings a code there, once."""

from __future__ import annotations

import hmac
import queue
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tray.errors import TrayError
from tray.locale import _

PORT = 21583
"""Fixed: Coze redirects only to what the OAuth app lists."""

_PAGE = """<!doctype html><meta charset="utf-8"><title>coze-tray</title>
<body style="font: 1.2em sans-serif; margin: 4em"><p>{zh}<p>{en}"""
_DONE = ("已登录。可以关闭此页，回到 coze-tray。", "You are signed in. Close this page and go back to coze-tray.")
_REFUSED = ("登录被拒绝。可以关闭此页。", "The sign-in was refused. You may close this page.")
_FOREIGN = ("这不是 coze-tray 发起的登录。", "This is not the sign-in that coze-tray has begun.")


class Callback:
    """Listens on 127.0.0.1 while entered. Only the redirect that has `state` counts. Raises TrayError where the port is
    taken."""

    def __init__(self, state: str) -> None:
        self._heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        callback, self._state = self, state

        class Handler(_Handler):
            answers = callback

        try:
            self._server = _Server(("127.0.0.1", PORT), Handler)
        except OSError:
            raise TrayError(
                _("Port {port}, where the browser's answer would come, is in use.").format(port=PORT),
                _("End what uses it, or sign in with: coze-tray login --device"),
            ) from None

    def __enter__(self) -> Callback:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="callback", daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def code(self, within_s: float) -> str:
        """The code, once it comes. Raises TrayError where the person refuses, or after `within_s`."""
        end = time.monotonic() + within_s
        while (left_s := end - time.monotonic()) > 0:
            try:
                heard = self._heard.get(timeout=min(left_s, 0.2))  # Windows hears no Ctrl-C while it waits
            except queue.Empty:
                continue
            if heard is None:
                raise TrayError(_("The sign-in was refused in the browser."), _("Run the command again."))
            time.sleep(0.1)  # the browser gets its page
            return heard
        raise TrayError(_("Nobody agreed in the browser in time."), _("Run the command again and be quicker."))

    def answer(self, query: dict[str, list[str]]) -> tuple[int, tuple[str, str]]:
        """The status and the page for a request with `query`."""
        state, code = (query.get(name, [""])[-1] for name in ("state", "code"))
        if not hmac.compare_digest(state.encode(), self._state.encode()):
            return 400, _FOREIGN
        if not code.isascii() or not code.isprintable() or not 0 < len(code) < 4000:
            self._heard.put(None)
            return 400, _REFUSED
        self._heard.put(code)
        return 200, _DONE


def redirect() -> str:
    """What the OAuth app must list as its redirect URL."""
    return f"http://127.0.0.1:{PORT}/callback"


class _Server(ThreadingHTTPServer):  # browsers open connections that they do not use
    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there, it would let another program listen beside this one

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a browser that goes away is no news


class _Handler(BaseHTTPRequestHandler):
    answers: Callback
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        pass  # it would say the code

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        status, page = self.answers.answer(parse_qs(parts.query)) if parts.path == "/callback" else (404, _FOREIGN)
        body = _PAGE.format(zh=page[0], en=page[1]).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)
