"""The named targets of the settings file: added, changed, removed; for the command line and for the page."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import tomlkit
from pydantic import ValidationError
from tomlkit import TOMLDocument

from tray import settings as settings_module
from tray import toml_file
from tray.configuring import UnfitError
from tray.draft.problems import in_words
from tray.errors import SettingsError
from tray.locale import _
from tray.regions import check_base_url
from tray.settings import Settings
from tray.settings_target import Target
from tray.text import for_terminal, whole_characters

LONGEST_NAME = 40


def add(name: str, target: Target, settings: Settings) -> str:
    """Give a target a name; returns it as it is kept. Raises SettingsError."""
    name = checked_name(name)
    if name in settings.targets:
        raise SettingsError(
            _("There is a target “{name}” already.").format(name=name),
            _("Remove it first (coze-tray targets remove {name}), or change it in {path}.").format(
                name=name, path=settings_module.settings_file()
            ),
        )
    check_base_url(settings.base_url_of(target))

    def change(document: TOMLDocument) -> None:
        table = tomlkit.table()
        for key, value in target.model_dump(exclude_defaults=True).items():
            table.add(key, value)
        if "targets" not in document:
            document.add("targets", tomlkit.table(is_super_table=True))
        document["targets"][name] = table

    _edit(change)
    return name


def change(name: str, new_name: str, target: Target, settings: Settings) -> str:
    """Let a target be another, and have another name; returns that as it is kept. What stands beside the values in the
    file stays. Raises SettingsError."""
    _known(name, settings)
    new_name = checked_name(new_name)
    if new_name != name and new_name in settings.targets:
        raise UnfitError({"name": _("There is a target “{name}” already.").format(name=new_name)})
    check_base_url(settings.base_url_of(target))
    wanted = target.model_dump(exclude_defaults=True)

    def edit(document: TOMLDocument) -> None:
        named: Any = document["targets"]
        for key in Target.model_fields:
            if key not in wanted:
                named[name].pop(key, None)
            elif named[name].get(key) != wanted[key]:
                toml_file.put_inside(document, ("targets", name), key, wanted[key])
        if new_name != name:
            named[new_name] = named.pop(name)

    _edit(edit)
    return new_name


def remove(name: str, settings: Settings) -> None:
    """Forget a target's name. Raises SettingsError."""
    _known(name, settings)

    def change(document: TOMLDocument) -> None:
        named: Any = document["targets"]
        del named[name]
        if not named:
            del document["targets"]

    settings_module.edit(change)


def understood(said: Mapping[str, Any]) -> Target:
    """A target of JSON values. Raises UnfitError."""
    try:
        return Target.model_validate(said)
    except ValidationError as error:
        fields: dict[str, str] = {}
        for key, why in in_words(error):
            # What fits no single one is about when it is asked by itself.
            fields.setdefault(key.partition(".")[0] or ("schedule" if said.get("schedule") else "listen"), why)
        raise UnfitError(fields, _("Nothing was changed.")) from None


def checked_name(name: str) -> str:
    """A name that is none of an id's, and can be shown in a line. Raises SettingsError."""
    name = whole_characters(name).strip()
    if not 1 <= len(name) <= LONGEST_NAME or any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in name):
        raise SettingsError(
            _("“{name}” can't be a target's name.").format(name=for_terminal(name)),
            _("It has 1 to {n} characters, in one line.").format(n=LONGEST_NAME),
        )
    if name in (".", ".."):
        raise SettingsError(_("“{name}” can't be a target's name.").format(name=name), _("Add a letter."))
    if name.isdigit():
        raise SettingsError(
            _("“{name}” can't be a target's name.").format(name=name), _("It would look like an id: add a letter.")
        )
    return name


def _known(name: str, settings: Settings) -> None:
    if name not in settings.targets:
        known = ", ".join(settings.targets) or _("none")
        raise SettingsError(
            _("There is no target “{name}”.").format(name=name), _("Named targets: {names}.").format(names=known)
        )


def _edit(edit: Any) -> None:
    try:
        settings_module.edit(edit)
    except (TypeError, ValueError) as error:  # what TOML has no way to write: null
        raise SettingsError(
            _("These values can't be kept in the settings: {error}").format(error=error),
            _("Leave them out here, and say them with each request (-p)."),
        ) from None
