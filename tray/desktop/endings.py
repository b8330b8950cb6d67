"""How the system ends the program: signals, a console that closes, a session that is logged off or shut down.

What is asked to end (`quit_`) returns at once, and the program ends in its own time. Where the session ends, the system
ends the process as soon as its answer returns, or after some seconds: what must be done is done within it (`end_now`).
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from tray.desktop import host

WM_CLOSE, WM_QUERYENDSESSION, WM_ENDSESSION = 0x10, 0x11, 0x16
CTRL_C, CTRL_BREAK = 0, 1
"""Of the console's events; the others (its window closes: 2, logoff: 5, shutdown: 6) end the process in any case."""

_kept: list[Any] = []  # what Windows calls must not be collected


def on_end(icon: Any, quit_: Callable[[], None], end_now: Callable[[], None]) -> None:
    """Hear of it while there is an icon. To be called once pystray's loop runs.

    Neither GTK's loop nor AppKit's runs Python's handlers, and pystray gives Ctrl-C its default back when it starts on
    Linux, while on macOS it lets it end the process on the spot. On Windows pystray answers 0 to whatever its window
    is sent, which for WM_QUERYENDSESSION means that the user must not log off."""
    if sys.platform == "win32":
        _on_messages(icon, quit_, end_now)
    elif sys.platform == "darwin":
        host.on_main_thread(partial(_on_mac, quit_, end_now))  # behind what pystray does when its loop starts
    else:
        _on_glib_signals(quit_)


def on_console_end(quit_: Callable[[], bool], end_now: Callable[[], None]) -> None:
    """Hear of Ctrl-C and of the end of the console that it runs in (Windows; nothing elsewhere, nor without one).

    `quit_` returns False where it has been asked before: then it is as if nobody had listened. Windows ends the process
    when `end_now` is done, 5 s later at the latest (HandlerRoutine, SetConsoleCtrlHandler)."""
    if sys.platform != "win32":
        return

    def told(event: int) -> bool:
        if event in (CTRL_C, CTRL_BREAK):
            return quit_()
        end_now()
        return True

    _listen_to_console(told)


def _listen_to_console(told: Callable[[int], bool]) -> None:
    import ctypes
    from ctypes import wintypes

    routine = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)(told)  # type: ignore[attr-defined,unused-ignore]
    _kept.append(routine)
    ctypes.windll.kernel32.SetConsoleCtrlHandler(routine, True)  # type: ignore[attr-defined,unused-ignore]


def _on_messages(icon: Any, quit_: Callable[[], None], end_now: Callable[[], None]) -> None:
    def close(_wparam: int, _lparam: int) -> int:
        quit_()
        return 0

    def may_end(_wparam: int, _lparam: int) -> int:
        return 1

    def ends(wparam: int, _lparam: int) -> int:
        if wparam:  # else another program would not let the session end
            end_now()
        return 0

    icon._message_handlers.update({WM_CLOSE: close, WM_QUERYENDSESSION: may_end, WM_ENDSESSION: ends})


def _on_mac(quit_: Callable[[], None], end_now: Callable[[], None]) -> None:
    """MachSignals hands signals to AppKit's loop (PyObjC). The notification comes before AppKit ends the process with
    exit(), behind Python's back: at logoff, shutdown and Quit of another program (NSApplication, terminate:)."""
    import AppKit
    from PyObjCTools import MachSignals

    for number in (signal.SIGINT, signal.SIGTERM):
        MachSignals.signal(number, lambda *_arguments: quit_())
    AppKit.NSNotificationCenter.defaultCenter().addObserverForName_object_queue_usingBlock_(
        AppKit.NSApplicationWillTerminateNotification, None, None, lambda _notification: end_now()
    )


def _on_glib_signals(quit_: Callable[[], None]) -> None:
    from gi.repository import GLib

    def on_signal() -> bool:
        quit_()
        return True  # so that the next one does not kill

    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, on_signal)
