"""The README is true: its examples build, and it tells of every command, option and setting, in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tomlkit

from factory import png, wav
from program import coze_tray, environment
from samples import sound, video
from tray.settings import Settings

CHECKOUT = Path(__file__).parents[1]
LANGUAGES = ("README.md", "README.zh-CN.md")
COMMANDS = ("demo", "ask", "workflow", "answer", "again", "adopt", "listen", "targets", "targets add", "targets remove", "targets listen", "build", "drafts", "drafts show", "names", "schema", "login", "logout", "status", "autostart", "doctor")  # fmt: skip
LINK = re.compile(r"https://…(/\w+\.\w+)")


def readme(name: str = "README.md") -> str:
    return (CHECKOUT / name).read_text("utf-8")


def examples(name: str = "README.md") -> list[str]:
    return re.findall(r"```json\n(.*?)```", readme(name), re.DOTALL)


def tables(name: str) -> list[str]:
    """The first cells of all rows."""
    return re.findall(r"^\| (.+?) \|(?= )", readme(name).replace("\\|", "/"), re.MULTILINE)


def test_both_languages_have_the_same_examples_headings_commands_and_settings():
    english, chinese = LANGUAGES
    assert examples(english) == examples(chinese)
    assert readme(english).count("\n## ") == readme(chinese).count("\n## ")
    for pattern in (r"--[a-z-]+", r"COZE_[A-Z_]+", r"^\| `([a-z_]+)`", "```(?:sh|json|toml)"):
        assert set(re.findall(pattern, readme(english), re.M)) == set(re.findall(pattern, readme(chinese), re.M)), (
            pattern
        )


def test_every_example_is_a_draft_that_builds_without_a_warning(media, build):
    served = {"png": png(), "mp3": sound("mp3", "libmp3lame", 3.0), "wav": wav(3.0), "mp4": video("mp4", "mpeg4", "aac"),
              "srt": "1\n00:00:00,500 --> 00:00:02,500\n风一吹，落满一地。\n".encode()}  # fmt: skip
    assert len(examples()) == 2
    for example in examples():
        paths = set(LINK.findall(example))
        assert paths
        for path in paths:
            media.serve(path, served[path.rpartition(".")[2]])
        built = build(LINK.sub(rf"{media.url}\1", example))
        assert not built.problems and not built.warnings
        assert [receipt.warnings for receipt in built.receipts] == [[]]


def test_the_schema_knows_every_field_of_the_example_of_a_spec(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    printed = coze_tray("schema", env=environment(tmp_path)).stdout
    (spec,) = [value for value in map(json.loads, examples()) if "tracks" in value]
    validator = jsonschema.Draft202012Validator(json.loads(printed))
    assert [error.message for error in validator.iter_errors({"$schema": "draft.schema.json", **spec})] == []
    spec["tracks"][0]["segments"][0]["fitt"] = "fill"
    assert not validator.is_valid(spec)


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_option_of_every_command_is_told(name, tmp_path):
    rows = {row.strip("`").removeprefix("coze-tray").strip(): row for row in tables(name)}
    for command in COMMANDS:
        wanted = set(
            re.findall(
                r"^  (--[a-z-]+)", coze_tray(*command.split(), "--help", env=environment(tmp_path)).stdout, re.MULTILINE
            )
        )
        told = [row for said, row in rows.items() if re.match(rf"{command}(?![a-z])(?! show)", said)]
        assert told or command in ("login", "logout", "status"), command
        text = " ".join(told) or readme(name)
        missing = {option for option in wanted if option not in text and option.replace("--", "--no-", 1) not in text}
        assert not missing, command


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_setting_is_told(name):
    text = readme(name)
    assert [key for key in Settings.model_fields if f"`{key}`" not in text and f"`[{key}]`" not in text] == []


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_example_of_settings_is_read(name):
    read = [tomlkit.parse(said).unwrap() for said in re.findall(r"```toml\n(.*?)```", readme(name), re.DOTALL)]
    settings = Settings.model_validate({key: value for said in read for key, value in said.items()})
    assert settings.media_folders and settings.folders and settings.drafts_dir
    assert {target.kind for target in settings.targets.values()} == {"bot", "workflow"}
