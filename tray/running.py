"""One request, from the queue to its end: its run is held, its tool calls are run here, its questions are put to the
user, and what it says becomes drafts."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tray.asked import Asked
from tray.coze import interrupts
from tray.coze.chat import Chat
from tray.coze.errors import CozeError
from tray.coze.run import (
    Away,
    Connected,
    Driver,
    Failed,
    Finished,
    Notice,
    Output,
    Question,
    RunEvent,
    Started,
    Text,
    ToolCall,
    ToolCalls,
    ToolOutput,
)
from tray.coze.workflow import Workflow, plain
from tray.draft.problems import short
from tray.draft.source import holds_draft
from tray.errors import JournalError
from tray.events import (
    Bus,
    DraftWritten,
    Failure,
    MediaProgress,
    Noticed,
    QuestionAnswered,
    QuestionAsked,
    Receipt,
    State,
    TextArrived,
    ToolFinished,
    ToolStarted,
)
from tray.items import mailbox_of, result_of
from tray.journal import Journal
from tray.journal_rows import Request
from tray.locale import _, ngettext
from tray.slots import Births, Slot
from tray.text import json_text
from tray.tools.context import ToolContext
from tray.tools.registry import Registry

if TYPE_CHECKING:  # cozepy is imported when it is first talked to
    from tray.coze.client import Client

log = logging.getLogger(__name__)

MOST_STARTS = 3
"""A tool call during which the program ended so often is not started again."""
LONGEST_QUESTION, LONGEST_DETAIL, LONGEST_NAME = 5_000, 200, 200
"""Characters that are shown of a question, of it as a state, and of a tool's name."""


class Connect(Protocol):
    """Makes the client that talks to the cloud at `base_url`. Raises TrayError where that can't be done."""

    def __call__(self, base_url: str) -> Awaitable[Client]: ...


MakeContext = Callable[["DraftLedger", Callable[[int, int, int], None], bool], ToolContext]
"""Of the ledger, who is told of progress, and whether media is fetched afresh."""


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


@dataclass
class Runner:
    """Runs requests; used in the listener's loop alone. `mark` tells a request's state as it changes."""

    bus: Bus
    journal: Journal
    connect: Connect
    tools: Registry
    context: MakeContext
    mark: Callable[[str, State, str], None]
    births: Births
    workflows: set[str]
    """Those that are held: if they are let go while they say something, nobody can join them again."""
    clients: set[Client] = field(default_factory=set)
    """The clients of all requests that run."""
    _replies: dict[str, asyncio.Event] = field(default_factory=dict)

    async def run(self, request: Request, patience_s: float | None, slot: Slot) -> Failure | None:
        """Run the request to its end. Returns why it failed, None if it did not; raises what keeps it from going on
        for now: NetworkAwayError, a CozeError about signing in, other TrayErrors."""
        if request.asked.kind == "item":
            self.journal.running(request.id)
            return await self._item(request)
        if request.asked.kind == "call":
            self.journal.running(request.id)
            return await self._call(request)
        if request.posted and request.run is None:
            lost = _lost()
            self.journal.failed(request.id, lost)
            return lost
        if request.state != "waiting":
            self.journal.running(request.id)
        if request.asked.kind == "workflow":
            self.workflows.add(request.id)
        try:
            return await self._run(request, patience_s, slot)
        finally:
            self.workflows.discard(request.id)

    async def _run(self, request: Request, patience_s: float | None, slot: Slot) -> Failure | None:
        async with await self.connect(request.asked.base_url) as client:
            self.clients.add(client)
            try:
                failure = await self._drive(request, self._driver(client, request, patience_s), slot)
            finally:
                self.clients.discard(client)
        text = self._said(request.id)
        if failure is None:
            self.journal.done(request.id, text)
        else:
            self.journal.failed(request.id, failure, text)
        return failure

    def answered(self, request_id: str) -> None:
        """The user's answer is in the journal."""
        if event := self._replies.get(request_id):
            event.set()

    def _driver(self, client: Client, request: Request, patience_s: float | None) -> Driver:
        def posting() -> None:
            self.births.posting(request.id)
            self.journal.posting(request.id, True)

        if request.asked.kind == "workflow":
            return Workflow(client, request.asked, request.run, patience_s, posting, request.id)
        return Chat(client, request.asked, request.run, patience_s, posting)

    async def _drive(self, request: Request, driver: Driver, slot: Slot) -> Failure | None:
        begun = request.run is not None
        try:
            async with aclosing(driver.events()) as events:
                async for event in events:
                    if isinstance(event, Started):
                        begun = True
                        self.journal.run_is(request.id, event.run)
                        self.births.born(request.id)
                    elif isinstance(event, (Away, Notice)) and not begun:
                        self._unborn(request)
                    if isinstance(event, Failed):
                        again = event.again and bool(request.asked.target_id)  # a chat begun elsewhere can't be
                        return Failure(event.code, event.message, event.advice, event.logid, again=again)
                    await self._heard(event, request, driver, slot)
        except CozeError:
            if not begun:
                self._unborn(request)
            raise
        return None

    def _unborn(self, request: Request) -> None:
        """The cloud has said for sure that it has created nothing."""
        self.births.born(request.id)
        self.journal.posting(request.id, False)

    async def _heard(self, event: RunEvent, request: Request, driver: Driver, slot: Slot) -> None:
        if isinstance(event, Connected):
            self.mark(request.id, "streaming", "")
        elif isinstance(event, Away):
            self.mark(request.id, "reconnecting", str(event))
        elif isinstance(event, Notice):
            self.bus.publish(Noticed(request.id, event.text))
        elif isinstance(event, Text):
            self.bus.publish(TextArrived(request.id, event.delta))
        elif isinstance(event, ToolCalls):
            driver.answer([await self._answer(request, driver.scope, call) for call in event.calls])
            self.mark(request.id, "connecting", "")
        elif isinstance(event, Question):
            driver.reply(await self._reply(request, event, slot))
        elif isinstance(event, Output):
            self.journal.said(request.id, event.id, event.text)
            if holds_draft(event.text):
                arguments = json.dumps({"content": event.text}, ensure_ascii=False)
                await self._tool(request, driver.scope, f"message:{_digest(event.text)}", "generate_draft", arguments)
                self.mark(request.id, "streaming", "")
        elif isinstance(event, Finished):
            log.info("request %s took %d tokens; %s", request.id, event.token_count, event.debug_url)

    async def _answer(self, request: Request, scope: str, call: ToolCall) -> ToolOutput:
        name = call.name[:LONGEST_NAME]
        said = self.journal.called(scope, call.id)
        call_id = call.id if call.id and (said is None or _same(said, (name, call.arguments))) else call.key
        return ToolOutput(call.id, await self._tool(request, scope, call_id, name, call.arguments))

    async def _reply(self, request: Request, question: Question, slot: Slot) -> str:
        """The user's answer, however long it takes; meanwhile other requests may work."""
        answered = self._replies[request.id] = asyncio.Event()
        text = short(question.text, LONGEST_QUESTION)
        try:
            while (reply := self.journal.asking(request.id, question.id)) is None:
                slot.leave()
                self.bus.publish(QuestionAsked(request.id, question.id, text, question.options, question.url))
                self.mark(request.id, "asking", short(text, LONGEST_DETAIL))
                await answered.wait()
                answered.clear()
        finally:
            del self._replies[request.id]
        self.bus.publish(QuestionAnswered(request.id, question.id))
        self.mark(request.id, "connecting", "")  # also while it waits until it may work again
        await slot.take()
        return reply

    async def _item(self, request: Request) -> Failure | None:
        """One tool call that a mailbox delivered. Its output is its result, also where it is an error."""
        said, items = request.asked.parameters, self.journal.items
        mailbox, item_id = mailbox_of(request.asked), str(said["id"])
        starts = items.start(mailbox, item_id, request.id)
        output = await self._alone(request, "item", starts, lambda: items.not_started(mailbox, item_id))
        items.finish(mailbox, item_id, result_of(item_id, output))
        return self._over(request, output)

    async def _call(self, request: Request) -> Failure | None:
        """One tool call that began on this computer."""
        starts = self.journal.start_call(request.id)
        not_started = lambda: self.journal.call_not_started(request.id, starts)  # noqa: E731
        return self._over(request, await self._alone(request, "call", starts, not_started))

    async def _alone(self, request: Request, call_id: str, starts: int, not_started: Callable[[], None]) -> str:
        """The output of a tool call that is all of its request. `starts`: how often it was started, with this time;
        `not_started`: this time does not count."""
        said = request.asked.parameters
        try:
            if starts > MOST_STARTS and self.journal.tool_output(request.id, call_id) is None:
                return json.dumps({"status": "error", "message": _deadly(starts - 1)}, ensure_ascii=False)
            return await self._tool(request, request.id, call_id, str(said["tool"]), str(said["arguments"]))
        except (asyncio.CancelledError, JournalError):  # not the call's fault
            with suppress(JournalError):
                not_started()
            raise
        except Exception as error:  # a bug must not let it be started for ever
            log.exception("tool call of request %s", request.id)
            # The cloud may be told: an error's own words may name this computer's files.
            text = _("Something in this program failed: {error}").format(error=type(error).__name__)
            return json.dumps({"status": "error", "message": text}, ensure_ascii=False)

    def _over(self, request: Request, output: str) -> Failure | None:
        """The request is over with its one tool call, which said that."""
        told = json.loads(output)
        message = str(told.get("message") or "")
        if told.get("status") == "error":
            failure = Failure(request.asked.kind, message, again=True)
            self.journal.failed(request.id, failure)
            return failure
        self.journal.done(request.id, message)
        return None

    async def _tool(self, request: Request, scope: str, call_id: str, name: str, arguments: str) -> str:
        """The output of a tool call: the stored one, if it was run before."""
        stored = self.journal.tool_output(scope, call_id)
        if stored is not None:
            return stored
        self.mark(request.id, "working", "")
        self.journal.tool_started(request.id, scope, call_id, name, arguments)
        self.bus.publish(ToolStarted(request.id, call_id, name))
        context = self.context(
            DraftLedger(request.id, self.journal, self.bus),
            lambda done, total, received: self.bus.publish(MediaProgress(request.id, done, total, received)),
            request.asked.kind == "call" and request.asked.parameters.get("fresh") is True,
        )
        output = await self.tools.call(name, arguments, context)
        self.journal.tool_finished(scope, call_id, output)
        told = json.loads(output)
        ok = told.get("status") not in ("error", "partial")
        self.bus.publish(ToolFinished(request.id, call_id, name, ok, str(told.get("message") or "")))
        return output

    def _said(self, request_id: str) -> str:
        """What the run said to a person: what held a draft became one, or a problem that is told."""
        said = (plain(text) for text in self.journal.outputs(request_id) if not holds_draft(text))
        return "\n".join(text for text in said if text)


def _same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two calls, each its name and its arguments, say the same; how the JSON is written does not matter."""
    try:
        return one[0] == other[0] and (one[1] == other[1] or json.loads(one[1]) == json.loads(other[1]))
    except (ValueError, RecursionError):
        return False


def question(request: Request) -> Question | None:
    """What a stored request asks the user; None where it asks nothing, or that can't be read."""
    run = request.run
    if request.state != "waiting" or run is None:
        return None
    if request.asked.kind == "workflow":
        with suppress(KeyError, ValueError, TypeError):
            waits = interrupts.read(interrupts.Interrupt.from_run(run))
            return waits if isinstance(waits, Question) else None
        return None
    return Question(request.question or "", str(run["question"])) if run.get("question") else None


def title(asked: Asked) -> str:
    """What was asked, in a line."""
    return " ".join(_title(asked).split())


def _title(asked: Asked) -> str:
    if asked.kind == "item":
        return _("{tool}, from {target}").format(tool=asked.parameters.get("tool"), target=asked.target)
    if asked.kind == "call":
        tool, source = asked.parameters.get("tool"), asked.target
        if tool == "generate_draft":
            return _("Draft from {source}").format(source=source) if source else _("New draft")
        return _("{tool}, from {target}").format(tool=tool, target=source) if source else str(tool)
    if not asked.target_id:
        return _("A chat begun elsewhere (conversation {id})").format(id=asked.conversation_id)
    if asked.prompt:
        return asked.prompt
    said = ", ".join(
        f"{name}={value if isinstance(value, str) else json_text(value)}" for name, value in asked.parameters.items()
    )
    name = asked.target or _("Workflow {id}").format(id=asked.target_id)
    return f"{name} {said}"


def _deadly(n: int) -> str:
    return ngettext(
        "The program was ended {n} time while it worked on this, so it is not tried again by itself.",
        "The program was ended {n} times while it worked on this, so it is not tried again by itself.",
        n,
    ).format(n=n)


def _lost() -> Failure:
    return Failure(
        "lost",
        _("The program ended while the run was being created."),
        _("Coze may be at work on it, so it was not asked again by itself. If no draft comes, ask once more."),
        again=True,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
