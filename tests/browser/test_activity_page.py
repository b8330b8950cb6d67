"""What the program does, on its page, in a real browser."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chats import once_open
from listening import Listening
from program import wait_until
from tray import events
from tray.asked import Asked
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

TARGETS = {"口播": {"kind": "workflow", "id": "77"}}


@pytest.fixture
def busy(listen: Callable[..., Listening], gate: threading.Event) -> Iterator[Listening]:
    """A program that works on one request at a time, each until the gate is open."""

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("开始", "稍等", finish=False)
        while not gate.wait(0.02):
            yield run.ping()

    gate.set()
    with Simulator(once_open(gate), routes=Workflows(on_run, lambda *_: []).routes()) as cloud:
        program = listen(cloud, settings={"bot_id": "bot", "targets": TARGETS, "at_once": 1})
        program.app.listener.start()
        yield program


def done(busy: Listening, *prompts: str) -> None:
    for prompt in prompts:
        request_id = busy.ask(prompt)
        busy.until(events.RequestFailed if "坏" in prompt else events.RequestDone, request_id=request_id)


def wait_for_titles(tab: Any, *expected: str) -> None:
    shown = "() => [...document.querySelectorAll('.entry > summary .title')].map((one) => one.textContent).join('|')"
    tab.wait_for_function(f"(expected) => ({shown})() === expected", arg="|".join(expected))


def fits(tab: Any) -> bool:
    """Nothing makes the page wider than its window."""
    return bool(tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("width", [380, 1600])
def test_requests_are_found_and_looked_into(busy: Listening, look: Callable[..., Any], width: int) -> None:
    done(busy, "一只猫" * 40, "坏了", "一条狗")
    tab = look(busy, "activity", width=width, dark=width == 380).tab
    wait_for_titles(tab, "一条狗", "坏了", "一只猫" * 40)
    assert fits(tab)
    tab.fill("#filter [name=text]", "答：一条")
    wait_for_titles(tab, "一条狗")
    tab.fill("#filter [name=text]", "")
    tab.select_option("#filter [name=state]", "failed")
    wait_for_titles(tab, "坏了")
    tab.click(".entry > summary")
    tab.wait_for_selector(".failure .message")
    assert [one.inner_text().split()[1] for one in tab.query_selector_all(".history li")] == [
        "asked",
        "begun",
        "failed",
    ]
    tab.dblclick(".again")
    wait_for_titles(tab, "坏了", "坏了")
    assert len(busy.app.journal.recent_requests()) == 4
    assert fits(tab)


def test_a_call_names_its_source_once_and_what_it_did_again_and_again_is_one_line(
    busy: Listening, look: Callable[..., Any]
) -> None:
    prompt = Asked("", "call", "", "", {"tool": "generate_draft", "arguments": "{}"}, target="片段.json")
    journal, request_id = busy.app.journal, "c" * 32
    journal.add_request(request_id, prompt)
    journal.running(request_id)
    for n in range(3):
        journal.tool_started(request_id, request_id, f"call{n}", "generate_draft", "{}")
    journal.done(request_id, "好")
    tab = look(busy, "activity").tab
    wait_for_titles(tab, "Draft from 片段.json")
    tab.click(".entry > summary")
    tab.wait_for_selector(".entry .reply")
    shown = tab.inner_text(".entry")
    assert shown.count("片段.json") == 2, "in the line, and in what was asked"
    assert "× 3" in tab.inner_text(".history") and tab.inner_text(".parameters") == ""


def look_at_35(busy: Listening, look: Callable[..., Any]) -> Any:
    """At requests that are over; the earlier ones are asked for."""
    for n in range(35):
        busy.app.journal.add_request(f"r{n}", busy.asked(f"第{n}"))
        busy.app.journal.done(f"r{n}", "好")
    tab = look(busy, "activity").tab
    tab.wait_for_selector(".entry >> nth=29")
    tab.click("#earlier")
    return tab


def test_rows_come_and_go_by_the_filter_and_what_is_open_stays_so(
    busy: Listening, look: Callable[..., Any], gate: threading.Event
) -> None:
    tab = look_at_35(busy, look)
    tab.click(".entry >> nth=34 >> summary")
    gate.clear()
    busy.ask("新")
    wait_for_titles(tab, "新", *(f"第{n}" for n in range(34, -1, -1)))
    assert tab.locator(".entry[open] > summary .title").all_inner_texts() == ["第0"]
    tab.select_option("#filter [name=state]", "queued running waiting")
    wait_for_titles(tab, "新")
    gate.set()
    tab.wait_for_selector("#none:visible")
    done(busy, "坏")
    tab.select_option("#filter [name=state]", "done")
    tab.fill("#filter [name=text]", "ZX")
    tab.wait_for_selector("#none:visible")
    done(busy, "另", "zx")
    wait_for_titles(tab, "zx")


def test_a_link_chooses_what_is_shown(busy: Listening, look: Callable[..., Any]) -> None:
    done(busy, "一", "坏")
    tab = look(busy, "activity?state=failed&text=%E5%9D%8F").tab
    wait_for_titles(tab, "坏")
    assert tab.input_value("#filter [name=text]") == "坏"


def test_earlier_requests_follow(busy: Listening, look: Callable[..., Any]) -> None:
    tab = look_at_35(busy, look)
    tab.wait_for_selector(".entry >> nth=34")
    wait_for_titles(tab, *(f"第{n}" for n in range(34, -1, -1)))
    assert not tab.is_visible("#earlier")


def test_the_queue_is_seen_and_its_order_changed(
    busy: Listening, look: Callable[..., Any], gate: threading.Event
) -> None:
    gate.clear()
    tab = look(busy, "activity", width=380).tab
    tab.wait_for_selector("#none:visible")
    ids = [busy.ask(prompt) for prompt in "一二三四"]
    busy.until(events.RequestQueued, request_id=ids[-1])
    tab.wait_for_selector("#queued li >> nth=2")
    wait_for_titles(tab, *"四三二一")
    tab.click("[aria-label='Do it next: 四']")
    tab.wait_for_function("() => document.querySelector('#queued li').textContent.startsWith('四')")
    assert busy.app.listener.queue == (ids[3], ids[1], ids[2])
    tab.click("[aria-label='Cancel: 二']")
    tab.wait_for_selector(".entry[data-state=cancelled]")
    assert fits(tab)
    gate.set()
    tab.wait_for_selector("#queue", state="hidden")
    tab.wait_for_selector(".entry[data-state=done] >> nth=2")
    done_ids = [event.request_id for event in busy.of(events.RequestDone)]
    assert done_ids == [ids[0], ids[3], ids[2]]


def test_listening_stops_and_begins_and_a_workflow_is_cut_only_when_that_is_wanted(
    busy: Listening, look: Callable[..., Any], gate: threading.Event
) -> None:
    from tray import targets
    from tray.app import NewRequest, begin

    gate.clear()
    tab = look(busy, "activity").tab
    tab.click("#listening")
    tab.wait_for_selector("text=Start listening")
    assert not busy.app.listener.listening
    tab.click("#listening")
    tab.wait_for_selector("text=Stop listening")
    named = targets.find("口播", "workflow", busy.settings)
    request_id = begin(busy.app, NewRequest(targets.asked(named, busy.settings), None))
    busy.until(events.TextArrived, request_id=request_id)
    tab.click("#listening")
    tab.wait_for_selector("dialog[open]")
    tab.keyboard.press("Escape")
    assert busy.app.listener.listening
    tab.click("#listening")
    tab.click("text=Stop all the same")
    tab.wait_for_selector("text=Start listening")
    wait_until(lambda: not busy.app.listener.listening, "it listens no more")


def test_the_log_is_followed_and_sifted(busy: Listening, look: Callable[..., Any]) -> None:
    log = logging.getLogger("tray.test")
    log.info("eins")
    tab = look(busy, "activity", width=380).tab
    tab.click("#log > summary")
    tab.wait_for_selector("#lines >> text=eins")
    log.error("zwei pat_abcdefghijklmnop\nzeile <b>")
    tab.wait_for_selector("#lines >> text=zeile <b>")
    assert "pat_…" in tab.inner_text("#lines") and "abcdefg" not in tab.inner_text("#lines")
    tab.select_option("#log-level", "WARNING")
    tab.wait_for_selector("#lines >> text=eins", state="hidden")
    assert tab.is_visible("#lines >> text=zeile")
    tab.fill("#log-text", "drei")
    tab.wait_for_selector("#lines >> text=zeile", state="hidden")
    log.error("drei")
    tab.wait_for_selector("#lines >> text=drei")
    assert fits(tab)
