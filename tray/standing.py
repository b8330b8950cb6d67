"""Which mailboxes a program keeps open: those that stand in the settings, and those that somebody listens to, for as
long as they do."""

from __future__ import annotations

import platform
import queue
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
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
from tray.mailbox import Mailbox
from tray.mailbox_pace import MailboxPace
from tray.settings import Settings, Target

if TYPE_CHECKING:
    from tray.app import App

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
        device = settings.device or platform.node()
        return Mailbox(self.name, self.asked, device, self.runs_a_day, MailboxPace(self.interval_s))


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
    """`always`: the keys of those that stand in the settings. Its methods may be called from any thread."""

    listener: Listener
    always: set[str]
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

    def stand(self, mailbox: Mailbox) -> None:
        """Keep it open from now on."""
        with self._lock:
            self.always.add(mailbox.key)
            self.listener.open_mailbox(mailbox.key, mailbox)

    def fall(self, key: str) -> None:
        """Keep it open no longer than somebody listens."""
        with self._lock:
            self.always.discard(key)
            if not self._followers[key]:
                self.listener.close_mailbox(key)


def listen(app: App, wanted: Wanted) -> Iterator[events.Event]:
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


def listen_running(address: instance.Address, wanted: Wanted) -> Iterator[events.Event]:
    """As `listen`, by the coze-tray that runs already. Raises HandOffError where it does not answer."""
    for said in instance.hand_on(address, {"op": "listen", "wanted": wanted.to_json()}):
        yield events.from_json(said)


def settings_changed(app: App, name: str) -> None:
    """The settings say otherwise about listening to that target now. Raises SettingsError."""
    settings = settings_module.load()
    target = settings.targets.get(name)
    if target is None:
        return
    wanted = Wanted.of((name, target), settings)
    if target.listen and target.kind == "workflow":
        app.standing.stand(wanted.mailbox(settings))
    else:
        app.standing.fall(mailbox_of(wanted.asked))


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
            if isinstance(event, (events.RequestDone, events.RequestFailed)):
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
