"""One signed-in connection to Coze: cozepy's authentication, headers and request layer, and a reading of its own.

cozepy's stream reader ends a request on things that happen (a comment line, an error event, a line separator inside
JSON, a missing Content-Type), so the raw response is read here, by httpx-sse. That uses `_requester`, a private
attribute of cozepy 0.20.0, which is why that version is pinned.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from cozepy import AsyncAuth, AsyncCoze
from cozepy.request import AsyncHTTPClient
from httpx_sse import EventSource

from tray.coze.credential import Credential
from tray.coze.errors import RETRIED, CozeError, NetworkAwayError
from tray.locale import _
from tray.network import proxy_for, tls
from tray.text import whole_characters

SILENT_S = 120.0
"""A stream that says nothing for so long is taken for dead; what became of the run is asked instead."""


_HALF = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class WireEvent:
    """One event of a stream: its name, and its data as parsed JSON (a str where it is none)."""

    name: str
    data: Any
    logid: str


class _Auth(AsyncAuth):
    """Lets cozepy sign each request with the credential's token of that moment."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    @property
    def token_type(self) -> str:
        return "Bearer"

    @property
    async def atoken(self) -> str:
        return await self._credential.token()


class Client:
    """Talks to `base_url`. `silent_s`: see SILENT_S. Use as an async context manager; cancelling a call closes its
    connection."""

    def __init__(self, base_url: str, credential: Credential, silent_s: float = SILENT_S) -> None:
        self.base_url = base_url
        self._http = AsyncHTTPClient(  # type: ignore[no-untyped-call]
            verify=tls(),
            trust_env=False,
            proxy=proxy_for(base_url),
            follow_redirects=False,  # the token goes where the user said, nowhere else
            timeout=httpx.Timeout(silent_s, connect=10.0),
        )
        self._requester = AsyncCoze(
            auth=_Auth(credential), base_url=base_url, http_client=self._http
        )._requester  # see the module's docstring

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.aclose()

    async def call(self, method: str, path: str, params: dict[str, str]) -> tuple[Any, str]:
        """The `data` of a plain JSON answer, and its logid. Raises CozeError or NetworkAwayError."""
        async with self._response(method, path, params, None, None) as response:
            with _network():
                body = await response.aread()
        return _checked(response, body).get("data"), _logid(response)

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, params: dict[str, str], body: dict[str, Any], on_sending: Callable[[], None] | None = None
    ) -> AsyncIterator[AsyncGenerator[WireEvent, None]]:
        """The events of a streamed POST; entered once the answer has begun. `on_sending` is called when a connection
        is there and the request goes out. Raises CozeError where the answer is an error, NetworkAwayError where the
        connection fails or breaks."""
        async with self._response("POST", path, params, body, on_sending) as response:
            chunks = response.aiter_bytes()
            first = b""
            with _network():
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
        self,
        method: str,
        path: str,
        params: dict[str, str],
        body: dict[str, Any] | None,
        on_sending: Callable[[], None] | None,
    ) -> AsyncIterator[httpx.Response]:
        made = await self._requester.amake_request(
            method, f"{self.base_url}{path}", params=params, json=body, stream=True
        )  # fmt: skip
        request, sent = made.as_httpx, False

        async def trace(event: str, _info: dict[str, Any]) -> None:
            nonlocal sent
            if event == "http11.send_request_headers.started" and not sent:
                sent = True
                if on_sending:
                    on_sending()

        request.extensions = {**request.extensions, "trace": trace}
        try:
            response = await self._http.send(request, stream=True)
        except httpx.LocalProtocolError:  # its text would quote the header with the token
            raise CozeError("request", _("the request can't be sent as it is")) from None
        except httpx.TransportError as error:
            raise NetworkAwayError(_in_words(error, self.base_url), sent=sent) from None
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
    with _network(logid=logid):
        async for sse in EventSource(httpx.Response(200, headers=headers, content=body())).aiter_sse():
            if sse.data or sse.event != "message":  # comments and blank lines yield empty messages
                yield WireEvent(sse.event, _parsed(sse.data), logid)


def _parsed(data: str) -> Any:
    try:
        value = json.loads(data)
        if _HALF.search(data):
            value = json.loads(whole_characters(json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return data
    return value


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
            message = str(parsed.get("msg") or parsed.get("message") or "")
            raise CozeError(code, message, logid, _retry_after_s(response))
        if response.status_code < 300:
            return parsed
    code = str(response.status_code)
    text = body.decode("utf-8", "replace").strip()[:200] or response.reason_phrase
    if response.status_code >= 500 and code not in RETRIED:  # a gateway gave up: Coze may be at work all the same
        raise NetworkAwayError(_("Coze's gateway answered {code}: {text}").format(code=code, text=text), sent=True)
    raise CozeError(code, text, logid, _retry_after_s(response))


def _retry_after_s(response: httpx.Response) -> float:
    said = response.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() else 0.0


def _logid(response: httpx.Response) -> str:
    return str(response.headers.get("x-tt-logid") or "")


@contextlib.contextmanager
def _network(*, logid: str = "") -> Iterator[None]:
    """Turns what breaks while an answer is read into NetworkAwayError."""
    try:
        yield
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
        raise NetworkAwayError(_in_words(error, ""), sent=True, logid=logid) from None


def _in_words(error: Exception, url: str) -> str:
    why = str(error) or type(error).__name__
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)):
        return _("{url} can't be reached ({why}).").format(url=url, why=why)
    return _("The connection to Coze broke ({why}).").format(why=why)
