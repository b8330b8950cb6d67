"""The guide: three steps from the first start to a draft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel

from tray import app as app_module
from tray.desktop import opener
from tray.draft import library
from tray.draft.problems import DraftError
from tray.events import Receipt
from tray.known_account import is_known
from tray.locale import _
from tray.web import setup, shapes
from tray.web.pages import Pages

if TYPE_CHECKING:
    from tray.app import App

STEPS = 3


class Opened(BaseModel):
    """What was opened."""

    what: Literal["jianying", "capcut", "folder"]


def router(app: App, shown: Pages) -> APIRouter:
    guide = APIRouter()

    @guide.get("/guide", include_in_schema=False)
    def page(request: Request, step: Annotated[int, Query(ge=1, le=STEPS)] = 1) -> Response:
        """It can be left at any step, and come back to."""
        settings = app.settings_now()
        values = setup.values(app, settings)
        folder, demo = values["folder"], _demo(app)
        done = [
            app.settings_are_given or is_known(settings),
            bool(folder.path) and not folder.problem,
            demo is not None and demo.state == "done",
        ]
        application = opener.application_for(Path(folder.path)) if folder.path else None
        opens = _("Open folder")
        if application is not None:
            opens = _("Open JianYing") if application.app == "jianying" else _("Open CapCut")
        return shown.page(request, "guide", **values, step=step, done=done, demo=demo, opens=opens)

    @guide.get("/guide/cover/{request_id}", include_in_schema=False)
    def cover(request_id: str) -> Response:
        """The cover of the draft that this request made."""
        file = library.inside(Path(_receipt(app, request_id).path), library.COVER)
        if file is None:
            raise HTTPException(404, _("The draft has no cover."))
        return FileResponse(file, media_type="image/jpeg")

    @guide.post("/api/v1/demo", status_code=201, tags=["demo"])
    def start() -> shapes.RequestOut:
        """Make the demo's draft: a request of this computer alone, without any account."""
        from tray.simulator.demo import whole_storyboard

        content = json.dumps(whole_storyboard(), ensure_ascii=False)
        arguments = json.dumps({"content": content}, ensure_ascii=False)
        return _out(app, app_module.call(app, "generate_draft", arguments, _source()))

    @guide.post("/api/v1/demo/{request_id}/open", tags=["demo"])
    def show(request_id: str) -> Opened:
        """Open the application that shows the draft; where it is not installed, the draft's folder."""
        path = Path(_receipt(app, request_id).path)
        application = opener.application_for(path.parent)
        if application is None:
            opener.open_folder(path)
            return Opened(what="folder")
        opener.start(application)
        return Opened(what=application.app)

    return guide


def _source() -> str:
    return _("the demo")


def _demo(app: App) -> shapes.RequestOut | None:
    """The demo that was begun last."""
    for request in app.journal.recent_requests(50):
        if request.asked.kind == "call" and request.asked.target == _source():
            return _out(app, request.id)
    return None


def _out(app: App, request_id: str) -> shapes.RequestOut:
    return shapes.of_request(app, app.journal.search.shown(request_id))


def _receipt(app: App, request_id: str) -> Receipt:
    drafts = app.journal.drafts_of(request_id)
    if not drafts:
        raise HTTPException(404, _("There is no draft of it."))
    if not Path(drafts[0].path).is_dir():
        raise DraftError(_("The draft is not there any more: {path}").format(path=drafts[0].path))
    return drafts[0]
