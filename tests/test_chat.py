"""The chat driver against recorded responses and the traps of the wire, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from chats import OUTPUT, bot, client_of, no_outputs, of, paths, run, say
from factory import send
from tray.coze.chat import Chat
from tray.coze.errors import NetworkAwayError
from tray.coze.run import Away, Failed, Finished, Output, Started, Text, ToolCalls
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import DONE, frame
from tray.simulator.server import Simulator


def test_the_recorded_tool_call_is_answered_once_with_its_id_and_json(wire):
    asked = (wire / "docs__use_local_plugin_requires_action.txt").read_bytes()
    answered = (wire / "docs__use_local_plugin_submit_stream.txt").read_bytes()
    said = json.loads(asked.partition(b"data:")[2])
    call_id = said["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"]

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        cloud.chats[said["id"]] = SimulatedChat(
            said["id"], said["conversation_id"], "bot", "", "requires_action", [{"id": call_id}]
        )
        yield asked

    with Simulator(on_chat, lambda _chat, _outputs: [answered]) as cloud:
        events = run(cloud)

    assert of(events, ToolCalls), (events, cloud.received)
    assert of(events, ToolCalls)[0].calls[0].name == "get_rain_probability"
    assert json.loads(of(events, ToolCalls)[0].calls[0].arguments) == {"location": "河南"}
    submissions = [r for r in cloud.received if r.path == "/v3/chat/submit_tool_outputs"]
    assert len(submissions) == 1
    assert submissions[0].body == {"tool_outputs": [{"tool_call_id": call_id, "output": OUTPUT}], "stream": True}
    assert submissions[0].query == {"conversation_id": said["conversation_id"], "chat_id": said["id"]}
    assert [output.text for output in of(events, Output)] == ["河南的降水概率为50%。"]
    assert of(events, Finished) == [Finished(140)]


def test_the_chat_is_created_as_the_protocol_wants_it():
    with Simulator(say, no_outputs) as cloud:
        events = run(cloud)
    body = cloud.received[0].body
    assert (body["bot_id"], body["stream"], body["auto_save_history"]) == ("bot", True, True)
    assert body["additional_messages"][0]["content"] == "问"
    assert cloud.received[0].headers["Authorization"] == "Bearer token"
    assert "".join(text.delta for text in of(events, Text)) == "好"


def test_the_recorded_text_stream_is_read(wire):
    recorded = (wire / "coze-py__chat_text_stream_resp.txt").read_bytes()
    with Simulator(lambda _chat: [recorded], no_outputs) as cloud:
        events = run(cloud)
    assert of(events, Output)[0].text == "2024 年 10 月 1 日是星期三。"
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("coze-py__chat_failed_resp", "5000"),
        ("coze-py__chat_error_resp", "failed"),
        ("coze-py__chat_invalid_resp", "empty"),
    ],
)
def test_a_recorded_failure_is_a_failure_with_its_code_and_logid(name, code, wire):
    with Simulator(lambda _chat: [(wire / f"{name}.txt").read_bytes()], no_outputs) as cloud:
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.logid) == (code, "20260101000000SIMULATED")
    assert failed.message


TRAPS = {
    "comment": b": ping\n\n",
    "blank": b"\n\n\n",
    "ping event": b"event: PING\ndata:\n\n",
    "unknown event": frame("conversation.something.new", {"id": 1}),
    "event that is no JSON": b"event:conversation.message.delta\ndata:oops\n\n",
    "message without content": frame(
        "conversation.message.completed", {"id": "1", "role": "assistant", "type": "answer"}
    ),
    "message without type": frame("conversation.message.delta", {"content": "x"}),
    "id": b"id: 7\n\n: comment after an id\n\n",
    "crlf": b": ping\r\n\r\n",
    "array": b"event:conversation.chat.in_progress\ndata:[]\n\n",
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS.keys())
def test_what_is_odd_on_the_wire_does_not_end_a_chat(trap):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield trap
        yield from chat.says("还在")
        yield trap
        yield from chat.completed()

    with Simulator(on_chat, no_outputs) as cloud:
        events = run(cloud)
    assert "还在" in [output.text for output in of(events, Output)]
    assert isinstance(events[-1], Finished)
    assert paths(cloud) == ["/v3/chat"]


def test_line_separators_inside_json_are_no_ends_of_lines():
    with Simulator(lambda chat: say(chat, "a\u2028b\u0085c"), no_outputs) as cloud:
        assert of(run(cloud), Output)[0].text == "a\u2028b\u0085c"


def test_an_error_event_ends_the_stream_but_not_the_chat():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield frame("error", {})
        list(chat.says("完成"))
        list(chat.completed())

    with Simulator(on_chat, no_outputs) as cloud:
        events = run(cloud)
    assert of(events, Output)[0].text == "完成"
    assert paths(cloud) == ["/v3/chat", "/v3/chat/retrieve", "/v3/chat/message/list"]


def test_a_workflow_s_bare_failure_code_is_read():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield frame("conversation.chat.failed", {"code": "720702204", "msg": "node timeout"})

    with Simulator(on_chat, no_outputs) as cloud:
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and failed.code == "720702204" and "node timeout" in failed.message


@pytest.mark.parametrize("ending", ["cut", "clean end without done"])
def test_a_stream_that_breaks_is_caught_up_and_no_second_chat_is_created(ending):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        whole = list(chat.says("一部分和其余"))
        yield whole[0]
        list(chat.completed())
        if ending == "cut":
            raise ConnectionError

    with Simulator(on_chat, no_outputs) as cloud:
        events = run(cloud)
    assert [output.text for output in of(events, Output)] == ["一部分和其余"]
    assert paths(cloud).count("/v3/chat") == 1


def test_a_call_that_waits_after_a_break_is_answered_and_any_number_of_rounds_follow():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        chat.calls_tool("a", {})
        raise ConnectionError

    def on_outputs(chat: SimulatedChat, _outputs: dict[str, str]) -> Iterator[bytes]:
        if chat.rounds < 5:
            yield chat.in_progress()
            yield chat.calls_tool(f"round{chat.rounds}", {})
        else:
            yield chat.in_progress()
            yield from chat.says("完")
            yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        events = run(cloud)
    assert [calls.calls[0].name for calls in of(events, ToolCalls)] == ["a", "round1", "round2", "round3", "round4"]
    assert isinstance(events[-1], Finished)


def test_all_calls_of_one_round_are_answered_in_one_submission():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        chat.status = "requires_action"
        chat.calls = [
            {"id": "1", "type": "function", "function": {"name": "a", "arguments": ""}},
            {"id": "2", "type": "function", "function": {"name": "b", "arguments": {"already": "an object"}}},
        ]
        yield frame("conversation.chat.requires_action", chat.wire())

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        yield from chat.says(",".join(outputs))
        yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        events = run(cloud)
    assert [call.arguments for call in of(events, ToolCalls)[0].calls] == ["", '{"already": "an object"}']
    assert of(events, Output)[0].text == "1,2"


def test_a_lost_submission_is_sent_again():
    cuts = iter([True, False])

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield chat.calls_tool("a", {})

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        if next(cuts):
            raise ConnectionError
        yield from chat.says("好")
        yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        events = run(cloud)
    assert isinstance(events[-1], Finished)
    assert paths(cloud).count("/v3/chat/submit_tool_outputs") == 2


def test_a_chat_that_asks_for_the_same_call_for_ever_is_given_up():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield chat.calls_tool("a", {})

    with Simulator(on_chat, lambda chat, _outputs: [frame("conversation.chat.requires_action", chat.wire())]) as cloud:
        assert of(run(cloud), Failed)[0].code == "unanswered"


def test_a_known_chat_is_picked_up_without_creating_one():
    with Simulator(say, no_outputs) as cloud:
        chat = cloud.chats["9"] = SimulatedChat("9", "8", "bot", "问")
        list(chat.says("早就好了"))
        list(chat.completed())
        events = run(cloud, known={"conversation_id": "8", "chat_id": "9"})
    assert of(events, Output)[0].text == "早就好了"
    assert "/v3/chat" not in paths(cloud)


@pytest.mark.parametrize("code", [4101, 4015, 4000, 4200, 4008])
def test_a_refusal_is_not_tried_again_and_says_what_to_do(code, media):
    body = json.dumps({"code": code, "msg": "no", "detail": {"logid": "LOG"}}).encode()
    media.replies["/v3/chat"] = post(body)
    failed = run(media.url)[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.logid) == (str(code), "LOG")
    assert failed.advice
    assert media.hits["/v3/chat"] == 1


def test_a_busy_cloud_is_asked_again(media):
    busy = post(json.dumps({"code": 4020, "msg": "rpm"}).encode())
    media.replies["/v3/chat"] = [busy, post(b"<html>Busy</html>", 503), busy, post(b'{"code": 4015, "msg": ""}')]
    events = run(media.url)
    assert len(of(events, Away)) == 3
    assert of(events, Failed)[0].code == "4015"


def test_a_cloud_that_can_t_be_reached_exhausts_patience_and_nothing_was_created():
    with pytest.raises(NetworkAwayError):
        run("http://127.0.0.1:9", patience_s=0.05)


def test_a_creation_whose_answer_is_lost_is_never_repeated(media):
    def vanish(handler):
        handler.close_connection = True

    media.replies["/v3/chat"] = vanish
    failed = run(media.url)[-1]
    assert isinstance(failed, Failed) and failed.code == "lost"
    assert media.hits["/v3/chat"] == 1


def test_a_stream_without_a_content_type_is_read(media):
    chat = SimulatedChat("1", "2", "bot", "问")
    stream = b"".join(say(chat))

    def reply(handler):
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(stream), stream))

    media.replies["/v3/chat"] = reply
    events = run(media.url)
    assert of(events, Started) == [Started({"conversation_id": "2", "chat_id": "1"})]
    assert isinstance(events[-1], Finished)


def test_an_error_without_a_content_type_is_read(media):
    body = b'{"code": 4101, "msg": "bad token"}'

    def reply(handler):
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    media.replies["/v3/chat"] = reply
    assert of(run(media.url), Failed)[0].code == "4101"


def test_a_redirect_does_not_carry_the_token_away(media):
    def elsewhere(handler):
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.send_response(307)
        handler.send_header("Location", f"http://localhost:{handler.server.server_port}/stolen")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    media.replies["/v3/chat"] = elsewhere
    assert of(run(media.url), Failed)
    assert not media.hits["/stolen"]


def test_done_ends_the_reading_even_when_the_connection_stays_open():
    import threading

    release = threading.Event()

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        list(chat.says("好"))
        list(chat.completed())
        yield DONE
        release.wait(10)

    with Simulator(on_chat, no_outputs) as cloud:
        events = run(cloud)
        release.set()
    assert isinstance(events[-1], Finished)


def post(body: bytes, status: int = 200):
    def reply(handler):
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


@pytest.mark.parametrize("back", [1, 2, 3, 20, 60, 150])
def test_a_clean_end_inside_the_last_event_is_caught_up(back):
    """Without a length or chunks, a cut connection looks like an end."""

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        whole = chat.created() + chat.calls_tool("a", {"x": "一"})
        yield whole[:-back]

    def on_outputs(chat: SimulatedChat, _outputs: dict[str, str]) -> Iterator[bytes]:
        yield from chat.says("好")
        yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        events = run(cloud)
    assert isinstance(events[-1], Finished)
    assert paths(cloud).count("/v3/chat") == 1


@pytest.mark.parametrize(
    "action",
    [
        {"submit_tool_outputs": {"tool_calls": calls}}
        for calls in (["x"], [None], {}, [{"id": "1", "function": "f"}], [])
    ]
    + [None, "x"],
)
def test_calls_of_an_odd_shape_fail_clearly(action):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        chat.status = "requires_action"
        chat.wire = lambda: {
            "id": chat.id,
            "conversation_id": chat.conversation_id,
            "status": "requires_action",
            "required_action": action,
        }  # type: ignore[method-assign]
        yield frame("conversation.chat.requires_action", chat.wire())

    with Simulator(on_chat, no_outputs) as cloud:
        assert of(run(cloud), Failed)[0].code in ("unreadable", "question")


@pytest.mark.parametrize("usage", [{"token_count": "many"}, "x", None, []])
def test_an_odd_usage_does_not_spoil_a_finished_chat(usage):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield frame("conversation.chat.completed", {**chat.wire(), "usage": usage})

    with Simulator(on_chat, no_outputs) as cloud:
        assert isinstance(run(cloud)[-1], Finished)


def test_half_an_emoji_in_an_answer_is_replaced():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield frame("conversation.message.completed", {"id": "1", "type": "answer", "content": "XX"}).replace(
            b"XX", b"a\\ud83d"
        )
        yield from chat.completed()

    with Simulator(on_chat, no_outputs) as cloud:
        assert of(run(cloud), Output)[0].text.encode().startswith(b"a")


def test_a_submission_that_is_refused_as_busy_is_tried_at_least_four_times():
    refusals = iter([4020, 5000, 4009, None])

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield chat.calls_tool("a", {})

    def on_outputs(chat: SimulatedChat, _outputs: dict[str, str]) -> Iterator[bytes]:
        if code := next(refusals):
            return [json.dumps({"code": code, "msg": "busy"}).encode()]
        return [*chat.says("好"), *chat.completed()]

    with Simulator(on_chat, on_outputs) as cloud:
        events = run(cloud)
    assert isinstance(events[-1], Finished)
    assert paths(cloud).count("/v3/chat/submit_tool_outputs") == 4


def test_answers_that_can_t_be_listed_end_in_a_failure_not_in_a_loop(media):
    media.replies["/v3/chat/retrieve"] = post(b'{"code": 0, "data": {"status": "completed"}}')
    media.replies["/v3/chat/message/list"] = send(b'{"code": 5000, "msg": "internal"}', Content_Type="application/json")
    assert of(run(media.url, known={"conversation_id": "1", "chat_id": "2"}), Failed)[0].code == "5000"
    assert media.hits["/v3/chat/message/list"] >= 4


def test_a_gateway_s_error_while_creating_is_not_taken_for_a_refusal(media):
    media.replies["/v3/chat"] = post(b"<html>Gateway timeout</html>", 504)
    assert of(run(media.url), Failed)[0].code == "lost"
    assert media.hits["/v3/chat"] == 1


def test_posting_is_told_when_the_request_goes_out_and_not_before():
    posted: list[bool] = []

    async def ask(base_url: str) -> None:
        async with client_of(base_url) as client:
            chat = Chat(client, bot(), None, 0.0, lambda: posted.append(True))
            async for _event in chat.events():
                pass

    with pytest.raises(NetworkAwayError):
        asyncio.run(ask("http://127.0.0.1:9"))
    assert posted == []
    with Simulator(say, no_outputs) as cloud:
        asyncio.run(ask(cloud.base_url))
    assert posted == [True]
