"""The commands that open the page."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from tray import terminal
from tray.cli_options import JsonFlag, failed, json_of_failure
from tray.locale import _

_PAGES = ("drafts", "try", "activity", "setup", "guide")


def add_to(app: typer.Typer) -> None:
    @app.command(
        help=_("Open the page in the browser: ask, watch, answer and look. The program is started if need be.")
    )
    def page(
        path: Annotated[
            str,
            typer.Argument(
                metavar="PAGE",
                callback=_page,
                help=_("drafts, try, activity, setup or guide; none: where one asks."),
            ),
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
    def link(url: Annotated[str, typer.Argument(metavar="LINK", help=_("As coze-tray://ask?prompt=…"))]) -> None:
        from tray import link_command

        link_command.link(url)


def _page(said: str) -> str:
    """One of them, or something on it, such as drafts/NAME; "" is where one asks."""
    if said and re.split("[/?]", said)[0] not in _PAGES:
        raise typer.BadParameter(_("“{said}” is none of: {kinds}.").format(said=said, kinds=", ".join(_PAGES)))
    return said
