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

from tray import events, instance, locale, logs, words
from tray.desktop import autostart, host, notify
from tray.desktop.announce import Announcer
from tray.desktop.controls import Choice
from tray.desktop.tray import Tray
from tray.errors import SettingsError, TrayError
from tray.home import home
from tray.locale import _
from tray.progress import Running, RunningRequests
from tray.questions import OpenQuestions

if TYPE_CHECKING:
    from tray.app import App
    from tray.settings import Settings

log = logging.getLogger(__name__)

LATE_TRAY_S = 10.0
"""At login the panel comes later than the programs that start with it: until then a missing tray is no news."""


class Program:
    """What the icon's menu controls. Until `open` is done, what it is asked to start waits."""

    def __init__(self, home: Path, held: instance.Instance) -> None:
        self.home, self.held = home, held
        self.bus = events.Bus()
        self.ended = threading.Event()
        # Before the icon subscribes: what it is told of is here then.
        self._questions, self._running = OpenQuestions(self.bus), RunningRequests(self.bus)
        self._app: App | None = None
        self._settings: Settings | None = None
        self._settings_are_given = False
        self._closed = False
        self._shows_icon = False

    def open(self, settings: Settings | None = None, *, resume: bool = True, token: str | None = None) -> App:
        """Make the program and listen. Raises TrayError for what keeps it from that."""
        from tray import memory
        from tray import settings as settings_module
        from tray.app import Face, open_app

        memory.share_arena()
        face = Face(stays=True, has_icon=self.has_icon, quit=lambda _app: self.quit())
        self._settings_are_given = settings is not None
        try:
            self._settings = settings or settings_module.load()
            self._app = open_app(self._settings, self.home, self.held, self.bus, resume=resume, token=token, face=face)
        except Exception as error:
            self._answer_broken(str(error))
            raise
        self._app.listener.start()
        return self._app

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
        if self._app:
            self._app.listener.start()

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

    def home_folder(self) -> Path:
        return self.home

    def log_file(self) -> Path:
        return self.home / logs.NAME

    def _set(self, key: str, value: str | bool) -> None:
        """Write a setting down, from now on and for the next start; of the demo's, from now on."""
        from tray import settings as settings_module

        if self._settings is None:
            return
        if self._settings_are_given:
            self._took(self._settings.model_copy(update={key: value}))
            return
        try:
            settings_module.edit(lambda document: document.update({key: value}))
        except OSError as error:
            raise SettingsError(
                _("The settings can't be written: {path}: {error}").format(
                    path=settings_module.settings_file(), error=error.strerror or error
                ),
                _("Is the disk full, or the folder read-only?"),
            ) from None
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


def show(program: Program, work: Callable[[], object], tell: Callable[[str], None]) -> None:
    """Show the icon, do `work` in a thread, and return when the program is told to quit.

    Where no icon can be shown, or nothing shows it yet, `tell` is told why, before the work, and everything goes on
    without it; once there is a tray the icon is in it.
    """
    missing = host.prepare()
    if missing is not None:
        _quit_on_signals(program)  # before it is told: who hears that may end the program at once
        tell(_("No tray icon: {why} Going on without it.").format(why=missing))
        run_without_icon(program, work)
        return
    tray = Tray(program, program.bus)

    def begin() -> None:
        program.shows_icon()
        announcer = Announcer(program.bus, notify.notifier(tray.icon), program.notifications_are_paused)
        threading.Thread(target=end, args=(announcer,), name="end", daemon=True).start()
        if nowhere := host.no_tray():
            tell(_waiting(nowhere))
            threading.Thread(target=remind, name="remind", daemon=True).start()
        try:
            work()
        except Exception as error:  # the icon stays, and says what is wrong
            log.exception("the program could not be opened")
            program.bus.publish(events.StateChanged("error", str(error)))
            if nowhere:
                tell(str(error))

    def remind() -> None:
        """Most who wait for an icon see no terminal; but at login the panel often comes a little later than this."""
        if not program.ended.wait(LATE_TRAY_S) and (why := host.no_tray()):
            program.bus.publish(events.Noticed("", _waiting(why)))

    def end(announcer: Announcer) -> None:
        program.ended.wait()
        announcer.flush()  # while the icon is there, whose balloon shows it on Windows
        tray.stop()

    tray.run(begin)


def run_without_icon(program: Program, work: Callable[[], object]) -> None:
    """Do `work` in a thread, and return when the program is told to quit, by Ctrl-C or SIGTERM. Raises what it does."""
    _quit_on_signals(program)
    Announcer(program.bus, notify.notifier(None), program.notifications_are_paused)
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
        _complain(str(error))
    except OSError as error:
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        log.exception("the program failed")
        _complain(_("Something in this program failed: {error}").format(error=f"{type(error).__name__}: {error}"))
    else:
        return 0
    return 1


def _run(folder: Path, *, headless: bool) -> None:
    first = instance.reach(folder, {"op": "show"})
    if not isinstance(first, instance.Instance):
        _runs_already(first)
        return
    program = Program(folder, first)
    logs.log_to(folder)
    logs.catch_crashes(folder)
    try:
        if headless:
            _quit_on_signals(program)
            _say(_("Listening without an icon; Ctrl-C ends it."))
            run_without_icon(program, program.open)
        else:
            show(program, lambda: _open(program), _say)
    finally:
        program.close()


def _open(program: Program) -> None:
    program.open()
    try:
        said = autostart.repair()
    except TrayError as error:
        said = str(error)
        log.warning("%s", said)
    if said is not None:
        program.bus.publish(events.Noticed("", said))


def _waiting(why: str) -> str:
    return _("No tray icon yet: {why} It appears as soon as there is one; everything else works meanwhile.").format(
        why=why
    )


def _runs_already(first: instance.Message) -> None:
    """Somebody has started the program once more: the one that runs shows itself. Raises TrayError where it can't."""
    if not first["stays"]:
        raise TrayError(
            _("What runs is a coze-tray command in a terminal (process {pid}).").format(pid=first["pid"]),
            _("Start coze-tray again when that is over."),
        )
    runs = words.runs_already(has_icon=first["icon"])
    _say(_("{state} (process {pid})").format(state=runs, pid=first["pid"]))


def _complain(text: str) -> None:
    """Say what keeps the program from running: where nobody would see it, in a window."""
    if sys.stderr is None and sys.platform == "win32":
        import ctypes

        icon_warning = 0x30
        ctypes.windll.user32.MessageBoxW(None, text, "coze-tray", icon_warning)
    _say(text)


def _say(text: str) -> None:
    if sys.stderr is not None:  # a windowed program has none
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
