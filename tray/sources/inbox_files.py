"""What a file in the inbox asks: a prompt, a draft to be made, or a table of a workflow's parameters."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tray import targets
from tray.asked import Asked, call_of
from tray.draft.coze_json import text_of
from tray.errors import TrayError
from tray.locale import _, ngettext
from tray.settings import Settings
from tray.settings_target import Target
from tray.text import UNFIT, whole_characters

PROMPTS, EXPORT, TABLE = (".txt", ".md"), ".json", ".csv"
MOST_BYTES = {".txt": 1_000_000, ".md": 1_000_000, EXPORT: targets.MOST_BYTES, TABLE: targets.MOST_BYTES}
"""By the kinds of files that are taken."""
SAVE_AS = {
    **dict.fromkeys((".xlsx", ".xls", ".et", ".numbers"), TABLE),
    **dict.fromkeys((".docx", ".doc", ".wps", ".rtf", ".pages", ".pdf"), ".txt"),
}
"""What people put there that can't be read, and what to save it as."""
MOST_ROWS = 1_000


def requests_of(file: Path, folder: str, settings: Settings) -> list[tuple[int, Asked]]:
    """What the file asks, each with its line in a table, else 1. `folder`: the name of the folder it was in, "" for the
    inbox itself. Raises TrayError where it can't be read or asked; nothing of it is asked then."""
    kind = file.suffix.lower()
    if kind in SAVE_AS:
        raise TrayError(
            _("A {kind} file can't be read.").format(kind=kind),
            _("Save it as {kind}, and put that into the inbox.").format(kind=SAVE_AS[kind]),
        )
    text = _text(file, MOST_BYTES[kind])
    if not text.strip():
        raise TrayError(_("There is nothing in it."))
    if kind == EXPORT:
        arguments = json.dumps({"content": text}, ensure_ascii=False)
        found = [(1, call_of("generate_draft", arguments, file.name))]
    elif kind == TABLE:
        found = list(_rows(text, folder, settings))
    else:
        found = [(1, _prompt(text.strip(), folder, settings))]
    return [(line, replace(asked, background=True)) for line, asked in found]


def _text(file: Path, most_bytes: int) -> str:
    """Not by a link: it would hand anything on this computer to a bot."""
    try:
        if file.is_symlink():
            raise TrayError(_("It is a link to another file."), _("Put the file itself into the inbox."))
        with file.open("rb") as opened:
            data = opened.read(most_bytes + 1)
    except OSError as error:
        raise TrayError(_("It can't be read: {error}").format(error=error.strerror or error)) from None
    if len(data) > most_bytes:
        most = f"{most_bytes // 1_000_000} MB"
        raise TrayError(_("It is too big: more than {most}.").format(most=most), _("Split it into smaller files."))
    try:
        return whole_characters(text_of(data))
    except UnicodeDecodeError:
        raise TrayError(_("It is no text."), _("Save it as UTF-8.")) from None


def _prompt(text: str, folder: str, settings: Settings) -> Asked:
    if not folder and not settings.bot_id:
        raise TrayError(
            _("No bot is chosen that could be asked."),
            _("Set {key}, or put the file into a folder of the inbox named like a target.").format(key="bot_id"),
        )
    name, target = targets.find(folder or None, _kind(folder, settings, "bot"), settings)
    if target.kind == "workflow":
        raise TrayError(
            _("“{name}” is a workflow: it takes parameters, and no prompt.").format(name=name),
            _("Put a table of them (.csv) there, whose first line names them."),
        )
    return targets.asked((name, target), settings, text)


def _rows(text: str, folder: str, settings: Settings) -> Iterator[tuple[int, Asked]]:
    """One request for each row of the table."""
    named = _of_table(folder, settings)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    names: list[str] | None = None
    asked = 0
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _names(cells)
                continue
            asked += 1
            if asked > MOST_ROWS:
                raise TrayError(
                    ngettext("It has more than {n} row.", "It has more than {n} rows.", MOST_ROWS).format(n=MOST_ROWS),
                    _("Split it into smaller files."),
                )
            try:
                yield lines.line_num, targets.asked(named, settings, parameters=_parameters(names, cells))
            except ValueError as error:
                raise TrayError(_("Line {n}: {why}").format(n=lines.line_num, why=error)) from None
    except csv.Error as error:
        why = _("it is no line of a table ({error})").format(error=error)
        raise TrayError(_("Line {n}: {why}").format(n=lines.line_num, why=why)) from None
    if not asked:
        raise TrayError(
            _("There is no row in it below the names of the parameters."),
            _("Its first line names the parameters, each other one is a run of the workflow."),
        )


def _of_table(folder: str, settings: Settings) -> tuple[str, Target]:
    if not folder and not settings.workflow_id:
        raise TrayError(
            _("No workflow is chosen that could be run."),
            _("Set {key}, or put the file into a folder of the inbox named like a target.").format(key="workflow_id"),
        )
    name, target = targets.find(folder or None, _kind(folder, settings, "workflow"), settings)
    if target.kind == "bot" or (target.kind == "chatflow" and not target.prompt):
        raise TrayError(
            _("“{name}” can't be asked by a table of parameters.").format(name=name),
            _("Write what it should make into a .txt file instead."),
        )
    return name, target


def _kind(folder: str, settings: Settings, otherwise: targets.TargetKind) -> targets.TargetKind:
    """Of the target of that name; `otherwise` where it is an id, or no target at all."""
    return settings.targets[folder].kind if folder in settings.targets else otherwise


def _delimiter(text: str) -> str:
    """Excel writes what the system's region says; as "Unicode text", tabs."""
    first = text.lstrip().split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _names(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise TrayError(_("Column {n} has no name in the first line.").format(n=names.index("") + 1))
    for n, name in enumerate(names, 1):
        if not name.removesuffix(":").strip() or UNFIT.search(name) or set(name) & set("=@\t\n"):
            raise TrayError(
                _("Column {n} has a name in the first line that is none of a parameter.").format(n=n),
                _("It must not have = or @ in it, nor what can't be seen."),
            )
    bare = [name.removesuffix(":").strip() for name in names]
    if twice := next((name for name in bare if bare.count(name) > 1), None):
        raise TrayError(_("Two columns have the name “{name}”.").format(name=twice))
    return names


def _parameters(names: list[str], cells: list[str]) -> dict[str, Any]:
    """An empty cell leaves the parameter out: what is saved with the target, or the workflow's own default, counts.
    What stands below a name with a colon at its end is JSON, as on the command line; but no file is read here, whatever
    a table says. Raises ValueError."""
    if any(cell.strip() for cell in cells[len(names) :]):
        raise ValueError(_("it has more cells than the first line has names"))
    given = [(name, cell) for name, cell in zip(names, cells, strict=False) if cell.strip()]
    found: dict[str, Any] = {}
    for name, cell in given:
        bare = name.removesuffix(":").strip()
        found[bare] = targets.json_value(cell.strip(), bare) if name.endswith(":") else cell
    return found
