"""How the system ends the program. macOS' loop and Windows' messages are played; what they call is real."""

from __future__ import annotations

import signal
import sys
import threading
import time
import types
from collections.abc import Callable
from typing import Any

import pytest

from tray import instance
from tray.desktop import endings, start
from tray.desktop.program import Program


class Ends:
    """What was asked of the program, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def quit(self) -> None:
        self.asked.append("quit")

    def now(self) -> None:
        self.asked.append("now")


def test_windows_may_end_the_session_and_gets_no_answer_before_the_program_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    ends = Ends()
    icon = types.SimpleNamespace(_message_handlers={0x400: None})
    endings.on_end(icon, ends.quit, ends.now)
    handle = icon._message_handlers
    assert set(handle) == {0x400, 0x10, 0x11, 0x16}
    assert handle[endings.WM_QUERYENDSESSION](0, 0) == 1
    assert handle[endings.WM_ENDSESSION](0, 0) == 0 and ends.asked == [], "another program would not let it end"
    assert handle[endings.WM_ENDSESSION](1, 0) == 0 and ends.asked == ["now"]
    assert handle[endings.WM_CLOSE](0, 0) == 0 and ends.asked == ["now", "quit"]


def test_a_windows_console_that_closes_ends_it_at_once_and_the_second_ctrl_c_is_nobody_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    heard: list[Callable[[int], bool]] = []
    monkeypatch.setattr(endings, "_listen_to_console", heard.append)
    ends, left = Ends(), [True, False]
    endings.on_console_end(lambda: left.pop(0), ends.now)
    [told] = heard
    assert told(endings.CTRL_C) and not told(endings.CTRL_C)
    assert ends.asked == []
    for event in (2, 5, 6):
        assert told(event)
    assert ends.asked == ["now"] * 3


def test_macos_hands_signals_and_its_own_end_to_the_program_once_the_loop_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    after: list[Callable[[], None]] = []
    handlers: dict[int, Callable[..., None]] = {}
    observers: dict[str, Callable[[object], None]] = {}
    center = types.SimpleNamespace(
        addObserverForName_object_queue_usingBlock_=lambda name, _o, _q, block: observers.update({name: block})
    )
    kit = types.SimpleNamespace(
        NSApplicationWillTerminateNotification="ends",
        NSNotificationCenter=types.SimpleNamespace(defaultCenter=lambda: center),
    )
    tools = types.SimpleNamespace(
        AppHelper=types.SimpleNamespace(callAfter=after.append),
        MachSignals=types.SimpleNamespace(signal=handlers.__setitem__),
    )
    monkeypatch.setitem(sys.modules, "AppKit", kit)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "PyObjCTools", tools)  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "platform", "darwin")
    ends = Ends()
    endings.on_end(None, ends.quit, ends.now)
    assert not handlers, "pystray would replace them when its loop starts"
    [begin] = after
    begin()
    handlers[signal.SIGTERM](signal.SIGTERM)
    handlers[signal.SIGINT](signal.SIGINT)
    observers["ends"](None)
    assert ends.asked == ["quit", "quit", "now"]


def test_with_the_session_the_program_is_closed_when_the_system_is_answered_even_while_the_user_quits(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = instance.acquire(tmp_path)
    assert held is not None
    program = Program(tmp_path, held)
    begun, go_on = threading.Event(), threading.Event()

    def slow(_self: Any) -> None:
        begun.set()
        assert go_on.wait(10)
        closed.append("closed")

    closed: list[str] = []
    monkeypatch.setattr(instance.Instance, "release", slow)
    quits = threading.Thread(target=start._close, args=(program,))
    quits.start()
    assert begun.wait(10)
    threading.Timer(0.2, go_on.set).start()
    start.end_now(program)
    assert closed == ["closed"] and program.ended.is_set()
    quits.join()
    monkeypatch.undo()
    held.release()


def test_a_program_that_hangs_holds_the_end_of_the_session_up_for_a_limited_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert start.SESSION_END_S <= 4.5, "Windows gives it 5 s"
    monkeypatch.setattr(start, "SESSION_END_S", 0.2)
    over = threading.Event()
    program: Any = types.SimpleNamespace(quit=lambda: None, close=over.wait)
    begun = time.monotonic()
    start.end_now(program)
    assert time.monotonic() - begun < 3
    over.set()
