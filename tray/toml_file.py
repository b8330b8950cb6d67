"""A TOML file that people edit too: on which line a key stands, and changes that leave everything else as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from filelock import FileLock, Timeout
from tomlkit import TOMLDocument
from tomlkit.exceptions import (
    EmptyKeyError,
    InvalidCharInStringError,
    InvalidUnicodeValueError,
    ParseError,
    TOMLKitError,
    UnexpectedCharError,
)
from tomlkit.items import InlineTable, Item

from tray.errors import SettingsError
from tray.home import write_private
from tray.locale import _

_MARK = "\ufdd0"
"""A character that no text has (Unicode: a noncharacter)."""
_LOCKED_S = 10.0


def read(path: Path) -> str:
    """What is in the file, "" where there is none. Raises SettingsError."""
    try:
        return path.read_text("utf-8-sig") if path.exists() else ""
    except UnicodeDecodeError:
        why = _("it is not saved as UTF-8")
        advice = _("Open it in an editor and save it as UTF-8.")
    except OSError as error:
        why, advice = error.strerror or str(error), _("Mend the file, or delete it to start with the defaults.")
    raise SettingsError(_("The settings can't be read: {path}: {error}").format(path=path, error=why), advice)


def parse(text: str, path: Path) -> TOMLDocument:
    """Raises SettingsError, naming line and column, for what is no TOML."""
    try:
        return tomlkit.parse(text)
    except ParseError as error:
        lines = text.splitlines()
        line = min(error.line, len(lines) or 1)
        where = _("{file}, line {line}, column {column}").format(file=path.name, line=line, column=error.col + 1)
        why, advice = _why(error, lines[line - 1] if lines else "")
    except (TOMLKitError, RecursionError) as error:
        where, why, advice = path.name, str(error), ""
    advice = advice or _("Mend the line, or delete the file to start with the defaults.")
    raise SettingsError(
        _("{name}: {text}").format(name=where, text=why),
        _("{advice} The file is {path}.").format(advice=advice, path=path),
    )


def _why(error: ParseError, line: str) -> tuple[str, str]:
    """What is wrong with a line, and what to do about it where more than mending it can be said."""
    if isinstance(error, (InvalidCharInStringError, InvalidUnicodeValueError)):
        return _("a backslash stands between double quotes"), _(
            "Write a Windows path between single quotes: 'D:\\Videos\\Drafts'."
        )
    if isinstance(error, EmptyKeyError) and not line.lstrip().isascii():
        return _("a name that is not of letters a to z stands without quotes"), _('Write it between quotes: "…".')
    if "already exists" in str(error) or "Redefinition" in str(error):
        return _("this key stands in the file twice"), _("Delete one of the two.")
    if isinstance(error, UnexpectedCharError) and (at := line[error.col : error.col + 1]):
        return _("“{character}” can't stand here; text stands between quotes").format(character=at), ""
    return _("this is not written as TOML wants it"), ""


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line, counted from 1, on which the value at `path` begins; where there is none, that of the table it should
    be in. None: it is nowhere."""
    for length in range(len(path), 0, -1):
        marked = _marked(text, path[:length])
        if marked is not None and (at := marked.find(_MARK)) >= 0:
            return marked.count("\n", 0, at) + 1
    return None


def _marked(text: str, path: Sequence[str | int]) -> str | None:
    """The file with a mark on the line of that value. tomlkit keeps no positions, but writes everything else as it
    was. None: the value is not there."""
    document = tomlkit.parse(text)
    inside: Any = document
    for part in path[:-1]:
        inside = inside[part] if _has(inside, part) else None
    if not _has(inside, path[-1]):
        return None
    value: Any = inside[path[-1]]
    if isinstance(value, dict) and not isinstance(value, InlineTable):
        if isinstance(value, Item):
            value.comment(_MARK)
        marked = tomlkit.dumps(document)
        if _MARK in marked or not value:
            return marked
        return _marked(text, [*path, next(iter(value))])  # its header is its first key's
    inside[path[-1]] = _MARK
    return tomlkit.dumps(document)


def _has(inside: Any, part: str | int) -> bool:
    if isinstance(inside, dict):
        return part in inside
    return isinstance(inside, list) and isinstance(part, int) and part < len(inside)


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Replace the file by what `change` makes of its text. No two processes do so at the same time. Raises
    SettingsError, and whatever `change` raises; the file is as it was then."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=_LOCKED_S, mode=0o600):
            before = read(path)
            after = change(before)
            if after != before:
                parse(after, path)  # what can't be read again would leave no settings at all
                write_private(path, after)
    except Timeout:
        raise SettingsError(
            _("Another program is changing {path}.").format(path=path), _("Try again in a moment.")
        ) from None
    except OSError as error:
        raise SettingsError(
            _("The settings can't be written: {path}: {error}").format(path=path, error=error.strerror or error),
            _("Is the disk full, or the folder read-only?"),
        ) from None


def put(text: str, key: str, value: Any, path: Path) -> str:
    """The file with a key of its top level set: in its place, or in that of its commented default, else after the
    others."""
    document = parse(text, path)
    if key not in document:
        line = f"{key} = {written(value).as_string()}"
        tried = re.sub(rf"(?m)^# ?{re.escape(key)} = .*$", lambda _found: line, text, count=1)
        if tried != text and _same(tried, {**document.unwrap(), key: value}):
            return tried
    _set(document, key, value)
    return tomlkit.dumps(document)


def drop(text: str, key: str, default: str, path: Path) -> str:
    """The file without a key of its top level; where it stood, its default stands as a comment."""
    document = parse(text, path)
    rest = {name: value for name, value in document.unwrap().items() if name != key}
    if (line := line_of(text, [key])) is not None and default:
        lines = text.splitlines(keepends=True)
        lines[line - 1] = f"# {key} = {default}\n"
        if _same(tried := "".join(lines), rest):
            return tried
    document.remove(key)
    return tomlkit.dumps(document)


def put_inside(document: TOMLDocument, tables: Sequence[str], key: str, value: Any) -> None:
    """Set a key in a table, which is made where it is not there."""
    inside: Any = document
    for name in tables:
        if name not in inside:
            inside[name] = tomlkit.table(is_super_table=inside is document and len(tables) > 1)
        inside = inside[name]
    _set(inside, key, value)


def _set(inside: Any, key: str, value: Any) -> None:
    """The comment behind the value before stays."""
    before, after = inside.get(key), written(value)
    if isinstance(before, Item) and not isinstance(before, dict):
        after.trivia.comment_ws, after.trivia.comment = before.trivia.comment_ws, before.trivia.comment
    inside[key] = after


def written(value: Any) -> Item:
    """As a person would write it: backslashes between single quotes, a short table in one line."""
    if isinstance(value, str) and "\\" in value and "'" not in value and value.isprintable():
        return tomlkit.string(value, literal=True)
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for name, one in value.items():
            table[name] = written(one)
        return table
    if isinstance(value, (list, tuple)):
        array = tomlkit.array()
        for one in value:
            array.append(written(one))
        return array
    item: Item = tomlkit.item(value)
    return item


def _same(text: str, values: dict[str, Any]) -> bool:
    try:
        return tomlkit.parse(text).unwrap() == values
    except TOMLKitError:
        return False
