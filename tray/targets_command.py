"""`coze-tray targets`: the bots, workflows and chatflows that the user has given a name."""

from __future__ import annotations

import unicodedata
from typing import Any

import tomlkit
from tomlkit import TOMLDocument

from tray import instance, targets, terminal
from tray import settings as settings_module
from tray.errors import SettingsError
from tray.home import home
from tray.locale import _
from tray.regions import check_base_url
from tray.settings_target import Target
from tray.text import for_terminal, whole_characters

LONGEST_NAME = 40


def list_all() -> list[dict[str, Any]]:
    """Show every target; returns them as JSON values."""
    found = settings_module.load_for_people().targets
    if not found:
        terminal.out.print(_("No targets have a name. Give one: coze-tray targets add NAME --bot ID"))
    for name, target in found.items():
        said = [name, targets.kind_in_words(target.kind), target.id, target.region or target.api_base]
        said.append(f"“{' '.join(target.prompt.split())}”" if target.prompt else "")
        said += [f"{key}={value}" for key, value in {**target.parameters, **target.variables}.items()]
        if target.listen:
            said.append(_("always listened to ({interval})").format(interval=target.interval))
        terminal.out.print(for_terminal("  ".join(filter(None, said))), markup=False)
    return [{"name": name, **target.model_dump()} for name, target in found.items()]


def add(name: str, target: Target) -> None:
    """Give a target a name. Raises SettingsError."""
    settings = settings_module.load_for_people()
    name = _checked(name)
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

    try:
        settings_module.edit(change)
    except (TypeError, ValueError) as error:  # what TOML has no way to write: null
        raise SettingsError(
            _("These values can't be kept in the settings: {error}").format(error=error),
            _("Leave them out here, and say them with each request (-p)."),
        ) from None
    instance.tell(home(), {"op": "settings"})
    text = _("{name}: {kind} {id}").format(name=name, kind=targets.kind_in_words(target.kind), id=target.id)
    terminal.out.print(text, markup=False)
    terminal.out.print(targets.how_to_ask(name, target.kind, target.prompt), markup=False)


def remove(name: str) -> None:
    """Forget a target's name. Raises SettingsError."""
    settings = settings_module.load_for_people()
    if name not in settings.targets:
        known = ", ".join(settings.targets) or _("none")
        raise SettingsError(
            _("There is no target “{name}”.").format(name=name), _("Named targets: {names}.").format(names=known)
        )

    def change(document: TOMLDocument) -> None:
        named: Any = document["targets"]
        del named[name]
        if not named:
            del document["targets"]

    settings_module.edit(change)
    instance.tell(home(), {"op": "settings"})
    terminal.out.print(_("“{name}” is no target any more.").format(name=name), markup=False)


def _checked(name: str) -> str:
    """A name that is none of an id's, and can be shown in a line. Raises SettingsError."""
    name = whole_characters(name).strip()
    if not 1 <= len(name) <= LONGEST_NAME or any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in name):
        raise SettingsError(
            _("“{name}” can't be a target's name.").format(name=for_terminal(name)),
            _("It has 1 to {n} characters, in one line.").format(n=LONGEST_NAME),
        )
    if name.isdigit():
        raise SettingsError(
            _("“{name}” can't be a target's name.").format(name=name), _("It would look like an id: add a letter.")
        )
    return name
