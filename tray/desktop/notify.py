"""Desktop notifications: one way per platform, none of which can hold anybody up."""

from __future__ import annotations

import atexit
import html
import logging
import os
import queue
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tray import words
from tray.desktop.images import icon_path
from tray.events import (
    Bus,
    DraftWritten,
    Event,
    Noticed,
    QuestionAsked,
    Receipt,
    RequestDone,
    RequestFailed,
    RequestStarted,
    StateChanged,
)
from tray.locale import _, ngettext
from tray.text import for_terminal

log = logging.getLogger(__name__)

TITLE_UNITS, MESSAGE_UNITS = 63, 255
"""What Windows takes of each (NOTIFYICONDATAW: 64 and 256 with the closing zero), in UTF-16 units."""

_FLUSH_S = 2.0


class Notifier:
    """Shows notifications from a thread of its own. What goes wrong is logged. Each platform says how to `send`."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[str, str] | threading.Event] = queue.Queue(maxsize=50)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def show(self, title: str, message: str) -> None:
        """Show it soon; returns at once. Both are cut to what every platform shows."""
        self._put((cut(title, TITLE_UNITS), cut(message, MESSAGE_UNITS)))

    def flush(self, timeout_s: float = _FLUSH_S) -> bool:
        """Wait until what was shown so far is sent. False when that took too long."""
        sent = threading.Event()
        return self._put(sent) and sent.wait(timeout_s)

    def send(self, title: str, message: str) -> None:
        """Show it on this platform. Runs in the notifier's thread; may block, may raise anything."""
        raise NotImplementedError

    def _put(self, item: tuple[str, str] | threading.Event) -> bool:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._send_all, name="notify", daemon=True)
                self._thread.start()
                atexit.register(self.flush)  # a program that ends right after its draft is written still says so
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            log.warning("the desktop takes no notifications: %s", item)
            return False
        return True

    def _send_all(self) -> None:
        while True:
            item = self._waiting.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                self.send(*item)
            except Exception:  # whatever a desktop does wrong, a notification is no reason to stop
                log.exception("the notification %r could not be shown", item[0])


class WindowsNotifier(Notifier):
    """The balloon of the tray's own icon; plyer's, which adds an icon of its own, where there is none."""

    def __init__(self, icon: Any | None) -> None:
        super().__init__()
        self._icon = icon

    def send(self, title: str, message: str) -> None:
        if self._icon is not None:
            self._icon.notify(message or " ", title)  # an empty message would take the balloon away
            return
        from plyer import notification

        notification.notify(title=title, message=message, app_name="coze-tray", timeout=5)


class MacNotifier(Notifier):
    """AppleScript. The texts are its arguments, so nothing in them is read as script."""

    def send(self, title: str, message: str) -> None:
        script = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")
        lines = [word for line in script for word in ("-e", line)]
        subprocess.run(  # noqa: S603 - no shell
            ["osascript", *lines, no_option(title), no_option(message)],  # noqa: S607 - as the system has it
            check=True,
            capture_output=True,
            timeout=20,
        )


class LinuxNotifier(Notifier):
    """plyer: D-Bus where dbus-python is installed, else notify-send."""

    def send(self, title: str, message: str) -> None:
        # It warns that dbus-python is not there, though notify-send does as well.
        warnings.filterwarnings("ignore", module=r"plyer\.")
        from plyer import notification

        notification.notify(
            title=no_option(title),
            message=no_option(html.escape(message, quote=False)),  # the body is markup, the title is not
            app_name="coze-tray",
            app_icon=str(icon_path()),
            timeout=10,
        )


class NoNotifier(Notifier):
    """Where there is no desktop session: what would be shown is logged."""

    def send(self, title: str, message: str) -> None:
        log.info("%s: %s", title, message)


def has_session_bus() -> bool:
    """Whether there is a D-Bus session to send to (Linux); without one notify-send complains on the terminal."""
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS") or os.environ.get("DISPLAY"):
        return True
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return runtime is not None and Path(runtime, "bus").exists()


def notifier(icon: Any | None) -> Notifier:
    """The notifier of this platform. `icon`: pystray's icon, or None where none is shown."""
    if sys.platform == "win32":
        return WindowsNotifier(icon)
    if sys.platform == "darwin":
        return MacNotifier()
    return LinuxNotifier() if has_session_bus() else NoNotifier()


def announce(bus: Bus, notifier: Notifier) -> Callable[[], None]:
    """Notify of each draft written, each question, each request that failed, waits, or was answered without a draft,
    and what else the user should know. Returns the function that ends it."""
    signed_out = False
    titles: dict[str, str] = {}  # of the requests that are not over
    with_drafts: set[str] = set()

    def about(what: str, request_id: str) -> str:
        title = titles.get(request_id, "")
        return _("{state}: {detail}").format(state=what, detail=title) if title else what

    def on_event(event: Event) -> None:
        nonlocal signed_out
        if isinstance(event, RequestStarted):
            titles[event.request_id] = event.title
        elif isinstance(event, DraftWritten):
            with_drafts.add(event.request_id)
            notifier.show(_("Draft ready: {name}").format(name=event.receipt.name), _about(event.receipt))
        elif isinstance(event, QuestionAsked):
            notifier.show(about(_("A question for you"), event.request_id), _asked(event))
        elif isinstance(event, RequestDone) and event.text and event.request_id not in with_drafts:
            notifier.show(about(_("Answered"), event.request_id), event.text)
        elif isinstance(event, Noticed):
            notifier.show("coze-tray", event.text)
        elif isinstance(event, StateChanged):
            if event.state == "sign_in" and not signed_out:
                how = _("Sign in with: coze-tray login")
                notifier.show(_("Sign in to Coze"), f"{event.detail}\n{how}".strip())
            # It is told once: other requests come and go meanwhile, but none streams without a token.
            signed_out = event.state == "sign_in" or (signed_out and event.state not in ("idle", "streaming"))
        elif isinstance(event, RequestFailed) and not (event.failure.kept and event.failure.code == "sign_in"):
            what, text = _failed(event)
            notifier.show(about(what, event.request_id), text)
        if isinstance(event, RequestDone | RequestFailed):
            titles.pop(event.request_id, None)
            with_drafts.discard(event.request_id)

    return bus.subscribe(on_event)


def cut(text: str, units: int) -> str:
    """`text`, fit to be shown, in at most `units` UTF-16 units, with "…" for what was cut off; no character is cut in
    half."""
    text = for_terminal(text)
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * units:
        return text
    return encoded[: 2 * (units - 1)].decode("utf-16-le", "ignore") + "…"


def _about(receipt: Receipt) -> str:
    """Length, pieces, warnings, and how to see the draft."""
    counts = [words.clock(receipt.duration_us), words.of_segments(receipt)]
    if receipt.warnings:
        n = len(receipt.warnings)
        counts.append(ngettext("{n} warning", "{n} warnings", n).format(n=n))
    return _(", ").join(counts) + "\n" + words.how_to_see_it()


def _asked(event: QuestionAsked) -> str:
    """The question, and where it can be answered; that must not be what is cut off."""
    how = _("Answer it in the icon's menu, or: coze-tray answer {id} TEXT").format(id=event.request_id)
    question = " ".join(event.text.split())
    if event.options:
        question = f"{question} ({' / '.join(event.options)})"
    return cut(question, MESSAGE_UNITS - _units(how) - 1) + "\n" + how


def _failed(event: RequestFailed) -> tuple[str, str]:
    failure = event.failure
    if failure.kept:
        how = _("It is kept and goes on by itself.")
    elif failure.again:
        how = _("Run it again from the icon's menu, or: coze-tray again {id}").format(id=event.request_id)
    else:
        how = ""
    text = f"{failure.message} {failure.advice}".strip()
    if how:
        text = cut(text, MESSAGE_UNITS - _units(how) - 1) + "\n" + how
    return _("The request waits") if failure.kept else _("The request failed"), text


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def no_option(text: str) -> str:
    """A text that the command it is handed to can't take for an option."""
    return f" {text}" if text.startswith("-") else text
