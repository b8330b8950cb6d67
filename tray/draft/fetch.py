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
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import httpx
import stamina

from tray.draft import download
from tray.draft.addresses import AddressBook
from tray.draft.download import (
    Clients,
    FetchError,
    Passing,
    Unreachable,
    body_of,
    opened,
    parsed,
    short,
    wait_before_retry,
    whole_number,
)
from tray.locale import _

log = logging.getLogger(__name__)
stamina.instrumentation.set_on_retry_hooks([])  # it would write a line for every pause

AT_ONCE = 24
"""Downloads under way at once, each with a client of its own: httpx's pool scans every connection per request."""
ATTEMPTS = 5
SLOWEST_BYTES_PER_S = 512


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
        free: asyncio.LifoQueue[Clients] = asyncio.LifoQueue()
        crew = [Clients() for _n in range(min(AT_ONCE, len(wanted)))]
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

    async def _one(self, url: str, clients: Clients) -> Media:
        if url[:5].lower() == "data:":
            return await asyncio.to_thread(self._keep_data, url)
        if not url.lower().startswith(("http://", "https://")):
            return await asyncio.to_thread(self._keep_local, url)
        host = parsed(url).netloc.decode("ascii")
        if host in self._dead:  # tried in vain for another file of it
            raise FetchError(self._dead[host])
        try:
            # Jitter spreads the tries of many files; the first pause is short, as most faults pass at once.
            async for attempt in stamina.retry_context(
                on=wait_before_retry,
                attempts=ATTEMPTS,
                timeout=None,
                wait_initial=0.3,
                wait_max=download.LONGEST_WAIT_S,
                wait_jitter=0.3,
            ):
                with attempt:
                    async with opened(url, clients, self._book) as response:
                        announced = whole_number(response.headers.get("content-length", "")) or 0
                        if announced > self.policy.max_bytes:
                            raise self._too_large(announced)
                        return await self._keep(url, self._chunks(response))
        except Passing as fault:
            text = _("{fault} (tried {n} times). Run it again in a few minutes.").format(fault=fault, n=ATTEMPTS)
            if isinstance(fault, Unreachable):
                self._dead[host] = text
            raise FetchError(text) from None
        raise AssertionError("unreachable")

    async def _chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """The body, refused when it is not one, and called stalled when it only trickles."""
        watched_from, watched_bytes, first = time.monotonic(), 0, True
        async for chunk in body_of(response):
            if first and _is_html(chunk):
                raise FetchError(
                    _("the server sent a web page instead of media. Open the link in a browser to see what it says.")
                )
            first = False
            self._received_bytes += len(chunk)
            watched_bytes += len(chunk)
            if (spent := time.monotonic() - watched_from) > download.STALLED_S:
                if watched_bytes < SLOWEST_BYTES_PER_S * spent:
                    raise Passing(_("the download stalled"))
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
              "media_folders.").format(url=short(url))
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


def _is_html(start: bytes) -> bool:
    head = start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
