"""What a request shows on a terminal while it runs."""

from __future__ import annotations

import io
import signal
import threading

from rich.console import Console

from chats import no_outputs
from program import DEADLINE_S, coze_tray, last_line
from test_asking import Terminal, asks, cloud_of, env_on, needs_pty, says
from tray import terminal
from tray.asked import Asked
from tray.journal import Journal
from tray.journal_rows import recent_requests
from tray.simulator.chats import Chats, SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun


def recorded(run: SimulatedRun) -> Frames:
    """A Question as the hosted Coze is recorded to ask it: its text is said by the Message before."""
    yield from run.message("说明", "写好了。")
    yield from run.message("问题", "横屏还是竖屏？")
    yield run.interrupt(2, "", title="问题")


@needs_pty
def test_what_was_shown_before_a_question_is_not_shown_again_after_it(tmp_path, root):
    cloud, _workflows = cloud_of(recorded, says)
    with cloud:
        at = Terminal("workflow", "1", env=env_on(cloud, tmp_path, root))
        at.until("> ")
        at.type("竖屏\n")
        assert at.end() == 0
    assert [at.shown.count(text) for text in ("写好了", "横屏还是竖屏？", "选了竖屏")] == [1, 1, 1], at.shown


def test_a_question_that_nobody_can_answer_here_is_shown_once_with_how_to_answer_it(tmp_path, root):
    cloud, _workflows = cloud_of(asks, says)
    with cloud:
        done = coze_tray("workflow", "1", "--json", env=env_on(cloud, tmp_path, root))
    assert done.stderr.count("哪一种？") == 1 and done.stderr.count("coze-tray answer") == 1
    assert "哪一种？" in last_line(done)["error"]["message"]


@needs_pty
def test_an_answer_that_stops_for_a_while_has_progress_below_it(tmp_path, root):
    go_on = threading.Event()

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("说明", "从前有一座山")
        go_on.wait(DEADLINE_S)
        yield from run.message("说明二", "山里有座庙")
        yield from run.end("完")
        yield run.done()

    cloud, _workflows = cloud_of(on_run)
    with cloud:
        at = Terminal("workflow", "1", env=env_on(cloud, tmp_path, root))
        at.until("从前有一座山")
        said = len(at.shown)
        wait = threading.Event()
        for _tenth in range(100):
            if "Receiving from Coze" in at.shown[said:]:
                break
            wait.wait(0.1)
        assert "Receiving from Coze" in at.shown[said:]
        go_on.set()
        assert at.end() == 0
    assert [at.shown.count(text) for text in ("从前有一座山", "山里有座庙")] == [1, 1], at.shown


@needs_pty
def test_ctrl_c_says_of_a_workflow_s_run_that_it_can_t_be_joined_again(tmp_path, root):
    hold = threading.Event()

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("说明", "从前有一座山")
        hold.wait(DEADLINE_S)

    cloud, _workflows = cloud_of(on_run)
    with cloud:
        at = Terminal("workflow", "1", env=env_on(cloud, tmp_path, root))
        at.until("从前有一座山")
        at.process.send_signal(signal.SIGINT)
        assert at.end() == 130
        hold.set()
    assert "nobody can join it again" in at.shown and "kept" not in at.shown


def test_status_lists_what_waits_for_an_answer_with_its_question_and_the_mailboxes(tmp_path, root):
    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        yield from chat.asks("横屏还是竖屏？") if chat.prompt == "问" else chat.says("好")
        yield from chat.completed() if chat.status == "in_progress" else ()

    cloud, _workflows = cloud_of(asks, says)
    cloud.routes.update(Chats(on_chat, no_outputs, cloud.chats).routes())
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text('[targets."信箱"]\nkind = "workflow"\nid = "9"\nlisten = true\n', "utf-8")
    with cloud:
        env = env_on(cloud, tmp_path, root, COZE_BOT_ID="7")
        for asked in (["workflow", "1"], ["ask", "问"], ["ask", "答"]):
            coze_tray(*asked, env=env)
    status = coze_tray("status", "--json", env=env)
    requests = last_line(status)["requests"]
    assert [(r["prompt"], r["state"], r["question"]) for r in requests] == [
        ("答", "done", None),
        ("问", "waiting", "横屏还是竖屏？"),
        ("Workflow 1", "waiting", "哪一种？"),
    ]
    assert "? 横屏还是竖屏？" in status.stdout and "? 哪一种？ (甲 / 乙)" in status.stdout
    assert "coze-tray answer ID" in status.stdout
    assert last_line(status)["mailboxes"] == [{"name": "信箱", "interval": "60s"}] and "Mailbox: 信箱" in status.stdout


def test_what_waits_is_listed_however_much_came_after_it(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    for n in range(30):
        journal.add_request(f"r{n}", Asked("https://x", "bot", "7", "p"))
    journal.asking("r3", "q")
    assert [r.id for r in recent_requests(tmp_path / "journal.db", 3)] == ["r29", "r28", "r27", "r3"]
    journal.close()


def test_a_chat_begun_elsewhere_that_is_gone_is_not_offered_to_be_run_again(tmp_path, root):
    with Simulator() as cloud:
        done = coze_tray("adopt", "88", "99", "--json", env=env_on(cloud, tmp_path, root))
    assert (done.returncode, last_line(done)["error"]["again"]) == (1, False)
    assert "coze-tray again" not in done.stderr


def test_a_stream_that_is_cut_is_told_in_words_for_people(tmp_path, root):
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("说明", "从前有一座山")
        raise ConnectionError

    cloud, _workflows = cloud_of(on_run)
    with cloud:
        done = coze_tray("workflow", "1", env=env_on(cloud, tmp_path, root))
    assert "The connection to Coze broke." in done.stderr and "chunked" not in done.stderr
    assert "从前有一座山" in done.stdout and "coze-tray again" in done.stderr


def test_progress_shows_nothing_before_its_first_word(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=shown, force_terminal=True))
    with terminal.Bar() as bar:
        assert shown.getvalue() == ""
        bar.say("waiting")
    assert "waiting" in shown.getvalue()


def test_media_have_a_bar_and_are_counted(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=shown, force_terminal=True, width=100))
    with terminal.Bar() as bar:
        bar.media(3, 12, 12_400_000)
    assert "Fetching media" in shown.getvalue() and "━━" in shown.getvalue()
    assert "3/12  12.4 MB" in shown.getvalue()
