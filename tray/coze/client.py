"""One signed-in connection to Coze: cozepy's authentication, headers and request layer, and a reading of its own.

cozepy's stream reader ends a request on things that happen (a comment line, an error event, a line separator inside
JSON, a missing Content-Type), so the raw response is read here, by httpx-sse. That uses `_requester`, a private
attribute of cozepy 0.20.0, which is why that version is pinned.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from cozepy import AsyncCoze, AsyncTokenAuth
from cozepy.request import AsyncHTTPClient
from httpx_sse import EventSource

from tray.coze.errors import CozeError, NetworkAwayError
from tray.locale import _
from tray.network import proxy_for, tls

SILENT_S = 180.0
"""A stream that says nothing for so long is taken for dead; what became of the run is asked instead."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@dataclass(frozen=True)
class WireEvent:
    """One event of a stream: its name, and its data as parsed JSON (a str where it is none)."""

    name: str
    data: Any
    logid: str


class Client:
    """Talks to `base_url` with `token`. Use as an async context manager; cancelling a call closes its connection."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self._http = AsyncHTTPClient(  # type: ignore[no-untyped-call]
            verify=tls(),
            trust_env=False,
            proxy=proxy_for(base_url),
            follow_redirects=False,  # the token goes where the user said, nowhere else
            timeout=httpx.Timeout(SILENT_S, connect=10.0),
        )
        self._requester = AsyncCoze(
            auth=AsyncTokenAuth(token), base_url=base_url, http_client=self._http
        )._requester  # see the module's docstring

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.aclose()

    async def call(self, method: str, path: str, params: dict[str, str]) -> Any:
        """The `data` of a plain JSON answer. Raises CozeError or NetworkAwayError."""
        async with self._response(method, path, params, None) as response:
            with _network(sent=True):
                body = await response.aread()
        return _checked(response, body).get("data")

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, params: dict[str, str], body: dict[str, Any]
    ) -> AsyncIterator[AsyncGenerator[WireEvent, None]]:
        """The events of a streamed POST; entered once the answer has begun. Raises CozeError where the answer is an
        error, NetworkAwayError where the connection fails or breaks."""
        async with self._response("POST", path, params, body) as response:
            chunks = response.aiter_bytes()
            first = b""
            with _network(sent=True):
                async for first in chunks:
                    if first.strip():
                        break
                # An error comes as JSON, whatever Content-Type it says or lacks; an event stream never starts so.
                if response.status_code >= 300 or first.lstrip()[:1] == b"{":
                    _checked(response, first + b"".join([chunk async for chunk in chunks]))
                    raise CozeError(str(response.status_code), _("an answer that is no event stream"), _logid(response))
            events = _events(first, chunks, _logid(response))
            async with contextlib.aclosing(events):
                yield events

    @contextlib.asynccontextmanager
    async def _response(
        self, method: str, path: str, params: dict[str, str], body: dict[str, Any] | None
    ) -> AsyncIterator[httpx.Response]:
        request = await self._requester.amake_request(
            method, f"{self.base_url}{path}", params=params, json=body, stream=True
        )
        try:
            response = await self._http.send(request.as_httpx, stream=True)
        except httpx.TransportError as error:
            raise NetworkAwayError(_in_words(error, self.base_url), sent=not isinstance(error, _NEVER_SENT)) from None
        try:
            yield response
        finally:
            await response.aclose()


async def _events(first: bytes, rest: AsyncIterator[bytes], logid: str) -> AsyncGenerator[WireEvent, None]:
    async def body() -> AsyncIterator[bytes]:
        yield first
        async for chunk in rest:
            yield chunk
        yield b"\n\n"  # some streams end without the blank line that ends their last event

    headers = {"content-type": "text/event-stream; charset=utf-8"}  # httpx-sse refuses to read without one
    with _network(sent=True, logid=logid):
        async for sse in EventSource(httpx.Response(200, headers=headers, content=body())).aiter_sse():
            if sse.data or sse.event != "message":  # comments and blank lines yield empty messages
                yield WireEvent(sse.event, _parsed(sse.data), logid)


def _parsed(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data


def _checked(response: httpx.Response, body: bytes) -> dict[str, Any]:
    """The JSON object of an answer, unless it reports an error. Coze reports with HTTP 200 and a code, gateways with
    a status and a page."""
    logid = _logid(response)
    parsed = _parsed(body.decode("utf-8", "replace"))
    if isinstance(parsed, dict):
        code = str(parsed.get("code") or "0")
        if code not in ("0", ""):
            detail = parsed.get("detail")
            logid = logid or str((detail.get("logid") if isinstance(detail, dict) else None) or "")
            raise CozeError(code, str(parsed.get("msg") or parsed.get("message") or ""), logid)
        if response.status_code < 300:
            return parsed
    if response.status_code == 504:  # the gateway gave up waiting: Coze may be at work
        raise NetworkAwayError(_("Coze's gateway timed out (504)"), sent=True, logid=logid)
    text = body.decode("utf-8", "replace").strip()
    raise CozeError(str(response.status_code), text[:200] or response.reason_phrase, logid)


def _logid(response: httpx.Response) -> str:
    return str(response.headers.get("x-tt-logid") or "")


@contextlib.contextmanager
def _network(*, sent: bool, logid: str = "") -> Any:
    try:
        yield
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
        raise NetworkAwayError(_in_words(error, ""), sent=sent, logid=logid) from None


def _in_words(error: Exception, url: str) -> str:
    why = str(error) or type(error).__name__
    if isinstance(error, _NEVER_SENT):
        return _("{url} can't be reached ({why}).").format(url=url, why=why)
    return _("The connection to Coze broke ({why}).").format(why=why)
