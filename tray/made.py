"""Which request made a draft, and how it is made again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tray.asked import Asked, call_of
from tray.draft.problems import DraftError
from tray.journal import KEPT_DAYS
from tray.locale import _

if TYPE_CHECKING:
    from tray.journal import Journal
    from tray.journal_rows import Made

TOOL = "generate_draft"


def by_draft(journal: Journal, draft_ids: Iterable[str]) -> dict[str, Made]:
    """By a draft's id who made it; those of which that is known. Raises JournalError."""
    return {made.receipt.draft_id: made for made in journal.made(draft_ids)}


def again(journal: Journal, made: Made) -> Asked:
    """What is to be asked so that the draft is made once more, with its media fetched again whatever the cache has
    of it; beside the old one. Raises DraftError where what it was made of is gone, JournalError."""
    said = _arguments(journal, made)
    if said is None:
        raise DraftError(
            _("What “{name}” was made of is not there any more: it is kept for {n} days.").format(
                name=made.receipt.name, n=KEPT_DAYS
            ),
            _("Ask for it again."),
        )
    return call_of(TOOL, json.dumps(said, ensure_ascii=False), made.receipt.name, fresh=True)


def _arguments(journal: Journal, made: Made) -> dict[str, Any] | None:
    """What the tool was called with for this draft, without the other drafts of that call."""
    from tray.draft import source

    calls = [(arguments, output) for tool, arguments, output in journal.calls_of(made.request_id) if tool == TOOL]
    its = [arguments for arguments, output in calls if made.receipt.draft_id in output]
    for arguments in its or [arguments for arguments, _output in calls]:
        try:
            said = json.loads(arguments) if arguments else None
        except ValueError:
            continue
        if not isinstance(said, dict) or not said.get("content"):
            continue
        content = said["content"]
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        try:
            return {**said, "content": source.alone(text, made.key)}
        except DraftError:  # it could be read when it was built
            return said
    return None
