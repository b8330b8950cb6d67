"""`coze-tray targets`: the bots, workflows and chatflows that the user has given a name."""

from __future__ import annotations

from typing import Any

from tray import instance, named_targets, targets, terminal
from tray import settings as settings_module
from tray.home import home
from tray.locale import _
from tray.settings_target import Target
from tray.text import for_terminal


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
    name = named_targets.add(name, target, settings_module.load_for_people())
    instance.tell(home(), {"op": "settings"})
    text = _("{name}: {kind} {id}").format(name=name, kind=targets.kind_in_words(target.kind), id=target.id)
    terminal.out.print(text, markup=False)
    terminal.out.print(targets.how_to_ask(name, target.kind, target.prompt), markup=False)


def remove(name: str) -> None:
    """Forget a target's name. Raises SettingsError."""
    named_targets.remove(name, settings_module.load_for_people())
    instance.tell(home(), {"op": "settings"})
    terminal.out.print(_("“{name}” is no target any more.").format(name=name), markup=False)
