"""The commands that open the page."""

from __future__ import annotations

from typing import Annotated

import typer

from tray import terminal
from tray.cli_options import JsonFlag, failed, json_of_failure
from tray.locale import _


def add_to(app: typer.Typer) -> None:
    @app.command(
        help=_("Open the page in the browser: ask, watch, answer and look. The program is started if need be.")
    )
    def page(
        path: Annotated[
            str, typer.Argument(metavar="PAGE", help=_("drafts, try, activity or setup; without: where one asks."))
        ] = "",
        show_only: Annotated[
            bool, typer.Option("--no-browser", help=_("Print its address, which works once, within a minute."))
        ] = False,
        as_json: JsonFlag = False,
    ) -> None:
        from tray import control

        with json_of_failure(as_json, failed):
            url = control.page(path, opens=not (show_only or as_json))
        if as_json:
            terminal.show_json({"status": "done", "url": url})

    @app.command(hidden=True, help=_("Open what a link to coze-tray says. The desktop calls it."))
    def link(url: Annotated[str, typer.Argument(metavar="LINK")]) -> None:
        from tray import link_command

        link_command.link(url)
