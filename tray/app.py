"""The composition root: makes the parts of Settings and connects them; nothing else does."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import os
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tray import events, instance, locale
from tray.coze.client import Client
from tray.draft.fetch import FetchPolicy
from tray.draft.folders import drafts_folder
from tray.draft.pipeline import Workshop
from tray.draft.publish import sweep
from tray.errors import SecretsError
from tray.events import Bus
from tray.journal import Journal, Request
from tray.listener import DraftLedger, Listener
from tray.locale import _
from tray.settings import Settings, check_base_url
from tray.tools.context import ToolContext
from tray.tools.generate_draft import generate_draft
from tray.tools.registry import Registry

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class App:
    """The running program, without its face: the one owner of the journal."""

    settings: Settings
    bus: Bus
    journal: Journal
    listener: Listener
    instance: instance.Instance

    def close(self) -> None:
        """Stop listening and give up the journal. Requests that ran go on at the next start."""
        self.listener.stop(timeout_s=2.0)
        self.journal.close()
        self.instance.release()


def open_app(
    settings: Settings, home: Path, held: instance.Instance, bus: Bus, *, resume: bool, token: str | None = None
) -> App:
    """Make the program in the one process of this user that holds the lock on `home`.

    `resume`: go on with what earlier runs left unfinished. `token`: use this one and no other (the demo's).
    """
    _log_to(home / "coze-tray.log")
    journal = Journal(home / "journal.db")
    tools = Registry()
    tools.tool(generate_draft)
    language = locale.use(settings.language or None)

    async def connect(request: Request) -> Client:
        known = token if token is not None else await asyncio.to_thread(token_for, request.base_url, settings)
        return Client(request.base_url, known)

    def context(ledger: DraftLedger, progress: Callable[[int, int, int], None]) -> ToolContext:
        return ToolContext(
            workshop=lambda name: workshop(settings, home, settings.folders[name] if name else None),
            folders=settings.folders,
            language=language,
            progress=progress,
            ledger=ledger,
        )

    listener = Listener(bus, journal, connect, tools, context, resume=resume)
    app = App(settings, bus, journal, listener, held)
    held.serve(lambda message: _answer(app, message))
    return app


def workshop(settings: Settings, home: Path, folder: Path | None = None) -> Workshop:
    """Where drafts are built: `folder`, else what the settings or this machine say. Raises DraftError for nowhere."""
    root = drafts_folder(folder or settings.drafts_dir)
    sweep(root)
    policy = FetchPolicy(frozenset(settings.allow_hosts), settings.media_folders, settings.max_media_bytes)
    return Workshop(root, policy, home / "locks")


def token_for(base_url: str, settings: Settings) -> str:
    """The token to use at `base_url`: COZE_API_TOKEN, else the keyring's. Raises SecretsError where there is none."""
    check_base_url(base_url)
    host = urlsplit(base_url).netloc
    if (token := os.environ.get("COZE_API_TOKEN")) and host == settings.api_host:
        return token
    from tray import secrets

    if token := secrets.read_token(host):
        return token
    raise SecretsError(_("Not signed in to {host}.").format(host=host), _("Sign in with: coze-tray login"))


def ask(app: App, bot_id: str, prompt: str, base_url: str, patience_s: float | None) -> Iterator[events.Event]:
    """Ask, and yield what happens to the request until it is done or failed."""
    heard: queue.SimpleQueue[events.Event] = queue.SimpleQueue()
    unsubscribe = app.bus.subscribe(heard.put)
    try:
        app.listener.start()
        request_id = app.listener.ask(base_url, bot_id, prompt, patience_s)
        while True:
            event = heard.get()
            if isinstance(event, events.StateChanged):
                yield event
                if event.state == "stopped":
                    yield events.RequestFailed(request_id, _stopped())
                    return
            elif event.request_id == request_id:
                yield event
                if isinstance(event, (events.RequestDone, events.RequestFailed)):
                    return
    finally:
        unsubscribe()


def ask_running(
    address: instance.Address, bot_id: str, prompt: str, base_url: str, patience_s: float
) -> Iterator[events.Event]:
    """As `ask`, by the coze-tray that runs already. Raises HandOffError where it does not answer."""
    message = {"op": "ask", "bot_id": bot_id, "prompt": prompt, "base_url": base_url, "patience_s": patience_s}
    for answer in instance.hand_on(address, message):
        yield events.from_json(answer)


def _answer(app: App, message: instance.Message) -> Iterator[instance.Message]:
    """What the running program says to another process of this user."""
    if message.get("op") == "ask":
        patience_s = message.get("patience_s")
        for event in ask(app, str(message["bot_id"]), str(message["prompt"]), str(message["base_url"]), patience_s):
            yield events.to_json(event)
    elif message.get("op") == "state":
        yield events.to_json(app.listener.state)
    else:
        log.warning("unknown message %r", message.get("op"))


def _stopped() -> events.Failure:
    return events.Failure(
        "stopped", _("Listening was stopped."), _("The request is kept and goes on when listening starts again.")
    )


def _log_to(path: Path) -> None:
    """Log into a file that never grows large. What libraries say is kept from warnings up."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger("tray").setLevel(logging.INFO)
