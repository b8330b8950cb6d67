"""The commands about the settings."""

from __future__ import annotations

from typing import Annotated

import typer

from tray import terminal
from tray.cli_options import JsonFlag, failed, json_of_failure
from tray.locale import _

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)

KeyName = Annotated[
    str, typer.Argument(metavar="KEY", help=_("As at_once, folders.NAME or targets.NAME.interval; see config list."))
]


def add_to(parent: typer.Typer) -> None:
    parent.add_typer(app, name="config", help=_("Show the settings and change them."))


@app.command("list", help=_("List every setting: its value, its default, and where it comes from."))
def list_all(as_json: JsonFlag = False) -> None:
    from tray import config_command

    with json_of_failure(as_json, failed):
        found = config_command.list_all()
    if as_json:
        terminal.show_json({"status": "done", "settings": found})


@app.command(help=_("Show the value of a setting."))
def get(key: KeyName, as_json: JsonFlag = False) -> None:
    from tray import config_command

    with json_of_failure(as_json, failed):
        found = config_command.get(key)
    if as_json:
        terminal.show_json({"status": "done", **found})


@app.command("set", help=_("Write a setting into the settings file."))
def put(
    key: KeyName,
    value: Annotated[
        list[str],
        typer.Argument(metavar="VALUE...", help=_("The value; several for a list; NAME=VALUE for inputs.")),
    ],
    as_json: JsonFlag = False,
) -> None:
    from tray import config_command

    with json_of_failure(as_json, failed):
        found = config_command.put(key, value)
    if as_json:
        terminal.show_json({"status": "done", **found})


@app.command(help=_("Take a setting out of the settings file: the default counts again."))
def unset(key: KeyName, as_json: JsonFlag = False) -> None:
    from tray import config_command

    with json_of_failure(as_json, failed):
        found = config_command.unset(key)
    if as_json:
        terminal.show_json({"status": "done", **found})


@app.command(help=_("Show where the settings file is."))
def path() -> None:
    from tray import config_command

    config_command.where()
