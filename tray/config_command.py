"""`coze-tray config`: what is set, where that comes from, and changing it without an editor, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tray import configuring, instance, terminal
from tray import settings as settings_module
from tray.errors import HandOffError, SettingsError
from tray.home import home
from tray.locale import _
from tray.text import for_terminal, json_text


def list_all() -> list[dict[str, Any]]:
    """Show every setting with its default and where it comes from; returns them as JSON values."""
    shown = configuring.every(settings_module.load_for_people())
    sources = {"file": _("from the file"), "environment": _("from the environment"), "default": _("the default")}
    for one in shown:
        said = sources[one["from"]]
        if one["from"] != "default":
            said = _("{source}; the default is {default}").format(source=said, default=json_text(one["default"]))
        terminal.out.print(for_terminal(f"{one['key']} = {json_text(one['value'])}  ({said})"), markup=False)
        terminal.out.print("    " + one["about"], style="dim", markup=False)
    return shown


def get(said: str) -> dict[str, Any]:
    """Show a setting's value; returns it as JSON values. Raises SettingsError."""
    found = configuring.get(said, settings_module.load_for_people())
    text = found["value"] if isinstance(found["value"], str) else json_text(found["value"])
    terminal.out.print(for_terminal(text), markup=False)
    return found


def put(said: str, values: Sequence[str]) -> dict[str, Any]:
    """Write a setting into the file; returns it as JSON values. Raises SettingsError for what can't be used, and the
    file is as it was."""
    _speak()
    done = configuring.put(said, values)
    terminal.out.print(for_terminal(f"{said} = {json_text(done['value'])}"), markup=False)
    _tell(said)
    return done


def unset(said: str) -> dict[str, Any]:
    """Take a setting out of the file, so that its default is in force; returns that as JSON values. Raises
    SettingsError."""
    _speak()
    done = configuring.unset(said)
    text = _("{key} is not set; the default is {default}.").format(key=said, default=json_text(done["value"]))
    terminal.out.print(for_terminal(text), markup=False)
    _tell(said)
    return done


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


def _tell(said: str) -> None:
    """Tell the running program, and the user when it counts."""
    if variable := configuring.is_overruled(said):
        text = _("{variable} is set in the environment and is used instead of it.")
        terminal.show_warning(text.format(variable=variable))
    address = instance.running(home())
    if address is None:
        return
    try:
        taken = any(answer.get("taken") for answer in instance.hand_on(address, {"op": "settings"}))
    except HandOffError:
        return  # what is left of one that was killed
    if said in configuring.WITH_THE_NEXT_START:
        terminal.show_warning(_("coze-tray runs; this counts from its next start."))
    elif taken:
        terminal.out.print(_("coze-tray runs; this counts for what begins from now on."), style="dim")
