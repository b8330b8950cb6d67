"""What the command line shows: progress and messages on standard error, results on standard output."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from tray import words
from tray.events import Failure, Receipt
from tray.locale import _
from tray.text import for_terminal, json_text

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

CANCELLED = "cancelled"
"""The code of what the user has cancelled."""
LONGEST_LINE = 300
"""Of progress, in characters: it is drawn ten times a second."""


@dataclass
class Outcome:
    """How a request ended."""

    request_id: str | None = None
    text: str = ""
    receipts: list[Receipt] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What a tool could not do, as the bot was told."""
    failure: Failure | None = None
    done: bool = False
    shown: list[str] = field(default_factory=list)
    """What was shown as it came: cut where a question begins and ends, which the text may have in it or not."""

    def to_json(self) -> dict[str, Any]:
        """The line that `ask --json` ends with."""
        return {
            "status": _status(self.failure),
            "text": self.text,
            "drafts": [asdict(receipt) for receipt in self.receipts],
            "error": asdict(self.failure) if self.failure else None,
            "request_id": self.request_id,
        }


class Bar:
    """One line of progress on standard error, from the first word to its end; nothing where that is not a terminal."""

    def __init__(self) -> None:
        self._shown = False
        self._progress, self._task = _progress()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.pause()

    def pause(self) -> None:
        """Take the line away."""
        if self._shown:
            self._progress.stop()
            self._shown = False
            self._progress, self._task = _progress()  # one that was stopped draws over what was written since

    def say(self, text: str) -> None:
        text = " ".join(text[:LONGEST_LINE].split())
        self._show(description=escape(for_terminal(text)), total=None, count="")

    def media(self, done: int, total: int, received_bytes: int) -> None:
        """`done` of `total` media files are here; with the last of them the drafts begin to be built."""
        if done == total:
            self.say(_("Building the draft"))
            return
        count = f"{done}/{total}  {words.size(received_bytes)}"
        self._show(description=_("Fetching media"), total=total, completed=done, count=count)

    def _show(self, **what: Any) -> None:
        self._progress.update(self._task, **what)
        if err.is_terminal and not self._shown:
            self._shown = True
            self._progress.start()


def _status(failure: Failure | None) -> str:
    if failure is None:
        return "done"
    return "cancelled" if failure.code == CANCELLED else "failed"


def _progress() -> tuple[Progress, TaskID]:
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"),
        console=err,
        transient=True,
    )
    return progress, progress.add_task("", total=None, count="")


def show_outcome(outcome: Outcome, *, where_to_see_it: str = "") -> None:
    """How a request ended, for people. `where_to_see_it`: said of its drafts; "": where JianYing shows them."""
    if text := _rest(outcome.text, outcome.shown):
        out.print(for_terminal(text), markup=False)
    for warning in outcome.warnings:
        show_warning(warning)
    for receipt in outcome.receipts:
        show_receipt(receipt)
    if outcome.receipts:
        how_to_see_it(where_to_see_it)
    if outcome.failure:
        if outcome.failure.code == "question":  # which was shown
            show_warning(outcome.failure.advice)
        else:
            show_problem(outcome.failure.message, outcome.failure.advice, outcome.failure.logid)
            if outcome.failure.kept:
                show_warning(kept())
        if outcome.failure.again and outcome.request_id:
            again = _("To run it again: coze-tray again {id}").format(id=outcome.request_id)
            err.print(f"  {escape(again)}")


def _rest(text: str, shown: list[str]) -> str:
    """What `text` has more than was shown of it; all of it where something else was shown."""
    for piece in shown:
        text = _after(text, piece)
    return text.strip() if shown else text


def _after(text: str, shown: str) -> str:
    """`text` without `shown`, which it may begin with. Space makes no difference: between two answers a line ends that
    is in neither."""
    at = 0
    for character in filter(lambda c: not c.isspace(), shown):
        while at < len(text) and text[at].isspace():
            at += 1
        if text[at : at + 1] != character:
            return text
        at += 1
    return text[at:]


def kept() -> str:
    return _("The request is kept; the tray program (started by: coze-tray) goes on with it.")


def show_receipt(receipt: Receipt) -> None:
    """A draft's receipt, for people: on standard output the draft, on standard error its warnings."""
    facts = (words.clock(receipt.duration_us), words.of_segments(receipt), words.size(receipt.media_bytes))
    name, path = escape(for_terminal(receipt.name)), escape(for_terminal(receipt.path))
    out.print(f"[green]✓[/green] {name}  [dim]{'  '.join(facts)}[/dim]\n  {path}")
    if receipt.time_unit_reason:
        how = _("  times read as {unit}: {reason}").format(unit=receipt.time_unit, reason=receipt.time_unit_reason)
        err.print(for_terminal(how), style="dim", markup=False)
    for warning in receipt.warnings:
        show_warning(warning)


def how_to_see_it(where: str = "") -> None:
    out.print(where or words.how_to_see_it(), style="dim", markup=False, soft_wrap=True)


def show_warning(text: str) -> None:
    err.print(f"[yellow]![/yellow] {escape(for_terminal(text))}")


def show_problem(text: str, advice: str = "", logid: str = "") -> None:
    """Something that failed, on standard error: what, what to do, and Coze's logid where there is one."""
    err.print(f"[red]✗[/red] {escape(for_terminal(text))}")
    if advice:
        err.print(f"  {escape(for_terminal(advice))}")
    if logid:
        err.print(f"  logid: {escape(for_terminal(logid))}", style="dim")


def show_json(value: Any) -> None:
    """The one line of JSON that standard output ends with."""
    sys.stdout.write(f"{json_text(value)}\n")
    sys.stdout.flush()


def use_utf8() -> None:
    """Let pipes carry Chinese: on Windows they are in the old code page otherwise."""
    for stream in (sys.stdout, sys.stderr):
        encoding = getattr(stream, "encoding", "") or ""
        if encoding.lower().replace("-", "") != "utf8" and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
