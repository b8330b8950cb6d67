"""Tool calls that begin on this computer: requests like any other, without any cloud."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import killed
from factory import draft, export, png, segment, send, track
from listening import Listening
from program import DEADLINE_S, coze_tray, environment, last_line
from test_kill_points import restarted, stored
from tray import app, events
from tray.asked import call_of
from tray.errors import TrayError
from tray.journal import Journal
from tray.running import title
from tray.simulator.server import Simulator

SAID = export(draft(track(segment())))
NO_UNIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


def arguments(said: str = SAID) -> str:
    return json.dumps({"content": said}, ensure_ascii=False)


@pytest.fixture
def nobody() -> Simulator:
    """A cloud that is not there."""
    with Simulator() as cloud:
        pass
    return cloud


def test_a_call_makes_its_draft_without_any_network_or_token(listen, nobody, root):
    one: Listening = listen(nobody, token=None)
    request_id = app.call(one.app, "generate_draft", arguments(), "clips.json")
    assert one.until(events.RequestStarted).title == "Draft from clips.json"
    assert one.until(events.DraftWritten).request_id == request_id
    done = one.until(events.RequestDone, request_id=request_id)
    assert "测试" in done.text
    assert [path.name for path in root.iterdir()] == ["测试"]
    assert not nobody.received
    assert not [state for state in one.of(events.StateChanged) if state.state in ("reconnecting", "sign_in", "error")]


def test_what_can_t_be_built_fails_with_its_reason_and_can_be_run_again(listen, nobody, root):
    one: Listening = listen(nobody)
    request_id = app.call(one.app, "generate_draft", arguments("{}"))
    failure = one.until(events.RequestFailed, request_id=request_id).failure
    assert failure.again and failure.message
    again = app.begin(one.app, app.NewRequest(app.asked_again(one.app.journal.request(request_id)), None))
    assert one.until(events.RequestFailed, request_id=again).failure == failure
    assert not list(root.iterdir())


def test_an_unknown_tool_and_arguments_that_are_none_are_told(listen, nobody):
    one: Listening = listen(nobody)
    app.call(one.app, "format_disk", "{}")
    assert "format_disk" in one.until(events.RequestFailed).failure.message
    app.call(one.app, "generate_draft", "nonsense \ud800", "\ud800")
    assert "JSON" in one.until(events.RequestFailed).failure.message


def stalled(media: Any) -> tuple[str, threading.Event, threading.Event]:
    """An export whose picture does not come; set when it was asked for; to be set for it to come."""
    asked, go_on = threading.Event(), threading.Event()

    def stall(handler: Any) -> None:
        asked.set()
        go_on.wait(DEADLINE_S)
        send(png())(handler)

    return export(draft(track(segment("image", url=media.serve("/slow", stall))))), asked, go_on


def test_its_progress_is_told_and_it_can_be_cancelled(listen, nobody, root, media):
    said, asked, go_on = stalled(media)
    one: Listening = listen(nobody)
    request_id = app.call(one.app, "generate_draft", arguments(said))
    assert one.until(events.MediaProgress, request_id=request_id).total == 1
    assert asked.wait(DEADLINE_S)
    assert app.cancel(one.app, request_id)
    one.until(events.RequestCancelled, request_id=request_id)
    go_on.set()
    assert not list(root.iterdir()) and list(root.parent.iterdir()) == [root]
    assert one.app.journal.request(request_id).state == "cancelled"


def test_a_stop_in_the_middle_does_not_count_as_a_crash(listen, nobody, root, media):
    said, asked, go_on = stalled(media)
    one: Listening = listen(nobody, resume=True)
    app.call(one.app, "generate_draft", arguments(said))
    for _n in range(4):
        assert asked.wait(DEADLINE_S)
        one.app.listener.stop(timeout_s=5)
        asked.clear()
        one.app.listener.start()
    go_on.set()
    one.until(events.RequestDone)
    assert [path.name for path in root.iterdir()] == ["测试"]


def test_one_during_which_the_program_was_killed_three_times_is_given_up(listen, nobody, root):
    one: Listening = listen(nobody, resume=True)
    one.app.journal.add_request("deadly", call_of("generate_draft", arguments()))
    assert [one.app.journal.start_call("deadly") for _n in range(3)] == [1, 2, 3]  # as three crashes leave it
    one.app.listener.start()
    assert "3 times" in one.until(events.RequestFailed, request_id="deadly").failure.message
    assert not one.of(events.ToolStarted) and not list(root.iterdir())


@NO_UNIX
@pytest.mark.parametrize(
    "point", ["queued", "begun", "tool-started", "draft-staged", "draft-in-place-but-not-journalled",
              "tool-run-but-output-not-stored", "tool-output-stored", "done-but-not-told"],
)  # fmt: skip
def test_a_killed_call_goes_on_and_builds_its_draft_once(point: str, tmp_path: Path, root: Path):
    home = tmp_path / "home"
    env = environment(home, COZE_TRAY_DRAFTS_DIR=str(root), COZE_API_BASE="http://127.0.0.1:9")
    home.mkdir()
    journal = Journal(home / "journal.db")
    journal.add_request("before", call_of("generate_draft", arguments(), "clips.json"))
    if point == "queued":
        journal.close()
    else:
        journal.close()
        command = [sys.executable, killed.__file__, point, "--headless"]
        died = subprocess.run(command, env=env, capture_output=True, timeout=DEADLINE_S, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr
    request = restarted(home, env)
    assert request["state"] == "done"
    assert [path.name for path in root.iterdir()] == ["测试"]
    assert list(root.parent.iterdir()) == [root]


def test_status_and_again_work_with_it_and_cancel_does(tmp_path: Path, root: Path):
    home = tmp_path / "home"
    env = environment(home, COZE_TRAY_DRAFTS_DIR=str(root), COZE_API_BASE="http://127.0.0.1:9")
    home.mkdir()
    journal = Journal(home / "journal.db")
    journal.add_request("drop", call_of("generate_draft", arguments(), "clips.json"))
    journal.close()
    assert "Draft from clips.json" in coze_tray("status", env=env).stdout
    assert "Draft from clips.json" in coze_tray("cancel", "drop", env=env).stdout
    assert stored(home)["state"] == "cancelled"
    again = coze_tray("again", "drop", "--json", env=env)
    assert again.returncode == 0, again.stderr
    assert last_line(again)["status"] == "done"
    assert [path.name for path in root.iterdir()] == ["测试"]


def test_many_in_the_background_leave_a_place_to_what_the_user_asks(listen, nobody, root, media):
    said, asked, go_on = stalled(media)
    one: Listening = listen(nobody)
    for _n in range(5):
        asked_for = replace(call_of("generate_draft", arguments(said)), background=True)
        app.begin(one.app, app.NewRequest(asked_for, None))
    assert asked.wait(DEADLINE_S)
    now = app.call(one.app, "generate_draft", arguments())
    one.until(events.RequestDone, request_id=now)
    go_on.set()
    for _n in range(5):
        one.until(events.RequestDone)


def test_its_content_is_let_go_after_a_month_and_that_is_said_when_it_is_asked_again(tmp_path: Path):
    path = tmp_path / "journal.db"
    journal = Journal(path)
    long = export(draft(track(segment(content="长" * 3000))))
    journal.add_request("old", call_of("generate_draft", arguments(long), "clips.json"))
    journal.done("old", "ok")
    journal.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE requests SET created_us = 1")
    journal = Journal(path)
    journal.let_go()
    request = journal.request("old")
    journal.close()
    assert len(json.dumps(request.asked.to_json())) < 1000
    assert title(request.asked) == "Draft from clips.json"
    with pytest.raises(TrayError, match="kept no longer"):
        app.asked_again(request)
