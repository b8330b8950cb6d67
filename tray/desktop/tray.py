"""The icon in the system tray and its menu. Nothing here may block: what can take time runs in a thread."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from tray import words
from tray.desktop import autostart, dialog, host
from tray.desktop.icon import icon_class
from tray.desktop.images import Picture, picture
from tray.desktop.notify import cut
from tray.desktop.opener import open_folder, open_page
from tray.errors import TrayError
from tray.events import (
    Bus,
    DraftWritten,
    Event,
    Noticed,
    QuestionAnswered,
    QuestionAsked,
    RequestFailed,
    StateChanged,
)
from tray.locale import _
from tray.questions import chosen

log = logging.getLogger(__name__)

_TITLE_UNITS = 127
"""What Windows takes, in UTF-16 units (NOTIFYICONDATAW.szTip: 128 with the closing zero)."""

_LABEL_UNITS = 80


class Controls(Protocol):
    """What the menu can ask of the program. All but `quit` are called in threads of the tray's own and may take time;
    what they raise is logged."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def listening(self) -> bool: ...

    def recent_drafts(self) -> list[tuple[str, str]]:
        """Name and folder of each, the newest first."""

    def drafts_folder(self) -> str | None: ...

    def targets(self) -> list[Choice]: ...

    def has_default_bot(self) -> bool: ...

    def ask(self, name: str | None, prompt: str) -> None:
        """Ask the target of that name, or run it with its defaults; None: the default bot."""

    def questions(self) -> list[QuestionAsked]:
        """Those that wait for the user now."""

    def answer(self, question: QuestionAsked, text: str) -> None: ...

    def to_run_again(self) -> list[tuple[str, str]]:
        """Id and title of the requests of late that failed and may well succeed, the newest first."""

    def again(self, request_id: str) -> None: ...

    def quit(self) -> None:
        """End the program. The icon goes when this returns."""


@dataclass(frozen=True)
class Choice:
    """A named target, as the menu shows it. `needs_prompt`: a bot or a chatflow; a workflow needs none."""

    name: str
    needs_prompt: bool


@dataclass(frozen=True)
class _Seen:
    """What the menu shows. It is gathered in a thread, as the menu itself is made in the main thread."""

    listening: bool = False
    recent_drafts: tuple[tuple[str, str], ...] = ()
    drafts_folder: str | None = None
    starts_at_login: bool = False
    has_default_bot: bool = False
    targets: tuple[Choice, ...] = ()
    questions: tuple[QuestionAsked, ...] = ()
    to_run_again: tuple[tuple[str, str], ...] = ()


class Tray:
    """The icon. `icon` is pystray's own while `run` runs, else None."""

    def __init__(self, controls: Controls, bus: Bus) -> None:
        self.icon: Any | None = None
        self._update_menu: Callable[[], None] = lambda: None
        self._controls = controls
        self._state = StateChanged("stopped")
        self._shown: Picture | None = None
        self._in_menu: tuple[StateChanged, _Seen] | None = None
        self._seen = _Seen()
        self._bus = bus
        self._dialogs: dict[str, threading.Event] = {}  # the open ones, by question
        self._stopping = threading.Event()
        self._stale = threading.Event()
        self._unsubscribe = bus.subscribe(self._on_event)

    def run(self, setup: Callable[[], None] | None = None) -> None:
        """Show the icon until `stop`; blocks the main thread. `host.prepare` must have returned None before.

        `setup` is called in a thread once the icon is visible.
        """
        host.adapt_pystray()
        self.icon = icon_class()("coze-tray", picture(self._state.state), "coze-tray", menu=self._menu())

        def ready(icon: Any) -> None:
            host.on_main_thread(lambda: setattr(icon, "visible", True))
            if self._stopping.is_set():  # before there was a loop to stop
                self.stop()
                return
            host.on_signals(self.quit)
            # pystray makes the menu anew after each click, too; what a click changes is shown when it has changed.
            self._update_menu, icon.update_menu = icon.update_menu, lambda: None
            threading.Thread(target=self._follow, name="tray-menu", daemon=True).start()
            self._stale.set()
            if setup is not None:
                threading.Thread(target=setup, name="tray-setup", daemon=True).start()

        try:
            self.icon.run(ready)
        finally:
            self._unsubscribe()
            self._stopping.set()
            self._stale.set()
            self.icon = None

    def stop(self) -> None:
        """Take the icon away and let `run` return. From any thread; before `run` too."""
        self._stopping.set()
        icon = self.icon
        if icon is not None:
            host.on_main_thread(icon.stop)

    def quit(self) -> None:
        """What the menu's last entry does."""

        def end() -> None:
            try:
                self._controls.quit()
            finally:
                self.stop()

        self._in_thread(end)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            self._state = event
        elif isinstance(event, QuestionAnswered) and (over := self._dialogs.get(event.question_id)):
            over.set()  # it was answered elsewhere
        if isinstance(event, StateChanged | DraftWritten | QuestionAsked | QuestionAnswered | RequestFailed):
            self._stale.set()

    def _follow(self) -> None:
        """Keep icon, title and menu as they should be; many changes at once make one update."""
        while True:
            self._stale.wait()
            self._stale.clear()
            icon = self.icon
            if icon is None or self._stopping.is_set():
                return
            try:
                self._seen = self._look()
            except Exception:  # the menu then shows what it showed before
                log.exception("the menu could not be brought up to date")
            host.on_main_thread(partial(self._show, icon))

    def _show(self, icon: Any) -> None:
        changed = self._state
        shown = picture(changed.state)
        if shown != self._shown:  # a new picture costs the panel more than a new text
            icon.icon = self._shown = shown
        icon.title = cut(f"coze-tray: {in_words(changed)}", _TITLE_UNITS)
        in_menu = changed, self._seen
        if in_menu != self._in_menu:  # panels have crashed over menus that change while they are looked at
            self._in_menu = in_menu
            self._update_menu()

    def _look(self) -> _Seen:
        return _Seen(
            listening=self._controls.listening(),
            recent_drafts=tuple(self._controls.recent_drafts()),
            drafts_folder=self._controls.drafts_folder(),
            starts_at_login=autostart.status() is not None,
            has_default_bot=self._controls.has_default_bot(),
            targets=tuple(self._controls.targets()),
            questions=tuple(self._controls.questions()),
            to_run_again=tuple(self._controls.to_run_again()),
        )

    def _in_thread(self, action: Callable[[], None]) -> None:
        """Do what was clicked, and then bring the menu up to date."""

        def act() -> None:
            try:
                action()
            except TrayError as error:
                log.warning("%s", error)
                self._bus.publish(Noticed("", str(error)))
                self._in_menu = None  # a tick that the click has set goes again
            except Exception:  # a click that fails must leave the icon working
                log.exception("what was clicked failed")
                self._in_menu = None
            self._stale.set()

        threading.Thread(target=act, name="tray-click", daemon=True).start()

    def _ask(self, target: Choice | None) -> None:
        """Ask a target; None: the default bot."""
        prompt = ""
        if target is None or target.needs_prompt:
            text = _("What should {name} make?").format(name=target.name) if target else _("What should be made?")
            prompt = dialog.ask_text("coze-tray", text) or ""
            if not prompt.strip():
                return
        self._controls.ask(target.name if target else None, prompt)

    def _answer(self, question: QuestionAsked) -> None:
        if question.question_id in self._dialogs:
            return
        over = self._dialogs[question.question_id] = threading.Event()
        try:
            said = dialog.ask_text("coze-tray", f"{question.text}\n{question.url}".strip(), over)
        except dialog.NoDialogError as error:
            how = _("Answer with: coze-tray answer {id} TEXT").format(id=question.request_id)
            raise TrayError(f"{error.message} {how}") from None
        finally:
            del self._dialogs[question.question_id]
        text = None if said is None else chosen(question, said)
        if text is not None:
            self._controls.answer(question, text)

    def _requests(self) -> Iterator[Any]:
        """The entries about asking; those that have nothing in them are not shown."""
        from pystray import Menu, MenuItem

        def entry(text: str, action: Callable[[], None]) -> Any:
            return MenuItem(_label(text), lambda: self._in_thread(action))

        def targets() -> Iterator[Any]:
            for target in self._seen.targets:
                yield entry(target.name, partial(self._ask, target))

        def options(question: QuestionAsked) -> Iterator[Any]:
            if question.url:
                host = urlsplit(question.url).netloc
                yield entry(_("Open the page at {host}").format(host=host), partial(open_page, question.url))
                yield entry(_("Answer…"), partial(self._answer, question))
            for option in question.options:
                yield entry(option, partial(self._controls.answer, question, option))

        def questions() -> Iterator[Any]:
            for question in self._seen.questions:
                if question.options or question.url:
                    yield MenuItem(_label(question.text), Menu(partial(options, question)))
                else:
                    yield entry(question.text, partial(self._answer, question))

        def again() -> Iterator[Any]:
            for request_id, title in self._seen.to_run_again:
                yield entry(title, partial(self._controls.again, request_id))

        if self._seen.has_default_bot:
            yield entry(_("New request…"), partial(self._ask, None))
        for text, items, shown in (
            (_("Targets"), targets, self._seen.targets),
            (_("Questions"), questions, self._seen.questions),
            (_("Run again"), again, self._seen.to_run_again),
        ):
            if shown:
                yield MenuItem(text, Menu(items))

    def _menu(self) -> Any:
        """The menu. pystray asks the functions in it for their texts each time it is brought up to date."""
        from pystray import Menu, MenuItem

        def start_or_stop() -> None:
            self._in_thread(self._controls.stop if self._seen.listening else self._controls.start)

        def opens(folder: str) -> Callable[[], None]:
            return lambda: open_folder(folder)

        def drafts() -> Iterator[Any]:
            for name, folder in self._seen.recent_drafts:
                yield MenuItem(_label(name), opens(folder))
            if not self._seen.recent_drafts:
                yield MenuItem(_("(none yet)"), None, enabled=False)

        def open_drafts_folder() -> None:
            if self._seen.drafts_folder is not None:
                open_folder(self._seen.drafts_folder)

        def login() -> None:
            self._in_thread(autostart.disable if self._seen.starts_at_login else autostart.enable)

        def entries() -> Iterator[Any]:
            seen = self._seen
            yield MenuItem(_label(in_words(self._state)), None, enabled=False)
            yield Menu.SEPARATOR
            yield MenuItem(_("Stop listening") if seen.listening else _("Start listening"), start_or_stop)
            yield Menu.SEPARATOR
            yield from self._requests()
            yield Menu.SEPARATOR
            yield MenuItem(_("Recent drafts"), Menu(drafts))
            yield MenuItem(_("Open drafts folder"), open_drafts_folder, enabled=seen.drafts_folder is not None)
            yield Menu.SEPARATOR
            yield MenuItem(_("Start at login"), login, checked=lambda _item: self._seen.starts_at_login)
            yield MenuItem(_("Quit"), self.quit)

        return Menu(entries)


def in_words(changed: StateChanged) -> str:
    """The state as the menu and the tooltip say it."""
    state = words.of_state(changed.state)
    return _("{state}: {detail}").format(state=state, detail=changed.detail) if changed.detail else state


def _label(text: str) -> str:
    """A text as a menu entry: one short line, and on Windows no "&" that would underline the next letter."""
    line = cut(" ".join(text.split()), _LABEL_UNITS)
    return line.replace("&", "&&") if sys.platform == "win32" else line
