"""What became of a file in the inbox, as it is written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tray import words
from tray.errors import TrayError
from tray.events import Receipt
from tray.journal_rows import Request
from tray.locale import _


@dataclass(frozen=True)
class Ended:
    """A request that is over: the line of the table that it was of, and the drafts it has written."""

    line: int
    request: Request
    drafts: Sequence[Receipt]

    @property
    def well(self) -> bool:
        return self.request.state == "done"


def of_one(ended: Ended) -> str:
    """What a prompt or an export has become."""
    parts = [_state(ended), _why(ended), ended.request.text.strip() if ended.well else ""]
    return "\n\n".join(filter(None, (*parts, "\n".join(_drafts(ended))))) + "\n"


def of_rows(ended: Sequence[Ended]) -> str:
    """A line for each row of a table."""
    return "".join(f"{_row(one)}\n" for one in ended)


def of_refused(error: TrayError) -> str:
    """Why nothing was asked."""
    return "\n".join(filter(None, (error.message, error.advice))) + "\n"


def _row(ended: Ended) -> str:
    state = _("Line {n}: {state}").format(n=ended.line, state=_state(ended))
    drafts = _(", ").join(f"{one.name} ({one.path})" for one in ended.drafts)
    said = " ".join(ended.request.text.split())[:500] if ended.well else ""
    return " | ".join(" ".join(part.split()) for part in (state, _why(ended), drafts or said) if part)


def _state(ended: Ended) -> str:
    return words.of_request(ended.request.state)


def _why(ended: Ended) -> str:
    failure = ended.request.failure
    return f"{failure.message} {failure.advice}".strip() if failure else ""


def _drafts(ended: Ended) -> Iterator[str]:
    for one in ended.drafts:
        yield _("Draft: {name}").format(name=one.name)
        yield one.path
        yield from (_("Warning: {text}").format(text=text) for text in one.warnings)
