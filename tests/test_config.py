"""The settings file as people edit it, and `coze-tray config`, in real processes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import tomlkit
from filelock import FileLock

from program import DEADLINE_S, coze_tray, environment, last_line, start, wait_until
from tray import app, config_command, configuring, events, instance, settings_template, targets_command, toml_file
from tray import settings as settings_module
from tray.errors import SettingsError
from tray.locale import use
from tray.settings import InForce, Settings
from tray.settings_target import Target


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home" / "settings.toml"


def config(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return coze_tray("config", *arguments, env=env)


def refused(change: Callable[[], object]) -> str:
    """What the user is told."""
    with pytest.raises(SettingsError) as error:
        change()
    return f"{error.value.message}\n{error.value.advice}"


def test_the_first_setting_makes_a_file_that_says_what_can_be_set(env, file):
    assert config("set", "at_once", "8", env=env).returncode == 0
    text = file.read_text("utf-8")
    assert tomlkit.parse(text).unwrap() == {"version": 1, "at_once": 8}
    for name in Settings.model_fields:
        assert f"# {name} = " in text or f"\n{name} = " in text or f"# [{name}" in text, name
    assert all(f"# {name} = " in text for name in Target.model_fields)
    assert "# Requests that work at the same time, 1 to 64.\nat_once = 8\n" in text


def test_the_file_is_in_the_user_s_language(env, file):
    config("set", "at_once", "8", env={**env, "LANG": "zh_CN.UTF-8"})
    said = [line for line in file.read_text("utf-8").splitlines() if line.startswith("# ") and " = " not in line]
    assert [line for line in said if line.isascii() and not line.startswith("# [")] == []


def test_every_default_in_the_file_can_be_used_as_it_stands(monkeypatch):
    """Each key, and each target's, with the # taken away."""
    text = settings_template.text()
    lines = [line.removeprefix("# ") for line in text.splitlines() if " = " in line or line.startswith("# [")]
    found = settings_module.understood("\n".join(lines), {})
    assert found.unknown == () and found.settings.targets["my bot"] == Target(kind="bot", id="7379165428687536000")
    assert found.settings.model_copy(update={"targets": {}, "folders": {}}) == Settings()
    use("en")


def test_what_a_person_wrote_stays_when_something_else_is_set(file):
    by_hand = '# mine\nbot_id = "1"  # my bot\n\n[targets."日更"]  # daily\nkind = "bot"\nid = "1"\n# later:\n# prompt = "x"\n'
    file.write_text(by_hand, "utf-8")
    for key, value in (
        ("bot_id", "2"),
        ("silent_s", "30"),
        ("targets.日更.prompt", "写一段"),
        ("folders.客户", "/tmp"),
    ):
        config_command.put(key, [value])
    for key in ("silent_s", "targets.日更.prompt", "folders.客户"):
        config_command.unset(key)
    left = file.read_text("utf-8").replace("[folders]\n", "").replace("# silent_s = 120\n", "")
    assert left.split() == by_hand.replace('"1"  #', '"2"  #').split()


def test_a_setting_that_is_not_set_any_more_stands_there_as_a_comment_again(env, file):
    config("set", "at_once", "8", env=env)
    before = file.read_text("utf-8").replace("at_once = 8", "# at_once = 4")
    assert "default is 4" in config("unset", "at_once", env=env).stdout
    assert file.read_text("utf-8") == before
    assert config("unset", "at_once", env=env).returncode == 0, "twice is no error"


@pytest.mark.parametrize(
    ("key", "values", "read"),
    [
        ("at_once", ["8"], 8),
        ("silent_s", ["30.5"], 30.5),
        ("cache_hours", ["48"], 48),
        ("strict", ["on"], True),
        ("notifications", ["false"], False),
        ("bot_id", ["0739"], "0739"),
        ("language", ["zh_CN"], "zh_CN"),
        ("allow_hosts", ["a.lan", "b.lan"], ["a.lan", "b.lan"]),
        ("media_folders", ["D:\\素材", "/b c"], None),
        ("folders.客户.甲", ["/tmp/x"], "/tmp/x"),
        ("targets.日.更.interval", ["5m"], "5m"),
        ("targets.日.更.runs_a_day", ["100"], 100),
        ("targets.日.更.parameters", ["topic=海", "n:=3"], {"topic": "海", "n": 3}),
        ("targets.日.更.prompt", ["a\nb \"c\" 'd' \\e"], "a\nb \"c\" 'd' \\e"),
    ],
)
def test_every_kind_of_setting_is_set_and_read_back(key, values, read, file):
    file.write_text('[targets."日.更"]\nkind = "workflow"\nid = "7"\n', "utf-8")
    done = config_command.put(key, values)
    got = config_command.get(key)
    assert got["value"] == done["value"] and got["from"] == "file"
    assert read is None or got["value"] == read


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("at_once", "0"), "at_once: 0 is too little, the least is 1"),
        (("at_once", "many"), "at_once: many is not a whole number"),
        (("at_once", "1", "2"), "takes one value"),
        (("api_base", "http://example.com"), "not https"),
        (("language", "fr"), "it can be"),
        (("at-once", "3"), "“at_once”"),
        (("nonsense", "3"), "config list"),
        (("version", "2"), "not to be changed"),
        (("targets.日更.interval", "5x"), "targets.日更.interval: it is a time like 30s"),
        (("targets.日更.listen", "true"), "only a workflow"),
        (("targets.日更.intervall", "5m"), "“interval”"),
        (("targets.没有.interval", "5m"), "Named targets: 日更"),
        (("targets.日更.parameters", "x"), "name=value"),
        (("targets.日更", "x"), "targets.NAME.KEY"),
        (("folders", "x"), "folders.NAME"),
        (("token", "pat_x"), "coze-tray login"),
        (("coze_api_token", "pat_x"), "coze-tray login"),
    ],
)
def test_what_can_t_be_used_is_never_written(arguments, words, file):
    before = 'bot_id = "1"\n[targets."日更"]\nkind = "bot"\nid = "1"\n'
    file.write_text(before, "utf-8")
    said = refused(lambda: config_command.put(arguments[0], arguments[1:]))
    assert words in said and "pat_x" not in said
    assert file.read_text("utf-8") == before


def test_every_mistake_is_named_with_its_line_at_once(env, file):
    file.write_text(
        '# mine\nat_once = 0\n\nmedia_folders = [\n  "/a",\n  3,\n]\n[targets."日更"]\nkind = "workflow"\nid = "7"\n'
        'interval = "5x"\n[targets.b]\nkind = "bot"\n[targets."c d"]\nkind = "bot"\nid = "1"\nlisten = true\n',
        "utf-8",
    )
    said = coze_tray("status", env=env).stderr
    for words in (
        "settings.toml, line 2: at_once: 0 is too little",
        "settings.toml, line 6: media_folders[1]: 3 is not a path",
        "settings.toml, line 11: targets.日更.interval: it is a time",
        "settings.toml, line 12: targets.b.id: it is missing",
        "settings.toml, line 14: targets.c d: only a workflow",
    ):
        assert words in said
    assert str(file) in said


def test_mistakes_are_mended_one_by_one(env, file):
    file.write_text('at_once = 0\nsilent_s = "x"\n', "utf-8")
    assert config("set", "at_once", "2", env=env).returncode == 0
    assert coze_tray("status", env=env).returncode == 1
    assert config("unset", "silent_s", env=env).returncode == 0
    assert coze_tray("status", env=env).returncode == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a = 1\ndrafts_dir = "D:\\Drafts"\n', ("line 2, column", "backslash", "'D:\\Videos\\Drafts'")),
        ('drafts_dir = "D:\\Users\\me"\n', ("line 1, column", "backslash")),
        ('drafts_dir = "D:\\textures"\n', ("line 1: drafts_dir", "a tab or the like")),
        ("at_once = 4\nat_once = 5\n", ("line 2", "twice")),
        ("[folders]\na = '/a'\n[folders]\n", ("line 3", "twice")),
        ("bot_id = 海\n", ("line 1, column 10", "“海”")),
        ("[targets]\n日更 = 1\n", ("line 2", "without quotes")),
        ("media_folders = [\n'/a'\n", ("settings.toml, line 2",)),
        ("[targets", ("settings.toml, line 1",)),
    ],
)
def test_a_line_that_is_no_toml_is_named_with_what_to_do(text, words, file):
    file.write_text(text, "utf-8")
    said = refused(settings_module.load)
    assert [word for word in (*words, str(file)) if word not in said] == []
    assert not [raw for raw in ("Unexpected", "Traceback", "Invalid", "codec") if raw in said]
    if "textures" not in text:  # which is TOML, and can be mended key by key
        refused(lambda: config_command.put("at_once", ["3"]))
        assert file.read_text("utf-8") == text


def test_a_file_that_an_old_editor_saved_is_said_so(file):
    file.write_bytes('bot_id = "海"\n'.encode("gbk"))
    assert "UTF-8" in refused(settings_module.load)


def test_a_variable_that_can_t_be_used_is_named_instead_of_a_line(file, monkeypatch):
    file.write_text('api_base = "https://api.coze.cn"\n', "utf-8")
    monkeypatch.setenv("COZE_API_BASE", "http://example.com")
    said = refused(settings_module.load)
    assert "COZE_API_BASE: api_base: http://example.com is not https" in said and "line" not in said


def test_an_unknown_key_is_warned_of_with_what_may_be_meant_and_everything_works(env, file):
    file.write_text('at_ones = 3\nzzz = 1\n[targets."日更"]\nkind = "bot"\nid = "1"\nprompts = "x"\n', "utf-8")
    done = coze_tray("status", env=env)
    assert done.returncode == 0
    assert "settings.toml, line 1: at_ones: no such setting is known; is “at_once” meant?" in done.stderr
    assert "settings.toml, line 2: zzz: no such setting is known\n" in done.stderr
    assert "settings.toml, line 6: targets.日更.prompts: no such setting is known; is “prompt” meant?" in done.stderr
    assert done.stderr.count("at_ones") == 1
    doctor = coze_tray("doctor", env=env)
    assert "at_ones" in doctor.stdout and "at_ones" not in doctor.stderr


def test_list_says_where_each_value_comes_from(env, file):
    file.write_text('at_once = 8\nbot_id = "1"\n', "utf-8")
    done = config("list", "--json", env={**env, "COZE_BOT_ID": "2"})
    found = {one["key"]: (one["value"], one["default"], one["from"]) for one in last_line(done)["settings"]}
    assert list(found) == list(Settings.model_fields)
    assert found["at_once"] == (8, 4, "file") and found["bot_id"] == ("2", "", "environment")
    assert found["silent_s"] == (120, 120, "default")
    assert "at_once = 8  (from the file; the default is 4)" in done.stdout
    set_too = config("set", "bot_id", "3", env={**env, "COZE_BOT_ID": "2"})
    assert "COZE_BOT_ID" in set_too.stderr and 'bot_id = "3"' in file.read_text("utf-8")
    assert config("path", env=env).stdout.strip() == str(file)


def test_a_folder_is_meant_from_where_it_is_typed(env, file, tmp_path):
    done = config("set", "drafts_dir", "草稿", "--json", env=env)
    assert last_line(done)["value"] == str(Path.cwd() / "草稿")


def test_settings_changed_by_several_processes_at_once_are_all_kept(env, file):
    keys = [
        ("at_once", "8"),
        ("silent_s", "30"),
        ("strict", "true"),
        ("bot_id", "7"),
        ("device", "x"),
        ("cache_hours", "1"),
    ]
    running = [start("config", "set", *one, env=env) for one in keys]
    for one in running:
        out, err = one.communicate(timeout=DEADLINE_S)
        assert one.returncode == 0, out + err
    assert set(tomlkit.parse(file.read_text("utf-8"))) == {"version", *(key for key, _value in keys)}


def test_a_file_that_another_process_is_changing_is_waited_for_and_then_said(file, monkeypatch):
    monkeypatch.setattr(toml_file, "_LOCKED_S", 0.1)
    with FileLock(file.with_suffix(".lock")), pytest.raises(SettingsError, match="Another program is changing"):
        settings_module.save(bot_id="7")
    assert not file.exists()


def test_settings_that_can_t_be_written_say_where_and_what_to_look_at(file, monkeypatch):
    monkeypatch.setenv("COZE_TRAY_HOME", str(file / "home"))
    file.write_text("a file, and no folder", "utf-8")
    for change in (lambda: settings_module.save(bot_id="7"), lambda: configuring.save({"bot_id": "7"})):
        with pytest.raises(SettingsError) as caught:
            change()
        assert str(file / "home") in caught.value.message and "read-only" in caught.value.advice


def test_a_file_of_a_later_version_is_neither_used_nor_changed(file):
    file.write_text('version = 2\nbot_id = "1"\n', "utf-8")
    add = lambda: targets_command.add("x", Target(kind="bot", id="7"))  # noqa: E731
    for change in (settings_module.load, lambda: settings_module.save(bot_id="2"), add):
        said = refused(change)
        assert "later coze-tray" in said and "version is 2" in said
    assert file.read_text("utf-8") == 'version = 2\nbot_id = "1"\n'


def test_a_file_of_an_earlier_version_is_read_as_it_is_and_changed_into_a_new_one(file, monkeypatch):
    def renamed(document: tomlkit.TOMLDocument) -> None:
        document["bot_id"] = document.pop("bot")

    monkeypatch.setattr(settings_module, "VERSION", 2)
    monkeypatch.setattr(settings_module, "MIGRATIONS", {1: renamed})
    file.write_text('# mine\nbot = "1"\nat_once = 3 # few\n', "utf-8")
    assert settings_module.load().bot_id == "1"
    assert [path.name for path in file.parent.iterdir()] == ["settings.toml"], "reading changes nothing"
    settings_module.save(workflow_id="9")
    assert (file.parent / "settings.toml.v1").read_text("utf-8") == '# mine\nbot = "1"\nat_once = 3 # few\n'
    text = file.read_text("utf-8")
    assert tomlkit.parse(text).unwrap() == {"version": 2, "bot_id": "1", "at_once": 3, "workflow_id": "9"}
    assert "# mine" in text and "at_once = 3 # few" in text


def test_the_running_program_hears_of_a_change(env, file):
    running = start("--headless", env={**env, "COZE_API_TOKEN": "t"})
    try:
        wait_until((file.parent / "running.json").exists, "it runs")
        assert "from now on" in config("set", "strict", "true", env=env).stdout
        assert "next start" in config("set", "at_once", "2", env=env).stderr
    finally:
        running.terminate()
        running.communicate(timeout=DEADLINE_S)
    assert "from now on" not in config("set", "strict", "false", env=env).stdout


def test_a_running_program_builds_by_what_was_set_meanwhile(file, tmp_path):
    """By the command line or in an editor; what is broken then, was better before."""
    file.write_text(f"drafts_dir = '{tmp_path}'\n", "utf-8")
    in_force = InForce(settings_module.load())
    assert in_force.now().strict is False
    config_command.put("strict", ["true"])
    assert in_force.now().strict is True
    file.write_text("strict = false\nat_once = 5\n", "utf-8")
    assert in_force.now().strict is False
    file.write_text("strict = tru\n", "utf-8")
    assert (in_force.now().strict, in_force.now().at_once) == (False, 5)


def test_the_listener_takes_over_what_is_set_while_it_runs(file, tmp_path, monkeypatch):
    settings = settings_module.load()
    held = instance.acquire(file.parent)
    assert held is not None
    opened = app.open_app(settings, file.parent, held, events.Bus(), resume=True, token="t")
    try:
        folder = tmp_path / "more"
        folder.mkdir()
        config_command.put("folders.客户", [str(folder)])
        context = opened.listener.parts.context(cast(Any, None), lambda *_args: None, False)
        assert dict(context.folders) == {"客户": folder}
        assert context.workshop("客户").root == folder
        config_command.put("language", ["zh_CN"])
        assert opened.listener.parts.context(cast(Any, None), lambda *_args: None, False).language == "zh_CN"
    finally:
        opened.close()
        use("en")


def test_what_is_odd_in_the_file_is_noticed_at_the_program_s_start(file):
    file.write_text("at_ones = 3\n", "utf-8")
    held = instance.acquire(file.parent)
    assert held is not None
    opened = app.open_app(settings_module.load(), file.parent, held, events.Bus(), resume=True, token="t")
    try:
        assert ["at_ones" in notice.text for notice in opened.notices()] == [True]
    finally:
        opened.close()
