"""What a click in the icon's menu does. All of it runs in threads of its own, and may take as long as it likes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from tray.desktop import autostart, dialog, opener
from tray.desktop.controls import Choice, Controls
from tray.errors import TrayError
from tray.events import Bus, Event, QuestionAnswered, QuestionAsked, RequestCancelled, RequestDone, RequestFailed
from tray.locale import _
from tray.questions import chosen

OPEN_WITHIN_S = 30.0
"""A program that has just been started is ready for its page by then."""


class Clicks:
    """The program is told what it does itself; the rest asks the user first, or opens something of the desktop's."""

    def __init__(self, controls: Controls, bus: Bus, quit_: Callable[[], None]) -> None:
        self.start, self.stop = controls.start, controls.stop
        self.cancel, self.again, self.choose = controls.cancel, controls.again, controls.answer
        self.set_notifies, self.set_language = controls.set_notifies, controls.set_language
        self.quit = quit_
        self._controls = controls
        self._dialogs: dict[QuestionAsked, threading.Event] = {}  # the open ones
        self.unsubscribe = bus.subscribe(self._on_event)

    def ask(self, target: Choice | None) -> None:
        """Ask a target; None: the default bot. Raises TrayError."""
        prompt = ""
        if target is None or target.needs_prompt:
            text = _("What should {name} make?").format(name=target.name) if target else _("What should be made?")
            try:
                prompt = dialog.ask_text("coze-tray", text) or ""
            except dialog.NoDialogError as error:
                how = _("Ask with: coze-tray ask TEXT")
                raise TrayError(f"{error.message} {how}") from None
            if not prompt.strip():
                return
        self._controls.ask(target.name if target else None, prompt)

    def draft_from_clipboard(self) -> None:
        """Raises TrayError where it holds none."""
        from tray.sources import clipboard

        self._controls.make_draft(clipboard.draft(), _("the clipboard"))

    def sign_in(self) -> None:
        """Ask for a token, and for a bot where none is set. Raises TrayError."""
        token_wanted = _(
            "Paste your Coze token. Coze makes one at Settings > Personal access tokens; the README lists its scopes."
        )
        bot_wanted = _("The id of the bot to ask (the number at its address's end).")
        try:
            token = dialog.ask_text("coze-tray", token_wanted, hidden=True)
            if not token or not token.strip():
                return
            bot_id = "" if self._controls.has_default_bot() else dialog.ask_text("coze-tray", bot_wanted) or ""
        except dialog.NoDialogError as error:
            how = _("Sign in with: coze-tray login")
            raise TrayError(f"{error.message} {how}") from None
        self._controls.sign_in(token, bot_id.strip())

    def answer(self, question: QuestionAsked) -> None:
        """Let the user type the answer, in one window for each question. Raises TrayError."""
        if question in self._dialogs:
            return
        over = self._dialogs[question] = threading.Event()
        try:
            first = _("Coze asks (never type a token or a password here):")
            said = dialog.ask_text("coze-tray", f"{first}\n\n{question.text}\n{question.url}".strip(), over)
        except dialog.NoDialogError as error:
            how = _("Answer with: coze-tray answer {id} TEXT").format(id=question.request_id)
            raise TrayError(f"{error.message} {how}") from None
        finally:
            del self._dialogs[question]
        text = None if said is None else chosen(question, said)
        if text is not None:
            self._controls.answer(question, text)

    def open_own_page(self, path: str = "") -> None:
        url = self._controls.page(path)
        if url is not None:
            opener.open_own_page(url)

    def open_link(self, link: str) -> None:
        """A link to this program was opened, which may have started it just now. Raises TrayError."""
        from tray.sources import links

        path, until = links.path_of(link), time.monotonic() + OPEN_WITHIN_S
        while (url := self._controls.page(path)) is None and time.monotonic() < until:
            time.sleep(0.1)
        if url is not None:
            opener.open_own_page(url)

    def open_page(self, url: str) -> None:
        opener.open_page(url)

    def open_folder(self, folder: Path) -> None:
        opener.open_folder(folder)

    def open_log(self) -> None:
        opener.open_text(self._controls.log_file())

    def start_application(self, application: opener.Application) -> None:
        opener.start(application)

    def set_login(self, on: bool) -> None:
        """Raises TrayError."""
        (autostart.enable if on else autostart.disable)()

    def _on_event(self, event: Event) -> None:
        """Take a question's window away where it was answered elsewhere, or nobody waits for the answer any more."""
        if isinstance(event, QuestionAnswered | RequestDone | RequestFailed | RequestCancelled):
            for question, over in tuple(self._dialogs.items()):
                said = event.question_id if isinstance(event, QuestionAnswered) else question.question_id
                if (question.request_id, question.question_id) == (event.request_id, said):
                    over.set()
