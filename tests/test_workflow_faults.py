"""Whatever the network or the cloud does to a workflow's request: what it said is built once, and it is never run again
in silence. Through the whole listener, over real HTTP to the simulated cloud."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from factory import draft, export, segment, track
from relay import Relay
from test_faults import Clock, Listen, Patient, Renewing, listen
from tray import events
from tray.asked import Asked
from tray.simulator.exchange import Frames
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

__all__ = ["listen"]
SAID = export(draft(track(segment())))
OTHER = export(draft(track(segment()), name="另一个"))
RUN, RESUME = "/v1/workflow/stream_run", "/v1/workflow/stream_resume"


class Flow:
    """A cloud with one workflow."""

    def __init__(self, on_run: Callable[[SimulatedRun], Frames], on_resume: Any = None, **more: Any) -> None:
        self.cloud = Simulator(**more)
        self.flows = Workflows(on_run, on_resume)
        self.cloud.routes.update(self.flows.routes())

    def __enter__(self) -> Flow:
        self.cloud.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.cloud.__exit__(*exc)

    def paths(self) -> list[str]:
        return [received.path for received in self.cloud.received]


def says(run: SimulatedRun) -> Iterator[bytes]:
    """A remark, a draft in one node, and another at the end."""
    yield from run.message("说", "马上做。")
    yield from run.message("导出", json.dumps({"output": SAID}, ensure_ascii=False), 3)
    yield run.ping()
    yield from run.end(OTHER)
    yield run.done()


def carries(run: SimulatedRun) -> Iterator[bytes]:
    """A Question node that carries a tool call."""
    yield from run.message("说", "马上做。")
    call = {"tool": "generate_draft", "arguments": {"content": SAID}}
    yield from run.message("调用", json.dumps(call, ensure_ascii=False))
    yield run.interrupt(2, "", "调用")


def after_call(run: SimulatedRun, said: str) -> Iterator[bytes]:
    yield from run.end(json.loads(said)["status"])
    yield run.done()


def ask(one: Patient) -> str:
    request_id = "workflow-request"
    asked = Asked(one.settings.base_url, "workflow", "739", parameters={"topic": "海"})
    one.app.journal.add_request(request_id, asked)
    one.app.listener.go_on(request_id)
    return request_id


def drafts(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def carried_well(one: Patient, flow: Flow, root: Path, request_id: str, runs: int = 1) -> list[str]:
    """The workflow with a carried call ended as without any fault. Returns the states that were shown."""
    one.until(events.RequestDone, request_id=request_id)
    one.until(events.StateChanged, state="idle")
    assert drafts(root) == ["测试"]
    assert len(one.of(events.DraftWritten)) == len(one.of(events.ToolStarted)) == 1
    assert flow.paths().count(RUN) == runs
    assert [len(run.resumes) for run in flow.flows.runs] == [1]
    answers = {r.body["resume_data"] for r in flow.cloud.received if r.path == RESUME}
    assert len(answers) == 1, "the tool ran once"
    assert one.app.journal.request(request_id).state == "done"
    return [event.state for event in one.of(events.StateChanged)]


def cut_in_silence(one: Patient, flow: Flow, request_id: str) -> events.Failure:
    """The request failed for the cut, with what to do, and was not run again."""
    failure = one.until(events.RequestFailed, request_id=request_id).failure
    one.until(events.StateChanged, state="error")
    assert (failure.code, failure.again, failure.kept) == ("cut", True, False)
    assert "run it again" in failure.advice
    assert flow.paths().count(RUN) == len(flow.flows.runs) == 1
    stored = one.app.journal.request(request_id)
    assert (stored.state, stored.failure) == ("failed", failure)
    assert stored.text == "马上做。"
    return failure


def ends_of(frames: list[bytes]) -> list[int]:
    return list(accumulate(map(len, frames)))


def sample() -> SimulatedRun:
    return SimulatedRun("1" * 19, "739", {})


WHOLE = ends_of(list(says(sample())))


@pytest.mark.parametrize(
    ("at_bytes", "built"),
    [(WHOLE[0], []), (WHOLE[1], []), (WHOLE[3], ["测试"]), (WHOLE[4] + 9, ["测试"]), (WHOLE[-2], ["另一个", "测试"])],
    ids=["after a remark", "in a draft", "after a draft", "in the end node", "before done"],
)
def test_a_run_that_is_cut_keeps_what_it_said_and_is_not_run_again(at_bytes, built, listen: Listen, root):
    with Flow(says) as flow:
        flow.cloud.faults.add(Fault("cut", RUN, at_bytes=at_bytes))
        one = listen(flow.cloud)
        cut_in_silence(one, flow, ask(one))
    assert drafts(root) == built
    assert len(one.of(events.DraftWritten)) == len(built)


def test_a_run_whose_stream_says_nothing_more_is_a_cut(listen: Listen, root):
    with Flow(says) as flow:
        flow.cloud.faults.add(Fault("stall", RUN, at_bytes=WHOLE[3]))
        one = listen(flow.cloud, silent_s=0.3)
        cut_in_silence(one, flow, ask(one))
    assert drafts(root) == ["测试"]


def test_a_run_that_goes_on_while_the_computer_sleeps_is_a_cut(listen: Listen, root, monkeypatch):
    monkeypatch.setattr("tray.clock.LOOK_S", 0.02)
    clock = Clock()
    with Flow(says) as flow:
        flow.cloud.faults.add(Fault("stall", RUN, at_bytes=WHOLE[3]))
        one = listen(flow.cloud, clock=clock)
        request_id = ask(one)
        one.until(events.DraftWritten)
        clock.now += 8 * 3600
        assert "asleep" in cut_in_silence(one, flow, request_id).message
    assert drafts(root) == ["测试"]


def test_a_clock_that_is_set_breaks_no_stream(listen: Listen, root, monkeypatch):
    monkeypatch.setattr("tray.clock.LOOK_S", 0.02)
    go_on, now_s = threading.Event(), time.time

    def on_run(run: SimulatedRun) -> Frames:
        for number, piece in enumerate(says(run)):
            yield piece
            if number == 3:
                go_on.wait(20)

    with Flow(on_run) as flow:
        one = listen(flow.cloud)
        request_id = ask(one)
        one.until(events.DraftWritten)
        monkeypatch.setattr(time, "time", lambda: now_s() + 8 * 3600)
        time.sleep(0.1)  # five looks at the clock
        go_on.set()
        one.until(events.RequestDone, request_id=request_id)
    assert drafts(root) == ["另一个", "测试"]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_run_whose_creation_was_answered_by_nobody_is_lost(kind, listen: Listen, root):
    with Flow(says) as flow:
        flow.cloud.faults.add(Fault(kind, RUN))
        one = listen(flow.cloud)
        failure = one.until(events.RequestFailed, request_id=ask(one)).failure
        assert (failure.code, failure.again) == ("lost", True)
        assert flow.paths() == [RUN] and not drafts(root)


@pytest.mark.parametrize("path", [RUN, RESUME])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("answer", status=429, headers={"Retry-After": "0"}, body=b""),
        Fault("answer", status=503, body=b"<html>"),
        Fault("answer", body={"code": 4020, "msg": "rpm"}),
    ],
    ids=["429", "503", "4020"],
)
def test_a_busy_cloud_is_asked_again(path: str, fault: Fault, listen: Listen, root):
    with Flow(carries, after_call) as flow:
        flow.cloud.faults.add(replace(fault, path=path, times=2))
        one = listen(flow.cloud)
        assert "reconnecting" in carried_well(one, flow, root, ask(one), runs=3 if path == RUN else 1)


def test_an_answer_that_did_not_arrive_is_sent_again_without_running_the_tool_again(listen: Listen, root):
    with Flow(carries, after_call) as flow:
        flow.cloud.faults.add(Fault("reset_before", RESUME, times=2))
        one = listen(flow.cloud)
        assert "reconnecting" in carried_well(one, flow, root, ask(one))


def test_an_answer_that_was_taken_while_nobody_heard_is_a_cut(listen: Listen, root):
    with Flow(carries, after_call) as flow:
        flow.cloud.faults.add(Fault("reset_after", RESUME))
        one = listen(flow.cloud)
        cut_in_silence(one, flow, ask(one))
    assert drafts(root) == ["测试"] and [len(run.resumes) for run in flow.flows.runs] == [1]


def test_a_stream_that_is_cut_after_its_interrupt_costs_nothing(listen: Listen, root):
    """Where a workflow waits, it waits in the cloud."""
    with Flow(carries, after_call) as flow:
        flow.cloud.faults.add(Fault("cut", RUN, at_bytes=ends_of(list(carries(sample())))[-1]))
        one = listen(flow.cloud)
        carried_well(one, flow, root, ask(one))


def test_a_network_that_goes_while_the_tool_runs(listen: Listen, root):
    with Flow(carries, after_call) as flow:
        wire = Relay(urlsplit(flow.cloud.base_url).port or 0)
        wire.up()
        one = listen(flow.cloud, base_url=wire.base_url)
        one.app.bus.subscribe(lambda event: wire.down() if isinstance(event, events.DraftWritten) else None)
        request_id = ask(one)
        one.until(events.StateChanged, state="reconnecting")
        wire.up()
        carried_well(one, flow, root, request_id)
        wire.down()


@pytest.mark.parametrize("path", [RUN, RESUME])
def test_a_token_that_expires_is_refreshed_once(path: str, listen: Listen, root):
    credential = Renewing("new")
    with Flow(carries, after_call) as flow:
        flow.cloud.faults.add(Fault("answer", path, body={"code": 4100, "msg": "invalid"}))
        one = listen(flow.cloud, credential=credential)
        carried_well(one, flow, root, ask(one), runs=2 if path == RUN else 1)
    assert credential.renewed == 1


@pytest.mark.parametrize("path", [RUN, RESUME])
def test_a_token_that_can_t_be_refreshed_keeps_the_request(path: str, listen: Listen, root):
    credential = Renewing()
    with Flow(carries, after_call) as flow:
        flow.cloud.faults.add(Fault("answer", path, body={"code": 4100, "msg": "invalid"}))
        one = listen(flow.cloud, credential=credential)
        request_id = ask(one)
        failure = one.until(events.RequestFailed, request_id=request_id).failure
        assert (failure.code, failure.kept) == ("sign_in", True)
        one.until(events.StateChanged, state="sign_in")
        credential.now = "new"
        one.app.listener.signed_in()
        carried_well(one, flow, root, request_id, runs=2 if path == RUN else 1)


def test_a_workflow_that_fails_is_told_with_what_it_said_and_not_run_again(listen: Listen, root):
    def on_run(run: SimulatedRun) -> Frames:
        yield from list(says(run))[:4]
        yield run.error(5000, "a node is unwell")

    with Flow(on_run) as flow:
        one = listen(flow.cloud)
        request_id = ask(one)
        failure = one.until(events.RequestFailed, request_id=request_id).failure
        assert failure.code == "5000" and "unwell" in failure.message and failure.advice and failure.logid
        assert failure.again
        assert flow.paths() == [RUN]
    assert drafts(root) == ["测试"]
    assert one.app.journal.request(request_id).text == "马上做。"


def with_comments(stream: bytes) -> bytes:
    return b": hello\n\n" + stream.replace(b"\n\n", b"\n\n: ping\n\n")


def with_cr_lf(stream: bytes) -> bytes:
    return stream.replace(b"\n", b"\r\n")


def with_unknown_events(stream: bytes) -> bytes:
    return stream.replace(b"\n\n", b'\n\nid: 7\nevent: Dream\ndata: {"x": [1]}\n\nevent: PING\ndata: \n\n')


@pytest.mark.parametrize("form", [with_comments, with_cr_lf, with_unknown_events], ids=lambda form: form.__name__)
def test_a_stream_is_read_right(form: Callable[[bytes], bytes], listen: Listen, root):
    with Flow(lambda run: [form(b"".join(says(run)))]) as flow:
        one = listen(flow.cloud)
        one.until(events.RequestDone, request_id=ask(one))
    assert drafts(root) == ["另一个", "测试"]


def test_a_stream_that_comes_a_byte_at_a_time_is_read_right(listen: Listen, root):
    with Flow(lambda run: (bytes([byte]) for piece in says(run) for byte in piece)) as flow:
        one = listen(flow.cloud)
        one.until(events.RequestDone, request_id=ask(one))
    assert drafts(root) == ["另一个", "测试"]
    assert len(one.of(events.DraftWritten)) == 2


def test_a_question_that_waits_for_its_user_blocks_nothing_and_is_answered_after_a_restart(listen: Listen, root):
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("问", "哪个城市？")
        yield run.interrupt(2, "", "问")

    def on_resume(run: SimulatedRun, said: str) -> Frames:
        yield from run.end(SAID)
        yield run.done()

    with Flow(on_run, on_resume) as flow:
        one = listen(flow.cloud)
        request_id = ask(one)
        question = one.until(events.QuestionAsked, request_id=request_id)
        assert question.text == "哪个城市？"
        one.until(events.StateChanged, state="asking")
        one.app.listener.stop(timeout_s=5)
        one.until(events.StateChanged, state="stopped")
        one.app.listener.start()
        again = one.until(events.QuestionAsked, request_id=request_id)
        assert again.question_id == question.question_id
        assert one.app.journal.reply(request_id, again.question_id, "杭州")
        one.app.listener.answered(request_id)
        one.until(events.RequestDone, request_id=request_id)
        assert [run.resumes for run in flow.flows.runs] == [["杭州"]]
    assert drafts(root) == ["测试"]
