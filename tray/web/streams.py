"""What happens, as server-sent events."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from fastapi.sse import ServerSentEvent

from tray import events, logs
from tray.errors import JournalError
from tray.web import shapes

if TYPE_CHECKING:
    from tray.app import App

log = logging.getLogger(__name__)

_TOGETHER_S = 0.1
"""What happens within so short a time is told together: a build tells of each file."""
_MEDIA_S = 0.5
"""A request that only gets its media is told of no more often."""
_MOST_HEARD = 10_000
"""A stream whose reader is so many events behind ends: who begins it again is told how everything is by then."""


@dataclass(frozen=True)
class _Text:
    """A piece of an answer, and where in it it begins."""

    request_id: str
    at: int
    delta: str


class Streams:
    """The streams of one server. What is public may be called from any thread."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._open: set[Callable[[None], None]] = set()
        self._closed = False

    def close(self) -> None:
        """End them all, and each that is yet to begin: the server ends."""
        self._closed = True
        for end in tuple(self._open):
            end(None)

    async def of_all(self, only: str | None = None) -> AsyncGenerator[ServerSentEvent, None]:
        """`status` (shapes.Status) at first and whenever it changes; `request` (shapes.RequestOut) whenever one
        changes, of `only` at first too; `text` as answers stream in, for which no `request` comes: {"request_id", "at",
        "delta"}, what the answer goes on with from its character `at`; `queue`, when it changes: the ids of the
        requests that wait until others are over, in their order."""
        app, loop = self._app, asyncio.get_running_loop()
        heard: asyncio.Queue[events.Event | _Text | None] = asyncio.Queue()

        def take(event: events.Event | _Text | None) -> None:
            if event is None or heard.qsize() < _MOST_HEARD:
                heard.put_nowait(event)
            elif heard.qsize() == _MOST_HEARD:
                heard.put_nowait(None)

        def put(event: events.Event | _Text | None) -> None:
            with suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(take, event)

        def hear(event: events.Event) -> None:
            if isinstance(event, events.TextArrived):  # it has just been told: the answer ends with it
                at = app.told.chars(event.request_id) - len(event.delta)
                put(_Text(event.request_id, at, event.delta))
            else:
                put(event)

        queue: tuple[str, ...] = ()
        unsubscribe = app.bus.subscribe(hear)
        self._open.add(put)
        if self._closed:
            put(None)
        try:
            yield ServerSentEvent(event="status", data=await asyncio.to_thread(shapes.status, app))
            if only is not None and (first := await _of_request(app, only)):
                yield first
            media = _Media()
            while (batch := await _heard(heard, media.next_s(loop.time()))) is not None:
                for one in _texts(batch, only):
                    yield one
                if any(isinstance(event, events.StateChanged) for event in batch):
                    yield ServerSentEvent(event="status", data=await asyncio.to_thread(shapes.status, app))
                for request_id in media.due(_changed(batch, only), loop.time()):
                    if change := await _of_request(app, request_id):
                        yield change
                if only is None and queue != app.listener.queue:
                    queue = app.listener.queue
                    yield ServerSentEvent(event="queue", data=list(queue))
        finally:
            unsubscribe()
            self._open.discard(put)

    async def of_log(self, n: int) -> AsyncIterator[ServerSentEvent]:
        """`log`: its last `n` lines, then those that are added, as a list of shapes.LogLine."""
        home, loop = self._app.home, asyncio.get_running_loop()
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        ended = threading.Event()

        def put(line: str | None) -> None:
            with suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(heard.put_nowait, line)

        def follow(at: int) -> None:
            try:
                for line in logs.follow(home, at, ended):
                    put(line)
            except OSError as error:
                log.warning("the log can't be read: %s", error)
            put(None)

        lines, at = await asyncio.to_thread(logs.last_lines, home, n)
        threading.Thread(target=follow, args=(at,), name="log", daemon=True).start()
        self._open.add(put)
        try:
            more: list[str | None] = [*lines]
            while None not in more:
                yield ServerSentEvent(event="log", data=[shapes.of_log_line(line) for line in more if line is not None])
                more = [await heard.get()]
                while not heard.empty():
                    more.append(heard.get_nowait())
        finally:
            ended.set()
            self._open.discard(put)


class _Media:
    """When a request is told of whose media come."""

    def __init__(self) -> None:
        self._told_at: dict[str, float] = {}
        self._held: set[str] = set()

    def next_s(self, now: float) -> float | None:
        """So soon one is due that is held back; None: there is none."""
        return min((max(0.0, self._told_at[one] + _MEDIA_S - now) for one in self._held), default=None)

    def due(self, changed: Mapping[str, bool], now: float) -> list[str]:
        """The requests to tell of now. `changed`: whether something else than media came, by request."""
        found: list[str] = []
        for request_id in dict.fromkeys([*changed, *self._held]):
            if changed.get(request_id):
                self._told_at.pop(request_id, None)
            elif now < self._told_at.get(request_id, -_MEDIA_S) + _MEDIA_S:
                self._held.add(request_id)
                continue
            else:
                self._told_at[request_id] = now
            self._held.discard(request_id)
            found.append(request_id)
        return found


async def _heard(
    heard: asyncio.Queue[events.Event | _Text | None], timeout_s: float | None
) -> list[events.Event | _Text] | None:
    """What has happened meanwhile; nothing when the time is over, None at the end."""
    try:
        batch = [await asyncio.wait_for(heard.get(), timeout_s)]
    except asyncio.TimeoutError:
        return []
    if isinstance(batch[0], events.MediaProgress | events.StateChanged):
        await asyncio.sleep(_TOGETHER_S)
    while not heard.empty():
        batch.append(heard.get_nowait())
    return None if None in batch else [event for event in batch if event is not None]


async def _of_request(app: App, request_id: str) -> ServerSentEvent | None:
    try:
        return ServerSentEvent(event="request", data=await asyncio.to_thread(_shown, app, request_id))
    except (KeyError, JournalError):
        return None


def _shown(app: App, request_id: str) -> shapes.RequestOut:
    return shapes.of_request(app, app.journal.search.shown(request_id))


def _texts(batch: list[events.Event | _Text], only: str | None) -> list[ServerSentEvent]:
    """The pieces of answers, those of one request as one."""
    found: dict[str, _Text] = {}
    for one in batch:
        if isinstance(one, _Text) and only in (None, one.request_id):
            before = found.get(one.request_id)
            found[one.request_id] = one if before is None else replace(before, delta=before.delta + one.delta)
    return [ServerSentEvent(event="text", data=asdict(one)) for one in found.values()]


def _changed(batch: list[events.Event | _Text], only: str | None) -> dict[str, bool]:
    """The requests that something else happened to; False: no more than that media came."""
    found: dict[str, bool] = {}
    for event in batch:
        if isinstance(event, (events.StateChanged, _Text)) or not event.request_id:
            continue
        if only in (None, event.request_id):
            is_more = not isinstance(event, events.MediaProgress)
            found[event.request_id] = found.get(event.request_id, False) or is_more
    return found
