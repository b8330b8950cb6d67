"""The pages of drafts: the gallery, and one draft with its timeline. What tries an export shares their shelf."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response

from tray.draft import library, showing
from tray.draft.library import Draft
from tray.draft.problems import DraftError
from tray.draft.timeline_svg import ZOOMS
from tray.locale import _
from tray.web import drafts_api, try_export
from tray.web.pages import Pages
from tray.web.shelf import Shelf

if TYPE_CHECKING:
    from tray.app import App

PAGE = 100
"""So many drafts are shown at first; the others follow when one comes near the end of the list."""
COVER_SIDE, PICTURE_SIDE = 400, 128
_LARGE_BYTES = 2_000_000
"""A main file of this size takes long enough to read that the worker process does it."""
_BLANK = b'<svg xmlns="http://www.w3.org/2000/svg" width="16" height="10"/>'
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""For what has another address when it changes."""


def router(app: App, shown: Pages) -> APIRouter:
    shelf = Shelf(app)
    pages = APIRouter(include_in_schema=False)

    @pages.get("/drafts")
    def gallery(
        request: Request,
        search: Annotated[str, Query(max_length=200)] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        part: bool = False,
    ) -> Response:
        """`part`: the list's next drafts alone, to be put at its end."""
        found = drafts_api.listed(shelf, search, offset, PAGE)
        return shown.page(
            request, "drafts_part" if part else "drafts", here="drafts", found=found, search=search, offset=offset,
            next=offset + PAGE if offset + PAGE < found.total else None,
            deleted=[] if part else shelf.deleted(), when=_when, root=str(shelf.library.root),
        )  # fmt: skip

    @pages.get("/drafts/{key}")
    async def draft(
        request: Request, key: str, zoom: Annotated[float, Query(ge=ZOOMS[0], le=ZOOMS[-1])] = 1.0
    ) -> Response:
        found = await asyncio.to_thread(_find, shelf, key)
        makers = await asyncio.to_thread(shelf.made, [found])
        by = makers.get(found.draft_id) if found.draft_id else None
        said = showing.Said(by.receipt.warnings, by.receipt.warned, by.receipt.segments) if by else None
        picture = None
        problem: DraftError | None = None
        job = (found.path, said, f"drafts/{found.key}/picture?media=", zoom)
        try:
            if await asyncio.to_thread(_is_large, found.path):
                picture = await shelf.run(showing.of_folder, *job)
            else:
                picture = await asyncio.to_thread(showing.of_folder, *job)
        except DraftError as error:
            problem = error
        outline = await asyncio.to_thread(drafts_api.of_draft, shelf, found, makers)
        return await asyncio.to_thread(
            shown.page, request, "draft", here="drafts", draft=outline, picture=picture, problem=problem,
            receipt=by.receipt if by else None, zoom=zoom, zooms=ZOOMS, when=_when,
        )  # fmt: skip

    @pages.get("/drafts/{key}/cover")
    async def cover(key: str) -> Response:
        found = await asyncio.to_thread(_find, shelf, key)
        return await _small(shelf, await asyncio.to_thread(library.cover, found), COVER_SIDE)

    @pages.get("/drafts/{key}/picture")
    async def picture(key: str, media: Annotated[str, Query(max_length=1000)]) -> Response:
        """A small picture of a file in the draft; of none elsewhere."""
        found = await asyncio.to_thread(_find, shelf, key)
        return await _small(shelf, await asyncio.to_thread(library.inside, found.path, media), PICTURE_SIDE)

    whole = APIRouter()
    for one in (pages, drafts_api.routes(app, shelf), try_export.routes(app, shown, shelf)):
        whole.include_router(one)
    return whole


def _find(shelf: Shelf, key: str) -> Draft:
    """Raises HTTPException for none."""
    try:
        return shelf.find(key)
    except DraftError as error:
        raise HTTPException(404, str(error)) from None


async def _small(shelf: Shelf, file: Path | None, side: int) -> Response:
    if file is None:
        raise HTTPException(404, _("There is no picture of this."))
    made = await shelf.thumb(file, side)
    if made is None:  # it can't be decoded; the page shows a blank
        return Response(_BLANK, media_type="image/svg+xml")
    return FileResponse(made, media_type="image/jpeg", headers=_FOR_EVER)


def _is_large(folder: Path) -> bool:
    try:
        return any(file.stat().st_size > _LARGE_BYTES for file in folder.glob("draft_*o*.json"))
    except OSError:  # who reads it says why it can't be
        return False


def _when(time_us: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_us / 1e6))
