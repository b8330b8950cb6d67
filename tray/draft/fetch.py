"""Gets media: over http(s), from `data:` URLs, and from folders the user allowed. All at once, bounded, checked."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import io
import logging
import os
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import stamina

from tray.draft.addresses import AddressBook
from tray.draft.faults import FetchError, Passing, Unreachable, short
from tray.draft.folders import is_unc
from tray.draft.threads import to_its_end
from tray.locale import _

if TYPE_CHECKING:
    from tray.draft.download import Connections

log = logging.getLogger(__name__)
stamina.instrumentation.set_on_retry_hooks([])  # it would write a line for every pause

AT_ONCE = 64
"""Files under way at once; how many of them from one host: download.PER_HOST."""
ATTEMPTS = 5
LONGEST_WAIT_S = 20.0
"""A longer Retry-After is waited for this long only: the user waits too."""
SLOWEST_BYTES_PER_S = 512
IN_MEMORY_BYTES = 256 * 1024
"""A file up to here is written when it is whole, together with others, by a thread: making a file takes longer than
getting a small one, and nothing else arrives meanwhile."""
TOLD_EVERY_S = 0.5
MOST_WAITING = 128
"""Files that are here and not yet asked for; then the downloads wait."""


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


Progress = Callable[[int, int, int], None]
"""Called with files done, files in all, and bytes received so far."""


@dataclass
class Fetcher:
    """Gets files into the folder `into`, each under a name of its own."""

    into: Path
    policy: FetchPolicy
    received_bytes: int = 0
    _dead: dict[str, str] = field(default_factory=dict)
    _is_over: bool = False

    async def all(self, urls: Iterable[str]) -> AsyncGenerator[list[Media | tuple[str, FetchError]], None]:
        """Each URL's file, or the reason why it can't be had: as many at a time as have come meanwhile, none when
        nothing has for a while (`received_bytes` may have grown). Closing it ends every download; not asking for more
        pauses them after a while."""
        wanted = list(dict.fromkeys(urls))
        waiting = iter(wanted)
        batch: list[tuple[str, _Part | FetchError]]
        here: asyncio.Queue[tuple[str, _Part | FetchError]] = asyncio.Queue(MOST_WAITING)
        connections = self._connections() if any(is_http(url) for url in wanted) else None

        async def work() -> None:
            for url in waiting:
                await here.put((url, await self._one(url, connections)))

        crew = [asyncio.ensure_future(work()) for _n in range(min(AT_ONCE, len(wanted)))]
        left = len(wanted)
        try:
            while left:
                batch = []
                with suppress(asyncio.TimeoutError):
                    batch.append(await asyncio.wait_for(here.get(), TOLD_EVERY_S))
                while not here.empty():
                    batch.append(here.get_nowait())
                left -= len(batch)
                yield await to_its_end(_stored, batch) if batch else []
        finally:
            self._is_over = True
            for task in crew:
                task.cancel()
            await asyncio.gather(*crew, return_exceptions=True)
            if connections:
                await connections.close()

    def _connections(self) -> Connections:
        from tray.draft.download import Connections

        return Connections(AddressBook(self.policy.allow_hosts))

    async def _one(self, url: str, connections: Connections | None) -> _Part | FetchError:
        try:
            if url[:5].lower() == "data:":
                return await to_its_end(self._keep_data, url)
            if connections is None or not is_http(url):
                return await to_its_end(self._keep_local, url)
            return await self._download(url, connections)
        except FetchError as error:
            return error
        except Exception as error:  # one odd link must not take the others with it
            log.exception("a link could not be fetched")
            return FetchError(_("it can't be fetched ({error})").format(error=str(error) or type(error).__name__))

    async def _download(self, url: str, connections: Connections) -> _Part:
        from tray.draft import download

        host = download.host_of(download.parsed(url))
        if host in self._dead:  # tried in vain for another file of it
            raise FetchError(self._dead[host])
        try:
            # Jitter spreads the tries of many files; the first pause is short, as most faults pass at once.
            async for attempt in stamina.retry_context(
                on=_wait_before_retry,
                attempts=ATTEMPTS,
                timeout=None,
                wait_initial=0.3,
                wait_max=LONGEST_WAIT_S,
                wait_jitter=0.3,
            ):
                with attempt:
                    async with download.opened(url, connections) as response:
                        announced = download.whole_number(response.headers.get("content-length", "")) or 0
                        if announced > self.policy.max_bytes:
                            raise too_large(announced, self.policy.max_bytes)
                        return await self._kept(self._watched(download.body_of(response)))
        except Passing as fault:
            text = _("{fault} (tried {n} times). Run it again in a few minutes.").format(fault=fault, n=ATTEMPTS)
            if isinstance(fault, Unreachable):
                self._dead[fault.host] = text  # which may be another that it led to
            raise FetchError(text) from None
        raise AssertionError("unreachable")

    async def _watched(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """The body, refused when it is not one, and called stalled when it only trickles."""
        from tray.draft import download

        watched_from, watched_bytes, first = time.monotonic(), 0, True
        async for chunk in body:
            if first and _is_html(chunk):
                raise FetchError(
                    _("the server sent a web page instead of media. Open the link in a browser to see what it says.")
                )
            first = False
            self.received_bytes += len(chunk)
            watched_bytes += len(chunk)
            if (spent := time.monotonic() - watched_from) > download.STALLED_S:
                if watched_bytes < SLOWEST_BYTES_PER_S * spent:
                    raise Passing(_("the download stalled"))
                watched_from, watched_bytes = time.monotonic(), 0
            yield chunk

    async def _kept(self, chunks: AsyncGenerator[bytes, None]) -> _Part:
        with _Part(self.into, self.policy.max_bytes) as part:
            async with aclosing(chunks) as body:
                async for chunk in body:
                    part.write(chunk)
        return part

    def _keep_data(self, url: str) -> _Part:
        head, comma, body = url.partition(",")
        if not comma:
            raise FetchError(_("the data: URL has no comma, so no data"))
        data = b"".join(_unquoted(body))
        if head.lower().replace(" ", "").endswith(";base64"):
            data = b"".join(data.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
            try:
                data = base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
            except (binascii.Error, ValueError):
                raise FetchError(_("the data: URL is not valid base64")) from None
        return self._copied(io.BytesIO(data))

    def _keep_local(self, url: str) -> _Part:
        """A file of this machine, if the user allowed its folder. A UNC path is not even looked at: that alone would
        send the user's Windows login to the host it names."""
        text = url2pathname(urlsplit(url).path) if url[:5].lower() == "file:" else url
        has_host = url[:5].lower() == "file:" and urlsplit(url).netloc not in ("", "localhost")
        refused = FetchError(
            _("“{url}” is not an http(s) link. Files of this computer are used only from folders named in the setting "
              "media_folders.").format(url=short(url))
        )  # fmt: skip
        if has_host or is_unc(text) or not self.policy.allow_folders:
            raise refused
        path = Path(text)
        if not path.is_absolute():
            raise refused
        try:
            real = path.resolve()
            if not any(real.is_relative_to(folder.resolve()) for folder in self.policy.allow_folders):
                raise refused
            if not stat.S_ISREG(real.stat().st_mode):  # a named pipe would be waited for
                raise FetchError(_("it can't be read: {error}").format(error=_("it is no file")))
            with real.open("rb") as file:
                return self._copied(file)
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle; ValueError: a NUL
            said = getattr(error, "strerror", None) or error
            raise FetchError(_("it can't be read: {error}").format(error=said)) from error

    def _copied(self, data: BinaryIO) -> _Part:
        with _Part(self.into, self.policy.max_bytes) as part:
            while chunk := data.read(1 << 20):
                if self._is_over:
                    raise FetchError(_("it was cancelled"))
                part.write(chunk)
        self.received_bytes += part.size_bytes
        return part


class _Part:
    """A file that is coming: in memory while it is small, then in `folder`. Leaving its `with` by an error drops it."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.size_bytes = 0
        self._folder, self._most_bytes, self._digest = folder, most_bytes, hashlib.sha256()
        self._memory: list[bytes] = []
        self._file: io.FileIO | None = None

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exc: object) -> None:
        if self._file is not None:
            self._file.close()
            if kind is not None:
                Path(self._file.name).unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        if self.size_bytes > self._most_bytes:
            raise too_large(self.size_bytes, self._most_bytes)
        self._memory.append(chunk)
        if self._file is not None or self.size_bytes > IN_MEMORY_BYTES:
            self._spill()

    def stored(self, url: str) -> Media:
        """The file, all of it on the disk. Raises FetchError where it can't be written."""
        if self.size_bytes == 0:
            raise FetchError(_("the file is empty"))
        if self._file is None:
            with self:
                file = self._spill()
        else:
            file = self._file
        return Media(url, Path(file.name), self._digest.hexdigest(), self.size_bytes)

    def _spill(self) -> io.FileIO:
        with _storing():
            if self._file is None:
                self._file = io.FileIO(str(self._folder / os.urandom(8).hex()), "xb")
            for chunk in self._memory:
                self._digest.update(chunk)
                left = memoryview(chunk)
                while left:
                    left = left[self._file.write(left) or 0 :]
        self._memory.clear()
        return self._file


def _unquoted(text: str) -> Iterator[bytes]:
    """Percent-encoded bytes, a piece at a time: whole, each of them would take a hundred bytes for a moment."""
    at = 0
    while at < len(text):
        end = at + 65_536
        cut = text.rfind("%", end - 2, end)  # the two digits belong to it
        end = end if cut < 0 else cut
        yield unquote_to_bytes(text[at:end])
        at = end


def _stored(batch: list[tuple[str, _Part | FetchError]]) -> list[Media | tuple[str, FetchError]]:
    made: list[Media | tuple[str, FetchError]] = []
    for url, part in batch:
        try:
            made.append(part.stored(url) if isinstance(part, _Part) else (url, part))
        except FetchError as error:
            made.append((url, error))
    return made


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FetchError(_("it can't be stored: {error}").format(error=error.strerror or error)) from error


def too_large(size_bytes: int, most_bytes: int) -> FetchError:
    return FetchError(
        _("the file is too large ({size:.1f} GB of {most:.1f} GB allowed; the setting is max_media_bytes)").format(
            size=size_bytes / 1e9, most=most_bytes / 1e9
        )
    )


def _wait_before_retry(error: Exception) -> bool | float:
    """What stamina asks: whether to try again, or after how many seconds."""
    if not isinstance(error, Passing):
        return False
    return True if error.wait_s is None else min(error.wait_s, LONGEST_WAIT_S)


def is_http(url: str) -> bool:
    return url[:8].lower().startswith(("http://", "https://"))


def _is_html(start: bytes) -> bool:
    head = start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
