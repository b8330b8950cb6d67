"""The commands for when something is wrong: the log, and a report to send."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from tray import locale, terminal
from tray.errors import SettingsError
from tray.home import home
from tray.locale import _


def add_to(app: typer.Typer) -> None:
    app.command(help=_("Show the end of the log, or follow it until Ctrl-C."))(log)
    app.command(help=_("Make a file to send with a bug; nothing private is in it."))(report)


def log(
    n: Annotated[int, typer.Option("-n", "--lines", min=0, metavar="N", help=_("So many lines of it."))] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help=_("Go on showing what comes."))] = False,
    path: Annotated[bool, typer.Option("--path", help=_("Show where it is instead."))] = False,
) -> None:
    from tray import logs

    file = home() / logs.NAME
    if path:
        terminal.out.print(str(file), markup=False)
        return
    if not file.exists():
        terminal.show_warning(_("There is no log yet: {path}").format(path=file))
    try:
        lines, at = logs.last_lines(home(), n)
        for line in lines:
            print(line)  # noqa: T201 - rich would wrap and colour it
        if follow:
            sys.stdout.flush()
            for line in logs.follow(home(), at, threading.Event()):
                print(line, flush=True)  # noqa: T201
    except KeyboardInterrupt:
        if terminal.out.is_terminal:
            terminal.out.print()  # the line that “^C” stands in
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def report(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help=_("The file to write (.zip)."))
    ] = None,
) -> None:
    from tray import report as report_module
    from tray import settings as settings_module
    from tray import words

    with suppress(SettingsError):  # the report says what is wrong with them
        locale.use(settings_module.load().language or None)
    target = (output or Path()).absolute()
    path = report_module.write(target.parent, target.name) if output else report_module.write(target)
    for name, n_bytes in report_module.contents(path):
        terminal.out.print(f"  {name}  {words.size(n_bytes)}", markup=False)
    terminal.out.print(_("The report is in {path}").format(path=path), markup=False)
    terminal.out.print(_("Look at it before you send it."))
