"""What Typer itself says - in its help, and of wrong usage - in the user's language.

It says it in English, and with some versions through gettext: its own texts are recognised here and said anew. What is
not recognised stays as it is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import typer

from tray.locale import N_, _

CommandError: type[Exception] = typer.BadParameter.__mro__[2]
"""Whatever Typer says of the command line: Click's ClickException, which Typer brings with it or not."""
_UsageError: Any = typer.BadParameter.__mro__[1]
_Formatter: Any = typer.Context.formatter_class


class Formatter(_Formatter):  # type: ignore[misc]
    """Help, with the words that are the same for every command in the user's language."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or _("Usage: "))

    def write_heading(self, heading: str) -> None:
        super().write_heading(_HEADINGS.get(heading, lambda: heading)())

    def write_dl(self, rows: Sequence[tuple[str, str]], *more: Any, **named: Any) -> None:
        super().write_dl([(first, _of_help(second)) for first, second in rows], *more, **named)


_HEADINGS = {
    "Arguments": lambda: _("Arguments"),
    "Options": lambda: _("Options"),
    "Commands": lambda: _("Commands"),
}


def speak() -> None:
    """From now on Typer's help is in the user's language."""
    typer.Context.formatter_class = Formatter
    for kind in typer.Context.__mro__:  # Click makes those of groups itself
        if "formatter_class" in vars(kind):
            kind.formatter_class = Formatter  # type: ignore[attr-defined]


def show(error: Any) -> int:
    """Say what is wrong with the command line, on standard error. Returns the exit code."""
    if not isinstance(error, _UsageError):
        _say(_("Error: {text}").format(text=in_words(error.format_message())))
    elif type(error).show is not _UsageError.show:  # all that is wrong is that nothing was said: it is the help
        error.show()
    else:
        if error.ctx is not None:
            _say(error.ctx.get_usage())
            option = error.ctx.help_option_names[0]
            _say(_("Try '{command}' for help.").format(command=f"{error.ctx.command_path} {option}"))
            _say("")
        _say(_("Error: {text}").format(text=in_words(error.format_message())))
    return int(error.exit_code)


def in_words(said: str) -> str:
    """A message of Typer's in the user's language."""
    for pattern, text in _MESSAGES:
        if found := pattern.fullmatch(said):
            fields = found.groupdict(default="")
            if "why" in fields:
                fields["why"] = in_words(fields["why"])
            return _(text).format(**fields)
    return said


def _of_help(said: str) -> str:
    if said == "Show this message and exit.":
        return _("Show this message and exit.")
    if not (end := re.search(r"\[([^\[\]]*)\]$", said)):
        return said
    parts = [_ends(part) for part in end[1].split("; ")]
    return f"{said[: end.start()]}[{'; '.join(parts)}]"


def _ends(part: str) -> str:
    if part == "required":
        return _("required")
    if part.startswith("default: "):
        return _("default: {value}").format(value=part.removeprefix("default: "))
    return part


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


_MESSAGES = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), text)
    for pattern, text in (
        (r"missing argument '(?P<name>.+)'\.(?P<more>.*)", N_("The argument {name} is missing.")),
        (r"missing option '(?P<name>.+)'\.(?P<more>.*)", N_("The option {name} is missing.")),
        (r"missing command\.", N_("A command is missing.")),
        (
            r"no such command '(?P<name>.*)'\. Did you mean (?P<near>.*)\?",
            N_("There is no command {name}. Is {near} meant?"),
        ),
        (r"no such command '(?P<name>.*)'\.", N_("There is no command {name}.")),
        (
            r"no such option:? '?(?P<name>[^\s']+)'?\.? \((?:Possible options: |Did you mean )(?P<near>.*?)\??\)",
            N_("There is no option {name}. Is one of these meant: {near}?"),
        ),
        (
            r"no such option:? '?(?P<name>[^\s']+)'?\.? Did you mean (?P<near>.*)\?",
            N_("There is no option {name}. Is {near} meant?"),
        ),
        (r"no such option:? '?(?P<name>[^\s']+)'?\.?", N_("There is no option {name}.")),
        (r"got unexpected extra arguments?(?:\(s\))? \((?P<said>.*)\)", N_("Nothing is known to do with: {said}")),
        (r"option '(?P<name>.*)' requires an argument\.", N_("The option {name} needs a value.")),
        (r"option '(?P<name>.*)' does not take a value\.", N_("The option {name} takes no value.")),
        (r"invalid value for (?P<name>.+?): (?P<why>.*)", N_("{name} can't be used: {why}")),
        (r"invalid value: (?P<why>.*)", N_("This can't be used: {why}")),
        (r"(?:value error, )?'(?P<said>.*)' is not one of (?P<known>.*)\.", N_("“{said}” is none of: {known}.")),
        (r"(?:file|path|dir|directory) '(?P<path>.*)' does not exist\.", N_("{path} is not there.")),
        (r"(?:file|path|dir|directory) '(?P<path>.*)' is a file\.", N_("{path} is a file.")),
        (r"(?:file|path|dir|directory) '(?P<path>.*)' is a directory\.", N_("{path} is a folder.")),
        (r"(?:file|path|dir|directory) '(?P<path>.*)' is not readable\.", N_("{path} can't be read.")),
        (r"(?:file|path|dir|directory) '(?P<path>.*)' is not writable\.", N_("{path} can't be written.")),
        (
            r"input should be a valid integer.*|'(?P<said>.*)' is not a valid (?:integer|int)\.",
            N_("It is a whole number."),
        ),
        (r"input should be a valid number.*|'(?P<said>.*)' is not a valid float\.", N_("It is a number.")),
        (r"input should be greater than or equal to (?P<least>\S+)", N_("The least is {least}.")),
        (r"input should be less than or equal to (?P<most>\S+)", N_("The most is {most}.")),
        (r"(?P<said>\S+) is not in the range (?P<range>.*)\.", N_("It is a number with {range}.")),
    )
)
"""As Typer and Click say it, from 8.1 on (typer/_click/exceptions.py, typer/core.py, typer/_param_types.py)."""
