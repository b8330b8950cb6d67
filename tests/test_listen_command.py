"""`coze-tray listen`, here and by the program that runs; mailboxes that stand in the settings; kill -9 between."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit

from factory import draft, export, segment, track
from listening import Listening
from program import DEADLINE_S, coze_tray, environment, last_line, wait_until
from tray import events, instance, standing
from tray.asked import Asked
from tray.mailbox_command import cost, listen_always
from tray.settings import Settings
from tray.simulator.faults import Fault
from tray.simulator.mailbox import SimulatedMailbox
from tray.simulator.server import Simulator

CALL = "generate_draft", {"content": export(draft(track(segment())))}
KEYS = {"status", "text", "drafts", "error", "request_id"}
needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.fixture
def env(cloud: Simulator, tmp_path: Path, root: Path) -> dict[str, str]:
    return environment(
        tmp_path / "home", COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t", COZE_TRAY_DRAFTS_DIR=str(root)
    )


def device(box: SimulatedMailbox) -> str:
    wait_until(lambda: box.runs, "the mailbox is run")
    return str(box.runs[0].parameters["device"])


def settings_with(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text(text, "utf-8")


# By itself.


@needs_signals
def test_it_says_what_it_costs_shows_what_comes_and_ends_well_with_ctrl_c(begin, box, cloud, root):
    box.hold_s = 20
    listening = begin("listen", "77", "--interval", "hold", "--json")
    row = box.put(*CALL, device=device(box))
    bad = box.put("no_such_tool", {}, device=row.device)
    wait_until(lambda: bad.status == row.status == "done", "both are acknowledged")
    listening.send_signal(signal.SIGINT)
    out, err = listening.communicate(timeout=DEADLINE_S)
    assert listening.returncode == 0, err
    assert f"as {row.device};" in err and "1,500 runs a day" in err and "500 in all" in err and "no_such_tool" in err
    assert "测试" in out and "1 draft came. 1 item could not be built." in out
    said = json.loads(out.splitlines()[-1])
    assert set(said) == KEYS and (said["status"], said["error"]) == ("done", None)
    assert [receipt["name"] for receipt in said["drafts"]] == ["测试"]
    assert box.runs[0].workflow_id == "77"


def test_the_default_is_the_workflow_of_the_environment_and_none_is_said(env, begin, box):
    begin("listen", COZE_WORKFLOW_ID="88")
    device(box)
    assert box.runs[0].workflow_id == "88"
    done = coze_tray("listen", "--json", env={**env, "COZE_TRAY_HOME": env["COZE_TRAY_HOME"] + "2"})
    assert done.returncode == 1
    assert "COZE_WORKFLOW_ID" in last_line(done)["error"]["advice"]


@pytest.mark.parametrize("interval", ["0s", "soon", "-5s", ""])
def test_an_interval_that_is_none_is_said(interval, env, box):
    done = coze_tray("listen", "77", "--interval", interval, "--json", env=env)
    assert done.returncode == 1
    assert "interval" in last_line(done)["error"]["message"]
    assert not box.runs


def test_an_error_of_the_workflow_is_shown_and_it_goes_on(begin, box, cloud):
    cloud.faults.add(Fault("answer", "/v1/workflow/stream_run", body={"code": 4200, "msg": "nothing there"}, times=99))
    listening = begin("listen", "77")
    for line in listening.stderr:
        if "nothing there" in line:
            break
    assert listening.poll() is None


@pytest.mark.parametrize(
    ("interval_s", "cap", "words"),
    [(60.0, 1500, "every 60 s, 1,440 times"), (300.0, 1500, "every 5 min, 288 times"), (None, 1500, "1,500 runs"),
     (5.0, 100, "100 times"), (3600.0, 1500, "every 1 h, 24 times")],
)  # fmt: skip
def test_what_it_costs(interval_s, cap, words):
    assert words in cost(interval_s, cap) and "500 in all" in cost(interval_s, cap)


def test_without_a_keyring_it_says_what_mends_that_and_waits(begin):
    listening = begin("listen", "77", COZE_API_TOKEN="")
    for line in listening.stderr:
        if "has no keyring" in line and "set COZE_API_TOKEN" in line:
            break
    assert listening.poll() is None


# By the program that runs.


@needs_signals
def test_a_running_program_listens_for_it(begin, box, root, tmp_path):
    box.hold_s = 20
    running = begin("--headless")
    wait_until((tmp_path / "home" / "running.json").exists, "it runs")
    listening = begin("listen", "77", "--interval", "hold", "--json")
    row = box.put(*CALL, device=device(box))
    wait_until(lambda: row.status == "done", "it is acknowledged")
    listening.send_signal(signal.SIGINT)
    out, err = listening.communicate(timeout=DEADLINE_S)
    assert listening.returncode == 0, err
    assert [receipt["name"] for receipt in json.loads(out.splitlines()[-1])["drafts"]] == ["测试"]
    assert running.poll() is None


@needs_signals
def test_when_the_program_that_runs_ends_it_goes_on_by_itself(begin, box, root, tmp_path):
    running = begin("--headless")
    wait_until((tmp_path / "home" / "running.json").exists, "it runs")
    listening = begin("listen", "77", "--interval", "1s")
    name = device(box)
    running.terminate()
    running.communicate(timeout=DEADLINE_S)
    row = box.put(*CALL, device=name)
    wait_until(lambda: row.status == "done", "it is acknowledged")
    listening.send_signal(signal.SIGTERM)
    out, _err = listening.communicate(timeout=DEADLINE_S)
    assert listening.returncode == 0 and "1 draft came." in out


@pytest.fixture
def running(cloud: Simulator, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    """A program that listens, in this process."""
    monkeypatch.setattr(standing, "HEARTBEAT_S", 0.05)
    one = Listening(tmp_path / "home", root, cloud, resume=True)
    one.app.listener.start()
    yield one
    one.app.close()


def wanted(cloud: Simulator, interval_s: float | None = 0.05) -> standing.Wanted:
    asked = Asked(cloud.base_url, "workflow", "77", target="box")
    return standing.Wanted(asked, interval_s, 10_000, "box")


def quiet(box: SimulatedMailbox, while_s: float = 0.5) -> bool:
    """Whether the mailbox is run no more."""
    runs = len(box.runs)
    time.sleep(while_s)
    return len(box.runs) == runs


def test_the_mailbox_is_closed_when_the_process_that_asked_goes_away(running, box, cloud, tmp_path):
    address = instance.running(tmp_path / "home")
    heard = standing.listen_running(address, wanted(cloud))
    next(heard)
    row = box.put(*CALL, device=device(box))
    kinds = set()
    for event in heard:
        kinds.add(type(event))
        if isinstance(event, events.RequestDone):
            break
    assert {events.RequestStarted, events.DraftWritten, events.StateChanged} <= kinds
    wait_until(lambda: row.status == "done", "it is acknowledged")
    heard.close()  # as its process would, however it ends
    wait_until(lambda: quiet(box), "the mailbox is closed")


def test_two_that_listen_to_one_mailbox_run_it_once_until_the_last_is_gone(running, box, cloud, tmp_path):
    address = instance.running(tmp_path / "home")
    first, second = (standing.listen_running(address, wanted(cloud)) for _n in range(2))
    next(first)
    assert "already" in next(e for e in second if isinstance(e, events.Noticed)).text
    first.close()
    time.sleep(0.3)
    assert not quiet(box)
    second.close()
    wait_until(lambda: quiet(box), "the mailbox is closed")


def test_whoever_listens_hears_of_its_own_mailbox_alone(running, box, cloud, tmp_path):
    address = instance.running(tmp_path / "home")
    heard = standing.listen_running(address, wanted(cloud))
    next(heard)
    other = Asked(cloud.base_url, "item", "99", parameters={"id": "1", "tool": "no_such", "arguments": "{}"})
    journal = running.app.journal
    journal.add_request("other", other)
    running.app.listener.go_on("other")
    running.until(events.RequestFailed, request_id="other")
    box.put("no_such_tool", {}, device=device(box))
    failed = next(e for e in heard if isinstance(e, events.RequestFailed))
    assert failed.request_id != "other"
    heard.close()


def test_when_listening_is_stopped_it_ends_saying_so(running, cloud, tmp_path):
    heard = standing.listen_running(instance.running(tmp_path / "home"), wanted(cloud))
    next(heard)
    running.app.listener.stop()
    *_rest, last = heard
    assert isinstance(last, events.RequestFailed) and last.failure.code == "stopped"


# In the settings.


STANDING = """
# mine
[targets."信箱"]  # from Feishu
kind = "workflow"
id = "77"
listen = true   # costs calls
interval = "1s"
"""


def test_a_target_that_stands_in_the_settings_is_listened_to_whenever_the_program_runs(begin, box, root, tmp_path):
    settings_with(tmp_path / "home", STANDING + "[targets.off]\nkind = 'workflow'\nid = '78'\n")
    begin("--headless")
    row = box.put(*CALL, device=device(box))
    wait_until(lambda: row.status == "done", "it is acknowledged")
    assert {run.workflow_id for run in box.runs} == {"77"}


def test_what_is_asked_from_the_command_line_does_not_open_the_standing_mailboxes(env, box, tmp_path):
    settings_with(tmp_path / "home", STANDING)
    coze_tray("ask", "做一个视频", "--bot", "1", env=env)
    assert not box.runs


@needs_signals
def test_killed_between_building_and_acknowledging_it_is_acknowledged_and_not_built_again(begin, box, root, tmp_path):
    settings_with(tmp_path / "home", 'device = "desk"' + STANDING.replace("1s", "3s"))
    row = box.put(*CALL, device="desk")
    running = begin("--headless")
    wait_until(lambda: list(root.iterdir()), "the draft is there")
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert row.status == "pending"
    begin("--headless")
    wait_until(lambda: row.status == "done", "it is acknowledged")
    assert row.result["status"] == "ok"
    assert [path.name for path in root.iterdir()] == ["测试"]


def test_listening_always_is_written_after_it_was_agreed_to_and_comments_stay(env, tmp_path):
    home = tmp_path / "home"
    settings_with(home, STANDING.replace("listen = true   # costs calls\n", "device = 1 # x\n"))
    refused = coze_tray("targets", "listen", "信箱", "on", env=env, stdin="")
    assert refused.returncode == 1 and "--yes" in refused.stderr
    done = coze_tray("targets", "listen", "信箱", "on", "--interval", "5m", "--yes", env=env)
    assert done.returncode == 0 and "288 times" in done.stderr and "500 in all" in done.stderr
    text = (home / "settings.toml").read_text("utf-8")
    assert "# mine" in text and "# from Feishu" in text and "# x" in text
    target = settings_of(home).targets["信箱"]
    assert target.listen and target.interval == "5m"
    assert coze_tray("targets", "listen", "信箱", "off", env=env).returncode == 0
    assert not settings_of(home).targets["信箱"].listen


def settings_of(home: Path) -> Settings:
    return Settings.model_validate(tomlkit.parse((home / "settings.toml").read_text("utf-8")).unwrap())


@pytest.mark.parametrize(("name", "words"), [("none", "targets add"), ("bot", "is a bot")])
def test_only_a_named_workflow_can_be_listened_to_always(name, words, env, tmp_path):
    settings_with(tmp_path / "home", "[targets.bot]\nkind = 'bot'\nid = '5'\n")
    done = coze_tray("targets", "listen", name, "on", "--yes", env=env)
    assert done.returncode == 1 and words in done.stderr


def test_a_bot_that_is_to_be_listened_to_is_said_when_the_settings_are_read(env, tmp_path):
    settings_with(tmp_path / "home", "[targets.bot]\nkind = 'bot'\nid = '5'\nlisten = true\n")
    done = coze_tray("status", env=env)
    assert done.returncode == 1 and "targets.bot" in done.stderr and "only a workflow" in done.stderr


def test_a_running_program_begins_and_ends_listening_when_the_settings_say_so(running, box, cloud, tmp_path):
    home = tmp_path / "home"
    text = STANDING.replace('id = "77"', f'id = "77"\napi_base = "{cloud.base_url}"')
    settings_with(home, text.replace("listen = true", "listen = false"))
    listen_always("信箱", on=True, interval=None, yes=True)
    wait_until(lambda: box.runs, "the mailbox is run")
    listen_always("信箱", on=False, interval=None, yes=True)
    wait_until(lambda: quiet(box, 1.3), "the mailbox is closed")
