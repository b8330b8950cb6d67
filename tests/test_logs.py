"""The log: what stands in it, what never does, and how it is read."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from program import DEADLINE_S, coze_tray, environment, start, wait_until
from tray import logs
from tray.redact import redacted

log = logging.getLogger("tray.test")


@pytest.fixture(autouse=True)
def _taken_away_again() -> Iterator[None]:
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    yield
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()


SECRETS = [
    "pat_AbCdEf123456789",
    "sat_AbCdEf123456789",
    "czs_AbCdEf.123-456_789",
    "czu_AbCdEf123456789",
    "Bearer AbCdEf123456789",
    repr("a\npat_AbCdEf123456789\nBearer AbCdEf123456789\nsecret=AbCdEf123456789\nhttps://a/?b=AbCdEf123456789"),
    "Authorization: Basic QWJDZEVmMTIzNDU2Nzg5",
    "{'Authorization': 'Bearer AbCdEf123456789'}",
    "(b'authorization', b'Bearer AbCdEf123456789')",
    '{"access_token": "AbCdEf123456789", "expires_in": 900}',
    '{"refresh_token":"AbCdEf/123456789"}',
    '{\\"refresh_token\\": \\"AbCdEf/123456789\\"}',
    "grant_type=refresh_token&refresh_token=AbCdEf123456789",
    "GET /callback?code=AbCdEf1234567890&state=AbCdEf1234567890 HTTP/1.1",
    '{"code": "AbCdEf1234567890"}',
    '{\\\\"code\\\\": \\\\"AbCdEf1234567890\\\\"}',
    "code_verifier=AbCdEf123456789",
    "device_code: AbCdEf123456789",
    "https://cdn.example/a.mp4?X-Amz-Signature=AbCdEf123456789&x-expires=1",
    "https://cdn.example/海.mp4?sign=AbCdEf123456789，下一句",
    "wss://me:AbCdEf123456789@cdn.example/",
    "GET /a.mp4?x-tos-signature=AbCdEf123456789",
    "Cookie: session=AbCdEf123456789; other=AbCdEf123",
    "eyJhbGciOiJIUzI1NiJ9.AbCdEf123456789.AbCdEf123456789",
]


@pytest.mark.parametrize("said", SECRETS)
def test_no_secret_gets_into_the_log_even_with_debugging_on(said, tmp_path):
    logs.log_to(tmp_path)
    before = logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        logging.getLogger("httpcore").debug("%s", said)
        logging.getLogger("httpcore").debug("%r", {"x": said})
        try:
            raise KeyError(f"a\n{said}")  # noqa: TRY301
        except KeyError:
            log.exception("failed")
    finally:
        logging.getLogger().setLevel(before)
    text = (tmp_path / logs.NAME).read_text("utf-8")
    assert "DEBUG httpcore" in text and "KeyError" in text
    assert "AbCdEf" not in text and "QWJD" not in text


@pytest.mark.parametrize(
    "said",
    [
        "code=4100 msg: no (logid 20260101AbCdEf)",
        '{"code": 0, "msg": ""}',
        "request 1a2b3c took 12 tokens; done",
        "the sign-in at https://api.coze.cn can't be refreshed: [Errno 2]",
        "state=running design: blue",
        "https://www.coze.cn/open/docs/developer_guides",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(said):
    assert redacted(said) == said and redacted(redacted(said)) == said


def test_the_home_folder_is_a_tilde(tmp_path):
    home = str(Path.home())
    assert redacted(f"no such file: {home}/视频/a b.mp4") == "no such file: ~/视频/a b.mp4"
    assert redacted(f"{home}er/x") == f"{home}er/x"


def test_a_log_that_is_full_begins_anew_and_keeps_two(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "MOST_BYTES", 2_000)
    logs.log_to(tmp_path)
    for n in range(200):
        log.warning("line %d %s", n, "x" * 50)
    assert {path.name for path in tmp_path.iterdir()} == {f"{logs.NAME}{end}" for end in ("", ".1", ".2")}
    assert all(path.stat().st_size <= 2_200 for path in tmp_path.iterdir())
    lines, _at = logs.last_lines(tmp_path, 30)
    assert [int(line.split()[5]) for line in lines] == list(range(170, 200))
    if os.name != "nt":
        assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {"0o600"}


def test_another_process_that_has_the_log_open_loses_nothing_when_it_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "MOST_BYTES", 2_000)
    logs.log_to(tmp_path)
    log.warning("first")
    code = (
        "import sys, logging; from pathlib import Path; from tray import logs; logs.log_to(Path(sys.argv[1]))\n"
        "for line in sys.stdin: logging.getLogger('tray.other').warning('%s', line.strip())\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, text=True)
    assert other.stdin
    other.stdin.write("before\n")
    other.stdin.flush()
    wait_until(lambda: "before" in (tmp_path / logs.NAME).read_text("utf-8"), "it is logged")
    for n in range(30):
        log.warning("line %d %s", n, "x" * 50)
    other.stdin.write("after\n")
    other.stdin.close()
    other.wait(DEADLINE_S)
    assert "after" in logs.last_lines(tmp_path, 1)[0][0]


def test_a_log_that_can_t_begin_anew_goes_on_and_loses_nothing(tmp_path, monkeypatch):
    """As on Windows while another process reads what was kept."""
    monkeypatch.setattr(logs, "MOST_BYTES", 500)

    def refused(*_args: object) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(os, "rename", refused)
    monkeypatch.setattr(logs, "_copy_and_empty", refused)
    logs.log_to(tmp_path)
    for n in range(50):
        log.warning("line %d", n)
    assert len((tmp_path / logs.NAME).read_text("utf-8").splitlines()) == 50


def test_what_is_followed_comes_whole_and_in_order_while_the_log_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "MOST_BYTES", 3_000)
    monkeypatch.setattr(logs, "POLL_S", 0.001)
    logs.log_to(tmp_path)
    log.warning("before")
    ended, seen = threading.Event(), []
    _before, at = logs.last_lines(tmp_path, 9)
    lines = logs.follow(tmp_path, at, ended)
    follower = threading.Thread(target=lambda: seen.extend(int(line.split()[5]) for line in lines))
    follower.start()
    for n in range(300):
        log.warning("line %d %s", n, "海" * 10)
        ended.wait(0.002)
    wait_until(lambda: len(seen) == 300, "all is seen")
    ended.set()
    follower.join()
    assert seen == list(range(300))


def test_one_process_that_opens_two_homes_logs_into_the_second_alone(tmp_path):
    logs.log_to(tmp_path / "a")
    logs.log_to(tmp_path / "b")
    logs.log_to(tmp_path / "b")
    log.warning("once")
    assert (tmp_path / "a" / logs.NAME).read_text("utf-8") == ""
    assert len(logs.last_lines(tmp_path / "b", 9)[0]) == 1


CRASHES = {
    "thread": "import threading; t = threading.Thread(target=lambda: 1 / 0, name='mine'); t.start(); t.join()",
    "program": "1 / 0",
    "unraisable": "class A:\n def __del__(self): 1 / 0\nA(); import gc; gc.collect()",
}


@pytest.mark.parametrize("how", CRASHES)
def test_whatever_ends_unexpectedly_is_in_the_log(how, tmp_path):
    code = f"import logging; from pathlib import Path; from tray import logs; h = Path({str(tmp_path)!r})\nlogs.log_to(h); logs.catch_crashes(h)\n"
    done = subprocess.run([sys.executable, "-c", code + CRASHES[how]], capture_output=True, text=True, check=False)
    assert "ZeroDivisionError" in done.stderr, "it is still said where it was said before"
    text = (tmp_path / logs.NAME).read_text("utf-8")
    assert "ZeroDivisionError" in text and "Traceback" in text
    assert how != "thread" or "the thread mine ended" in text


def test_what_kills_the_interpreter_is_in_a_file_of_its_own_that_the_next_start_keeps(tmp_path):
    code = f"from pathlib import Path; from tray import logs; h = Path({str(tmp_path)!r}); logs.log_to(h); logs.catch_crashes(h)\n"
    fatal = "import faulthandler; faulthandler._sigabrt()"
    done = subprocess.run([sys.executable, "-c", code + fatal], capture_output=True, check=False)
    assert done.returncode != 0 and "Fatal Python error" in (tmp_path / logs.CRASH_NAME).read_text("utf-8")
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "Fatal Python error" in logs.crashed_before(tmp_path).read_text("utf-8")
    assert (tmp_path / logs.CRASH_NAME).read_text("utf-8") == ""
    assert "an earlier run crashed" in (tmp_path / logs.NAME).read_text("utf-8")


COM = 'Windows fatal exception: code 0x8001010d\n\nThread 0x00001a2c (most recent call first):\n  File "x.py", line 1\n'


@pytest.mark.parametrize(
    ("said", "crashed"),
    [
        (COM, False),
        (COM * 3, False),
        ("Windows fatal exception: access violation\n\nCurrent thread 0x1:\n", True),
        (COM + "Windows fatal exception: code 0xc0000374\n", True),
        (COM + "Fatal Python error: Aborted\n", True),
        ("Fatal Python error: Segmentation fault\n", True),
    ],
)
def test_what_com_raises_and_catches_on_windows_is_no_crash(said, crashed, tmp_path):
    """In a run that was killed, as at logoff: it could say nothing of its end."""
    logs.log_to(tmp_path)
    (tmp_path / logs.CRASH_NAME).write_text(said)
    code = f"from pathlib import Path; from tray import logs; h = Path({str(tmp_path)!r}); logs.log_to(h); logs.catch_crashes(h)\n"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert ("an earlier run crashed" in (tmp_path / logs.NAME).read_text("utf-8")) == crashed
    assert logs.crashed_before(tmp_path).exists() == crashed
    assert (tmp_path / logs.CRASH_NAME).read_text("utf-8") == ""


def test_whatever_was_written_of_a_run_that_ended_in_order_did_not_kill_it(tmp_path):
    code = (
        f"from pathlib import Path; from tray import logs; h = Path({str(tmp_path)!r}); logs.log_to(h); logs.catch_crashes(h)\n"
        "import os; fd = os.open(h / logs.CRASH_NAME, os.O_WRONLY | os.O_APPEND)\n"
        "os.write(fd, b'Windows fatal exception: access violation\\n')\n"
    )
    for _run in range(2):
        subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / logs.CRASH_NAME).read_text("utf-8") == "" and not logs.crashed_before(tmp_path).exists()
    assert "an earlier run" not in (tmp_path / logs.NAME).read_text("utf-8")


def test_the_log_is_shown_and_followed_until_ctrl_c(tmp_path):
    env = environment(tmp_path, PYTHONUNBUFFERED="1")
    assert "no log yet" in coze_tray("log", env=env).stderr
    (tmp_path / logs.NAME).write_text("".join(f"line {n}\n" for n in range(150)), "utf-8")
    assert coze_tray("log", env=env).stdout.splitlines() == [f"line {n}" for n in range(50, 150)]
    assert coze_tray("log", "-n", "2", env=env).stdout.splitlines() == ["line 148", "line 149"]
    assert coze_tray("log", "--path", env=env).stdout.strip() == str(tmp_path / logs.NAME)
    running = start("log", "-n", "1", "--follow", env=env)
    assert running.stdout and running.stdout.readline() == "line 149\n"
    logs.log_to(tmp_path)
    log.warning("it is 海")
    assert "it is 海" in running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _out, err = running.communicate(timeout=DEADLINE_S)
    assert running.returncode == 0 and err == ""


def test_what_fails_unexpectedly_in_a_command_is_in_the_log(tmp_path):
    env = environment(tmp_path / "home")
    (tmp_path / "sitecustomize.py").write_text(
        "import tray.settings\ndef look(): raise RuntimeError('never seen before')\ntray.settings.look = look\n"
    )
    path = os.pathsep.join([str(tmp_path), *env.get("PYTHONPATH", "").split(os.pathsep)])
    done = coze_tray("status", env={**env, "PYTHONPATH": path.rstrip(os.pathsep)})
    assert done.returncode == 1 and "never seen before" in done.stderr and "Traceback" not in done.stderr
    text = (tmp_path / "home" / logs.NAME).read_text("utf-8")
    assert "Traceback" in text and "never seen before" in text


def test_the_program_logs_from_its_start(tmp_path):
    home = tmp_path / "home"
    (home / "journal.db").mkdir(parents=True)
    assert coze_tray("--headless", env=environment(home)).returncode == 1
    assert (home / logs.CRASH_NAME).exists() and (home / logs.NAME).exists()


def test_a_build_logs_too(tmp_path):
    export = tmp_path / "x.json"
    export.write_text("{}", "utf-8")
    coze_tray("build", str(export), env=environment(tmp_path / "home"))
    assert (tmp_path / "home" / logs.NAME).exists()
