"""What the command line asks of the program that runs: to quit, to listen or not, how it is, and to cancel requests."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import typer

from tray import instance, terminal
from tray.errors import HandOffError, TrayError
from tray.home import home as home_folder
from tray.instance import Instance, Message
from tray.journal import Journal
from tray.journal_rows import Request, stored_request, unfinished_requests
from tray.locale import _
from tray.running import title
from tray.text import for_terminal

GONE_WITHIN_S = 20.0
"""A program that was told to quit is given so long; it closes its streams, and what it is writing, first."""
STARTED_WITHIN_S = 30.0


def ask(op: str, **more: Any) -> Message | None:
    """What the running program answers first, None where none runs. Raises HandOffError where it does not answer."""
    reached = instance.reach(home_folder(), {"op": op, **more})
    if isinstance(reached, Instance):
        reached.release()
        return None
    return reached


def quit_() -> dict[str, Any]:
    """End the running program and wait until it is gone. Raises TrayError."""
    said = _asked_twice("quit")
    if said is None:
        terminal.out.print(_("coze-tray is not running."))
        return {"was_running": False, "pid": None}
    pid = int(said["pid"])
    if said["cuts"]:
        return {"was_running": True, "pid": pid, "quits": False}
    if not said["quits"]:
        raise _busy(pid)
    _until_gone(pid)
    terminal.out.print(_("coze-tray has ended (process {pid}).").format(pid=pid))
    return {"was_running": True, "pid": pid, "quits": True}


def stop() -> dict[str, Any]:
    """Let the running program listen no more. Raises TrayError."""
    said = _asked_twice("stop")
    if said is None:
        terminal.out.print(_("coze-tray is not running, so nothing listens."))
        return {"was_running": False, "listening": False}
    if not said["stays"]:
        raise _busy(int(said["pid"]))
    if not said["cuts"]:
        text = _("coze-tray listens no more.") if said["was_listening"] else _("coze-tray was not listening.")
        terminal.out.print(f"{text} " + _("To go on: coze-tray start"))
    return {"was_running": True, "listening": said["listening"]}


def start() -> dict[str, Any]:
    """Let the running program listen; where none runs, start it, on its own from then on. Raises TrayError."""
    said = ask("start")
    was_running = said is not None
    if said is None:
        said = _started()
    pid = int(said["pid"])
    if not said["stays"]:
        raise _busy(pid)
    if not said["listening"]:
        why = said["state"]["detail"]
        raise TrayError(
            _("coze-tray runs (process {pid}), but can't listen. {why}").format(pid=pid, why=why).strip(),
            _("Mend that, then end it (coze-tray quit) and start it again."),
        )
    if not was_running:
        text = (
            _("coze-tray runs now (process {pid}), with its icon.")
            if said["icon"]
            else _("coze-tray runs now (process {pid}), without an icon.")
        )
    elif said["was_listening"]:
        text = _("coze-tray runs and listens already (process {pid}).")
    else:
        text = _("coze-tray listens (process {pid}).")
    terminal.out.print(text.format(pid=pid))
    return {"was_running": was_running, "pid": pid, "listening": said["listening"]}


def page(path: str, *, opens: bool) -> str:
    """Open that page of the running program in the browser; where none runs, start it. Returns the address, which works
    once, and prints it where it is not opened. Raises TrayError."""
    if ask("state") is None:
        _started()
    said = ask("page", path=path)
    if said is None:
        raise HandOffError(_("coze-tray has ended just now."), _("Try again."))
    if "url" not in said:
        text = _("coze-tray runs (process {pid}), but can't open its page. {why}")
        raise TrayError(
            text.format(pid=said["pid"], why=said["state"]["detail"]),
            _("Mend that, then end it (coze-tray quit) and start it again."),
        )
    url = str(said["url"])
    if opens:
        from tray.desktop.opener import open_own_page

        open_own_page(url)
        terminal.out.print(_("The page opens in the browser."))
    else:
        terminal.out.print(url, markup=False, soft_wrap=True)
    return url


def cancel(request_id: str | None, *, every: bool) -> dict[str, Any]:
    """Cancel that request; without an id the only one that is not over, or with `every` all of them. Raises TrayError
    where there are several, or where it can't be."""
    wanted = [_stored(request_id)] if request_id else unfinished_requests(_journal())
    if not wanted:
        terminal.out.print(_("Nothing runs or waits that could be cancelled."))
    if len(wanted) > 1 and not every:
        for request in wanted:
            terminal.err.print(f"  {_line(request)}", markup=False)
        raise TrayError(
            _("Several requests run or wait."), _("Name one: coze-tray cancel ID, or all: coze-tray cancel --all")
        )
    cancelled = []
    for request in wanted:
        if _cancelled(request.id):
            cancelled.append(request)
            terminal.out.print(_("Cancelled: {what}").format(what=_line(request)), markup=False)
        elif request_id:
            raise TrayError(_("{id} is over already.").format(id=request_id))
    return {"cancelled": [{"request_id": one.id, "prompt": title(one.asked)} for one in cancelled]}


def _stored(request_id: str) -> Request:
    request = stored_request(_journal(), request_id)
    if request is None:
        raise TrayError(
            _("There is no request {id}.").format(id=request_id), _("coze-tray status lists those of late.")
        )
    return request


def _cancelled(request_id: str) -> bool:
    """By the program that runs, else in the journal. False where it was over."""
    reached = instance.reach(home_folder(), {"op": "cancel", "request_id": request_id})
    if not isinstance(reached, Instance):
        return bool(reached["taken"])
    try:
        journal = Journal(_journal())
        try:
            return journal.cancel(request_id)
        finally:
            journal.close()
    finally:
        reached.release()


def _journal() -> Path:
    return home_folder() / "journal.db"


def _line(request: Request) -> str:
    return f"{request.id}  {for_terminal(title(request.asked))[:60]}"


def _asked_twice(op: str) -> Message | None:
    """As `ask`, but where a workflow would be cut off by it, the user is asked before: nobody can join one again. Where
    nobody can be asked, it is cut, and said."""
    said = ask(op, cut=False)
    if said is None or not said["cuts"]:
        return said
    text = _("A workflow runs, and is cut off by that: Coze may go on with it, but nobody can join it again.")
    if sys.stdin is not None and sys.stdin.isatty():
        terminal.show_warning(text)
        if not typer.confirm(_("Go on all the same?"), err=True):
            terminal.show_warning(_("Nothing was changed."))
            return said
    else:
        terminal.show_warning(text)
    return ask(op, cut=True)


def _busy(pid: int) -> TrayError:
    return TrayError(
        _("What runs is a coze-tray command in a terminal (process {pid}).").format(pid=pid),
        _("It ends when its request is over; Ctrl-C there, or coze-tray cancel, ends it now."),
    )


def _until_gone(pid: int) -> None:
    """Until that process holds the lock no more. Raises HandOffError where it keeps it."""
    home = home_folder()

    def gone() -> bool:
        held = instance.acquire(home)
        if held is not None:
            held.release()
            return True
        return instance.holder(home) not in (pid, None)  # another goes on with what it asked of the one that quit

    if not _within(GONE_WITHIN_S, gone):
        raise HandOffError(
            _("coze-tray (process {pid}) was told to quit, but is still there.").format(pid=pid),
            _("End that process."),
        )


def _started() -> Message:
    """Start the program, as at login, and wait until it answers. Raises TrayError where it ends instead."""
    from tray.desktop.autostart import command

    with tempfile.TemporaryFile() as errors:
        process = _detached(command(), errors)
        answer: list[Message] = []

        def answers() -> bool:
            if process.poll() not in (None, 0):  # 0: another was quicker
                return True
            address = instance.running(home_folder())
            with suppress(HandOffError):
                if address is not None:
                    answer[:] = list(instance.hand_on(address, {"op": "start"}))
            return bool(answer)

        _within(STARTED_WITHIN_S, answers)
        if answer:
            return answer[0]
        errors.seek(0)
        why = errors.read().decode("utf-8", "replace").strip()
    raise TrayError(
        _("coze-tray could not be started. {why}").format(why=why).strip(),
        _("coze-tray doctor shows what is missing."),
    )


def _detached(command: list[str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """A process that stays when the terminal is closed, and has no window of its own."""
    more: dict[str, Any] = {}
    if sys.platform == "win32":  # without DETACHED_PROCESS: its workers would each open a console
        more["creationflags"] = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        more["start_new_session"] = True
    none = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=home_folder(), stdin=none, stdout=none, stderr=errors, **more)  # noqa: S603 - it is our own


def _within(seconds: float, true: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
