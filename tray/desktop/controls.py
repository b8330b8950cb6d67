"""What the icon's menu can ask of the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tray.events import QuestionAsked
from tray.progress import Running


@dataclass(frozen=True)
class Choice:
    """A named target, as the menu shows it. `needs_prompt`: a bot or a chatflow that has none saved."""

    name: str
    needs_prompt: bool


class Controls(Protocol):
    """All but `quit` are called in threads of the icon's own and may take time; what they raise is logged."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def listening(self) -> bool: ...

    def running(self) -> list[Running]:
        """The requests that run now. Returns at once."""

    def cancel(self, request_id: str) -> None: ...

    def recent_drafts(self) -> list[tuple[str, str]]:
        """Name and folder of each, the newest first."""

    def drafts_folder(self) -> Path | None: ...

    def targets(self) -> list[Choice]: ...

    def has_default_bot(self) -> bool: ...

    def ask(self, name: str | None, prompt: str) -> None:
        """Ask the target of that name; "": what is saved with it. None: the default bot."""

    def make_draft(self, said: str, source: str) -> None:
        """Of an export or the like. `source`: where it comes from, in words."""

    def has_token(self) -> bool:
        """Whether the user has signed in, as far as is known."""

    def sign_in_ends(self) -> bool:
        """Whether that ends within days or has ended, as far as is known."""

    def sign_in(self, token: str, bot_id: str) -> None:
        """Store the token, and the bot's id where one is given."""

    def questions(self) -> list[QuestionAsked]:
        """Those that wait for the user now."""

    def answer(self, question: QuestionAsked, text: str) -> None: ...

    def to_run_again(self) -> list[tuple[str, str]]:
        """Id and title of the requests of late that failed and may well succeed, the newest first."""

    def again(self, request_id: str) -> None: ...

    def notifies(self) -> bool:
        """Whether notifications are shown; else they are paused."""

    def set_notifies(self, on: bool) -> None: ...

    def language(self) -> str:
        """As in the settings: "" for the system's."""

    def set_language(self, language: str) -> None:
        """Everything that is shown from now on is in it."""

    def page(self, path: str) -> str | None:
        """An address that opens that page of the program's own in the browser, once; None where there is none."""

    def home_folder(self) -> Path:
        """Where settings, journal and log are."""

    def log_file(self) -> Path: ...

    def quit(self) -> None:
        """End the program. The icon goes when this returns."""
