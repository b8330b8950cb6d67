"""Gets media: over http(s), from `data:` URLs, and from folders the user allowed. All at once, bounded, checked."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import io
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, unquote_to_bytes, urljoin, urlsplit
from urllib.request import url2pathname

import httpx
import stamina

from tray.draft.addresses import AddressBook, RefusedError
from tray.locale import _
from tray.network import proxy_for, tls

log = logging.getLogger(__name__)
stamina.instrumentation.set_on_retry_hooks([])  # it would write a line for every pause

AT_ONCE = 24
"""Downloads under way at once, each with a client of its own: httpx's pool scans every connection per request."""
ATTEMPTS = 5
LONGEST_WAIT_S = 20.0
"""A longer Retry-After is waited for this long only: the user waits too."""
STALLED_S = 20.0
SLOWEST_BYTES_PER_S = 512
MAX_REDIRECTS = 10


@dataclass(frozen=True)
class FetchPolicy:
    """What may be fetched. `allow_hosts`: private hosts that media may come from. `allow_folders`: folders of this
    machine that media may come from. `max_bytes`: the largest file."""

    allow_hosts: frozenset[str] = frozenset()
    allow_folders: tuple[Path, ...] = ()
    max_bytes: int = 2 * 1024**3


@dataclass(frozen=True)
class Media:
    """A file that is here. `path` has no extension yet: the content tells it (see probe)."""

    url: str
    path: Path
    sha256: str
    size_bytes: int


class FetchError(Exception):
    """A file that can't be had; the text says why and what to do."""


class _Passing(Exception):  # noqa: N818 - not an error yet
    """A fault that may pass: the host is busy, the connection broke. `wait_s` is what the host asked for."""

    def __init__(self, text: str, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class _Unreachable(_Passing):
    """Not this file but its host is the fault."""


Progress = Callable[[int, int, int], None]
"""Called with files done, files in all, and bytes received so far."""


@dataclass
class Fetcher:
    """Gets files into the folder `into`, each once, named by its content's hash."""

    into: Path
    policy: FetchPolicy
    _book: AddressBook = field(init=False)
    _received_bytes: int = 0
    _kept: set[str] = field(default_factory=set)
    _dead: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._book = AddressBook(self.policy.allow_hosts)

    async def all(
        self, urls: Iterable[str], progress: Progress
    ) -> AsyncGenerator[Media | tuple[str, FetchError], None]:
        """Each URL's file, or the reason why it can't be had, as they come. Closing it ends every download."""
        wanted = list(dict.fromkeys(urls))
        free: asyncio.LifoQueue[_Clients] = asyncio.LifoQueue()
        crew = [_Clients() for _n in range(min(AT_ONCE, len(wanted)))]
        for clients in crew:
            free.put_nowait(clients)

        async def get(url: str) -> Media | tuple[str, FetchError]:
            clients = await free.get()
            try:
                return await self._one(url, clients)
            except FetchError as error:
                return url, error
            except Exception as error:  # one odd link must not take the others with it
                log.exception("a link could not be fetched")
                return url, FetchError(_("it can't be fetched ({error})").format(error=error or type(error).__name__))
            finally:
                free.put_nowait(clients)

        tasks = [asyncio.ensure_future(get(url)) for url in wanted]
        try:
            for done, task in enumerate(asyncio.as_completed(tasks), 1):
                got = await task
                progress(done, len(wanted), self._received_bytes)
                yield got
        finally:
            for pending in tasks:
                pending.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for clients in crew:
                await clients.close()

    async def _one(self, url: str, clients: _Clients) -> Media:
        if url[:5].lower() == "data:":
            return await asyncio.to_thread(self._keep_data, url)
        if not url.lower().startswith(("http://", "https://")):
            return await asyncio.to_thread(self._keep_local, url)
        host = _parsed(url).netloc.decode("ascii")
        if host in self._dead:  # tried in vain for another file of it
            raise FetchError(self._dead[host])
        try:
            # jitter spreads the tries of many files; the first pause is short, most faults pass at once
            async for attempt in stamina.retry_context(
                on=_wait, attempts=ATTEMPTS, timeout=None, wait_initial=0.3, wait_max=LONGEST_WAIT_S, wait_jitter=0.3
            ):
                with attempt:
                    return await self._download(url, clients)
        except _Passing as fault:
            text = _("{fault} (tried {n} times). Run it again in a few minutes.").format(fault=fault, n=ATTEMPTS)
            if isinstance(fault, _Unreachable):
                self._dead[host] = text
            raise FetchError(text) from None
        raise AssertionError("unreachable")

    async def _download(self, url: str, clients: _Clients) -> Media:
        at = url
        for _hop in range(MAX_REDIRECTS + 1):
            async with _Response(at, clients, self._book) as response:
                if response.has_redirect_location:
                    at = _joined(at, response.headers["location"])
                    if not at.lower().startswith(("http://", "https://")):
                        raise FetchError(_("it redirects to {url}, which is not http(s)").format(url=_short(at)))
                    continue
                _refuse_status(response, at)
                announced = _whole_number(response.headers.get("content-length", "")) or 0
                if announced > self.policy.max_bytes:
                    raise self._too_large(announced)
                return await self._keep(url, self._chunks(response))
        raise FetchError(_("it redirects more than {n} times in a circle").format(n=MAX_REDIRECTS))

    async def _chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """The body, refused when it is not one, and called stalled when it only trickles."""
        watched_from, watched_bytes, first = time.monotonic(), 0, True
        async for chunk in _guarded(response.aiter_bytes(), response.request):
            if first and _is_html(chunk):
                raise FetchError(
                    _("the server sent a web page instead of media. Open the link in a browser to see what it says.")
                )
            first = False
            self._received_bytes += len(chunk)
            watched_bytes += len(chunk)
            if (spent := time.monotonic() - watched_from) > STALLED_S:
                if watched_bytes < SLOWEST_BYTES_PER_S * spent:
                    raise _Passing(_("the download stalled"))
                watched_from, watched_bytes = time.monotonic(), 0
            yield chunk

    async def _keep(self, url: str, chunks: AsyncGenerator[bytes, None]) -> Media:
        digest, size = hashlib.sha256(), 0
        part = self.into / f"{os.urandom(8).hex()}.part"
        try:
            with part.open("wb") as file:
                async with aclosing(chunks) as body:
                    async for chunk in body:
                        size += len(chunk)
                        if size > self.policy.max_bytes:
                            raise self._too_large(size)
                        digest.update(chunk)
                        file.write(chunk)
            return self._named(url, part, digest.hexdigest(), size)
        except OSError as error:
            raise FetchError(_("it can't be stored: {error}").format(error=error.strerror or error)) from error
        finally:
            part.unlink(missing_ok=True)

    def _named(self, url: str, part: Path, sha256: str, size: int) -> Media:
        if size == 0:
            raise FetchError(_("the file is empty"))
        path = self.into / sha256[:32]
        if sha256 not in self._kept:  # another link had the same content, and that file may be being read
            self._kept.add(sha256)
            part.replace(path)
        return Media(url, path, sha256, size)

    def _too_large(self, size: int) -> FetchError:
        return FetchError(
            _("the file is too large ({size:.1f} GB of {most:.1f} GB allowed; the setting is max_media_bytes)").format(
                size=size / 1e9, most=self.policy.max_bytes / 1e9
            )
        )

    def _keep_data(self, url: str) -> Media:
        head, comma, body = url.partition(",")
        if not comma:
            raise FetchError(_("the data: URL has no comma, so no data"))
        data = unquote_to_bytes(body)
        if head.lower().replace(" ", "").endswith(";base64"):
            data = b"".join(data.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
            try:
                data = base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
            except (binascii.Error, ValueError):
                raise FetchError(_("the data: URL is not valid base64")) from None
        return self._write(url, io.BytesIO(data))

    def _keep_local(self, url: str) -> Media:
        """A file of this machine, if the user allowed its folder. A UNC path is not even looked at: that alone would
        send the user's Windows login to the host it names."""
        text = url2pathname(urlsplit(url).path) if url[:5].lower() == "file:" else url
        has_host = url[:5].lower() == "file:" and urlsplit(url).netloc not in ("", "localhost")
        refused = FetchError(
            _("“{url}” is not an http(s) link. Files of this computer are used only from folders named in the setting "
              "media_folders.").format(url=_short(url))
        )  # fmt: skip
        if has_host or text.startswith(("\\\\", "//")) or not self.policy.allow_folders:
            raise refused
        path = Path(text)
        if not path.is_absolute():
            raise refused
        real = path.resolve()
        if not any(real.is_relative_to(folder.resolve()) for folder in self.policy.allow_folders):
            raise refused
        try:
            with real.open("rb") as file:
                return self._write(url, file)
        except OSError as error:
            raise FetchError(_("it can't be read: {error}").format(error=error.strerror or error)) from error

    def _write(self, url: str, data: BinaryIO) -> Media:
        part, digest, size = self.into / f"{os.urandom(8).hex()}.part", hashlib.sha256(), 0
        try:
            with part.open("wb") as file:
                while chunk := data.read(1 << 20):
                    size += len(chunk)
                    if size > self.policy.max_bytes:
                        raise self._too_large(size)
                    digest.update(chunk)
                    file.write(chunk)
            self._received_bytes += size
            return self._named(url, part, digest.hexdigest(), size)
        finally:
            part.unlink(missing_ok=True)


class _Clients:
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


class _Response:
    """Opens one response, from a checked address, and closes it. Nothing is redirected by itself."""

    def __init__(self, url: str, clients: _Clients, book: AddressBook) -> None:
        self._url, self._clients, self._book = url, clients, book
        self._response: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        url = _parsed(self._url)
        port = url.port or (443 if url.scheme == "https" else 80)
        proxy = proxy_for(self._url)
        try:
            self._book.check_name(url.host, port)
            addresses = [""] if proxy else await self._book.addresses(url.host, port)
        except RefusedError as error:
            raise FetchError(_("refused: {error}").format(error=error)) from None
        except (OSError, UnicodeError):
            raise _Unreachable(_("the host {host} is not known").format(host=url.host)) from None
        client = self._clients.client(proxy)
        fault: _Passing | None = None
        for address in addresses:
            try:
                # The limit is for a header that trickles in; the body has its own.
                opening = client.send(_request(client, url, address), stream=True)
                self._response = await asyncio.wait_for(opening, 2 * STALLED_S)
            except asyncio.TimeoutError:
                fault = _Passing(_("{host} did not answer in time").format(host=url.host))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                fault = _Unreachable(_in_words(error, url.host))
            except (httpx.TransportError, httpx.InvalidURL) as error:
                fault = _Passing(_in_words(error, url.host))
            else:
                return self._response
        raise fault or _Passing(_("the host {host} has no address").format(host=url.host))

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


async def _guarded(body: AsyncIterator[bytes], request: httpx.Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in body:
            yield chunk
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
        raise _Passing(_in_words(error, request.headers.get("host", ""))) from None


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
        raise _Passing(_("the server answered {code}").format(code=code), _retry_after(response))
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
    if (seconds := _whole_number(said)) is not None:
        return float(seconds)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None


def _wait(error: Exception) -> bool | float:
    """What stamina asks: whether to try again, or after how many seconds."""
    if not isinstance(error, _Passing):
        return False
    return True if error.wait_s is None else min(error.wait_s, LONGEST_WAIT_S)


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _parsed(url: str) -> httpx.URL:
    """Raises FetchError for what is no link."""
    not_a_link = FetchError(_("“{url}” is not a link").format(url=_short(url)))
    try:
        parsed = httpx.URL(url)
        urlsplit(url)  # the proxy's rules are read with it, and it refuses other things
    except (httpx.InvalidURL, ValueError):
        raise not_a_link from None
    if not parsed.host or not 0 < (parsed.port or 80) < 65536:
        raise not_a_link
    return parsed


def _joined(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        raise FetchError(_("it redirects to {url}, which is not http(s)").format(url=_short(location))) from None


def _is_html(start: bytes) -> bool:
    head = start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _short(url: str) -> str:
    return url if len(url) <= 100 else f"{url[:100]}…"
