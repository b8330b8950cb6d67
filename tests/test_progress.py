"""What runs now, as the bus tells it."""

from __future__ import annotations

import pytest

from tray.events import (
    Bus,
    Event,
    Failure,
    MediaProgress,
    QuestionAnswered,
    QuestionAsked,
    RequestCancelled,
    RequestDone,
    RequestFailed,
    RequestStarted,
    StateChanged,
    TextArrived,
    ToolFinished,
    ToolStarted,
)
from tray.progress import Running, RunningRequests, media


def after(*events: Event) -> list[Running]:
    bus = Bus()
    running = RunningRequests(bus)
    for event in events:
        bus.publish(event)
    return running.all()


BEGUN = RequestStarted("r", "海")


def test_a_request_is_followed_from_its_start_through_its_media_and_its_question():
    steps: list[tuple[Event, Running]] = [
        (BEGUN, Running("r", "海", "connecting")),
        (TextArrived("r", "好"), Running("r", "海", "streaming")),
        (ToolStarted("r", "c", "generate_draft"), Running("r", "海", "working")),
        (MediaProgress("r", 3, 12, 99), Running("r", "海", "working", 3, 12)),
        (TextArrived("r", "的"), Running("r", "海", "working", 3, 12)),
        (ToolFinished("r", "c", "generate_draft", True, ""), Running("r", "海", "connecting")),
        (QuestionAsked("r", "q", "?"), Running("r", "海", "asking")),
        (QuestionAnswered("r", "q"), Running("r", "海", "connecting")),
    ]
    for number, (_event, expected) in enumerate(steps, 1):
        assert after(*(event for event, _expected in steps[:number])) == [expected]


@pytest.mark.parametrize(
    "end", [RequestDone("r", ""), RequestFailed("r", Failure("x", "y")), RequestCancelled("r"), StateChanged("stopped")]
)
def test_what_is_over_runs_no_more_and_does_not_begin_again_by_what_is_heard_late(end: Event):
    assert after(BEGUN, end, MediaProgress("r", 1, 2, 0)) == []


@pytest.mark.parametrize(
    ("code", "state"),
    [("sign_in", "sign_in"), ("network", "reconnecting"), ("tls", "reconnecting"), ("journal", "error")],
)
def test_what_ended_only_for_now_waits_and_can_be_cancelled(code: str, state: str):
    waits = RequestFailed("r", Failure(code, "x", kept=True))
    begun = (BEGUN, MediaProgress("r", 1, 2, 0), waits)
    assert [(one.state, one.done, one.total) for one in after(*begun)] == [(state, 0, 0)]
    assert [one.state for one in after(*begun, BEGUN)] == ["connecting"]
    assert after(*begun, RequestCancelled("r")) == []


def test_the_media_of_several_is_counted_together():
    running = after(BEGUN, RequestStarted("s", ""), MediaProgress("r", 3, 10, 0), MediaProgress("s", 1, 2, 0))
    assert media(running) == (4, 12)
    assert [one.request_id for one in running] == ["r", "s"]
