"""A mailbox: a workflow that is run again and again, and returns what the cloud has put down for this computer.

Coze tells a program nothing that did not start the chat itself. So a chat on the web, the phone or in Feishu puts its
draft into a table in Coze, and the mailbox workflow hands it on. That a run can return rows of a table is recorded;
the whole was not tried on the live cloud.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tray.asked import Asked
from tray.coze.errors import RETRIED, SIGN_IN, CozeError, NetworkAwayError
from tray.coze.run import Away, Failed, Finished, Notice, Output, Question, Started, ToolCalls, failure_of
from tray.coze.workflow import Workflow
from tray.delivered import Item, Unreadable, read
from tray.errors import SecretsError, TrayError
from tray.events import Event, Noticed, RequestCancelled, RequestDone, RequestFailed, State
from tray.items import Acknowledgement, Delivered, mailbox_of, refusal, told
from tray.locale import _, ngettext
from tray.mailbox_pace import MailboxPace

if TYPE_CHECKING:
    from tray.listener import Listener

log = logging.getLogger(__name__)

LIMIT = 20
"""How many items a run is asked for."""
MOST_ACKNOWLEDGED = 50
"""In one run."""
MOST_UNFINISHED = 200
"""With so many items waiting here no more are taken: the cloud keeps them."""
QUOTA = "4008"
"""Coze's calls of today are used up."""
MOST_LOST = 3
"""So many runs in a row may break before their first word until the state says so."""
_MOST_TOLD = 1_000
_OVER = (RequestDone, RequestFailed, RequestCancelled)


@dataclass
class Mailbox:
    """One mailbox, kept open by `await mailbox(listener)` until that is cancelled. It may be kept open again after.

    `name`: what the user calls it. `device`: how the cloud knows this computer. `runs_a_day`: it is not run more often
    on a day of this computer's calendar. `clock`: seconds of the day's clock. `nap_s`: so often that is looked at while
    it has to wait for tomorrow. `busy_s`: for so long at most a workflow that would return at once, as its items are
    not finished, is not run."""

    name: str
    asked: Asked
    device: str
    runs_a_day: int
    pace: MailboxPace
    clock: Callable[[], float] = time.time
    nap_s: float = 60.0
    busy_s: float = 60.0
    _told: set[str] = field(default_factory=set, init=False)  # failures and unreadable entries
    _quota_day: str = field(default="", init=False)
    _lost: int = field(default=0, init=False)  # runs in a row that nobody heard of
    _trouble: State | None = field(default=None, init=False)
    _repeated: set[str] = field(default_factory=set, init=False)  # unfinished items that came once more

    @property
    def key(self) -> str:
        return mailbox_of(self.asked)

    def is_like(self, other: Mailbox) -> bool:
        """Whether both are the same, run in the same way."""
        mine, others = ((one.name, one.asked, one.device, one.runs_a_day, one.pace.interval_s) for one in (self, other))
        return mine == others

    async def __call__(self, listener: Listener) -> None:
        self.pace.soon()
        self._trouble, self._lost = None, 0
        while True:
            sign_ins = listener.sign_ins
            try:
                await self._until_it_may_run(listener)
                await self._run(listener)
            except (CozeError, SecretsError) as error:
                if isinstance(error, CozeError) and error.code not in SIGN_IN:
                    self._failed(listener, Failed(error.code, error.message, error.advice, error.logid))
                    continue
                await listener.signing_in(self.key, str(error), sign_ins)
                self.pace.soon()
            except NetworkAwayError as error:
                self._failed(listener, failure_of(error))
            except TrayError as error:
                self._failed(listener, Failed("failed", error.message, error.advice))
            except Exception as error:  # a bug must not close the mailbox
                log.exception("mailbox %s", self.name)
                text = _("Something in this program failed: {error}").format(error=f"{type(error).__name__}: {error}")
                self._failed(listener, Failed("internal", text))

    async def _until_it_may_run(self, listener: Listener) -> None:
        """Sleeps before it asks the journal: one that can't be written is not asked in a circle."""
        await asyncio.sleep(self.pace.left_s(time.monotonic()))
        listener.parts.journal.let_go()
        items = listener.parts.journal.items
        unfinished = items.unfinished(self.key)
        for request_id in unfinished:  # of an earlier life, or what the journal had no room for
            listener.begin(request_id)
        if self.pace.holds and self._repeated & set(unfinished):
            await self._until_one_is_finished(listener)
        is_over = False
        while why := self._over_for_today(listener):
            is_over = True
            self._tell(listener, why)
            self._troubled(listener, "idle", why)
            await asyncio.sleep(min(self.nap_s, _until_midnight_s(self.clock())))
        if is_over:
            self._troubled(listener, None)

    def _over_for_today(self, listener: Listener) -> str:
        """Why it is not run any more today, "" if it is."""
        today = self._today()
        if self._quota_day == today:
            return _("Coze's quota of {day} is used up: {name} is asked again tomorrow.").format(
                day=today, name=self.name
            )
        if listener.parts.journal.items.runs_on(self.key, today) < self.runs_a_day:
            return ""
        text = ngettext(
            "{name} was run {n} time on {day}, as often as it may be (runs_a_day): it is asked again tomorrow.",
            "{name} was run {n} times on {day}, as often as it may be (runs_a_day): it is asked again tomorrow.",
            self.runs_a_day,
        )
        return text.format(name=self.name, n=self.runs_a_day, day=today)

    async def _until_one_is_finished(self, listener: Listener) -> None:
        """Until an item that came once more is finished, or `busy_s` are over."""
        finished, loop = asyncio.Event(), asyncio.get_running_loop()

        def heard(event: Event) -> None:
            if isinstance(event, _OVER) and event.request_id in self._repeated:
                loop.call_soon_threadsafe(finished.set)

        unsubscribe = listener.parts.bus.subscribe(heard)
        try:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(finished.wait(), self.busy_s)
        finally:
            unsubscribe()

    async def _run(self, listener: Listener) -> None:
        """One run of the workflow. Raises TrayError."""
        self.pace.started(time.monotonic())
        items = listener.parts.journal.items
        acknowledged = items.to_acknowledge(self.key, MOST_ACKNOWLEDGED)
        asked = replace(self.asked, parameters=self._parameters(acknowledged))
        came = any(not one.sent for one in acknowledged)
        self._repeated = set()

        def posting() -> None:
            self.pace.started(time.monotonic())
            items.run_sent(self.key, self._today(), acknowledged)

        async with listener.connected(asked.base_url) as client:
            driver = Workflow(client, asked, None, None, posting, "")
            async with aclosing(driver.events()) as events:
                async for event in events:
                    if isinstance(event, Away):
                        self._troubled(listener, "reconnecting", str(event))
                    elif isinstance(event, Started):
                        self._lost = 0
                        if self._trouble == "reconnecting":
                            self._troubled(listener, None)
                    elif isinstance(event, Notice):
                        self._tell(listener, event.text)
                    elif isinstance(event, Output):
                        came |= self._delivered(listener, event.text)
                    elif isinstance(event, (Question, ToolCalls)):
                        self._failed(listener, _asks_back())
                        return
                    elif isinstance(event, Failed):
                        self._paced(came=came)
                        self._broken(listener, event)
                        return
                    elif isinstance(event, Finished):
                        items.take(self.key, acknowledged)
                        self._paced(came=came)
                        self._told = {text for text in self._told if not text.startswith(_FAILURE)}
                        self._troubled(listener, None)

    def _paced(self, *, came: bool) -> None:
        if came:
            self.pace.something_came()
        else:
            self.pace.nothing_came()

    def _broken(self, listener: Listener, failed: Failed) -> None:
        """A run did not come to its end. A stream that was cut is no news, where a workflow waits with it open."""
        if failed.code == "lost":
            self._lost += 1
        if failed.code not in ("cut", "lost"):
            self._failed(listener, failed)
        elif self._lost >= MOST_LOST:
            self._troubled(listener, "reconnecting", failed.message)

    def _parameters(self, acknowledged: list[Acknowledgement]) -> dict[str, Any]:
        """The run's inputs. A limit that the user has set as an input of the target wins."""
        return {
            "limit": LIMIT,
            **self.asked.parameters,
            "device": self.device,
            "ack": json.dumps([one.item_id for one in acknowledged], ensure_ascii=False),
            "results": json.dumps(told(acknowledged), ensure_ascii=False),
        }

    def _delivered(self, listener: Listener, text: str) -> bool:
        """Take what an output holds. Whether anything came that has to do with the next run. Raises JournalError: what
        is not in the journal then comes again."""
        items = listener.parts.journal.items
        entries, more = read(text)
        room = MOST_UNFINISHED - len(items.unfinished(self.key))
        came = False
        for entry in entries:
            if isinstance(entry, Unreadable):
                delivered = self._unreadable(listener, entry)
            elif room <= 0:
                more += 1
                continue
            else:
                delivered = items.add(self.key, entry.id, uuid.uuid4().hex[:12], self._asked_for(entry))
            if delivered is None:
                continue
            room -= delivered.state == "new"
            if delivered.state == "unfinished":
                self._repeated.add(delivered.request_id)
            elif delivered.sent > 1:
                text = _("{name} delivers {id} though its end was reported: does its workflow mark what is in “ack”?")
                self._tell(listener, text.format(name=self.name, id=entry.id))
                continue
            came = True
            if delivered.state != "finished" and delivered.request_id:
                listener.begin(delivered.request_id)
        if more:
            log.info("%s holds %d items more than are taken at a time", self.name, more)
        return came

    def _asked_for(self, item: Item) -> Asked:
        parameters = {"id": item.id, "tool": item.tool, "arguments": item.arguments}
        return Asked(self.asked.base_url, "item", self.asked.target_id, parameters=parameters, target=self.name)

    def _unreadable(self, listener: Listener, entry: Unreadable) -> Delivered | None:
        about = _(" (item {id})").format(id=entry.id) if entry.id else ""
        text = _("{name} delivered something that can't be read{about}: {reason}.")
        self._tell(listener, text.format(name=self.name, about=about, reason=entry.reason))
        if not entry.id:
            return None
        why = _("This can't be read by coze-tray: {reason}").format(reason=entry.reason)
        return listener.parts.journal.items.refuse(self.key, entry.id, refusal(entry.id, why))

    def _failed(self, listener: Listener, failed: Failed) -> None:
        """A run failed, and the next one may, too: said once, and tried more and more rarely."""
        self.pace.started(time.monotonic())
        if failed.code == QUOTA:
            self._quota_day = self._today()
            return
        passes = failed.again or failed.code in RETRIED
        self.pace.failed(passes=passes)
        text = _("The mailbox {name} can't be read. {message} {advice}")
        text = text.format(name=self.name, message=failed.message, advice=failed.advice).strip()
        self._troubled(listener, "reconnecting" if passes else "error", text)
        said = f"{text} (logid {failed.logid})" if failed.logid else text
        self._tell(listener, said, key=_FAILURE + failed.code + failed.message)

    def _troubled(self, listener: Listener, state: State | None, detail: str = "") -> None:
        self._trouble = state
        listener.troubled(self.key, state, detail)

    def _tell(self, listener: Listener, text: str, key: str = "") -> None:
        """Say something, but not again and again."""
        if (key or text) in self._told:
            return
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told.add(key or text)
        listener.parts.bus.publish(Noticed("", text))

    def _today(self) -> str:
        return time.strftime("%Y-%m-%d", time.localtime(self.clock()))


_FAILURE = "\0"
"""Marks what was told of failures: it is told again when a run has gone well between."""


def _until_midnight_s(now: float) -> float:
    day = time.localtime(now)
    return max(1.0, 86_400 - (day.tm_hour * 3600 + day.tm_min * 60 + day.tm_sec) + 1)


def _asks_back() -> Failed:
    return Failed(
        "question",
        _("The workflow asks for something, which a mailbox must not."),
        _("Let it only return the items that wait; the README shows how."),
    )
