"""One coze-tray per user: what ends, starts and asks the one that runs, what a second start does, and what a crash
leaves. In real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from factory import draft, export, png, segment, send, track
from program import DEADLINE_S, coze_tray, environment, last_line, wait_until
from tray import control, instance
from tray.errors import HandOffError
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "我的 家"


@pytest.fixture
def env(home: Path, root: Path) -> dict[str, str]:
    return environment(
        home, COZE_API_TOKEN="t", COZE_API_BASE="http://127.0.0.1:1", COZE_TRAY_DRAFTS_DIR=str(root), DISPLAY="",
        COZE_TRAY_ALLOW_HOSTS="127.0.0.1",
    )  # fmt: skip


@pytest.fixture
def running(begin: Callable[..., subprocess.Popen[str]], home: Path) -> subprocess.Popen[str]:
    process = begin("--headless")
    wait_until((home / "running.json").exists, "it runs")
    return process


def said(*arguments: str, env: dict[str, str]) -> tuple[int, str]:
    """The exit code of a command, and all that it said."""
    done = coze_tray(*arguments, env=env)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def waiting(gate: threading.Event) -> Simulator:
    """A cloud whose bots answer when the gate opens, and whose workflows end then."""

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        yield from chat.says("稍等")
        gate.wait(DEADLINE_S)
        yield from chat.completed()

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("进度", "开始")
        gate.wait(DEADLINE_S)
        yield from run.end("好")
        yield run.done()

    return Simulator(on_chat, lambda *_: [], routes=Workflows(on_run, lambda *_: []).routes())


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


# Quit.


def test_quit_waits_until_the_program_is_gone(running, env, home):
    code, text = said("quit", env=env)
    assert code == 0 and f"process {running.pid}" in text
    held = instance.acquire(home)
    assert held is not None, "the lock is free when quit returns"
    held.release()
    assert running.wait(DEADLINE_S) == 0


def test_quitting_what_does_not_run_is_done(env):
    assert said("quit", env=env) == (0, "coze-tray is not running.\n")
    done = last_line(coze_tray("quit", "--json", env=env))
    assert done == {"status": "done", "was_running": False, "pid": None}


def test_quit_lets_a_request_go_on_where_it_was_asked(begin, env, gate, home):
    """Only the program ends; who asked goes on with the same chat, by itself."""
    with waiting(gate) as cloud:
        first = begin("--headless", COZE_API_BASE=cloud.base_url)
        wait_until((home / "running.json").exists, "it runs")
        asking = begin("ask", "问", "--bot", "1", "--json", COZE_API_BASE=cloud.base_url)
        wait_until(lambda: cloud.chats, "it is asked")
        assert said("quit", env=env)[0] == 0
        assert first.wait(DEADLINE_S) == 0
        gate.set()
        out, errors = asking.communicate(timeout=DEADLINE_S)
        assert asking.returncode == 0, errors
        assert json.loads(out.splitlines()[-1])["text"] == "稍等" and len(cloud.chats) == 1


def test_an_ask_in_a_terminal_is_not_killed_by_quit(begin, env, gate):
    with waiting(gate) as cloud:
        asking = begin("ask", "问", "--bot", "1", COZE_API_BASE=cloud.base_url)
        wait_until(lambda: cloud.chats, "it is asked")
        for command in ("quit", "stop", "start"):
            code, text = said(command, env=env)
            assert code == 1 and f"process {asking.pid}" in text and "Ctrl-C" in text
        code, text = said(env=env)
        assert code == 1 and f"process {asking.pid}" in text and "when that is over" in text
        gate.set()
        assert asking.wait(DEADLINE_S) == 0


def test_quit_ends_a_listen_as_ctrl_c_does(begin, env, box, cloud):
    listening = begin("listen", "77", "--interval", "hold", "--json", COZE_API_BASE=cloud.base_url)
    wait_until(lambda: box.runs, "the mailbox is run")
    assert said("quit", env=env)[0] == 0
    out, errors = listening.communicate(timeout=DEADLINE_S)
    assert listening.returncode == 0, errors
    assert json.loads(out.splitlines()[-1])["status"] == "done"


def test_quit_says_that_it_cuts_a_workflow(begin, env, gate, home):
    with waiting(gate) as cloud:
        first = begin("--headless", COZE_API_BASE=cloud.base_url)
        wait_until((home / "running.json").exists, "it runs")
        begin("workflow", "7", COZE_API_BASE=cloud.base_url)
        wait_until(lambda: cloud.received, "it is run")
        code, text = said("quit", env=env)
        assert code == 0 and "nobody can join it again" in text and "has ended" in text
        assert first.wait(DEADLINE_S) == 0


@needs_signals
def test_a_program_that_hangs_is_named_with_what_to_do(running, env, monkeypatch, home):
    monkeypatch.setattr(instance, "ANSWER_WITHIN_S", 0.05)
    monkeypatch.setattr(instance, "OPENING_S", 0.05)
    monkeypatch.setenv("COZE_TRAY_HOME", str(home))
    running.send_signal(signal.SIGSTOP)
    try:
        for what in (control.quit_, control.stop, control.start) * 8:  # more than may wait in line
            with pytest.raises(HandOffError) as error:
                what()
            assert str(running.pid) in error.value.message and f"kill {running.pid}" in error.value.advice
    finally:
        running.send_signal(signal.SIGCONT)


# Start and stop.


def test_start_starts_a_program_of_its_own_and_stop_and_start_let_it_listen(env, home):
    started = last_line(coze_tray("start", "--json", env=env))
    try:
        assert not started["was_running"] and started["listening"]
        again = last_line(coze_tray("start", "--json", env=env))
        assert again["was_running"] and again["pid"] == started["pid"]
        if hasattr(os, "getsid"):
            assert os.getsid(started["pid"]) == started["pid"], "it does not go with the terminal"
        assert last_line(coze_tray("stop", "--json", env=env)) == {
            "status": "done",
            "was_running": True,
            "listening": False,
        }
        assert last_line(coze_tray("status", "--json", env=env))["state"] == "stopped"
        assert said("stop", env=env)[1].startswith("coze-tray was not listening.")
        assert said("start", env=env) == (0, f"coze-tray listens (process {started['pid']}).\n")
    finally:
        assert last_line(coze_tray("quit", "--json", env=env))["quits"]


def test_stopping_what_does_not_run_is_done(env):
    assert said("stop", env=env)[0] == 0


def test_a_program_that_can_t_be_started_says_why(env, home):
    home.mkdir()
    (home / "settings.toml").write_text("nonsense = [", "utf-8")
    code, text = said("start", env={**env, "COZE_TRAY_HOME": str(home)})
    assert code == 1 and "settings.toml" in text


def test_stop_says_that_it_cuts_a_workflow(begin, env, gate, home):
    with waiting(gate) as cloud:
        begin("--headless", COZE_API_BASE=cloud.base_url)
        wait_until((home / "running.json").exists, "it runs")
        asking = begin("workflow", "7", COZE_API_BASE=cloud.base_url)
        wait_until(lambda: cloud.received, "it is run")
        code, text = said("stop", env=env)
        assert code == 0 and "nobody can join it again" in text and "listens no more" in text
        assert asking.wait(DEADLINE_S) == 1


# Status.


def test_status_tells_of_the_running_program_live(begin, env, media, gate, home):
    def slowly(handler: Any) -> None:
        gate.wait(DEADLINE_S)
        send(png())(handler)

    urls = [media.serve("/a.png", png()), media.serve("/b.png", slowly), media.serve("/c.png", slowly)]
    pictures = [segment("image", n * 1000, n * 1000 + 1000, url=url) for n, url in enumerate(urls)]

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        yield chat.calls_tool("generate_draft", {"content": export(draft(track(*pictures)))})

    def on_outputs(chat: SimulatedChat, _outputs: dict[str, str]) -> Frames:
        yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        running = begin("--headless", COZE_API_BASE=cloud.base_url)
        asking = begin("ask", "三张图", "--bot", "1", COZE_API_BASE=cloud.base_url)
        wait_until(lambda: "1 of 3 media" in said("status", env=env)[1], "one of three is here")
        found = last_line(coze_tray("status", "--json", env=env))
        program = found["program"]
        assert (program["pid"], program["listening"], program["icon"], program["stays"]) == (
            running.pid,
            True,
            False,
            True,
        )
        assert found["state"] == program["state"]["state"] == "working"
        (one,) = program["requests"]
        assert (one["title"], one["done"], one["total"]) == ("三张图", 1, 3)
        text = said("status", env=env)[1]
        assert f"process {running.pid}, without an icon, since" in text and "三张图" in text
        gate.set()
        assert asking.wait(DEADLINE_S) == 0


# A second start.


@pytest.mark.parametrize("arguments", [(), ("--headless",)])
def test_a_second_start_is_no_error(arguments, running, env):
    code, text = said(*arguments, env=env)
    assert code == 0 and "runs already, without an icon" in text
    assert running.poll() is None


def test_two_that_are_started_in_the_same_moment_are_one(begin, env):
    both = [begin("--headless"), begin("--headless")]
    wait_until(lambda: any(one.poll() is not None for one in both), "one hands over")
    (first,) = [one for one in both if one.poll() is None]
    (second,) = [one for one in both if one is not first]
    assert second.returncode == 0 and "runs already" in second.communicate()[1]
    assert said("quit", env=env)[0] == 0
    assert first.wait(DEADLINE_S) == 0


def test_who_asks_while_the_program_is_just_opening_waits_for_it(home, monkeypatch):
    held = instance.acquire(home)
    assert held is not None

    def answer(message: instance.Message) -> Iterator[instance.Message]:
        yield message

    serving = threading.Timer(0.5, held.serve, [answer])
    serving.start()
    assert instance.reach(home, {"op": "x"}) == {"op": "x"}
    held.release()


# What a crash leaves.


@needs_signals
def test_after_a_kill_the_next_start_runs(running, begin, env, home):
    running.send_signal(signal.SIGKILL)
    running.wait(DEADLINE_S)
    assert (home / "running.json").exists()
    assert said("quit", env=env)[1] == "coze-tray is not running.\n"
    next_one = begin("--headless")
    wait_until(lambda: f"process {next_one.pid}" in said("status", env=env)[1], "it runs")


@needs_signals
def test_what_a_kill_left_is_not_taken_for_the_next_program(running, home):
    """Between its lock and its socket, too."""
    running.send_signal(signal.SIGKILL)
    running.wait(DEADLINE_S)
    held = instance.acquire(home)
    assert held is not None
    assert instance.running(home) is None and instance.holder(home) == os.getpid()
    held.release()
    assert instance.holder(home) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a pipe instead")
def test_files_of_a_program_that_is_another_now_are_no_trouble(begin, env, home):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    home.mkdir(parents=True)
    dead = home / "coze-tray.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(dead))
    (home / "running.json").write_text(json.dumps({"pid": other.pid, "where": str(dead), "key": "0" * 64}), "utf-8")
    (home / "coze-tray.pid").write_text(str(other.pid), "utf-8")
    try:
        assert said("status", env=env)[1].startswith("Program: not running\n")
        first = begin("--headless")
        wait_until(lambda: f"process {first.pid}" in said("status", env=env)[1], "it runs")
        assert said("quit", env=env)[0] == 0
        assert other.poll() is None, "the other program is left alone"
    finally:
        other.communicate()


def test_who_holds_the_lock_and_never_answers_is_named(home, monkeypatch):
    monkeypatch.setattr(instance, "OPENING_S", 0.2)
    held = instance.acquire(home)
    assert held is not None
    began = time.monotonic()
    with pytest.raises(HandOffError) as error:
        instance.reach(home, {"op": "state"})
    assert time.monotonic() - began < 2
    assert f"process {os.getpid()}" in error.value.message
    held.release()


# Cancel.


def test_cancel_ends_the_one_that_runs_and_whoever_waits_for_it(begin, env, gate, home):
    with waiting(gate) as cloud:
        begin("--headless", COZE_API_BASE=cloud.base_url)
        wait_until((home / "running.json").exists, "it runs")
        asking = begin("ask", "问", "--bot", "1", "--json", COZE_API_BASE=cloud.base_url)
        wait_until(lambda: cloud.chats, "it is asked")
        cancelled = last_line(coze_tray("cancel", "--json", env=env))["cancelled"]
        out, errors = asking.communicate(timeout=DEADLINE_S)
        ended = json.loads(out.splitlines()[-1])
        assert asking.returncode == 1 and "The request was cancelled." in errors and "Traceback" not in errors
        assert (ended["status"], ended["error"]["code"]) == ("cancelled", "cancelled")
        assert cancelled == [{"request_id": ended["request_id"], "prompt": "问"}]
        assert f"coze-tray again {ended['request_id']}" in errors
        listed = last_line(coze_tray("status", "--json", env=env))["requests"]
        assert [one["state"] for one in listed] == ["cancelled"]
        code, text = said("cancel", ended["request_id"], env=env)
        assert code == 1 and "is over already" in text


def test_cancel_reaches_a_request_that_is_asked_in_another_terminal(begin, env, gate):
    with waiting(gate) as cloud:
        asking = begin("workflow", "7", "--json", COZE_API_BASE=cloud.base_url)
        wait_until(lambda: cloud.received, "it is run")
        assert said("cancel", env=env)[0] == 0
        out, _errors = asking.communicate(timeout=DEADLINE_S)
        assert asking.returncode == 1 and json.loads(out.splitlines()[-1])["status"] == "cancelled"


def test_who_listens_to_a_mailbox_hears_of_a_cancelled_item(begin, env, box, cloud, media, gate):
    def slowly(handler: Any) -> None:
        gate.wait(DEADLINE_S)
        send(png())(handler)

    said_of_it = export(draft(track(segment("image", url=media.serve("/a.png", slowly)))))
    listening = begin("listen", "77", "--interval", "1s", COZE_API_BASE=cloud.base_url)
    wait_until(lambda: box.runs, "the mailbox is run")
    row = box.put("generate_draft", {"content": said_of_it}, device=str(box.runs[0].parameters["device"]))
    wait_until(lambda: media.hits, "its media is asked for")
    assert said("cancel", env=env)[0] == 0
    wait_until(lambda: row.status == "done", "it is acknowledged")
    assert row.result["status"] == "cancelled"
    assert said("quit", env=env)[0] == 0
    _out, errors = listening.communicate(timeout=DEADLINE_S)
    assert "An item was cancelled" in errors


def test_cancel_without_a_program_cancels_what_is_kept(env, home):
    for prompt in ("一", "二"):
        coze_tray("ask", prompt, "--bot", "1", "--wait", "0.1", env=env)
    code, text = said("cancel", env=env)
    assert code == 1 and "一" in text and "二" in text and "--all" in text
    kept = last_line(coze_tray("status", "--json", env=env))["requests"]
    assert [one["state"] for one in kept] == ["running", "running"]
    assert said("cancel", kept[0]["request_id"], env=env) == (0, f"Cancelled: {kept[0]['request_id']}  二\n")
    assert len(last_line(coze_tray("cancel", "--all", "--json", env=env))["cancelled"]) == 1
    assert said("cancel", env=env) == (0, "Nothing runs or waits that could be cancelled.\n")
    code, text = said("cancel", "nothing", env=env)
    assert code == 1 and "no request nothing" in text
