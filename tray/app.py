"""The composition root: makes the parts of Settings and connects them; nothing else does."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tray import events, instance, locale, logs, secrets, standing
from tray import settings as settings_module
from tray.asked import Asked, call_of
from tray.coze.credential import FixedToken
from tray.coze.tries import Pace
from tray.draft.folders import drafts_folder, profile_of
from tray.draft.problems import DraftError
from tray.draft.publish import HELD, sweep
from tray.errors import JournalError, TrayError
from tray.events import Bus
from tray.journal import Journal
from tray.journal_rows import Request
from tray.known_account import remembered_warning
from tray.listener import Listener
from tray.listener_parts import Parts
from tray.locale import _
from tray.progress import RunningRequests
from tray.questions import OpenQuestions
from tray.running import DraftLedger
from tray.settings import InForce, Settings, Unknown
from tray.signing_in import credential_for
from tray.sources import Sources
from tray.sources.parts import Parts as SourceParts
from tray.told import ToldRequests
from tray.tools.context import ToolContext
from tray.tools.generate_draft import generate_draft
from tray.tools.registry import Registry
from tray.web.page import Page

if TYPE_CHECKING:  # what only a request or a draft needs is imported when there is one
    from tray.coze.client import Client
    from tray.draft.pipeline import Workshop

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Face:
    """What the user has of the process that runs. `stays`: it is the tray program, with its icon or without; else a
    command that is the one while it runs. `quit` begins its end; None: it only ends when its request is over."""

    stays: bool = False
    has_icon: Callable[[], bool] = lambda: False
    quit: Callable[[App], None] | None = None


COMMAND = Face()


@dataclass(frozen=True)
class App:
    """The running program, without its face: the one owner of the journal."""

    settings: Settings
    bus: Bus
    journal: Journal
    listener: Listener
    instance: instance.Instance
    questions: OpenQuestions
    standing: standing.Standing
    running: RunningRequests
    told: ToldRequests
    tools: Registry
    face: Face
    heed_no_unlocking: Callable[[], None]
    sources: Sources
    """What starts requests by itself."""
    odd_settings: tuple[Unknown, ...]
    """What stands in the settings file and is no setting."""
    settings_are_given: bool
    """They are those that it was opened with (the demo's), not the file's."""
    settings_now: Callable[[], Settings]
    """Those in force: the file may have changed since it was opened."""
    home: Path
    page: Page = field(default_factory=Page)
    since_s: float = field(default_factory=time.time)
    """When it began, on the day's clock."""
    closing: threading.Event = field(default_factory=threading.Event)

    def notices(self) -> list[events.Noticed]:
        """What was found when it was opened, for who was not on the bus yet."""
        found = [str(unknown) for unknown in self.odd_settings]
        if self.journal.set_aside is not None:
            text = _("The journal could not be read and was set aside: {path}. What was unfinished in it is not gone on"
                     " with.")  # fmt: skip
            found.append(text.format(path=self.journal.set_aside))
        return [events.Noticed("", text) for text in found]

    def close(self) -> None:
        """Stop listening and give up the journal. Requests that ran go on at the next start, or in the process that
        handed them on."""
        self.closing.set()
        self.page.close()
        self.heed_no_unlocking()
        self.sources.stop()
        self.listener.close(timeout_s=4.0, grace_s=2.0)
        self.journal.close()
        self.instance.release()


def open_app(
    settings: Settings,
    home: Path,
    held: instance.Instance,
    bus: Bus,
    *,
    resume: bool,
    token: str | None = None,
    face: Face = COMMAND,
) -> App:
    """Make the program in the one process of this user that holds the lock on `home`.

    `resume`: go on with what earlier runs left unfinished, and keep the mailboxes of the settings open. `token`: use
    this one and no other (the demo's).
    """
    from tray import answering  # which can do all that is in this module

    logs.log_to(home)
    journal = Journal(home / "journal.db")
    tools = Registry()
    tools.tool(generate_draft)
    locale.use(settings.language or None)
    in_force, pace = InForce(settings), Pace()

    def now() -> Settings:
        """What begins goes by what the user has set meanwhile; a program that was started for one thing by what it was
        given."""
        return in_force.now() if resume else settings

    async def connect(base_url: str) -> Client:
        from tray.coze.client import Client

        credential = FixedToken(token) if token is not None else credential_for(base_url, now())
        return Client(base_url, credential, now().silent_s, pace)

    def warning() -> str | None:
        return remembered_warning(now()) if token is None else None

    def context(ledger: DraftLedger, progress: Callable[[int, int, int], None], fresh: bool) -> ToolContext:
        current = now()
        return ToolContext(
            workshop=lambda name: workshop(current, home, current.folders[name] if name else None, fresh=fresh),
            folders=current.folders,
            language=locale.use(current.language or None),
            progress=progress,
            ledger=ledger,
        )

    with contextlib.suppress(DraftError):  # there may be no drafts folder yet
        root = drafts_folder(settings.drafts_dir)
        sweep(root)
        if resume and (root / HELD).is_dir():
            threading.Thread(target=_send_deleted, args=(root, home / "locks"), name="recycle-bin", daemon=True).start()
    mailboxes = standing.of_settings(settings) if resume else {}
    listener = Listener(Parts(bus, journal, connect, tools, context, resume, settings.at_once, mailboxes, warning))
    kept = standing.Standing(listener, mailboxes, of_settings=resume)
    unheeded = secrets.when_unlocked(listener.signed_in)
    running, told = RunningRequests(bus), ToldRequests(bus)
    odd = settings_module.look().unknown if resume else ()
    sources = Sources(SourceParts(bus, journal, listener, now, home, lambda: open_page(app)))
    app = App(
        settings, bus, journal, listener, held, OpenQuestions(bus), kept, running, told, tools, face, unheeded, sources,
        odd, token is not None, now, home,
    )  # fmt: skip
    held.serve(lambda message: answering.answers(app, message))
    for notice in app.notices():
        bus.publish(notice)
    if resume:
        sources.start()
    return app


def _send_deleted(root: Path, locks: Path) -> None:
    """Put into the recycle bin what was deleted on the page before the program ended, when undo is over."""
    from tray.draft import removal

    removal.keep_sending(root, locks)


def open_page(app: App, path: str = "") -> None:
    """Show `path` of the page in the browser."""
    from tray.desktop import opener

    opener.open_own_page(app.page.url(app, path))


def workshop(settings: Settings, home: Path, folder: Path | None = None, *, fresh: bool = False) -> Workshop:
    """Where and how drafts are built: in `folder`, else where the settings or this machine say. `fresh`: as in
    CachePolicy. Raises DraftError for nowhere."""
    from tray.draft.cache import CachePolicy
    from tray.draft.compose import Options
    from tray.draft.fetch import FetchPolicy
    from tray.draft.pipeline import Workshop

    root = drafts_folder(folder or settings.drafts_dir)
    sweep(root)
    policy = FetchPolicy(frozenset(settings.allow_hosts), settings.media_folders, settings.max_media_bytes)
    cache = CachePolicy(home / "cache", settings.cache_hours, settings.cache_max_bytes, fresh)
    profile = profile_of(root) if settings.profile == "auto" else settings.profile
    return Workshop(root, policy, home / "locks", cache, Options(profile, strict=settings.strict), settings.time_unit)


@dataclass(frozen=True)
class NewRequest:
    """What a process asks for. Asked again under the same `request_id`, it goes on with the same request. `run`: the
    chat to adopt, which has begun elsewhere. `patience_s`: as in Listener.go_on."""

    asked: Asked
    patience_s: float | None
    run: dict[str, Any] | None = None
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


def ask(app: App, wanted: NewRequest) -> Iterator[events.Event]:
    """Ask, and yield what happens to the request until it is done or failed.

    It ends without either where this program ends: the request is in the journal, and another process can go on.
    """
    heard: queue.SimpleQueue[events.Event] = queue.SimpleQueue()
    unsubscribe = app.bus.subscribe(heard.put)
    try:
        if not app.closing.is_set():
            request_id = begin(app, wanted)
            if over := _ended(app.journal.request(request_id)):
                heard.put(over)
            elif question := app.questions.of(request_id):  # it was asked before anyone followed
                heard.put(question)
            yield from _followed(app, request_id, heard)
    except JournalError as error:
        if not app.closing.is_set():
            yield events.RequestFailed(wanted.request_id, events.Failure("journal", error.message, error.advice))
    finally:
        unsubscribe()


def begin(app: App, wanted: NewRequest) -> str:
    """Put the request to the listener, unless it is over. Returns its id: another one than was wanted, where a chat is
    to be adopted that a request has already. Raises JournalError."""
    if wanted.run is None:
        request_id = wanted.request_id
        app.journal.add_request(request_id, wanted.asked)
    else:
        request_id = app.journal.adopt(wanted.request_id, wanted.asked, wanted.run)
    if _ended(app.journal.request(request_id)) is None:
        app.listener.start()
        app.listener.go_on(request_id, wanted.patience_s)
    return request_id


def call(app: App, tool: str, arguments: str, source: str = "") -> str:
    """Let a tool be called here, as a request. `arguments`: JSON text of an object; `source`: where they come from, in
    words. Returns the request's id. Raises JournalError."""
    return begin(app, NewRequest(call_of(tool, arguments, source), None))


def asked_again(request: Request) -> Asked:
    """What was asked, to be asked once more as something new. Raises TrayError for what can't be."""
    asked = request.asked
    if asked.kind in ("item", "call") and not asked.parameters.get("arguments"):
        raise TrayError(
            _("What {id} was made of is kept no longer.").format(id=request.id),
            _("Give it the file or the text again."),
        )
    if not asked.target_id and asked.kind != "call":
        raise TrayError(
            _("{id} is a chat that was begun elsewhere.").format(id=request.id), _("Ask again where it was begun.")
        )
    if _ended(request) is None:
        raise TrayError(_("{id} is not over.").format(id=request.id), _("It goes on by itself when coze-tray listens."))
    if gone := next((Path(file) for file in asked.files if not Path(file).is_file()), None):
        raise TrayError(
            _("The file {name}, which went along with it, is not there any more.").format(name=gone.name),
            _("Ask anew, and add the file again."),
        )
    return asked


def to_run_again(journal: Journal) -> list[Request]:
    """The requests of late that failed though they may well succeed, and were not asked again; newest first, and as
    `recent_requests` gives them. Raises JournalError."""
    found: list[Request] = []
    later: list[Request] = []
    for request in journal.recent_requests(20):
        if request.failure is not None and request.failure.again:
            likely = [one.id for one in later if one.asked == request.asked]
            if not any(journal.search.are_same(one, request.id) for one in likely):
                found.append(request)
        later.append(request)
    return found[:5]


def answer(app: App, request_id: str, question_id: str, text: str) -> bool:
    """The user's answer to an open question. False where it is not open."""
    taken = app.journal.reply(request_id, question_id, text)
    if taken:
        app.listener.answered(request_id)
    return taken


def settings_changed(app: App) -> None:
    """The settings file is another: whatever shows or keeps what stands in it looks again. Raises SettingsError."""
    app.standing.settings_changed()
    app.sources.settings_changed()
    locale.use(settings_module.load().language or None)
    app.bus.publish(app.listener.state)


def cancel(app: App, request_id: str) -> bool:
    """The user wants that request no more: it never goes on, what it has written stays. What runs of it ends in a
    moment; RequestCancelled says when. False where it is over already, or unknown. Raises JournalError."""
    taken = app.journal.cancel(request_id)
    if taken:
        app.listener.cancelled(request_id)
    return taken


def ask_running(address: instance.Address, wanted: NewRequest) -> Iterator[events.Event]:
    """As `ask`, by the coze-tray that runs already. Raises HandOffError where it does not answer."""
    message = {**asdict(wanted), "asked": wanted.asked.to_json()}
    for said in instance.hand_on(address, {"op": "ask", **message}):
        yield events.from_json(said)


def answer_running(address: instance.Address, request_id: str, question_id: str, text: str) -> bool:
    """As `answer`, by the coze-tray that runs already. Raises HandOffError where it does not answer."""
    message = {"op": "answer", "request_id": request_id, "question_id": question_id, "text": text}
    return any(said.get("taken") for said in instance.hand_on(address, message))


def _followed(app: App, request_id: str, heard: queue.SimpleQueue[events.Event]) -> Iterator[events.Event]:
    """What is heard of one request, and of the listener, until the request is over or the listener stops."""
    shown: set[str] = set()
    while True:
        event = heard.get()
        if isinstance(event, events.StateChanged):
            if event.state != "stopped":
                yield event
            elif not app.listener.listening:  # else it is an earlier life's end that is heard late
                if not app.closing.is_set():
                    yield events.RequestFailed(request_id, _stopped())
                return
        elif event.request_id == request_id:
            if isinstance(event, events.DraftWritten):
                shown.add(event.receipt.draft_id)
            over = isinstance(event, (events.RequestDone, events.RequestFailed, events.RequestCancelled))
            if over:  # drafts may have been written while nobody followed
                missed = (r for r in app.journal.drafts_of(request_id) if r.draft_id not in shown)
                yield from (events.DraftWritten(request_id, receipt) for receipt in missed)
            yield event
            if over:
                return


def _ended(request: Request) -> events.Event | None:
    """How a request ended that another process has finished meanwhile."""
    if request.failure is not None:
        return events.RequestFailed(request.id, request.failure)
    if request.state == "cancelled":
        return events.RequestCancelled(request.id)
    return events.RequestDone(request.id, request.text) if request.state == "done" else None


def _stopped() -> events.Failure:
    return events.Failure(
        "stopped",
        _("Listening was stopped."),
        _("The request is kept and goes on when listening starts again."),
        kept=True,
    )
