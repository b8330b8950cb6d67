"""The commands about the program that runs, and its requests: start, stop, quit and cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from tray import terminal
from tray.cli_options import JsonFlag, failed, json_of_failure
from tray.locale import _


def add_to(app: typer.Typer) -> None:
    app.command(help=_("Let the program listen; where it does not run, start it."))(start)
    app.command(help=_("Let the program listen no more; its icon stays."))(stop)
    app.command("quit", help=_("End the program."))(quit_)
    app.command(help=_("Cancel a request; the drafts that it has made stay."))(cancel)


def start(as_json: JsonFlag = False) -> None:
    from tray import control

    _done(as_json, control.start)


def stop(as_json: JsonFlag = False) -> None:
    from tray import control

    _done(as_json, control.stop)


def quit_(as_json: JsonFlag = False) -> None:
    from tray import control

    _done(as_json, control.quit_)


def cancel(
    request_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help=_("As coze-tray status gives it; without, the one that runs or waits.")),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help=_("All that run or wait."))] = False,
    as_json: JsonFlag = False,
) -> None:
    from tray import control

    if every and request_id is not None:
        raise typer.BadParameter(_("Give an id or --all, not both."))
    _done(as_json, lambda: control.cancel(request_id, every=every))


def _done(as_json: bool, what: Callable[[], dict[str, Any]]) -> None:
    with json_of_failure(as_json, failed):
        said = what()
    if as_json:
        terminal.show_json({"status": "done", **said})
