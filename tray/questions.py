"""The questions of runs that wait for the user now."""

from __future__ import annotations

import threading

from tray.errors import TrayError
from tray.events import (
    Bus,
    Event,
    QuestionAnswered,
    QuestionAsked,
    RequestCancelled,
    RequestDone,
    RequestFailed,
    StateChanged,
)
from tray.locale import _
from tray.redact import holds_token


class OpenQuestions:
    """Kept as the bus tells of them, one for a request at most; from any thread. While nothing listens there are none:
    each is asked anew when its request goes on."""

    def __init__(self, bus: Bus) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, QuestionAsked] = {}
        bus.subscribe(self._on_event)

    def all(self) -> list[QuestionAsked]:
        """In the order in which they were asked."""
        with self._lock:
            return list(self._open.values())

    def of(self, request_id: str) -> QuestionAsked | None:
        with self._lock:
            return self._open.get(request_id)

    def _on_event(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, QuestionAsked):
                self._open.pop(event.request_id, None)
                self._open[event.request_id] = event
            elif isinstance(event, QuestionAnswered | RequestDone | RequestFailed | RequestCancelled):
                self._open.pop(event.request_id, None)
            elif isinstance(event, StateChanged) and event.state == "stopped":
                self._open.clear()


def chosen(question: QuestionAsked, said: str) -> str | None:
    """What `said` answers, None where it answers nothing: of a question with options, one by its number or its text.
    To one with a page, which wants to hear that it was visited, to say nothing is an answer too. Raises TrayError for a
    token, which no bot is to get."""
    refuse_token(said)
    said = said.strip()
    if not question.options:
        return said or ("ok" if question.url else None)
    for option in question.options:
        if said.casefold() == option.strip().casefold():
            return option
    number = int(said) if said.isascii() and said.isdigit() else 0
    return question.options[number - 1] if 1 <= number <= len(question.options) else None


def refuse_token(said: str) -> None:
    """Raises TrayError for what looks like a token of Coze's: whoever made the flow would have the account."""
    if holds_token(said):
        raise TrayError(
            _("That looks like a Coze token. It was not sent: whoever made this bot would get your account."),
            _("Put it where you sign in: “Sign in…” in the icon's menu, or coze-tray login."),
        )
