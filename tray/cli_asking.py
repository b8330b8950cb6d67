"""The commands that ask the cloud for something: ask, workflow, answer, again, adopt and listen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from tray import terminal
from tray.cli_options import Interval, JsonFlag, Parameters, Wait, json_of_failure, parsed
from tray.locale import _

PATIENCE_S = 30.0

RequestId = Annotated[str, typer.Argument(metavar="REQUEST_ID", help=_("As coze-tray status and --json give it."))]


def add_to(app: typer.Typer) -> None:
    app.command(help=_("Ask a bot, and wait for its answer and its drafts."))(ask)
    app.command(help=_("Run a workflow, and wait for what it says and its drafts."))(workflow)
    app.command(help=_("Answer what a request waits with, and go on with it."))(answer)
    app.command(help=_("Ask the same once more, as a new request."))(again)
    app.command(help=_("Go on with a chat that waits for this computer."))(adopt)
    app.command(help=_("Make drafts of what a mailbox workflow delivers, until Ctrl-C."))(listen)


def ask(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help=_("What to ask, as you would in Coze; or the name of a saved request.")),
    ] = None,
    bot: Annotated[str | None, typer.Option("--bot", metavar="ID|NAME", help=_("The bot; else COZE_BOT_ID."))] = None,
    chatflow: Annotated[
        str | None, typer.Option("--chatflow", metavar="ID|NAME", help=_("A chatflow instead of a bot."))
    ] = None,
    parameter: Parameters = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", metavar="FILE", exists=True, dir_okay=False, help=_("Send a file with it; may be given again.")
        ),
    ] = None,
    goes_on: Annotated[bool, typer.Option("--continue", help=_("Go on with the last conversation."))] = False,
    clear: Annotated[bool, typer.Option("--clear", help=_("Go on with it, but let it forget what was said."))] = False,
    as_json: JsonFlag = False,
    wait: Wait = PATIENCE_S,
) -> None:
    from tray import asking, targets

    if bot is not None and chatflow is not None:
        raise typer.BadParameter(_("Give --bot or --chatflow, not both."))
    if prompt is None and bot is None and chatflow is None:
        raise typer.BadParameter(_("Nothing was asked."), param_hint="PROMPT")
    kind: Literal["bot", "chatflow"] = "bot" if chatflow is None else "chatflow"
    talk = asking.Talk(tuple(file or ()), goes_on, clear)
    inputs = parsed(targets.parameters, parameter, "-p")
    _end(as_json, lambda: asking.ask(prompt or "", chatflow or bot, kind, inputs, talk, wait))


def workflow(
    name: Annotated[
        str | None, typer.Argument(metavar="ID|NAME", help=_("The workflow; else COZE_WORKFLOW_ID."))
    ] = None,
    parameter: Parameters = None,
    as_json: JsonFlag = False,
    wait: Wait = PATIENCE_S,
) -> None:
    from tray import asking, targets

    inputs = parsed(targets.parameters, parameter, "-p")
    _end(as_json, lambda: asking.workflow(name, inputs, wait))


def answer(
    request_id: RequestId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help=_("The answer, or the number of an option."))],
    as_json: JsonFlag = False,
    wait: Wait = PATIENCE_S,
) -> None:
    from tray import asking

    _end(as_json, lambda: asking.answer(request_id, text, wait))


def again(request_id: RequestId, as_json: JsonFlag = False, wait: Wait = PATIENCE_S) -> None:
    from tray import asking

    _end(as_json, lambda: asking.again(request_id, wait))


def _an_id(said: str) -> str:
    if not (said.isascii() and said.isalnum()):
        raise typer.BadParameter(_("“{said}” is no id of Coze.").format(said=said))
    return said


def adopt(
    conversation_id: Annotated[
        str, typer.Argument(metavar="CONVERSATION_ID", callback=_an_id, help=_("The id of its conversation."))
    ],
    chat_id: Annotated[str, typer.Argument(metavar="CHAT_ID", callback=_an_id, help=_("Its own id."))],
    as_json: JsonFlag = False,
    wait: Wait = PATIENCE_S,
) -> None:
    from tray import asking

    _end(as_json, lambda: asking.adopt(conversation_id, chat_id, wait))


def listen(
    name: Annotated[
        str | None, typer.Argument(metavar="ID|NAME", help=_("The mailbox workflow; else COZE_WORKFLOW_ID."))
    ] = None,
    interval: Interval = None,
    as_json: JsonFlag = False,
) -> None:
    from tray import mailbox_command

    _end(as_json, lambda: mailbox_command.listen(name, interval))


def _end(as_json: bool, asked: Callable[[], terminal.Outcome]) -> None:
    with json_of_failure(as_json, lambda failure: terminal.Outcome(failure=failure).to_json()):
        outcome = asked()
    if as_json:
        terminal.show_json(outcome.to_json())
    raise typer.Exit(1 if outcome.failure else 0)
