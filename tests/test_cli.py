"""The command line as its contract says: exit codes, JSON, messages; no traceback reaches a user."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from factory import draft, export, png, segment, track
from program import DEADLINE_S, coze_tray, environment, last_line, start, wait_until
from tray import cli
from tray.simulator import demo
from tray.simulator.chats import SimulatedChat
from tray.simulator.server import Simulator


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "home", COZE_TRAY_ALLOW_HOSTS="127.0.0.1")


def written(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def on(cloud: Simulator, env: dict[str, str], root: Path) -> dict[str, str]:
    return {
        **env,
        "COZE_API_BASE": cloud.base_url,
        "COZE_API_TOKEN": "t",
        "COZE_BOT_ID": "7",
        "COZE_TRAY_DRAFTS_DIR": str(root),
    }


def test_the_demo_leaves_a_real_draft_without_account_or_network(env):
    done = coze_tray("demo", "--no-icon", env=env)
    assert done.returncode == 0, done.stderr
    assert "!" not in done.stderr, "the first draft that one sees has no warnings"
    path = next(line.strip() for line in done.stdout.splitlines() if os.sep in line)
    assert (Path(path) / "draft_meta_info.json").is_file()
    assert len(list((Path(path) / "Resources" / "local").iterdir())) == 8
    assert "JianYing does not show" in done.stdout and "restart it" not in done.stdout


def test_the_demo_s_draft_is_seen_in_jianying_where_it_is_made_in_its_folder(env, root):
    done = coze_tray("demo", "--no-icon", "--drafts-dir", str(root), env=env)
    assert "restart it" in done.stdout and "does not show" not in done.stdout


def test_ask_gives_text_drafts_and_exit_0(env, root):
    with demo.simulator(pace_s=0) as cloud:
        done = coze_tray("ask", "做一个视频", "--json", env=on(cloud, env, root))
    said = last_line(done)
    assert done.returncode == 0
    assert set(said) == {"status", "text", "drafts", "error", "request_id"}
    assert (said["status"], said["error"]) == ("done", None)
    assert set(said["drafts"][0]) >= {
        "path",
        "name",
        "draft_id",
        "segments",
        "duration_us",
        "media_bytes",
        "time_unit",
        "warnings",
    }
    assert said["drafts"][0]["segments"] == {"image": 4, "audio": 4, "text": 4}
    assert cloud.chats and next(iter(cloud.chats.values())).bot_id == "7"
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr


def test_ask_exits_0_when_only_a_tool_failed(env, root):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield chat.calls_tool("generate_draft", {"content": "?"})

    def on_outputs(chat: SimulatedChat, _outputs: dict[str, str]) -> Iterator[bytes]:
        yield from chat.says("对不起")
        yield from chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        done = coze_tray("ask", "x", "--json", env=on(cloud, env, root))
    assert (done.returncode, last_line(done)["text"], last_line(done)["drafts"]) == (0, "对不起", [])


def test_ask_exits_1_with_code_advice_and_logid_when_the_chat_fails(env, root, wire):
    failed = (wire / "coze-py__chat_failed_resp.txt").read_bytes()
    with Simulator(lambda _chat: [failed], lambda *_: []) as cloud:
        done = coze_tray("ask", "x", "--json", env=on(cloud, env, root))
    error = last_line(done)["error"]
    assert done.returncode == 1
    assert set(error) == {"code", "message", "advice", "logid", "again", "kept"}
    assert error["code"] == "5000" and error["logid"] and "event interval error" in error["message"]
    assert error["logid"] in done.stderr


def test_ask_exits_1_when_nobody_is_signed_in(env, root):
    with demo.simulator() as cloud:
        asked = on(cloud, env, root)
        del asked["COZE_API_TOKEN"]
        done = coze_tray("ask", "x", "--json", env=asked)
    assert done.returncode == 1
    assert last_line(done)["error"]["code"] == "sign_in"
    assert "COZE_API_TOKEN" in done.stderr or "login" in done.stderr
    assert not cloud.received


def test_ask_keeps_the_request_when_the_network_stays_away_and_the_tray_goes_on_with_it(env, root):
    with demo.simulator(pace_s=0) as cloud:
        asked = on(cloud, env, root)
    away = coze_tray("ask", "x", "--wait", "0.1", "--json", env=asked)
    assert (away.returncode, last_line(away)["error"]["code"]) == (1, "network")
    assert "kept" in away.stderr
    listed = last_line(coze_tray("status", "--json", env=asked))
    assert [request["state"] for request in listed["requests"]] == ["running"]


def test_ask_hands_its_request_to_the_program_that_runs(env, root):
    with demo.simulator(pace_s=0) as cloud:
        asked = on(cloud, env, root)
        running = start("--headless", env=asked)
        wait_until(
            lambda: last_line(coze_tray("status", "--json", env=asked))["state"] == "idle", "the program listens"
        )
        done = coze_tray("ask", "x", "--json", env={**asked, "COZE_API_TOKEN": "another"})
        second = coze_tray("--headless", env=asked)
        running.terminate()
        running.communicate(timeout=DEADLINE_S)
    assert done.returncode == 0 and last_line(done)["drafts"]
    assert {r.headers["Authorization"] for r in cloud.received if r.path == "/v3/chat"} == {"Bearer t"}
    assert second.returncode == 0 and "runs already, without an icon" in second.stderr
    assert f"process {running.pid}" in second.stderr
    assert running.returncode == 0


def test_build_lists_receipts_and_all_errors(env, tmp_path, root, media):
    good = draft(track(segment("image", url=media.serve("/a.png", png()))), name="good")
    bad = draft(track(segment("text"), segment("image", 0, 1, url=media.url + "/x", id="shot")), name="bad")
    file = written(tmp_path / "export.json", export(good, bad))
    done = coze_tray("build", file, "--drafts-dir", str(root), "--json", env=env)
    said = last_line(done)
    assert done.returncode == 1
    assert [receipt["name"] for receipt in said["drafts"]] == ["good"]
    assert set(said["errors"][0]) == {"draft", "track", "segment", "id", "url", "path", "message"}
    assert said["errors"][0]["path"] == "drafts[1].tracks[0].segments[1]"
    assert {k: said["errors"][0][k] for k in ("draft", "track", "segment", "id")} == {
        "draft": 2,
        "track": 1,
        "segment": 2,
        "id": "shot",
    }
    assert "draft 2, track 1, segment 2 (id shot)" in done.stderr


@pytest.mark.parametrize("text", ["not json", "{}", export(draft())])
def test_build_of_nothing_exits_1_and_says_why(text, env, tmp_path, root):
    done = coze_tray("build", written(tmp_path / "x.json", text), "--drafts-dir", str(root), "--json", env=env)
    said = last_line(done)
    assert (done.returncode, said["status"], said["drafts"]) == (1, "failed", [])
    assert said["errors"][0]["message"] and "Traceback" not in done.stderr
    assert not list(root.iterdir())


@pytest.mark.parametrize(
    "arguments", [["build"], ["build", "/no/such/file.json"], ["ask"], ["no-such-command"], ["autostart", "maybe"]]
)
def test_wrong_usage_exits_2(arguments, env):
    done = coze_tray(*arguments, env=env)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [["build"], ["build", "/no/such/file.json"], ["ask"], ["names", "colour"], ["drafts", "show"]]
)
def test_wrong_usage_with_json_ends_with_json_too(arguments, env):
    done = coze_tray(*arguments, "--json", env=env)
    assert (done.returncode, last_line(done)["status"], last_line(done)["error"]["code"]) == (2, "failed", "usage")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "nothing in it"),
        (b" \n", "nothing in it"),
        (b"A film about autumn.", "neither JSON nor SRT"),
        (b'{"tracks": [', "line 1, column 13"),
        (b'{"a": 1}', "“tracks”"),
        ("1\n00:00:01,000 --> 00:00:02,000\nCafé au lait".encode("cp1252"), "no text"),
        (bytes(range(256)), "no text"),
    ],
)
def test_a_file_that_is_no_draft_is_said_in_words_with_what_to_give_instead(data, words, env, tmp_path):
    (tmp_path / "x.json").write_bytes(data)
    done = coze_tray("build", str(tmp_path / "x.json"), "--drafts-dir", str(tmp_path), "--json", env=env)
    assert done.returncode == 1
    assert words in done.stderr and "Give " in done.stderr
    assert not [python for python in ("codec", "char 0", "Expecting") if python in done.stderr]


def test_a_file_that_is_too_big_is_not_read_whole(env, tmp_path, root):
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(20 * 10**9)
    done = coze_tray("build", str(tmp_path / "x.json"), "--drafts-dir", str(root), env=env)
    assert done.returncode == 1 and "too big" in done.stderr


def test_build_with_json_says_what_to_do_about_the_settings(env, tmp_path):
    (tmp_path / "home").mkdir()
    written(tmp_path / "home" / "settings.toml", 'max_media_bytes = "much"')
    done = coze_tray("build", written(tmp_path / "x.json", export(draft(track(segment())))), "--json", env=env)
    message = last_line(done)["errors"][0]["message"]
    assert "max_media_bytes" in message and "settings.toml" in message


def test_a_receipt_tells_of_the_unit_of_times_only_where_it_had_to_be_found(env, tmp_path, root):
    told = coze_tray("build", written(tmp_path / "x.json", export(draft(track(segment())))),
                     "--drafts-dir", str(root), env=env)  # fmt: skip
    assert "times read as ms" in told.stderr and "documented" in told.stderr
    own = json.dumps({"version": 1, "tracks": [{"kind": "text", "segments": [{"text": "a"}]}]})
    clear = coze_tray("build", written(tmp_path / "x.json", own), "--drafts-dir", str(root), env=env)
    assert clear.returncode == 0 and "times read" not in clear.stderr


def test_a_draft_without_a_name_is_called_as_its_file(env, tmp_path, root):
    file = written(tmp_path / "秋天.srt", "1\n00:00:01,000 --> 00:00:02,000\n落叶\n")
    for name in ("秋天", "秋天 (2)"):
        done = coze_tray("build", file, "--drafts-dir", str(root), "--json", env=env)
        assert last_line(done)["drafts"][0]["name"] == name


def test_times_of_a_spec_that_are_milliseconds_without_saying_so_are_warned_of(env, tmp_path, root):
    texts = [{"text": "a", "duration": 3000}, {"text": "b", "duration": 3000}]
    own = json.dumps({"version": 1, "tracks": [{"kind": "text", "segments": texts}]})
    done = coze_tray("build", written(tmp_path / "x.json", own), "--drafts-dir", str(root), env=env)
    assert "2 segments last less than a frame; a time without a unit is microseconds" in done.stderr


def test_a_field_of_a_spec_that_is_written_otherwise_is_said_with_the_right_one(env, tmp_path, root):
    own = {"version": 1, "tracks": [{"kind": "text", "segments": [{"text": "a", "style": {"color": "#FF0000"}}]}]}
    done = coze_tray("build", written(tmp_path / "x.json", json.dumps(own)), "--drafts-dir", str(root), env=env)
    assert "style.color: no such field is known; is “colour” meant?" in done.stderr


def test_help_tells_what_each_command_does_on_a_terminal_of_80_columns(env):
    for arguments in ([], ["drafts"]):
        done = coze_tray(*arguments, "--help", env={**env, "COLUMNS": "80"})
        assert "..." not in done.stdout.partition("--help")[2]


def test_help_shows_every_command_once_below_a_heading_that_says_what_it_is_about(env):
    told = coze_tray("--help", env={**env, "COLUMNS": "80"}).stdout.partition("Show this message and exit.")[2]
    rows = re.findall(r"^(?:(\S[^:]*):|  (\S+) +\S.*)$", told, re.MULTILINE)
    assert [heading for heading, _command in rows if heading] == [
        "Requests",
        "Drafts",
        "Account",
        "Program",
        "When something is wrong",
        "Developers",
    ]
    commands = vars(get_command(cli.app))["commands"].values()
    assert sorted(command for _heading, command in rows if command) == sorted(c.name for c in commands if not c.hidden)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("COZE_API_BASE", "http://api.example.com", "https"), ("COZE_API_BASE", "nonsense", "nonsense")],
)
def test_the_token_goes_to_https_only(name, value, words, env):
    done = coze_tray("ask", "x", "--bot", "1", env={**env, name: value, "COZE_API_TOKEN": "t"})
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr


def test_a_broken_settings_file_names_the_key(env, tmp_path):
    (tmp_path / "home").mkdir()
    written(tmp_path / "home" / "settings.toml", 'max_media_bytes = "much"')
    done = coze_tray("status", env=env)
    assert done.returncode == 1 and "line 1: max_media_bytes: much is not a whole number" in done.stderr


def test_settings_saved_by_windows_notepad_are_read(env, tmp_path):
    (tmp_path / "home").mkdir()
    written(tmp_path / "home" / "settings.toml", "\ufeffbot_id = '739'")
    assert last_line(coze_tray("status", "--json", env=env))["bot_id"] == "739"


def test_login_takes_no_token_as_an_argument_and_says_when_no_keyring_is_there(env):
    assert coze_tray("login", "pat_secret", env=env).returncode == 2
    done = coze_tray("login", env=env, stdin="pat_secret\n")
    assert done.returncode == 1
    assert "COZE_API_TOKEN" in done.stderr
    assert "pat_secret" not in done.stdout + done.stderr


def test_drafts_lists_what_was_built_newest_first(env, tmp_path, root):
    for name in ("一", "二"):
        coze_tray(
            "build",
            written(tmp_path / "x.json", export(draft(track(segment()), name=name))),
            "--drafts-dir",
            str(root),
            env=env,
        )
    done = coze_tray("drafts", "--drafts-dir", str(root), "--json", env=env)
    assert [one["name"] for one in last_line(done)["drafts"]] == ["二", "一"]


def test_doctor_names_what_is_missing_and_how_to_mend_it(env):
    done = coze_tray("doctor", env=env)
    assert done.returncode == 1
    for words in ("token", "bot", "drafts folder", "→"):
        assert words in done.stdout


def test_the_token_never_reaches_a_file(env, tmp_path, root):
    with demo.simulator(pace_s=0) as cloud:
        asked = {**on(cloud, env, root), "COZE_API_TOKEN": "pat_very_secret"}
        coze_tray("ask", "x", env=asked)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"pat_very_secret" in path.read_bytes()]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_an_ask_at_once_and_keeps_the_request(env, root):
    import signal

    begun = threading.Event()

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        begun.set()
        while True:
            yield b": waiting\n\n"

    with Simulator(on_chat, lambda *_: [], pace_s=0.01) as cloud:
        asking = start("ask", "x", "--bot", "1", env=on(cloud, env, root))
        assert begun.wait(DEADLINE_S)
        asking.send_signal(signal.SIGINT)
        _out, errors = asking.communicate(timeout=DEADLINE_S)
    assert asking.returncode == 130
    assert "kept" in errors and "Traceback" not in errors


def test_ten_asks_at_once_are_all_answered_with_a_chat_each(env, root):
    with demo.simulator(pace_s=0) as cloud:
        asked = on(cloud, env, root)
        done = [start("ask", str(n), "--json", env=asked) for n in range(10)]
        results = [one.communicate(timeout=2 * DEADLINE_S) for one in done]
    assert [one.returncode for one in done] == [0] * 10, results
    drafts = [json.loads(out.splitlines()[-1])["drafts"] for out, _errors in results]
    assert [len(one) for one in drafts] == [1] * 10
    assert len({one[0]["draft_id"] for one in drafts}) == len(list(root.iterdir())) == 10
    assert sorted(chat.prompt for chat in cloud.chats.values()) == sorted(str(n) for n in range(10))


@pytest.mark.parametrize("arguments", [["ask", "x"], ["build", "{file}"], ["status"], ["drafts"]])
def test_with_json_the_last_line_is_json_even_when_the_settings_are_broken(arguments, env, tmp_path):
    (tmp_path / "home").mkdir()
    written(tmp_path / "home" / "settings.toml", "region = 5")
    file = written(tmp_path / "x.json", export(draft(track(segment()))))
    done = coze_tray(*(a.format(file=file) for a in arguments), "--json", env=env)
    assert done.returncode == 1
    assert last_line(done)["status"] == "failed"
    assert "region" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("more", "words"), [({}, "Which bot"), ({"COZE_API_BASE": "https://api.coze.cn:abc"}, "no address")]
)
def test_ask_with_json_says_what_is_missing_in_json_too(more, words, env):
    done = coze_tray("ask", "x", "--json", env={**env, **more})
    assert words in last_line(done)["error"]["message"]
    assert words in done.stderr


def test_a_token_is_never_quoted_even_when_it_is_malformed(env, root):
    with demo.simulator(pace_s=0) as cloud:
        for token, code in (("pat_secret\n", 0), ("pat_sécret", 1), ("pat secret", 1)):
            done = coze_tray("ask", "x", "--json", env={**on(cloud, env, root), "COZE_API_TOKEN": token})
            assert done.returncode == code
            assert token.strip() not in done.stdout + done.stderr


@pytest.mark.parametrize("broken", ["settings", "journal"])
def test_headless_that_can_t_begin_ends_with_a_message(broken, env, tmp_path):
    (tmp_path / "home").mkdir()
    if broken == "settings":
        written(tmp_path / "home" / "settings.toml", 'max_media_bytes = "much"')
    else:
        (tmp_path / "home" / "journal.db").mkdir()
    done = coze_tray("--headless", env=env)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and str(tmp_path) in done.stderr


def test_a_draft_in_an_answer_that_can_t_be_built_is_said(env, root):
    said = export(draft(track(segment("image", url="http://192.168.0.1/x.png"))))

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield from chat.says(said)
        yield from chat.completed()

    with Simulator(on_chat, lambda *_: []) as cloud:
        done = coze_tray("ask", "x", env=on(cloud, env, root))
    assert done.returncode == 0 and "segment 1" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_build_that_is_told_to_end_leaves_nothing(name, env, tmp_path, root, media):
    import signal

    began, release = threading.Event(), threading.Event()

    def stall(_handler: object) -> None:
        began.set()
        release.wait(DEADLINE_S)

    file = written(tmp_path / "x.json", export(draft(track(segment("image", url=media.serve("/slow", stall))))))
    building = start("build", file, "--drafts-dir", str(root), env=env)
    assert began.wait(DEADLINE_S)
    building.send_signal(getattr(signal, name))
    _out, errors = building.communicate(timeout=DEADLINE_S)
    release.set()
    assert building.returncode == 130 and "Traceback" not in errors
    assert [path.name for path in root.parent.iterdir()] == [root.name]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_program_that_hangs_does_not_hang_the_others(env, root):
    import signal

    with demo.simulator(pace_s=0) as cloud:
        asked = on(cloud, env, root)
        running = start("--headless", env=asked)
        wait_until(
            lambda: last_line(coze_tray("status", "--json", env=asked))["state"] == "idle", "the program listens"
        )
        running.send_signal(signal.SIGSTOP)
        done = coze_tray("status", "--json", env=asked)
        running.send_signal(signal.SIGCONT)
        running.terminate()
        running.communicate(timeout=DEADLINE_S)
    assert last_line(done)["state"] == "silent"


def test_an_export_saved_by_a_chinese_windows_is_read(env, tmp_path, root):
    for encoding in ("gb18030", "utf-16", "utf-8-sig"):
        (tmp_path / "x.json").write_bytes(export(draft(track(segment()), name=f"草稿 {encoding}")).encode(encoding))
        done = coze_tray("build", str(tmp_path / "x.json"), "--drafts-dir", str(root), "--json", env=env)
        assert last_line(done)["drafts"][0]["name"] == f"草稿 {encoding}"


def test_a_failed_login_changes_nothing(env, tmp_path):
    assert coze_tray("login", "--region", "com", "--bot", "5", env=env, stdin="pat_x\n").returncode == 1
    assert not (tmp_path / "home" / "settings.toml").exists()


def test_the_language_of_the_settings_is_spoken(env, tmp_path):
    (tmp_path / "home").mkdir()
    written(tmp_path / "home" / "settings.toml", 'language = "zh_CN"')
    assert "程序" in coze_tray("status", env=env).stdout
    written(tmp_path / "home" / "settings.toml", 'language = "fr"')
    assert "language" in coze_tray("status", env=env).stderr


@pytest.mark.parametrize(
    "arguments", [["status"], ["--headless"], ["demo", "--drafts-dir", "{file}"], ["demo", "--drafts-dir", "{file}/x"]]
)
def test_a_file_where_a_folder_is_needed_is_no_bug_to_report(arguments, env, tmp_path):
    file = written(tmp_path / "file", "")
    more = {} if arguments[0] == "demo" else {"COZE_TRAY_HOME": file}
    done = coze_tray(*(a.format(file=file) for a in arguments), env={**env, **more})
    assert done.returncode in (1, 2)
    assert "report" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_the_demo_without_a_trace(env, tmp_path):
    import signal

    for moment in (0.0, 0.3, 0.6, 0.9):
        running = start("demo", "--no-icon", env={**env, "COZE_TRAY_HOME": str(tmp_path / str(moment))})
        assert running.stdout is not None
        running.stdout.readline()  # it has begun to ask
        threading.Event().wait(moment)
        running.send_signal(signal.SIGINT)
        _out, errors = running.communicate(timeout=DEADLINE_S)
        assert "Traceback" not in errors
        assert running.returncode in (0, 130)


def test_help_is_whole_in_chinese_on_a_narrow_terminal(env):
    done = coze_tray("--help", env={**env, "LANG": "zh_CN.UTF-8", "COLUMNS": "60"})
    assert "不用联网" in "".join(done.stdout.split())
    assert "…" not in done.stdout


def test_names_are_listed_with_what_they_need(env):
    done = coze_tray("names", "transition", "叠化", env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("叠化  0.")
    assert "心形叠化" in done.stdout and "VIP" in done.stdout
    done = coze_tray("names", "Character_Effect", "boom", "--json", env=env)
    (entry,) = last_line(done)["names"]
    assert (entry["kind"], entry["name"], entry["title"], entry["is_vip"]) == (
        "character-effect",
        "BOOM",
        "BOOM！",
        False,
    )
    assert set(entry["params"][0]) == {"name", "default", "low", "high"}


def test_a_group_of_kinds_is_searched_at_once(env):
    done = coze_tray("names", "animation", "fade in", env=env)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["video-intro", "渐显", "text-intro", "渐显"]


def test_a_name_that_is_not_there_is_said_with_near_ones(env):
    done = coze_tray("names", "filter", "青春无悔", "--json", env=env)
    assert (done.returncode, last_line(done)["status"], last_line(done)["names"]) == (0, "done", [])
    assert "青春胶片" in done.stderr and "青春胶片" in last_line(done)["near"]
    done = coze_tray("names", "filter", "商务", env=env)
    assert "Near names" not in done.stderr and "coze-tray names filter" in done.stderr
    done = coze_tray("names", "colour", "x", env=env)
    assert done.returncode == 2
    assert "speech-to-song" in done.stderr


def test_with_the_last_file_the_drafts_begin_to_be_built():
    from tray.terminal import Bar

    bar = Bar()
    bar.media(1, 2, 1000)
    assert bar._progress.tasks[0].description == "Fetching media"
    bar.media(2, 2, 2000)
    assert bar._progress.tasks[0].description == "Building the draft"


def test_a_page_that_is_none_is_not_opened(env):
    done = coze_tray("page", "draft", env=env)
    assert done.returncode == 2 and "drafts, try, activity" in done.stderr
