"""The workflow driver against recorded responses, interrupts of every type and what breaks on the way; real HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tray.asked import Asked
from tray.coze import interrupts
from tray.coze.client import Client
from tray.coze.credential import Credential, FixedToken
from tray.coze.errors import CozeError, NetworkAwayError
from tray.coze.run import (
    Away,
    Failed,
    Finished,
    Notice,
    Output,
    Question,
    RunEvent,
    Started,
    Text,
    ToolCalls,
    ToolOutput,
)
from tray.coze.tries import Pace
from tray.coze.workflow import Workflow, plain
from tray.simulator.exchange import Exchange, Frames
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

OUTPUT = json.dumps({"status": "ok", "message": "好"}, ensure_ascii=False)
DRAFT = json.dumps(
    {"tracks": [{"track_type": "text", "segments": []}], "project": {"name": "草稿"}}, ensure_ascii=False
)
CALL = {"tool": "generate_draft", "arguments": {"content": DRAFT}}
RUN, RESUME = "/v1/workflow/stream_run", "/v1/workflow/stream_resume"
LOGID = "20260101000000SIMULATED"
QUICK = Pace(first_pause_s=0.01)


def no_resume(_run: SimulatedRun, _said: str) -> Frames:
    raise AssertionError("nothing was asked")


def ends(run: SimulatedRun, _said: str = "") -> Frames:
    yield from run.end("好")
    yield run.done()


def cloud_of(
    on_run: Callable[[SimulatedRun], Frames], on_resume: Callable[[SimulatedRun, str], Frames] = no_resume, **more: Any
) -> Simulator:
    cloud = Simulator(**more)
    cloud.routes.update(Workflows(on_run, on_resume).routes())
    return cloud


def replays(recorded: bytes) -> Simulator:
    return cloud_of(lambda _run: [recorded])


def run(
    cloud: Simulator,
    going_on: dict[str, Any] | None = None,
    *,
    patience_s: float | None = 30.0,
    base_url: str = "",
    reply: str = "杭州，2024-08-20",
    until: type | None = None,
    heard: list[RunEvent] | None = None,
    on_posting: Callable[[], None] = lambda: None,
    credential: Credential | None = None,
    **asked: Any,
) -> list[RunEvent]:
    """Everything a run says, its calls answered with OUTPUT, its questions with `reply`. `until`: the program is killed
    when it hears one of these."""
    events = [] if heard is None else heard

    async def collect() -> None:
        async with Client(base_url or cloud.base_url, credential or FixedToken("token"), pace=QUICK) as client:
            what = Asked(base_url or cloud.base_url, "workflow", "739", **{"parameters": {"topic": "海"}, **asked})
            driver = Workflow(client, what, going_on, patience_s, on_posting, "request-1")
            async for event in driver.events():
                events.append(event)
                if until and isinstance(event, until):
                    return
                if isinstance(event, ToolCalls):
                    driver.answer([ToolOutput(call.id, OUTPUT) for call in event.calls])
                elif isinstance(event, Question):
                    driver.reply(reply)

    asyncio.run(collect())
    return events


def of(events: list[RunEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def texts(events: list[RunEvent]) -> list[str]:
    return [output.text for output in of(events, Output)]


def streamed(events: list[RunEvent]) -> str:
    return "".join(text.delta for text in of(events, Text))


def paths(cloud: Simulator) -> list[str]:
    return [received.path for received in cloud.received]


def resumed_with(cloud: Simulator) -> list[str]:
    return [received.body["resume_data"] for received in cloud.received if received.path == RESUME]


# What a run says


def test_the_request_says_what_is_asked():
    with cloud_of(ends) as cloud:
        run(cloud, parameters={"topic": "海", "n": 3, "list": [1]}, bot_id="bot-1")
        run(cloud, app_id="app-1")
        run(cloud, parameters={})
    assert cloud.received[0].body == {
        "workflow_id": "739",
        "parameters": {"topic": "海", "n": 3, "list": [1]},
        "bot_id": "bot-1",
    }
    assert cloud.received[1].body == {"workflow_id": "739", "parameters": {"topic": "海"}, "app_id": "app-1"}
    assert cloud.received[2].body == {"workflow_id": "739", "parameters": {}}
    assert cloud.received[0].headers["Authorization"] == "Bearer token"


@pytest.mark.parametrize("name", ["coze-py__split_workflow_messages_done", "docs__workflow_stream_run_1"])
def test_the_recorded_run_streams_its_text_and_ends_with_its_output(name, wire):
    with replays((wire / f"{name}.txt").read_bytes()) as cloud:
        events = run(cloud)
    spoken, end = texts(events)
    assert streamed(events) == spoken
    assert spoken.startswith("msg为什么小明要带一把尺子去看电影") and spoken.endswith("坐不下！")
    assert json.loads(end)["output"] == plain(end)
    assert plain(end).startswith("为什么小明")
    assert events[-1] == Finished(0)
    assert of(events, Started)[0].run["resumes"] == 0
    assert not of(events, Notice)


def test_the_recorded_error_is_a_failure_with_code_message_advice_and_logid(wire):
    for name in ("coze-py__split_workflow_error", "docs__workflow_stream_run_2"):
        with replays((wire / f"{name}.txt").read_bytes()) as cloud:
            failed = run(cloud)[-1]
        assert isinstance(failed, Failed)
        assert (failed.code, failed.logid, failed.again) == ("4000", LOGID, False)
        assert "Request parameter error" in failed.message and failed.advice


def test_the_recorded_stream_of_everything_is_told_up_to_its_error(wire):
    with replays((wire / "coze-py__workflow_run_stream_resp.txt").read_bytes()) as cloud:
        events = run(cloud)
    assert len(texts(events)) == 2
    assert isinstance(events[-1], Failed) and events[-1].code == "4000"


def test_a_stream_of_unknown_events_that_just_ends_is_no_success(wire):
    with replays((wire / "coze-py__workflow_run_invalid_stream_resp.txt").read_bytes()) as cloud:
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and (failed.code, failed.again) == ("cut", True)


def test_the_recorded_ping_is_passed_over(wire):
    ping = (wire / "issue249__workflow_ping.txt").read_bytes()

    def on_run(run: SimulatedRun) -> Frames:
        yield ping
        yield from run.message("Output", "一二三四", 2, finish=False)
        yield ping
        yield run.ping()
        yield from run.message("Output", "五", node_seq_id="2")
        yield run.done()

    with cloud_of(on_run) as cloud:
        events = run(cloud)
    assert texts(events) == ["一二三四五"] and isinstance(events[-1], Finished)
    assert not of(events, Notice)


def test_the_documented_resumed_stream_without_blank_lines_is_read(wire):
    """The example on Coze's own page has no blank line between its two events."""
    answered = (wire / "docs__workflow_resume_1.txt").read_bytes()
    asked = (wire / "docs__workflow_stream_run_3.txt").read_bytes()
    with cloud_of(lambda run: [waiting_as_recorded(run, asked)], lambda _run, _said: [answered]) as cloud:
        events = run(cloud)
    assert json.loads(texts(events)[0])["output"][0]["condition"] == "中到大雨"
    assert events[-1] == Finished(386)


def waiting_as_recorded(run: SimulatedRun, recorded: bytes) -> bytes:
    """`recorded`, without the comment of its page, and the run waits at its interrupt."""
    recorded = b"".join(line for line in recorded.splitlines(keepends=True) if not line.startswith(b"//"))
    data = next(
        json.loads(line[6:]) for line in recorded.splitlines() if line.startswith(b"data:") and b"interr" in line
    )
    run.waiting = data["interrupt_data"]
    return recorded


@pytest.mark.parametrize("pieces", [1, 2, 7, 1000])
def test_a_draft_split_over_messages_is_one_output_and_no_text(pieces):
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.end(DRAFT, pieces=pieces)
        yield run.done()

    with cloud_of(on_run) as cloud:
        events = run(cloud)
    (said,) = texts(events)
    assert json.loads(json.loads(said)["output"]) == json.loads(DRAFT)
    assert streamed(events) == ""


@pytest.mark.parametrize("said", [DRAFT, f"\n [{DRAFT}]", f"```json\n{DRAFT}\n```", json.dumps({"output": DRAFT})])
def test_json_for_machines_is_not_streamed(said):
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("Output", said, len(said))
        yield run.done()

    with cloud_of(on_run) as cloud:
        events = run(cloud)
    assert texts(events) == [said]
    assert streamed(events) == ""


def test_several_drafts_in_one_run_are_several_outputs_and_the_same_one_is_told_once():
    other = DRAFT.replace("草稿", "另一个")

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("输出", DRAFT, 3)
        yield from run.message("输出", other, 3)
        yield from run.message("再输出", DRAFT)
        yield from run.end("完成")
        yield run.done()

    with cloud_of(on_run) as cloud:
        events = run(cloud)
        again = run(cloud)
    assert texts(events) == [DRAFT, other, '{"output": "完成"}']
    ids = [output.id for output in of(events, Output)]
    assert len(set(ids)) == 3 and ids == [output.id for output in of(again, Output)]


def test_nodes_that_speak_at_the_same_time_are_kept_apart():
    def on_run(run: SimulatedRun) -> Frames:
        left, right = run.message("甲", "左左左", 3), run.message("乙", "右右右", 3)
        first = run.message("循环", "一一", 2, node_id="7", node_execute_uuid="x")
        second = run.message("循环", "二二", 2, node_id="7", node_execute_uuid="y")
        for frames in zip(left, right, strict=True):
            yield from frames
        for frames in zip(first, second, strict=True):
            yield from frames
        yield run.done()

    with cloud_of(on_run) as cloud:
        events = run(cloud)
    assert texts(events) == ["左左左", "右右右", "一一", "二二"]


def test_what_two_nodes_say_stands_on_two_lines():
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("甲", "第一句。", 2)
        yield from run.message("乙", "第二句。", 2)
        yield run.done()

    with cloud_of(on_run) as cloud:
        assert streamed(run(cloud)) == "第一句。\n第二句。"


def test_a_message_without_its_mark_of_the_end_is_told_at_done():
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("Output", DRAFT, 3, finish=False)
        yield run.done()

    with cloud_of(on_run) as cloud:
        assert texts(run(cloud)) == [DRAFT]


@pytest.mark.parametrize("said", [{}, {"node_seq_id": "0"}, {"node_is_finish": False}, {"node_is_finish": "true"}])
def test_messages_of_a_node_without_a_mark_between_them_are_told_apart(said):
    def on_run(run: SimulatedRun) -> Iterator[bytes]:
        for output in ('{"output": "一"}', '{"output": "二"}'):
            yield run.frame("Message", {"content": output[:7], "node_title": "输出", **said, "node_is_finish": False})
            yield run.frame("Message", {"content": output[7:], "node_title": "输出", **said})
        yield run.done()

    with cloud_of(on_run) as cloud:
        assert texts(run(cloud)) == ['{"output": "一"}', '{"output": "二"}']


def test_a_draft_is_told_before_the_run_ends():
    """It can be built while the workflow works on."""
    heard: list[RunEvent] = []

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("Output", DRAFT)
        for _wait in range(500):
            if of(heard, Output):
                break
            time.sleep(0.01)
        yield from run.message("Output", "heard" if of(heard, Output) else "not heard")
        yield run.done()

    with cloud_of(on_run) as cloud:
        run(cloud, heard=heard)
    assert texts(heard) == [DRAFT, "heard"]


def test_done_is_told_with_its_tokens_and_its_link():
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("LLM", "好", token=100)
        yield from run.message("LLM", "的", token="86")
        yield from run.end("好", token=14)
        yield run.done()

    with cloud_of(on_run) as cloud:
        done = run(cloud)[-1]
    assert isinstance(done, Finished) and done.token_count == 200
    assert done.debug_url.startswith("https://www.coze.cn/work_flow?execute_id=")


def test_names_of_events_are_read_in_any_case():
    said = b'event:message\ndata:{"content":"\xe5\xa5\xbd","node_is_finish":true,"node_title":""}\n\nevent:done\ndata:{}\n\n'
    with replays(said) as cloud:
        events = run(cloud)
    assert texts(events) == ["好"] and isinstance(events[-1], Finished)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_like_and_separators_in_text_end_none(end):
    said = "a\u2028b\u0085c"

    def on_run(run: SimulatedRun) -> Frames:
        for frame in (*run.message("Output", said), run.ping(), run.done()):
            yield frame.replace(b"\n", end.encode())

    with cloud_of(on_run) as cloud:
        events = run(cloud)
    assert texts(events) == [said] and isinstance(events[-1], Finished)


TRAPS = {
    "comment": b": ping\n\n",
    "blank": b"\n\n\n",
    "unknown event": b'id: 3\nevent: Metrics\ndata: {"content":"x"}\n\n',
    "message that is a list": b"event: Message\ndata: []\n\n",
    "message without content": b'event: Message\ndata: {"node_is_finish":true}\n\n',
    "types": b'event: Message\ndata: {"content":null,"token":"many","usage":7,"node_seq_id":{},"node_title":5}\n\n',
    "interrupt that is no JSON": b"event: Interrupt\ndata: oops\n\n",
    "[DONE]": b"data: [DONE]\n\n",
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS.keys())
def test_what_is_odd_on_the_wire_does_not_end_a_run(trap):
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("Output", "还", finish=False)
        yield trap
        yield from run.message("Output", "在", node_seq_id="1")
        yield trap
        yield run.done()

    with cloud_of(on_run) as cloud:
        events = run(cloud)
    assert texts(events) == ["还在"] and isinstance(events[-1], Finished)


def test_a_lost_piece_is_told():
    """Coze asks its callers to see by node_seq_id that nothing is lost."""

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("Output", "一", finish=False, node_seq_id="0")
        yield from run.message("Output", "三", node_seq_id="2")
        yield run.done()

    def unreadable(run: SimulatedRun) -> Frames:
        yield b'event: Message\ndata: {"content":"cut off\n\n'
        yield run.done()

    for script in (on_run, unreadable):
        with cloud_of(script) as cloud:
            events = run(cloud)
        assert "missing" in of(events, Notice)[0].text and isinstance(events[-1], Finished)


def test_content_that_is_json_itself_is_told_as_its_text():
    def on_run(run: SimulatedRun) -> Frames:
        yield run.frame("Message", {"content": {"tracks": []}, "node_is_finish": True, "node_title": "x"})
        yield run.done()

    with cloud_of(on_run) as cloud:
        assert texts(run(cloud)) == ['{"tracks": []}']


def test_a_run_that_never_stops_talking_is_given_up(monkeypatch):
    monkeypatch.setattr("tray.coze.node_messages.MOST_CHARS", 10_000)

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("Output", DRAFT)
        yield from run.message("Loop", "x" * 20_000, 200)
        yield run.done()

    with cloud_of(on_run) as cloud:
        events = run(cloud)
    assert isinstance(events[-1], Failed) and (events[-1].code, events[-1].logid) == ("too_long", LOGID)
    assert texts(events) == [DRAFT]


def test_an_event_of_20_mb_is_read():
    large = json.dumps({"tracks": [{"segments": ["字" * 7_000_000]}]}, ensure_ascii=False)

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.end(large)
        yield run.done()

    with cloud_of(on_run) as cloud:
        (said,) = texts(run(cloud))
    assert json.loads(said)["output"] == large


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"output":"你好"}', "你好"),
        ('{"答案": "42"}', "42"),
        ('{"output":"[笑] 好"}', "[笑] 好"),
        ("你好", "你好"),
        ('{"output":["a"]}', '{"output":["a"]}'),
        ('{"a":"x","b":"y"}', '{"a":"x","b":"y"}'),
        (json.dumps({"output": DRAFT}), json.dumps({"output": DRAFT})),
        ('{"output":"cut', '{"output":"cut'),
        ('{"output":"a\\ud83d"}', "a\ufffd"),
    ],
)
def test_a_person_reads_the_text_in_an_output(text, read):
    assert plain(text) == read


# Interrupts


def asks(kind: int, data: Any = "", said: str = "", title: str = "节点", **more: Any) -> Callable[..., Frames]:
    def script(run: SimulatedRun, _answer: str = "") -> Frames:
        if said:
            yield from run.message(title, said, 5)
        yield run.interrupt(kind, data, title, **more)

    return script


def in_turn(*scripts: Callable[..., Frames]) -> Callable[..., Frames]:
    left = iter(scripts)

    def script(run: SimulatedRun, said: str) -> Frames:
        return next(left)(run, said)

    return script


def test_the_recorded_question_is_put_to_a_person_and_their_answer_resumes_the_run(wire):
    for name in ("coze-py__split_workflow_interrupt_question", "docs__workflow_stream_run_3"):
        recorded = (wire / f"{name}.txt").read_bytes()
        with cloud_of(lambda run, recorded=recorded: [waiting_as_recorded(run, recorded)], ends) as cloud:
            events = run(cloud)
        event_id = "7404830425073352713/2769808280134765896"
        assert of(events, Question) == [Question(event_id, "请问你想查看哪个城市、哪一天的天气呢")]
        assert cloud.received[1].path == RESUME
        assert cloud.received[1].body == {
            "workflow_id": "739",
            "event_id": event_id,
            "interrupt_type": 2,
            "resume_data": "杭州，2024-08-20",
        }
        assert texts(events) == ['{"output": "好"}']  # the question is none
        assert isinstance(events[-1], Finished)


CARRIERS = {
    "plain": json.dumps(CALL),
    "fenced": f"```json\n{json.dumps(CALL, ensure_ascii=False)}\n```",
    "twice": json.dumps(json.dumps(CALL)),
    "arguments as text": json.dumps({**CALL, "arguments": json.dumps(CALL["arguments"])}),
}


@pytest.mark.parametrize("kind", [2, 5])
@pytest.mark.parametrize("said", CARRIERS.values(), ids=CARRIERS.keys())
def test_a_question_that_carries_a_call_is_a_call_and_nothing_else(kind, said):
    with cloud_of(asks(kind, said=said), ends) as cloud:
        events = run(cloud)
    (call,) = of(events, ToolCalls)[0].calls
    assert call.name == "generate_draft" and json.loads(call.arguments) == CALL["arguments"]
    assert call.id == cloud.received[1].body["event_id"]
    assert resumed_with(cloud) == [OUTPUT]
    assert not of(events, Question)
    assert texts(events) == ['{"output": "好"}']  # else its draft would be built a second time
    assert streamed(events) == ""


def test_a_carried_call_in_an_input_node_s_data_is_a_call():
    data = json.dumps({"content_type": "text", "content": json.dumps(CALL)})
    with cloud_of(asks(5, data), ends) as cloud:
        events = run(cloud)
    assert of(events, ToolCalls)[0].calls[0].name == "generate_draft"
    assert resumed_with(cloud) == [OUTPUT]


def test_the_output_of_a_carried_call_becomes_the_one_field_of_an_input_node():
    """An Input node takes a JSON object of its fields and nothing else."""
    with cloud_of(asks(5, said=json.dumps(CALL), required_parameters={"result": {"type": "string"}}), ends) as cloud:
        run(cloud)
    assert json.loads(resumed_with(cloud)[0]) == {"result": OUTPUT}


def test_a_carrier_of_another_node_that_asks_nothing_is_an_output():
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("输出", json.dumps(CALL))
        yield from run.message("问答", "哪个城市？")
        yield run.interrupt(2, "", "问答")

    with cloud_of(on_run, ends) as cloud:
        events = run(cloud)
    assert of(events, Question)[0].text == "哪个城市？"
    assert texts(events)[0] == json.dumps(CALL)
    assert not of(events, ToolCalls)


def test_a_second_interrupt_without_a_message_does_not_repeat_the_first_one_s_call():
    answers = asks(2), ends
    with cloud_of(asks(2, said=json.dumps(CALL)), in_turn(*answers)) as cloud:
        events = run(cloud)
    assert len(of(events, ToolCalls)) == 1
    assert "节点" in of(events, Question)[0].text
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize("said", ["哪个城市？", json.dumps(CALL)])
def test_an_event_s_id_that_comes_again_is_something_else_to_answer(said):
    def again(run: SimulatedRun, _said: str) -> Frames:
        yield from run.message("节点", said)
        run.waiting = {"event_id": "1/1", "type": 2, "data": ""}
        yield run.frame("Interrupt", {"interrupt_data": run.waiting, "node_title": "节点"})

    answers = again, ends
    with cloud_of(lambda run: again(run, ""), in_turn(*answers)) as cloud:
        events = run(cloud)
    asked = [calls.calls[0] for calls in of(events, ToolCalls)] + of(events, Question)
    assert [one.id for one in asked] == ["1/1", "1/1#1"]


def test_a_question_with_options_offers_them():
    question = {"question": "选哪个？", "options": [{"name": "横屏"}, {"name": "竖屏"}, 7]}
    history = json.dumps({"messages": [{"type": "question", "content_type": "option", "content": question}]})
    for script in (asks(2, history), asks(2, said=json.dumps(question))):
        with cloud_of(script, ends) as cloud:
            (asked,) = of(run(cloud, reply="竖屏"), Question)
        assert (asked.text, asked.options) == ("选哪个？", ("横屏", "竖屏"))
        assert resumed_with(cloud) == ["竖屏"]


def test_an_option_that_is_no_option_but_a_book_is_left_off():
    question = {"question": "选哪个？", "options": ["甲", "乙" * 10_000, *(f"{n}" for n in range(1_000))]}
    with cloud_of(asks(2, said=json.dumps(question)), ends) as cloud:
        (asked,) = of(run(cloud, reply="甲"), Question)
    assert asked.options[:2] == ("甲", "0") and len(asked.options) <= 100


def test_names_and_messages_have_a_sane_size():
    node, code = "节" * 1_000_000, "9" * 1_000_000
    with cloud_of(
        lambda r: [r.frame("Interrupt", {"interrupt_data": {"event_id": "1", "type": 3}, "node_title": node})]
    ) as cloud:
        assert len(run(cloud)[-1].message) < 1_000
    with cloud_of(lambda r: [r.frame("Error", {"error_code": code, "error_message": code})]) as cloud:
        failed = run(cloud)[-1]
    assert len(failed.message) < 2_000 and len(failed.code) < 100


def test_the_documented_input_node_asks_for_its_field_by_name(wire):
    about = json.loads((wire / "docs__resume_workflow_1.json").read_text("utf-8"))["interrupt_data"]
    script = asks(5, about["data"], required_parameters=about["required_parameters"])
    with cloud_of(script, ends) as cloud:
        (asked,) = of(run(cloud, reply="https://example.com/a.png"), Question)
        run(cloud, reply='{"img": "https://example.com/b.png"}')
    assert "img (image, required)" in asked.text
    assert [json.loads(said) for said in resumed_with(cloud)] == [
        {"img": "https://example.com/a.png"},
        {"img": "https://example.com/b.png"},
    ]


def test_several_inputs_are_asked_for_as_an_object():
    fields = [{"name": "标题", "type": "string", "required": True}, {"name": "n", "type": "integer", "required": True}]
    data = json.dumps({"content_type": "form_schema", "content": json.dumps(fields)})
    with cloud_of(asks(5, data, "请填写"), ends) as cloud:
        (asked,) = of(run(cloud, reply='{"标题": "海", "n": 3}'), Question)
    assert asked.text.startswith("请填写") and '{"标题": "…", "n": "…"}' in asked.text
    assert resumed_with(cloud) == ['{"标题": "海", "n": 3}']


@pytest.mark.parametrize("kind", [6, 1])
@pytest.mark.parametrize("arguments", [CALL["arguments"], json.dumps(CALL["arguments"]), ""])
def test_a_local_plugin_that_says_name_and_arguments_is_a_call(kind, arguments):
    data = json.dumps({"name": "generate_draft", "arguments": arguments})
    with cloud_of(asks(kind, data), ends) as cloud:
        events = run(cloud)
    (call,) = of(events, ToolCalls)[0].calls
    assert call.name == "generate_draft"
    assert call.arguments == "" if arguments == "" else json.loads(call.arguments) == CALL["arguments"]
    assert cloud.received[1].body["interrupt_type"] == kind
    assert resumed_with(cloud) == [OUTPUT]


def test_the_published_local_plugin_interrupt_says_nothing_and_fails_clearly(wire):
    with replays((wire / "synthetic__workflow_interrupt_local_plugin_type6.txt").read_bytes()) as cloud:
        events = run(cloud)
    failed = events[-1]
    assert isinstance(failed, Failed) and failed.logid == LOGID
    assert "local_tool" in failed.message and "published" not in failed.advice and "journal" in failed.advice
    assert of(events, Started)[-1].run["event_id"] == "7404830425073352713/2769808280134765896"


@pytest.mark.parametrize(
    "data",
    ["", None, [], "call it", {"name": "x"}, {"name": "", "arguments": ""}, {"name": "x", "arguments": [1]}, 7],
)
def test_any_other_payload_of_a_local_plugin_is_kept_to_be_learned_from(data):
    with cloud_of(asks(6, data, tool_calls=[{"id": "1"}])) as cloud:
        events = run(cloud)
    kept = of(events, Started)[-1].run
    assert kept["data"] == data and kept["more"] == {"tool_calls": [{"id": "1"}]} and kept["type"] == 6
    assert isinstance(events[-1], Failed) and events[-1].code == "interrupt"
    assert json.dumps(data if data is not None else None)[1:5].strip('"') in events[-1].message
    assert paths(cloud) == [RUN]


def test_an_account_to_be_connected_is_a_question_with_its_page():
    link = "https://www.coze.cn/oauth/start?state=1&plugin=2"
    for data in (json.dumps({"auth": {"url": link}}), {"tip": f"请授权 {link} 后继续"}, json.dumps(json.dumps([link]))):
        with cloud_of(asks(7, data), ends) as cloud:
            events = run(cloud, reply="ok")
        assert of(events, Question)[0].url == link
        assert cloud.received[1].body["interrupt_type"] == 7 and resumed_with(cloud) == ["ok"]
        assert isinstance(events[-1], Finished)


@pytest.mark.parametrize(
    "link",
    [
        "https://www.coze.cn@evil.example/x",
        "https://www.coze.cn:pw@evil.example",
        "https://www.c\u043eze.cn/",
        "https://a\u202ezc.example/",
        "https:///x",
        "https://a\x1b[2J/",
        "http://www.coze.cn/",
        "javascript:https",
    ],
)
def test_a_page_whose_address_misleads_is_not_offered(link):
    with cloud_of(asks(7, {"url": link})) as cloud:
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and failed.code == "interrupt"


@pytest.mark.parametrize("text", ["```tool" + "a" * 200_000, "```" * 50_000 + " tool", "tool" + "`" * 300_000])
def test_a_fence_without_an_end_takes_no_time(text):
    began = time.monotonic()
    assert interrupts.carried(text) is None
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(("kind", "data"), [(7, ""), (7, "ftp://x"), (3, ""), (4, "{}"), (99, None), ("x", "")])
def test_an_interrupt_that_can_t_be_served_fails_clearly(kind, data):
    with cloud_of(asks(kind, data)) as cloud:
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and failed.code == "interrupt"
    assert "节点" in failed.message and failed.advice and failed.logid == LOGID


@pytest.mark.parametrize("said", [{}, {"interrupt_data": "x"}, {"interrupt_data": {"type": 2}}])
def test_an_interrupt_without_its_id_fails_and_is_kept(said):
    with cloud_of(lambda run: [run.frame("Interrupt", said)]) as cloud:
        events = run(cloud)
    assert isinstance(events[-1], Failed) and events[-1].code == "unreadable"
    assert "event_id" in of(events, Started)[-1].run


def test_what_was_said_before_an_interrupt_is_told_before_it_waits():
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("甲", "第一")
        yield from run.message("丙", DRAFT, finish=False)
        yield run.interrupt(6, {"name": "a", "arguments": ""}, "乙")

    with cloud_of(on_run, ends) as cloud:
        events = run(cloud)
    kinds = [type(event) for event in events]
    assert texts(events)[:2] == ["第一", DRAFT]
    assert kinds.index(Output) < kinds.index(ToolCalls)


def test_three_resumes_are_made_and_a_fourth_question_fails_before_anyone_is_asked():
    with cloud_of(asks(2, said=json.dumps(CALL)), asks(2, said=json.dumps(CALL))) as cloud:
        events = run(cloud)
    assert len(of(events, ToolCalls)) == 3 and paths(cloud).count(RESUME) == 3
    failed = events[-1]
    assert isinstance(failed, Failed) and failed.code == "resumes" and failed.advice and not failed.again


# Restarts


def last_run(events: list[RunEvent]) -> dict[str, Any]:
    """As it comes back from the journal."""
    return json.loads(json.dumps(of(events, Started)[-1].run))


@pytest.mark.parametrize("said", ["哪个城市？", json.dumps(CALL)])
def test_a_run_that_waits_goes_on_after_a_restart(said):
    with cloud_of(asks(2, said=said), ends) as cloud:
        before = run(cloud, until=Question if said == "哪个城市？" else ToolCalls)
        after = run(cloud, last_run(before))
    assert after[0] == before[-1]
    assert isinstance(after[-1], Finished) and texts(after) == ['{"output": "好"}']
    assert paths(cloud) == [RUN, RESUME]


def test_an_answer_that_can_t_be_sent_keeps_the_run_until_the_network_is_back():
    with cloud_of(asks(2, said="哪个城市？"), ends) as cloud:
        cloud.faults.add(Fault("reset_before", RESUME, times=100))
        heard: list[RunEvent] = []
        with pytest.raises(NetworkAwayError):
            run(cloud, patience_s=0.05, heard=heard)
        cloud.faults.clear()
        after = run(cloud, last_run(heard))
    assert after[0] == of(heard, Question)[0]  # its id is what the person's answer is kept under
    assert set(resumed_with(cloud)) == {"杭州，2024-08-20"}
    assert isinstance(after[-1], Finished)


def test_resumes_are_counted_over_restarts():
    with cloud_of(asks(2, said="还要什么？"), asks(2, said="还要什么？")) as cloud:
        heard = run(cloud, until=Question)
        for _restart in range(3):
            heard = run(cloud, last_run(heard)) if _restart == 2 else resumed_once(cloud, last_run(heard))
    assert isinstance(heard[-1], Failed) and heard[-1].code == "resumes"
    assert paths(cloud).count(RESUME) == 3


def resumed_once(cloud: Simulator, going_on: dict[str, Any]) -> list[RunEvent]:
    """Answer the question that waits, and be killed at the next."""
    events: list[RunEvent] = []

    async def collect() -> None:
        async with Client(cloud.base_url, FixedToken("token"), pace=QUICK) as client:
            driver = Workflow(client, Asked(cloud.base_url, "workflow", "739"), going_on, 5.0, lambda: None, "1")
            async for event in driver.events():
                events.append(event)
                if len(of(events, Question)) == 2:
                    return
                driver.reply("再来")

    asyncio.run(collect())
    return events


def test_a_run_that_was_streaming_can_t_be_joined_after_a_restart():
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("甲", "第一", 2)
        yield run.done()

    with cloud_of(on_run) as cloud:
        before = run(cloud, until=Text)
        after = run(cloud, last_run(before))
    assert [(event.code, event.again, event.logid) for event in after if isinstance(event, Failed)] == [
        ("cut", True, LOGID)
    ]
    assert len(after) == 1 and paths(cloud) == [RUN]


def test_a_run_that_was_resumed_and_streaming_can_t_be_joined_after_a_restart():
    with cloud_of(asks(2, said="哪个城市？"), lambda run, said: [*run.message("甲", "第一"), run.done()]) as cloud:
        before = run(cloud, until=Output)
        after = run(cloud, last_run(before))
    assert len(after) == 1 and isinstance(after[0], Failed) and after[0].code == "cut"
    assert paths(cloud) == [RUN, RESUME]


# What breaks


@pytest.mark.parametrize("clean", [True, False], ids=["ends", "breaks"])
def test_a_stream_that_breaks_fails_with_what_was_said_kept_and_runs_nothing_again(clean):
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("甲", DRAFT)
        yield from run.message("乙", "说完了")
        yield from run.message("丙", "没说", finish=False)
        if not clean:
            raise ConnectionError

    with cloud_of(on_run) as cloud:
        events = run(cloud)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again, failed.logid) == ("cut", True, LOGID)
    assert "kept" in failed.advice and "run it again" in failed.advice
    assert texts(events) == [DRAFT, "说完了"]
    assert paths(cloud) == [RUN]


@pytest.mark.parametrize("at", range(1, 400, 7))
def test_a_stream_cut_anywhere_never_ends_well_and_is_never_run_again(at):
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("甲", "一二三", 3)
        yield from run.end("好")
        yield run.done()

    with cloud_of(on_run) as cloud:
        cloud.faults.add(Fault("cut", RUN, at_bytes=at))
        events = run(cloud)
    assert isinstance(events[-1], Failed) and events[-1].again
    assert events[-1].code in ("cut", "lost")
    assert paths(cloud) == [RUN]


def test_nothing_that_could_be_reached_is_tried_again_within_patience_and_then_told():
    posted: list[bool] = []
    heard: list[RunEvent] = []
    with pytest.raises(NetworkAwayError):
        run(
            Simulator(),
            base_url="http://127.0.0.1:9",
            patience_s=0.2,
            heard=heard,
            on_posting=lambda: posted.append(True),
        )
    assert len(of(heard, Away)) >= 2 and posted == []
    assert of(heard, Away)[1].pause_s > of(heard, Away)[0].pause_s > 0
    with cloud_of(ends) as cloud:
        run(cloud, on_posting=lambda: posted.append(True))
    assert posted == [True]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_start_whose_answer_is_lost_is_not_repeated(kind):
    with cloud_of(ends) as cloud:
        cloud.faults.add(Fault(kind, RUN))
        events = run(cloud)
    assert isinstance(events[-1], Failed) and (events[-1].code, events[-1].again) == ("lost", True)
    assert not of(events, Started) and paths(cloud) == [RUN]


def test_a_gateway_s_error_at_the_start_is_not_taken_for_a_refusal():
    with cloud_of(ends) as cloud:
        cloud.faults.add(Fault("answer", RUN, status=504, body=b"<html>Gateway timeout</html>"))
        events = run(cloud)
    assert isinstance(events[-1], Failed) and events[-1].code == "lost"
    assert paths(cloud) == [RUN]


@pytest.mark.parametrize("said", ["哪个城市？", json.dumps(CALL)])
def test_an_answer_that_did_not_arrive_is_sent_again_and_asked_for_once(said):
    with cloud_of(asks(2, said=said), ends) as cloud:
        cloud.faults.add(Fault("reset_before", RESUME, times=2))
        events = run(cloud)
    assert len(of(events, Question) + of(events, ToolCalls)) == 1
    assert len(of(events, Away)) == 2
    assert paths(cloud) == [RUN, RESUME, RESUME, RESUME]
    assert len(set(resumed_with(cloud))) == 1
    assert isinstance(events[-1], Finished)


def test_an_answer_that_was_taken_and_not_heard_ends_as_a_cut_and_is_asked_for_once():
    with cloud_of(asks(2, said=json.dumps(CALL)), ends) as cloud:
        cloud.faults.add(Fault("reset_after", RESUME))
        events = run(cloud)
    failed = events[-1]
    assert len(of(events, ToolCalls)) == 1
    assert isinstance(failed, Failed) and (failed.code, failed.again, failed.logid) == ("cut", True, LOGID)
    assert "4315" in failed.message
    assert paths(cloud) == [RUN, RESUME, RESUME]


@pytest.mark.parametrize("code", [4000, 4314, 4315])
@pytest.mark.parametrize("how", ["answer", "event"])
def test_an_event_that_is_gone_after_a_restart_is_a_cut(code, how):
    def refuses(run: SimulatedRun, _said: str) -> Frames:
        return [run.error(code, "gone") if how == "event" else json.dumps({"code": code, "msg": "gone"}).encode()]

    with cloud_of(asks(2, said="哪个城市？"), refuses) as cloud:
        before = run(cloud, until=Question)
        failed = run(cloud, last_run(before))[-1]
    assert isinstance(failed, Failed) and (failed.code, failed.again, failed.logid) == ("cut", True, LOGID)


def test_an_answer_that_coze_can_t_take_fails_with_its_code():
    with cloud_of(asks(2, said="哪个城市？"), lambda run, said: [run.error(4000, "bad resume_data")]) as cloud:
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and failed.code == "4000" and "bad resume_data" in failed.message


def test_a_stream_that_breaks_after_a_resume_is_a_cut():
    def on_resume(run: SimulatedRun, _said: str) -> Iterator[bytes]:
        yield from run.message("甲", DRAFT)
        raise ConnectionError

    with cloud_of(asks(2, said="哪个城市？"), on_resume) as cloud:
        events = run(cloud)
    assert texts(events) == [DRAFT]
    assert isinstance(events[-1], Failed) and events[-1].code == "cut"
    assert paths(cloud) == [RUN, RESUME]


@pytest.mark.parametrize("code", [4009, 4020, 4102, 5000])
@pytest.mark.parametrize("path", [RUN, RESUME])
def test_a_busy_cloud_is_asked_again_until_it_answers(code, path):
    with cloud_of(asks(2, said=json.dumps(CALL)), ends) as cloud:
        cloud.faults.add(Fault("answer", path, times=4, body={"code": code, "msg": "busy"}))
        events = run(cloud)
    assert len(of(events, Away)) == 4 and isinstance(events[-1], Finished)
    assert paths(cloud).count(path) == 5 and len(of(events, ToolCalls)) == 1


@pytest.mark.parametrize(("path", "asked"), [(RUN, 2), (RESUME, 1)])
def test_a_model_s_failure_is_tried_again_while_nothing_runs(path, asked):
    with cloud_of(asks(2, said=json.dumps(CALL)), ends) as cloud:
        cloud.faults.add(Fault("answer", path, body={"code": 4013, "msg": "model"}))
        last = run(cloud)[-1]
    assert paths(cloud).count(path) == asked
    assert isinstance(last, Finished) if path == RUN else (last.code, last.again) == ("4013", True)


@pytest.mark.parametrize("status", [429, 503])
def test_a_gateway_that_asks_to_wait_is_heeded(status, monkeypatch):
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with cloud_of(ends) as cloud:
        cloud.faults.add(Fault("answer", RUN, status=status, headers={"Retry-After": "7"}, body=b"slow down"))
        with monkeypatch.context() as patched:
            patched.setattr("tray.coze.workflow.asyncio.sleep", sleep)
            events = run(cloud, patience_s=None)
    assert of(events, Away)[0].pause_s == 7.0 and slept == [7.0]
    assert isinstance(events[-1], Finished)


def test_a_cloud_that_stays_busy_fails_and_may_be_asked_again():
    with cloud_of(ends) as cloud:
        cloud.faults.add(Fault("answer", RUN, times=100, body={"code": 4009, "msg": "busy"}))
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and (failed.code, failed.again) == ("4009", True)
    assert 4 <= paths(cloud).count(RUN) <= 10


def test_a_workflow_that_is_not_published_fails_with_advice_at_once():
    with cloud_of(ends) as cloud:
        cloud.faults.add(
            Fault("answer", RUN, headers={"x-tt-logid": "L1"}, body={"code": 4200, "msg": "Workflow not found"})
        )
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again, failed.logid) == ("4200", False, "L1") and "publish" in failed.advice
    assert paths(cloud) == [RUN]


@pytest.mark.parametrize("code", [4100, 700012006])
@pytest.mark.parametrize("how", ["answer", "event"])
def test_a_token_that_is_refused_is_raised_and_the_run_begins_after_signing_in(code, how):
    refused = iter([True])

    def on_run(run: SimulatedRun) -> Frames:
        if next(refused, False):
            return [run.error(code, "token") if how == "event" else json.dumps({"code": code, "msg": "token"}).encode()]
        return ends(run)

    heard: list[RunEvent] = []
    with cloud_of(on_run) as cloud:
        with pytest.raises(CozeError) as refusal:
            run(cloud, heard=heard)
        assert refusal.value.code == str(code)
        assert not of(heard, Started)  # so that it begins anew
        assert isinstance(run(cloud)[-1], Finished)


class TwoTokens:
    """A credential whose first token is refused. `away`: so often renewing it finds no network."""

    def __init__(self, away: int = 0) -> None:
        self.away, self.renewed = away, 0

    async def token(self) -> str:
        return "new" if self.renewed else "old"

    async def renew(self, refused: str) -> bool:
        if self.away:
            self.away -= 1
            raise NetworkAwayError("no network", sent=True)
        self.renewed += 1
        return refused == "old"


@pytest.mark.parametrize("away", [0, 2])
@pytest.mark.parametrize("path", [RUN, RESUME])
def test_a_token_that_a_stream_refuses_is_renewed_once_and_the_same_asked_again(path, away):
    credential = TwoTokens(away)
    with cloud_of(asks(2, said=json.dumps(CALL)), ends) as cloud:
        asked = cloud.routes[path]

        def refuses(exchange: Exchange) -> None:
            if exchange.headers["Authorization"] == "Bearer old":
                exchange.stream([b'event: Error\ndata: {"error_code":4100,"error_message":"token"}\n\n'])
            else:
                asked(exchange)

        cloud.routes[path] = refuses
        events = run(cloud, credential=credential)
    assert isinstance(events[-1], Finished) and credential.renewed == 1
    assert paths(cloud).count(path) == 2 + away and len(of(events, ToolCalls)) == 1


@pytest.mark.parametrize("how", ["answer", "event"])
def test_a_token_that_is_refused_while_an_answer_waits_keeps_the_run(how):
    refused = iter([True])

    def on_resume(run: SimulatedRun, said: str) -> Frames:
        if next(refused, False):
            run.waiting = waiting[0]
            return [run.error(4100, "token") if how == "event" else b'{"code": 4100, "msg": "token"}']
        return ends(run)

    waiting: list[Any] = []

    def on_run(run: SimulatedRun) -> Frames:
        yield from asks(2, said="哪个城市？")(run)
        waiting.append(run.waiting)

    heard: list[RunEvent] = []
    with cloud_of(on_run, on_resume) as cloud:
        with pytest.raises(CozeError):
            run(cloud, heard=heard)
        after = run(cloud, last_run(heard))
    assert isinstance(after[0], Question) and isinstance(after[-1], Finished)
    assert resumed_with(cloud) == ["杭州，2024-08-20"] * 2


def test_a_failing_workflow_is_told_with_what_it_said_and_not_run_again():
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("甲", "先说的")
        yield run.error(5000, "node timeout")

    with cloud_of(on_run) as cloud:
        events = run(cloud)
    failed = events[-1]
    assert texts(events) == ["先说的"]
    assert isinstance(failed, Failed) and (failed.code, failed.again) == ("5000", True)
    assert "node timeout" in failed.message and paths(cloud) == [RUN]


def test_done_ends_the_reading_even_when_the_connection_stays_open():
    import threading

    release = threading.Event()

    def on_run(run: SimulatedRun) -> Frames:
        yield from ends(run)
        release.wait(10)

    with cloud_of(on_run) as cloud:
        events = run(cloud)
        release.set()
    assert isinstance(events[-1], Finished)


def test_two_runs_at_once_keep_apart():
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("甲", str(run.parameters["n"]), 1)
        yield from asks(2, said=json.dumps({"tool": f"tool{run.parameters['n']}", "arguments": {}}))(run)

    def on_resume(run: SimulatedRun, said: str) -> Frames:
        yield from run.end(f"{run.parameters['n']}:{said}")
        yield run.done()

    async def one(cloud: Simulator, n: int) -> list[RunEvent]:
        heard = []
        async with Client(cloud.base_url, FixedToken("token"), pace=QUICK) as client:
            asked = Asked(cloud.base_url, "workflow", "739", parameters={"n": n})
            driver = Workflow(client, asked, None, 5.0, lambda: None, str(n))
            async for event in driver.events():
                heard.append(event)
                if isinstance(event, ToolCalls):
                    driver.answer([ToolOutput(event.calls[0].id, event.calls[0].name)])
        return heard

    async def all_of(cloud: Simulator) -> list[list[RunEvent]]:
        return await asyncio.gather(*(one(cloud, n) for n in range(8)))

    with cloud_of(on_run, on_resume) as cloud:
        for n, events in enumerate(asyncio.run(all_of(cloud))):
            assert texts(events) == [str(n), json.dumps({"output": f"{n}:tool{n}"})]


# The simulator


def test_the_simulated_cloud_refuses_answers_that_it_does_not_wait_for():
    with cloud_of(asks(2, said="哪个城市？"), ends) as cloud:
        events = run(cloud, until=Question)
        stale = {**last_run(events), "event_id": "1/2"}
        assert run(cloud, stale)[-1].code == "cut"
        assert isinstance(run(cloud, last_run(events))[-1], Finished)
        assert run(cloud, last_run(events))[-1].code == "cut"
