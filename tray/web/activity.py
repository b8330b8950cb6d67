"""What the program does: the page that shows it, and the API of listening, of mailboxes and of the log."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from tray import words
from tray.answering import STOP_WITHIN_S
from tray.locale import _
from tray.mailbox import Mailbox
from tray.web import shapes
from tray.web.pages import Pages

if TYPE_CHECKING:
    from tray.app import App

LOG_LINES = 500
"""So many lines of the log are shown at first."""


class Switch(BaseModel):
    """`cut`: also where a workflow runs that is cut off by it, and that nobody can join again."""

    on: bool
    cut: bool = False


class Listening(BaseModel):
    """`cuts`: nothing was changed, as a workflow would be cut off; ask the user, and say `cut`."""

    listening: bool
    cuts: bool = False


class MailboxOut(BaseModel):
    """A mailbox that is kept open. `state_text`: in words; `detail`: a sentence, or ""."""

    name: str
    workflow_id: str
    state: str
    state_text: str
    detail: str
    interval_s: float | None = Field(description="Between two runs; null: its workflow waits by itself.")
    runs_today: int
    runs_a_day: int
    unfinished: int = Field(description="Items that came and are not finished.")


def router(app: App, shown: Pages) -> APIRouter:
    parts = APIRouter()
    api = APIRouter(prefix="/api/v1", tags=["program"], responses={409: {"model": shapes.Problem}})

    @parts.get("/activity", include_in_schema=False)
    def activity(request: Request) -> Response:
        """The filters may be said in a link; activity.js reads them."""
        return shown.page(request, "activity", targets=app.journal.search.targets(200))

    @api.post("/listening")
    def listening(switch: Switch) -> Listening:
        """Begin or stop to listen."""
        if switch.on:
            app.listener.start()
        elif app.listener.holds_workflows and not switch.cut:
            return Listening(listening=True, cuts=True)
        else:
            app.listener.stop(STOP_WITHIN_S)
        return Listening(listening=app.listener.listening)

    @api.get("/mailboxes")
    def mailboxes() -> list[MailboxOut]:
        """The mailboxes of the settings."""
        return [_mailbox(app, one) for one in tuple(app.standing.always.values())]

    @api.get("/log/events", response_class=EventSourceResponse)
    async def log(lines: Annotated[int, Query(ge=0, le=5000)] = LOG_LINES) -> AsyncIterator[ServerSentEvent]:
        """The end of the log, and what is added to it: `log`, a list of shapes.LogLine."""
        async for one in shown.streams.of_log(lines):
            yield one

    parts.include_router(api)
    return parts


def _mailbox(app: App, mailbox: Mailbox) -> MailboxOut:
    items, trouble = app.journal.items, app.listener.trouble_of(mailbox.key)
    if not app.listener.listening:
        state, state_text, detail = "stopped", words.of_state("stopped"), ""
    elif trouble is None:
        state, state_text, detail = "idle", _("Open"), ""
    else:
        state, state_text, detail = trouble.state, words.of_state(trouble.state), trouble.detail
        state_text = _("Waits") if trouble.state == "idle" else state_text
    return MailboxOut(
        name=mailbox.name,
        workflow_id=mailbox.asked.target_id,
        state=state,
        state_text=state_text,
        detail=detail,
        interval_s=mailbox.pace.interval_s,
        runs_today=items.runs_on(mailbox.key, time.strftime("%Y-%m-%d")),
        runs_a_day=mailbox.runs_a_day,
        unfinished=len(items.unfinished(mailbox.key)),
    )
