"""kill -9 at the worst moments, then a restart."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory import draft, export, segment, track
from program import DEADLINE_S, coze_tray, environment, start, wait_until
from tray.simulator.chats import SimulatedChat
from tray.simulator.server import Simulator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
SAID = export(draft(track(segment())))


def caller(submitted: threading.Event, go_on: threading.Event) -> Simulator:
    """A bot whose submission hangs until `go_on`."""

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield chat.calls_tool("generate_draft", {"content": SAID})

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        if not go_on.is_set():
            submitted.set()
            go_on.wait(DEADLINE_S)
            raise ConnectionError
        yield from chat.says(next(iter(outputs.values())))
        yield from chat.completed()

    return Simulator(on_chat, on_outputs)


def test_killed_between_running_a_tool_and_submitting_its_output(tmp_path: Path, root: Path):
    submitted, go_on = threading.Event(), threading.Event()
    home = tmp_path / "home"
    with caller(submitted, go_on) as cloud:
        env = environment(home, COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t", COZE_TRAY_DRAFTS_DIR=str(root))
        asking = start("ask", "做一个视频", "--bot", "1", env=env)
        assert submitted.wait(DEADLINE_S)
        os.kill(asking.pid, signal.SIGKILL)
        asking.communicate()
        made = [path.name for path in root.iterdir()]
        first = cloud.received[-1]
        go_on.set()

        again = start("--headless", env=env)
        chat = next(iter(cloud.chats.values()))
        wait_until(lambda: chat.status == "completed", "the chat goes on after the restart")
        again.terminate()
        again.communicate(timeout=DEADLINE_S)

    assert made == [path.name for path in root.iterdir()] == ["测试"]
    submissions = [r for r in cloud.received if r.path == "/v3/chat/submit_tool_outputs"]
    assert [s.body["tool_outputs"] for s in submissions] == [first.body["tool_outputs"]] * 2
    assert [r.path for r in cloud.received].count("/v3/chat") == 1


def test_killed_between_moving_a_draft_in_and_storing_that(tmp_path: Path, root: Path):
    """The journal says "about to be moved in" while the draft is in place: it must not be built a second time."""
    submitted, go_on = threading.Event(), threading.Event()
    go_on.set()
    home = tmp_path / "home"
    with caller(submitted, go_on) as cloud:
        env = environment(home, COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t", COZE_TRAY_DRAFTS_DIR=str(root))
        assert coze_tray("ask", "做一个视频", "--bot", "1", env=env).returncode == 0
        with sqlite3.connect(home / "journal.db") as journal:  # as the crash would have left it
            journal.execute("UPDATE drafts SET written = 0")
            journal.execute("UPDATE tool_calls SET output = NULL")
            journal.execute("UPDATE requests SET state = 'running'")
        chat = next(iter(cloud.chats.values()))
        chat.status, chat.answers = "requires_action", []

        again = start("--headless", env=env)
        wait_until(lambda: chat.status == "completed", "the chat goes on after the restart")
        again.terminate()
        again.communicate(timeout=DEADLINE_S)

    assert [path.name for path in root.iterdir()] == ["测试"]
    assert json.loads(chat.answers[0]["content"])["status"] == "ok"


def test_a_killed_build_leaves_no_worker_and_the_next_start_sweeps(tmp_path: Path, root: Path, media):
    began, release = threading.Event(), threading.Event()

    def stall(_handler: object) -> None:
        began.set()
        release.wait(DEADLINE_S)

    file = tmp_path / "export.json"
    file.write_text(export(draft(track(segment("image", url=media.serve("/slow", stall))))), "utf-8")
    env = environment(tmp_path / "home", COZE_TRAY_ALLOW_HOSTS="127.0.0.1")
    building = start("build", str(file), "--drafts-dir", str(root), env=env)
    assert began.wait(DEADLINE_S)
    workers = wait_until(lambda: children(building.pid), "a worker process")
    os.kill(building.pid, signal.SIGKILL)
    building.communicate()
    release.set()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the worker ends with its parent")
    assert len(list(root.parent.iterdir())) == 2

    file.write_text(SAID, "utf-8")
    assert coze_tray("build", str(file), "--drafts-dir", str(root), env=env).returncode == 0
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_what_a_killed_build_left_is_swept_when_the_program_starts(tmp_path: Path, root: Path):
    left = root.parent / ".coze-tray-dead"
    (left / "draft").mkdir(parents=True)
    (left / "lock").touch()
    running = start("--headless", env=environment(tmp_path / "home", COZE_TRAY_DRAFTS_DIR=str(root)))
    wait_until(lambda: not left.exists(), "the left folder is swept")
    running.terminate()
    running.communicate(timeout=DEADLINE_S)


def children(pid: int) -> list[str]:
    if not Path("/proc").is_dir():
        pytest.skip("needs /proc")
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
