"""The settings file as it is first written: every key with what it does and its default, for people to edit."""

from __future__ import annotations

import textwrap
from pathlib import PurePath
from typing import Any

from pydantic.fields import FieldInfo

from tray import toml_file
from tray.locale import _
from tray.settings import Settings
from tray.settings_target import Target

_WIDTH = 100


def text() -> str:
    """In the user's language."""
    head = _("The settings of coze-tray. Take the # away before a key to set it; what stands there is the default.")
    parts = [_comment(head)]
    for name, field in Settings.model_fields.items():
        parts.append(_tables(name, field) if name in ("folders", "targets") else _key(name, field))
    return "\n".join(parts)


def default_of(name: str) -> str:
    """A setting's default, as it is written in TOML; "" for one that has none."""
    return _written(Settings.model_fields[name].default)


def _key(name: str, field: FieldInfo) -> str:
    is_set = "" if name == "version" else "# "
    return _comment(_(str(field.description))) + f"{is_set}{name} = {_written(field.default)}\n"


def _tables(name: str, field: FieldInfo) -> str:
    said = _comment(_(str(field.description)))
    if name == "folders":
        return said + _commented("[folders]\n\"{}\" = 'D:\\Videos\\Drafts'\n".format(_("client A")))
    lines = ['[targets."{}"]'.format(_("my bot"))]
    for key, one in Target.model_fields.items():
        value = {"kind": '"bot"', "id": '"7379165428687536000"'}.get(key) or _written(one.default)
        about = _(str(one.description))
        lines.append(f"{key} = {value}  # {about}")
    return said + _commented("\n".join(lines) + "\n")


def _written(value: Any) -> str:
    if value is None:
        return '""'
    return toml_file.written(str(value) if isinstance(value, PurePath) else value).as_string()


def _comment(said: str) -> str:
    return _commented("\n".join(textwrap.wrap(said, _WIDTH)) + "\n")


def _commented(lines: str) -> str:
    return "".join(f"# {line}\n" for line in lines.splitlines())
