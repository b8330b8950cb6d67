"""The page on which an export is tried, and its API: what a text would make, and making it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tray.draft import folders, showing
from tray.draft.coze_json import text_of
from tray.draft.problems import DraftError
from tray.draft.trial import MOST_CHARS
from tray.locale import _
from tray.web.pages import Pages
from tray.web.shelf import Shelf

if TYPE_CHECKING:
    from tray.app import App


class ProblemOut(BaseModel):
    """What keeps a draft from being built. `path`: where it stands in the text, as `drafts[0].tracks[2].segments[14]`;
    `where`: the same in words."""

    path: str
    where: str
    message: str


class TriedOut(BaseModel):
    """A draft that the text would make. `segments` counts by kind, `links` the media files to be fetched; `time_unit`
    and why, "" where the text says its units itself; `notes`: what was assumed, as nothing is fetched."""

    number: int
    name: str
    width: int
    height: int
    fps: int
    duration_us: int
    segments: dict[str, int]
    links: int
    time_unit: str
    time_unit_reason: str
    problems: list[ProblemOut]
    warnings: list[str]
    notes: list[str]


class Checked(BaseModel):
    """`empty`: how many drafts of the text say nothing and are skipped."""

    drafts: list[TriedOut]
    empty: int


_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "The text itself: what a Coze flow exported, a spec, a recipe, SRT.",
        "required": True,
        "content": {"application/json": {}, "text/plain": {"schema": {"type": "string"}}},
    }
}


def routes(app: App, shown: Pages, shelf: Shelf) -> APIRouter:
    pages = APIRouter()

    async def tried(request: Request) -> tuple[list[showing.Tried], int]:
        text = await asyncio.to_thread(_text, await request.body())
        if len(text) > MOST_CHARS:
            raise DraftError(_("This is too long to be looked at; it can be built all the same."))
        settings = app.settings_now()
        profile = await asyncio.to_thread(_profile, app)
        return await shelf.run(showing.of_text, text, settings.time_unit, profile, settings.strict)

    @pages.get("/try", include_in_schema=False)
    def page(request: Request) -> Response:
        return shown.page(request, "try", here="try")

    @pages.post("/try/preview", include_in_schema=False)
    async def preview(request: Request) -> Response:
        """A part of the page: every draft that the text would make."""
        values: dict[str, Any] = {"here": "try", "drafts": [], "empty": 0, "error": None}
        try:
            values["drafts"], values["empty"] = await tried(request)
        except DraftError as error:
            values["error"] = error
        return await asyncio.to_thread(shown.page, request, "try_part", **values)

    @pages.post("/api/v1/exports/check", tags=["drafts"], openapi_extra=_BODY)
    async def check(request: Request) -> Checked:
        """What a text would make, without fetching or writing anything."""
        drafts, empty = await tried(request)
        return Checked(drafts=[_out(one) for one in drafts], empty=empty)

    return pages


def _text(body: bytes) -> str:
    try:
        return text_of(body)
    except UnicodeDecodeError:
        raise HTTPException(422, _("This is no text.")) from None


def _profile(app: App) -> folders.Profile:
    settings = app.settings_now()
    if settings.profile != "auto":
        return settings.profile
    try:
        return folders.profile_of(folders.drafts_folder(settings.drafts_dir))
    except DraftError:
        return "jianying"


def _out(one: showing.Tried) -> TriedOut:
    from tray.draft.problems import name_of

    shown = one.shown
    return TriedOut(
        number=one.number,
        name=one.name,
        width=shown.width,
        height=shown.height,
        fps=shown.fps,
        duration_us=shown.duration_us,
        segments=shown.segments,
        links=one.links,
        time_unit=one.time_unit,
        time_unit_reason=one.time_unit_reason,
        problems=[
            ProblemOut(path=problem.to_json()["path"], where=name_of(problem.place), message=problem.message)
            for problem in one.problems
        ],
        warnings=shown.warnings,
        notes=one.notes,
    )
