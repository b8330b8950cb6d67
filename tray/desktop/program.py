"""The tray program: the icon comes first, everything else is made behind it."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tray import events, instance, logs
from tray.desktop import host, notify
from tray.desktop.tray import Choice, Tray
from tray.errors import TrayError
from tray.home import home
from tray.locale import _
from tray.questions import OpenQuestions

if TYPE_CHECKING:
    from tray.app import App
    from tray.settings import Settings

log = logging.getLogger(__name__)


class Program:
    """What the icon's menu controls. Until `open` is done, what it is asked to start waits."""

    def __init__(self, home: Path, held: instance.Instance) -> None:
        self.home, self.held = home, held
        self.bus = events.Bus()
        self.ended = threading.Event()
        self._questions = OpenQuestions(self.bus)  # before the icon subscribes: what it is told of is here then
        self._app: App | None = None
        self._settings: Settings | None = None
        self._settings_are_given = False
        self._closed = False

    def open(self, settings: Settings | None = None, *, resume: bool = True, token: str | None = None) -> App:
        """Make the program and listen. Raises TrayError for what keeps it from that."""
        from tray import settings as settings_module
        from tray.app import open_app

        self._settings_are_given = settings is not None
        self._settings = settings or settings_module.load()
        self._app = open_app(self._settings, self.home, self.held, self.bus, resume=resume, token=token)
        self._app.listener.start()
        return self._app

    def start(self) -> None:
        if self._app:
            self._app.listener.start()

    def stop(self) -> None:
        if self._app:
            self._app.listener.stop()

    def listening(self) -> bool:
        return self._app is not None and self._app.listener.listening

    def recent_drafts(self) -> list[tuple[str, str]]:
        return [(receipt.name, receipt.path) for receipt in self._app.journal.recent_drafts()] if self._app else []

    def drafts_folder(self) -> str | None:
        from tray.draft.folders import drafts_folder

        try:
            return str(drafts_folder(self._settings.drafts_dir if self._settings else None))
        except TrayError:
            return None

    def targets(self) -> list[Choice]:
        found = settings.targets if (settings := self._settings_now()) else {}
        return [
            Choice(name, needs_prompt=target.kind != "workflow") for name, target in found.items() if not target.listen
        ]

    def has_default_bot(self) -> bool:
        settings = self._settings_now()
        return settings is not None and bool(settings.bot_id)

    def ask(self, name: str | None, prompt: str) -> None:
        """Raises TrayError."""
        from tray import targets
        from tray.app import NewRequest, begin
        from tray.text import whole_characters

        settings = self._settings_now()
        if self._app is None or settings is None:
            return
        kind = settings.targets[name].kind if name in settings.targets else "bot"
        asked = targets.asked(targets.find(name, kind, settings), settings, whole_characters(prompt))
        begin(self._app, NewRequest(asked, None))

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

    def _settings_now(self) -> Settings | None:
        """They may have changed since it was opened; what is broken then, was better before."""
        from tray import settings as settings_module

        if self._settings is not None and not self._settings_are_given:
            with suppress(TrayError):
                self._settings = settings_module.load()
        return self._settings

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


def show(program: Program, work: Callable[[], object], tell: Callable[[str], None]) -> None:
    """Show the icon, do `work` in a thread, and return when the program is told to quit.

    Where no icon can be shown, `tell` is told why, and everything goes on without it.
    """
    missing = host.prepare()
    if missing is not None:
        _quit_on_signals(program)  # before it is told: who hears that may end the program at once
        tell(missing)
        run_without_icon(program, work)
        return
    tray = Tray(program, program.bus)

    def begin() -> None:
        notify.announce(program.bus, notify.notifier(tray.icon))
        threading.Thread(target=end, name="end", daemon=True).start()
        try:
            work()
        except Exception as error:  # the icon stays, and says what is wrong
            log.exception("the program could not be opened")
            program.bus.publish(events.StateChanged("error", str(error)))

    def end() -> None:
        program.ended.wait()
        tray.stop()

    tray.run(begin)


def run_without_icon(program: Program, work: Callable[[], object]) -> None:
    """Do `work` in a thread, and return when the program is told to quit, by Ctrl-C or SIGTERM. Raises what it does."""
    _quit_on_signals(program)
    notify.announce(program.bus, notify.notifier(None))
    failed: list[Exception] = []

    def guarded() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised again below, in the thread that can end the program
            failed.append(error)
            program.quit()

    worker = threading.Thread(target=guarded, name="work")
    worker.start()
    _wait(program)
    program.close()  # whatever the work waits for ends with it
    worker.join()
    if failed:
        raise failed[0]


def _quit_on_signals(program: Program) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_args: program.quit())


def _wait(program: Program) -> None:
    """Until the program is told to end. A signal may be taken by any thread (and Windows' waits hear none), so the main
    thread waits on a socket that each signal writes to."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

        def wake() -> None:
            program.ended.wait()
            with suppress(OSError):
                theirs.send(b"\0")

        threading.Thread(target=wake, name="wake", daemon=True).start()
        try:
            while not program.ended.is_set():
                ours.recv(1)
        finally:
            signal.set_wakeup_fd(before)


def main(*, headless: bool) -> int:
    """`coze-tray` itself: the icon, or with `headless` the listener without it, until the user quits.

    Returns the exit code. It says little, and on standard error; the command line's packages are not imported.
    """
    from tray.locale import use

    use()
    try:
        _run(home(), headless=headless)
    except TrayError as error:
        _say(str(error))
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        log.exception("the program failed")
        _say(_("Something in this program failed: {error}").format(error=f"{type(error).__name__}: {error}"))
    else:
        return 0
    return 1


def _run(folder: Path, *, headless: bool) -> None:
    program = Program(folder, instance.acquire_or_tell(folder))
    logs.log_to(folder)
    logs.catch_crashes(folder)
    try:
        if headless:
            _quit_on_signals(program)
            _say(_("Listening without an icon; Ctrl-C ends it."))
            run_without_icon(program, program.open)
        else:
            show(program, program.open, lambda why: _say(no_icon(why)))
    finally:
        program.close()


def no_icon(why: str) -> str:
    """What the user is told where there can be no icon."""
    return _("No tray icon: {why} Going on without it.").format(why=why)


def _say(text: str) -> None:
    if sys.stderr is not None:  # a windowed program has none
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
