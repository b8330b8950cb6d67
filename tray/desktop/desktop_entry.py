"""The files by which Linux desktops know programs (freedesktop.org, Desktop Entry Specification)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def exec_line(command: Iterable[str]) -> str:
    """The value of Exec that runs that command."""
    return escape(" ".join(map(_argument, command)))


def main_group(text: str) -> dict[str, str]:
    """The keys of the group [Desktop Entry], not those of its actions."""
    entry: dict[str, str] = {}
    group = ""
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip()
        elif group == "[Desktop Entry]" and "=" in line:
            key, value = line.split("=", 1)
            entry[key.strip()] = value.strip()
    return entry


def _argument(text: str) -> str:
    """An argument as Exec takes it (Desktop Entry Specification, The Exec key)."""
    for character in '\\"`$':
        text = text.replace(character, f"\\{character}")
    return '"' + text.replace("%", "%%") + '"'


def exec_arguments(text: str) -> list[str]:
    """The arguments in an Exec line, whoever wrote it."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', text)
    return [(re.sub(r"\\(.)", r"\1", quoted) or plain).replace("%%", "%") for quoted, plain in found]


def escape(text: str) -> str:
    """A value of type string (Desktop Entry Specification, Possible value types)."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def unescape(value: str) -> str:
    plain = {escaped[1]: character for character, escaped in _ESCAPES.items()}
    characters = iter(value)
    return "".join(plain.get(next(characters, ""), "") if c == "\\" else c for c in characters)


def write_whole(path: Path, content: bytes) -> None:
    """The whole file or none: a login may come at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_bytes(content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
