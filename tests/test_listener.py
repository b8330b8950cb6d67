"""The listener thread, its journal and its tools against the simulated cloud."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from factory import draft, export, segment, track
from listening import DEADLINE_S
from tray import app, events
from tray.asked import Asked
from tray.simulator.chats import SimulatedChat
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows


def tool_bot(name: str, arguments: Any) -> Simulator:
    """A bot that calls one tool and repeats its output."""

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield chat.calls_tool(name, arguments)

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        yield from chat.says(next(iter(outputs.values())))
        yield from chat.completed()

    return Simulator(on_chat, on_outputs)


def test_a_request_goes_from_the_queue_through_a_tool_to_a_draft(listen, root):
    with tool_bot("generate_draft", {"content": export(draft(track(segment())))}) as cloud:
        one = listen(cloud)
        request_id = one.ask()
        one.app.listener.start()
        done = one.until(events.RequestDone, request_id=request_id)
        one.until(events.StateChanged, state="idle")
    receipt = one.of(events.DraftWritten)[0].receipt
    assert Path(receipt.path) == root / "测试"
    assert json.loads(done.text)["status"] == "ok"
    assert str(root) not in done.text  # the cloud is not told the user's paths
    assert one.app.journal.request(request_id).state == "done"
    states = [event.state for event in one.of(events.StateChanged)]
    assert states[:3] == ["idle", "connecting", "streaming"] and "working" in states


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("no_such_tool", {}, "generate_draft"),
        ("generate_draft", {}, "content"),
        ("generate_draft", {"content": "no draft"}, "JSON"),
        ("generate_draft", {"content": export(draft())}, "segments"),
        ("generate_draft", {"content": "{}", "output_folder": "elsewhere"}, "elsewhere"),
    ],
)
def test_what_a_tool_can_t_do_becomes_an_answer_and_the_chat_goes_on(name, arguments, words, listen):
    with tool_bot(name, arguments) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        output = json.loads(one.until(events.RequestDone, request_id=request_id).text)
    assert output["status"] == "error"
    assert words in output["message"]
    assert one.of(events.ToolFinished)[0].ok is False


def test_an_export_given_as_an_object_instead_of_text_is_understood(listen):
    with tool_bot("generate_draft", {"content": json.loads(export(draft(track(segment()))))}) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        one.ask()
        assert one.until(events.DraftWritten).receipt.name == "测试"


def test_a_question_that_is_a_book_is_put_as_its_beginning(listen):
    def asks(run: SimulatedRun) -> Iterator[bytes]:
        yield from run.message("问答", "长" * 1_000_000)
        yield run.interrupt(2, "", "问答")

    def ends(run: SimulatedRun, said: str) -> Iterator[bytes]:
        yield from run.end(said)
        yield run.done()

    cloud = tool_bot("x", {})
    cloud.routes.update(Workflows(asks, ends).routes())
    with cloud:
        one = listen(cloud)
        one.app.listener.start()
        one.app.journal.add_request("r", Asked(one.settings.base_url, "workflow", "7"))
        one.app.listener.go_on("r", 5.0)
        asked = one.until(events.QuestionAsked)
        state = one.until(events.StateChanged, state="asking")
        assert app.answer(one.app, "r", asked.question_id, "好")
        one.until(events.RequestDone)
    assert 1_000 < len(asked.text) < 10_000 and len(state.detail) < 1_000


def test_a_tool_s_name_has_a_sane_size(listen):
    with tool_bot("n" * 1_000_000, {}) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        one.ask()
        assert len(one.until(events.RequestDone).text) < 2_000
    assert len(one.of(events.ToolStarted)[0].tool) < 1_000


def test_the_same_draft_said_twice_in_a_run_is_built_once(listen, root):
    said = export(draft(track(segment())))

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield from chat.says(said)
        yield chat.calls_tool("generate_draft", {"content": json.dumps({"output": said})})

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        yield from chat.says(f"```json\n{said}\n```")
        yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        one.until(events.RequestDone, request_id=one.ask())
    assert [path.name for path in root.iterdir()] == ["测试"]
    assert len(one.of(events.DraftWritten)) == 1


def test_stop_closes_an_open_stream_within_half_a_second(listen):
    open_streams, closed = threading.Event(), threading.Event()

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        open_streams.set()
        try:
            while True:
                yield b": waiting\n\n"
        finally:
            closed.set()

    with Simulator(on_chat, lambda *_: [], pace_s=0.01) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        assert open_streams.wait(DEADLINE_S)
        began = time.monotonic()
        one.app.listener.stop()
        assert time.monotonic() - began < 0.05  # a menu click must not wait
        assert closed.wait(0.5)
        one.until(events.StateChanged, state="stopped")
        assert one.app.journal.request(request_id).state == "running"


def test_stop_and_start_go_on_with_the_same_chat(listen):
    first = threading.Event()

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        first.set()
        while not chat.answers:
            yield b": waiting\n\n"

    with Simulator(on_chat, lambda *_: [], pace_s=0.01) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        assert first.wait(DEADLINE_S)
        one.until(events.StateChanged, state="streaming")
        one.app.listener.stop()
        one.app.listener.start()  # in one breath
        chat = next(iter(cloud.chats.values()))
        list(chat.says("好"))
        list(chat.completed())
        assert one.until(events.RequestDone, request_id=request_id).text == "好"
    assert [r.path for r in cloud.received].count("/v3/chat") == 1


def test_stop_in_the_middle_of_a_build_leaves_nothing(listen, root, media):
    began = threading.Event()

    def stall(_handler: Any) -> None:
        began.set()
        time.sleep(1)

    url = media.serve("/slow.png", stall)
    with tool_bot("generate_draft", {"content": export(draft(track(segment("image", url=url))))}) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        one.ask()
        assert began.wait(DEADLINE_S)
        one.app.listener.stop(timeout_s=5)
        one.until(events.StateChanged, state="stopped")
    assert not list(root.iterdir())
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_several_requests_run_at_once_each_in_its_own_conversation(listen):
    together = threading.Barrier(3, timeout=DEADLINE_S)

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        together.wait()
        yield from chat.says(chat.prompt)
        yield from chat.completed()

    with Simulator(on_chat, lambda *_: []) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        asked = {one.ask(str(n)): str(n) for n in range(3)}
        for _n in asked:
            done = one.until(events.RequestDone)
            assert done.text == asked[done.request_id]
    assert len({chat.conversation_id for chat in cloud.chats.values()}) == 3


def test_without_a_token_a_request_fails_with_advice_and_nothing_is_sent(listen, monkeypatch):
    monkeypatch.setattr("tray.secrets.read", lambda _host: None)
    with tool_bot("x", {}) as cloud:
        one = listen(cloud, token=None)
        one.app.listener.start()
        failure = one.until(events.RequestFailed, request_id=one.ask()).failure
        assert failure.code == "sign_in" and "login" in failure.advice
        assert not cloud.received


def test_unfinished_requests_go_on_at_the_next_start(listen):
    with tool_bot("no_tool", {}) as cloud:
        one = listen(cloud)
        request_id = one.ask()  # not listening: it waits
        one.app.close()
        two = listen(cloud, resume=True)
        two.app.listener.start()
        two.until(events.RequestDone, request_id=request_id)


def test_a_request_whose_creation_may_have_arrived_is_not_created_again(listen):
    with tool_bot("no_tool", {}) as cloud:
        one = listen(cloud)
        request_id = one.ask()
        one.app.journal.posting(request_id, True)  # as a crash between sending and hearing leaves it
        one.app.close()
        two = listen(cloud, resume=True)
        two.app.listener.start()
        assert two.until(events.RequestFailed, request_id=request_id).failure.code == "lost"
        assert not cloud.received


def test_a_broken_subscriber_does_not_stop_the_listener(listen):
    with tool_bot("no_tool", {}) as cloud:
        one = listen(cloud)
        one.app.bus.subscribe(lambda _event: 1 / 0)
        one.app.listener.start()
        one.until(events.RequestDone, request_id=one.ask())


def test_every_event_survives_the_socket():
    receipt = events.Receipt("p", "名", "id", {"text": 1}, 1, 2, "ms", "why", ["w"])
    for event in (
        events.StateChanged("idle", "x"),
        events.RequestStarted("r", "问"),
        events.TextArrived("r", "好"),
        events.QuestionAsked("r", "q", "哪个？", ("甲", "乙"), "https://x"),
        events.QuestionAnswered("r", "q"),
        events.Noticed("", "注意"),
        events.ToolStarted("r", "c", "t"),
        events.ToolFinished("r", "c", "t", True, "m"),
        events.MediaProgress("r", 1, 2, 3),
        events.DraftWritten("r", receipt),
        events.RequestDone("r", "t"),
        events.RequestFailed("r", events.Failure("4100", "m", "a", "l")),
    ):
        assert events.from_json(json.loads(json.dumps(events.to_json(event)))) == event


def test_a_chat_that_waits_in_the_cloud_is_kept_when_signing_in_fails(listen, monkeypatch):
    monkeypatch.setattr("tray.secrets.read", lambda _host: None)
    with tool_bot("no_tool", {}) as cloud:
        chat = cloud.chats["9"] = SimulatedChat("9", "8", "bot", "问")
        chat.calls_tool("no_tool", {})
        one = listen(cloud, token=None, resume=True)
        one.app.journal.add_request("r", one.asked(), {"conversation_id": "8", "chat_id": "9"})
        one.app.listener.start()
        assert one.until(events.RequestFailed, request_id="r").failure.code == "sign_in"
        one.app.close()
        two = listen(cloud, resume=True)
        two.app.listener.start()
        two.until(events.RequestDone, request_id="r")


def test_a_stop_while_a_chat_is_being_created_waits_for_its_id(listen):
    arrived = threading.Event()

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        arrived.set()
        time.sleep(0.15)
        yield from [chat.created()]
        while True:
            yield b": waiting\n\n"

    with Simulator(on_chat, lambda *_: [], pace_s=0.01) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        assert arrived.wait(DEADLINE_S)
        one.app.listener.stop(timeout_s=5)
        assert one.app.journal.request(request_id).run is not None


def test_an_ask_that_comes_while_the_program_closes_ends_at_once(listen):
    with tool_bot("no_tool", {}) as cloud:
        for moment in range(20):
            one = listen(cloud)
            one.app.listener.start()
            question = app.NewRequest(one.asked(), None)
            ended = threading.Event()

            def ask(asked: Any = one.app, what: app.NewRequest = question, done: threading.Event = ended) -> None:
                list(app.ask(asked, what))
                done.set()

            threading.Thread(target=ask, daemon=True).start()
            ended.wait(moment / 2000)
            one.app.close()
            assert ended.wait(DEADLINE_S)


def test_a_request_that_is_refused_a_token_at_its_creation_goes_on_after_signing_in(listen):
    with tool_bot("no_tool", {}) as cloud:
        cloud.faults.add(Fault("answer", "/v3/chat", body={"code": 4100, "msg": "invalid token"}))
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        failure = one.until(events.RequestFailed, request_id=request_id).failure
        assert (failure.code, failure.kept) == ("sign_in", True)
        one.until(events.StateChanged, state="sign_in")
        one.app.listener.signed_in()
        one.until(events.RequestDone, request_id=request_id)
        one.until(events.StateChanged, state="idle")
