"""Both languages are whole."""

from __future__ import annotations

import ast
import logging
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from program import coze_tray, environment
from tray import cli
from tray.locale import use

babel = pytest.importorskip("babel.messages")
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

CHECKOUT = Path(__file__).parents[1]
CATALOGUE = CHECKOUT / "tray" / "locale" / "zh_CN" / "LC_MESSAGES" / "coze-tray.po"


def said(folder: Path = CHECKOUT / "tray") -> set[str | tuple[str, ...]]:
    """Every message in the code."""
    keywords = {"_": None, "N_": None, "ngettext": (1, 2)}
    ways = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    found = extract_from_dir(folder, ways, keywords=keywords)
    return {message for _file, _line, message, _comments, _context in found}


def test_every_way_to_say_something_is_found(tmp_path):
    """Whatever is said and not in the catalogue fails the test above: `_`, `N_`, `ngettext`, a command's help."""
    (tmp_path / "new.py").write_text(
        '_("one")\nx = N_(\n    "two "\n    "more"\n)\nngettext("{n} a", "{n} b", n)\nf(help=_("four {x}").format(x=_("five")))\n'
    )
    assert said(tmp_path) == {"one", "two more", ("{n} a", "{n} b"), "four {x}", "five"}


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Every call in the program: where it is, and what is called."""
    for file in sorted((CHECKOUT / "tray").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield f"{file.relative_to(CHECKOUT)}:{node.lineno}", node, name


def words_in(node: ast.expr) -> list[str]:
    """The English that stands in an expression as it is, markup aside."""
    if isinstance(node, ast.JoinedStr):
        return [word for part in node.values for word in words_in(part)]
    said = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return re.findall("[A-Za-z]{2,}", re.sub(r"\[[^\]]*\]", "", said))


SHOWN = {
    "show_warning", "show_problem", "say", "print", "Noticed", "BadParameter", "Check", "confirm", "_say",
    "TrayError", "SettingsError", "SecretsError", "JournalError", "HandOffError", "DraftError", "ToolError",
    "UnreadableError",
}  # fmt: skip


def test_nobody_is_told_anything_that_can_t_be_translated():
    """What errors, the terminal and the doctor's checks say, and every help, goes through the catalogue."""
    bare = []
    for where, call, name in calls():
        if "/simulator/" not in where:
            said = [keyword.value for keyword in call.keywords if keyword.arg in ("help", "message", "advice")]
            said += call.args[:2] if name in SHOWN else []
            bare += [(where, words) for one in said if len(words := words_in(one)) > 2]
    assert bare == []


def test_every_command_and_every_option_says_what_it_is_for():
    root = typer.main.get_command(cli.app)
    silent: list[str] = []

    def look(command: Any, name: str) -> None:
        silent.extend(name for _once in (1,) if not command.help)
        silent.extend(f"{name} {option.name}" for option in command.params if not option.help)
        for inner in getattr(command, "commands", {}).values():
            look(inner, f"{name} {inner.name}")

    look(root, "coze-tray")
    assert silent == []


WRONG = {
    ("ask",): "PROMPT",
    ("statuss",): "status",
    ("--nope",): "--nope",
    ("ask", "x", "--bo", "1"): "--bot",
    ("build", "/nowhere.json"): "/nowhere.json",
    ("ask", "x", "--wait", "soon"): "--wait",
    ("ask", "x", "--wait", "-3"): "0",
    ("log", "-n", "x"): "-n",
    ("status", "more"): "more",
    ("ask", "x", "--wait"): "--wait",
    ("status", "--check=1"): "--check",
    ("targets", "listen", "a", "maybe"): "maybe",
    ("config", "set"): "KEY",
}


@pytest.mark.parametrize("arguments", WRONG)
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_wrong_usage_is_said_in_the_user_s_language(arguments, language, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["coze-tray", *arguments])
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    use(language)
    try:
        assert cli.run() == 2
    finally:
        use("en")
    said = capsys.readouterr().err
    assert WRONG[arguments] in said
    typers_own = ("Missing", "No such", "Invalid", "Got unexpected", "Input should", "requires an", "Value error")
    assert not [words for words in typers_own if words in said]
    if language == "zh_CN":
        assert not [words for words in ("Usage:", "Try ", "Error") if words in said]


def test_help_is_wholly_in_the_user_s_language(tmp_path):
    """What stands between brackets and in capitals is how a command is written."""
    for arguments in ([], ["ask"], ["targets", "listen"], ["config"]):
        done = coze_tray(*arguments, "--help", env=environment(tmp_path, LANG="zh_CN.UTF-8", COLUMNS="200"))
        english = ("Usage", "Options:", "Arguments:", "Commands:", "Show this", "required", "default")
        assert [words for words in english if words in done.stdout] == []


def test_no_message_stands_in_an_f_string_where_it_would_not_be_found():
    """Before Python 3.12 an f-string is one token."""
    for file in (CHECKOUT / "tray").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            within = ast.walk(node) if isinstance(node, ast.JoinedStr) else ()
            called = [n.func.id for n in within if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
            assert not {"_", "N_", "ngettext"} & set(called), f"{file.name}:{getattr(node, 'lineno', 0)}"


def translated() -> dict[str | tuple[str, ...], list[str]]:
    with CATALOGUE.open("rb") as file:
        return {m.id: [m.string] if isinstance(m.string, str) else list(m.string) for m in read_po(file) if m.id}


def test_every_message_is_translated_and_none_is_left_over():
    assert said() == set(translated())
    assert not [message for message, texts in translated().items() if not all(texts)]


def test_every_translation_has_the_fields_of_its_message():
    def fields(text: str) -> list[str]:
        return sorted(
            f"{name}:{spec}" for _text, name, spec, _conv in string.Formatter().parse(text) if name is not None
        )

    for message, texts in translated().items():
        wanted = message if isinstance(message, str) else message[-1]
        assert [fields(text) for text in texts] == [fields(wanted)] * len(texts), message


def test_every_translation_is_chinese_where_there_is_something_to_translate():
    same = [m for m, texts in translated().items() if isinstance(m, str) and re.search("[a-z]{4}", m) and texts == [m]]
    assert same == []


@pytest.mark.parametrize(
    ("variable", "value"), [("LANG", "zh_CN.UTF-8"), ("LC_ALL", "zh_TW"), ("LC_MESSAGES", "zh_CN")]
)
def test_a_chinese_system_is_spoken_to_in_chinese(variable, value, tmp_path):
    done = coze_tray("doctor", env=environment(tmp_path, **{variable: value}))
    assert "草稿文件夹" in done.stdout


def test_any_other_system_is_spoken_to_in_english(tmp_path):
    done = coze_tray("doctor", env=environment(tmp_path, LANG="de_DE.UTF-8"))
    assert "drafts folder" in done.stdout
