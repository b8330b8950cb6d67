"""The settings as they stand, where each comes from, and changing them: for the command line and for the page."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

import tomlkit
from pydantic import BaseModel, ValidationError

from tray import settings as settings_module
from tray import settings_template, targets, toml_file
from tray.draft.problems import in_words, said_of
from tray.errors import SIGN_IN, SettingsError
from tray.locale import _
from tray.settings import Settings
from tray.settings_target import Target
from tray.text import for_terminal

WITH_THE_NEXT_START = ("at_once",)
"""The running program takes everything else over for what begins from then on."""
_SECRETS = ("token", "secret", "password", "key", "pat")

Where = tuple[str, ...]
"""Of a setting in the file: ("at_once",), ("folders", NAME) or ("targets", NAME, "interval")."""
_Read = Callable[[Where, Mapping[str, Any]], Any]
"""The value that is meant for the setting there, in the file as it is, as TOML has it; None: none."""


class UnfitError(SettingsError):
    """Values can't be used. `fields`: what is wrong, by the key."""

    def __init__(self, fields: Mapping[str, str], advice: str = "") -> None:
        super().__init__("\n".join(said_of(key, why) if key else why for key, why in fields.items()), advice)
        self.fields = dict(fields)


def every(settings: Settings) -> list[dict[str, Any]]:
    """Every setting as JSON values: key, value, default, "from" (file, environment, default), and what it is about.
    Raises SettingsError."""
    file = _in_file()
    return [
        {**_described((name,), getattr(settings, name), file), "about": _(str(field.description))}
        for name, field in Settings.model_fields.items()
    ]


def get(said: str, settings: Settings) -> dict[str, Any]:
    """A setting as JSON values. Raises SettingsError."""
    file = _in_file()
    path = _path(said, file)
    value: Any = settings
    for part in path:
        value = value.get(part) if isinstance(value, dict) else getattr(value, part)
    return _described(path, value, file)


def put(said: str, typed: Sequence[str]) -> dict[str, Any]:
    """Write a setting into the file as it is typed in a terminal; returns it as JSON values. Raises SettingsError for
    what can't be used, and the file is as it was."""
    return {"key": said, "value": _changed({said: lambda path, file: _typed(said, path, typed, file)})[said]}


def unset(said: str) -> dict[str, Any]:
    """Take a setting out of the file, so that its default is in force; returns that as JSON values. Raises
    SettingsError."""
    _changed({said: lambda _path, _file: None})
    return {"key": said, "value": _plain(_default(_path(said, _in_file())))}


def save(changes: Mapping[str, Any]) -> None:
    """Write settings into the file, all or none of them. Values are JSON's; None takes one out. Raises UnfitError for
    those that can't be used."""

    def meant(said: str, value: Any) -> _Read:
        return lambda path, file: None if value is None else _fitting(said, path, value, file)

    _changed({said: meant(said, value) for said, value in changes.items()})


def is_overruled(said: str) -> str:
    """The variable that the environment says instead of that setting; "" for none."""
    first = said.partition(".")[0]
    return settings_module.VARIABLES.get(first, "") if first in settings_module.environment() else ""


def _changed(changes: Mapping[str, _Read]) -> dict[str, Any]:
    """Change the file. Returns the values written."""
    written: dict[str, Any] = {}

    def change(text: str) -> str:
        before, unfit, advice = text, dict[str, str](), ""
        for said, read in changes.items():
            try:
                text, written[said] = _with(text, said, read)
            except UnfitError as error:
                unfit.update(error.fields)
                advice = error.advice
        if unfit:
            raise UnfitError(unfit, advice)
        return _checked(before, text)

    settings_module.rewrite(change)
    return written


def _with(text: str, said: str, read: _Read) -> tuple[str, Any]:
    """The file's text with a setting as it is meant, and its value."""
    file = settings_module.settings_file()
    document = toml_file.parse(text, file)
    path = _path(said, document.unwrap())
    _can_be_set(said, path)
    value = read(path, document.unwrap())
    if value is not None:
        if len(path) == 1:
            return toml_file.put(text, path[0], value, file), value
        toml_file.put_inside(document, path[:-1], path[-1], value)
        return tomlkit.dumps(document), value
    inside: Any = document
    for part in path[:-1]:
        inside = inside.get(part, {})
    if path[-1] not in inside:
        return text, None
    if len(path) == 1:
        return toml_file.drop(text, path[0], settings_template.default_of(path[0]), file), None
    del inside[path[-1]]
    return tomlkit.dumps(document), None


def _in_file() -> dict[str, Any]:
    path = settings_module.settings_file()
    return toml_file.parse(toml_file.read(path), path).unwrap()


def _path(said: str, file: Mapping[str, Any]) -> Where:
    """Which setting is meant. A target's or folder's name may have dots in it. Raises SettingsError."""
    first, _dot, rest = said.partition(".")
    if first == "folders" and rest:
        return first, rest
    if first == "targets" and rest:
        named = file.get("targets", {})
        if rest in named:
            return first, rest
        name, _dot, field = rest.rpartition(".")
        if not name or name not in named:
            names = ", ".join(named) or _("none")
            raise SettingsError(
                _("There is no target “{name}”.").format(name=for_terminal(name or rest)),
                _("Named targets: {names}.").format(names=for_terminal(names)),
            )
        _known(said, field, Target.model_fields)
        return first, name, field
    if first.lower() in _SECRETS or first.lower().endswith(("_token", "_secret", "_key", "_password")):
        raise SettingsError(
            _("{key} is no setting: what is secret is in the keyring.").format(key=for_terminal(said)),
            _(SIGN_IN),
        )
    _known(said, said, Settings.model_fields)
    return (said,)


def _known(said: str, field: str, names: Iterable[str]) -> None:
    names = list(names)
    if field not in names:
        near = difflib.get_close_matches(field, names, 1, 0.6)
        raise SettingsError(
            _("There is no setting {key}.").format(key=for_terminal(said)),
            _("Is “{near}” meant?").format(near=near[0]) if near else _("coze-tray config list shows them all."),
        )


def _can_be_set(said: str, path: Where) -> None:
    if path == ("version",):
        raise SettingsError(_("{key} is not to be changed.").format(key=said), _("It is the form of the file."))
    if path == ("folders",):
        raise SettingsError(_("{key} has several parts.").format(key=said), _("Set one: folders.NAME"))
    if path[0] == "targets" and len(path) < 3:
        raise SettingsError(
            _("{key} has several parts.").format(key=said),
            _("Set one: targets.NAME.KEY; coze-tray targets adds and removes whole ones."),
        )


def _typed(said: str, path: Where, values: Sequence[str], file: Mapping[str, Any]) -> Any:
    """What is typed, as TOML has it. Raises SettingsError."""
    kind = get_origin(_field(path).annotation)
    given: Any = values[0] if values else ""
    if len(path) == 3 and kind is dict:
        try:
            given = targets.parameters(values)
        except ValueError as error:
            raise SettingsError(said_of(said, str(error))) from None
    elif kind is tuple:
        given = list(values)
    elif len(values) != 1:
        raise SettingsError(_("{key} takes one value, not {n}.").format(key=said, n=len(values)), _("Quote it."))
    return _fitting(said, path, given, file)


def _fitting(said: str, path: Where, given: Any, file: Mapping[str, Any]) -> Any:
    """A value as TOML has it. Raises UnfitError."""
    name = path[-1] if len(path) == 3 else path[0]
    whole = {path[1]: given} if path[0] == "folders" else given
    try:
        if len(path) == 3:
            checked: BaseModel = Target.model_validate({**file["targets"][path[1]], name: whole})
        else:
            checked = Settings.model_validate({name: whole})
    except ValidationError as error:
        why = "; ".join(dict.fromkeys(why for _key, why in in_words(error)))
        raise UnfitError({said: why}, _("Nothing was changed.")) from None
    value = getattr(checked, name)
    return _plain(value[path[1]] if path[0] == "folders" else value, absolute=True)


def _checked(before: str, after: str) -> str:
    """The file's new text. What was wrong before, elsewhere, is only said. Raises SettingsError for what is wrong only
    now."""
    wrong, was = settings_module.problems(after), settings_module.problems(before)
    fresh = [line for key, line in wrong.items() if key not in was]
    if fresh:
        raise SettingsError("\n".join(fresh), _("Nothing was changed."))
    return after


def _described(path: Where, value: Any, file: Mapping[str, Any]) -> dict[str, Any]:
    """A setting as JSON values."""
    inside: Any = file
    for part in path:
        inside = inside.get(part) if isinstance(inside, dict) else None
    source = "default" if inside is None else "file"
    if path[0] in settings_module.environment():
        source = "environment"
    return {"key": ".".join(path), "value": _plain(value), "default": _plain(_default(path)), "from": source}


def _default(path: Where) -> Any:
    if len(path) == 2:
        return None
    field = _field(path)
    return None if field.is_required() else field.default


def _field(path: Where) -> Any:
    return Target.model_fields[path[2]] if len(path) == 3 else Settings.model_fields[path[0]]


def _plain(value: Any, *, absolute: bool = False) -> Any:
    """As TOML and JSON have it. `absolute`: a folder that was typed is meant from here."""
    if isinstance(value, Path):
        return str(value.absolute() if absolute else value)
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if isinstance(value, (tuple, list)):
        return [_plain(one, absolute=absolute) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one, absolute=absolute) for name, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
