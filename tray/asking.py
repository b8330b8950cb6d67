"""The commands that ask the cloud for something, and wait for what becomes of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tray import app, events, instance, targets, terminal, watching
from tray import settings as settings_module
from tray.asked import Asked
from tray.errors import HandOffError, JournalError, SettingsError, TrayError
from tray.home import home as home_folder
from tray.journal_rows import Request, last_in_conversation, stored_request
from tray.known_account import expiry_warning
from tray.locale import _
from tray.questions import refuse_token
from tray.settings import Settings
from tray.text import whole_characters

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 10.0
"""For how long an answer is offered to a program that is just ending, or to the one that takes over."""


@dataclass(frozen=True)
class Talk:
    """How a bot or a chatflow is asked. `goes_on`: in the conversation it was last asked in; `clear`: and that without
    its context."""

    files: tuple[Path, ...] = ()
    goes_on: bool = False
    clear: bool = False


def ask(
    prompt: str, said: str | None, kind: targets.TargetKind, parameters: Mapping[str, Any], talk: Talk, wait_s: float
) -> terminal.Outcome:
    """Ask a bot or a chatflow, here or by the coze-tray that runs already. `said`: its name or id, None for the
    default. A prompt that is the name of a saved request asks that, where no target is named."""
    settings = settings_module.load_for_people()
    if said is None and (saved_kind := targets.saved(prompt, settings)):
        prompt, said, kind = "", prompt, saved_kind
    named = targets.find(said, kind, settings)
    prompt = whole_characters(prompt)
    if not (prompt or named[1].prompt).strip():
        raise SettingsError(_("Nothing was asked."), _("Say what the bot should make."))
    files = tuple(str(file.absolute()) for file in talk.files)
    asked = targets.asked(named, settings, prompt, parameters, files)
    if talk.goes_on or talk.clear:
        last = last_in_conversation(home_folder() / "journal.db", asked.base_url, asked.kind, asked.target_id)
        if last is None or last.run is None:
            text = _("There is no conversation with {target} yet: a new one is begun.")
            terminal.show_warning(text.format(target=asked.target or asked.target_id))
        else:
            asked = replace(asked, conversation_id=str(last.run["conversation_id"]), clear=talk.clear)
    return _done(settings, app.NewRequest(asked, wait_s))


def workflow(said: str | None, parameters: Mapping[str, Any], wait_s: float) -> terminal.Outcome:
    """Run a workflow. `said`: its name or id, None for the default."""
    settings = settings_module.load_for_people()
    named = targets.find(said, "workflow", settings)
    return _done(settings, app.NewRequest(targets.asked(named, settings, parameters=parameters), wait_s))


def adopt(conversation_id: str, chat_id: str, wait_s: float) -> terminal.Outcome:
    """Go on with a chat of this account, whoever began it."""
    settings = settings_module.load_for_people()
    asked = Asked(settings.base_url, "bot", "", conversation_id=conversation_id)
    run = {"conversation_id": conversation_id, "chat_id": chat_id}
    return _done(settings, app.NewRequest(asked, wait_s, run))


def again(request_id: str, wait_s: float) -> terminal.Outcome:
    """Ask the same once more, as something new."""
    settings = settings_module.load_for_people()
    return _done(settings, app.NewRequest(app.asked_again(_stored(request_id)), wait_s))


def answer(request_id: str, text: str, wait_s: float) -> terminal.Outcome:
    """Answer the question that a request waits with, and go on with it to its end."""
    refuse_token(text)
    settings = settings_module.load_for_people()
    request = _stored(request_id)
    if request.state != "waiting" or request.question is None:
        raise TrayError(
            _("{id} asks nothing.").format(id=request_id), _("coze-tray status shows what waits for an answer.")
        )
    wanted = app.NewRequest(request.asked, wait_s, request_id=request_id)
    return _done(settings, wanted, {request.question: text})


def _stored(request_id: str) -> Request:
    request = stored_request(home_folder() / "journal.db", request_id)
    if request is None:
        raise TrayError(
            _("There is no request {id}.").format(id=request_id), _("coze-tray status lists those of late.")
        )
    return request


def _done(settings: Settings, wanted: app.NewRequest, given: Mapping[str, str] | None = None) -> terminal.Outcome:
    """How the request ended, shown as it went."""
    followed = _Followed(home_folder(), settings, wanted)
    try:
        with closing(followed.happenings()) as happenings:
            outcome = watching.watch(happenings, followed.answer, given)
            terminal.show_outcome(outcome)
            followed.stay()
    except KeyboardInterrupt:
        terminal.show_warning(_left(followed))
        raise
    if outcome.failure is None and (warning := expiry_warning(settings)):
        terminal.show_warning(warning)
    return outcome


def _left(followed: _Followed) -> str:
    """What becomes of a request that is followed no longer."""
    request: Request | None = None
    with suppress(JournalError):
        request = stored_request(followed.home / "journal.db", followed.wanted.request_id)
    run = request.run if followed.is_here and request and request.asked.kind == "workflow" else None
    if run and not run.get("event_id"):  # it waits at none
        return _("Coze may go on with the run, but nobody can join it again. If you need it, run it once more.")
    return terminal.kept()


@dataclass
class _Followed:
    """A request's events: from the listener made here (`is_here`), or from the program that holds the lock; should that
    end in the middle, the request is gone on with here."""

    home: Path
    settings: Settings
    wanted: app.NewRequest
    is_here: bool = False
    _give: Callable[[events.QuestionAsked, str], bool] | None = None
    _opened: app.App | None = None

    def happenings(self) -> Generator[events.Event, None, None]:
        for _attempt in range(100):
            held, address = instance.acquire(self.home), instance.running(self.home)
            if held is not None:
                yield from self._here(held)
                return
            if address is not None:
                self._give = _giver(address)
                try:
                    for event in app.ask_running(address, self.wanted):
                        yield event
                        if isinstance(event, (events.RequestDone, events.RequestFailed, events.RequestCancelled)):
                            return
                except HandOffError as error:
                    log.info("%s", error)
            threading.Event().wait(0.1)  # it has only just started, or is just ending
        raise instance.taken(self.home)

    def answer(self, question: events.QuestionAsked, text: str) -> bool:
        """False where it was answered before. From any thread. Raises TrayError where it can't be given."""
        for _attempt in range(round(ANSWER_WITHIN_S / 0.2)):
            try:
                if self._give is not None:
                    return self._give(question, text)
            except HandOffError as error:
                log.info("%s", error)
            threading.Event().wait(0.2)  # who runs it is just changing
        raise instance.taken(self.home)

    def stay(self) -> None:
        """Until the workflows are over that run here for other processes, or Ctrl-C: nobody can join them again."""
        if self._opened is None or not self._opened.listener.holds_workflows:
            return
        terminal.show_warning(_("A workflow that another coze-tray asked for still runs here; Ctrl-C ends it."))
        with suppress(KeyboardInterrupt):
            while self._opened.listener.holds_workflows:
                threading.Event().wait(0.1)

    def _here(self, held: instance.Instance) -> Generator[events.Event, None, None]:
        self.is_here = True
        opened = self._opened = app.open_app(self.settings, self.home, held, events.Bus(), resume=False)
        self._give = lambda question, text: app.answer(opened, question.request_id, question.question_id, text)
        try:
            yield from opened.notices()
            yield from app.ask(opened, self.wanted)
        finally:
            opened.close()


def _giver(address: instance.Address) -> Callable[[events.QuestionAsked, str], bool]:
    return lambda question, text: app.answer_running(address, question.request_id, question.question_id, text)
