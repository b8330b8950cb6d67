"""Targets: named in the settings from the command line, and found by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from program import coze_tray, environment, last_line
from tray import settings as settings_module
from tray import targets, targets_command
from tray.errors import SettingsError
from tray.settings import Settings
from tray.settings_target import Target
from tray.simulator import demo

BY_HAND = """# what I wrote myself
bot_id = "1"  # my bot

[targets."短片"]  # the daily one
kind = "workflow"
id = "739"
interval = "5m"
parameters = { topic = "海" }

[folders]
"客户" = "/tmp"
"""


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    """A settings file that its user has written."""
    file = tmp_path / "home" / "settings.toml"
    file.parent.mkdir()
    file.write_text(BY_HAND, "utf-8")
    return file


def test_targets_are_added_listed_and_removed_and_the_rest_of_the_file_stays(by_hand, tmp_path):
    env = environment(tmp_path / "home")
    arguments = ("--bot", "7", "-p", "n:=3", "-p", 'list:=["a"]', "--variable", "who=小王", "--region", "com")
    assert coze_tray("targets", "add", "海报 bot", *arguments, env=env).returncode == 0
    listed = coze_tray("targets", "--json", env=env)
    assert "海报 bot  bot  7  com  n=3" in listed.stdout and "who=小王" in listed.stdout
    first, second = last_line(listed)["targets"]
    assert (first["name"], first["kind"], first["id"], first["parameters"]) == (
        "短片",
        "workflow",
        "739",
        {"topic": "海"},
    )
    assert second["parameters"] == {"n": 3, "list": ["a"]} and second["variables"] == {"who": "小王"}
    twice = coze_tray("targets", "add", "短片", "--bot", "7", env=env)
    assert twice.returncode == 1 and "already" in twice.stderr
    assert coze_tray("targets", "remove", "海报 bot", env=env).returncode == 0
    assert by_hand.read_text("utf-8").strip() == BY_HAND.strip()
    gone = coze_tray("targets", "remove", "海报 bot", env=env)
    assert gone.returncode == 1 and "短片" in gone.stderr


def test_the_last_target_removed_leaves_the_file_as_it_was(by_hand):
    targets_command.remove("短片")
    left = by_hand.read_text("utf-8")
    assert "targets" not in left and "# my bot" in left and settings_module.load().folders
    targets_command.add("a.b", Target(kind="bot", id="7"))
    assert settings_module.load().targets["a.b"].id == "7"


@pytest.mark.parametrize("name", ["", "  ", "7379165428687536000", "１２３", "x" * 41, "a\nb", "a\x1b[0m", "a\u202eb"])
def test_a_name_that_looks_like_an_id_or_can_t_be_shown_is_refused(name, by_hand):
    with pytest.raises(SettingsError) as refused:
        targets_command.add(name, Target(kind="bot", id="7"))
    assert "\n" not in refused.value.message.replace(name, "") and by_hand.read_text("utf-8") == BY_HAND


def test_what_toml_can_t_hold_is_refused_and_nothing_is_changed(by_hand):
    with pytest.raises(SettingsError):
        targets_command.add("x", Target(kind="workflow", id="7", parameters={"nothing": None}))
    assert by_hand.read_text("utf-8") == BY_HAND


@pytest.mark.parametrize(
    "arguments", [(), ("--bot", "1", "--workflow", "2"), ("--bot", "海"), ("--bot", "1", "-p", "x")]
)
def test_targets_that_are_not_said_right_are_wrong_usage(arguments, tmp_path):
    assert coze_tray("targets", "add", "x", *arguments, env=environment(tmp_path)).returncode == 2


def test_a_saved_request_is_asked_by_its_name_alone(by_hand, tmp_path):
    env = environment(tmp_path / "home")
    added = coze_tray("targets", "add", "日更", "--bot", "7", "--prompt", " 做一个\n短视频 ", env=env)
    assert added.returncode == 0 and "coze-tray ask 日更" in added.stdout
    listed = coze_tray("targets", "--json", env=env)
    assert "“做一个 短视频”" in listed.stdout and last_line(listed)["targets"][1]["prompt"] == "做一个\n短视频"
    with demo.simulator(pace_s=0) as cloud:
        online = {**env, "COZE_API_BASE": cloud.base_url, "COZE_API_TOKEN": "t", "COZE_TRAY_ALLOW_HOSTS": "127.0.0.1"}
        online["COZE_TRAY_DRAFTS_DIR"] = str(tmp_path)
        for arguments in (["日更"], ["--bot", "日更"], ["做一个长的", "--bot", "日更"], ["日更", "--bot", "8"]):
            coze_tray("ask", *arguments, env=online)
        asked = [(chat.bot_id, chat.prompt) for chat in cloud.chats.values()]
    assert asked == [("7", "做一个\n短视频"), ("7", "做一个\n短视频"), ("7", "做一个长的"), ("8", "日更")]


@pytest.mark.parametrize("arguments", [("--workflow", "2", "--prompt", "x"), ("--bot", "2", "--prompt", " ")])
def test_only_what_can_be_asked_something_takes_a_prompt(arguments, tmp_path):
    assert coze_tray("targets", "add", "x", *arguments, env=environment(tmp_path)).returncode == 2


def test_a_target_is_found_by_name_by_id_or_as_the_default():
    known = Target(kind="workflow", id="739", region="com", parameters={"a": 1, "b": 2})
    settings = Settings(bot_id="5", targets={"短片": known})
    assert targets.find("短片", "workflow", settings) == ("短片", known)
    assert targets.find("42", "workflow", settings) == ("", Target(kind="workflow", id="42"))
    assert targets.find(None, "bot", settings)[1].id == "5"
    asked = targets.asked(("短片", known), settings, parameters={"b": 3})
    assert (asked.base_url, asked.parameters, asked.target) == ("https://api.coze.com", {"a": 1, "b": 3}, "短片")


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [("短片", "bot", "coze-tray workflow 短片"), ("短 片", "workflow", "短片"), (None, "workflow", "COZE_WORKFLOW_ID")],
)
def test_a_target_that_is_not_there_is_said_with_what_to_do(said, kind, words):
    settings = Settings(targets={"短片": Target(kind="workflow", id="739")})
    with pytest.raises(SettingsError) as missing:
        targets.find(said, kind, settings)
    assert words in missing.value.advice


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("a=1", {"a": "1"}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a:=1.5", {"a": 1.5}),
        ('a:={"b": [null, true]}', {"a": {"b": [None, True]}}),
        ('a:="@x"', {"a": "@x"}),
        ("主题 =海", {"主题": "海"}),
        ("a=:=", {"a": ":="}),
    ],
)
def test_inputs_are_read_as_they_are_typed(said: str, found: dict[str, Any]):
    assert targets.parameters([said]) == found


def test_an_input_from_a_file_is_its_text(tmp_path):
    (tmp_path / "x.txt").write_text("第一行\n第二行\n", "utf-8")
    assert targets.parameters([f"a=@{tmp_path / 'x.txt'}"]) == {"a": "第一行\n第二行\n"}
    (tmp_path / "x.bin").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="no text"):
        targets.parameters([f"a=@{tmp_path / 'x.bin'}"])
    with (tmp_path / "big").open("wb") as big:
        big.truncate(10**9)
    with pytest.raises(ValueError, match="too big"):
        targets.parameters([f"a=@{tmp_path / 'big'}"])


def test_a_name_in_square_brackets_is_shown_as_it_is(tmp_path):
    env = environment(tmp_path / "home")
    added = coze_tray("targets", "add", "[/a] [red]", "--bot", "7", env=env)
    assert added.returncode == 0 and "[/a] [red]: bot 7" in added.stdout
    removed = coze_tray("targets", "remove", "[/a] [red]", env=env)
    assert removed.returncode == 0 and "“[/a] [red]”" in removed.stdout


def test_an_address_with_a_password_in_it_is_refused(monkeypatch):
    monkeypatch.setenv("COZE_API_BASE", "https://me:secret@api.coze.cn")
    with pytest.raises(SettingsError, match="no address"):
        settings_module.load()
