"""One media file over http(s): from checked addresses alone, its redirects followed, its faults told apart.

A fault that may pass is Passing and worth another try; what no try mends is FetchError.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from tray.draft.addresses import AddressBook, RefusedError
from tray.locale import _
from tray.network import proxy_for, tls

LONGEST_WAIT_S = 20.0
"""A longer Retry-After is waited for this long only: the user waits too."""
STALLED_S = 20.0
MAX_REDIRECTS = 10


class FetchError(Exception):
    """A file that can't be had; the text says why and what to do."""


class Passing(Exception):  # noqa: N818 - not an error yet
    """A fault that may pass: the host is busy, the connection broke. `wait_s` is what the host asked for."""

    def __init__(self, text: str, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class Unreachable(Passing):
    """Not this file but its host is the fault."""


class Clients:
    """One worker's clients: one for each proxy, none but one for most users."""

    def __init__(self) -> None:
        self._clients: dict[str | None, httpx.AsyncClient] = {}

    def client(self, proxy: str | None) -> httpx.AsyncClient:
        if proxy not in self._clients:
            self._clients[proxy] = httpx.AsyncClient(
                verify=tls(), trust_env=False, proxy=proxy, timeout=httpx.Timeout(STALLED_S, connect=10.0)
            )
        return self._clients[proxy]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


@asynccontextmanager
async def opened(url: str, clients: Clients, book: AddressBook) -> AsyncIterator[httpx.Response]:
    """The response of `url`, its redirects followed, ready to be read. Raises Passing or FetchError."""
    at = url
    for _hop in range(MAX_REDIRECTS + 1):
        async with _Response(at, clients, book) as response:
            if not response.has_redirect_location:
                _refuse_status(response, at)
                yield response
                return
            at = _joined(at, response.headers["location"])
            if not at.lower().startswith(("http://", "https://")):
                raise FetchError(_("it redirects to {url}, which is not http(s)").format(url=short(at)))
    raise FetchError(_("it redirects more than {n} times in a circle").format(n=MAX_REDIRECTS))


class _Response:
    """Opens one response, from a checked address, and closes it. Nothing is redirected by itself."""

    def __init__(self, url: str, clients: Clients, book: AddressBook) -> None:
        self._url, self._clients, self._book = url, clients, book
        self._response: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        url = parsed(self._url)
        port = url.port or (443 if url.scheme == "https" else 80)
        proxy = proxy_for(self._url)
        try:
            self._book.check_name(url.host, port)
            addresses = [""] if proxy else await self._book.addresses(url.host, port)
        except RefusedError as error:
            raise FetchError(_("refused: {error}").format(error=error)) from None
        except (OSError, UnicodeError):
            raise Unreachable(_("the host {host} is not known").format(host=url.host)) from None
        client = self._clients.client(proxy)
        fault: Passing | None = None
        for address in addresses:
            try:
                # The limit is for a header that trickles in; the body has its own.
                opening = client.send(_request(client, url, address), stream=True)
                self._response = await asyncio.wait_for(opening, 2 * STALLED_S)
            except asyncio.TimeoutError:
                fault = Passing(_("{host} did not answer in time").format(host=url.host))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                fault = Unreachable(_in_words(error, url.host))
            except (httpx.TransportError, httpx.InvalidURL) as error:
                fault = Passing(_in_words(error, url.host))
            else:
                return self._response
        raise fault or Passing(_("the host {host} has no address").format(host=url.host))

    async def __aexit__(self, *_exc: object) -> None:
        if self._response:
            await self._response.aclose()


def _request(client: httpx.AsyncClient, url: httpx.URL, address: str) -> httpx.Request:
    """A request to the very address that was checked, so that a second look-up can't lead elsewhere."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "coze-tray"}
    if not address:
        return client.build_request("GET", url, headers=headers)
    headers["Host"] = url.netloc.decode("ascii")
    return client.build_request(
        "GET", url.copy_with(host=address), headers=headers, extensions={"sni_hostname": url.raw_host.decode("ascii")}
    )


async def body_of(response: httpx.Response) -> AsyncIterator[bytes]:
    """The response's bytes as they come. Raises Passing where they break off."""
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
        raise Passing(_in_words(error, response.request.headers.get("host", ""))) from None


def _in_words(error: Exception, host: str) -> str:
    if isinstance(error, httpx.TimeoutException):
        return _("{host} did not answer in time").format(host=host)
    if isinstance(error, httpx.ConnectError):
        return _("{host} can't be reached: {error}").format(host=host, error=error)
    if isinstance(error, httpx.RemoteProtocolError):
        return _("{host} cut the file off before its end").format(host=host)
    return _("the connection to {host} broke: {error}").format(host=host, error=error or type(error).__name__)


def _refuse_status(response: httpx.Response, url: str) -> None:
    code = response.status_code
    if code in (408, 425, 429) or code >= 500:
        raise Passing(_("the server answered {code}").format(code=code), _retry_after(response))
    if expired := _expired(url, code):
        raise FetchError(expired)
    if code in (404, 410):
        raise FetchError(_("the file is gone ({code}). Let the bot make it again.").format(code=code))
    if not 200 <= code < 300:
        raise FetchError(_("the server refused it ({code}). Let the bot make a new link.").format(code=code))


def _expired(url: str, code: int) -> str:
    """Signed CDN links die after hours: TOS puts the moment in `x-expires`, or a date and seconds in `X-Tos-*`."""
    if code not in (400, 401, 403, 404, 410):
        return ""
    query = {key.lower(): values[-1] for key, values in parse_qs(urlsplit(url).query).items()}
    moment: datetime | None = None
    try:
        if "x-expires" in query:
            moment = datetime.fromtimestamp(int(query["x-expires"]), timezone.utc)
        elif "x-tos-expires" in query and "x-tos-date" in query:
            signed = datetime.strptime(query["x-tos-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
            moment = datetime.fromtimestamp(signed.timestamp() + int(query["x-tos-expires"]), timezone.utc)
    except (ValueError, OverflowError, OSError):
        return ""
    if moment is None or moment > datetime.now(timezone.utc):
        return ""
    return _("the link expired at {moment} ({code}). Let the bot make it again, and build at once.").format(
        moment=moment.astimezone().strftime("%Y-%m-%d %H:%M"), code=code
    )


def _retry_after(response: httpx.Response) -> float | None:
    said = response.headers.get("retry-after", "")
    if (seconds := whole_number(said)) is not None:
        return float(seconds)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None


def wait_before_retry(error: Exception) -> bool | float:
    """What stamina asks: whether to try again, or after how many seconds."""
    if not isinstance(error, Passing):
        return False
    return True if error.wait_s is None else min(error.wait_s, LONGEST_WAIT_S)


def whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def parsed(url: str) -> httpx.URL:
    """Raises FetchError for what is no link."""
    not_a_link = FetchError(_("“{url}” is not a link").format(url=short(url)))
    try:
        found = httpx.URL(url)
        urlsplit(url)  # the proxy's rules are read with it, and it refuses other things
    except (httpx.InvalidURL, ValueError):
        raise not_a_link from None
    if not found.host or not 0 < (found.port or 80) < 65536:
        raise not_a_link
    return found


def _joined(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        raise FetchError(_("it redirects to {url}, which is not http(s)").format(url=short(location))) from None


def short(url: str) -> str:
    return url if len(url) <= 100 else f"{url[:100]}…"
