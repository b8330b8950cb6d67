"""The API of requests, over real HTTP: found, gone on with, queued, answered; and of listening, mailboxes and the log."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from chats import once_open
from listening import Listening
from program import wait_until
from tray import events, instance
from tray.app import open_app
from tray.asked import call_of
from tray.desktop import opener
from tray.journal import KEPT_DAYS, Journal
from tray.settings import Settings
from tray.simulator.exchange import Frames
from tray.simulator.mailbox import SimulatedMailbox
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows
from tray.web import shapes
from tray.web.streams import _Media
from web import told, visit

TARGETS = {
    "口播": {"kind": "workflow", "id": "77", "parameters": {"topic": "海", "n": 3}},
    "日报": {"kind": "bot", "id": "88", "prompt": "做今天的日报"},
}


@pytest.fixture
def client(listen: Callable[..., Listening], gate: threading.Event) -> Iterator[httpx.Client]:
    """The page's, of a program whose bot says what it was asked, and whose workflow asks something first. `program`:
    what the client looks at; `cloud`: what that talks to."""

    def on_run(run: SimulatedRun) -> Frames:
        content = {"question": "哪一种？", "options": [{"name": "横屏"}, {"name": "竖屏"}]}
        yield run.interrupt(2, {"messages": [{"content": content}]}, "问答")

    def on_resume(run: SimulatedRun, said: str) -> Frames:
        yield from run.end(f"好：{said}")
        yield run.done()

    gate.set()
    cloud = Simulator(once_open(gate), routes=Workflows(on_run, on_resume).routes())
    with cloud:
        program = listen(cloud, settings={"bot_id": "11", "targets": TARGETS, "at_once": 1})
        program.app.listener.start()
        with visit(program.app) as client:
            client.program, client.cloud = program, cloud  # type: ignore[attr-defined]
            yield client


def program_of(client: httpx.Client) -> Listening:
    found: Listening = client.program  # type: ignore[attr-defined]
    return found


def post(client: httpx.Client, path: str, **json: Any) -> Any:
    answer = client.post(f"api/v1/{path}", json=json)
    assert answer.is_success, answer.text
    return answer.json()


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(f"api/v1/{path}", params=query)
    assert answer.is_success, answer.text
    return answer.json()


def over(client: httpx.Client, request: dict[str, Any]) -> dict[str, Any]:
    """The request when it is over."""
    seen: list[dict[str, Any]] = []

    def ended() -> bool:
        seen.append(get(client, f"requests/{request['id']}"))
        return seen[-1]["state"] in ("done", "failed", "cancelled") and not seen[-1]["running"]

    wait_until(ended, "the request is over")
    return seen[-1]


def asks(client: httpx.Client, request: dict[str, Any]) -> dict[str, Any]:
    """The question that it waits with."""
    wait_until(lambda: get(client, f"requests/{request['id']}")["question"], "it asks")
    found: dict[str, Any] = get(client, f"requests/{request['id']}")["question"]
    return found


def prompts(found: list[dict[str, Any]]) -> list[str]:
    return [one["prompt"] for one in found]


# Finding


def test_requests_are_found_by_their_state_their_target_and_their_text(client: httpx.Client) -> None:
    for prompt in ("一只猫", "100% 坏", "一条 a_b"):
        over(client, post(client, "requests", prompt=prompt))
    over(client, post(client, "requests", target="日报", kind="bot"))
    assert prompts(get(client, "requests")) == ["做今天的日报", "一条 a_b", "100% 坏", "一只猫"]
    assert prompts(get(client, "requests", state="failed")) == ["100% 坏"]
    assert prompts(get(client, "requests", state=["failed", "queued"])) == ["100% 坏"]
    assert prompts(get(client, "requests", target="日报")) == ["做今天的日报"]
    assert prompts(get(client, "requests", target="11", state="done")) == ["一条 a_b", "一只猫"]
    assert prompts(get(client, "requests", text="答：一")) == ["一条 a_b", "一只猫"], "in the answers, too"
    assert prompts(get(client, "requests", text="a_b")) == ["一条 a_b"]
    assert prompts(get(client, "requests", text="aXb")) == [], "_ and % stand for themselves"
    assert prompts(get(client, "requests", text="%")) == ["100% 坏"]
    assert client.get("api/v1/requests", params={"state": "' OR 1"}).status_code == 422


def test_they_are_turned_over_page_by_page(client: httpx.Client) -> None:
    for n in range(5):
        over(client, post(client, "requests", prompt=f"第{n}"))
    first = get(client, "requests", limit=2)
    second = get(client, "requests", limit=2, before=first[-1]["id"])
    assert prompts(first + second) == ["第4", "第3", "第2", "第1"]
    assert prompts(get(client, "requests", limit=2, before=second[-1]["id"])) == ["第0"]
    assert get(client, "requests", before="no such") == []


def test_an_id_that_is_a_path_or_nothing_is_not_found(client: httpx.Client) -> None:
    for one in ("nothing", "..%2F..%2Fjournal.db", "%00", "'; DROP TABLE requests; --"):
        assert client.get(f"api/v1/requests/{one}").status_code == 404
        assert client.get(f"api/v1/requests/{one}/conversation").status_code == 404
        assert client.post(f"api/v1/requests/{one}/first").status_code == 404
    for one in ("..", "../journal.db", "nothing.0", "a" * 32, "." * 32):
        assert client.post("api/v1/requests", json={"prompt": "x", "files": [one]}).status_code == 404
    assert get(client, "requests") == []


# Going on, and once more


def test_a_conversation_is_gone_on_with_and_told_as_a_whole(client: httpx.Client) -> None:
    first = over(client, post(client, "requests", prompt="一"))
    assert first["can_continue"]
    other = over(client, post(client, "requests", prompt="别的"))
    second = over(client, post(client, "requests", prompt="二", continues=first["id"]))
    chats = list(client.cloud.chats.values())  # type: ignore[attr-defined]
    assert [chat.conversation_id == chats[0].conversation_id for chat in chats] == [True, False, True]
    for one in (first, second):
        assert prompts(get(client, f"requests/{one['id']}/conversation")) == ["一", "二"]
    assert prompts(get(client, f"requests/{other['id']}/conversation")) == ["别的"]
    refused = client.post("api/v1/requests", json={"prompt": "三", "target": "日报", "continues": first["id"]})
    assert refused.status_code == 409, "that bot knows nothing of the conversation"


def test_the_files_of_a_request_go_along_with_another_one(client: httpx.Client) -> None:
    upload = client.post("api/v1/uploads", files={"file": ("../../笔记.txt", "海浪".encode())}).json()
    assert upload["name"] == "笔记.txt"
    first = over(client, post(client, "requests", prompt="一", files=[upload["id"]]))
    assert [one["name"] for one in first["files"]] == ["笔记.txt"]
    second = over(client, post(client, "requests", prompt="二", files=[first["files"][0]["id"]]))
    stored = client.cloud.files.stored  # type: ignore[attr-defined]
    assert second["state"] == "done" and list(stored.values()) == [("笔记.txt", "海浪".encode())] * 2
    past = {"prompt": "三", "files": [f"{first['id']}.1"]}
    assert client.post("api/v1/requests", json=past).status_code == 404


def test_an_old_file_stays_as_long_as_its_request_is_not_over_and_is_missed_by_name(
    client: httpx.Client, gate: threading.Event
) -> None:
    def upload(name: str) -> Any:
        return client.post("api/v1/uploads", files={"file": (name, b"x")}).json()["id"]

    uploads = program_of(client).app.home / "uploads"
    gate.clear()
    first = post(client, "requests", prompt="一", files=[upload("a.txt")])
    for folder in uploads.iterdir():
        os.utime(folder, (0, 0))
    upload("b.txt")
    assert len(list(uploads.glob("*/a.txt"))) == 1
    gate.set()
    over(client, first)
    for folder in uploads.iterdir():
        os.utime(folder, (0, 0))
    upload("c.txt")
    assert [one.name for one in uploads.glob("*/*")] == ["c.txt"]
    again = client.post(f"api/v1/requests/{first['id']}/again")
    assert again.status_code == 409 and "a.txt" in again.json()["error"]
    changed = client.post("api/v1/requests", json={"prompt": "二", "files": [first["files"][0]["id"]]})
    assert changed.status_code == 404 and "a.txt" in changed.json()["error"]
    assert len(get(client, "requests")) == 1


def test_the_same_call_again_is_the_same_request(client: httpx.Client) -> None:
    def ask(path: str, key: str, **json: Any) -> Any:
        return client.post(f"api/v1/{path}", json=json, headers={"Idempotency-Key": key})

    first = ask("requests", "a-1", prompt="一")
    assert first.status_code == 201
    assert ask("requests", "a-1", prompt="一").json()["id"] == first.json()["id"]
    over(client, first.json())
    assert ask("requests", "a-1", prompt="一").json()["state"] == "done", "nothing runs once more"
    other = ask("requests", "a-1", prompt="二")
    assert other.status_code == 409 and "a-1" in other.json()["error"]
    assert ask("requests", first.json()["id"], prompt="一").json()["id"] != first.json()["id"], "an id is no key"
    again = [ask(f"requests/{first.json()['id']}/again", "b").json()["id"] for _time in range(2)]
    assert again[0] == again[1] != first.json()["id"]
    assert len(get(client, "requests")) == 3
    for wrong in ("", "a" * 65, "a b", "../a"):
        assert ask("requests", wrong, prompt="一").status_code == 422, wrong


def test_the_page_is_filled_in_with_what_was_asked(client: httpx.Client) -> None:
    request = post(client, "requests", target="口播", parameters={"topic": "山", "big": 12345678901234567890})
    assert request["target"] == "口播" and request["can_change"]
    page = client.get("", params={"again": request["id"]}).text
    option = page.partition('value="口播"')[2].partition("</option>")[0]
    assert " selected" in option and "\\u5c71" in option and "12345678901234567890" in option
    assert client.get("", params={"again": "nothing"}).status_code == 200


# The queue


def test_those_that_wait_know_their_place_and_one_can_be_the_next(client: httpx.Client, gate: threading.Event) -> None:
    gate.clear()
    first = post(client, "requests", prompt="一")
    program_of(client).until(events.RequestStarted, request_id=first["id"])
    waiting = [post(client, "requests", prompt=prompt) for prompt in ("二", "三", "四")]
    for one in waiting:
        program_of(client).until(events.RequestQueued, request_id=one["id"])
    assert [get(client, f"requests/{one['id']}")["queue_place"] for one in (first, *waiting)] == [None, 1, 2, 3]
    heard = told(client)
    assert next(said for name, said in heard if name == "status")
    assert post(client, f"requests/{waiting[2]['id']}/first") == {"taken": True}
    order = next(said for name, said in heard if name == "queue")
    assert order == [waiting[n]["id"] for n in (2, 0, 1)]
    assert post(client, f"requests/{first['id']}/first") == {"taken": False}, "it runs already"
    gate.set()
    began = [program_of(client).until(events.RequestStarted).request_id for _one in waiting]
    assert began == order
    assert get(client, f"requests/{order[0]}")["queue_place"] is None


def test_one_that_waits_is_cancelled_and_leaves_the_queue(client: httpx.Client, gate: threading.Event) -> None:
    gate.clear()
    first, second, third = (post(client, "requests", prompt=prompt) for prompt in "一二三")
    program_of(client).until(events.RequestQueued, request_id=third["id"])
    assert post(client, f"requests/{second['id']}/cancel") == {"taken": True}
    wait_until(lambda: get(client, f"requests/{third['id']}")["queue_place"] == 1, "it has moved up")
    gate.set()
    assert over(client, third)["state"] == over(client, first)["state"] == "done"


# Answering


def test_a_question_with_options_takes_one_of_them_and_nothing_else(client: httpx.Client) -> None:
    request = post(client, "requests", target="口播")
    question = asks(client, request)
    assert (question["text"], question["options"]) == ("哪一种？", ["横屏", "竖屏"])
    path, about = f"requests/{request['id']}/answer", {"question_id": question["question_id"]}
    for wrong in ("斜屏", "3", " "):
        refused = client.post(f"api/v1/{path}", json={**about, "text": wrong})
        assert refused.status_code == 409 and refused.json()["advice"]
    assert post(client, path, **about, text="2") == {"taken": True}
    ended = over(client, request)
    assert ended["text"] == "好：竖屏" and ended["question"] is None
    assert post(client, path, **about, text="横屏") == {"taken": False}, "it was answered before"
    assert [one["what"] for one in ended["history"]] == ["queued", "begun", "asked", "answered", "done"]


def test_a_question_is_shown_and_answered_while_nothing_listens(client: httpx.Client) -> None:
    request = post(client, "requests", target="口播")
    question = asks(client, request)
    assert post(client, "listening", on=False) == {"listening": False, "cuts": False}
    assert get(client, f"requests/{request['id']}")["question"] == question
    about = {"question_id": question["question_id"], "text": "横屏"}
    assert post(client, f"requests/{request['id']}/answer", **about) == {"taken": True}
    assert post(client, "listening", on=True)["listening"]
    assert over(client, request)["text"] == "好：横屏"


# What is known of earlier lives


def test_what_happened_to_a_request_is_still_known_when_the_program_has_ended(client: httpx.Client) -> None:
    request = post(client, "requests", target="口播")
    question = asks(client, request)
    post(client, f"requests/{request['id']}/answer", question_id=question["question_id"], text="横屏")
    ended = over(client, request)
    path = client.program.app.home / "journal.db"  # type: ignore[attr-defined]
    client.program.app.close()  # type: ignore[attr-defined]
    journal = Journal(path)
    happened = journal.search.moments_of(request["id"])
    journal.close()
    assert [what for what, _at_us in happened] == ["begun", "asked", "answered", "done"]
    assert [at_us for _what, at_us in happened] == [one["at_us"] for one in ended["history"][1:]]


def test_the_calls_of_an_earlier_life_are_known_from_the_journal(tmp_path: Path) -> None:
    cloud = Simulator()
    held = instance.acquire(tmp_path)
    assert held is not None
    with cloud:
        settings = Settings.model_validate({"api_base": cloud.base_url, "bot_id": "11"})
        app = open_app(settings, tmp_path, held, events.Bus(), resume=False, token="t")
        try:
            from tray.targets import asked, find

            app.journal.add_request("r", asked(find(None, "bot", settings), settings, "问"))
            app.journal.tool_started("r", "chat", "a", "generate_draft", "{}")
            app.journal.tool_finished("chat", "a", json.dumps({"status": "error", "message": "图片打不开"}))
            app.journal.tool_started("r", "chat", "b", "看天气", "{}")
            app.journal.done("r", "好")
            with visit(app) as client:
                found = get(client, "requests/r")
        finally:
            app.close()
    calls = [(one["tool"], one["ok"], one["message"], one["text"]) for one in found["calls"]]
    assert calls == [
        ("generate_draft", False, "图片打不开", "The draft could not be made"),
        ("看天气", None, "", "Calling 看天气"),
    ]
    assert [one["what"] for one in found["history"]] == ["queued", "called", "called", "done"]


# Listening, mailboxes, the log


def test_who_stops_listening_is_asked_before_a_workflow_is_cut(
    listen: Callable[..., Listening], gate: threading.Event
) -> None:
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("开始", "稍等", finish=False)
        while not gate.wait(0.02):
            yield run.ping()

    with Simulator(routes=Workflows(on_run, lambda *_: []).routes()) as cloud:
        program = listen(cloud, settings={"targets": TARGETS})
        program.app.listener.start()
        with visit(program.app) as client:
            request = post(client, "requests", target="口播")
            program.until(events.TextArrived, request_id=request["id"])
            assert post(client, "listening", on=False) == {"listening": True, "cuts": True}
            assert program.app.listener.listening
            assert post(client, "listening", on=False, cut=True) == {"listening": False, "cuts": False}
            assert get(client, "status")["state"] == "stopped"


def test_mailboxes_are_told_with_their_state(box: SimulatedMailbox, tmp_path: Path) -> None:
    with Simulator(routes=box.routes()) as cloud:
        mailbox = {"kind": "workflow", "id": "77", "listen": True, "interval": "1h", "runs_a_day": 9}
        said = {"api_base": cloud.base_url, "targets": {"信箱": mailbox}}
        held = instance.acquire(tmp_path / "home")
        assert held is not None
        app = open_app(Settings.model_validate(said), tmp_path / "home", held, events.Bus(), resume=True, token="t")
        try:
            app.listener.start()
            with visit(app) as client:
                wait_until(lambda: get(client, "mailboxes")[0]["runs_today"] == 1, "it has run")
                (found,) = get(client, "mailboxes")
                assert (found["name"], found["interval_s"], found["runs_a_day"]) == ("信箱", 3600, 9)
                assert (found["state"], found["state_text"]) == ("idle", "Open")
                post(client, "listening", on=False)
                assert get(client, "mailboxes")[0]["state"] == "stopped"
        finally:
            app.close()


def test_the_log_is_told_as_it_grows_and_holds_no_secret(client: httpx.Client) -> None:
    log = logging.getLogger("tray.test")
    log.warning("vorher")
    heard = told(client, "api/v1/log/events")
    first = next(heard)
    assert (
        first[0] == "log"
        and {"level": "WARNING", "source": "tray.test", "text": "vorher"}.items() <= first[1][-1].items()
    )
    log.error("mit pat_abcdefghijklmnop\nund mehr")
    lines = next(heard)[1]
    while len(lines) < 2:
        lines += next(heard)[1]
    assert (lines[0]["level"], lines[0]["text"]) == ("ERROR", "mit pat_…")
    assert (lines[1]["level"], lines[1]["text"]) == ("", "    und mehr")


# Streams


def test_media_alone_are_told_of_twice_a_second_and_all_else_at_once() -> None:
    media = _Media()
    assert media.due({"a": False, "b": False}, 10.0) == ["a", "b"]
    assert media.due({"a": False}, 10.1) == [] and media.next_s(10.1) == pytest.approx(0.4)
    assert media.due({"b": True}, 10.2) == ["b"]
    assert media.due({}, 10.5) == ["a"], "the last of it is told though nothing follows"
    assert media.next_s(10.5) is None
    assert media.due({"a": False}, 10.6) == [] and media.due({"a": True}, 10.7) == ["a"]
    assert media.next_s(10.7) is None


def test_what_a_tool_was_called_with_is_not_shown_and_read_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.add_request("r", call_of("generate_draft", '{"content": "…"}', "clips.json"))
    states = []
    for change in (lambda: None, lambda: journal.running("r"), lambda: journal.done("r", "好")):
        change()
        shown = journal.search.shown("r")
        assert shown == replace(journal.request("r"), asked=shown.asked)
        assert dict(shown.asked.parameters) == {"tool": "generate_draft"}
        states.append(shown.state)
    assert states == ["queued", "running", "done"]
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("UPDATE requests SET asked = 'damaged'")
    assert journal.search.shown("r") == shown, "it is over, and not read again"
    assert [request.id for request in journal.recent_requests()] == ["r"]
    with pytest.raises(KeyError):
        journal.search.shown("s")
    journal.close()


def test_what_was_let_go_is_no_longer_offered_to_be_run_again(
    listen: Callable[..., Listening], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator() as cloud:
        one = listen(cloud)
        journal = one.app.journal
        journal.add_request("r", call_of("generate_draft", json.dumps({"content": "字" * 3000}), "clips.json"))
        journal.done("r", "好")
        assert shapes.of_request(one.app, journal.search.shown("r")).can_run_again
        later_us = time.time_ns() // 1000 + (KEPT_DAYS + 1) * 86_400_000_000
        monkeypatch.setattr("tray.journal._now_us", lambda: later_us)
        journal.let_go()
        assert not shapes.of_request(one.app, journal.search.shown("r")).can_run_again


def test_a_stream_whose_reader_is_far_behind_ends(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tray.web.streams._MOST_HEARD", 0)
    heard = told(client)
    assert next(heard)[0] == "status"
    program_of(client).app.bus.publish(events.Noticed("", "…"))
    assert list(heard) == []


def test_the_application_has_its_own_name_and_no_button_where_it_is_not(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'data-open="application"' not in client.get("").text
    found = opener.Application("capcut", Path("CapCut.exe"))
    monkeypatch.setattr(opener, "application_for", lambda _drafts: found)
    assert "Open CapCut" in client.get("").text


@pytest.mark.parametrize("value", ["NaN", "1e999", "[" * 150 + "]" * 150, '{"a":' * 150 + "1" + "}" * 150])
def test_inputs_that_could_be_neither_sent_nor_shown_are_refused(client: httpx.Client, value: str) -> None:
    said = f'{{"kind": "workflow", "target": "77", "parameters": {{"x": {value}}}}}'
    refused = client.post("api/v1/requests", content=said, headers={"Content-Type": "application/json"})
    assert refused.status_code == 409 and "x" in refused.json()["error"]
    assert client.get("api/v1/requests").json() == []


def test_half_a_character_in_an_input_breaks_no_list_of_requests(client: httpx.Client) -> None:
    said = r'{"kind": "workflow", "target": "77", "parameters": {"题\ud83d": ["早\ud83d", "\ud83d\ude00"]}}'
    asked = client.post("api/v1/requests", content=said, headers={"Content-Type": "application/json"})
    assert (asked.status_code, asked.json()["parameters"]) == (201, {"题�": ["早�", "😀"]})
    assert client.get("api/v1/requests").json()[0]["id"] == asked.json()["id"]


@pytest.mark.parametrize("name", ["图" * 120 + ".png", "x" * 300 + ".png"])
def test_a_picture_with_a_long_name_stays_one(client: httpx.Client, name: str) -> None:
    assert client.post("api/v1/uploads", files={"file": (name, b"x")}).json()["name"].endswith(".png")
