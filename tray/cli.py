"""Every command, one function each; what they do is elsewhere."""

from __future__ import annotations

import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

import typer

from tray import (
    __version__,
    cli_asking,
    cli_autostart,
    cli_config,
    cli_log,
    cli_page,
    cli_panels,
    cli_running,
    cli_selftest,
    cli_serve,
    cli_targets,
    locale,
    logs,
    terminal,
    usage,
)
from tray.cli_options import DraftsDir, JsonFlag, failed, json_of_failure
from tray.draft.names import GROUPS
from tray.errors import TrayError
from tray.events import Failure
from tray.home import home
from tray.locale import _

locale.use()
log = logging.getLogger(__name__)
app = typer.Typer(
    cls=cli_panels.Commands,
    help=_("Let a Coze bot make JianYing drafts on this computer. Without a command: the tray icon."),
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its tables cut Chinese off instead of wrapping it
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> int:
    """Run the command line. Returns the exit code: 0 done, 1 not, 2 wrong usage, 130 interrupted."""
    terminal.use_utf8()
    logging.getLogger().addHandler(logging.NullHandler())  # what libraries log is not for the terminal
    for name in ("SIGTERM", "SIGHUP"):  # end as with Ctrl-C: whatever is being built is cleaned away
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _as_ctrl_c)
    usage.speak()
    try:
        code = app(prog_name="coze-tray", standalone_mode=False)
        if code == 130:
            terminal.show_warning(_("Interrupted."))
        return code if isinstance(code, int) else 0
    except usage.CommandError as error:
        code = usage.show(error)
        if code == 2 and "--json" in sys.argv[1:]:
            terminal.show_json(failed(Failure("usage", _("Wrong usage; standard error says what is wrong."))))
        return code
    except (KeyboardInterrupt, typer.Abort):
        terminal.show_warning(_("Interrupted."))
        return 130
    except TrayError as error:
        terminal.show_problem(error.message, error.advice)
    except OSError as error:
        terminal.show_problem(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        with suppress(OSError):
            logs.log_to(home())
        log.exception("a command failed")
        terminal.show_problem(
            _("Something in this program failed: {error}").format(error=f"{type(error).__name__}: {error}"),
            _("Please report it with what you did."),
        )
    return 1


def _as_ctrl_c(_number: int, frame: FrameType | None) -> None:
    """asyncio takes Ctrl-C in order: what it runs is cancelled; an exception raised just anywhere tears its loop."""
    taken_by = signal.getsignal(signal.SIGINT)
    if not callable(taken_by):  # Ctrl-C is ignored, as in the background of a shell
        raise KeyboardInterrupt
    taken_by(signal.SIGINT, frame)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    headless: Annotated[bool, typer.Option("--headless", help=_("Listen without the icon."))] = False,
    version: Annotated[bool, typer.Option("--version", help=_("Show the version."))] = False,
) -> None:
    if version:
        terminal.out.print(f"coze-tray {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return
    from tray.desktop import start

    raise typer.Exit(start.main(headless=headless))


@app.command(help=_("Let a simulated bot make a real draft: no account, no network."))
def demo(
    drafts_dir: DraftsDir = None,
    icon: Annotated[bool, typer.Option(help=_("Show the tray icon meanwhile, where it can be."))] = True,
) -> None:
    from tray import commands

    raise typer.Exit(commands.demo(drafts_dir, icon=icon))


cli_asking.add_to(app)
cli_running.add_to(app)
cli_page.add_to(app)
cli_serve.add_to(app)


@app.command(help=_("Build the drafts of an export, a spec, a recipe or an SRT file. No cloud is needed."))
def build(
    export: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help=_("The JSON or SRT file."))
    ],
    drafts_dir: DraftsDir = None,
    profile: Annotated[
        Literal["jianying", "capcut"] | None,
        typer.Option(help=_("The application to make drafts for; else the drafts folder's.")),
    ] = None,
    time_unit: Annotated[
        Literal["auto", "ms", "us", "s"] | None,
        typer.Option("--unit", help=_("The unit of the export's times; else its media tells.")),
    ] = None,
    strict: Annotated[bool, typer.Option(help=_("Refuse effects, filters, fonts, … that are not JianYing's."))] = False,
    portable: Annotated[bool, typer.Option(help=_("Write media paths that hold wherever the draft is put."))] = False,
    as_json: JsonFlag = False,
) -> None:
    from tray import commands

    options = commands.BuildOptions(drafts_dir, profile, time_unit, strict=strict, portable=portable)
    with json_of_failure(as_json, lambda failure: commands.not_built(failure).to_json()):
        built = commands.build(export, options)
    if as_json:
        terminal.show_json(built.to_json())
    raise typer.Exit(1 if built.problems else 0)


@app.command(help=_("Print the JSON Schema of this program's own spec of a draft."))
def schema() -> None:
    from tray import commands

    commands.schema()


@app.command(
    help=_(
        "Sign in: store a Coze token in the keyring of this computer. It is read without echo, or comes from OAuth "
        "(--device, --browser)."
    )
)
def login(
    device: Annotated[bool, typer.Option("--device", help=_("Agree in any browser, with a code (OAuth)."))] = False,
    browser: Annotated[bool, typer.Option("--browser", help=_("Agree in this computer's browser (OAuth)."))] = False,
    client_id: Annotated[
        str | None, typer.Option("--client-id", metavar="ID", help=_("The OAuth app's id; remembered."))
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=9999, metavar="N", help=_("For how many days the token is valid."))
    ] = None,
    bot: Annotated[str | None, typer.Option("--bot", metavar="ID", help=_("Also remember this bot."))] = None,
    region: Annotated[str | None, typer.Option(help=_("cn (coze.cn) or com (coze.com); remembered too."))] = None,
) -> None:
    from tray import signing_in

    if device and browser:
        raise typer.BadParameter(_("Give --device or --browser, not both."))
    how: Literal["token", "device", "browser"] = "device" if device else "browser" if browser else "token"
    signing_in.login(signing_in.Login(how, bot, region, days, client_id))


@app.command(help=_("Sign out: delete the token from the keyring."))
def logout() -> None:
    from tray import signing_in

    signing_in.logout()


@app.command(help=_("Show whether it runs and is signed in, and what was asked last."))
def status(
    as_json: JsonFlag = False,
    check: Annotated[
        bool, typer.Option("--check", help=_("Ask Coze whose account it is and what it may do (about 7 calls)."))
    ] = False,
) -> None:
    from tray import commands

    with json_of_failure(as_json, failed):
        found = commands.status(check=check)
    if as_json:
        terminal.show_json({"status": "done", **found})


cli_config.add_to(app)
cli_log.add_to(app)
app.add_typer(cli_targets.app, name="targets", help=_("List the named bots, workflows and chatflows; add, remove."))


drafts_app = typer.Typer(rich_markup_mode=None)
app.add_typer(drafts_app, name="drafts", help=_("List the drafts, newest first; show or export one."))


@drafts_app.callback(invoke_without_command=True)
def drafts(context: typer.Context, drafts_dir: DraftsDir = None, as_json: JsonFlag = False) -> None:
    if context.invoked_subcommand is not None:
        context.obj = (drafts_dir, as_json)
        return
    from tray import drafts_command

    with json_of_failure(as_json, failed):
        found = drafts_command.list_all(drafts_dir)
    if as_json:
        terminal.show_json({"status": "done", "drafts": found})


def _name_kind(said: str) -> str:
    kind = said.strip().lower().replace("_", "-")
    if kind not in GROUPS:
        raise typer.BadParameter(_("“{said}” is none of: {kinds}.").format(said=said, kinds=", ".join(GROUPS)))
    return kind


@app.command(help=_("Search JianYing's names of effects, filters, fonts and so on."))
def names(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", callback=_name_kind, help=_("One of: {kinds}.").format(kinds=", ".join(GROUPS))),
    ],
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help=_("A part of the name, or what you call it; all without."))
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    from tray import names_command

    with json_of_failure(as_json, failed):
        found, near = names_command.names(kind, query)
    if as_json:
        terminal.show_json({"status": "done", "names": found, "near": near})


@drafts_app.command(help=_("Show a draft; export it as OpenTimelineIO, as SRT or as a spec."))
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=_("The draft's name, or how it begins."))],
    otio: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help=_("Write the timeline as OpenTimelineIO (.otio).")),
    ] = None,
    srt: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help=_("Write the texts as subtitles (.srt)."))
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help=_("Write the draft as a spec, which coze-tray build reads.")),
    ] = None,
    whole: Annotated[bool, typer.Option("--all", help=_("List every segment."))] = False,
    drafts_dir: DraftsDir = None,
    as_json: JsonFlag = False,
) -> None:
    from tray import drafts_command

    drafts_dir, as_json = drafts_dir or context.obj[0], as_json or context.obj[1]
    exports = drafts_command.Exports(otio, srt, spec)
    with json_of_failure(as_json, failed):
        shown = drafts_command.show(name, drafts_dir, exports, whole=whole)
    if as_json:
        terminal.show_json(shown)


cli_autostart.add_to(app)


@app.command(help=_("Show what is set up, what is missing, and how to mend it."))
def doctor() -> None:
    from tray import commands

    raise typer.Exit(commands.doctor())


cli_selftest.add_to(app)
