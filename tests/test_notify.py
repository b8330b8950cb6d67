"""Notifications: what is said, and how each platform is asked to say it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from typing import Any

import pytest

from tray.desktop import notify
from tray.events import (
    Bus,
    DraftWritten,
    Failure,
    Noticed,
    QuestionAsked,
    Receipt,
    RequestDone,
    RequestFailed,
    RequestStarted,
    StateChanged,
)


class Recorder(notify.Notifier):
    """Keeps what it is given; `send` does what `then` does."""

    def __init__(self, then: Any = None) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self._then = then

    def send(self, title: str, message: str) -> None:
        if self._then:
            self._then()
        self.sent.append((title, message))


class Icon:
    """pystray's icon, as far as it notifies; it refuses what Windows refuses."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def notify(self, message: str, title: str) -> None:
        if len(title.encode("utf-16-le")) // 2 > 64 or len(message.encode("utf-16-le")) // 2 > 256:
            raise ValueError("string too long")
        assert message, "an empty message takes the balloon away"
        self.shown.append((title, message))


def receipt(**fields: Any) -> Receipt:
    plain: dict[str, Any] = {
        "path": "/drafts/夏天的海",
        "name": "夏天的海",
        "draft_id": "1",
        "segments": {"video": 3, "audio": 2, "text": 7},
        "duration_us": 65_400_000,
        "media_bytes": 1,
        "time_unit": "us",
        "time_unit_reason": "",
        "warnings": [],
    }
    return Receipt(**{**plain, **fields})


def said_about(*happened: Any) -> list[tuple[str, str]]:
    bus, notifier = Bus(), Recorder()
    notify.announce(bus, notifier)
    for event in happened:
        bus.publish(event)
    assert notifier.flush()
    return notifier.sent


def test_a_written_draft_is_told_with_length_pieces_and_how_to_see_it() -> None:
    [(title, message)] = said_about(DraftWritten("1", receipt()))
    assert title == "Draft ready: 夏天的海"
    assert message.splitlines() == [
        "1:05, 12 segments",
        "To see it in JianYing or CapCut: enter and leave any draft there, or restart it.",
    ]


@pytest.mark.parametrize(("count", "words"), [(0, ""), (1, ", 1 warning"), (3, ", 3 warnings")])
def test_warnings_are_counted_where_there_are_any(count: int, words: str) -> None:
    [(_title, message)] = said_about(DraftWritten("1", receipt(warnings=["w"] * count, segments={"video": 1})))
    assert message.splitlines()[0] == f"1:05, 1 segment{words}"


def test_a_failed_request_is_told_with_what_to_do() -> None:
    failure = Failure("4100", "The token is wrong.", "Sign in again.", "logid")
    assert said_about(RequestFailed("1", failure)) == [("The request failed", "The token is wrong. Sign in again.")]


def test_a_request_that_is_kept_is_told_as_waiting_and_one_that_may_succeed_with_how_to_run_it_again() -> None:
    away = Failure("network", "Coze can't be reached.", "Check the network.", kept=True)
    [(title, message)] = said_about(RequestFailed("r1", away))
    assert title == "The request waits"
    assert message.splitlines() == ["Coze can't be reached. Check the network.", "It is kept and goes on by itself."]
    cut = Failure("cut", "The stream broke. " * 20, "", again=True)
    [(title, message)] = said_about(RequestFailed("r1", cut))
    assert title == "The request failed"
    assert len(message) <= notify.MESSAGE_UNITS and message.endswith("coze-tray again r1")


def test_a_question_is_told_with_its_options_and_how_to_answer_it() -> None:
    [(_title, message)] = said_about(QuestionAsked("r1", "q", "哪一种？\n请选择", ("甲", "乙")))
    assert message.startswith("哪一种？ 请选择 (甲 / 乙)\n") and message.endswith("coze-tray answer r1 TEXT")
    [(_title, message)] = said_about(QuestionAsked("r1", "q", "问" * 500))
    assert len(message) <= notify.MESSAGE_UNITS and message.endswith("coze-tray answer r1 TEXT")


def test_it_is_said_which_request_it_is_about_while_that_is_known() -> None:
    started, failed = RequestStarted("r1", "做一个视频"), RequestFailed("r1", Failure("x", "No."))
    assert [title for title, _message in said_about(started, QuestionAsked("r1", "q", "?"), failed, failed)] == [
        "A question for you: 做一个视频",
        "The request failed: 做一个视频",
        "The request failed",
    ]


def test_an_answer_without_a_draft_is_told_and_one_with_a_draft_is_not() -> None:
    started = RequestStarted("r1", "做一个视频")
    assert said_about(started, RequestDone("r1", "关于什么？")) == [("Answered: 做一个视频", "关于什么？")]
    told = said_about(started, DraftWritten("r1", receipt()), RequestDone("r1", "好了"), RequestDone("r2", ""))
    assert [title for title, _message in told] == ["Draft ready: 夏天的海"]


def test_that_one_must_sign_in_is_told_once() -> None:
    refused = Failure("sign_in", "The token has expired.", "", kept=True)
    waits = StateChanged("sign_in", "The token has expired.")
    others = (StateChanged("connecting"), StateChanged("reconnecting", "…"))
    told = said_about(RequestFailed("r1", refused), waits, *others, RequestFailed("r2", refused), waits)
    assert told == [("Sign in to Coze", "The token has expired.\nSign in with: coze-tray login")]
    assert len(said_about(waits, StateChanged("streaming"), waits)) == 2


def test_what_one_should_know_is_told() -> None:
    assert said_about(Noticed("", "The journal was set aside.")) == [("coze-tray", "The journal was set aside.")]


def test_nothing_else_is_told() -> None:
    assert said_about(StateChanged("error", "x")) == []


def test_announcing_ends_when_it_is_told_to() -> None:
    bus, notifier = Bus(), Recorder()
    notify.announce(bus, notifier)()
    bus.publish(DraftWritten("1", receipt()))
    assert notifier.flush()
    assert notifier.sent == []


@pytest.mark.parametrize(
    ("text", "units", "shown"),
    [
        ("short", 63, "short"),
        ("x" * 63, 63, "x" * 63),
        ("x" * 64, 63, "x" * 62 + "…"),
        ("😀" * 32, 63, "😀" * 31 + "…"),  # 64 units; 31 pairs and the sign are 63
        ("a" + "😀" * 31 + "b", 63, "a" + "😀" * 30 + "…"),  # a cut through the middle of a pair
        ("half \ud83d here", 63, "half  here"),
        ("nul\0byte", 63, "nulbyte"),
    ],
)
def test_a_text_is_cut_without_splitting_a_character(text: str, units: int, shown: str) -> None:
    assert notify.cut(text, units) == shown


def test_a_desktop_that_hangs_holds_nobody_up() -> None:
    hung = threading.Event()
    notifier = Recorder(then=hung.wait)
    for number in range(200):  # were one held up, this would not end
        notifier.show(str(number), "")
    assert not notifier.flush(0.1)
    hung.set()


def test_a_failure_is_logged_and_the_next_one_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    failures = iter([OSError("no daemon"), None])

    def fail_once() -> None:
        error = next(failures)
        if error:
            raise error

    notifier = Recorder(then=fail_once)
    with caplog.at_level(logging.ERROR):
        notifier.show("first", "")
        notifier.show("second", "")
        assert notifier.flush()
    assert [title for title, _message in notifier.sent] == ["second"]
    assert "'first' could not be shown" in caplog.text
    assert "no daemon" in caplog.text


def test_windows_uses_the_balloon_of_the_icon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    icon = Icon()
    notifier = notify.notifier(icon)
    notifier.show("-标题" + "😀" * 60, "")
    notifier.show("t", "消息" * 300)
    assert notifier.flush()
    assert [title[:3] for title, _message in icon.shown] == ["-标题", "t"]
    assert icon.shown[1][1].endswith("…")


def test_windows_without_an_icon_uses_plyer_within_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _plyer(monkeypatch)
    monkeypatch.setattr(sys, "platform", "win32")
    notifier = notify.notifier(None)
    notifier.show("t" * 100, "m" * 500)
    assert notifier.flush()
    [given] = asked
    assert (len(given["title"]), len(given["message"])) == (63, 255)
    assert isinstance(given["timeout"], int)
    assert "app_icon" not in given  # a PNG fails there


def test_macos_hands_the_texts_over_as_arguments_not_as_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    asked: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_options: asked.append(command))
    notifier = notify.notifier(Icon())
    odd = 'say "hi" \\ & (do shell script "id")'
    notifier.show("-e", odd)
    assert notifier.flush()
    [command] = asked
    assert command[0] == "osascript"
    assert command[-2:] == [" -e", odd]
    assert all("hi" not in word for word in command[:-1])


def test_linux_uses_plyer_with_the_programs_icon(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _plyer(monkeypatch)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys, "platform", "linux")
    notifier = notify.notifier(None)
    notifier.show("-n <b>", "-x <b> & more")
    assert notifier.flush()
    [given] = asked
    assert given["title"] == " -n <b>"
    assert given["message"] == " -x &lt;b&gt; &amp; more"
    assert given["app_icon"].endswith("coze-tray.png")
    assert given["app_name"] == "coze-tray"


def _plyer(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What plyer is asked to show from here on."""
    import plyer

    asked: list[dict[str, Any]] = []

    class Notification:
        def notify(self, **given: Any) -> None:
            asked.append(given)

    monkeypatch.setattr(plyer, "notification", Notification())
    return asked
