"""One media file over http(s): from checked addresses alone, its redirects followed, its faults told apart.

Imported when there is something to download, and not before: aiohttp takes a while to import. It is used here in place
of httpx because it takes a third of the time for many small files.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from socket import AddressFamily
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
import httpx
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from tray.draft.addresses import AddressBook, RefusedError
from tray.draft.faults import FetchError, Passing, Unreachable, short
from tray.locale import _
from tray.network import proxy_for, tls
from tray.network import why as why_in_words

# aiohttp makes two TLS contexts when it is imported. Each connector here is handed the program's own, and a store of
# certificates that is never used would stay in memory until the program ends.
for _name in ("_SSL_CONTEXT_VERIFIED", "_SSL_CONTEXT_UNVERIFIED"):
    setattr(aiohttp.connector, _name, tls())

STALLED_S = 20.0
MAX_REDIRECTS = 10
PER_HOST = 48
"""Requests under way at once to one host."""
LONGEST_HEADER_BYTES = 64 * 1024
"""Redirects to signed links hold long ones."""


class Connections:
    """One build's connections, kept for the next file: a session for each proxy, one for no proxy."""

    def __init__(self, book: AddressBook) -> None:
        self.book = book
        self.room: defaultdict[tuple[str, int], asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_HOST))
        self._sessions: dict[str | None, aiohttp.ClientSession] = {}
        self._proxies: dict[tuple[str, str, int], str | None] = {}

    def proxy(self, url: httpx.URL, port: int) -> str | None:
        """The proxy for `url`; asking the system takes its time, so each host is asked about once."""
        key = (url.scheme, url.host, port)
        if key not in self._proxies:
            self._proxies[key] = proxy_for(str(url))
        return self._proxies[key]

    def session(self, proxy: str | None) -> aiohttp.ClientSession:
        if proxy not in self._sessions:
            self._sessions[proxy] = aiohttp.ClientSession(
                connector=self._connector(proxy),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "coze-tray"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=STALLED_S),
                max_line_size=LONGEST_HEADER_BYTES,
                max_field_size=LONGEST_HEADER_BYTES,
                trust_env=False,
                proxy=proxy if proxy and not _is_socks(proxy) else None,
            )
        return self._sessions[proxy]

    def _connector(self, proxy: str | None) -> aiohttp.BaseConnector:
        if proxy is None:
            return aiohttp.TCPConnector(ssl=tls(), limit=0, resolver=_Checked(self.book), use_dns_cache=False)
        if not _is_socks(proxy):  # the names are the proxy's to resolve, its own is the system's
            return aiohttp.TCPConnector(ssl=tls(), limit=0)
        from aiohttp_socks import ProxyConnector

        plain = proxy.replace("socks5h://", "socks5://").replace("socks4a://", "socks4://")  # it resolves the names
        return ProxyConnector.from_url(plain, rdns=True, ssl=tls(), limit=0)

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()


class _Checked(AbstractResolver):
    """Connects to the very addresses that were checked, so that a second look-up can't lead elsewhere."""

    def __init__(self, book: AddressBook) -> None:
        self._book = book

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:  # noqa: ARG002 - aiohttp's signature
        found = await self._book.addresses(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=AddressFamily.AF_INET6 if ":" in address else AddressFamily.AF_INET,
                proto=0,
                flags=0,
            )
            for address in found
        ]

    async def close(self) -> None:
        pass


@contextlib.asynccontextmanager
async def opened(url: str, connections: Connections) -> AsyncIterator[aiohttp.ClientResponse]:
    """The response of `url`, its redirects followed, ready to be read. Raises Passing or FetchError."""
    at = url
    for _hop in range(MAX_REDIRECTS + 1):
        async with _Response(at, connections) as response:
            location = response.headers.get("location")
            if response.status not in (301, 302, 303, 307, 308) or location is None:
                _refuse_status(response, at)
                yield response
                return
            at = _joined(at, location)
            if not at.lower().startswith(("http://", "https://")):
                raise FetchError(_("it redirects to {url}, which is not http(s)").format(url=short(at)))
    raise FetchError(_("it redirects more than {n} times in a circle").format(n=MAX_REDIRECTS))


class _Response:
    """Opens one response, from a checked address, and closes it. Nothing is redirected by itself."""

    def __init__(self, url: str, connections: Connections) -> None:
        self._url, self._connections = url, connections
        self._room: asyncio.Semaphore | None = None
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> aiohttp.ClientResponse:
        url = parsed(self._url)
        port = url.port or (443 if url.scheme == "https" else 80)
        book, proxy = self._connections.book, self._connections.proxy(url, port)
        host = url.raw_host.decode("ascii")
        try:
            book.check_name(host, port)
            if proxy is None and not await book.addresses(host, port):
                raise Passing(_("the host {host} has no address").format(host=url.host))
        except RefusedError as error:
            raise FetchError(_("refused: {error}").format(error=error)) from None
        except (OSError, UnicodeError):
            raise Unreachable(_("the host {host} is not known").format(host=url.host), host_of(url)) from None
        room = self._connections.room[host, port]
        await room.acquire()
        try:
            # The limit is for a header that trickles in; the body has its own.
            opening = self._connections.session(proxy).get(yarl.URL(str(url), encoded=True), allow_redirects=False)
            self._response = await asyncio.wait_for(opening, 2 * STALLED_S)
            self._room = room
        except (asyncio.TimeoutError, TimeoutError):  # the second is a SOCKS proxy's, before Python 3.11
            raise _in_time(url.host) from None
        except _broken() as error:
            raise _fault(error, url) from None
        finally:
            if self._response is None:
                room.release()
        return self._response

    async def __aexit__(self, *_exc: object) -> None:
        if self._response is not None:
            self._response.release()  # to be used again if it was read to its end, else closed
        if self._room is not None:
            self._room.release()


async def body_of(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The response's bytes as they come. Raises Passing where they break off."""
    url = httpx.URL(str(response.url))
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except asyncio.TimeoutError:
        raise _in_time(url.host) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _fault(error, url) from None


def _in_time(host: str) -> Passing:
    return Passing(_("{host} did not answer in time").format(host=host))


def _fault(error: Exception, url: httpx.URL) -> Passing:
    host = url.host
    if isinstance(error, (aiohttp.ClientConnectorError, *_socks_errors())):
        return Unreachable(
            _("{host} can't be reached: {error}").format(host=host, error=why_in_words(error)), host_of(url)
        )
    if isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)):
        return _cut_off(host)
    said = short(str(error) or type(error).__name__)  # it may hold what the host sent
    return Passing(_("the connection to {host} broke: {error}").format(host=host, error=said))


def _cut_off(host: str) -> Passing:
    return Passing(_("{host} cut the file off before its end").format(host=host))


def _broken() -> tuple[type[Exception], ...]:
    """What a connection may raise."""
    return aiohttp.ClientError, OSError, ValueError, *_socks_errors()


def _socks_errors() -> tuple[type[Exception], ...]:
    """What aiohttp_socks raises, where it was needed: the library stays in memory, and few have such a proxy."""
    if "aiohttp_socks" not in sys.modules:
        return ()
    from aiohttp_socks import ProxyConnectionError, ProxyError

    return ProxyConnectionError, ProxyError


def _is_socks(proxy: str) -> bool:
    return proxy.lower().startswith("socks")


def _refuse_status(response: aiohttp.ClientResponse, url: str) -> None:
    code = response.status
    if code in (408, 425, 429) or code >= 500:
        raise Passing(_("the server answered {code}").format(code=code), _retry_after(response))
    if expired := _expired(url, code):
        raise FetchError(expired)
    if code in (404, 410):
        raise FetchError(_("the file is gone ({code}). Let the bot make it again.").format(code=code))
    if not 200 <= code < 300:
        raise FetchError(_("the server refused it ({code}). Let the bot make a new link.").format(code=code))
    if code == 206 and not _is_whole(response.headers.get("content-range", "")):
        raise _cut_off(parsed(url).host)


def _is_whole(content_range: str) -> bool:
    """Whether a part, which nobody asked for, is the whole: `bytes 0-99/100`."""
    said, _slash, size = content_range.removeprefix("bytes 0-").partition("/")
    last, count = whole_number(said), whole_number(size)
    return last is not None and count == last + 1


def _expired(url: str, code: int) -> str:
    """Signed CDN links die after hours: TOS puts the moment in `x-expires`, or a date and seconds in `X-Tos-*`."""
    if code not in (400, 401, 403, 404, 410):
        return ""
    query = {key.lower(): values[-1] for key, values in parse_qs(urlsplit(url).query).items()}
    try:
        if "x-expires" in query:
            moment = datetime.fromtimestamp(int(query["x-expires"]), timezone.utc)
        elif "x-tos-expires" in query and "x-tos-date" in query:
            signed = datetime.strptime(query["x-tos-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
            moment = datetime.fromtimestamp(signed.timestamp() + int(query["x-tos-expires"]), timezone.utc)
        else:
            return ""
        if moment > datetime.now(timezone.utc):
            return ""
        said = moment.astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return ""
    return _("the link expired at {moment} ({code}). Let the bot make it again, and build at once.").format(
        moment=said, code=code
    )


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    said = response.headers.get("retry-after", "")
    if (seconds := whole_number(said)) is not None:
        return float(seconds)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None


def whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@functools.lru_cache(256)  # a URL is looked at twice
def parsed(url: str) -> httpx.URL:
    """Raises FetchError for what is no link. httpx keeps what is quoted as it is: a signature is over it."""
    not_a_link = FetchError(_("“{url}” is not a link").format(url=short(url)))
    try:
        found = httpx.URL(url)
        urlsplit(url)  # the proxy's rules are read with it, and it refuses other things
        host, port = found.host, found.port or 80
    except (httpx.InvalidURL, ValueError):
        raise not_a_link from None
    if not host or not 0 < port < 65536:
        raise not_a_link
    return found


def host_of(url: httpx.URL) -> str:
    """The host and its port, as Unreachable names it."""
    return url.netloc.decode("ascii")


def _joined(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        raise FetchError(_("it redirects to {url}, which is not http(s)").format(url=short(location))) from None
