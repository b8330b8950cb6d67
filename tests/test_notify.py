"""Notifications: what is said, and how each platform is asked to say it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tray.desktop import announce, notify
from tray.desktop.announce import Announcer
from tray.events import (
    Bus,
    DraftWritten,
    Failure,
    Noticed,
    QuestionAnswered,
    QuestionAsked,
    Receipt,
    RequestCancelled,
    RequestDone,
    RequestFailed,
    RequestStarted,
    StateChanged,
)


class Recorder(notify.Notifier):
    """Keeps what it is given; `send` does what `then` does."""

    def __init__(self, then: Any = None) -> None:
        super().__init__()
        self.notes: list[notify.Note] = []
        self._then = then
        self.came = threading.Event()

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [(note.title, note.text()) for note in self.notes]

    def send(self, note: notify.Note) -> None:
        if self._then:
            self._then()
        self.notes.append(note)
        self.came.set()


class Icon:
    """pystray's icon, as far as it notifies; it refuses what Windows refuses."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []
        self.on_balloon: Callable[[int], None] = lambda _what: None

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


def notes_about(*happened: Any) -> list[notify.Note]:
    bus, notifier = Bus(), Recorder()
    announcer = Announcer(bus, notifier)
    for event in happened:
        bus.publish(event)
    announcer.end()
    assert notifier.flush()
    return notifier.notes


def said_about(*happened: Any) -> list[tuple[str, str]]:
    return [(note.title, note.text()) for note in notes_about(*happened)]


def test_a_written_draft_is_told_with_length_pieces_and_how_to_see_it() -> None:
    [(title, message)] = said_about(DraftWritten("1", receipt()))
    assert title == "Draft ready: 夏天的海"
    assert message.splitlines() == [
        "1:05, 12 segments",
        "To see it in JianYing or CapCut: enter and leave any draft there, or restart it.",
    ]


@pytest.mark.parametrize(
    ("warnings", "line"),
    [
        (["第一条"], "Warning: 第一条"),
        (["第一条", "second"], "Warning: 第一条 (and 1 more warning)"),
        (["第一\n条", "second", "third"], "Warning: 第一 条 (and 2 more warnings)"),
    ],
)
def test_the_first_warning_is_told_in_words_and_how_many_more_there_are(warnings: list[str], line: str) -> None:
    [(_title, message)] = said_about(DraftWritten("1", receipt(warnings=warnings, segments={"video": 1})))
    assert message.splitlines()[:2] == ["1:05, 1 segment", line]


def test_a_long_warning_hides_neither_how_many_more_there_are_nor_how_to_see_the_draft() -> None:
    [note] = notes_about(DraftWritten("1", receipt(warnings=["警" * 500, "second"])))
    for hint in ("", "Click here to open its folder."):
        assert notify.units(note.text(hint)) <= notify.MESSAGE_UNITS
        assert "… (and 1 more warning)\nTo see it in JianYing" in note.text(hint)
        assert note.text(hint).endswith(hint or "restart it.")


def test_a_click_on_a_draft_is_to_open_its_folder() -> None:
    [note] = notes_about(DraftWritten("1", receipt()))
    assert note.folder == "/drafts/夏天的海"
    [note] = notes_about(RequestFailed("1", Failure("x", "No.")))
    assert note.folder == ""


def test_a_failed_request_is_told_with_what_to_do() -> None:
    failure = Failure("4100", "The token is wrong.", "Sign in again.", "20260101ABC")
    assert said_about(RequestFailed("1", failure)) == [
        ("The request failed", "The token is wrong. Sign in again. (logid 20260101ABC)")
    ]


def test_the_log_id_is_left_out_where_it_would_take_the_place_of_the_advice() -> None:
    [(_title, message)] = said_about(RequestFailed("1", Failure("4000", "m" * 230, "Do this now.", "20260101ABC")))
    assert message.endswith("Do this now.")


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
    for happened, title in (
        ((started, QuestionAsked("r1", "q", "?")), "A question for you: 做一个视频"),
        ((started, failed), "The request failed: 做一个视频"),
        ((failed,), "The request failed"),
    ):
        assert [told for told, _message in said_about(*happened)] == [title]


def test_an_answer_without_a_draft_is_told_and_one_with_a_draft_is_not() -> None:
    started = RequestStarted("r1", "做一个视频")
    assert said_about(started, RequestDone("r1", "关于什么？")) == [("Answered: 做一个视频", "关于什么？")]
    told = said_about(started, DraftWritten("r1", receipt()), RequestDone("r1", "好了"), RequestDone("r2", ""))
    assert [title for title, _message in told] == ["Draft ready: 夏天的海"]


def test_that_one_must_sign_in_is_told_once() -> None:
    refused = Failure("sign_in", "The token has expired.", "Sign in again.", kept=True)
    waits = StateChanged("sign_in", "The token has expired. Sign in again.")
    others = (StateChanged("connecting"), StateChanged("reconnecting", "…"))
    told = said_about(RequestFailed("r1", refused), waits, *others, RequestFailed("r2", refused), waits)
    assert told == [("Sign in to Coze", "The token has expired. Sign in again.")]
    assert len(said_about(waits, StateChanged("streaming"), waits)) == 2


def test_what_one_should_know_is_told() -> None:
    assert said_about(Noticed("", "The journal was set aside.")) == [("coze-tray", "The journal was set aside.")]


def test_nothing_else_is_told() -> None:
    assert said_about(StateChanged("error", "x")) == []


def test_what_waits_is_shown_when_announcing_ends_and_nothing_after_it() -> None:
    bus, notifier = Bus(), Recorder()
    announcer = Announcer(bus, notifier)
    bus.publish(DraftWritten("1", receipt()))
    announcer.end()
    bus.publish(DraftWritten("2", receipt()))
    announcer.flush()
    assert notifier.flush()
    assert len(notifier.sent) == 1


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


def test_a_desktop_that_hangs_holds_nobody_up_and_what_it_misses_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hung = threading.Event()
    notifier = Recorder(then=hung.wait)
    for number in range(200):  # were one held up, this would not end
        notifier.show(f"title {number}", "message")
    assert not notifier.flush(0.1)
    assert "not shown: title 199: message" in caplog.text
    assert "title 0:" not in caplog.text
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
    notifier.show("t", "消息" * 300, "how to go on", "C:\\drafts")
    assert notifier.flush()
    assert [title[:3] for title, _message in icon.shown] == ["-标题", "t"]
    assert icon.shown[1][1].endswith("…\nhow to go on\nClick here to open its folder.")


SHOWN, TIMED_OUT, CLICKED = notify.NIN_BALLOONSHOW, 0x0404, notify.NIN_BALLOONUSERCLICK


class Balloons:
    """Seen through a seam: under Wine a balloon can't be clicked, and nobody is told that it is shown."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "win32")
        self.opened: list[str] = []
        monkeypatch.setattr(notify, "open_folder", self.opened.append)
        self.icon = Icon()
        self.notifier = notify.notifier(self.icon)

    def send(self, *folders: str) -> None:
        for folder in folders:
            self.notifier.show("t", "m", folder=folder)
        assert self.notifier.flush()

    def tell(self, *what: int) -> None:
        for one in what:
            self.icon.on_balloon(one)


def test_a_click_on_a_balloon_opens_its_folder_though_others_wait_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    balloons = Balloons(monkeypatch)
    balloons.send("C:\\one", "C:\\two", "", "C:\\four")
    balloons.tell(SHOWN, CLICKED)
    assert balloons.opened == ["C:\\one"]
    balloons.tell(SHOWN, TIMED_OUT, CLICKED)  # in the notification centre
    assert balloons.opened[1:] == ["C:\\two"]
    balloons.tell(SHOWN, CLICKED, SHOWN, CLICKED)
    assert balloons.opened[2:] == ["C:\\four"]


def test_where_nobody_tells_which_balloon_is_shown_a_click_opens_the_newest_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    balloons = Balloons(monkeypatch)
    balloons.tell(CLICKED)
    balloons.send("C:\\one", "C:\\two")
    balloons.tell(CLICKED)
    assert balloons.opened == ["C:\\two"]


def test_a_balloon_that_was_refused_or_never_shown_is_not_taken_for_a_later_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    balloons = Balloons(monkeypatch)
    monkeypatch.setattr(notify, "_SWALLOWED_S", 0.0)
    balloons.send("C:\\never shown")
    time.sleep(0.01)
    with monkeypatch.context() as refusing:
        refusing.setattr(balloons.icon, "notify", lambda *_arguments: 1 / 0)
        balloons.send("C:\\refused")
    balloons.send("C:\\shown")
    balloons.tell(SHOWN, CLICKED)
    assert balloons.opened == ["C:\\shown"]


def test_windows_without_an_icon_uses_plyer_within_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _plyer(monkeypatch)
    monkeypatch.setattr(sys, "platform", "win32")
    notifier = notify.notifier(None)
    notifier.show("t" * 100, "m" * 500, folder="C:\\drafts")
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


def test_macos_which_hears_of_no_clicks_says_where_the_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    asked: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_options: asked.append(command))
    notifier = notify.notifier(None)
    notifier.show("Draft ready", "0:12", folder="/drafts/one")
    assert notifier.flush()
    assert asked[0][-1] == "0:12\nTo open its folder: Recent drafts in the icon's menu."


def test_linux_without_an_icon_uses_plyer_with_the_programs_picture(monkeypatch: pytest.MonkeyPatch) -> None:
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


BURST = [DraftWritten(str(n), receipt(name=f"草稿{n}", path=f"/drafts/草稿{n}")) for n in range(10)]


def test_ten_drafts_at_once_are_told_together_with_the_first_names() -> None:
    [note] = notes_about(*BURST)
    assert note.title == "10 drafts ready"
    assert note.message == "草稿0, 草稿1, 草稿2 and 7 more"
    assert note.folder == str(Path("/drafts"))
    warned = DraftWritten("w", receipt(name="长" * 200, path="/elsewhere/w", warnings=["x"]))
    [note] = notes_about(warned, BURST[0])
    assert note.message.splitlines() == ["长" * 31 + "…, 草稿0", "1 of them with warnings"]
    assert note.folder == ""  # which of the two?


def test_failures_at_once_are_told_together_with_the_reason() -> None:
    refused = Failure("4008", "Today's quota is used up.", "Run it again tomorrow.", "log1", again=True)
    started = [RequestStarted(str(n), f"视频{n}") for n in range(5)]
    [(title, message)] = said_about(*started, *(RequestFailed(str(n), refused) for n in range(5)))
    assert title == "5 requests failed"
    assert message.splitlines() == [
        "视频0, 视频1, 视频2 and 2 more",
        "Today's quota is used up. Run it again tomorrow. (logid log1)",
        "Run them again from the icon's menu.",
    ]
    [(title, message)] = said_about(*(RequestFailed(str(n), Failure("x", f"No {n}.", kept=True)) for n in range(2)))
    assert title == "2 requests wait"
    assert message.splitlines() == ["0, 1", "The first: No 0.", "They are kept and go on by themselves."]


def test_questions_answers_and_notices_at_once_are_told_together_each_kind_by_itself() -> None:
    questions = [QuestionAsked(f"r{n}", "q", f"第{n}问？") for n in range(4)]
    answers = [RequestDone(f"d{n}", f"answer {n}") for n in range(2)]
    notices = [Noticed("", "one"), Noticed("", "one"), Noticed("", "two")]
    assert said_about(*questions, *answers, *notices) == [
        ("4 questions for you", "第0问？, 第1问？, 第2问？ and 1 more\nAnswer them in the icon's menu."),
        ("2 requests answered", "answer 0, answer 1"),
        ("coze-tray", "one\n1 more message is in the log."),
    ]
    assert said_about(notices[0], notices[1]) == [("coze-tray", "one")]


def test_a_question_that_is_answered_before_it_is_shown_is_not_shown() -> None:
    asked = [QuestionAsked("r1", "q1", "?"), QuestionAsked("r2", "q2", "??")]
    [(_title, message)] = said_about(*asked, QuestionAnswered("r1", "q1"))
    assert message.startswith("??")
    assert said_about(*asked, RequestCancelled("r1"), QuestionAnswered("r2", "q2")) == []


def test_while_paused_nothing_is_shown_and_what_came_meanwhile_is_not_shown_later() -> None:
    bus, notifier = Bus(), Recorder()
    paused = True
    announcer = Announcer(bus, notifier, lambda: paused)
    for event in (BURST[0], QuestionAsked("r1", "q", "?"), StateChanged("sign_in", "x"), Noticed("", "x")):
        bus.publish(event)
    paused = False
    announcer.flush()
    bus.publish(BURST[1])
    paused = True
    announcer.end()
    assert notifier.flush()
    assert notifier.sent == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waiting times, a tenth as long; and half a second for the minute."""
    monkeypatch.setattr(announce, "QUIET_S", 0.1)
    monkeypatch.setattr(announce, "LONGEST_S", 0.3)
    monkeypatch.setattr(announce, "MOST_IN_S", 0.5)


def timers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


@pytest.mark.usefixtures("quick")
def test_a_single_one_is_shown_by_itself_after_a_moment_and_no_timer_runs_then() -> None:
    bus, notifier = Bus(), Recorder()
    before = timers()
    announcer = Announcer(bus, notifier)
    assert timers() == before
    bus.publish(BURST[0])
    assert notifier.sent == []
    assert notifier.came.wait(10)
    assert timers() == before
    announcer.end()


@pytest.mark.usefixtures("quick")
def test_two_hundred_in_a_row_are_a_few_notifications_that_tell_of_each() -> None:
    bus, notifier = Bus(), Recorder()
    announcer = Announcer(bus, notifier)
    for n in range(200):
        bus.publish(BURST[n % 10])
        time.sleep(0.01)
    announcer.end()
    assert notifier.flush()
    counts = [int(title.split()[0]) for title, _message in notifier.sent]
    assert sum(counts) == 200
    assert 3 <= len(counts) <= 1 + 3 * 8, counts  # three in each half second, and the last; a slow machine takes longer
