"""The program behind the icon: what its menu controls. It is opened when the icon is there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tray import events, instance, locale, logs
from tray.desktop import host
from tray.desktop.controls import Choice
from tray.errors import TrayError
from tray.locale import _
from tray.progress import Running, RunningRequests
from tray.questions import OpenQuestions

if TYPE_CHECKING:
    from tray.app import App
    from tray.settings import Settings

log = logging.getLogger(__name__)


class Program:
    """What the icon's menu controls. Until `open` is done, what it is asked to start waits; where it has failed, that
    is tried once more, as the user may have mended what kept it from being opened."""

    def __init__(self, home: Path, held: instance.Instance) -> None:
        self.home, self.held = home, held
        self.bus = events.Bus()
        self.ended = threading.Event()
        # Before the icon subscribes: what it is told of is here then.
        self._questions, self._running = OpenQuestions(self.bus), RunningRequests(self.bus)
        self._app: App | None = None
        self._settings: Settings | None = None
        self._settings_are_given = False
        self._open_again: Callable[[], App] = self.open
        self._opening = threading.RLock()
        self._closed = False
        self._shows_icon = False

    def open(self, settings: Settings | None = None, *, resume: bool = True, token: str | None = None) -> App:
        """Make the program and listen. Raises TrayError for what keeps it from that."""
        from tray import memory
        from tray import settings as settings_module
        from tray.app import Face, open_app

        memory.share_arena()
        face = Face(stays=True, has_icon=self.has_icon, quit=lambda _app: self.quit())
        with self._opening:
            self._open_again = partial(self.open, settings, resume=resume, token=token)
            self._settings_are_given = settings is not None
            try:
                self._settings = settings or settings_module.load()
                self._app = open_app(
                    self._settings, self.home, self.held, self.bus, resume=resume, token=token, face=face
                )
            except Exception as error:
                self._answer_broken(str(error))
                raise
            self._app.listener.start()
            return self._app

    def _opened(self) -> App:
        """The program; it is opened once more where that has failed. Raises TrayError, and the icon shows it too."""
        with self._opening:
            if self._app is not None:
                return self._app
            if self._closed:
                raise TrayError(_("coze-tray is just ending."))
            try:
                return self._open_again()
            except Exception as error:
                self.bus.publish(events.StateChanged("error", str(error)))
                if isinstance(error, TrayError):
                    raise
                log.exception("the program could not be opened")
                text = _("Something in this program failed: {error}").format(error=f"{type(error).__name__}: {error}")
                raise TrayError(text) from error

    def _answer_broken(self, why: str) -> None:
        """Tell other processes what keeps this one from being opened; it ends when one of them wants it."""
        from tray.answering import answers_of_broken

        with suppress(OSError):
            self.held.serve(lambda message: answers_of_broken(message, why, self.has_icon(), self.quit))

    def shows_icon(self) -> None:
        self._shows_icon = True

    def has_icon(self) -> bool:
        """Whether the user can see an icon."""
        return self._shows_icon and host.no_tray() is None

    def start(self) -> None:
        """Raises TrayError for what keeps it from listening."""
        self._opened().listener.start()

    def stop(self) -> None:
        if self._app:
            self._app.listener.stop()

    def listening(self) -> bool:
        return self._app is not None and self._app.listener.listening

    def recent_drafts(self) -> list[tuple[str, str]]:
        return [(receipt.name, receipt.path) for receipt in self._app.journal.recent_drafts()] if self._app else []

    def running(self) -> list[Running]:
        return self._running.all()

    def cancel(self, request_id: str) -> None:
        """Raises TrayError."""
        from tray.app import cancel

        if self._app:
            cancel(self._app, request_id)

    def drafts_folder(self) -> Path | None:
        from tray.draft.folders import drafts_folder

        settings = self._settings_now()
        try:
            return drafts_folder(settings.drafts_dir if settings else None)
        except TrayError:
            return None

    def targets(self) -> list[Choice]:
        found = settings.targets if (settings := self._settings_now()) else {}
        return [
            Choice(name, needs_prompt=target.kind != "workflow" and not target.prompt)
            for name, target in found.items()
            if not target.listen
        ]

    def has_default_bot(self) -> bool:
        settings = self._settings_now()
        return settings is not None and bool(settings.bot_id)

    def ask(self, name: str | None, prompt: str) -> None:
        """Raises TrayError."""
        from tray import targets
        from tray.app import NewRequest, begin
        from tray.text import whole_characters

        app, settings = self._opened(), self._settings_now()
        if settings is None:
            return
        kind = settings.targets[name].kind if name in settings.targets else "bot"
        asked = targets.asked(targets.find(name, kind, settings), settings, whole_characters(prompt))
        begin(app, NewRequest(asked, None))

    def make_draft(self, said: str, source: str) -> None:
        """Raises TrayError."""
        import json

        from tray.app import call

        call(self._opened(), "generate_draft", json.dumps({"content": said}, ensure_ascii=False), source)

    def has_token(self) -> bool:
        from tray.known_account import is_known

        settings = self._settings_now()
        return self._settings_are_given or settings is None or is_known(settings)

    def sign_in_ends(self) -> bool:
        from tray.known_account import remembered_warning

        settings = self._settings_now()
        return not self._settings_are_given and settings is not None and remembered_warning(settings) is not None

    def sign_in(self, token: str, bot_id: str) -> None:
        """Raises TrayError."""
        from tray.signing_in import sign_in

        app, settings = self._opened(), self._settings_now()
        if settings is None:
            return
        said = sign_in(token, settings)
        if bot_id:
            self._set("bot_id", bot_id)
        app.listener.signed_in()
        self.bus.publish(events.Noticed("", said))

    def questions(self) -> list[events.QuestionAsked]:
        return self._questions.all()

    def answer(self, question: events.QuestionAsked, text: str) -> None:
        """Raises TrayError."""
        from tray.app import answer
        from tray.text import whole_characters

        if self._app:
            answer(self._app, question.request_id, question.question_id, whole_characters(text))

    def to_run_again(self) -> list[tuple[str, str]]:
        """Raises JournalError."""
        if self._app is None:
            return []
        from tray.app import to_run_again
        from tray.running import title

        return [(request.id, title(request.asked)) for request in to_run_again(self._app.journal)]

    def again(self, request_id: str) -> None:
        """Raises TrayError."""
        from tray.app import NewRequest, asked_again, begin

        if self._app:
            begin(self._app, NewRequest(asked_again(self._app.journal.request(request_id)), None))

    def notifies(self) -> bool:
        settings = self._settings_now()
        return settings is None or settings.notifications

    def set_notifies(self, on: bool) -> None:
        """Raises TrayError where it can't be written."""
        self._set("notifications", on)

    def language(self) -> str:
        settings = self._settings_now()
        return settings.language if settings else ""

    def set_language(self, language: str) -> None:
        """Raises TrayError where it can't be written."""
        self._set("language", language)

    def page(self, path: str) -> str | None:
        return self._app.page.url(self._app, path) if self._app else None

    def home_folder(self) -> Path:
        return self.home

    def log_file(self) -> Path:
        return self.home / logs.NAME

    def _set(self, key: str, value: str | bool) -> None:
        """Write a setting down, from now on and for the next start; of the demo's, from now on. Raises TrayError."""
        from tray import settings as settings_module

        settings = self._settings or self._opened().settings
        if self._settings_are_given:
            self._took(settings.model_copy(update={key: value}))
            return
        settings_module.save(**{key: value})
        self._settings_now()

    def _took(self, settings: Settings) -> None:
        """Those settings hold from now on; in their language everything is said that is said from now on."""
        if self._settings is None or settings.language != self._settings.language:
            locale.use(settings.language or None)
        self._settings = settings

    def _settings_now(self) -> Settings | None:
        """They may have changed since it was opened; what is broken then, was better before."""
        from tray import settings as settings_module

        if self._settings is not None and not self._settings_are_given:
            with suppress(TrayError):
                self._took(settings_module.load())
        return self._settings

    def notifications_are_paused(self) -> bool:
        settings = self._settings
        return settings is not None and not settings.notifications

    def quit(self) -> None:
        self.ended.set()

    def close(self) -> None:
        """Stop listening and let another process be the one; nothing the second time."""
        if not self._closed:
            self._closed = True
            if self._app:
                self._app.close()
            else:
                self.held.release()
