"""What a request shows on a terminal while it runs."""

from __future__ import annotations

import io
import signal
import threading

from rich.console import Console

from program import DEADLINE_S, coze_tray, last_line
from test_asking import Terminal, asks, cloud_of, env_on, needs_pty, says
from tray import terminal
from tray.simulator.exchange import Frames
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


def test_progress_shows_nothing_before_its_first_word(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=shown, force_terminal=True))
    with terminal.Bar() as bar:
        assert shown.getvalue() == ""
        bar.say("waiting")
    assert "waiting" in shown.getvalue()
