"""Who may come in: the check that every HTTP request passes, and what every answer says to the browser.

The page is for the browser of the user who opened it. Other programs and users of this computer can reach the same
port, and so can any web page the user has open (by CSRF or DNS rebinding); all of them are kept out here.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tray.locale import _

log = logging.getLogger(__name__)

MOST_BODY_BYTES = 64_000_000
"""Of a request: an export that holds its media, or a picture for the bot."""
TICKET_S = 60.0
"""For so long the address that opens the page can be used, once."""
_SAFE = ("GET", "HEAD")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
        " form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}


class Refusal(Exception):  # noqa: N818 - it is the answer
    """The request is not let in."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Guard(Protocol):
    """Decides who comes in."""

    def enter(self, scope: Scope, headers: Headers) -> Response | None:
        """None lets the request in; a response answers it instead. Raises Refusal."""


class Gate:
    """The ASGI application around the whole site. `requests` and `quiet_since` tell whether anybody looks."""

    def __init__(self, site: ASGIApp, guard: Guard) -> None:
        self._site, self._guard = site, guard
        self.requests = 0
        self.quiet_since = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._site(scope, receive, send)
            return  # no WebSocket is spoken here
        self.requests += 1
        try:
            await self._answer(scope, receive, _with_headers(send))
        finally:
            self.requests -= 1
            self.quiet_since = time.monotonic()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            answer = self._guard.enter(scope, headers)
            length = headers.get("content-length", "0")
            if not length.isascii() or not length.isdigit() or int(length) > MOST_BODY_BYTES:
                raise _too_big()
        except Refusal as refusal:
            log.warning("refused (%d): %s %s", refusal.status, scope["method"], scope["path"])
            answer = PlainTextResponse(f"{refusal.message}\n", refusal.status)
        if answer is not None:
            await answer(scope, receive, send)
        else:
            await self._site(scope, _limited(receive), send)


class OwnPage:
    """The guard of the page: lets in the one browser that was opened by this program.

    `origin`: as http://127.0.0.1:PORT. Everything is below `root`, a path that nobody can guess, because cookies go to
    every port of a host: so no other server of this computer is sent this one's. An address made by `ticket` sets the
    cookie once, and soon. On Linux, a connection of another user is refused whatever it knows.
    """

    def __init__(self, origin: str, uid_of: Callable[[tuple[str, int], tuple[str, int]], int | None]) -> None:
        self.origin, self.root = origin, f"/{secrets.token_urlsafe(24)}"
        self._host = urlsplit(origin).netloc
        self._key = secrets.token_urlsafe(32)
        self._uid_of = uid_of
        self._tickets: dict[str, float] = {}
        self._lock = threading.Lock()

    def address(self, path: str) -> str:
        """Opens `path` ("" or "drafts?x=1") in a browser, once, within TICKET_S."""
        ticket = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            self._tickets = {one: until for one, until in self._tickets.items() if until > now}
            self._tickets[ticket] = now + TICKET_S
        return f"{self.origin}{self.root}/enter?{urlencode({'ticket': ticket, 'to': path})}"

    def enter(self, scope: Scope, headers: Headers) -> Response | None:
        self._check_user(scope)
        if headers.getlist("host") != [self._host]:
            raise Refusal(421, _("This address is not the page's."))
        root, path = self.root, str(scope["path"])
        if not path.startswith(f"{root}/"):
            raise Refusal(404, _("There is no such page. Open it from the icon's menu."))
        self._check_origin(scope, headers)
        if path == f"{root}/enter" and scope["method"] in _SAFE:
            return self._entered(scope)
        if not hmac.compare_digest(_cookie(headers, "coze-tray").encode(), self._key.encode()):
            raise Refusal(403, _("This page was opened by another program. Open it from the icon's menu."))
        scope["root_path"] = root
        return None

    def _check_user(self, scope: Scope) -> None:
        client, server = scope.get("client"), scope.get("server")
        if client and server and self._uid_of((client[0], client[1]), (server[0], server[1])) not in (None, _own_uid()):
            raise Refusal(403, _("This page belongs to another user of this computer."))

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Browsers say which page a request comes from; what changes something must come from this one."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        allowed = origin == self.origin if scope["method"] not in _SAFE else origin in (None, self.origin)
        if not allowed or site not in (None, "same-origin", "none"):
            raise Refusal(403, _("Another page has tried to do this; it was refused."))

    def _entered(self, scope: Scope) -> Response:
        said = parse_qs(scope["query_string"].decode("latin-1"))
        with self._lock:
            until = self._tickets.pop(said.get("ticket", [""])[0], 0.0)
        if until < time.monotonic():
            raise Refusal(403, _("This address was used before, or is too old. Open the page from the icon's menu."))
        to = said.get("to", [""])[0]
        parts = urlsplit(to)
        if parts.scheme or parts.netloc or to.startswith(("/", "\\")):
            to = ""
        answer = RedirectResponse(f"{self.root}/{to}", 303)
        answer.set_cookie("coze-tray", self._key, path=f"{self.root}/", httponly=True, samesite="strict")
        return answer


def uid_of_connection(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """Which user's process holds the client's end of a loopback connection; None where that can't be told (it can on
    Linux: proc(5), /proc/net/tcp)."""
    if not sys.platform.startswith("linux"):
        return None
    wanted = _in_proc(client), _in_proc(server)
    try:
        with Path("/proc/net/tcp").open(encoding="ascii") as table:
            for line in table:
                fields = line.split()
                if (fields[1], fields[2]) == wanted:
                    return int(fields[7])
    except (OSError, ValueError, IndexError):
        log.debug("/proc/net/tcp can't be read")
    return None


def _in_proc(address: tuple[str, int]) -> str:
    """As 0100007F:1F90, the address in the machine's byte order (all machines this runs on are little-endian)."""
    octets = reversed(address[0].split("."))
    return f"{''.join(f'{int(octet):02X}' for octet in octets)}:{address[1]:04X}"


def _own_uid() -> int | None:
    if sys.platform == "win32":
        return None
    return os.getuid()


def _cookie(headers: Headers, name: str) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _limited(receive: Receive) -> Receive:
    """What comes in, whatever length was said before."""
    received = 0

    async def receiving() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_BODY_BYTES:
            raise HTTPException(413, _too_big().message)
        return message

    return receiving


def _too_big() -> Refusal:
    megabytes = MOST_BODY_BYTES // 1_000_000
    return Refusal(413, _("This is more than {n} MB, which is too much for the page.").format(n=megabytes))
