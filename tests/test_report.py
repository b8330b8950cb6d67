"""The report that is sent with a bug: there is enough in it to help, and nothing private."""

from __future__ import annotations

import getpass
import json
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from program import coze_tray, environment
from tray import logs, report
from tray.asked import Asked
from tray.events import Failure, Receipt
from tray.journal import Journal
from tray.unnamed import GONE, Unnamed

PRIVATE = {
    "token": "pat_SecretSecret123",
    "prompt": "为小王的婚礼做一个视频",
    "answer": "好的，婚礼视频做好了",
    "english prompt": "make a film of Alice and her dog",
    "draft": "婚礼 2026",
    "draft folder": "婚礼素材",
    "bot": "7379165428687536000",
    "workflow": "7379165428687599999",
    "target": "婚庆工作室",
    "input": "新娘姓名",
    "parameter": "小王的生日",
    "saved prompt": "每天的祝福语",
    "folder": "客户张三",
    "user": "zhangsan-pc-user",
    "host": "nas.zhangsan.lan",
    "device": "张三的电脑",
    "client id": "client-id-of-mine-123",
    "signed link": "X-Amz-Signature",
    "link path": "wedding-raw-footage",
    "proxy": "proxypassword",
    "odd key": "my_private_key_name",
    "commented": "曾经的秘密",
    "english name": "alicetarget",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's home folder, with the program's in it, and something private wherever there is room for it."""
    home = tmp_path / PRIVATE["user"] / "coze-tray"
    home.mkdir(parents=True)
    drafts = tmp_path / PRIVATE["user"] / "剪映" / PRIVATE["folder"]
    (home / "settings.toml").write_text(
        f"""bot_id = "{PRIVATE["bot"]}"
# {PRIVATE["commented"]}
workflow_id = "{PRIVATE["workflow"]}"
device = "{PRIVATE["device"]}"
oauth_client_id = "{PRIVATE["client id"]}"
drafts_dir = "{drafts}"
allow_hosts = ["{PRIVATE["host"]}"]
{PRIVATE["odd key"]} = "{PRIVATE["token"]}"
at_once = 7
[folders]
"{PRIVATE["folder"]}" = "{drafts}"
[targets."{PRIVATE["target"]}"]
kind = "workflow"
id = "{PRIVATE["workflow"]}"
listen = true
parameters = {{ "{PRIVATE["input"]}" = "{PRIVATE["parameter"]}" }}
[targets.{PRIVATE["english name"]}]
kind = "bot"
id = "{PRIVATE["bot"]}"
prompt = "{PRIVATE["saved prompt"]}"
""",
        "utf-8",
    )
    journal = Journal(home / "journal.db")
    link = f"https://{PRIVATE['host']}/{PRIVATE['link path']}/a.mp4?{PRIVATE['signed link']}=abc"
    for n, prompt in enumerate((PRIVATE["prompt"], PRIVATE["english prompt"])):
        inputs = {PRIVATE["input"]: link}
        journal.add_request(f"r{n}", Asked("https://api.coze.cn", "bot", PRIVATE["bot"], prompt, parameters=inputs))
        journal.tool_started(f"r{n}", "chat", f"call{n}", "generate_draft", json.dumps({"output": link}))
        journal.said(f"r{n}", "o", PRIVATE["answer"])
    folder = str(drafts / PRIVATE["draft folder"])
    receipt = Receipt(folder, PRIVATE["draft"], "id", {"video": 1}, 1, 0, "ms", "", [PRIVATE["answer"]])
    journal.put_draft("r0", "k", receipt, True)
    journal.done("r0", PRIVATE["answer"])
    journal.failed("r1", Failure("quota", f"no more for {PRIVATE['target']}", ""), PRIVATE["answer"])
    journal.close()
    log_of_everything(home, link)
    (home / "crash.txt").write_text(
        f"Fatal Python error: Segmentation fault\n\nCurrent thread 0x0000 (most recent call first):\n"
        f'  File "{tmp_path}/{PRIVATE["user"]}/coze/tray/draft/media.py", line 12 in probe\n{PRIVATE["answer"]}\n',
        "utf-8",
    )
    return home


def log_of_everything(home: Path, link: str) -> None:
    """As a process of the program logs; beneath, lines as an older one may have left them."""
    code = """
import logging, json, sys
from pathlib import Path
from tray import logs
home, private, link = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
logs.log_to(home)
for name in ("tray.desktop.notify", "tray.tools.registry", "tray.journal_file", "tray.listener", "tray.coze.stored"):
    log = logging.getLogger(name)
    log.info("begun %d", 4711)
    for value in private.values():
        if "notify" in name or "tools" in name:
            log.warning("%s", value)
        log.warning("it says “%s”: %s/%s", value, home, value)
        try:
            raise KeyError(f"{value}\\n{value}")
        except KeyError:
            log.exception("failed on %s", link)
"""
    subprocess.run([sys.executable, "-c", code, str(home), json.dumps(PRIVATE), link], check=True)
    with (home / logs.NAME).open("a", encoding="utf-8") as file:
        file.write("".join(f"{value}\nBearer {value}\n    {value}\n" for value in PRIVATE.values()))


def everything(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return "\n".join(f"{one.filename}\n{archive.read(one).decode()}\n{one.comment!r}" for one in archive.infolist())


def test_nothing_private_is_in_a_report_wherever_it_was(home, tmp_path):
    env = environment(
        home, COZE_API_TOKEN=PRIVATE["token"], HOME=str(tmp_path / PRIVATE["user"]), USER=PRIVATE["user"],
        LOGNAME=PRIVATE["user"], HTTPS_PROXY=f"http://me:{PRIVATE['proxy']}@{PRIVATE['host']}:1",
    )  # fmt: skip
    done = coze_tray("report", "--output", str(tmp_path / "r.zip"), env=env)
    assert done.returncode == 0, done.stderr
    said = everything(tmp_path / "r.zip")
    assert [what for what, value in PRIVATE.items() if value in said] == []
    assert not [piece for piece in ("SecretSecret", "婚礼", "小王", "张三", "zhangsan", "Alice") if piece in said]
    assert str(tmp_path) not in said and "婚" not in said


def test_a_report_says_enough_to_help(home, tmp_path, monkeypatch):
    monkeypatch.setenv("COZE_TRAY_HOME", str(home))
    path = report.write(tmp_path)
    assert path.parent == tmp_path and path.name.startswith("coze-tray-report-")
    said = everything(path)
    for words in (
        f"Python: {sys.version.split()[0]}", "pydantic: ", "at_once: 7", "workflow, sets kind, id, listen, parameters",
        "unknown keys: 1", "bot done: 1", "bot failed: 1", "error quota: 1", "drafts: 1", "outputs: 2",
        "begun 4711", "Traceback (most recent call last):", "KeyError", "Fatal Python error: Segmentation fault",
        "tray/draft/media.py", "line 12 in probe", "WARNING tray.desktop.notify: […]",
    ):  # fmt: skip
        assert words in said, words
    assert [name for name, _size in report.contents(path)] == [
        "README.txt", "versions.txt", "doctor.txt", "settings.txt", "journal.txt", "coze-tray.log.txt", "crash.txt",
    ]  # fmt: skip


def test_the_command_says_what_is_in_it_and_where_it_is(tmp_path):
    done = coze_tray("report", "-o", str(tmp_path / "r.zip"), env=environment(tmp_path / "home"))
    assert str(tmp_path / "r.zip") in done.stdout and "Look at it before you send it" in done.stdout
    assert "settings.txt" in done.stdout
    if os.name != "nt":
        assert (tmp_path / "r.zip").stat().st_mode & 0o077 == 0
    nowhere = coze_tray("report", "-o", str(tmp_path / "no" / "r.zip"), env=environment(tmp_path / "home"))
    assert nowhere.returncode == 1 and "Traceback" not in nowhere.stderr


@pytest.mark.parametrize("broken", ["settings", "no toml", "journal", "nothing"])
def test_there_is_a_report_however_broken_everything_is(broken, home, tmp_path):
    if broken == "settings":
        (home / "settings.toml").write_text(
            f'at_once = "{PRIVATE["prompt"]}"\nlanguage = "{PRIVATE["token"]}"\n', "utf-8"
        )
    elif broken == "no toml":
        (home / "settings.toml").write_text(f'at_once = 1\nx = "{PRIVATE["prompt"]}\n', "utf-8")
    elif broken == "journal":
        (home / "journal.db").write_bytes(b"no database" * 99)
    else:
        for file in home.iterdir():
            file.unlink()
    done = coze_tray("report", "-o", str(tmp_path / "r.zip"), env=environment(home))
    assert done.returncode == 0, done.stderr
    said = everything(tmp_path / "r.zip")
    words = {
        "settings": "can't be used: at_once",
        "no toml": "line 2",
        "journal": "DatabaseError",
        "nothing": "no journal",
    }
    assert words[broken] in said
    assert "SecretSecret" not in said and "小王" not in said


def test_a_long_log_is_gone_through_in_seconds(tmp_path, monkeypatch):
    line = "2026-01-01 00:00:00,000 INFO tray.listener: the clock jumped by 5 s: reconnecting\n"
    unnamed = Unnamed(tuple(f"value number {n}" for n in range(2_000)))
    import time

    began = time.monotonic()
    assert unnamed.log(line * 12_000).count("reconnecting") == 12_000
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("the folder D:\\视频\\Alice's (new), 1 can't be written", "the folder D:/…/…"),
        ("JianYing: /视频/Alice (2) (can't be written)", "JianYing: /…/… (can't be written)"),
        (
            "C:/Users/x/AppData/Local/JianyingPro/User Data/Projects/com.lveditor.draft",
            "C:/Users/…/AppData/Local/JianyingPro/User Data/Projects/com.lveditor.draft",
        ),
        ("at https://me:x@api.coze.cn/v3/chat?a=b: no", f"at https://…@api.coze.cn/{GONE} no"),
        ("bot 7379165428687536000", "bot 737…"),
        ("[Errno 28] No space left on device: '/a/b'", f"[Errno 28] No space left on device: {GONE}"),
    ],
)
def test_paths_addresses_and_ids_are_left_out(said, left):
    assert Unnamed(()).line(said) == left


def test_the_user_s_and_the_computer_s_names_are_known():
    values = Unnamed.of(Path("/nowhere")).values
    assert (getpass.getuser() in values) == (getpass.getuser() != "root")
    assert platform.node() in values or len(platform.node()) < 2
