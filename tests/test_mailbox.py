"""Mailboxes against the simulated cloud: what it holds is built once and acknowledged, whatever happens."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from factory import draft, export, png, segment, send, track
from listening import Listening
from program import wait_until
from tray import app, events
from tray.asked import Asked
from tray.mailbox import Mailbox
from tray.mailbox_pace import MailboxPace
from tray.simulator.exchange import Frames
from tray.simulator.faults import Fault
from tray.simulator.mailbox import Row, SimulatedMailbox
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

SAID = export(draft(track(segment())))
CALL = "generate_draft", {"content": SAID}
QUICK_S = 0.05
NOON = time.mktime((2026, 3, 1, 12, 0, 0, 0, 0, -1))
RUN = "/v1/workflow/stream_run"


class Desk:
    """A listening program and one mailbox of its cloud, looked into at a quick pace."""

    def __init__(self, one: Listening, cloud: Simulator, *, interval_s: float | None = QUICK_S, **more: Any) -> None:
        self.one, self.app = one, one.app
        pace = MailboxPace(interval_s, hold_s=QUICK_S, longest_s=4 * QUICK_S)
        asked = Asked(cloud.base_url, "workflow", "77", parameters={"team": "a"}, target="box")
        self.mailbox = Mailbox("box", asked, "desk", more.pop("runs_a_day", 10_000), pace, nap_s=QUICK_S, **more)
        one.app.listener.open_mailbox(self.mailbox.key, self.mailbox)
        one.app.listener.start()

    def notices(self) -> list[str]:
        return [event.text for event in self.one.of(events.Noticed)]

    def states(self) -> list[str]:
        return [event.state for event in self.one.of(events.StateChanged)]

    def told(self, words: str) -> str:
        """The next notice with these words."""
        while words not in (text := self.one.until(events.Noticed).text):
            pass
        return str(text)


def done(row: Row) -> dict[str, Any]:
    """What the cloud was told of a row."""
    wait_until(lambda: row.status == "done", "the row is acknowledged")
    return dict(row.result)


def more_runs(box: SimulatedMailbox, n: int = 3) -> None:
    runs = len(box.runs)
    wait_until(lambda: len(box.runs) >= runs + n, f"{n} more runs")


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def stalled(media: Any) -> tuple[str, threading.Event, threading.Event]:
    """An export with a picture that is sent when told: the export, when it is asked for, and to be set to send it."""
    asked, go_on = threading.Event(), threading.Event()

    def reply(handler: Any) -> None:
        asked.set()
        go_on.wait(20)
        send(png())(handler)

    return export(draft(track(segment("image", url=media.serve("/slow.png", reply))))), asked, go_on


# What comes, and what the cloud is told of it.


def test_a_draft_put_down_in_the_cloud_arrives_and_is_acknowledged_with_its_result(listen, box, cloud, root):
    row = box.put(*CALL, device="desk")
    other = box.put(*CALL, device="elsewhere")
    desk = Desk(listen(cloud), cloud)
    receipt = desk.one.until(events.DraftWritten).receipt
    result = done(row)
    assert names(root) == [Path(receipt.path).name] == ["测试"]
    assert (result["id"], result["status"]) == (row.id, "ok") and "测试" in result["message"]
    assert result["drafts"][0]["name"] == "测试"
    assert str(root) not in json.dumps(result)  # the cloud is not told the user's paths
    assert other.status == "pending" and not other.deliveries
    assert box.runs[0].parameters == {"team": "a", "device": "desk", "limit": 20, "ack": "[]", "results": "[]"}


@pytest.mark.parametrize(
    ("address", "name"),
    [("{path}", "../../x"), ("file://{path}", "/tmp/x"), ("../outside/own.png", ".."), ("~/own.png", "a/b\\c")],
)
def test_an_item_reaches_no_file_of_this_computer_and_no_other_folder(
    address, name, listen, box, cloud, root, tmp_path
):
    own = tmp_path / "outside" / "own.png"
    own.parent.mkdir()
    own.write_bytes(png())
    pictured = draft(track(segment("image", url=address.format(path=own))), name="a")
    rows = [
        box.put("generate_draft", {"content": export(pictured)}, device="desk", id=f"{name}1"),
        box.put("generate_draft", {"content": export(draft(track(segment()), name=name))}, device="desk", id=name),
        box.put("generate_draft", {"content": SAID, "output_folder": str(tmp_path)}, device="desk", id=f"{name}2"),
    ]
    Desk(listen(cloud), cloud)
    refused, built, elsewhere = map(done, rows)
    assert (refused["status"], built["status"], elsewhere["status"]) == ("error", "ok", "error")
    assert own.read_bytes() == png() and {path.name for path in own.parent.iterdir()} == {"own.png"}
    assert len(names(root)) == 1 and names(root)[0].strip(".")
    assert not [path for path in root.rglob("*.png") if path.read_bytes() == png()]


def test_a_mailbox_with_nothing_in_it_is_no_state_of_its_own(listen, box, cloud):
    desk = Desk(listen(cloud), cloud)
    more_runs(box)
    assert desk.states() == ["idle"]
    assert desk.notices() == []


def test_drafts_as_they_are_arrive_under_their_own_ids(listen, box, cloud, root):
    box.output = lambda rows: [row.arguments for row in rows]
    one = {**draft(track(segment()), name="一"), "draft_id": "a-1"}
    two = {**draft(track(segment()), name="二"), "draft_id": "a-2"}
    rows = [box.put("", {"drafts": [one]}, device="desk", id="a-1"), box.put("", two, device="desk", id="a-2")]
    Desk(listen(cloud), cloud)
    assert [done(row)["status"] for row in rows] == ["ok", "ok"]
    assert names(root) == ["一", "二"]


def test_many_items_at_once_are_each_built_once(listen, box, cloud, root):
    rows = [
        box.put("generate_draft", {"content": export(draft(track(segment()), name=f"n{n}"))}, device="desk")
        for n in range(6)
    ]
    Desk(listen(cloud), cloud)
    for row in rows:
        done(row)
    assert names(root) == [f"n{n}" for n in range(6)]


# Once, however often it comes.


def test_an_item_that_comes_again_while_it_is_built_is_built_once(listen, box, cloud, root, media):
    said, asked, go_on = stalled(media)
    row = box.put("generate_draft", {"content": said}, device="desk")
    Desk(listen(cloud), cloud)
    assert asked.wait(20)
    wait_until(lambda: row.deliveries > 2, "it is delivered again")
    assert all(run.parameters["ack"] == "[]" for run in box.runs)
    go_on.set()
    assert done(row)["status"] == "ok"
    assert names(root) == ["测试"]


def test_an_item_that_comes_again_after_it_was_acknowledged_is_acknowledged_again(listen, box, cloud, root):
    row = box.put(*CALL, device="desk")
    desk = Desk(listen(cloud), cloud)
    first = done(row)
    wait_until(lambda: not desk.app.journal.items.to_acknowledge(desk.mailbox.key, 9), "that is taken")
    row.status, row.result = "pending", None
    assert done(row) == first
    assert names(root) == ["测试"]
    assert len(desk.one.of(events.DraftWritten)) == 1


def test_an_acknowledgement_is_sent_until_a_run_has_taken_it(listen, root):
    """A run that breaks off may not have done what it was told."""
    box = SimulatedMailbox()
    taken: list[str] = []

    def run(started: SimulatedRun) -> Frames:
        taken.append(started.parameters["ack"])
        if len(taken) == 3:
            yield from started.end([{"id": "9", "tool": "no_such_tool"}])
            raise ConnectionError
        for frame in box._run(started):
            yield frame
            if len(taken) < 6:
                raise ConnectionError

    with Simulator(routes=Workflows(run, lambda *_: ()).routes()) as cloud:
        desk = Desk(listen(cloud), cloud)
        desk.one.until(events.RequestFailed)
        wait_until(lambda: len(taken) > 9, "more runs")
    assert taken[:3] == ["[]"] * 3  # what a stream that was cut had said is kept: the item was run
    sent = taken.index('["9"]')
    last = max(n for n, ack in enumerate(taken) if ack == '["9"]')
    assert set(taken[sent : last + 1]) == {'["9"]'} and last >= 5  # the sixth was the first to end well
    assert set(taken[last + 1 :]) == {"[]"}
    assert "reconnecting" not in desk.states()


def test_what_a_workflow_never_marks_is_told_and_built_once(listen, box, cloud, root):
    box.honours_ack = False
    box.put(*CALL, device="desk")
    desk = Desk(listen(cloud), cloud)
    assert "ack" in desk.told("though")
    more_runs(box)
    assert [text for text in desk.notices() if "though" in text] == [desk.notices()[-1]]
    assert names(root) == ["测试"]


def test_stopped_between_building_and_acknowledging_it_is_acknowledged_after_a_restart(listen, box, cloud, root):
    row = box.put(*CALL, device="desk")
    desk = Desk(listen(cloud), cloud, interval_s=60.0)
    desk.one.until(events.RequestDone)
    desk.app.close()
    assert row.status == "pending"
    again = Desk(listen(cloud, resume=True), cloud)
    assert done(row)["status"] == "ok"
    assert names(root) == ["测试"] and not again.one.of(events.DraftWritten)


@pytest.mark.parametrize("resume", [True, False])
def test_killed_between_moving_the_draft_in_and_storing_that(listen, box, cloud, root, tmp_path, resume):
    row = box.put(*CALL, device="desk")
    desk = Desk(listen(cloud), cloud, interval_s=60.0)
    desk.one.until(events.RequestDone)
    desk.app.close()
    with sqlite3.connect(tmp_path / "home" / "journal.db") as journal:  # as the crash would have left it
        journal.execute("UPDATE drafts SET written = 0")
        journal.execute("UPDATE tool_calls SET output = NULL")
        journal.execute("UPDATE items SET result = NULL")
        journal.execute("UPDATE requests SET state = 'running'")
    journal.close()
    again = Desk(listen(cloud, resume=resume), cloud)
    assert done(row)["status"] == "ok"
    assert names(root) == ["测试"]
    assert not again.app.journal.unfinished()


# What fails.


def test_an_item_that_always_fails_is_run_once_told_and_acknowledged_with_its_error(listen, box, cloud, root):
    row = box.put("generate_draft", {"content": "no draft"}, device="desk")
    desk = Desk(listen(cloud), cloud)
    failed = desk.one.until(events.RequestFailed)
    assert failed.failure.again and "JSON" in failed.failure.message
    result = done(row)
    assert (result["id"], result["status"]) == (row.id, "error") and "JSON" in result["message"]
    more_runs(box)
    assert len(desk.one.of(events.RequestFailed)) == 1
    assert desk.app.journal.request(failed.request_id).state == "failed"
    assert not names(root)


def test_an_item_for_a_tool_that_is_not_here_is_acknowledged_with_that(listen, box, cloud):
    row = box.put("make_coffee", {}, device="desk")
    Desk(listen(cloud), cloud)
    assert "make_coffee" in done(row)["message"]


def test_a_failed_item_that_the_user_runs_again_is_told_anew(listen, box, cloud, root, media):
    url = media.serve("/p.png", send(b"no picture"))
    row = box.put("generate_draft", {"content": export(draft(track(segment("image", url=url))))}, device="desk")
    desk = Desk(listen(cloud), cloud)
    failed = desk.one.until(events.RequestFailed)
    assert done(row)["status"] == "error"
    media.serve("/p.png", send(png()))
    asked = app.asked_again(desk.app.journal.request(failed.request_id))
    list(app.ask(desk.app, app.NewRequest(asked, None)))
    wait_until(lambda: row.result["status"] == "ok", "the new result is told")
    assert names(root) == ["测试"]


def test_a_draft_of_which_a_part_is_missing_is_done_and_acknowledged_so(listen, box, cloud, root):
    said = export(draft(track(segment()), name="好"), draft(track(segment("image", url="http://10.0.0.1/x.png"))))
    row = box.put("generate_draft", {"content": said}, device="desk")
    desk = Desk(listen(cloud), cloud)
    desk.one.until(events.RequestDone)
    assert done(row)["status"] == "partial"
    assert names(root) == ["好"]


def test_an_item_during_which_the_program_was_killed_three_times_is_not_started_again(listen, box, cloud, root):
    row = box.put(*CALL, device="desk", id="deadly")
    desk = Desk(listen(cloud), cloud, interval_s=60.0)
    desk.one.until(events.RequestDone)
    desk.app.close()
    forget(desk)
    one = listen(cloud)
    starts = [one.app.journal.items.start(desk.mailbox.key, "deadly", request_of(one)) for _n in range(3)]
    assert starts == [1, 2, 3]  # as three crashes leave it
    again = Desk(one, cloud)
    assert "3 times" in again.one.until(events.RequestFailed).failure.message
    assert done(row)["status"] == "error"
    assert not again.one.of(events.ToolStarted)


def request_of(one: Listening) -> str:
    return one.app.journal.recent_requests(1)[0].id


def forget(desk: Desk) -> None:
    """Leave the item in the journal as if it had never been started."""
    with sqlite3.connect(Path(desk.app.instance._home) / "journal.db") as journal:
        journal.execute("DELETE FROM drafts")
        journal.execute("DELETE FROM tool_calls")
        journal.execute("UPDATE items SET result = NULL, starts = 0")
        journal.execute("UPDATE requests SET state = 'queued'")
    journal.close()


def test_a_stop_in_the_middle_does_not_count_as_a_crash(listen, box, cloud, root, media):
    said, asked, go_on = stalled(media)
    row = box.put("generate_draft", {"content": said}, device="desk")
    desk = Desk(listen(cloud), cloud)
    for _n in range(4):
        assert asked.wait(20)
        desk.app.listener.stop(timeout_s=5)
        assert row.status == "pending"
        asked.clear()
        desk.app.listener.start()
    go_on.set()
    assert done(row)["status"] == "ok"
    assert names(root) == ["测试"]


def test_while_the_journal_is_full_nothing_is_lost_or_acknowledged(listen, box, cloud, root):
    one = listen(cloud)
    db = one.app.journal._db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    lines = [segment(start=n * 2000, end=n * 2000 + 2000, content="长" * 900) for n in range(40)]
    row = box.put("generate_draft", {"content": export(draft(track(*lines)))}, device="desk")
    desk = Desk(one, cloud)
    assert "box" in desk.told("journal")
    assert desk.app.listener.state.state == "error"
    more_runs(box, 2)
    assert [text for text in desk.notices() if "journal" in text] == [desk.notices()[-1]]
    assert row.status == "pending" and not names(root)
    db.execute("PRAGMA max_page_count = 1000000")
    assert done(row)["status"] == "ok"
    assert names(root) == ["测试"]


def test_an_item_whose_draft_can_t_be_journaled_is_not_finished_and_built_once(listen, box, cloud, root, media):
    said, asked, go_on = stalled(media)
    row = box.put("generate_draft", {"content": said}, device="desk")
    desk = Desk(listen(cloud), cloud)
    db = desk.app.journal._db
    assert asked.wait(20)
    db.execute("PRAGMA query_only = 1")  # as a disk that takes no more
    go_on.set()
    failure = desk.one.until(events.RequestFailed).failure
    assert failure.kept and failure.code == "journal"
    assert row.status == "pending" and not names(root)
    db.execute("PRAGMA query_only = 0")
    assert done(row)["status"] == "ok"
    assert names(root) == ["测试"] and len(desk.one.of(events.DraftWritten)) == 1


def test_an_item_whose_request_is_over_without_a_result_is_acknowledged_with_why(listen, box, cloud):
    row = box.put(*CALL, device="desk", id="9")
    desk = Desk(listen(cloud), cloud, interval_s=60.0)
    desk.one.until(events.RequestDone)
    desk.app.close()
    with sqlite3.connect(Path(desk.app.instance._home) / "journal.db") as journal:
        journal.execute("UPDATE items SET result = NULL")
        journal.execute("UPDATE requests SET asked = '{', state = 'running'")  # a journal that was damaged
    journal.close()
    again = Desk(listen(cloud), cloud)
    assert again.one.until(events.RequestFailed).failure.code == "unreadable"
    result = done(row)
    assert result["status"] == "error" and "can't be read" in result["message"]
    more_runs(box)
    assert len(again.one.of(events.RequestFailed)) == 1


def test_the_drafts_of_old_items_do_not_stay_in_the_journal(listen, box, cloud, monkeypatch):
    row = box.put("generate_draft", {"content": export(draft(track(*[segment()] * 40)))}, device="desk")
    desk = Desk(listen(cloud), cloud, interval_s=60.0)
    ended = desk.one.until(events.RequestDone).request_id
    journal = desk.app.journal
    assert len(journal.request(ended).asked.parameters["arguments"]) > 2000
    later = time.time_ns() + 40 * 86_400 * 10**9
    monkeypatch.setattr("tray.journal.time.time_ns", lambda: later)
    journal.let_go()
    parameters = journal.request(ended).asked.parameters
    assert (parameters["id"], parameters["arguments"]) == (row.id, "")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"id": "7", "tool": 5}, "no name of a tool"),
        ({"id": "7", "tool": "generate_draft", "arguments": "x"}, "no JSON object"),
        ({"id": "7", "note": "x"}, "neither"),
        ({"draft_id": "7", "tracks": []}, "neither"),
    ],
)
def test_what_can_t_be_read_is_told_and_acknowledged_with_an_error(listen, box, cloud, entry, words):
    box.output = lambda rows: [entry for _row in rows]
    row = box.put("", None, device="desk", id="7")
    desk = Desk(listen(cloud), cloud)
    assert words in desk.told("can't be read")
    result = done(row)
    assert result["status"] == "error" and words in result["message"]
    more_runs(box)
    assert len(desk.notices()) == 1
    assert desk.app.journal.recent_requests() == []


def test_what_can_t_be_read_and_has_no_id_is_told_once(listen, box, cloud):
    box.output = lambda _rows: "没有草稿"
    desk = Desk(listen(cloud), cloud)
    more_runs(box)
    assert len(desk.notices()) == 1 and "没有草稿" in desk.notices()[0]


# How often it is run.


def test_a_mailbox_is_run_no_more_often_a_day_than_it_may_be_also_after_a_restart(listen, box, cloud):
    now = [NOON]
    desk = Desk(listen(cloud), cloud, runs_a_day=3, clock=lambda: now[0])
    told = desk.told("tomorrow")
    assert "3 times on 2026-03-01" in told
    assert len(box.runs) == 3
    desk.one.until(events.StateChanged, state="idle", detail=told)
    desk.app.close()
    again = Desk(listen(cloud), cloud, runs_a_day=3, clock=lambda: now[0])
    again.told("tomorrow")
    time.sleep(4 * QUICK_S)
    assert len(box.runs) == 3 and len(again.notices()) == 1
    row = box.put(*CALL, device="desk")
    now[0] += 86_400
    wait_until(lambda: row.deliveries, "the next day it is run again")
    assert again.one.until(events.StateChanged, state="idle", detail="")


def test_when_coze_s_quota_is_used_up_it_is_run_again_the_next_day(listen, box, cloud):
    now = [NOON]
    cloud.faults.add(Fault("answer", RUN, body={"code": 4008, "msg": "quota"}))
    desk = Desk(listen(cloud), cloud, clock=lambda: now[0])
    told = desk.told("quota")
    assert "2026-03-01" in told
    desk.one.until(events.StateChanged, state="idle", detail=told)
    time.sleep(4 * QUICK_S)
    assert not box.runs
    now[0] += 86_400
    more_runs(box)


def test_a_workflow_that_fails_each_time_is_told_once_and_run_rarely(listen, box, cloud):
    refused = Fault("answer", RUN, body={"code": 4200, "msg": "not found"}, times=4)
    cloud.faults.add(refused)
    desk = Desk(listen(cloud), cloud)
    assert "4200" in desk.told("box")
    assert desk.app.listener.state.state == "error"
    began = time.monotonic()
    wait_until(lambda: box.runs, "it is tried again")
    assert time.monotonic() - began > 3 * 3 * QUICK_S  # at its longest pause, not at its interval
    wait_until(lambda: desk.app.listener.state.state == "idle", "it is fine again")
    assert len(desk.notices()) == 1


def test_a_mailbox_that_asks_back_is_told(listen):
    def run(started: SimulatedRun) -> Frames:
        yield started.interrupt(2, "", title="问题")

    with Simulator(routes=Workflows(run, lambda *_: ()).routes()) as cloud:
        desk = Desk(listen(cloud), cloud)
        assert "README" in desk.told("box")


def test_a_busy_cloud_is_reconnecting_and_then_what_waits_comes(listen, box, cloud):
    cloud.faults.add(Fault("answer", RUN, status=429, times=1))
    row = box.put(*CALL, device="desk")
    desk = Desk(listen(cloud), cloud)
    assert desk.one.until(events.StateChanged, state="reconnecting").detail
    assert done(row)["status"] == "ok"
    assert desk.app.listener.state.state == "idle"
    assert desk.notices() == []


def test_a_cloud_that_never_says_a_word_is_reconnecting(listen, box, cloud):
    cloud.faults.add(Fault("reset_after", RUN, times=4))
    desk = Desk(listen(cloud), cloud)
    desk.one.until(events.StateChanged, state="reconnecting")
    desk.one.until(events.StateChanged, state="idle")
    more_runs(box)


def test_without_a_token_it_waits_until_the_user_has_signed_in(listen, box, cloud, monkeypatch):
    monkeypatch.setattr("tray.secrets.read", lambda _host: None)
    row = box.put(*CALL, device="desk")
    desk = Desk(listen(cloud, token=None), cloud)
    desk.one.until(events.StateChanged, state="sign_in")
    time.sleep(4 * QUICK_S)
    assert not cloud.received
    monkeypatch.setenv("COZE_API_TOKEN", "t")
    desk.app.listener.signed_in()
    assert done(row)["status"] == "ok"
    desk.one.until(events.StateChanged, state="idle")


def test_a_token_that_coze_refuses_makes_it_wait_too(listen, box, cloud):
    cloud.tokens = {"another"}
    row = box.put(*CALL, device="desk")
    desk = Desk(listen(cloud), cloud)
    desk.one.until(events.StateChanged, state="sign_in")
    received = len(cloud.received)
    cloud.tokens = None
    time.sleep(4 * QUICK_S)
    assert len(cloud.received) == received
    desk.app.listener.signed_in()
    assert done(row)["status"] == "ok"


# A workflow that waits by itself.


def test_a_workflow_that_waits_delivers_at_once_and_is_idle_meanwhile(listen, cloud, box):
    box.hold_s = 20
    desk = Desk(listen(cloud), cloud, interval_s=None)
    wait_until(lambda: box.runs, "its stream is open")
    time.sleep(4 * QUICK_S)
    assert len(box.runs) == 1 and desk.app.listener.state.state == "idle"
    row = box.put(*CALL, device="desk")
    assert done(row)["status"] == "ok"
    time.sleep(4 * QUICK_S)
    assert len(box.runs) <= 4


def test_a_workflow_that_waits_is_not_run_in_a_circle_while_its_item_is_built(listen, cloud, box, media):
    box.hold_s = 20
    said, asked, go_on = stalled(media)
    row = box.put("generate_draft", {"content": said}, device="desk")
    Desk(listen(cloud), cloud, interval_s=None)
    assert asked.wait(20)
    time.sleep(8 * QUICK_S)
    assert len(box.runs) == 2
    go_on.set()
    assert done(row)["status"] == "ok"


def test_a_stop_closes_its_stream_and_a_start_opens_it_again(listen, cloud, box):
    box.hold_s = 20
    desk = Desk(listen(cloud), cloud, interval_s=None)
    wait_until(lambda: box.runs, "its stream is open")
    began = time.monotonic()
    desk.app.listener.stop(timeout_s=5)
    assert time.monotonic() - began < 1
    desk.app.listener.start()
    wait_until(lambda: len(box.runs) == 2, "it is open again")


def test_the_pace_doubles_while_nothing_comes_and_is_the_interval_again_when_something_does():
    pace = MailboxPace(60.0)
    assert pace.left_s(0.0) == 0.0
    pauses = []
    for _n in range(6):
        pace.started(100.0)
        pace.nothing_came()
        pauses.append(pace.left_s(100.0))
    assert pauses == [120.0, 240.0, 480.0, 600.0, 600.0, 600.0]  # ten times at most
    pace.something_came()
    assert pace.left_s(130.0) == 30.0
    pace.failed(passes=False)
    assert pace.left_s(100.0) == 900.0
    pace.soon()
    assert pace.left_s(100.0) == 5.0


@pytest.mark.parametrize(("interval_s", "longest"), [(None, 50.0), (30.0, 300.0), (300.0, 900.0), (3600.0, 3600.0)])
def test_the_pace_is_never_slower_than_a_quarter_of_an_hour_nor_faster_than_the_interval(interval_s, longest):
    pace = MailboxPace(interval_s)
    for _n in range(10):
        pace.started(0.0)
        pace.nothing_came()
    assert pace.left_s(0.0) == longest
