"""Clouds that keep the protocol less strictly than the simulated one: what they say is still heard, built once and
answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chats import call, finish, no_outputs, of, paths, run, say
from factory import draft, export, segment, track
from listening import Listening
from tray import events
from tray.coze.errors import NetworkAwayError
from tray.coze.run import Failed, Finished, Output, ToolCalls
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import frame
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator


def said(name: str) -> str:
    return export(draft(track(segment()), name=name))


@pytest.fixture
def asks(tmp_path: Path, root: Path) -> Iterator[Callable[[Simulator], tuple[Any, Listening]]]:
    """A program that asks a cloud once: how that ended, and all that was heard."""
    opened: list[Listening] = []

    def ask(cloud: Simulator) -> tuple[Any, Listening]:
        one = Listening(tmp_path / "home", root, cloud)
        opened.append(one)
        one.app.listener.start()
        request_id = one.ask()
        while True:
            event = one.heard.get(timeout=20)
            one.all.append(event)
            if isinstance(event, (events.RequestDone, events.RequestFailed)):
                assert event.request_id == request_id
                return event, one

    yield ask
    for one in opened:
        one.app.close()


def drafts(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def answer(chat: SimulatedChat, content: Any, **more: Any) -> bytes:
    value = {"id": "1", "chat_id": chat.id, "conversation_id": chat.conversation_id, "type": "answer", **more}
    chat.answers.append({**value, "content": content})
    return frame("conversation.message.completed", chat.answers[-1])


# Calls and messages whose ids say less than they should.


def test_a_call_s_id_that_comes_again_with_other_arguments_is_another_call(asks, root):
    def calls(chat: SimulatedChat) -> bytes:
        chat.calls_tool("generate_draft", {"content": said(f"第{chat.rounds}")})
        chat.calls[0]["id"] = "call_0"
        return frame("conversation.chat.requires_action", chat.wire())

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield calls(chat)

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        if chat.rounds < 3:
            yield calls(chat)
        else:
            yield from chat.says("三个")
            yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        ended, _one = asks(cloud)
    assert isinstance(ended, events.RequestDone)
    assert drafts(root) == ["第0", "第1", "第2"]
    told = [r.body["tool_outputs"][0]["output"] for r in cloud.received if "submit" in r.path]
    assert [json.loads(output)["drafts"][0]["name"] for output in told] == ["第0", "第1", "第2"]


def test_a_round_that_repeats_an_id_for_ever_with_other_arguments_is_not_cut_short():
    def calls(chat: SimulatedChat) -> bytes:
        chat.calls_tool("a", {"n": chat.rounds})
        chat.calls[0]["id"] = "call_0"
        return frame("conversation.chat.requires_action", chat.wire())

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield calls(chat)

    def on_outputs(chat: SimulatedChat, _outputs: dict[str, str]) -> Iterator[bytes]:
        if chat.rounds < 6:
            yield calls(chat)
        else:
            yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        heard = run(cloud)
    assert isinstance(heard[-1], Finished) and len(of(heard, ToolCalls)) == 6


def test_messages_of_the_same_id_with_other_drafts_are_all_built(asks, root):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield answer(chat, said("甲"))
        yield answer(chat, said("乙"))
        yield from chat.completed()

    with Simulator(on_chat, no_outputs) as cloud:
        ended, _one = asks(cloud)
    assert isinstance(ended, events.RequestDone)
    assert drafts(root) == ["乙", "甲"]


# The same draft said in several ways.


def test_a_draft_that_is_said_and_handed_to_the_tool_is_built_once(asks, root):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield from chat.says(f"好：\n```json\n{said('甲')}\n```")
        yield chat.calls_tool("generate_draft", {"content": json.dumps({"output": said("甲")})})

    with Simulator(on_chat, finish) as cloud:
        _ended, one = asks(cloud)
    assert drafts(root) == ["甲"]
    assert len(one.of(events.DraftWritten)) == 1


def test_a_message_whose_content_is_an_object_is_read(asks, root):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield answer(chat, {"output": json.loads(said("甲"))})
        yield from chat.completed()

    with Simulator(on_chat, no_outputs) as cloud:
        asks(cloud)
    assert drafts(root) == ["甲"]


def test_two_fenced_drafts_in_one_answer_are_both_built(asks, root):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield from chat.says(f"一：\n```json\n{said('甲')}\n```\n二：\n```json\n{said('乙')}\n```\n")
        yield from chat.completed()

    with Simulator(on_chat, no_outputs) as cloud:
        asks(cloud)
    assert drafts(root) == ["乙", "甲"]


# Streams that leave something out.


def test_an_answer_that_did_not_arrive_whole_is_asked_for():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        pieces = list(chat.says("说了很多"))
        yield from pieces[:-1]
        yield pieces[-1][: len(pieces[-1]) // 2] + b"\n\n"
        yield from chat.completed()

    with Simulator(on_chat, no_outputs) as cloud:
        heard = run(cloud)
    assert [output.text for output in of(heard, Output)] == ["说了很多"]
    assert isinstance(heard[-1], Finished)


def test_an_answer_that_did_not_arrive_whole_before_a_call_is_asked_for_in_the_end():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield list(chat.says("说了很多"))[-1][:-40] + b"\n\n"
        yield chat.calls_tool("a", {})

    with Simulator(on_chat, finish) as cloud:
        heard = run(cloud)
    assert {output.text for output in of(heard, Output)} == {"说了很多", "收到 1"}
    assert isinstance(heard[-1], Finished)


# Errors whose code says nothing, with a status that does.


@pytest.mark.parametrize("path", ["/v3/chat/retrieve", "/v3/chat/submit_tool_outputs", "/v3/chat/message/list"])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_counts_where_the_code_is_unknown(status, path):
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("cut", "/v3/chat/submit_tool_outputs", skip="submit" in path, at_bytes=300))
        cloud.faults.add(Fault("answer", path, status=status, body={"code": status * 10 + 7, "msg": "oops"}))
        heard = run(cloud)
    assert isinstance(heard[-1], Finished), heard[-1]


@pytest.mark.parametrize("status", [504, 520])
def test_an_unknown_code_with_a_gateway_s_status_does_not_say_that_nothing_was_created(status):
    with Simulator(say, no_outputs) as cloud:
        cloud.faults.add(Fault("answer", "/v3/chat", status=status, body={"code": status, "msg": "oops"}))
        assert of(run(cloud), Failed)[0].code == "lost"
    assert paths(cloud) == ["/v3/chat"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_says_where_to_and_what_to_do(status):
    with Simulator(say, no_outputs) as cloud:
        cloud.faults.add(Fault("answer", "/v3/chat", status=status, headers={"Location": "https://elsewhere.test/v3"}))
        failed = of(run(cloud), Failed)[0]
    assert failed.advice


@pytest.mark.parametrize("body", [{"code": 720701002, "msg": "new"}, {"code": 0, "data": {}}, ["?"], b""])
def test_what_nobody_has_seen_before_still_says_what_to_do(body):
    with Simulator(say, no_outputs) as cloud:
        cloud.faults.add(Fault("answer", "/v3/chat", body=body))
        failed = of(run(cloud), Failed)[0]
    assert failed.message and failed.advice and failed.logid


# A token that has to be renewed while the network goes.


class _Unreachable:
    """A credential whose renewal finds no network."""

    def __init__(self) -> None:
        self.tried = 0

    async def token(self) -> str:
        return "t"

    async def renew(self, _refused: str) -> bool:
        self.tried += 1
        if self.tried > 1:
            return True
        raise NetworkAwayError("no network", sent=True)


def test_a_renewal_that_finds_no_network_says_nothing_of_the_chat():
    refused = iter([True])

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        if next(refused, False):
            yield frame("error", {"code": 4100, "msg": "expired"})
            return
        yield from say(chat)

    with Simulator(on_chat, no_outputs) as cloud:
        heard = run(cloud, token=_Unreachable())  # type: ignore[arg-type]
    assert isinstance(heard[-1], Finished), heard[-1]
