"""Files in the inbox become requests, each of them once, whatever happens."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import killed
from factory import draft, export, segment, track
from listening import Listening
from program import DEADLINE_S, environment, start, wait_until
from tray import app, events, targets
from tray.errors import TrayError
from tray.settings import Settings
from tray.settings_target import Target
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows
from tray.sources import inbox, inbox_files

SAID = export(draft(track(segment())))
TARGETS = {
    "热点": Target(kind="bot", id="222"),
    "成片": Target(kind="workflow", id="739", parameters={"style": "快", "n": 1}),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "QUIET_S", 0.3)


@pytest.fixture
def flow() -> Iterator[tuple[Simulator, Workflows]]:
    """A cloud whose bot says what it was asked ("等": never), and whose workflow says its parameters; "坏" fails."""

    over = threading.Event()

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        while chat.prompt == "等" and not over.wait(0.02):
            yield b": ping\n\n"
        yield from chat.says(f"收到：{chat.prompt}")
        yield from chat.completed()

    def on_run(run: SimulatedRun) -> Frames:
        if run.parameters.get("title") == "坏":
            yield run.error(5000, "no such title")
            return
        yield from run.end(json.dumps(run.parameters, ensure_ascii=False))
        yield run.done()

    flows = Workflows(on_run, lambda *_: [])
    with Simulator(on_chat, lambda *_: [], routes=flows.routes()) as cloud:
        yield cloud, flows
        over.set()


@pytest.fixture
def box(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def listening(listen: Callable[..., Listening], cloud: Simulator, box: Path, **more: Any) -> Listening:
    said = {"inbox": box, "targets": TARGETS, "bot_id": "111", "workflow_id": "738", **more}
    one = listen(cloud, resume=True, settings=said)
    one.app.listener.start()
    return one


def result(box: Path, name: str) -> str:
    """What stands beside that file, once it is there and the file with it."""
    place = box / name
    where = place.relative_to(box).parts[0]
    beside = place.with_name(f"{place.name}.{where}.txt")
    wait_until(lambda: place.exists() and beside.exists(), f"{name} is put away")
    wait_until(lambda: not list((box / "working").iterdir()), "nothing is left in working")
    return beside.read_text("utf-8")


def test_a_prompt_is_asked_of_the_default_bot_and_its_answer_stands_beside_it(listen, flow, box):
    cloud, _flows = flow
    one = listening(listen, cloud, box)
    (box / "想法.txt").write_text("\ufeff做一个视频\n", "utf-8")
    assert "收到：做一个视频" in result(box, "done/想法.txt")
    assert not (box / "想法.txt").exists()
    assert one.app.journal.recent_requests()[0].asked.target_id == "111"


def test_one_in_a_folder_named_like_a_target_is_asked_of_that(listen, flow, box):
    cloud, _flows = flow
    one = listening(listen, cloud, box)
    (box / "热点").mkdir()
    (box / "热点" / "idea.md").write_text("做一个视频", "gb18030")
    assert "收到：做一个视频" in result(box, "done/热点/idea.md")
    asked = one.app.journal.recent_requests()[0].asked
    assert (asked.target_id, asked.target) == ("222", "热点")


def test_an_export_becomes_a_draft_without_the_cloud(listen, box, root):
    with Simulator() as cloud:
        pass
    listening(listen, cloud, box, bot_id="")
    (box / "clips.json").write_text(SAID, "utf-8")
    assert str(root / "测试") in result(box, "done/clips.json")
    assert [path.name for path in root.iterdir()] == ["测试"]


def test_a_table_is_one_run_a_row_and_a_line_says_of_each_what_became_of_it(listen, flow, box):
    cloud, flows = flow
    listening(listen, cloud, box)
    rows = 'title,count:,style\n第一,3,\n坏,,慢\n\n"第\n三",[1],慢\n'
    (box / "成片").mkdir()
    (box / "成片" / "batch.csv").write_text(rows, "utf-8-sig")
    lines = result(box, "failed/成片/batch.csv").splitlines()
    assert [line.split("|")[0].strip() for line in lines] == ["Line 2: done", "Line 3: failed", "Line 6: done"]
    assert "no such title" in lines[1]
    assert sorted((run.parameters for run in flows.runs), key=str) == sorted(
        [
            {"style": "快", "n": 1, "title": "第一", "count": 3},
            {"style": "慢", "n": 1, "title": "坏"},
            {"style": "慢", "n": 1, "title": "第\n三", "count": [1]},
        ],
        key=str,
    )
    assert {run.workflow_id for run in flows.runs} == {"739"}


@pytest.mark.parametrize("how", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_a_table_is_read_as_excel_in_china_writes_it(how, listen, flow, box):
    cloud, flows = flow
    listening(listen, cloud, box)
    text = "标题\t风格\r\n你好，世界\t快\r\n" if how == "utf-16" else '标题,风格\r\n"你好，世界",快\r\n'
    (box / "表.csv").write_bytes(text.encode(how))
    result(box, "done/表.csv")
    assert [run.parameters for run in flows.runs] == [{"标题": "你好，世界", "风格": "快"}]
    assert flows.runs[0].workflow_id == "738"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.txt", b" \n", "nothing in it"),
        ("a.txt", b"\x00\xff\xff\xff", "no text"),
        ("a.txt", b"x" * 1_000_001, "too big"),
        ("a.json", b"{}", "no draft|drafts"),
        ("a.json", b"nonsense", "JSON"),
        ("a.csv", b"a,a\n1,2\n", "the name “a”"),
        ("a.csv", b"a,,b\n1,2,3\n", "Column 2"),
        ("a.csv", b"a\n1,2\n", "Line 2: it has more cells"),
        ("a.csv", b"a\n", "no row"),
        ("a.csv", b'a\n"1\n', "Line"),
        ("a.csv", b"a:\nx\n", "Line 2"),
        ("a.csv", b"a\n" + b"1\n" * 1001, "more than 1000 rows"),
        ("a.xlsx", b"PK", "Save it as .csv"),
        ("nobody/a.txt", b"x", "no target “no body”|no target"),
        ("成片/a.txt", b"x", "is a workflow"),
        ("热点/a.csv", b"a\n1\n", "can't be asked by a table"),
    ],
)  # fmt: skip
def test_what_can_t_be_asked_is_told_beside_it_and_nothing_of_it_is_asked(name, data, words, listen, flow, box):
    cloud, _flows = flow
    name = name.replace("nobody", "no body")
    one = listening(listen, cloud, box)
    (box / name).parent.mkdir(exist_ok=True)
    (box / name).write_bytes(data)
    text = result(box, f"failed/{name}")
    assert any(word in text for word in words.split("|")), text
    assert not cloud.received
    assert one.of(events.Noticed) + one.of(events.RequestFailed), "it is told"


@pytest.mark.parametrize("name", ["x=@{place}/a:", "x=1:", "@{place}:", "a\x1b[2J", '"a\nb"', ":", "a,a:"])
def test_a_table_s_names_can_t_have_a_file_read(name, tmp_path):
    (tmp_path / "a:=b").mkdir()
    (tmp_path / "secret.txt").write_text("my secret", "utf-8")
    table = tmp_path / "a.csv"
    table.write_text(name.replace("{place}", str(tmp_path)) + "\nb/../secret.txt\n", "utf-8")
    with pytest.raises(TrayError, match="name"):
        inbox_files.requests_of(table, "", Settings(workflow_id="738"))


def test_without_a_default_a_prompt_says_what_to_set(listen, flow, box):
    cloud, _flows = flow
    listening(listen, cloud, box, bot_id="")
    (box / "a.txt").write_text("x", "utf-8")
    assert "bot_id" in result(box, "failed/a.txt")


def test_a_file_still_being_written_is_left_alone(listen, flow, box):
    cloud, flows = flow
    listening(listen, cloud, box)
    with (box / "slow.csv").open("w", encoding="utf-8") as file:
        file.write("title\n")
        for n in range(8):
            file.write(f"{n}\n")
            file.flush()
            time.sleep(0.15)
            assert (box / "slow.csv").exists()
    result(box, "done/slow.csv")
    assert sorted(run.parameters["title"] for run in flows.runs) == [str(n) for n in range(8)]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells who has a file open; Windows refuses its rename")
def test_a_file_that_is_open_to_write_is_left_alone_however_long_nothing_is_written(listen, flow, box):
    cloud, _flows = flow
    listening(listen, cloud, box)
    with (box / "a.txt").open("w", encoding="utf-8") as file:
        file.write("一")
        file.flush()
        time.sleep(1)
        assert (box / "a.txt").exists()
        file.write("二")
    assert "收到：一二" in result(box, "done/a.txt")


def test_a_file_that_changes_while_it_is_read_is_put_back_and_taken_again(listen, flow, box, monkeypatch):
    cloud, _flows = flow
    real, times = inbox_files.requests_of, iter(range(9))

    def requests_of(file: Path, *more: Any) -> Any:
        found = real(file, *more)
        if next(times) == 0:
            with file.open("a", encoding="utf-8") as opened:
                opened.write("二")
        return found

    monkeypatch.setattr(inbox_files, "requests_of", requests_of)
    listening(listen, cloud, box)
    (box / "热点").mkdir()
    (box / "热点" / "a.txt").write_text("一", "utf-8")
    assert "收到：一二" in result(box, "done/热点/a.txt")
    assert len(cloud.chats) == 1


def test_what_is_no_business_of_the_inbox_stays(listen, flow, box):
    cloud, _flows = flow
    listening(listen, cloud, box)
    others = ["~$表.csv", ".hidden.txt", "clip.mp4", "x.json.part", "old.json.failed.txt", "deep/er/a.txt"]
    for name in others:
        (box / name).parent.mkdir(parents=True, exist_ok=True)
        (box / name).write_text("x", "utf-8")
    (box / "last.txt").write_text("x", "utf-8")
    result(box, "done/last.txt")
    assert all((box / name).exists() for name in others)
    assert len(cloud.chats) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_out_of_the_folder_are_refused(listen, flow, box, tmp_path):
    cloud, _flows = flow
    secret = tmp_path / "elsewhere" / "secret.txt"
    secret.parent.mkdir()
    secret.write_text("my secret", "utf-8")
    listening(listen, cloud, box)
    (box / "linked").symlink_to(secret.parent, target_is_directory=True)
    (box / "a.txt").symlink_to(secret)
    assert "link" in result(box, "failed/a.txt")
    assert secret.read_text("utf-8") == "my secret"
    assert (box / "linked" / "secret.txt").exists()
    assert not cloud.received


def test_two_files_of_one_name_are_both_kept(listen, flow, box):
    cloud, _flows = flow
    listening(listen, cloud, box)
    (box / "a.txt").write_text("一", "utf-8")
    assert "一" in result(box, "done/a.txt")
    (box / "a.txt").write_text("二", "utf-8")
    assert "二" in result(box, "done/a-2.txt")
    assert "一" in result(box, "done/a.txt")


def test_files_that_were_there_before_are_taken_and_a_missing_folder_is_made(listen, flow, box):
    cloud, _flows = flow
    (box / "a.txt").write_text("早", "utf-8")
    one = listening(listen, cloud, box)
    assert "早" in result(box, "done/a.txt")
    one.app.close()
    one = listening(listen, cloud, box.with_name("new"))
    wait_until(box.with_name("new").is_dir, "the folder is made")


def test_a_folder_that_was_deleted_is_made_again_and_watched(listen, flow, box):
    cloud, _flows = flow
    listening(listen, cloud, box)
    (box / "a.txt").write_text("一", "utf-8")
    result(box, "done/a.txt")
    box.rename(box.with_name("moved"))
    wait_until(box.is_dir, "it is made again")
    (box / "b.txt").write_text("二", "utf-8")
    assert "二" in result(box, "done/b.txt")
    shutil.rmtree(box)
    wait_until(box.is_dir, "it is made again")
    (box / "c.txt").write_text("三", "utf-8")
    assert "三" in result(box, "done/c.txt")


def test_while_nothing_listens_nothing_is_taken(listen, flow, box):
    cloud, _flows = flow
    one = listening(listen, cloud, box)
    one.app.listener.stop(timeout_s=5)
    one.until(events.StateChanged, state="stopped")
    (box / "a.txt").write_text("一", "utf-8")
    time.sleep(0.8)
    assert (box / "a.txt").exists()
    one.app.listener.start()
    assert "一" in result(box, "done/a.txt")


def test_a_request_that_is_cancelled_is_told_beside_the_file(listen, flow, box, root):
    cloud, _flows = flow
    one = listening(listen, cloud, box)
    (box / "a.txt").write_text("等", "utf-8")
    started = one.until(events.RequestStarted)
    app.cancel(one.app, started.request_id)
    assert "cancelled" in result(box, "failed/a.txt")


def test_a_folder_where_other_things_are_kept_is_refused(listen, flow, root, tmp_path):
    cloud, _flows = flow
    one = listening(listen, cloud, root.parent)
    assert "Other things" in one.until(events.Noticed).text
    (root.parent / "a.txt").write_text("x", "utf-8")
    time.sleep(0.8)
    assert (root.parent / "a.txt").exists()


def test_nothing_polls_while_nothing_changes(listen, flow, box, monkeypatch):
    cloud, _flows = flow
    looks: list[float] = []
    real = inbox.Inbox._look
    monkeypatch.setattr(inbox.Inbox, "_look", lambda self: (looks.append(time.monotonic()), real(self))[1])
    listening(listen, cloud, box)
    (box / "a.txt").write_text("一", "utf-8")
    result(box, "done/a.txt")
    time.sleep(0.7)
    before = len(looks)
    time.sleep(1.5)
    assert len(looks) == before
    assert before < 15


# Crashes. A killed program is started again, and everything was asked once.


POINTS = {
    "about-to-be-taken": killed.before("tray.sources.inbox:Inbox._take"),
    "taken-but-not-queued": killed.before("tray.sources.inbox:Inbox._queue"),
    "read-but-not-queued": killed.after("tray.sources.inbox_files:requests_of"),
    "queued-but-not-begun": killed.after("tray.journal:Journal.add_requests"),
    "over-but-not-told": killed.before("tray.sources.inbox:Inbox._finish"),
    "told-but-not-put-away": killed.after("tray.sources.inbox_results:of_rows"),
    "half-put-away": killed.before("tray.sources.inbox:_remove_empty"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("point", POINTS)
def test_a_table_is_run_once_when_the_program_is_killed(point: str, flow, box, tmp_path, root):
    cloud, flows = flow
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text(f'inbox = "{box}"\nworkflow_id = "738"\n', "utf-8")
    env = environment(home, COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t", COZE_TRAY_DRAFTS_DIR=str(root))
    (box / "batch.csv").write_text("title\n一\n二\n三\n", "utf-8")
    died = subprocess.run(
        [sys.executable, __file__, point, "--headless"], env=env, capture_output=True, timeout=DEADLINE_S, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    again = start("--headless", env=env)
    try:
        lines = result(box, "failed/batch.csv" if (box / "failed").exists() else "done/batch.csv").splitlines()
    finally:
        again.terminate()
        again.communicate(timeout=DEADLINE_S)
    assert [line[:6] for line in lines] == ["Line 2", "Line 3", "Line 4"]
    titles = [run.parameters["title"] for run in flows.runs]
    assert sorted(titles) == sorted(set(titles)), "none was run twice"
    assert set(titles) == {"一", "二", "三"}
    assert len(list(box.rglob("batch*.csv"))) == 1


def test_what_was_asked_is_not_asked_again_after_another_process_set_the_journal_aside(listen, flow, box):
    cloud, _flows = flow
    one = listening(listen, cloud, box)
    (box / "a.txt").write_text("等", "utf-8")
    wait_until(lambda: cloud.chats and list(box.glob("working/*/.queued")), "it is asked and marked")
    one.app.close()
    for file in one.app.home.glob("journal.db*"):
        file.unlink()
    listening(listen, cloud, box)
    assert "set aside" in result(box, "failed/a.txt")
    assert len(cloud.chats) == 1


def test_what_other_programs_keep_beside_a_taken_file_is_not_taken_for_it(listen, flow, box):
    cloud, _flows = flow
    taken = box / "working" / "0123456789ab"
    (taken / "热点").mkdir(parents=True)
    (taken / ".DS_Store").write_text("x", "utf-8")
    (taken / "热点" / ".directory").write_text("x", "utf-8")
    (taken / "热点" / "a.txt").write_text("做一个视频", "utf-8")
    (box / "working" / ".DS_Store").write_text("x", "utf-8")
    listening(listen, cloud, box)
    wait_until((box / "done" / "热点" / "a.txt").exists, "it is done")
    assert [chat.prompt for chat in cloud.chats.values()] == ["做一个视频"]


def test_limits_are_what_the_readme_says():
    assert inbox_files.MOST_BYTES[".json"] == targets.MOST_BYTES == 20_000_000
    assert inbox_files.MOST_ROWS == 1_000


if __name__ == "__main__":
    inbox.QUIET_S = 0.3
    killed.arm(POINTS[sys.argv.pop(1)])
    os.environ.pop("PYTHONPATH", None)
    from tray.__main__ import main

    main()
