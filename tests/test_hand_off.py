"""The socket over which one coze-tray hands its request on to another, and what comes over it that is none."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from program import DEADLINE_S, environment, start, wait_until
from tray import instance
from tray.errors import HandOffError
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

needs_unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has a pipe instead")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[instance.Instance]:
    held = instance.acquire(tmp_path / "home")
    assert held is not None
    yield held
    held.release()


def address(tmp_path: Path) -> instance.Address:
    found = instance.running(tmp_path / "home")
    assert found is not None
    return found


def echo(message: instance.Message) -> Iterator[instance.Message]:
    yield message


def test_what_takes_long_to_say_anything_is_not_taken_for_dead(held, tmp_path, monkeypatch):
    monkeypatch.setattr(instance, "ANSWER_WITHIN_S", 0.2)

    def slowly(message: instance.Message) -> Iterator[instance.Message]:
        time.sleep(0.6)  # as a request that waits until the four before it are done
        yield message

    held.serve(slowly)
    assert list(instance.hand_on(address(tmp_path), {"op": "x"})) == [{"op": "x"}]


def test_whoever_ends_without_an_answer_has_given_none(held, tmp_path):
    def breaks(_message: instance.Message) -> Iterator[instance.Message]:
        yield from ()
        raise RuntimeError

    held.serve(breaks)
    with pytest.raises(HandOffError):
        list(instance.hand_on(address(tmp_path), {"op": "answer"}))


def test_who_gives_up_the_lock_leaves_no_thread_behind(held, tmp_path):
    before = set(threading.enumerate())
    held.serve(echo)
    (waiting,) = set(threading.enumerate()) - before
    assert list(instance.hand_on(address(tmp_path), {"op": "x"})) == [{"op": "x"}]
    held.release()
    waiting.join(DEADLINE_S)
    assert not waiting.is_alive()


def test_twenty_megabytes_go_over_it(held, tmp_path):
    held.serve(echo)
    message = {"text": "长" * 7_000_000}
    assert list(instance.hand_on(address(tmp_path), message)) == [message]


@needs_unix
def test_garbage_ends_nothing(held, tmp_path):
    held.serve(echo)
    where = address(tmp_path).where
    threads = threading.active_count()
    for garbage in (
        b"",
        b"\0",
        os.urandom(4096),
        b"\x7f\xff\xff\xff",
        b"\xff\xff\xff\xff" + b"\x7f" * 8,
        b"GET / HTTP/1.1\r\n",
    ):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(where)
            knocking.sendall(garbage)
    assert list(instance.hand_on(address(tmp_path), {"op": "x"})) == [{"op": "x"}]
    wrong = instance.Address(os.getpid(), where, "0" * 64)
    with pytest.raises(HandOffError):
        list(instance.hand_on(wrong, {"op": "x"}))
    end = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < end:
        time.sleep(0.05)
    assert threading.active_count() <= threads


@needs_unix
def test_what_is_no_message_with_the_right_key_ends_nothing(held, tmp_path):
    from multiprocessing.connection import Client, answer_challenge, deliver_challenge

    held.serve(echo)
    at = address(tmp_path)
    for garbage in (b"", b"\xff", b"[", json.dumps([1]).encode(), b"null"):
        with Client(at.where, "AF_UNIX") as connection:
            answer_challenge(connection, at.key.encode())
            deliver_challenge(connection, at.key.encode())
            connection.send_bytes(garbage)
    assert list(instance.hand_on(at, {"op": "x"})) == [{"op": "x"}]


def test_who_owns_the_journal_stays_until_the_workflow_of_another_is_over(tmp_path):
    """Nobody could join it again."""
    go_on = threading.Event()

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("进度", "开始")
        go_on.wait(DEADLINE_S)
        yield from run.end("好")
        yield run.done()

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        wait_until(lambda: workflows.runs, "the workflow runs")
        yield from chat.says("完")
        yield from chat.completed()

    workflows = Workflows(on_run, lambda *_: [])
    with Simulator(on_chat, lambda *_: [], routes=workflows.routes()) as cloud:
        home = tmp_path / "home"
        env = environment(home, COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t")
        owner = start("ask", "问", "--bot", "1", env=env)
        wait_until((home / "running.json").exists, "it runs")
        guest = start("workflow", "2", "--json", env=env)
        assert owner.stdout is not None
        assert owner.stdout.readline() == "完\n"
        time.sleep(0.5)
        assert owner.poll() is None
        go_on.set()
        said, _errors = guest.communicate(timeout=DEADLINE_S)
        assert (guest.returncode, json.loads(said.splitlines()[-1])["text"]) == (0, "开始\n好")
        _said, errors = owner.communicate(timeout=DEADLINE_S)
        assert owner.returncode == 0 and "Ctrl-C" in errors
    assert len(workflows.runs) == 1
