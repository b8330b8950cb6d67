"""How the program is shown, and how it ends: with its icon, or without one."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from tray import events, instance, logs, words
from tray.desktop import autostart, endings, first_start, host, link_entries, notify
from tray.desktop.announce import Announcer
from tray.desktop.program import Program
from tray.desktop.tray import Tray
from tray.errors import TrayError
from tray.home import home
from tray.locale import _

log = logging.getLogger(__name__)

SESSION_END_S = 4.0
"""So long the program may take to end in order where the session ends: Windows gives it 5 s (HungAppTimeout)."""

LATE_TRAY_S = 10.0
"""At login the panel comes later than the programs that start with it: until then a missing tray is no news."""


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
    _quit_with_console(program)
    tray = Tray(program, program.bus)
    link_entries.on_links(tray.open_link)

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

    tray.run(begin, partial(end_now, program))


def run_without_icon(program: Program, work: Callable[[], object]) -> None:
    """Do `work` in a thread, and return when the program is told to quit, by Ctrl-C or SIGTERM. Raises what it does."""
    _quit_on_signals(program)
    _quit_with_console(program)
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
    _close(program)  # whatever the work waits for ends with it
    worker.join()
    if failed:
        raise failed[0]


def end_now(program: Program) -> None:
    """End in order, and return when that is done or takes too long: the system then ends the process."""
    log.info("the session ends")
    program.quit()
    closing = threading.Thread(target=_close, args=(program,), name="close", daemon=True)
    closing.start()
    closing.join(SESSION_END_S)


def _close(program: Program) -> None:
    """It is closed when this returns, though another thread may be at it: the session may end while the user quits."""
    with _closing:
        program.close()


_closing = threading.Lock()


def _quit_on_signals(program: Program) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_args: program.quit())


def _quit_with_console(program: Program) -> None:
    def quit_() -> bool:
        if program.ended.is_set():
            return False
        program.quit()
        return True

    endings.on_console_end(quit_, partial(end_now, program))


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
        _close(program)


def _open(program: Program) -> None:
    program.open()
    if not first_start.guide(program) and not program.has_token():
        program.bus.publish(events.Noticed("", _("Not signed in yet: choose “Sign in…” in the icon's menu.")))
    try:
        said = autostart.repair()
    except TrayError as error:
        said = str(error)
        log.warning("%s", said)
    if said is not None:
        program.bus.publish(events.Noticed("", said))
    link_entries.register()


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
