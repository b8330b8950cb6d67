"""Which mailboxes a program keeps open: those that stand in the settings, and those that somebody listens to, for as
long as they do."""

from __future__ import annotations

import platform
import queue
import threading
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tray import events, instance, targets
from tray import settings as settings_module
from tray.asked import Asked
from tray.errors import JournalError
from tray.items import mailbox_of
from tray.listener import Listener
from tray.locale import _
from tray.mailbox_pace import MailboxPace
from tray.settings import Settings
from tray.settings_target import Target

if TYPE_CHECKING:
    from tray.app import App
    from tray.mailbox import Mailbox

HEARTBEAT_S = 2.0
"""So soon a program notices that whoever listened by it went away."""


@dataclass(frozen=True)
class Wanted:
    """A mailbox to listen to. `interval_s`: as in MailboxPace; `name`: what the user calls it."""

    asked: Asked
    interval_s: float | None
    runs_a_day: int
    name: str

    @classmethod
    def of(cls, named: tuple[str, Target], settings: Settings) -> Wanted:
        """The target under its name in the settings."""
        name, target = named
        asked = targets.asked(named, settings)
        return cls(asked, target.interval_s, target.runs_a_day, name or target.id)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Wanted:
        return cls(**{**value, "asked": Asked.from_json(value["asked"])})

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "asked": self.asked.to_json()}

    def mailbox(self, settings: Settings) -> Mailbox:
        from tray.mailbox import Mailbox

        return Mailbox(self.name, self.asked, device(settings), self.runs_a_day, MailboxPace(self.interval_s))


def device(settings: Settings) -> str:
    """The name by which mailboxes know this computer."""
    return settings.device or platform.node()


def of_settings(settings: Settings) -> dict[str, Mailbox]:
    """The mailboxes that are to be open whenever the program listens."""
    wanted = [
        Wanted.of((name, target), settings)
        for name, target in settings.targets.items()
        if target.listen and target.kind == "workflow"
    ]
    mailboxes = [one.mailbox(settings) for one in wanted]
    return {mailbox.key: mailbox for mailbox in mailboxes}


@dataclass
class Standing:
    """`always`: those that are kept open whenever the program listens, by key. `of_settings`: they are those of the
    settings; else the program was started for something else, and there are none. Its methods may be called from any
    thread."""

    listener: Listener
    always: dict[str, Mailbox]
    of_settings: bool
    _followers: Counter[str] = field(default_factory=Counter, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def follow(self, mailbox: Mailbox) -> bool:
        """Keep it open for one more who listens. False where it is open already, at its own pace."""
        with self._lock:
            self._followers[mailbox.key] += 1
            is_open = mailbox.key in self.always or self._followers[mailbox.key] > 1
            if not is_open:
                self.listener.open_mailbox(mailbox.key, mailbox)
            return not is_open

    def leave(self, key: str) -> None:
        """One who listened is gone."""
        with self._lock:
            self._followers[key] -= 1
            if self._followers[key] <= 0:
                del self._followers[key]
                if key not in self.always:
                    self.listener.close_mailbox(key)

    def settings_changed(self) -> None:
        """Keep open what the settings say now; what is as it was stays untouched. Raises SettingsError."""
        if not self.of_settings:
            return
        always = of_settings(settings_module.load())
        with self._lock:
            for key in self.always.keys() - always.keys():
                del self.always[key]
                if not self._followers[key]:
                    self.listener.close_mailbox(key)
            for key, mailbox in always.items():
                if key not in self.always or not self.always[key].is_like(mailbox):
                    self.always[key] = mailbox
                    self.listener.open_mailbox(key, mailbox)


def listen(app: App, wanted: Wanted) -> Generator[events.Event, None, None]:
    """Listen to a mailbox, and yield what happens to its items, and what else is to know, until this is closed or the
    program ends. The state comes again and again. Where listening is stopped, RequestFailed of no request says so."""
    heard: queue.SimpleQueue[events.Event] = queue.SimpleQueue()
    unsubscribe = app.bus.subscribe(heard.put)
    key = mailbox_of(wanted.asked)
    try:
        if not app.standing.follow(wanted.mailbox(app.settings)):
            text = _("coze-tray listens to {name} already; it goes on at its own pace.")
            yield events.Noticed("", text.format(name=wanted.name))
        app.listener.start()
        yield from _followed(app, key, heard)
    finally:
        unsubscribe()
        app.standing.leave(key)


def end(app: App) -> None:
    """Let every `listen` by that program end, as with Ctrl-C."""
    app.closing.set()
    app.bus.publish(app.listener.state)


def listen_running(address: instance.Address, wanted: Wanted) -> Iterator[events.Event]:
    """As `listen`, by the coze-tray that runs already. Raises HandOffError where it does not answer."""
    for said in instance.hand_on(address, {"op": "listen", "wanted": wanted.to_json()}):
        yield events.from_json(said)


def _followed(app: App, key: str, heard: queue.SimpleQueue[events.Event]) -> Iterator[events.Event]:
    ours: dict[str, bool] = {}
    while not app.closing.is_set():
        try:
            event = heard.get(timeout=HEARTBEAT_S)
        except queue.Empty:
            event = app.listener.state
        if isinstance(event, events.StateChanged):
            if event.state == "stopped" and not app.listener.listening:
                if not app.closing.is_set():
                    yield events.RequestFailed("", _stopped())
                return
            yield event
        elif not event.request_id:
            yield event
        else:
            request_id = event.request_id
            if request_id not in ours:
                ours[request_id] = _is_of(app, request_id, key)
            if ours[request_id]:
                yield event
            if isinstance(event, (events.RequestDone, events.RequestFailed, events.RequestCancelled)):
                del ours[request_id]


def _is_of(app: App, request_id: str, key: str) -> bool:
    """Whether the request runs an item of that mailbox."""
    with suppress(KeyError, JournalError):
        asked = app.journal.request(request_id).asked
        return asked.kind == "item" and mailbox_of(asked) == key
    return False


def _stopped() -> events.Failure:
    return events.Failure(
        "stopped", _("Listening was stopped."), _("What has come is kept, and goes on when listening starts again.")
    )
