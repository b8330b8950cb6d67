"""The command about starting at login; what it does is in autostart_command.py."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from tray import terminal
from tray.cli_options import JsonFlag, failed, json_of_failure
from tray.locale import _


class Switch(str, Enum):
    on = "on"
    off = "off"
    status = "status"


def add_to(app: typer.Typer) -> None:
    @app.command(help=_("Start coze-tray at login: on, off or status."))
    def autostart(
        switch: Annotated[Switch, typer.Argument(help=_("status: what is registered, and where."))],
        as_json: JsonFlag = False,
    ) -> None:
        from tray import autostart_command

        with json_of_failure(as_json, failed):
            found = autostart_command.autostart(switch.value)
        if as_json:
            terminal.show_json({"status": "done", **found})
