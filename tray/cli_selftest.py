"""The command `selftest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tray import terminal
from tray.cli_options import JsonFlag
from tray.locale import _
from tray.text import for_terminal, json_text


def add_to(app: typer.Typer) -> None:
    app.command(help=_("Try everything that this program needs of this computer. Nothing of yours is touched."))(
        selftest
    )


def selftest(
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", dir_okay=False, help=_("Write what is found into a file as well.")),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    from tray import selftest

    results: list[selftest.Result] = []
    lines = [selftest.machine()]

    def show(result: selftest.Result) -> None:
        results.append(result)
        state = {True: _("ok"), False: _("failed"), None: _("skipped")}[result.ok]
        text = _("{name}: {state}, {text} ({seconds} s)")
        lines.append(
            for_terminal(
                text.format(
                    name=selftest.title(result.step), state=state, text=result.text, seconds=f"{result.seconds:.1f}"
                )
            )
        )
        colour, sign = {True: ("green", "✓"), False: ("red", "✗"), None: ("dim", "·")}[result.ok]
        terminal.out.print(f"[{colour}]{sign}[/{colour}]", end=" ")
        terminal.out.print(lines[-1], markup=False)

    terminal.out.print(lines[0], markup=False)
    passed = selftest.run(show)
    found = {
        "status": "done" if passed else "failed",
        "program": lines[0],
        "steps": [result.to_json() for result in results],
    }
    if output is not None:
        output.write_text(f"{json_text(found)}\n" if as_json else "".join(f"{line}\n" for line in lines), "utf-8")
    if as_json:
        terminal.show_json(found)
    raise typer.Exit(0 if passed else 1)
