"""The README is true: its examples build, its pictures are there, and it tells of every command, option, setting, state
and entry of the menu, in both languages."""

from __future__ import annotations

import gettext
import json
import re
from pathlib import Path
from typing import get_args

import pytest
import tomlkit
from typer.main import get_command

from factory import png, wav
from program import coze_tray, environment
from samples import sound, video
from tray import locale
from tray.cli import app
from tray.events import State
from tray.settings import Settings

CHECKOUT = Path(__file__).parents[1]
LANGUAGES = ("README.md", "README.zh-CN.md")
LINK = re.compile(r"https://…(/\w+\.\w+)")


def commands() -> list[str]:
    """All of them; "targets add" for one below another."""
    found: list[str] = []
    levels = [("", get_command(app))]
    for above, level in levels:
        for name, command in getattr(level, "commands", {}).items():
            if not command.hidden:
                found.append(f"{above}{name}")
            levels.append((f"{above}{name} ", command))
    return found


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
    rows = [row.strip("`").removeprefix("coze-tray").strip() for row in tables(name)]
    assert {"ask", "targets add", "config set"} <= set(commands())
    for command in commands():
        told = " ".join(row for row in rows if re.match(rf"{command}(?![a-z])(?! show)", row))
        assert told or command in ("config", "logout"), command
        shown = coze_tray(*command.split(), "--help", env=environment(tmp_path)).stdout
        for short, option in re.findall(r"^  (?:(-\w), )?(--[a-z-]+)", shown, re.MULTILINE):
            forms = "|".join(filter(None, (short, option, option.replace("--", "--no-", 1))))
            assert option == "--help" or re.search(rf"({forms})(?![a-z-])", told), (command, option)


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


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_state_of_the_icon_is_told(name):
    assert set(get_args(State)) <= {row.strip("`") for row in tables(name)}


def test_the_menu_is_told_in_its_own_words_in_both_languages():
    english, chinese = (re.findall(r"\*\*(.+?)\*\*", "\n".join(menu(name))) for name in LANGUAGES)
    assert {"New request…", "Running", "Quit"} <= set(english)
    catalogue = gettext.translation("coze-tray", Path(locale.__file__).parent, ["zh_CN"])
    assert [catalogue.gettext(label) for label in english] == chinese


def menu(name: str) -> list[str]:
    """The first cells of the table of the menu, as of no other are in bold letters."""
    return [row for row in tables(name) if row.startswith("**")]


def test_every_picture_is_there_and_every_one_there_is_shown():
    pictures = sorted(path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "tests" / "screenshots").iterdir())
    for name in LANGUAGES:
        assert sorted(re.findall(r"!\[.+?\]\((.+?)\)", readme(name))) == pictures


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_link_leads_somewhere(name):
    headings = re.findall(r"^#+ (.+)$", readme(name), re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"(?<!!)\[[^\]]+\]\(([^)]+)\)", readme(name))
    assert {link for link in links if link.startswith("#")} <= anchors
    assert all((CHECKOUT / link).exists() for link in links if not link.startswith(("#", "https:")))
