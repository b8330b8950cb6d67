"""Tools and builds over the API: each call is a request of the program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from factory import draft, export, segment, track
from listening import Listening
from tray import events
from tray.simulator.server import Simulator
from web import visit

SAID = export(draft(track(segment())))


@pytest.fixture
def program(listen: Callable[..., Listening], cloud: Simulator) -> Listening:
    return listen(cloud, token=None)


@pytest.fixture
def client(program: Listening) -> Iterator[httpx.Client]:
    with visit(program.app) as client:
        yield client


def test_a_tool_is_a_request_that_is_followed(client, program):
    answer = client.post("api/v1/tools/generate_draft", json={"content": SAID}, params={"source": "clips.json"})
    assert answer.status_code == 202
    assert (answer.json()["kind"], answer.json()["title"]) == ("call", "Draft from clips.json")
    program.until(events.RequestDone, request_id=answer.json()["id"])
    now = client.get(f"api/v1/requests/{answer.json()['id']}").json()
    assert now["state"] == "done" and [one["name"] for one in now["drafts"]] == ["测试"]


def test_who_waits_is_told_what_the_tool_says(client, root):
    answer = client.post("api/v1/tools/generate_draft", json={"content": SAID}, params={"wait": 20})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["drafts"][0]["name"]) == ("ok", "测试")
    assert str(root) not in answer.text, "a cloud may have asked"


def test_a_content_that_is_json_instead_of_its_text_is_taken_too(client):
    answer = client.post("api/v1/tools/generate_draft", json={"content": json.loads(SAID)}, params={"wait": 20})
    assert answer.json()["status"] == "ok"


def test_what_a_tool_can_t_do_is_its_result(client):
    answer = client.post("api/v1/tools/generate_draft", json={"content": "{}"}, params={"wait": 20})
    assert answer.status_code == 200 and answer.json()["status"] == "error" and answer.json()["message"]


def test_wrong_arguments_are_refused_and_nothing_is_asked(client):
    for body in ({}, {"content": 5}, [1], "x", {"content": SAID, "output_folder": 1.5}):
        answer = client.post("api/v1/tools/generate_draft", json=body)
        assert answer.status_code == 422 and set(answer.json()) == {"error", "advice", "logid", "fields"}
    assert client.post("api/v1/tools/rm", json={}).status_code in (404, 405)
    assert client.get("api/v1/requests").json() == []


def test_tools_are_listed_with_what_they_take(client):
    [tool] = client.get("api/v1/tools").json()
    assert tool["name"] == "generate_draft" and "JianYing" in tool["description"]
    assert tool["arguments"]["required"] == ["content"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/octet-stream"])
def test_an_export_is_built_as_it_is(client, kind):
    body = b"\xef\xbb\xbf" + SAID.encode()
    answer = client.post("api/v1/builds?wait=20", content=body, headers={"Content-Type": kind})
    assert answer.json()["status"] == "ok"


def test_nothing_can_t_be_built(client):
    assert client.post("api/v1/builds", content=b" \n").status_code == 422
    assert client.post("api/v1/builds", content=b"\xff\x00\xff").status_code == 422
    assert client.get("api/v1/requests").json() == []


def test_who_waits_too_short_has_the_request_and_can_cancel_it(client, program, media):
    url = media.serve("/a.png", lambda _handler: program.app.closing.wait(5))
    answer = client.post("api/v1/builds?wait=0.2", content=export(draft(track(segment("image", url=url)))))
    assert answer.status_code == 202 and answer.json()["state"] in ("queued", "running")
    assert client.post(f"api/v1/requests/{answer.json()['id']}/cancel").json() == {"taken": True}
    program.until(events.RequestCancelled)
    program.app.closing.set()


def test_the_same_call_again_is_the_same_draft(client, root):
    def build(path, **body):
        return client.post(f"api/v1/{path}?wait=20", headers={"Idempotency-Key": path[:3]}, **body).json()

    first, again = (build("builds", content=SAID) for _time in range(2))
    assert first["status"] == "ok" and first == again
    by_tool = [build("tools/generate_draft", json={"content": SAID}) for _time in range(2)]
    assert by_tool[0] == by_tool[1]
    assert len(client.get("api/v1/requests").json()) == len([one for one in root.iterdir() if one.is_dir()]) == 2
