"""Both languages are whole."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from program import coze_tray, environment

babel = pytest.importorskip("babel.messages")
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

CHECKOUT = Path(__file__).parents[1]
CATALOGUE = CHECKOUT / "tray" / "locale" / "zh_CN" / "LC_MESSAGES" / "coze-tray.po"


def said() -> set[str | tuple[str, ...]]:
    """Every message in the code."""
    keywords = {"_": None, "N_": None, "ngettext": (1, 2)}
    found = extract_from_dir(CHECKOUT / "tray", [("**.py", "python")], keywords=keywords)
    return {message for _file, _line, message, _comments, _context in found}


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
