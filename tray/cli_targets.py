"""The commands about named targets."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tray import terminal
from tray.cli_options import Interval, JsonFlag, Parameters, failed, json_of_failure, parsed
from tray.locale import _

app = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help=_("The name, 1 to 40 characters."))]


@app.callback(invoke_without_command=True)
def targets(context: typer.Context, as_json: JsonFlag = False) -> None:
    if context.invoked_subcommand is not None:
        return
    from tray import targets_command

    with json_of_failure(as_json, failed):
        found = targets_command.list_all()
    if as_json:
        terminal.show_json({"status": "done", "targets": found})


@app.command(help=_("Give a bot, a workflow or a chatflow a name."))
def add(
    name: Name,
    bot: Annotated[str | None, typer.Option("--bot", metavar="ID", help=_("A bot's id."))] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", metavar="ID", help=_("A workflow's id."))] = None,
    chatflow: Annotated[str | None, typer.Option("--chatflow", metavar="ID", help=_("A chatflow's id."))] = None,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help=_("Save what it is asked: a click in the icon's menu asks it then.")),
    ] = None,
    parameter: Parameters = None,
    variable: Annotated[
        list[str] | None,
        typer.Option("--variable", metavar="NAME=TEXT", help=_("A user variable of the bot; may be given again.")),
    ] = None,
    region: Annotated[
        Literal["cn", "com"] | None, typer.Option(help=_("cn (coze.cn) or com (coze.com); else the settings'."))
    ] = None,
) -> None:
    from tray import targets_command
    from tray.settings_target import Target
    from tray.targets import parameters
    from tray.text import whole_characters

    given: list[tuple[Literal["bot", "workflow", "chatflow"], str | None]] = [
        ("bot", bot),
        ("workflow", workflow),
        ("chatflow", chatflow),
    ]
    chosen = [(kind, said) for kind, said in given if said is not None]
    if len(chosen) != 1:
        raise typer.BadParameter(_("Give one of --bot ID, --workflow ID and --chatflow ID."))
    [(kind, said)] = chosen
    if not (said.isascii() and said.isalnum()):
        raise typer.BadParameter(_("“{said}” is no id of Coze.").format(said=said))
    if prompt is not None and (kind == "workflow" or not prompt.strip()):
        raise typer.BadParameter(
            _("A workflow is asked nothing: give its inputs (-p).") if kind == "workflow" else _("Nothing was asked."),
            param_hint="--prompt",
        )
    variables = {key: str(value) for key, value in parsed(parameters, variable, "--variable").items()}
    target = Target(
        kind=kind,
        id=said,
        region=region or "",
        prompt=whole_characters(prompt or "").strip(),
        parameters=parsed(parameters, parameter, "-p"),
        variables=variables,
    )
    targets_command.add(name, target)


@app.command(help=_("Forget a name; the bot or workflow in Coze stays as it is."))
def remove(name: Name) -> None:
    from tray import targets_command

    targets_command.remove(name)


@app.command(help=_("Listen to a mailbox workflow whenever coze-tray runs: on or off."))
def listen(
    name: Name,
    switch: Annotated[Literal["on", "off"], typer.Argument(help=_("on or off."))],
    interval: Interval = None,
    yes: Annotated[bool, typer.Option("--yes", help=_("Ask nothing: what it costs is known."))] = False,
) -> None:
    from tray import mailbox_command

    mailbox_command.listen_always(name, switch == "on", interval, yes)
