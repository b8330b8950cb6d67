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
import time
import warnings
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tray.desktop.icon import NIN_BALLOONSHOW, NIN_BALLOONUSERCLICK
from tray.desktop.images import icon_path
from tray.desktop.opener import open_folder
from tray.locale import _
from tray.text import for_terminal

log = logging.getLogger(__name__)

TITLE_UNITS, MESSAGE_UNITS = 63, 255
"""What Windows takes of each (NOTIFYICONDATAW: 64 and 256 with the closing zero), in UTF-16 units."""

MOST_WAITING = 50
"""Notifications that wait for a desktop that hangs; what comes then is logged in place of being shown."""

_FLUSH_S = 2.0
_ANSWER_S = 5.0
"""So long a desktop may take for an answer. One that hangs keeps the notifier's thread, and nothing else."""
_CLICKABLE = 50
_SWALLOWED_S = 60.0
"""A balloon is shown for some seconds, and the next one then; while the user wants no disturbance, none is."""


@dataclass(frozen=True)
class Note:
    """What is shown. `ending` stays whole where `message` is too long; `folder`: what a click opens."""

    title: str
    message: str
    ending: str = ""
    folder: str = ""

    def text(self, hint: str = "") -> str:
        """The message with its ending and a hint, in as many units as every platform shows."""
        ending = "".join(f"\n{line}" for line in (self.ending, hint) if line)
        return (cut(self.message, MESSAGE_UNITS - units(ending)) + ending).strip("\n")


class Notifier:
    """Shows notifications from a thread of its own. What goes wrong is logged. Each platform says how to `send`."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Note | threading.Event] = queue.Queue(maxsize=MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        atexit.register(self._last)  # a program that ends right after its draft is written still says so

    def show(self, title: str, message: str, ending: str = "", folder: str = "") -> None:
        """Show it soon; returns at once. The texts are cut to what every platform shows, the ending last; a click
        opens the folder where the platform can."""
        self._put(Note(cut(title, TITLE_UNITS), for_terminal(message), cut(ending, MESSAGE_UNITS // 2), folder))

    def flush(self, timeout_s: float = _FLUSH_S) -> bool:
        """Wait until what was shown so far is sent. False when that took too long."""
        sent = threading.Event()
        return self._put(sent) and sent.wait(timeout_s)

    def send(self, note: Note) -> None:
        """Show it on this platform. Runs in the notifier's thread; may block, may raise anything."""
        raise NotImplementedError

    def _put(self, item: Note | threading.Event) -> bool:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._send_all, name="notify", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            if isinstance(item, Note):
                log.warning("the desktop takes no notifications; not shown: %s: %s", item.title, item.text())
            return False
        return True

    def _last(self) -> None:
        if self._thread is not None and not self.flush():
            log.warning("the desktop did not take the last notifications in time")

    def _send_all(self) -> None:
        while True:
            item = self._waiting.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                self.send(item)
            except Exception:  # whatever a desktop does wrong, a notification is no reason to stop
                log.exception("the notification %r could not be shown", item.title)


class WindowsNotifier(Notifier):
    """The balloon of the tray's own icon. A balloon that is sent while another is shown waits in Windows, and what is
    clicked is the one that is shown: of each we are told when that begins (NIN_BALLOONSHOW)."""

    def __init__(self, icon: Any) -> None:
        super().__init__()
        self._icon = icon
        self._sent: deque[str] = deque(maxlen=_CLICKABLE)  # folders of the balloons that were not shown yet
        self._last_s = 0.0  # when one was sent or shown
        self._shown: str | None = None  # the folder of the one that is shown or was last, None before the first
        icon.on_balloon = self._on_balloon

    def send(self, note: Note) -> None:
        if time.monotonic() - self._last_s > _SWALLOWED_S:
            self._sent.clear()  # what Windows has not shown by now it never will
        self._last_s = time.monotonic()
        self._sent.append(note.folder)  # before it is shown
        hint = _click_opens() if note.folder else ""
        try:
            self._icon.notify(note.text(hint) or " ", note.title)  # an empty message would take the balloon away
        except Exception:
            if self._sent:
                self._sent.pop()
            raise

    def _on_balloon(self, what: int) -> None:
        if what == NIN_BALLOONSHOW and self._sent:
            self._shown, self._last_s = self._sent.popleft(), time.monotonic()
        elif what == NIN_BALLOONUSERCLICK:
            newest = self._sent[-1] if self._sent else ""
            if folder := newest if self._shown is None else self._shown:
                open_folder(folder)


class MacNotifier(Notifier):
    """AppleScript. The texts are its arguments, so nothing in them is read as script. It does not hear of clicks (they
    open the script editor), so a note says where else its folder is found."""

    def send(self, note: Note) -> None:
        script = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")
        lines = [word for line in script for word in ("-e", line)]
        hint = _menu_opens() if note.folder else ""
        subprocess.run(  # noqa: S603 - no shell
            ["osascript", *lines, no_option(note.title), no_option(note.text(hint))],  # noqa: S607 - the system's
            check=True,
            capture_output=True,
            timeout=20,
        )


class LinuxNotifier(Notifier):
    """The desktop's notification daemon, over D-Bus (freedesktop.org, Desktop Notifications 1.2). It needs the icon's
    PyGObject, and the icon's loop for clicks."""

    def __init__(self) -> None:
        super().__init__()
        self._bus: Any = None
        self._folders: dict[tuple[str, int], str] = {}  # by the daemon's own name on the bus, and its number

    def send(self, note: Note) -> None:
        from gi.repository import GLib

        able = self._ask("GetCapabilities", None)[1][0]
        clickable = bool(note.folder) and "actions" in able
        hint = "" if not note.folder else _click_opens() if clickable else _menu_opens()
        body = note.text(hint)
        if "body-markup" in able:
            body = html.escape(body, quote=False)
        # "default" is the click on the note itself; its label is for daemons that show it as a button all the same.
        actions = ["default", _("Open folder")] if clickable else []
        hints = {"desktop-entry": GLib.Variant("s", "coze-tray")}
        asked = ("coze-tray", 0, str(icon_path()), note.title, body, actions, hints, -1)
        daemon, (number,) = self._ask("Notify", GLib.Variant("(susssasa{sv}i)", asked))
        if clickable:
            self._folders[daemon, number] = note.folder
            while len(self._folders) > _CLICKABLE:
                self._folders.pop(next(iter(self._folders)), None)

    def _ask(self, method: str, arguments: Any) -> tuple[str, Any]:
        """Who answered, and what. Raises GLib.Error where nobody does, or not in time."""
        from gi.repository import Gio

        if self._bus is None:
            self._bus = Gio.bus_get_sync(Gio.BusType.SESSION)
            for signal, act in (("ActionInvoked", self._clicked), ("NotificationClosed", self._gone)):
                self._bus.signal_subscribe(None, _DAEMON, signal, _DAEMON_PATH, None, Gio.DBusSignalFlags.NONE, act)
        message = Gio.DBusMessage.new_method_call(_DAEMON, _DAEMON_PATH, _DAEMON, method)
        if arguments is not None:
            message.set_body(arguments)
        flags = Gio.DBusSendMessageFlags.NONE
        answer, _serial = self._bus.send_message_with_reply_sync(message, flags, round(_ANSWER_S * 1000))
        answer.to_gerror()
        return answer.get_sender(), answer.get_body().unpack()

    # Every program hears every daemon's signals, so a number counts with its daemon's name alone.

    def _clicked(self, _bus: Any, daemon: str, _path: str, _interface: str, _signal: str, said: Any) -> None:
        number, action = said.unpack()
        folder = self._folders.get((daemon, number))
        if folder and action == "default":
            open_folder(folder)

    def _gone(self, _bus: Any, daemon: str, _path: str, _interface: str, _signal: str, said: Any) -> None:
        self._folders.pop((daemon, said.unpack()[0]), None)


_DAEMON = "org.freedesktop.Notifications"
_DAEMON_PATH = "/org/freedesktop/Notifications"


class PlyerNotifier(Notifier):
    """Where there is no icon: plyer, with a balloon of its own on Windows, notify-send or dbus-python on Linux."""

    def send(self, note: Note) -> None:
        # It warns that dbus-python is not there, though notify-send does as well.
        warnings.filterwarnings("ignore", module=r"plyer\.")
        from plyer import notification

        notify = partial(notification.notify, app_name="coze-tray", timeout=10)
        if sys.platform == "win32":
            notify(title=note.title, message=note.text())
            return
        body = html.escape(note.text(), quote=False)  # the body is markup, the title is not
        notify(title=no_option(note.title), message=no_option(body), app_icon=str(icon_path()))


class NoNotifier(Notifier):
    """Where there is no desktop session: what would be shown is logged."""

    def send(self, note: Note) -> None:
        log.info("%s: %s", note.title, note.text())


def has_session_bus() -> bool:
    """Whether there is a D-Bus session to send to (Linux); without one notify-send complains on the terminal."""
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS") or os.environ.get("DISPLAY"):
        return True
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return runtime is not None and Path(runtime, "bus").exists()


def notifier(icon: Any | None) -> Notifier:
    """The notifier of this platform. `icon`: the one that is shown (tray/desktop/icon.py), None for none."""
    if sys.platform == "win32":
        return WindowsNotifier(icon) if icon is not None else PlyerNotifier()
    if sys.platform == "darwin":
        return MacNotifier()
    if not has_session_bus():
        return NoNotifier()
    return LinuxNotifier() if icon is not None else PlyerNotifier()


def cut(text: str, most_units: int) -> str:
    """`text`, fit to be shown, in at most so many UTF-16 units, with "…" for what was cut off; no character is cut in
    half."""
    text = for_terminal(text)
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * most_units:
        return text
    return encoded[: 2 * (most_units - 1)].decode("utf-16-le", "ignore") + "…"


def units(text: str) -> int:
    """How long Windows says it is."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def no_option(text: str) -> str:
    """A text that the command it is handed to can't take for an option."""
    return f" {text}" if text.startswith("-") else text


def _click_opens() -> str:
    return _("Click here to open its folder.")


def _menu_opens() -> str:
    return _("To open its folder: Recent drafts in the icon's menu.")
