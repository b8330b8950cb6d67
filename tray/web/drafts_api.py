"""The API of drafts: listed, described, exported, opened, made again, deleted and had back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tray import app as app_module
from tray import made
from tray.draft import library, removal
from tray.draft.library import Draft
from tray.draft.problems import DraftError
from tray.draft.removal import UNDO_S, Deleted
from tray.draft.spec import DraftSpec
from tray.locale import _
from tray.running import title
from tray.text import whole_characters
from tray.web import shapes
from tray.web.shelf import Shelf

if TYPE_CHECKING:
    from tray.app import App
    from tray.journal_rows import Made

MOST_LISTED = 500


class DraftOut(BaseModel):
    """A draft of a drafts folder. `key` names it in this API. `width`, `height` 0 and `draft_id` "" where it does not
    say (JianYing 6 and later encrypt what they save). `request_id`: which request made it, "" for none known."""

    key: str
    name: str
    path: str
    draft_id: str
    duration_us: int
    modified_us: int
    media_bytes: int
    width: int
    height: int
    has_cover: bool
    request_id: str
    request_title: str
    warnings: int = Field(description="How many warnings its receipt has.")
    folder: str = Field(description='The name of the further drafts folder that it is in; "" for the drafts folder.')


class Drafts(BaseModel):
    """`total`: how many there are in all."""

    total: int
    drafts: list[DraftOut]


class DeletedOut(BaseModel):
    """A draft that is deleted. Until `undo_until_us` (and often longer) it can be had back."""

    id: str
    name: str
    deleted_us: int
    undo_until_us: int


class Restored(BaseModel):
    key: str
    name: str


class Open(BaseModel):
    what: Literal["folder", "application"]


class Opened(BaseModel):
    """Whether there was something to open: the application may not be installed."""

    opened: bool


def routes(app: App, shelf: Shelf) -> APIRouter:
    api = APIRouter(prefix="/api/v1", tags=["drafts"], responses={409: {"model": shapes.Problem}})

    @api.get("/drafts")
    def drafts(
        search: Annotated[str, Query(max_length=200)] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    ) -> Drafts:
        """The drafts in the drafts folder and in the further ones, newest first."""
        return listed(shelf, search, offset, limit)

    @api.get("/drafts/{key}")
    def draft(key: str) -> DraftOut:
        found = shelf.find(key)
        return of_draft(shelf, found, shelf.made([found]))

    @api.get("/drafts/{key}/spec")
    def spec(key: str) -> Response:
        """The draft in this program's own schema, its media by absolute paths."""
        found = shelf.find(key)
        whole = library.with_whole_paths(_read(found), found.path)
        return _file(found, f"{whole.model_dump_json(indent=2, exclude_none=True)}\n", "json", "application/json")

    @api.get("/drafts/{key}/srt")
    def srt(key: str) -> Response:
        """Its texts as SRT."""
        from tray.draft import srt as srt_module

        found = shelf.find(key)
        return _file(found, srt_module.of_texts(_read(found)), "srt", "application/x-subrip")

    @api.get("/drafts/{key}/otio")
    def otio(key: str) -> Response:
        """Its timeline as OpenTimelineIO, for other editors."""
        from tray.draft import otio as otio_module

        found = shelf.find(key)
        text = otio_module.text_of(otio_module.timeline(_read(found), found.path, found.name))
        return _file(found, text, "otio", "application/json")

    @api.post("/drafts/{key}/open")
    def show(key: str, wanted: Open) -> Opened:
        """Open its folder in the file manager, or the application that shows it (no way is known to have that open a
        certain draft)."""
        from tray.desktop import opener

        found = shelf.find(key)
        if wanted.what == "folder":
            opener.open_folder(found.path)
            return Opened(opened=True)
        application = opener.application_for(found.path.parent)
        if application is not None:
            opener.start(application)
        return Opened(opened=application is not None)

    @api.post("/drafts/{key}/rebuild", status_code=201)
    def rebuild(key: str) -> shapes.RequestOut:
        """Make it again beside the old one, from what its request's tool was called with."""
        found = shelf.find(key)
        by = shelf.made([found]).get(found.draft_id)
        if by is None:
            raise DraftError(
                _("Nothing is known of what “{name}” was made of.").format(name=found.name),
                _("This program has not made it, or its journal was lost."),
            )
        request_id = app_module.begin(app, app_module.NewRequest(made.again(app.journal, by), None))
        return shapes.of_request(app, app.journal.search.shown(request_id))

    @api.delete("/drafts/{key}")
    def delete(key: str) -> DeletedOut:
        """Delete it: it is gone from the list at once, can be had back for a while, and goes to the recycle bin
        then."""
        found = shelf.find(key)
        gone = removal.delete(found, shelf.locks)
        removal.send_later(found.path.parent, shelf.locks)
        return of_deleted(gone)

    @api.get("/deleted-drafts")
    def deleted() -> list[DeletedOut]:
        """What can be had back, newest first."""
        return [of_deleted(one) for one in shelf.deleted()]

    @api.post("/deleted-drafts/{deleted_id}/undo")
    def undo(deleted_id: str) -> Restored:
        """Have a deleted draft back."""
        path = shelf.undo(deleted_id)
        return Restored(key=library.key_of(path), name=whole_characters(path.name))

    return api


def listed(shelf: Shelf, search: str, offset: int, limit: int) -> Drafts:
    """A part of the drafts. Raises DraftError."""
    found = shelf.drafts(search)
    part = found[offset : offset + limit]
    makers = shelf.made(part)
    return Drafts(total=len(found), drafts=[of_draft(shelf, draft, makers) for draft in part])


def of_draft(shelf: Shelf, draft: Draft, makers: dict[str, Made]) -> DraftOut:
    width, height = shelf.canvas(draft)
    by = makers.get(draft.draft_id) if draft.draft_id else None
    return DraftOut(
        key=draft.key,
        name=whole_characters(draft.name),
        path=whole_characters(str(draft.path)),
        draft_id=draft.draft_id,
        duration_us=draft.duration_us,
        modified_us=draft.modified_us,
        media_bytes=draft.media_bytes,
        width=width,
        height=height,
        has_cover=library.cover(draft) is not None,
        request_id=by.request_id if by else "",
        request_title=title(by.asked) if by else "",
        warnings=len(by.receipt.warnings) if by else 0,
        folder=shelf.folder(draft),
    )


def of_deleted(deleted: Deleted) -> DeletedOut:
    until_us = deleted.deleted_us + round(UNDO_S * 1e6)
    name = whole_characters(deleted.name)
    return DeletedOut(id=deleted.id, name=name, deleted_us=deleted.deleted_us, undo_until_us=until_us)


def _read(draft: Draft) -> DraftSpec:
    from tray.draft import read

    return read.read(draft.path).spec


def _file(draft: Draft, text: str, ending: str, kind: str) -> Response:
    """A file to be saved under the draft's name."""
    name = quote(whole_characters(f"{draft.name}.{ending}"), safe="")
    how = {"Content-Disposition": f"attachment; filename=\"draft.{ending}\"; filename*=UTF-8''{name}"}
    return Response(text.encode("utf-8", "replace"), media_type=f"{kind}; charset=utf-8", headers=how)
