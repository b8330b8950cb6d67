"""The whole site: the pages, and the API below /api/v1 that they use; and the part of the API that is for other
computers. One for the running program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from tray import __version__
from tray.configuring import UnfitError
from tray.coze.errors import CozeError
from tray.draft.problems import said_of
from tray.errors import TrayError
from tray.locale import _
from tray.web import activity, ask, docs, drafts, guide, pages, requests_api, setup, setup_api, sign_in_api, tools_api

if TYPE_CHECKING:
    from tray.app import App

_PARTS = (requests_api, ask, drafts, activity, tools_api, docs, setup_api, sign_in_api, setup, guide)
"""Each has `router(app: App, shown: Pages) -> APIRouter`; those of the API begin with /api/v1."""
_SERVED = {
    "GET /api/v1/openapi.json",
    "GET /api/v1/status",
    "GET /api/v1/events",
    "GET /api/v1/requests",
    "POST /api/v1/requests",
    "GET /api/v1/requests/{request_id}",
    "GET /api/v1/requests/{request_id}/events",
    "POST /api/v1/requests/{request_id}/cancel",
    "POST /api/v1/requests/{request_id}/again",
    "POST /api/v1/requests/{request_id}/answer",
    "POST /api/v1/uploads",
    "GET /api/v1/drafts",
    "GET /api/v1/tools",
    "POST /api/v1/builds",
}
"""What other computers may call with the API's key, and each tool. Nothing else, whatever comes to be: the settings,
signing in, the log, and what is done to folders and drafts are for who sits at this one."""


def site(app: App, shown: pages.Pages) -> FastAPI:
    """The ASGI application, without any check of who asks: that is the gate's."""
    made = _made(app, shown, lambda _route: True)
    made.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return made


def served_site(app: App, shown: pages.Pages) -> FastAPI:
    """As `site`, of the part that is for other computers."""
    made = _made(app, shown, _is_served)
    docs.needs_key(made)
    return made


def _is_served(route: BaseRoute) -> bool:
    if not isinstance(route, APIRoute):
        return False
    return all(f"{method} {route.path}" in _SERVED for method in route.methods or ()) or route.path.startswith(
        "/api/v1/tools/"
    )


def _made(app: App, shown: pages.Pages, is_in: Callable[[BaseRoute], bool]) -> FastAPI:
    made = FastAPI(
        title="coze-tray",
        summary="Makes JianYing (剪映) drafts on this computer, and asks Coze bots and workflows for them.",
        version=__version__,
        openapi_url=None,  # docs has it
        docs_url=None,  # theirs load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # where it leads to, the caller's Host header would say
        generate_unique_id_function=docs.name_of,
    )
    for part in _PARTS:
        router = part.router(app, shown)
        router.routes[:] = [route for route in router.routes if is_in(route)]
        made.include_router(router)
    docs.describe(made)

    @made.exception_handler(TrayError)
    def _failed(request: Request, error: TrayError) -> Response:
        logid = error.logid if isinstance(error, CozeError) else ""
        fields = error.fields if isinstance(error, UnfitError) else None
        return shown.problem(request, 409, error.message, error.advice, logid, fields)

    @made.exception_handler(RequestValidationError)
    def _wrong(request: Request, error: RequestValidationError) -> Response:
        whys = [said_of(".".join(map(str, one["loc"][1:])), str(one["msg"])) for one in error.errors()]
        return shown.problem(request, 422, "; ".join(whys))

    @made.exception_handler(HTTPException)
    def _refused(request: Request, error: HTTPException) -> Response:
        is_unknown = (error.status_code, error.detail) == (404, "Not Found")
        message = _("There is no such page.") if is_unknown else str(error.detail)
        return shown.problem(request, error.status_code, message)

    @made.exception_handler(UnicodeEncodeError)
    def _half(request: Request, error: UnicodeEncodeError) -> Response:  # noqa: ARG001
        return shown.problem(request, 422, _("There is half a character in it: something was cut off within an emoji."))

    @made.exception_handler(Exception)
    def _broken(request: Request, error: Exception) -> Response:
        """It is logged with all it says; here its words might be about anything."""
        text = _("Something in this program failed: {error}").format(error=type(error).__name__)
        return shown.problem(request, 500, text, _("Its log has the details."))

    return made
