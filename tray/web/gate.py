"""Who may come in: the check that every HTTP request passes, and what every answer says to the browser.

The page is for the browser of the user who opened it. Other programs and users of this computer can reach the same
port, and so can any web page the user has open (by CSRF or DNS rebinding); all of them are kept out here.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tray.locale import _
from tray.web.shapes import Problem

log = logging.getLogger(__name__)

MOST_BODY_BYTES = 64_000_000
"""Of a request: an export that holds its media, or a picture for the bot."""
BODY_S = 120.0
"""A request's body is here within so long, or is given up."""
TICKET_S = 60.0
"""For so long the address that opens the page can be used, once."""
CONNECTION = "connection"
"""In the state of a scope: what is known of its connection, a dict that all its requests share."""
NOBODY = -1
"""In the place of a user: the connection is held by no process any more."""
_SAFE = ("GET", "HEAD")
HEADERS = {
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
"""Of every answer, unless it says otherwise itself."""


class Refusal(Exception):  # noqa: N818 - it is the answer
    """The request is not let in."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


class Guard(Protocol):
    """Decides who comes in."""

    def enter(self, scope: Scope, headers: Headers) -> Response | None:
        """None lets the request in; a response answers it instead. Raises Refusal."""


class Gate:
    """The ASGI application around the whole site. `requests` and `quiet_since` tell whether anybody looks."""

    def __init__(self, site: ASGIApp, guard: Guard, most_body_bytes: int = MOST_BODY_BYTES) -> None:
        self._site, self._guard, self._most_body_bytes = site, guard, most_body_bytes
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
            self._check_body(headers)
        except Refusal as refusal:
            if refusal.status != 429:  # or who knocks without end would push all else out of the log
                log.warning("refused (%d): %s %.200r", refusal.status, scope["method"], _below_root(scope["path"]))
            answer = _refused(scope, refusal)
        if answer is not None:
            await answer(scope, receive, send)
        else:
            await self._site(scope, _limited(receive, self._most_body_bytes), send)

    def _check_body(self, headers: Headers) -> None:
        """What is said of the body's length before it comes. Two ways to tell where it ends are one too many: a proxy
        in front may go by the other (RFC 9112, 6.3)."""
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers and "content-length" in headers:
            raise Refusal(400, _("The request says in two ways how long it is."))
        if not (length.isascii() and length.isdigit() and len(length) < 16 and int(length) <= self._most_body_bytes):
            raise _too_big(self._most_body_bytes)


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
        # Servers on other ports may have set one of that name, too: any that is right will do.
        if not any(hmac.compare_digest(one.encode(), self._key.encode()) for one in _cookies(headers, "coze-tray")):
            raise Refusal(403, _("This page was opened by another program. Open it from the icon's menu."))
        scope["root_path"] = root
        return None

    def _check_user(self, scope: Scope) -> None:
        known, client, server = scope["state"][CONNECTION], scope["client"], scope["server"]
        if "uid" not in known:  # it takes milliseconds to find out, and a connection stays whose it is
            gone = not (client and server)  # the caller has hung up already
            known["uid"] = NOBODY if gone else self._uid_of((client[0], client[1]), (server[0], server[1]))
        if known["uid"] not in (None, _own_uid()):
            raise Refusal(403, _("This page belongs to another user of this computer."))

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Browsers say which page a request comes from; what changes something must come from this one."""
        origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        allowed = origins == [self.origin] or (not origins and scope["method"] in _SAFE)
        if not allowed or sites not in ([], ["same-origin"], ["none"]):
            raise Refusal(403, _("Another page has tried to do this; it was refused."))

    def _entered(self, scope: Scope) -> Response:
        said = parse_qs(scope["query_string"].decode("latin-1"))
        with self._lock:
            until = self._tickets.pop(said.get("ticket", [""])[0], 0.0)
        if until < time.monotonic():
            raise Refusal(403, _("This address was used before, or is too old. Open the page from the icon's menu."))
        to = said.get("to", [""])[0]
        path = to.partition("?")[0]  # a prompt may say anything
        if path.startswith(("/", "\\")) or ".." in path or "://" in path:
            to = ""
        answer = RedirectResponse(f"{self.root}/{to}", 303)
        answer.set_cookie("coze-tray", self._key, path=f"{self.root}/", httponly=True, samesite="strict")
        return answer


def uid_of_connection(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """Which user's process holds the client's end of a loopback connection (IPv4); NOBODY where that end is gone, as
    that of who sends and runs; None where it can't be told (it can on Linux: proc(5), /proc/net/tcp)."""
    if not sys.platform.startswith("linux"):
        return None
    ends = _in_proc(client), _in_proc(server)
    for _attempt in range(3):  # the table changes while it is read
        works = False
        try:
            for local, remote, uid in _connections():
                if (local, remote) == ends:
                    return uid
                works = works or (local == ends[1] and remote.endswith(":0000"))  # the server that listens
        except (OSError, ValueError, IndexError):
            log.debug("/proc/net/tcp can't be read")
            return None
        if not works:
            return None  # as on WSL 1, where it is always empty
    return NOBODY


def _connections() -> Iterator[tuple[str, str, int]]:
    """Both ends and the user of each, as `_in_proc` has them. A socket of IPv6 may be connected to an IPv4 address."""
    for name, mapped in (("tcp", ""), ("tcp6", "0000000000000000FFFF0000")):
        table = Path("/proc/net", name)
        if not table.exists():
            continue
        for line in table.read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1].startswith(mapped):
                yield fields[1].removeprefix(mapped), fields[2].removeprefix(mapped), int(fields[7])


def _in_proc(address: tuple[str, int]) -> str:
    """As 0100007F:1F90, the address in the machine's byte order (all machines this runs on are little-endian)."""
    octets = reversed(address[0].split("."))
    return f"{''.join(f'{int(octet):02X}' for octet in octets)}:{address[1]:04X}"


def _own_uid() -> int | None:
    if sys.platform == "win32":
        return None
    return os.getuid()


def _cookies(headers: Headers, name: str) -> list[str]:
    """Each cookie of that name. Read one by one: what another server has set may be malformed."""
    pairs = (part.strip().partition("=") for header in headers.getlist("cookie") for part in header.split(";"))
    return [value for key, _equals, value in pairs if key == name]


def _below_root(path: str) -> str:
    """A path for the log, without its first part, which is secret on the page."""
    return f"…/{path.lstrip('/').partition('/')[2]}"


def _refused(scope: Scope, refusal: Refusal) -> Response:
    if "/api/" in scope["path"]:
        return JSONResponse(Problem(error=refusal.message).model_dump(), refusal.status, refusal.headers)
    return PlainTextResponse(f"{refusal.message}\n", refusal.status, refusal.headers)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _limited(receive: Receive, most_bytes: int) -> Receive:
    """What comes in, whatever length was said before."""
    received, is_whole = 0, False
    end = time.monotonic() + BODY_S

    async def receiving() -> Message:
        nonlocal received, is_whole
        if is_whole:
            return await receive()  # how the connection ends
        try:
            message = await asyncio.wait_for(receive(), max(0.0, end - time.monotonic()))
        except asyncio.TimeoutError:
            raise HTTPException(408, _("It did not come within {n} s.").format(n=round(BODY_S))) from None
        is_whole = not message.get("more_body", False)
        received += len(message.get("body", b""))
        if received > most_bytes:
            raise HTTPException(413, _too_big(most_bytes).message)
        return message

    return receiving


def _too_big(most_bytes: int) -> Refusal:
    return Refusal(413, _("This is more than {n} MB, which is too much.").format(n=most_bytes // 1_000_000))
