"""The page's server and its gate, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from listening import Listening
from tray.simulator.demo import simulator
from tray.simulator.server import Simulator
from web import told, visit


@pytest.fixture
def program(listen: Callable[..., Listening], cloud: Simulator) -> Listening:
    listening = listen(cloud, settings={"bot_id": "demo"})
    listening.app.listener.start()
    return listening


def test_the_address_opens_the_page_once(program: Listening) -> None:
    address = program.app.page.url(program.app)
    first = httpx.get(address)
    assert first.status_code == 303
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and f"Path={first.headers['location']}" in cookie
    assert httpx.get(address).status_code == 403


def test_who_has_no_cookie_or_another_one_sees_nothing(program: Listening) -> None:
    with visit(program.app) as client:
        assert client.get("").status_code == 200
        assert httpx.get(client.base_url).status_code == 403
        assert httpx.get(client.base_url, cookies={"coze-tray": "x"}).status_code == 403
        origin = client.headers["Origin"]
        assert httpx.get(origin).status_code == 404, "the path is as secret as the cookie"


def test_a_name_that_was_rebound_to_this_computer_is_refused(program: Listening) -> None:
    with visit(program.app) as client:
        port = urlsplit(client.headers["Origin"]).port
        for host in ("evil.example", f"evil.example:{port}", f"localhost:{port}", "127.0.0.1", f"127.0.0.1:{port}."):
            assert client.get("", headers={"Host": host}).status_code == 421


def test_another_page_can_t_do_anything_with_the_user_s_cookie(program: Listening) -> None:
    with visit(program.app) as client:
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"):
            answer = client.post("api/v1/requests", json={"prompt": "x"}, headers={"Origin": origin})
            assert answer.status_code == 403
        assert client.get("api/v1/status", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        client.headers.pop("Origin")
        assert client.post("api/v1/requests", json={"prompt": "x"}).status_code == 403
        assert client.get("api/v1/requests").json() == []


def test_what_is_asked_is_told_as_it_happens(listen: Callable[..., Listening]) -> None:
    with simulator() as cloud:
        program = listen(cloud, settings={"bot_id": "demo"})
        program.app.listener.start()
        with visit(program.app) as client:
            made = client.post("api/v1/requests", json={"prompt": "问"})
            assert made.status_code == 201
            seen = []
            for name, said in told(client, f"api/v1/requests/{made.json()['id']}/events"):
                seen.append((name, said))
                if name == "request" and said["state"] == "done":
                    break
        assert [draft["name"] for draft in seen[-1][1]["drafts"]] == ["Demo (a day in four scenes)"]
        answer = ""
        for name, said in seen:
            answer = (
                said["text"]
                if name == "request"
                else answer[: said["at"]] + said["delta"]
                if name == "text"
                else answer
            )
        assert answer == seen[-1][1]["text"]
