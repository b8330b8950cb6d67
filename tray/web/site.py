"""The whole site: the pages, and the API below /api/v1 that they use. One for the running program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from tray import __version__
from tray.coze.errors import CozeError
from tray.draft.problems import said_of
from tray.errors import TrayError
from tray.locale import _
from tray.web import activity, ask, drafts, pages, requests_api, tools_api

if TYPE_CHECKING:
    from tray.app import App

_PARTS = (requests_api, ask, drafts, activity, tools_api)
"""Each has `router(app: App, shown: Pages) -> APIRouter`; those of the API begin with /api/v1."""


def site(app: App, shown: pages.Pages) -> FastAPI:
    """The ASGI application, without any check of who asks: that is the gate's."""
    made = FastAPI(
        title="coze-tray",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # theirs load scripts from elsewhere
        redoc_url=None,
    )
    for part in _PARTS:
        made.include_router(part.router(app, shown))
    made.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")

    @made.exception_handler(TrayError)
    def _failed(request: Request, error: TrayError) -> Response:
        logid = error.logid if isinstance(error, CozeError) else ""
        return shown.problem(request, 409, error.message, error.advice, logid)

    @made.exception_handler(RequestValidationError)
    def _wrong(request: Request, error: RequestValidationError) -> Response:
        whys = [said_of(".".join(map(str, one["loc"][1:])), str(one["msg"])) for one in error.errors()]
        return shown.problem(request, 422, "; ".join(whys))

    @made.exception_handler(HTTPException)
    def _refused(request: Request, error: HTTPException) -> Response:
        is_unknown = (error.status_code, error.detail) == (404, "Not Found")
        message = _("There is no such page.") if is_unknown else str(error.detail)
        return shown.problem(request, error.status_code, message)

    return made
