"""When the page's server ends: when nobody has looked for a while, in which the computer was awake."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import httpx
import pytest

from listening import Listening
from program import wait_until
from tray.simulator.server import Simulator
from tray.web import gate, server
from web import visit


@pytest.fixture
def program(listen: Callable[..., Listening], cloud: Simulator, monkeypatch: pytest.MonkeyPatch) -> Listening:
    monkeypatch.setattr(server, "IDLE_S", 1.0)
    return listen(cloud)


def test_nobody_looks_so_it_ends_and_is_begun_anew_when_the_page_is_opened(program: Listening) -> None:
    with visit(program.app) as client:
        wait_until(lambda: not program.app.page.serving, "the server's end")
        with pytest.raises(httpx.ConnectError):
            client.get("")
    with visit(program.app) as client:
        assert client.get("").status_code == 200


def test_who_follows_the_stream_looks(program: Listening) -> None:
    with visit(program.app) as client:
        with client.stream("GET", "api/v1/events") as stream:
            lines = stream.iter_lines()
            next(lines)
            time.sleep(1.5)
            assert program.app.page.serving
        wait_until(lambda: not program.app.page.serving, "the server's end")


def test_a_computer_that_has_slept_ends_no_page(program: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    slept_s = 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + slept_s, sleep=time.sleep)
    monkeypatch.setattr(server, "time", clock)
    monkeypatch.setattr(gate, "time", clock)
    with visit(program.app) as client:
        assert client.get("").status_code == 200
        slept_s = 3600.0
        time.sleep(0.5)
        assert client.get("api/v1/status").status_code == 200
        wait_until(lambda: not program.app.page.serving, "the server's end")
