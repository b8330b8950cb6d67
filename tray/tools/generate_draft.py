"""The main tool: a draft out of what a Coze flow produced."""

from __future__ import annotations

from typing import Any

from tray.events import Receipt
from tray.locale import _, ngettext
from tray.tools.context import ToolContext
from tray.tools.registry import ToolError


async def generate_draft(ctx: ToolContext, content: str, output_folder: str | None = None) -> dict[str, Any]:
    """Make a JianYing draft on the user's computer.

    `content`: the JSON text that the flow's export step gave. `output_folder`: the name of a folder that the user has
    set up for drafts; left out, drafts go where JianYing looks for them.
    """
    from tray.draft import pipeline

    if output_folder and output_folder not in ctx.folders:
        known = ", ".join(sorted(ctx.folders)) or _("none")
        raise ToolError(
            _("The user has set up no folder named “{name}” for drafts.").format(name=output_folder),
            _("Leave output_folder out, or use one of: {names}.").format(names=known),
        )
    built = await pipeline.build(
        content, ctx.workshop(output_folder or None), ctx.language, progress=ctx.progress, ledger=ctx.ledger
    )
    errors = [str(problem) for problem in built.problems]
    status = "ok" if not errors else "partial" if built.receipts else "error"
    return {
        "status": status,
        "message": _message(built.receipts, errors),
        "drafts": [_told(receipt) for receipt in built.receipts],
        "errors": errors,
        "warnings": built.warnings,
    }


def _message(receipts: list[Receipt], errors: list[str]) -> str:
    parts = []
    if receipts:
        n = len(receipts)
        names = _(", ").join(receipt.name for receipt in receipts)
        parts.append(
            ngettext("{n} draft is in JianYing: {names}.", "{n} drafts are in JianYing: {names}.", n).format(
                n=n, names=names
            )
        )
    if errors:
        parts.append(_("Not built: {errors}").format(errors="; ".join(errors[:20])))
    return " ".join(parts)


def _told(receipt: Receipt) -> dict[str, Any]:
    """What the bot is told of a draft: no path, which would carry the user's name to the cloud."""
    return {
        "name": receipt.name,
        "draft_id": receipt.draft_id,
        "segments": receipt.segments,
        "duration_s": receipt.duration_us / 1e6,
        "warnings": receipt.warnings[:20],
    }
