"""Chatflows, and bots in chatflow mode: questions, and what a chatflow can't do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from chats import bodies, bot, call, chatflow, no_outputs, of, paths, run, say
from tray.coze.run import Away, Failed, Finished, Output, Question, Started, Text
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import DONE, frame
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator

ANSWERS = ("一分钟", "竖屏")


def interview(chat: SimulatedChat) -> Iterator[bytes]:
    """Asks twice, then says what it was told. A chat of its own for each answer, in one conversation."""
    yield chat.created()
    yield chat.in_progress()
    if chat.prompt == "问":
        yield from chat.asks("多长？")
    elif chat.prompt == "一分钟":
        yield from chat.asks("横屏还是竖屏？")
    else:
        yield from chat.says(f"好的，{chat.prompt}")
        yield from chat.completed()


def test_a_chatflow_is_asked_as_the_protocol_wants_it():
    with Simulator(say, no_outputs) as cloud:
        events = run(cloud, chatflow(parameters={"length": 3, "names": ["a"]}, bot_id="b", app_id=""))
    assert paths(cloud) == ["/v1/workflows/chat"]
    assert cloud.received[0].body == {
        "workflow_id": "flow",
        "bot_id": "b",
        "parameters": {"length": 3, "names": ["a"]},
        "additional_messages": [{"role": "user", "type": "question", "content": "问", "content_type": "text"}],
    }
    assert "".join(text.delta for text in of(events, Text)) == "好"


def test_parameters_are_there_even_if_there_are_none_and_a_conversation_is_named_in_the_body():
    with Simulator(say, no_outputs) as cloud:
        run(cloud, chatflow(app_id="a", conversation_id="7"))
    body = cloud.received[0].body
    assert (body["parameters"], body["app_id"], body["conversation_id"]) == ({}, "a", "7")
    assert cloud.received[0].query == {}


def test_the_recorded_chatflow_is_read_with_the_address_that_shows_how_it_ran(wire):
    recorded = (wire / "coze-py__workflows_chat_stream_resp.txt").read_bytes()
    with Simulator(lambda _chat: [recorded], no_outputs) as cloud:
        events = run(cloud, chatflow())
    assert [output.text for output in of(events, Output)] == ["I'm fine, thank you. How about you?"]
    assert of(events, Started) == [Started({"conversation_id": "conv_111111111", "chat_id": "id_1111"})]
    url = "https://www.coze.cn/work_flow?execute_id=execute_1111&space_id=space_111&workflow_id=workflow_1111"
    assert events[-1] == Finished(32, url)
    assert paths(cloud) == ["/v1/workflows/chat"]


@pytest.mark.parametrize("asked", [chatflow(bot_id="b"), bot()], ids=["chatflow", "bot in chatflow mode"])
def test_questions_are_answered_in_the_same_conversation_until_the_flow_is_done(asked):
    with Simulator(interview, no_outputs) as cloud:
        events = run(cloud, asked, replies=ANSWERS)
    assert [question.text for question in of(events, Question)] == ["多长？", "横屏还是竖屏？"]
    assert len({question.id for question in of(events, Question)}) == 2
    assert of(events, Output)[-1].text == "好的，竖屏"
    assert isinstance(events[-1], Finished)
    first, *others = [chat.conversation_id for chat in cloud.chats.values()]
    assert others == [first, first]
    assert [chat.prompt for chat in cloud.chats.values()] == ["问", "一分钟", "竖屏"]
    assert "/v3/chat/submit_tool_outputs" not in paths(cloud)
    named = [started.run for started in of(events, Started)]
    assert named[-1] == {"conversation_id": first, "chat_id": list(cloud.chats)[-1], "questions": 2}


def test_a_question_is_asked_again_after_a_restart_with_its_text_and_its_id():
    with Simulator(interview, no_outputs) as cloud:
        heard = run(cloud, chatflow())  # the program ends while the question waits
        again = run(cloud, chatflow(), of(heard, Started)[-1].run, replies=ANSWERS)
    assert of(again, Question)[0] == of(heard, Question)[0]
    assert of(again, Output)[-1].text == "好的，竖屏"
    assert [chat.prompt for chat in cloud.chats.values()] == ["问", "一分钟", "竖屏"]


def test_a_question_survives_a_restart_even_where_a_chatflow_s_chat_can_t_be_retrieved():
    named = {"conversation_id": "1", "chat_id": "2", "question": "多长？", "questions": 1}
    with Simulator(interview, no_outputs) as cloud:
        again = run(cloud, chatflow(), named, replies=("竖屏",))
    assert of(again, Question) == [Question("2:1", "多长？")]
    assert of(again, Output)[-1].text == "好的，竖屏"
    assert paths(cloud) == ["/v3/chat/retrieve", "/v1/workflows/chat"]


def test_a_restart_while_a_reply_was_on_its_way_does_not_send_it_twice():
    with Simulator(interview, no_outputs) as cloud:
        events = run(
            cloud,
            chatflow(),
            {"conversation_id": "1", "chat_id": "2", "question": "?", "questions": 1, "replied": True},
        )
    (failed,) = events
    assert isinstance(failed, Failed) and failed.code == "lost" and failed.again
    assert not cloud.received


def test_a_reply_whose_answer_is_lost_is_not_sent_twice():
    with Simulator(interview, no_outputs) as cloud:
        cloud.faults.add(Fault("reset_after", "/v1/workflows/chat", skip=1))
        failed = run(cloud, chatflow(), replies=("一分钟",))[-1]
    assert isinstance(failed, Failed) and failed.code == "lost" and failed.again
    assert len(cloud.chats) == 2


@pytest.mark.parametrize("code", [4020, 4016])
def test_a_reply_that_is_refused_as_busy_is_sent_again_and_never_into_another_conversation(code):
    with Simulator(interview, no_outputs) as cloud:
        refusal = {"code": code, "msg": "busy"}
        cloud.faults.add(Fault("answer", "/v1/workflows/chat", body=refusal, skip=1, times=2))
        events = run(cloud, chatflow(), replies=("竖屏",))
    assert len(of(events, Away)) == 2
    assert len(of(events, Question)) == 1
    sent = bodies(cloud, "/v1/workflows/chat")
    assert [body["additional_messages"][0]["content"] for body in sent] == ["问", "竖屏", "竖屏", "竖屏"]
    assert len({body["conversation_id"] for body in sent[1:]}) == 1
    assert of(events, Output)[-1].text == "好的，竖屏"


def test_the_documented_interruption_without_an_event_is_followed_up():
    """The example of docs.coze.cn ends with an interrupting verbose message and `done`."""

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        if chat.prompt == "问":
            yield chat.created()
            for piece in chat.asks("中午吃啥了"):
                if b"requires_action" not in piece:
                    yield piece
        else:
            yield from say(chat, "知道了")

    with Simulator(on_chat, no_outputs) as cloud:
        events = run(cloud, chatflow(), replies=("面",))
    assert paths(cloud)[:2] == ["/v1/workflows/chat", "/v3/chat/retrieve"]
    assert of(events, Question)[0].text == "中午吃啥了"
    assert of(events, Output)[-1].text == "知道了"


def test_a_local_tool_in_a_chatflow_fails_and_says_how_to_do_it_as_a_bot():
    with Simulator(call, no_outputs) as cloud:
        failed = run(cloud, chatflow())[-1]
    assert isinstance(failed, Failed) and failed.code == "chatflow_tool"
    assert "单 Agent（对话流模式）" in failed.advice
    assert failed.logid


def test_a_chatflow_s_bare_failure_is_read():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield frame("conversation.chat.failed", {"code": "720702204", "msg": "node timeout"})

    with Simulator(on_chat, no_outputs) as cloud:
        failed = run(cloud, chatflow())[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again) == ("720702204", True)
    assert "node timeout" in failed.message and failed.advice and failed.logid


def test_a_chatflow_that_was_never_published_says_so():
    with Simulator(say, no_outputs) as cloud:
        cloud.faults.add(Fault("answer", "/v1/workflows/chat", body={"code": "4200", "msg": "not published"}))
        failed = run(cloud, chatflow())[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again) == ("4200", False)
    assert "publish" in failed.advice


def test_a_chatflow_that_breaks_is_caught_up():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        list(chat.says("完成"))
        list(chat.completed())
        raise ConnectionError

    with Simulator(on_chat, no_outputs) as cloud:
        events = run(cloud, chatflow())
    assert of(events, Output)[0].text == "完成"
    assert len(cloud.chats) == 1


@pytest.mark.parametrize(
    "ending", [DONE, frame("done", {"debug_url": "file:///etc/passwd"}), frame("done", {"debug_url": 7}), b""]
)
def test_an_odd_end_after_the_chat_s_end_does_not_matter(ending):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield next(iter(chat.completed()))
        yield ending
        if not ending:
            raise ConnectionError

    with Simulator(on_chat, no_outputs) as cloud:
        assert run(cloud, chatflow())[-1] == Finished(0)
    assert paths(cloud) == ["/v1/workflows/chat"]


def test_files_can_t_be_said_to_a_chatflow_and_nothing_is_sent(tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"x")
    with Simulator(say, no_outputs) as cloud:
        failed = run(cloud, chatflow(files=(str(picture),)))[-1]
    assert isinstance(failed, Failed) and failed.code == "file" and failed.advice
    assert not cloud.received


def test_an_action_of_the_documented_shape_is_a_question(wire):
    recorded = (wire / "docs__workflow_chat_requires_action_reply_message.txt").read_bytes()
    said = frame("conversation.message.completed", {"id": "1", "type": "answer", "content": "多长？"})

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        if chat.prompt == "问":
            yield said
            yield recorded
        else:
            yield from say(chat)

    with Simulator(on_chat, no_outputs) as cloud:
        events = run(cloud, chatflow(), replies=("短",))
    assert of(events, Question) == [Question("131:1", "多长？")]
    assert (
        bodies(cloud, "/v1/workflows/chat")[1]["conversation_id"]
        == json.loads(recorded.split(b"data: ")[1].partition(b"\n")[0])["conversation_id"]
    )
