"""`coze-tray config`: what is set, where that comes from, and changing it without an editor."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

import tomlkit
from pydantic import BaseModel, ValidationError

from tray import instance, settings_template, targets, terminal, toml_file
from tray import settings as settings_module
from tray.draft.problems import in_words, said_of
from tray.errors import SIGN_IN, HandOffError, SettingsError
from tray.home import home
from tray.locale import _
from tray.settings import Settings
from tray.settings_target import Target
from tray.text import for_terminal, json_text

_WITH_THE_NEXT_START = ("at_once",)
"""The running program takes everything else over for what begins from then on."""
_SECRETS = ("token", "secret", "password", "key", "pat")

Where = tuple[str, ...]
"""Of a setting in the file: ("at_once",), ("folders", NAME) or ("targets", NAME, "interval")."""


def list_all() -> list[dict[str, Any]]:
    """Show every setting with its default and where it comes from; returns them as JSON values."""
    settings, file = settings_module.load_for_people(), _in_file()
    shown = []
    sources = {"file": _("from the file"), "environment": _("from the environment"), "default": _("the default")}
    for name, field in Settings.model_fields.items():
        one = _described((name,), getattr(settings, name), file)
        shown.append({**one, "about": _(str(field.description))})
        said = sources[one["from"]]
        if one["from"] != "default":
            said = _("{source}; the default is {default}").format(source=said, default=json_text(one["default"]))
        terminal.out.print(for_terminal(f"{name} = {json_text(one['value'])}  ({said})"), markup=False)
        terminal.out.print("    " + _(str(field.description)), style="dim", markup=False)
    return shown


def get(said: str) -> dict[str, Any]:
    """Show a setting's value; returns it as JSON values. Raises SettingsError."""
    settings, file = settings_module.load_for_people(), _in_file()
    path = _path(said, file)
    value: Any = settings
    for part in path:
        value = value.get(part) if isinstance(value, dict) else getattr(value, part)
    found = _described(path, value, file)
    text = found["value"] if isinstance(found["value"], str) else json_text(found["value"])
    terminal.out.print(for_terminal(text), markup=False)
    return found


def put(said: str, values: Sequence[str]) -> dict[str, Any]:
    """Write a setting into the file; returns it as JSON values. Raises SettingsError for what can't be used, and the
    file is as it was."""
    _speak()
    written: Any = None
    path: Where = ()

    def change(text: str) -> str:
        nonlocal written, path
        document = toml_file.parse(text, settings_module.settings_file())
        path = _path(said, document.unwrap())
        _can_be_set(said, path)
        written = _value(said, path, values, document.unwrap())
        if len(path) == 1:
            return _checked(text, toml_file.put(text, path[0], written, settings_module.settings_file()))
        toml_file.put_inside(document, path[:-1], path[-1], written)
        return _checked(text, tomlkit.dumps(document))

    settings_module.rewrite(change)
    terminal.out.print(for_terminal(f"{said} = {json_text(written)}"), markup=False)
    _tell(path)
    return {"key": said, "value": written}


def unset(said: str) -> dict[str, Any]:
    """Take a setting out of the file, so that its default is in force; returns that as JSON values. Raises
    SettingsError."""
    _speak()
    path: Where = ()

    def change(text: str) -> str:
        nonlocal path
        document = toml_file.parse(text, settings_module.settings_file())
        path = _path(said, document.unwrap())
        _can_be_set(said, path)
        inside: Any = document
        for part in path[:-1]:
            inside = inside.get(part, {})
        if path[-1] not in inside:
            return text
        if len(path) == 1:
            default = settings_template.default_of(path[0])
            return _checked(text, toml_file.drop(text, path[0], default, settings_module.settings_file()))
        del inside[path[-1]]
        return _checked(text, tomlkit.dumps(document))

    settings_module.rewrite(change)
    default = _plain(_default(path))
    text = _("{key} is not set; the default is {default}.").format(key=said, default=json_text(default))
    terminal.out.print(for_terminal(text), markup=False)
    _tell(path)
    return {"key": said, "value": default}


def where() -> str:
    """Show where the file is."""
    found = str(settings_module.settings_file())
    terminal.out.print(for_terminal(found), markup=False)
    return found


def _speak() -> None:
    """In the language of the settings, even where something else in them is broken."""
    try:
        settings_module.load_for_people()
    except SettingsError as error:
        terminal.show_warning(error.message)


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


def _value(said: str, path: Where, values: Sequence[str], file: Mapping[str, Any]) -> Any:
    """What is typed, as TOML has it. Raises SettingsError."""
    model, name = (Target, path[2]) if len(path) == 3 else (Settings, path[0])
    kind = get_origin(model.model_fields[name].annotation)
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
    whole = {path[1]: given} if path[0] == "folders" else given
    try:
        if model is Target:
            checked: BaseModel = Target.model_validate({**file["targets"][path[1]], name: whole})
        else:
            checked = Settings.model_validate({name: whole})
    except ValidationError as error:
        whys = [why for _key, why in in_words(error)]
        raise SettingsError("\n".join(said_of(said, why) for why in whys), _("Nothing was changed.")) from None
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
    field = (Target if len(path) == 3 else Settings).model_fields[path[-1]]
    return None if field.is_required() else field.default


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


def _tell(path: Where) -> None:
    """Tell the running program, and the user when it counts."""
    variable = settings_module.VARIABLES.get(path[0], "")
    if path[0] in settings_module.environment() and variable:
        text = _("{variable} is set in the environment and is used instead of it.")
        terminal.show_warning(text.format(variable=variable))
    address = instance.running(home())
    if address is None:
        return
    try:
        taken = any(said.get("taken") for said in instance.hand_on(address, {"op": "settings"}))
    except HandOffError:
        return  # what is left of one that was killed
    if path[0] in _WITH_THE_NEXT_START:
        terminal.show_warning(_("coze-tray runs; this counts from its next start."))
    elif taken:
        terminal.out.print(_("coze-tray runs; this counts for what begins from now on."), style="dim")
