"""Asking on the page, in a real browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from factory import draft, export, png, segment, track
from listening import Listening
from program import wait_until
from tray import events, words
from tray.desktop import opener
from tray.simulator.chats import SimulatedChat
from tray.simulator.demo import simulator
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

TARGETS = {
    "口播": {"kind": "workflow", "id": "77", "parameters": {"topic": "海", "n": 3}},
    "日报": {"kind": "bot", "id": "88", "prompt": "做今天的日报"},
    "对话": {"kind": "chatflow", "id": "99", "bot_id": "11"},
}
DONE = ".request[data-state=done]"
GIVE = """([kind, name]) => {
  const data = new DataTransfer();
  data.items.add(new File(["海浪"], name, { type: "text/plain" }));
  const about = { bubbles: true, cancelable: true };
  const event = kind === "paste" ? new ClipboardEvent("paste", { ...about, clipboardData: data })
    : new DragEvent("drop", { ...about, dataTransfer: data });
  document.querySelector(kind === "paste" ? "#prompt" : "main").dispatchEvent(event);
}"""
"""A file is pasted into the prompt, or dropped on the page."""


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def asked(listen: Callable[..., Listening], gate: threading.Event) -> Iterator[Listening]:
    """A program whose bot answers what it was asked (slowly where that says so), and whose workflow asks what its
    input `ask` says: a text, or a choice."""

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        if "坏" in chat.prompt:
            yield chat.failed(4008, "quota")
            return
        if "半" in chat.prompt:
            first, *rest = chat.says("前一半，后一半")
            yield first
            while not gate.wait(0.02):
                yield b": ping\n\n"
            yield from rest
            yield from chat.completed()
            return
        while "慢" in chat.prompt and not gate.wait(0.02):
            yield b": ping\n\n"
        yield from chat.says(f"答：**{chat.prompt}**\n- 一\n- 二 <img src=x> 😀 https://example.com/a。")
        yield from chat.completed()

    def on_run(run: SimulatedRun) -> Frames:
        options = [{"name": "横屏"}, {"name": "竖屏"}] if run.parameters.get("ask") == "choice" else []
        content = {"question": "哪一种？", "options": options}
        yield run.interrupt(2, {"messages": [{"content": content}]}, "问答")

    def on_resume(run: SimulatedRun, said: str) -> Frames:
        yield from run.end(f"{said}：{run.parameters.get('topic')}")
        yield run.done()

    with Simulator(on_chat, routes=Workflows(on_run, on_resume).routes()) as cloud:
        program = listen(cloud, settings={"bot_id": "11", "targets": TARGETS})
        program.cloud = cloud  # type: ignore[attr-defined]
        program.app.listener.start()
        yield program


def received(program: Listening, path: str) -> list[Any]:
    return [one.body for one in program.cloud.received if one.path == path]  # type: ignore[attr-defined]


def fits(tab: Any) -> bool:
    """Nothing makes the page wider than its window."""
    return bool(tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def without_covers(tab: Any) -> None:
    """They are another part's."""
    tab.route("**/cover", lambda route: route.fulfill(body=png(), content_type="image/png"))


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("width", [380, 1600])
def test_what_is_asked_streams_in_and_becomes_a_draft(
    listen: Callable[..., Listening],
    look: Callable[..., Any],
    language: str,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(opener, "open_folder", opened.append)
    with simulator() as cloud:
        program = listen(cloud, settings={"bot_id": "demo", "language": language})
        program.app.listener.start()
        tab = look(program, width=width, dark=width == 380).tab
        without_covers(tab)
        tab.fill("#prompt", "做一个短视频")
        tab.click("#send")
        tab.wait_for_selector(".draft .name")
        tab.wait_for_selector(DONE)
        (receipt,) = program.app.journal.recent_drafts()
        assert tab.inner_text(".draft .name") == receipt.name
        assert tab.inner_text(".call .what") == words.of_call("generate_draft", True)
        assert tab.inner_text(".reply .state") == {"en": "done", "zh_CN": "已完成"}[language]
        assert tab.get_attribute("html", "lang") == {"en": "en", "zh_CN": "zh-CN"}[language]
        assert tab.inner_text(".call .name") == "generate_draft"
        assert "0:12" in tab.inner_text(".draft .facts")
        tab.click(".draft [data-open=folder]")
        wait_until(lambda: opened == [Path(receipt.path)], "its folder to be opened")
        assert fits(tab)


def test_an_answer_is_read_while_it_still_comes(
    asked: Listening, look: Callable[..., Any], gate: threading.Event
) -> None:
    tab = look(asked).tab
    tab.fill("#prompt", "一半")
    tab.click("#send")
    tab.wait_for_selector(".request[data-running=true] .answer >> text=前一半")
    assert tab.inner_text(".answer") == "前一半，"
    gate.set()
    tab.wait_for_selector(DONE)
    tab.wait_for_selector(".answer >> text=前一半，后一半")


def test_a_tool_that_fails_says_where_and_what_to_do(
    listen: Callable[..., Listening], look: Callable[..., Any]
) -> None:
    def on_chat(chat: SimulatedChat) -> Frames:
        content = export(draft(track(segment("image", url=f"{cloud.base_url}/media/gone"))))
        yield chat.created()
        yield chat.calls_tool("generate_draft", {"content": content})

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Frames:
        yield from chat.says("没做成")
        yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        program = listen(cloud, settings={"bot_id": "11"})
        program.app.listener.start()
        tab = look(program, width=380).tab
        tab.fill("#prompt", "做")
        tab.click("#send")
        tab.wait_for_selector(DONE)
        tab.wait_for_selector(".call[data-state=failed]")
        assert tab.inner_text(".call .what") == words.of_call("generate_draft", False)
        said = tab.inner_text(".call .message")
        assert "track 1, segment 1" in said and "404" in said, said
        assert not tab.query_selector(".draft") and fits(tab)


def test_a_draft_s_media_are_counted_while_it_is_made(asked: Listening, look: Callable[..., Any]) -> None:
    tab = look(asked).tab
    tab.fill("#prompt", "慢")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector(".request[data-running=true]")
    (request,) = asked.app.journal.recent_requests()
    asked.app.journal.tool_started(request.id, "chat", "c", "generate_draft", "{}")
    asked.app.bus.publish(events.ToolStarted(request.id, "c", "generate_draft"))
    asked.app.bus.publish(events.MediaProgress(request.id, 3, 8, 12_400_000))
    tab.wait_for_selector(".call progress[value='3'][max='8']")
    assert tab.inner_text(".call .count") == "3 of 8 media · 12.4 MB"
    assert tab.inner_text(".call .what") == "Making the draft"


def test_an_answer_s_markdown_is_shown_and_nothing_in_it_is_html(asked: Listening, look: Callable[..., Any]) -> None:
    tab = look(asked).tab
    tab.fill("#prompt", "<b>海</b>")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector(DONE)
    tab.wait_for_selector(".answer li:nth-child(2) a")
    assert tab.inner_text(".answer strong") == "<b>海</b>"
    assert tab.inner_text(".answer li:nth-child(2)") == "二 <img src=x> 😀 https://example.com/a。"
    assert tab.get_attribute(".answer a", "href") == "https://example.com/a"
    assert not tab.query_selector(".answer img") and not tab.query_selector(".answer b")


def test_the_conversation_goes_on_and_another_one_is_begun(
    asked: Listening, look: Callable[..., Any], gate: threading.Event
) -> None:
    tab = look(asked).tab
    tab.fill("#prompt", "一")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector(DONE)
    tab.fill("#prompt", "慢一些")
    tab.click("#send")
    tab.wait_for_selector(".request[data-running=true]")
    tab.wait_for_selector("#wait:not([hidden])")
    assert tab.is_disabled("#send"), "Coze takes one at a time in a conversation"
    gate.set()
    tab.wait_for_selector(f"{DONE} >> nth=1")
    tab.wait_for_selector("#send:enabled")
    tab.reload()
    tab.wait_for_selector(f"{DONE} >> nth=1")
    assert [one.inner_text() for one in tab.query_selector_all("#talk .title")] == ["一", "慢一些"]
    tab.click("#anew")
    assert not tab.query_selector("#talk .request")
    tab.fill("#prompt", "别的")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector(DONE)
    conversations = [chat.conversation_id for chat in asked.cloud.chats.values()]  # type: ignore[attr-defined]
    assert conversations[0] == conversations[1] != conversations[2]


def test_what_runs_is_there_when_the_page_is_opened_and_can_be_stopped(
    asked: Listening, look: Callable[..., Any]
) -> None:
    request_id = asked.ask("慢")
    asked.until(events.StateChanged, state="streaming")
    tab = look(asked).tab
    tab.wait_for_selector("#others .request")
    tab.click("#others .cancel")
    tab.wait_for_selector("#others .request[data-state=cancelled]")
    assert asked.app.journal.request(request_id).state == "cancelled"
    assert tab.is_visible("#others .again")


def test_a_failure_says_what_happened_and_what_to_do(asked: Listening, look: Callable[..., Any]) -> None:
    tab = look(asked).tab
    tab.fill("#prompt", "坏")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector(".request[data-state=failed]")
    (request,) = asked.app.journal.recent_requests()
    assert request.failure is not None
    assert tab.inner_text(".failure .message") == request.failure.message
    assert tab.inner_text(".failure .advice") == request.failure.advice
    tab.click(".again")
    tab.wait_for_selector(".request[data-state=failed] >> nth=1")
    assert len(asked.app.journal.recent_requests()) == 2


def test_it_is_asked_again_with_changes(asked: Listening, look: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "猫.png").write_bytes(png())
    tab = look(asked).tab
    tab.fill("#prompt", "一只猫")
    tab.set_input_files("#files", tmp_path / "猫.png")
    tab.wait_for_selector(".chip img:not([hidden])")
    tab.wait_for_selector("#send:enabled")
    tab.click("#send")
    tab.wait_for_selector(DONE)
    assert not tab.query_selector("#chips li"), "the next prompt has none"
    tab.click(".change")
    tab.wait_for_selector("#chips li")
    assert tab.input_value("#prompt") == "一只猫"
    assert not tab.query_selector("#talk .request")
    tab.fill("#prompt", "两只猫")
    tab.click("#send")
    tab.wait_for_selector(DONE)
    bodies = received(asked, "/v3/chat")
    assert len(bodies) == 2 and ["两只猫" in json.dumps(one, ensure_ascii=False) for one in bodies] == [False, True]
    assert len(asked.cloud.files.stored) == 2  # type: ignore[attr-defined]


def test_files_are_dropped_pasted_and_taken_away_again(asked: Listening, look: Callable[..., Any]) -> None:
    tab = look(asked).tab
    tab.evaluate(GIVE, ["drop", "甲.txt"])
    tab.evaluate(GIVE, ["paste", "乙.txt"])
    tab.wait_for_selector(".chip[data-id] >> nth=1")
    tab.click("[aria-label='Remove 甲.txt']")
    tab.fill("#prompt", "读一读")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector(DONE)
    assert list(asked.cloud.files.stored.values()) == [("乙.txt", "海浪".encode())]  # type: ignore[attr-defined]
    assert tab.inner_text(".sent .chip") == "乙.txt"


def test_text_that_office_copies_with_a_picture_of_itself_is_pasted_as_text(
    asked: Listening, look: Callable[..., Any]
) -> None:
    seen = look(asked)
    seen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copy = """async () => {
      const canvas = new OffscreenCanvas(2, 2);
      canvas.getContext("2d");
      const of = (text, type) => new Blob([text], { type });
      await navigator.clipboard.write([new ClipboardItem({
        "text/plain": of("秋天的海", "text/plain"), "text/html": of("<b>秋天的海</b>", "text/html"),
        "image/png": await canvas.convertToBlob() })]);
    }"""
    seen.tab.focus("#prompt")
    seen.tab.evaluate(copy)
    seen.tab.keyboard.press("Control+V")
    wait_until(lambda: seen.tab.input_value("#prompt") == "秋天的海", "the text")
    assert not seen.tab.query_selector(".chip")


def test_a_chatflow_is_offered_no_files(asked: Listening, look: Callable[..., Any]) -> None:
    tab = look(asked).tab
    assert tab.is_visible("#choose")
    tab.select_option("#target", "对话")
    assert not tab.is_visible("#choose") and not tab.is_visible("#drop") and not tab.is_visible("#chips")
    assert tab.is_visible("#prompt") and tab.is_visible("#keys kbd")
    tab.evaluate(GIVE, ["drop", "甲.txt"])
    tab.wait_for_selector("#problem >> text=to a bot alone")
    assert not tab.query_selector(".chip")


def test_a_workflow_s_inputs_are_a_form(asked: Listening, look: Callable[..., Any], tmp_path: Path) -> None:
    tab = look(asked, width=380).tab
    tab.select_option("#target", "口播")
    assert not tab.is_visible("#prompt")
    topic, n = tab.get_by_label("topic", exact=True), tab.get_by_label("n", exact=True)
    assert (topic.input_value(), n.input_value()) == ("海", "3")
    tab.fill("#parameter-name", "ids")
    tab.keyboard.press("Enter")
    ids = tab.get_by_label("ids", exact=True)
    ids.fill("[12345678901234567890, ]")
    tab.select_option("[aria-label='How ids is meant']", "json")
    tab.click("#send")
    tab.wait_for_selector("text=This is no JSON")
    assert not received(asked, "/v1/workflow/stream_run") and fits(tab)
    ids.fill("[12345678901234567890]")
    (tmp_path / "文案.txt").write_bytes("西湖的秋天".encode("gb18030"))
    tab.set_input_files(".parameter >> nth=0 >> input[type=file]", tmp_path / "文案.txt")
    tab.wait_for_function("() => document.querySelector('.parameter textarea').value === '西湖的秋天'")
    tab.click("#send")
    tab.wait_for_selector(".question:not([hidden])")
    (run,) = received(asked, "/v1/workflow/stream_run")
    assert run["parameters"] == {"topic": "西湖的秋天", "n": 3, "ids": [12345678901234567890]}
    tab.fill("[name=answer]", "好")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(DONE)
    assert tab.inner_text(".answer") == "好：西湖的秋天"
    tab.goto(tab.evaluate("document.baseURI"))
    tab.select_option("#target", "口播")
    assert tab.get_by_label("ids", exact=True).input_value() == "[12345678901234567890]", "as it was run last"
    assert topic.input_value() == "海", "what is saved stays"


def test_a_question_with_options_is_answered_by_a_button(asked: Listening, look: Callable[..., Any]) -> None:
    tab = look(asked).tab
    tab.select_option("#target", "口播")
    tab.fill("#parameter-name", "ask")
    tab.click("#parameter-add")
    tab.get_by_label("ask", exact=True).fill("choice")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector(".question .options button")
    assert tab.inner_text(".question .text") == "哪一种？"
    assert not tab.is_visible("[name=answer]")
    tab.click("text=竖屏")
    tab.wait_for_selector(DONE)
    assert tab.inner_text(".answer") == "竖屏：海"


def test_an_answer_that_is_refused_stays_where_it_was_typed(asked: Listening, look: Callable[..., Any]) -> None:
    seen = look(asked)
    seen.tab.select_option("#target", "口播")
    seen.tab.click("#send")
    seen.tab.wait_for_selector(".question:not([hidden])")
    seen.tab.fill("[name=answer]", "  ")
    seen.tab.click(".question .main")
    seen.tab.wait_for_selector(".question .problem:not([hidden])")
    assert "Nothing was answered." in seen.tab.inner_text(".question .problem")
    assert seen.tab.input_value("[name=answer]") == "  "
    refused = seen.complaints.pop()
    assert "409" in refused and "/answer)" in refused


def test_a_link_fills_the_form_in_and_asks_nothing(asked: Listening, look: Callable[..., Any]) -> None:
    tab = look(asked, "?target=%E6%97%A5%E6%8A%A5&prompt=%22%3E%3Cscript%3E1").tab
    assert tab.input_value("#target") == "日报" and tab.input_value("#prompt") == '"><script>1'
    assert not asked.app.journal.recent_requests()
    tab.fill("#prompt", "")
    tab.click("#send")  # its own prompt is asked
    tab.wait_for_selector(DONE)
    assert tab.inner_text(".title") == "做今天的日报"


def test_who_has_set_up_nothing_is_shown_the_way(listen: Callable[..., Listening], look: Callable[..., Any]) -> None:
    with Simulator() as cloud:
        program = listen(cloud)
        tab = look(program, width=380).tab
        assert tab.get_attribute("main .button.main", "href") == "setup"
        assert not tab.query_selector("form") and fits(tab)


@pytest.mark.parametrize("answer", ["a" + "[" * 49_000, "a" + "`" * 49_000, "a" + "`" * 24_000 + "b", "\n" * 49_000])
def test_no_answer_makes_the_page_stand_still(program: Listening, look: Callable[..., Any], answer: str) -> None:
    took_ms = look(program).tab.evaluate(
        """async (text) => {
          const { marked } = await import(new URL("static/marked.js", document.baseURI));
          const began = performance.now();
          marked(text);
          return performance.now() - began;
        }""",
        answer,
    )
    assert took_ms < 1000
