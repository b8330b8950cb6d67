"""kill -9 at every step of a request, from the queue to its end, then a restart: it ends as it would have."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import killed
from factory import draft, export, segment, track
from program import DEADLINE_S, environment, start, wait_until
from test_workflow_faults import RESUME, RUN, Flow, after_call, carries
from tray.simulator.chats import SimulatedChat
from tray.simulator.server import Simulator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
SAID = export(draft(track(segment())))
NOBODY_KNOWS = {"posting-but-nothing-sent", "created-but-not-journalled"}
CHAT = list(killed.POINTS)[: list(killed.POINTS).index("done-but-not-told") + 1]


def bot() -> Simulator:
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield from chat.says("马上做。")
        yield chat.calls_tool("generate_draft", {"content": SAID})

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        yield from chat.says(json.loads(next(iter(outputs.values())))["status"])
        yield from chat.completed()

    return Simulator(on_chat, on_outputs)


def kill_at(point: str, *arguments: str, env: dict[str, str]) -> None:
    """Run the program until it dies there."""
    done = subprocess.run(
        [sys.executable, killed.__file__, point, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def stored(home: Path) -> dict[str, Any]:
    """The one request in the journal."""
    with closing(sqlite3.connect(home / "journal.db")) as db:
        db.row_factory = sqlite3.Row
        (row,) = db.execute("SELECT * FROM requests")
        return {**dict(row), "failure": json.loads(row["failure"] or "{}")}


def told_to_run(home: Path, pid: int) -> bool:
    """Whether the program says where it can be reached; from then on it ends well when it is told to."""
    try:
        return json.loads((home / "running.json").read_text("utf-8"))["pid"] == pid
    except (OSError, ValueError):
        return False


def restarted(home: Path, env: dict[str, str]) -> dict[str, Any]:
    """Start the program again until the request is over. Returns the request."""
    again = start("--headless", env=env)
    try:
        wait_until(lambda: again.poll() is not None or told_to_run(home, again.pid), "the program runs")
        wait_until(lambda: again.poll() is not None or stored(home)["state"] in ("done", "failed"), "the request ends")
    finally:
        again.terminate()
        _out, err = again.communicate(timeout=DEADLINE_S)
    assert again.returncode == 0, err
    return stored(home)


@pytest.mark.parametrize("point", CHAT)
def test_a_bot_s_request_ends_as_it_would_have_when_the_program_is_killed_at(point: str, tmp_path: Path, root: Path):
    home = tmp_path / "home"
    with bot() as cloud:
        env = environment(home, COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t", COZE_TRAY_DRAFTS_DIR=str(root))
        kill_at(point, "ask", "做一个视频", "--bot", "1", env=env)
        request = restarted(home, env)

    paths = [received.path for received in cloud.received]
    submissions = [r.body["tool_outputs"] for r in cloud.received if r.path == "/v3/chat/submit_tool_outputs"]
    if point in NOBODY_KNOWS:
        assert (request["state"], request["failure"]["code"]) == ("failed", "lost")
        assert request["failure"]["again"]
        assert paths.count("/v3/chat") == (point == "created-but-not-journalled")
        assert not list(root.iterdir())
    else:
        assert request["state"] == "done"
        assert paths.count("/v3/chat") == 1
        assert [path.name for path in root.iterdir()] == ["测试"]
        assert submissions and all(outputs == submissions[0] for outputs in submissions), "the tool ran once"
        assert request["text"] == "马上做。\nok"
        assert next(iter(cloud.chats.values())).status == "completed"
    assert [path.name for path in root.parent.iterdir()] == [root.name], "nothing is left of a build"


@pytest.mark.parametrize(
    "point",
    ["posting-but-nothing-sent", "created", "first-answer-said", "waiting-but-not-journalled", "waiting", "tool-started",
     "draft-in-place-but-not-journalled", "tool-output-stored", "completed-but-not-journalled"],
)  # fmt: skip
def test_a_workflow_s_request_ends_as_it_can_when_the_program_is_killed_at(point: str, tmp_path: Path, root: Path):
    """Nobody can join a run's stream again; while it waits for an answer, it is safe."""
    home = tmp_path / "home"
    with Flow(carries, after_call) as flow:
        url = flow.cloud.base_url
        env = environment(home, COZE_API_BASE=url, COZE_API_TOKEN="t", COZE_TRAY_DRAFTS_DIR=str(root))
        kill_at(point, "workflow", "739", env=env)
        request = restarted(home, env)

    answers = [r.body["resume_data"] for r in flow.cloud.received if r.path == RESUME]
    failure = request["failure"].get("code"), request["failure"].get("again")
    waited = point in ("waiting", "tool-started", "draft-in-place-but-not-journalled", "tool-output-stored")
    if point == "posting-but-nothing-sent":
        assert failure == ("lost", True) and not flow.paths()
    else:
        assert flow.paths().count(RUN) == 1, "never run again in silence"
        assert bool(answers) == (waited or point == "completed-but-not-journalled")
        assert len(set(answers)) <= 1
        assert [path.name for path in root.iterdir()] == (["测试"] if answers else [])
    if waited:
        assert request["state"] == "done"
    elif point != "posting-but-nothing-sent":
        assert failure == ("cut", True)
        said = {"created": "", "completed-but-not-journalled": "马上做。\nok"}
        assert request["text"] == said.get(point, "马上做。"), "what it had said is kept"
