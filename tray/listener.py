"""The listener: a thread with an event loop of its own that takes requests from the queue, holds their streams to the
end, and keeps the mailboxes open."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from tray import clock, memory
from tray.board import Board
from tray.cancelling import Cancelling
from tray.errors import JournalError
from tray.events import (
    Failure,
    RequestCancelled,
    RequestDone,
    RequestFailed,
    RequestQueued,
    RequestStarted,
    State,
    StateChanged,
)
from tray.failing import failure_of
from tray.journal_rows import OVER, UnreadableError
from tray.listener_parts import Mailbox, Parts, remind
from tray.locale import _
from tray.running import Runner, title
from tray.slots import Births, Slot, Slots

if TYPE_CHECKING:
    from tray.coze.client import Client

log = logging.getLogger(__name__)

REST_S = 1.0
"""So long after the last request's end memory is given back."""
JOURNAL_AGAIN_S = 30.0
"""How often it is tried whether a journal that could not be written can be again."""


class Listener:
    """Runs requests. What is public may be called from any thread and returns at once."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._guard = threading.RLock()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._ending: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._patience_s: dict[str, float | None] = {}  # of requests asked here and not finished
        self._mailboxes = dict(parts.mailboxes)
        self._workflows: set[str] = set()
        self._board = Board(parts.bus)
        self._slots = Slots(parts.at_once)
        self.sign_ins = 0
        """How often the user has signed in."""

    @property
    def state(self) -> StateChanged:
        """The state last published."""
        return self._board.state

    def trouble_of(self, name: str) -> StateChanged | None:
        """What troubles that mailbox, as `troubled` has it."""
        return self._board.trouble_of(name)

    @property
    def listening(self) -> bool:
        return self._thread is not None

    @property
    def holds_workflows(self) -> bool:
        """Whether a workflow runs that a stop would cut for good: one that waits for the user can be gone on with."""
        return any(self._board.of(request_id) != "asking" for request_id in tuple(self._workflows))

    @property
    def queue(self) -> tuple[str, ...]:
        """The requests that wait until another one is over, in the order in which their turn comes."""
        return self._slots.queue if self._thread is not None else ()

    def start(self) -> None:
        """Begin to listen; nothing if it listens already, or after `close`."""
        with self._guard:
            if self._thread is None and not self._closed:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._live, args=(self._loop, self._ending), name="listener", daemon=True
                )
                self._thread.start()

    def stop(self, timeout_s: float = 0.0, grace_s: float = 0.3) -> None:
        """Stop listening: every stream is closed, requests that run stay unfinished. Waits `timeout_s` for the end.

        A request whose run is just being created gets up to `grace_s` to hear its name: without that, nobody could
        go on with it.
        """
        with self._guard:
            thread, loop = self._thread, self._loop
            self._ending, self._thread, self._loop = thread or self._ending, None, None
        if thread is None or loop is None:
            return
        loop.call_soon_threadsafe(self._cancel_all, loop, grace_s)
        thread.join(timeout_s)

    def close(self, timeout_s: float, grace_s: float) -> None:
        """Stop for good."""
        with self._guard:
            self._closed = True
        self.stop(timeout_s, grace_s)

    def go_on(self, request_id: str, patience_s: float | None = None) -> None:
        """Run a request of the journal that is not finished, if it does not run already. `patience_s`: for how long the
        network may stay away before it fails for now (it stays in the journal); None: for ever."""
        with self._guard:
            self._patience_s[request_id] = patience_s
            self._soon(self.begin, request_id)

    def answered(self, request_id: str) -> None:
        """The user's answer to a question of that request is in the journal."""
        with self._guard:
            self._soon(lambda: self._runner.answered(request_id))

    def cancelled(self, request_id: str) -> None:
        """That request is cancelled in the journal: what runs of it ends, and RequestCancelled follows."""
        with self._guard:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._cancelling.cancel, request_id)
                return
            self._patience_s.pop(request_id, None)
        self.parts.bus.publish(RequestCancelled(request_id))

    def first(self, request_id: str) -> None:
        """That request, if it waits in the queue, is the next."""

        def put_first() -> None:
            self._slots.first(request_id)
            self.parts.bus.publish(RequestQueued(request_id))

        with self._guard:
            self._soon(put_first)

    def signed_in(self) -> None:
        """There is a token now: what waited for it goes on."""
        with self._guard:
            self._soon(self._unpark)

    def open_mailbox(self, name: str, mailbox: Mailbox) -> None:
        """Keep that mailbox open from now on, in place of any other of this name."""
        with self._guard:
            self._mailboxes[name] = mailbox
            self._soon(self._stand, name, mailbox)

    def close_mailbox(self, name: str) -> None:
        """Keep it open no more; its items that run go on."""
        with self._guard:
            self._mailboxes.pop(name, None)
            self._soon(self._fall, name)

    def _soon(self, call: Callable[..., object], *args: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(call, *args)

    # Everything below runs in the listener's thread.

    def _live(self, loop: asyncio.AbstractEventLoop, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()  # a stop and a start in one breath: the streams of before close first
        asyncio.set_event_loop(loop)
        parts = self.parts
        self._board.clear()
        self._stuck: set[str] = set()  # requests that wait for the journal
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._standing: dict[str, asyncio.Task[None]] = {}
        self._cancelling = Cancelling(parts.journal, parts.bus, parts.connect, self._tasks, self._gone)
        self._signed_in = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None
        self._slots = Slots(parts.at_once, lambda request_id: parts.bus.publish(RequestQueued(request_id)))
        self._runner = Runner(
            parts.bus, parts.journal, parts.connect, parts.tools, parts.context,
            self._board.mark, Births(), self._workflows,
        )  # fmt: skip
        self._clock: asyncio.Task[None] | None = None
        self._reminding = loop.create_task(remind(parts)) if parts.resume else None
        self._board.publish("idle")
        loop.call_soon(self._take_up)
        for name, mailbox in list(self._mailboxes.items()):
            loop.call_soon(self._stand, name, mailbox)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            self._board.publish("stopped")

    def _cancel_all(self, loop: asyncio.AbstractEventLoop, grace_s: float) -> None:
        async def cancel() -> None:
            births, tasks = self._runner.births, self._cancelling.may_be_disturbed()
            awaited = [tasks.pop(request_id) for request_id in births.unborn if request_id in tasks]
            others = [*tasks.values(), *self._standing.values(), *filter(None, (self._clock, self._reminding))]
            for task in others:  # at once: else they begin something new meanwhile
                task.cancel()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(births.all_born.wait(), grace_s)
            for task in awaited:
                task.cancel()
            await asyncio.gather(*awaited, *others, return_exceptions=True)
            await self._cancelling.settled(grace_s)
            loop.stop()

        self._closing = loop.create_task(cancel())

    def _take_up(self) -> None:
        """Begin what is unfinished in the journal, as soon as that can be read."""
        try:
            unfinished = self.parts.journal.unfinished()
        except JournalError as error:
            asyncio.get_running_loop().call_later(JOURNAL_AGAIN_S, self._take_up)
            self._board.settle(str(error))
            return
        for request_id in unfinished:
            if self.parts.resume or request_id in self._patience_s:
                self.begin(request_id)
        self._cancelling.list_drafts()
        self._board.settle()

    def _stand(self, name: str, mailbox: Mailbox) -> None:
        self._fall(name)
        task = asyncio.get_running_loop().create_task(mailbox(self))
        self._standing[name] = task
        self._watch_clock()

    def _fall(self, name: str) -> None:
        if task := self._standing.pop(name, None):
            task.cancel()
            self.troubled(name, None)

    # For mailboxes.

    def begin(self, request_id: str) -> None:
        """Run a request of the journal that is not finished, if it does not run already."""
        if request_id not in self._tasks and self._closing is None:
            self._board.unpark(request_id)
            task = asyncio.get_running_loop().create_task(self._request(request_id))
            self._tasks[request_id] = task
            self._watch_clock()

    @asynccontextmanager
    async def connected(self, base_url: str) -> AsyncIterator[Client]:
        """A client; when the machine has slept, its streams are broken as those of requests are. Raises TrayError."""
        async with await self.parts.connect(base_url) as client:
            self._runner.clients.add(client)
            try:
                yield client
            finally:
                self._runner.clients.discard(client)

    def troubled(self, name: str, state: State | None, detail: str = "") -> None:
        """What troubles a mailbox: reconnecting, sign_in or error; idle for what keeps it shut though nothing is wrong;
        None for nothing. A mailbox that is open and fine is no state of its own."""
        self._board.trouble(name, state, detail)

    async def signing_in(self, name: str, why: str, sign_ins: int) -> None:
        """Wait, in that state, until there is a token; not where the user has signed in since there were `sign_ins`."""
        self.troubled(name, "sign_in", why)
        try:
            while self.sign_ins == sign_ins:
                await self._signed_in.wait()
        finally:
            self.troubled(name, None)

    async def _request(self, request_id: str) -> None:
        goes_on = True
        while goes_on:
            text = ""
            try:
                in_background = self.parts.journal.is_background(request_id)
                async with self._slots.one(request_id, in_background=in_background) as slot:
                    sign_ins = self.sign_ins
                    failure = await self._run(request_id, slot)
                if self._is_cancelled(request_id):
                    break  # `_gone` tells of it
                if failure is None:
                    text = self.parts.journal.request(request_id).text
                if failure is not None and failure.kept and failure.code == "sign_in":
                    if self.sign_ins != sign_ins:  # meanwhile: it was refused the token of before
                        continue
                    self._board.park(request_id, f"{failure.message} {failure.advice}".strip())
            except JournalError as error:
                failure = Failure("journal", error.message, error.advice, kept=True)
                self._wait_for_journal(request_id)
            self._ended(request_id, failure, text)
            # Who asked has lost patience; the program that stays never does.
            goes_on = self.parts.resume and failure is not None and failure.kept and failure.code in ("network", "tls")
        self._left(request_id)

    def _left(self, request_id: str) -> None:
        del self._tasks[request_id]  # at once: it may be asked for again in the next moment
        if not self._tasks and self._closing is None:
            asyncio.get_running_loop().call_later(REST_S, self._rest)

    def _rest(self) -> None:
        """Looking for what is not needed any more takes tenths of a second: not before the end is told of, and not
        between one request and the next."""
        if not self._tasks:
            try:
                memory.give_back()
            except Exception:  # nothing hangs on it
                log.exception("memory was not given back")

    def _gone(self, request_id: str) -> None:
        """Nothing runs any more of a request that was cancelled."""
        if request_id in self._tasks:
            self._left(request_id)
        self._stuck.discard(request_id)
        self._board.unpark(request_id)
        self._forget(request_id)
        self.parts.bus.publish(RequestCancelled(request_id))
        self._board.settle()

    def _is_cancelled(self, request_id: str) -> bool:
        with suppress(JournalError):
            return self.parts.journal.is_cancelled(request_id)
        return False

    async def _run(self, request_id: str, slot: Slot) -> Failure | None:
        """How the request ended, for good or for now. Raises JournalError."""
        try:
            request = self.parts.journal.request(request_id)
            if request.state in OVER:  # it was asked for once more just as it ended
                return request.failure
            self.parts.bus.publish(RequestStarted(request_id, title(request.asked)))
            self._board.mark(request_id, "connecting", "")
            return await self._runner.run(request, self._patience_s.get(request_id), slot)
        except Exception as error:
            if isinstance(error, JournalError) and not isinstance(error, UnreadableError):
                raise
            failure = failure_of(request_id, error)
            if failure.kept:
                self.parts.journal.kept(request_id)
            else:
                self.parts.journal.failed(request_id, failure)
            return failure

    def _ended(self, request_id: str, failure: Failure | None, text: str) -> None:
        self._forget(request_id)
        if failure is None:
            self.parts.bus.publish(RequestDone(request_id, text))
            self._board.settle()
        else:
            self.parts.bus.publish(RequestFailed(request_id, failure))
            self._board.settle(failure.message)

    def _forget(self, request_id: str) -> None:
        self._board.forget(request_id)
        self._runner.births.born(request_id)
        self._patience_s.pop(request_id, None)

    def _wait_for_journal(self, request_id: str) -> None:
        if not self._stuck:
            asyncio.get_running_loop().call_later(JOURNAL_AGAIN_S, self._try_journal)
        self._stuck.add(request_id)

    def _try_journal(self) -> None:
        stuck, self._stuck = self._stuck, set()
        go_on = self.begin if self.parts.journal.catch_up() else self._wait_for_journal
        for request_id in stuck:
            go_on(request_id)

    def _unpark(self) -> None:
        self.sign_ins += 1
        for request_id in self._board.unpark_all():
            self.begin(request_id)
        self._signed_in.set()
        self._signed_in.clear()
        self._board.settle()

    def _watch_clock(self) -> None:
        """While anything runs."""
        if self._clock is None or self._clock.done():
            watch = clock.watch(self.parts.clock, lambda: self._tasks or self._standing, self._slept)
            self._clock = asyncio.get_running_loop().create_task(watch)

    def _slept(self, gone_s: float) -> None:
        log.info("the clock jumped by %.0f s: reconnecting", gone_s)
        for client in list(self._runner.clients):
            client.break_streams(_("the computer was asleep"))
