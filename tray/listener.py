"""The listener: a thread with an event loop of its own that takes requests from the queue, holds their streams, runs
the tools they call, and goes on reading until the cloud is done."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Protocol

from tray.asked import Asked
from tray.coze.chat import Chat
from tray.coze.client import Client
from tray.coze.errors import SIGN_IN, CozeError, NetworkAwayError
from tray.coze.run import (
    Away,
    Connected,
    Failed,
    Finished,
    Output,
    RunEvent,
    Started,
    Text,
    ToolCall,
    ToolCalls,
    ToolOutput,
)
from tray.draft.source import holds_draft
from tray.errors import SecretsError, TrayError
from tray.events import (
    Bus,
    DraftWritten,
    Failure,
    MediaProgress,
    Receipt,
    RequestDone,
    RequestFailed,
    RequestStarted,
    State,
    StateChanged,
    TextArrived,
    ToolFinished,
    ToolStarted,
)
from tray.journal import Journal, Request
from tray.locale import _
from tray.tools.context import ToolContext
from tray.tools.registry import Registry

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Requests that run at the same time, each in a conversation of its own; Coze allows one chat in each."""

_SIGN_IN = {*SIGN_IN, "sign_in"}
_LIVELIEST: tuple[State, ...] = ("working", "streaming", "connecting", "waiting")


class Connect(Protocol):
    """Signs in for a request: reads the token and makes the client. Raises TrayError where that can't be done."""

    def __call__(self, request: Request) -> Awaitable[Client]: ...


MakeContext = Callable[["DraftLedger", Callable[[int, int, int], None]], ToolContext]


@dataclass(frozen=True)
class DraftLedger:
    """Which drafts a request has written, kept in the journal; tells the bus of each once."""

    request_id: str
    journal: Journal
    bus: Bus

    def find(self, key: str) -> Receipt | None:
        found = self.journal.draft(self.request_id, key)
        return found[0] if found else None

    def about_to_write(self, key: str, receipt: Receipt) -> None:
        self.journal.put_draft(self.request_id, key, receipt, written=False)

    def written(self, key: str, receipt: Receipt) -> None:
        found = self.journal.draft(self.request_id, key)
        if found is None or not found[1]:
            self.journal.put_draft(self.request_id, key, receipt, written=True)
            self.bus.publish(DraftWritten(self.request_id, receipt))


class Listener:
    """Runs requests. `start`, `stop` and `go_on` may be called from any thread and return at once.

    `resume`: on start, go on with every unfinished request of the journal, not only with those that `go_on` names.
    """

    def __init__(
        self, bus: Bus, journal: Journal, connect: Connect, tools: Registry, context: MakeContext, *, resume: bool
    ) -> None:
        self._bus, self._journal = bus, journal
        self._connect, self._tools, self._context = connect, tools, context
        self._resume = resume
        self._guard = threading.RLock()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._ending: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._patience_s: dict[str, float | None] = {}  # of requests asked here and not finished
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._states: dict[str, State] = {}
        self._unborn: set[str] = set()  # requests whose chat's creation went out and whose id is not known yet
        self._state = StateChanged("stopped")

    @property
    def state(self) -> StateChanged:
        """The state last published."""
        return self._state

    @property
    def listening(self) -> bool:
        return self._thread is not None

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

        A request whose chat is just being created gets up to `grace_s` to hear its id: without that, nobody could
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
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._begin, request_id)

    # Everything below runs in the listener's thread.

    def _live(self, loop: asyncio.AbstractEventLoop, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()  # a stop and a start in one breath: the streams of before close first
        asyncio.set_event_loop(loop)
        self._states.clear()
        self._unborn.clear()
        self._all_born = asyncio.Event()
        self._all_born.set()
        self._tasks.clear()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._publish("idle")
        unfinished = self._journal.unfinished()
        for request_id in unfinished if self._resume else [i for i in unfinished if i in self._patience_s]:
            loop.call_soon(self._begin, request_id)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            self._publish("stopped")

    def _cancel_all(self, loop: asyncio.AbstractEventLoop, grace_s: float) -> None:
        async def cancel() -> None:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._all_born.wait(), grace_s)
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            loop.stop()

        self._closing = loop.create_task(cancel())

    def _begin(self, request_id: str) -> None:
        if request_id not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._request(request_id))
            self._tasks[request_id] = task
            task.add_done_callback(lambda _task: self._tasks.pop(request_id, None))

    async def _request(self, request_id: str) -> None:
        async with self._slots:
            request = self._journal.request(request_id)
            self._bus.publish(RequestStarted(request_id, request.prompt))
            self._mark(request_id, "connecting")
            failure: Failure | None = None
            try:
                failure = await self._driven(request)
            except NetworkAwayError as error:
                # Not journaled as failed: it goes on when the program listens again.
                self._ended(request_id, Failure(error.code, error.message, error.advice, error.logid))
                return
            except CozeError as error:
                failure = Failure(error.code, error.message, error.advice, error.logid)
            except SecretsError as error:
                failure = Failure("sign_in", error.message, error.advice)
            except TrayError as error:
                failure = Failure("settings", error.message, error.advice)
            except Exception as error:  # a bug must not end the listener
                log.exception("request %s", request_id)
                failure = Failure(
                    "internal",
                    _("Something in this program failed: {error}").format(error=f"{type(error).__name__}: {error}"),
                    _("Its log has the details: coze-tray doctor says where it is."),
                )
            # A chat that waits in the cloud is not given up for want of a token: it goes on after signing in.
            waits = (
                failure is not None and failure.code in _SIGN_IN and self._journal.request(request_id).ids is not None
            )
            if failure is not None and not waits:
                self._journal.failed(request_id, failure)
            self._ended(request_id, failure)

    async def _driven(self, request: Request) -> Failure | None:
        """Run the request to its end. Returns why it failed, None if it did not."""
        if request.posted and request.ids is None:
            return Failure(
                "lost",
                _("The program ended while the chat was being created."),
                _("Coze may be at work on it, so it was not asked again by itself. If no draft comes, ask once more."),
            )
        said: dict[str, str] = {}
        self._journal.running(request.id)
        async with await self._connect(request) as client:
            patience_s = self._patience_s.get(request.id)
            chat = Chat(
                client,
                Asked(request.base_url, "bot", request.bot_id, request.prompt),
                {"conversation_id": request.ids[0], "chat_id": request.ids[1]} if request.ids else None,
                patience_s,
                lambda: self._posting(request.id),
            )
            async with aclosing(chat.events()) as events:
                async for event in events:
                    failure = await self._heard(event, request, chat, said)
                    if failure is not None:
                        return failure
        text = "\n".join(text for text in said.values() if text)
        self._journal.done(request.id, text)
        return None

    async def _heard(self, event: RunEvent, request: Request, chat: Chat, said: dict[str, str]) -> Failure | None:
        if isinstance(event, Started):
            self._born(request.id)
            self._journal.chat_created(request.id, event.run["conversation_id"], event.run["chat_id"])
        elif isinstance(event, Connected):
            self._mark(request.id, "streaming")
        elif isinstance(event, Away):
            if chat.ids is None:  # it says for sure that nothing was created
                self._born(request.id)
                self._journal.posting(request.id, False)
            self._mark(request.id, "waiting", event.reason)
        elif isinstance(event, Text):
            self._bus.publish(TextArrived(request.id, event.delta))
        elif isinstance(event, ToolCalls):
            run_id = chat.ids[1] if chat.ids else ""
            outputs = [
                ToolOutput(call.id, await self._tool(request, run_id, _key(call), call.name, call.arguments))
                for call in event.calls
            ]
            self._mark(request.id, "connecting")
            chat.answer(outputs)
        elif isinstance(event, Output):
            said[event.id] = event.text
            if chat.ids and holds_draft(event.text):
                await self._tool(
                    request,
                    chat.ids[1],
                    f"message:{event.id}",
                    "generate_draft",
                    json.dumps({"content": event.text}, ensure_ascii=False),
                )
                self._mark(request.id, "streaming")
        elif isinstance(event, Failed):
            return Failure(event.code, event.message, event.advice, event.logid)
        elif isinstance(event, Finished):
            log.info("request %s took %d tokens", request.id, event.token_count)
        return None

    async def _tool(self, request: Request, run_id: str, call_id: str, name: str, arguments: str) -> str:
        """The output of a tool call: the stored one, if it was run before."""
        stored = self._journal.tool_output(run_id, call_id)
        if stored is not None:
            return stored
        self._mark(request.id, "working")
        self._journal.tool_started(request.id, run_id, call_id, name, arguments)
        self._bus.publish(ToolStarted(request.id, call_id, name))
        context = self._context(
            DraftLedger(request.id, self._journal, self._bus),
            lambda done, total, received: self._bus.publish(MediaProgress(request.id, done, total, received)),
        )
        output = await self._tools.call(name, arguments, context)
        self._journal.tool_finished(run_id, call_id, output)
        told = json.loads(output)
        ok = told.get("status") not in ("error", "partial")
        self._bus.publish(ToolFinished(request.id, call_id, name, ok, str(told.get("message") or "")))
        return output

    def _posting(self, request_id: str) -> None:
        self._unborn.add(request_id)
        self._all_born.clear()
        self._journal.posting(request_id, True)

    def _born(self, request_id: str) -> None:
        """The chat's id is known, or its creation came to nothing for sure."""
        self._unborn.discard(request_id)
        if not self._unborn:
            self._all_born.set()

    def _ended(self, request_id: str, failure: Failure | None) -> None:
        self._states.pop(request_id, None)
        self._born(request_id)
        self._patience_s.pop(request_id, None)
        if failure is None:
            self._bus.publish(RequestDone(request_id, self._journal.request(request_id).text))
            self._settle()
        else:
            self._bus.publish(RequestFailed(request_id, failure))
            self._settle(failure.message)

    def _mark(self, request_id: str, state: State, detail: str = "") -> None:
        self._states[request_id] = state
        self._settle(detail)

    def _settle(self, detail: str = "") -> None:
        """Publish the listener's state: that of its liveliest request, else idle, or the error that `detail` tells."""
        lively = next((state for state in _LIVELIEST if state in self._states.values()), None)
        self._publish(lively or ("error" if detail else "idle"), detail)

    def _publish(self, state: State, detail: str = "") -> None:
        changed = StateChanged(state, detail)
        if changed != self._state:
            self._state = changed
            self._bus.publish(changed)


def _key(call: ToolCall) -> str:
    """What a call's output is stored under: its id, or what it says where it has none."""
    return call.id or hashlib.sha256(f"{call.name}({call.arguments})".encode()).hexdigest()[:16]
