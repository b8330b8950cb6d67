"""What several commands share: their options, and the promise that standard output ends with JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from tray import locale, terminal
from tray.errors import TrayError
from tray.events import Failure
from tray.locale import _

locale.use()

JsonFlag = Annotated[bool, typer.Option("--json", help=_("End standard output with one line of JSON."))]
DraftsDir = Annotated[Path | None, typer.Option("--drafts-dir", file_okay=False, help=_("The drafts folder to use."))]
Wait = Annotated[
    float, typer.Option(min=0, max=86_400, metavar="SECONDS", help=_("For how long the network may stay away."))
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        "--parameter",
        metavar="NAME=VALUE",
        help=_("An input: name=text, name:=JSON, or name=@FILE for the text of a file."),
    ),
]

Interval = Annotated[
    str | None,
    typer.Option(
        "--interval",
        metavar="TIME",
        help=_("Between two runs: 30s, 5m or 1h; or hold, for a workflow that itself waits. 60s by default."),
    ),
]


@contextmanager
def json_of_failure(as_json: bool, made_of: Callable[[Failure], dict[str, Any]]) -> Iterator[None]:
    """With --json, standard output ends with JSON whatever happens in the block, which raises all the same."""
    try:
        yield
    except BaseException as error:
        if as_json:
            advice = error.advice if isinstance(error, TrayError) else ""
            interrupted = isinstance(error, KeyboardInterrupt)
            code = "interrupted" if interrupted else "failed"
            message = error.message if isinstance(error, TrayError) else str(error) or type(error).__name__
            message = _("Interrupted.") if interrupted else message
            terminal.show_json(made_of(Failure(code, message, advice)))
        raise


def failed(failure: Failure) -> dict[str, Any]:
    return {"status": "failed", "error": asdict(failure)}


def parsed(parse: Callable[[Iterable[str]], dict[str, Any]], said: Iterable[str] | None, option: str) -> dict[str, Any]:
    """What `parse` makes of an option's values; what it can't read is wrong usage."""
    try:
        return parse(said or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
