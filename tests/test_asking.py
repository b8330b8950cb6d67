"""Asking bots, chatflows and workflows from the command line: a process of its own for each, real HTTP."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from factory import draft, export, segment, track
from program import DEADLINE_S, coze_tray, environment, last_line, start, wait_until
from tray.asked import Asked
from tray.errors import TrayError
from tray.events import Failure, QuestionAsked
from tray.journal import Journal
from tray.questions import chosen
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

QUESTION = {"question": "哪一种？", "options": [{"name": "甲"}, {"name": "乙"}]}
KEYS = {"status", "text", "drafts", "error", "request_id"}


def cloud_of(
    on_run: Callable[[SimulatedRun], Frames], on_resume: Callable[[SimulatedRun, str], Frames] | None = None
) -> tuple[Simulator, Workflows]:
    cloud = Simulator()
    workflows = Workflows(on_run, on_resume or (lambda _run, _said: []))
    cloud.routes.update(workflows.routes())
    return cloud, workflows


def asks(run: SimulatedRun) -> Frames:
    yield run.interrupt(2, json.dumps({"messages": [{"content": QUESTION}]}), title="问题")


def says(run: SimulatedRun, said: str) -> Frames:
    yield from run.end(f"选了{said}")
    yield run.done()


def env_on(cloud: Simulator, tmp_path: Path, root: Path, **more: str) -> dict[str, str]:
    return environment(
        tmp_path / "home",
        COZE_API_BASE=cloud.base_url,
        COZE_API_TOKEN="t",
        COZE_TRAY_DRAFTS_DIR=str(root),
        COZE_TRAY_ALLOW_HOSTS="127.0.0.1",
        **more,
    )


def test_a_workflow_is_run_by_name_with_its_defaults_and_what_is_said(tmp_path, root):
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.end(export(draft(track(segment()), name="秋天")))
        yield run.done()

    (tmp_path / "lines.txt").write_bytes("第一行\r\n第二行".encode("gb18030"))
    cloud, workflows = cloud_of(on_run)
    with cloud:
        env = env_on(cloud, tmp_path, root)
        added = coze_tray("targets", "add", "短片", "--workflow", "739", "-p", "style=水彩", "-p", "scenes:=4", env=env)
        assert added.returncode == 0, added.stderr
        done = coze_tray("workflow", "短片", "-p", "scenes:=5", "-p", "topic=a=b", "-p",
                         f"lines=@{tmp_path / 'lines.txt'}", "--json", env=env)  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = last_line(done)
    assert set(said) == KEYS and (said["status"], said["error"]) == ("done", None)
    assert [receipt["name"] for receipt in said["drafts"]] == ["秋天"]
    [run] = workflows.runs
    assert run.workflow_id == "739"
    assert run.parameters == {"style": "水彩", "scenes": 5, "topic": "a=b", "lines": "第一行\r\n第二行"}


@pytest.mark.parametrize("said", ["x", "=1", "n:=[1", "n:=NaN", "f=@/no/such/file"])
def test_inputs_that_can_t_be_read_are_wrong_usage(said, tmp_path):
    done = coze_tray("workflow", "1", "-p", said, "--json", env=environment(tmp_path))
    assert (done.returncode, last_line(done)["error"]["code"]) == (2, "usage")
    assert "-p" in done.stderr and "Traceback" not in done.stderr


def test_a_question_is_answered_by_a_piped_line_or_kept_until_it_is_answered(tmp_path, root):
    cloud, workflows = cloud_of(asks, says)
    with cloud:
        env = env_on(cloud, tmp_path, root, COZE_WORKFLOW_ID="1")
        piped = coze_tray("workflow", "--json", env=env, stdin="\n丙\n2\n")
        assert (piped.returncode, last_line(piped)["text"]) == (0, "选了乙"), piped.stderr
        assert "哪一种？" in piped.stderr and "1. 甲" in piped.stderr and "“丙” is none of the answers" in piped.stderr

        kept = coze_tray("workflow", "--json", env=env, stdin="")
        error, request_id = last_line(kept)["error"], last_line(kept)["request_id"]
        assert (kept.returncode, error["code"], error["kept"]) == (1, "question", True)
        assert f"coze-tray answer {request_id}" in error["advice"]
        assert last_line(coze_tray("status", "--json", env=env))["requests"][0]["state"] == "waiting"

        wrong = coze_tray("answer", request_id, "丙", "--json", env=env)
        assert (wrong.returncode, last_line(wrong)["error"]["code"]) == (1, "question")
        answered = coze_tray("answer", request_id, "1", "--json", env=env)
        assert (answered.returncode, last_line(answered)["text"]) == (0, "选了甲"), answered.stderr
        assert last_line(answered)["request_id"] == request_id
        late = coze_tray("answer", request_id, "1", "--json", env=env)
        assert late.returncode == 1 and "asks nothing" in late.stderr
    assert [run.resumes for run in workflows.runs] == [["乙"], ["甲"]]


class Terminal:
    """A command whose standard streams are one terminal, as a user has it."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        import pty
        import subprocess

        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tray", *arguments],
            env={**env, "TERM": "xterm", "COLUMNS": "100"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def shown(self) -> str:
        return self._shown.decode("utf-8", "replace")

    def until(self, text: str) -> None:
        wait_until(lambda: text in self.shown, f"{text!r} on the terminal; there is {self.shown!r}")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> int:
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        os.close(self._ours)
        return code

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # the command is over
                return
            if not data:
                return
            self._shown += data


needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="a pty")


@needs_pty
def test_on_a_terminal_the_answer_shows_as_it_comes_once_and_questions_are_asked(tmp_path, root):
    half = threading.Event()

    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("说明", "从前有一座山", finish=False)
        half.wait(DEADLINE_S)
        yield from run.message("说明", "，山里有座庙。")
        yield from asks(run)

    cloud, workflows = cloud_of(on_run, says)
    with cloud:
        at = Terminal("workflow", "1", env=env_on(cloud, tmp_path, root))
        at.until("从前有一座山")
        half.set()
        at.until("> ")
        at.type("丙\n")
        at.until("is none of the answers")
        at.type("乙\n")
        assert at.end() == 0
    assert workflows.runs[0].resumes == ["乙"]
    assert at.shown.count("从前有一座山") == at.shown.count("山里有座庙") == 1
    assert at.shown.count("选了乙") == 1


@needs_pty
def test_a_question_to_the_program_that_runs_is_answered_first_come_first_served(tmp_path, root):
    cloud, workflows = cloud_of(asks, says)
    with cloud:
        env = env_on(cloud, tmp_path, root)
        running = start("--headless", env=env)
        wait_until((tmp_path / "home" / "running.json").exists, "the program runs")
        at = Terminal("workflow", "1", env=env)
        at.until("> ")
        request_id = last_line(coze_tray("status", "--json", env=env))["requests"][0]["request_id"]
        answered = coze_tray("answer", request_id, "2", "--json", env=env)
        assert (answered.returncode, last_line(answered)["text"]) == (0, "选了乙"), answered.stderr
        assert at.end() == 0
        assert "(answered elsewhere)" in at.shown and "选了乙" in at.shown

        at = Terminal("workflow", "1", "--json", env=env)
        at.until("> ")
        at.type("1\n")
        assert at.end() == 0
        assert "answered elsewhere" not in at.shown and '"text": "选了甲"' in at.shown
        running.terminate()
        running.communicate(timeout=DEADLINE_S)
    assert [run.resumes for run in workflows.runs] == [["乙"], ["甲"]]


@needs_pty
def test_ctrl_c_and_kill_at_a_question_keep_the_request(tmp_path, root):
    import signal

    cloud, workflows = cloud_of(asks, says)
    with cloud:
        env = env_on(cloud, tmp_path, root)
        for number, ended in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
            at = Terminal("workflow", "1", env=env)
            at.until("> ")
            at.process.send_signal(number)
            assert at.end() == ended
            assert "Traceback" not in at.shown and "Fatal" not in at.shown
            assert ("is kept" in at.shown) == (number == signal.SIGINT)
        waiting = last_line(coze_tray("status", "--json", env=env))["requests"]
        assert [request["state"] for request in waiting] == ["waiting"] * 2
        for request in waiting:
            assert coze_tray("answer", request["request_id"], "1", env=env).returncode == 0
    assert [run.resumes for run in workflows.runs] == [["甲"]] * 2


@pytest.mark.parametrize(
    ("options", "url", "said", "answered"),
    [
        ((), "", " 海 ", "海"),
        ((), "", " ", None),
        ((), "https://x", "", "ok"),
        (("甲", "乙"), "", "2", "乙"),
        (("Wide", "Tall"), "", "tall ", "Tall"),
        (("2", "1"), "", "1", "1"),
        (("甲", "乙"), "", "0", None),
        (("甲", "乙"), "", "3", None),
        (("甲", "乙"), "", "²", None),
        (("甲", "乙"), "", "丙", None),
    ],
)
def test_an_option_is_chosen_by_its_text_or_its_number(options, url, said, answered):
    assert chosen(QuestionAsked("r", "q", "?", options, url), said) == answered


TOKEN = "pat_" + "Ab3" * 21 + "z"


@pytest.mark.parametrize(
    "said", [TOKEN, f" 我的令牌是{TOKEN}。", f'"sat_{TOKEN[4:]}"', f"czu_{TOKEN[4:]}\n", f"token={TOKEN[:24]}"]
)
@pytest.mark.parametrize("options", [(), (TOKEN,)], ids=["free", "options"])
def test_a_token_is_no_answer(said, options):
    with pytest.raises(TrayError, match=r"looks like a Coze token.*coze-tray login") as caught:
        chosen(QuestionAsked("r", "q", "?", options), said)
    assert TOKEN[:24] not in str(caught.value)


@pytest.mark.parametrize("said", ["pat_1", "sat_afternoon_at_the_beach_v2", "spat_" + "x" * 40, "czech_" + "x" * 40])
def test_what_only_begins_like_a_token_is_an_answer(said):
    assert chosen(QuestionAsked("r", "q", "?"), said) == said


@needs_pty
def test_a_token_reaches_no_bot_from_the_terminal_a_pipe_or_a_command(tmp_path, root):
    free = {"question": "什么？"}

    def asks_freely(run: SimulatedRun) -> Frames:
        yield run.interrupt(2, json.dumps({"messages": [{"content": free}]}), title="问题")

    cloud, workflows = cloud_of(asks_freely, says)
    with cloud:
        env = env_on(cloud, tmp_path, root)
        at = Terminal("workflow", "1", env=env)
        at.until("> ")
        at.type(f"{TOKEN}\n")
        at.until("looks like a Coze token")
        at.type("海\n")
        assert at.end() == 0
        piped = coze_tray("workflow", "1", "--json", env=env, stdin=f"{TOKEN}\n")
        request_id = last_line(coze_tray("status", "--json", env=env))["requests"][0]["request_id"]
        commanded = coze_tray("answer", request_id, TOKEN, "--json", env=env)
        for refused in (piped, commanded):
            assert refused.returncode == 1 and "looks like a Coze token" in refused.stderr, refused.stderr
            assert last_line(refused)["status"] == "failed"
        requests = last_line(coze_tray("status", "--json", env=env))["requests"]
        assert [one["state"] for one in requests] == ["waiting", "done"]
    assert [run.resumes for run in workflows.runs] == [["海"], []]
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and TOKEN.encode() in file.read_bytes()]


def bot(prompts: list[str] | None = None) -> Callable[[SimulatedChat], Frames]:
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield from chat.says(f"听到：{chat.prompt}")
        yield from chat.completed()

    return on_chat


def test_ask_goes_on_with_the_last_conversation_of_the_same_target(tmp_path, root):
    with Simulator(bot()) as cloud:
        env = env_on(cloud, tmp_path, root, COZE_BOT_ID="7")
        first = coze_tray("ask", "一", "--continue", "--json", env=env)
        assert (first.returncode, last_line(first)["status"]) == (0, "done"), first.stderr
        assert "no conversation with 7 yet: a new one is begun" in first.stderr
        other = coze_tray("ask", "别的", "--bot", "8", "--clear", env=env)
        assert other.returncode == 0 and "no conversation with 8 yet" in other.stderr
        second = coze_tray("ask", "二", "--continue", env=env)
        assert second.returncode == 0 and "no conversation" not in second.stderr
        cleared = f"/v1/conversations/{next(iter(cloud.chats.values())).conversation_id}/clear"
        assert cleared not in [r.path for r in cloud.received]
        assert coze_tray("ask", "三", "--clear", env=env).returncode == 0
        assert cleared in [r.path for r in cloud.received]
    conversations = {chat.prompt: chat.conversation_id for chat in cloud.chats.values()}
    assert conversations["一"] == conversations["二"] == conversations["三"] != conversations["别的"]


def test_a_file_goes_with_what_a_bot_is_asked_and_inputs_with_what_a_chatflow_is(tmp_path, root, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "猫.jpg").write_bytes(b"picture")
    with Simulator(bot()) as cloud:
        env = env_on(cloud, tmp_path, root, PYTHONPATH=str(Path(__file__).parents[1]))
        asked = coze_tray("ask", "它是谁？", "--bot", "7", "--file", "猫.jpg", "--json", env=env)
        coze_tray("targets", "add", "短剧", "--chatflow", "66", "-p", "style=水彩", "-p", "n:=1", env=env)
        flowed = coze_tray("ask", "写一集", "--chatflow", "短剧", "-p", "n:=2", "--json", env=env)
        wrong = coze_tray("ask", "写一集", "--bot", "短剧", env=env)
    assert asked.returncode == flowed.returncode == 0, asked.stderr + flowed.stderr
    assert list(cloud.files.stored.values()) == [("猫.jpg", b"picture")]
    [body] = [r.body for r in cloud.received if r.path == "/v1/workflows/chat"]
    assert body["workflow_id"] == "66"
    assert body["parameters"].items() >= {"style": "水彩", "n": 2}.items()
    assert wrong.returncode == 1 and "ask PROMPT --chatflow 短剧" in wrong.stderr


def test_a_picture_that_is_not_there_is_wrong_usage_and_nothing_is_asked(tmp_path):
    done = coze_tray("ask", "x", "--bot", "1", "--file", "没有.jpg", "--json", env=environment(tmp_path))
    assert (done.returncode, last_line(done)["error"]["code"]) == (2, "usage") and "没有.jpg" in done.stderr
    both = coze_tray("ask", "x", "--bot", "1", "--chatflow", "2", env=environment(tmp_path))
    assert both.returncode == 2 and "not both" in both.stderr


def test_a_waiting_chat_is_adopted_once_however_often_it_is_said(tmp_path, root):
    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Frames:
        yield from chat.says(json.loads(next(iter(outputs.values())))["status"])
        yield from chat.completed()

    with Simulator(on_outputs=on_outputs) as cloud:
        chat = cloud.chats["99"] = SimulatedChat("99", "88", "7", "问")
        chat.calls_tool("generate_draft", {"content": export(draft(track(segment()), name="手机上问的"))})
        env = env_on(cloud, tmp_path, root)
        both = [start("adopt", "88", "99", "--json", env=env) for _n in range(2)]
        said: list[Any] = [json.loads(one.communicate(timeout=DEADLINE_S)[0].splitlines()[-1]) for one in both]
        late = coze_tray("adopt", "88", "99", "--json", env=env)
        title = last_line(coze_tray("status", "--json", env=env))["requests"][0]["prompt"]
        again = coze_tray("again", said[0]["request_id"], "--json", env=env)
    assert [one["status"] for one in said] == ["done", "done"], said
    assert {one["request_id"] for one in (*said, last_line(late))} == {said[0]["request_id"]}
    assert set(last_line(late)) == KEYS and last_line(late)["drafts"][0]["name"] == "手机上问的"
    assert [path.name for path in root.iterdir()] == ["手机上问的"] and chat.rounds == 1
    assert "88" in title and again.returncode == 1 and "begun elsewhere" in again.stderr
    assert coze_tray("adopt", "88", "a/b", env=env).returncode == 2


def test_a_chat_that_a_request_has_is_not_held_twice_unless_that_one_failed(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    chat = {"conversation_id": "8", "chat_id": "9"}
    there = Asked("https://api.coze.cn", "bot", "", conversation_id="8")
    journal.add_request("asked", Asked("https://api.coze.cn", "bot", "7", "问"))
    journal.run_is("asked", chat)
    assert journal.adopt("new", there, chat) == "asked"
    assert journal.adopt("other chat", there, {**chat, "chat_id": "10"}) == "other chat"
    assert journal.adopt("other cloud", replace(there, base_url="https://api.coze.com"), chat) == "other cloud"
    journal.failed("asked", Failure("slow", "It took too long."))
    assert [journal.adopt(wanted, there, chat) for wanted in ("new", "new", "newer")] == ["new"] * 3
    journal.close()


def test_a_run_that_broke_is_run_again_when_the_user_says_so(tmp_path, root):
    def on_run(run: SimulatedRun) -> Frames:
        yield from run.message("说明", "好的")
        yield from run.end("完")
        yield run.done()

    cloud, workflows = cloud_of(on_run)
    cloud.faults.add(Fault("cut", "/v1/workflow/stream_run", at_bytes=150))
    with cloud:
        env = env_on(cloud, tmp_path, root)
        broken = coze_tray("workflow", "1", "-p", "topic=海", "--json", env=env)
        error, request_id = last_line(broken)["error"], last_line(broken)["request_id"]
        assert (broken.returncode, error["again"], error["kept"]) == (1, True, False)
        assert f"coze-tray again {request_id}" in broken.stderr
        again = coze_tray("again", request_id, "--json", env=env)
        unknown = coze_tray("again", "nothing", "--json", env=env)
    assert (again.returncode, last_line(again)["text"].split()[-1]) == (0, "完"), again.stderr
    assert last_line(again)["request_id"] != request_id
    assert [run.parameters for run in workflows.runs] == [{"topic": "海"}] * 2
    assert unknown.returncode == 1 and "no request" in unknown.stderr and last_line(unknown)["status"] == "failed"


def test_what_is_not_over_is_not_asked_again(tmp_path, root):
    with Simulator(bot()) as cloud:
        env = env_on(cloud, tmp_path, root, COZE_BOT_ID="7")
    away = coze_tray("ask", "x", "--wait", "0.1", "--json", env=env)
    assert last_line(away)["error"]["kept"] is True
    again = coze_tray("again", last_line(away)["request_id"], env=env)
    assert again.returncode == 1 and "not over" in again.stderr
