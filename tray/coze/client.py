"""One signed-in connection to Coze: cozepy's headers and request layer, and a reading of its own.

cozepy's stream reader ends a request on things that happen (a comment line, an error event, a line separator inside
JSON, a missing Content-Type), so the raw response is read here, by httpx-sse. That uses `cozepy.request`, which is no
public part of cozepy 0.20.0: that version is pinned.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx

from tray.coze import sdk, upload, wire
from tray.coze.credential import Credential
from tray.coze.errors import CODES, RETRIED, SIGN_IN, CozeError, NetworkAwayError
from tray.coze.tries import Pace
from tray.coze.wire import WireEvent
from tray.locale import _
from tray.network import keep_alive, proxy_for, tls
from tray.network import why as why_in_words

SILENT_S = 120.0
"""A stream that says nothing for so long is taken for dead; what became of the run is asked instead."""
ANSWER_S = 30.0
"""A plain answer that takes longer is not waited for."""
BUFFERED_S = 2.0
"""What had come before the computer slept is there at once; a stream that says nothing for so long then is broken."""
CONNECT_S = 10.0
SECRET_CHARS = 16
"""Real tokens are longer."""

Got = TypeVar("Got")


@dataclass(frozen=True)
class _Auth:
    """Lets cozepy sign each request with the credential's token of that moment (as its own AsyncAuth does)."""

    credential: Credential

    async def aauthentication(self, headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {await self.credential.token()}"


class Client:
    """Talks to `base_url`. `silent_s`: see SILENT_S. `pace`: the program's, as all its clients keep to one. Use as an
    async context manager; cancelling a call closes its connection.

    A token that is refused is renewed once and the request sent again, as it did nothing; where that is of no use,
    CozeError with a code in SIGN_IN comes out of every method."""

    def __init__(
        self, base_url: str, credential: Credential, silent_s: float = SILENT_S, pace: Pace | None = None
    ) -> None:
        self.base_url = base_url
        self.pace = pace or Pace()
        self.logid = ""
        """Of the last answer."""
        self._credential = credential
        self._silent_s = silent_s
        self._reading: set[anyio.CancelScope] = set()
        self._broken = ""
        self._breaks = 0
        cozepy = sdk.request_layer()
        self._http: httpx.AsyncClient = cozepy.AsyncHTTPClient(
            transport=httpx.AsyncHTTPTransport(
                verify=tls(), trust_env=False, proxy=proxy_for(base_url), socket_options=keep_alive()
            ),
            trust_env=False,
            follow_redirects=False,  # the token goes where the user said, nowhere else
        )
        self._requester = cozepy.Requester(auth=_Auth(credential), async_client=self._http)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.aclose()

    async def call(
        self, method: str, path: str, params: dict[str, str], body: dict[str, Any] | None = None
    ) -> tuple[Any, str]:
        """The `data` of a plain JSON answer, and its logid. Raises CozeError or NetworkAwayError."""

        async def read(response: httpx.Response) -> tuple[Any, str]:
            return (await self._whole(response)).get("data"), _logid(response)

        return await self._answered(lambda: self._request(method, path, params, body, ANSWER_S), read)

    async def upload(self, path: Path) -> str:
        """Upload the file at `path`. Returns its id in Coze. Raises UploadError where it can't be read or is too large,
        CozeError or NetworkAwayError."""
        size = await anyio.to_thread.run_sync(upload.size_bytes, path)

        async def request() -> httpx.Request:
            made = await self._request("POST", "/v1/files/upload", {}, None, self._silent_s)
            kind, content = upload.multipart(path, size)
            headers = made.headers.copy()
            headers.update(kind)
            return httpx.Request(made.method, made.url, headers=headers, content=content, extensions=made.extensions)

        async def read(response: httpx.Response) -> str:
            data = (await self._whole(response)).get("data")
            if not isinstance(data, dict) or not data.get("id"):
                raise CozeError("200", _("the uploaded file has no id"), _logid(response))
            return str(data["id"])

        return await self._answered(request, read)

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, params: dict[str, str], body: dict[str, Any], on_sending: Callable[[], None] | None = None
    ) -> AsyncIterator[AsyncGenerator[WireEvent, None]]:
        """The events of a streamed POST; entered once the answer has begun. `on_sending` is called when a connection
        is there and the request goes out. Raises CozeError where the answer is an error, NetworkAwayError where the
        connection fails or breaks."""
        async with contextlib.AsyncExitStack() as opened:
            known = on_sending is None  # what the stream is of, and so what to ask about when it breaks

            async def begun(response: httpx.Response) -> AsyncGenerator[WireEvent, None]:
                nonlocal known
                chunks, logid = self._chunks(response, lambda: known), _logid(response)
                first = b""
                async for first in chunks:
                    if first.strip():
                        break
                # An error comes as JSON, whatever Content-Type it says or lacks; an event stream never starts so.
                if response.status_code >= 300 or first.lstrip()[:1] == b"{":
                    _checked(response, first + await wire.whole(chunks, logid))
                    raise CozeError(str(response.status_code), _("an answer that is no event stream"), logid)
                known = True
                return await opened.enter_async_context(contextlib.aclosing(wire.events(first, chunks, logid)))

            yield await self._answered(
                lambda: self._request("POST", path, params, body, self._silent_s), begun, on_sending, opened
            )

    async def renew(self) -> bool:
        """Coze said inside a stream that it does not take the token: whether there is another one now."""
        with _nothing_sent():
            return await self._credential.renew(await self._credential.token())

    def break_streams(self, reason: str) -> None:
        """End every answer that is being waited for or read with NetworkAwayError, now: the connections are not to be
        trusted any more (the computer slept). The creation of something that has no id yet is left alone: its answer
        may come yet, and nobody could ask for it again. Of a stream that nobody reads at the moment, what has come is
        still read."""
        self._broken = reason
        self._breaks += 1
        for scope in tuple(self._reading):
            scope.cancel()

    async def _request(
        self, method: str, path: str, params: dict[str, str], body: dict[str, Any] | None, silent_s: float
    ) -> httpx.Request:
        made = await self._requester.amake_request(
            method, f"{self.base_url}{path}", params=params, json=body, stream=True
        )  # fmt: skip
        try:
            request: httpx.Request = made.as_httpx
        except UnicodeEncodeError:  # its text would quote the header with the token
            raise CozeError("request", _("a character in it, or in the token, can't be sent")) from None
        request.extensions = {
            **request.extensions,
            "timeout": httpx.Timeout(silent_s, connect=CONNECT_S).as_dict(),
        }
        return request

    async def _answered(
        self,
        make: Callable[[], Awaitable[httpx.Request]],
        read: Callable[[httpx.Response], Awaitable[Got]],
        on_sending: Callable[[], None] | None = None,
        keep: contextlib.AsyncExitStack | None = None,
    ) -> Got:
        """What `read` makes of the answer to the request. The response is closed after it, or when `keep` is."""
        for last in (False, True):
            with _nothing_sent():
                request = await make()
            try:
                async with contextlib.AsyncExitStack() as opened:
                    response = await self._sent(request, on_sending)
                    opened.push_async_callback(response.aclose)
                    got = await read(response)
                    if keep is not None:
                        keep.push_async_exit(opened.pop_all())
                    return got
            except CozeError as error:
                if last or error.code not in SIGN_IN:
                    raise
                with _nothing_sent():
                    refused = request.headers["Authorization"].removeprefix("Bearer ")
                    if not await self._credential.renew(refused):
                        raise
        raise AssertionError

    async def _sent(self, request: httpx.Request, on_sending: Callable[[], None] | None) -> httpx.Response:
        sent = False

        async def trace(event: str, info: dict[str, Any]) -> None:
            nonlocal sent
            # A tunnel through a proxy is asked for with a request of its own, which tells Coze nothing.
            if event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT" and not sent:
                sent = True
                if on_sending:
                    on_sending()

        request.extensions = {**request.extensions, "trace": trace}
        try:
            with self._breakable(on_sending is None):
                response = await self._http.send(request, stream=True)
                self.logid = _logid(response)
                return response
        except httpx.LocalProtocolError:  # the same
            raise CozeError("request", _("it is no request of HTTP")) from None
        except httpx.TransportError as error:
            raise _away(error, self.base_url, sent=sent) from None

    async def _whole(self, response: httpx.Response) -> dict[str, Any]:
        return _checked(response, await wire.whole(self._chunks(response, lambda: True), _logid(response)))

    async def _chunks(self, response: httpx.Response, breakable: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
        """The bytes of the answer as they come. Raises NetworkAwayError where they break off."""
        chunks = response.aiter_bytes()
        breaks = self._breaks
        while True:
            can_break = breakable()
            if not can_break:
                breaks = self._breaks
            try:
                with self._breakable(can_break), anyio.fail_after(None if breaks == self._breaks else BUFFERED_S):
                    chunk = await anext(chunks)
            except TimeoutError:
                raise NetworkAwayError(self._broken, sent=True, logid=_logid(response)) from None
            except StopAsyncIteration:
                return
            except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
                raise _away(error, self.base_url, sent=True, logid=_logid(response)) from None
            yield chunk

    @contextlib.contextmanager
    def _breakable(self, breakable: bool) -> Iterator[None]:
        """While the network is awaited in it, `break_streams` ends that."""
        if not breakable:
            yield
            return
        with anyio.CancelScope() as scope:
            self._reading.add(scope)
            try:
                yield
            finally:
                self._reading.discard(scope)
        if scope.cancelled_caught:
            raise NetworkAwayError(self._broken, sent=True)


@contextlib.contextmanager
def _nothing_sent() -> Iterator[None]:
    """Whatever a credential asks of the network says nothing about the request that it is for."""
    try:
        yield
    except NetworkAwayError as error:
        error.sent = False
        raise


def _checked(response: httpx.Response, body: bytes) -> dict[str, Any]:
    """The JSON object of an answer, unless it reports an error. Coze reports with HTTP 200 and a code, gateways with
    a status and a page, or with a code of their own."""
    logid = _logid(response)
    status = str(response.status_code)
    text = body.decode("utf-8", "replace")
    token = response.request.headers.get("Authorization", "").removeprefix("Bearer ")
    if len(token) >= SECRET_CHARS:  # a server that is not well repeats what it was sent
        text = text.replace(token, "…")
    parsed = wire.parsed(text)
    if isinstance(parsed, dict):
        code, message = wire.refusal(parsed)
        if not code and response.status_code < 300:
            return parsed
        detail = parsed.get("detail")
        logid = logid or str((detail.get("logid") if isinstance(detail, dict) else None) or "")[:100]
        # Of a code that is not known, the status says more where it says what to do.
        if code in CODES or (code and response.status_code < 500 and status not in RETRIED | SIGN_IN):
            raise CozeError(code, message, logid, _retry_after_s(response))
    text = text.strip()[:200] or response.reason_phrase
    if response.status_code >= 500 and status not in RETRIED:  # a gateway gave up: Coze may be at work all the same
        raise NetworkAwayError(
            _("Coze's gateway answered {code}: {text}").format(code=status, text=text), sent=True, logid=logid
        )
    raise CozeError(status, text, logid, _retry_after_s(response))


def _retry_after_s(response: httpx.Response) -> float:
    """Seconds, or a date, which is taken by the server's own clock: this computer's may be wrong."""
    said = response.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        until = parsedate_to_datetime(said)
        now = parsedate_to_datetime(response.headers["date"]) if "date" in response.headers else None
        return max(0.0, (until - (now or datetime.now(timezone.utc))).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return 0.0


def _logid(response: httpx.Response) -> str:
    return str(response.headers.get("x-tt-logid") or "")[:100]


def _away(error: Exception, url: str, *, sent: bool, logid: str = "") -> NetworkAwayError:
    """What broke, in words."""
    why = str(error) or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            words = _("The certificate of {url} can't be checked ({why}).")
            return NetworkAwayError(words.format(url=url, why=cause.verify_message), sent=False, code="tls")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ReadTimeout):
        return NetworkAwayError(_("Coze has said nothing for too long."), sent=sent, logid=logid)
    if isinstance(error, httpx.ProxyError):
        words = _("The proxy does not let {url} through ({why}).")
    elif isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        words, why = _("{url} can't be reached ({why})."), why_in_words(error)
    elif isinstance(error, httpx.RemoteProtocolError) and "peer closed" in why:  # how HTTP was framed helps nobody
        return NetworkAwayError(_("The connection to Coze broke."), sent=sent, logid=logid)
    else:
        return NetworkAwayError(_("The connection to Coze broke ({why}).").format(why=why), sent=sent, logid=logid)
    return NetworkAwayError(words.format(url=url, why=why), sent=sent, logid=logid)
