"""The commands that ask the cloud for something, and wait for what becomes of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from tray import app, events, instance, locale, targets, terminal
from tray import settings as settings_module
from tray.asked import Asked
from tray.errors import HandOffError, SettingsError
from tray.home import home as home_folder
from tray.locale import _
from tray.settings import Settings
from tray.text import whole_characters

log = logging.getLogger(__name__)


def ask(prompt: str, bot: str | None, wait_s: float) -> terminal.Outcome:
    """Ask a bot, here or by the coze-tray that runs already."""
    settings = _settings()
    named = targets.find(bot, "bot", settings)
    prompt = whole_characters(prompt)
    if not prompt.strip():
        raise SettingsError(_("Nothing was asked."), _("Say what the bot should make."))
    return _done(settings, targets.asked(named, settings, prompt), wait_s)


def _done(settings: Settings, asked: Asked, wait_s: float) -> terminal.Outcome:
    """How the request ended, shown as it went."""
    wanted = app.NewRequest(asked, wait_s)
    try:
        outcome = terminal.watch(_happenings(home_folder(), settings, wanted))
    except KeyboardInterrupt:
        terminal.show_warning(_("The request is kept and goes on when coze-tray runs."))
        raise
    terminal.show_outcome(outcome)
    return outcome


def _happenings(home: Path, settings: Settings, wanted: app.NewRequest) -> Iterator[events.Event]:
    """The request's events: from the listener made here, or from the program that holds the lock; should that end in
    the middle, the request is gone on with here."""
    for _attempt in range(100):
        held, address = instance.acquire(home), instance.running(home)
        if held is not None:
            opened = app.open_app(settings, home, held, events.Bus(), resume=False)
            try:
                yield from app.ask(opened, wanted)
            finally:
                opened.close()
            return
        if address is not None:
            try:
                for event in app.ask_running(address, wanted):
                    yield event
                    if isinstance(event, (events.RequestDone, events.RequestFailed)):
                        return
            except HandOffError as error:
                log.info("%s", error)
        threading.Event().wait(0.1)  # it has only just started, or is just ending
    raise instance.taken(home)


def _settings() -> Settings:
    """The settings, in whose language everything is said from now on."""
    settings = settings_module.load()
    locale.use(settings.language or None)
    return settings
