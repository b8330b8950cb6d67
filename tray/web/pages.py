"""What the pages have in common: their templates, the words of the user's language, the answers that are no success."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from tray import locale, words
from tray.desktop import opener
from tray.draft import timeline
from tray.draft.folders import drafts_folder
from tray.draft.problems import DraftError
from tray.locale import _
from tray.text import whole_characters
from tray.web import shapes
from tray.web.streams import Streams

if TYPE_CHECKING:
    from tray.app import App

HERE = Path(__file__).parent


class Pages:
    """Renders the templates of the folder `templates`. In them: `_` and `ngettext`, `words` (tray.words), `app`, `here`
    (the page's name, as in the navigation), `static(NAME)`, a file's address, and `application_name()`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.streams = Streams(app)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(_=_, ngettext=locale.ngettext, words=words, static=_static)
        self._templates.globals.update(clock=timeline.clock, kind_name=timeline.name_of_kind)
        self._templates.globals.update(application_name=self._application_name)

    def page(self, request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """The template `name`.html; `here` where that is another page's. Addresses in it are relative to the site's
        beginning."""
        root = request.scope.get("root_path", "")
        query = request.scope["query_string"].decode("latin-1")
        text = self._templates.get_template(f"{name}.html").render(
            here=values.pop("here", name),
            base=f"{root}/",
            address=quote(request.scope["path"].removeprefix(f"{root}/")) + (f"?{query}" if query else ""),
            language="zh-CN" if locale.used() == "zh_CN" else "en",
            status=shapes.status(self._app),
            **values,
        )
        return HTMLResponse(whole_characters(text), status)  # a folder may have any name

    def problem(
        self,
        request: Request,
        status: int,
        message: str,
        advice: str = "",
        logid: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> Response:
        """An answer that is no success: JSON (shapes.Problem) to who asks the API, else a page."""
        message, advice = whole_characters(message), whole_characters(advice)
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        if path.startswith("/api/"):
            said = shapes.Problem(error=message, advice=advice, logid=logid, fields=dict(fields or {}))
            return JSONResponse(said.model_dump(), status)
        return self.page(request, "problem", status=status, message=message, advice=advice, logid=logid)

    def _application_name(self) -> str:
        """Of what shows the drafts of the drafts folder, as people call it; "" where it is not on this computer."""
        with suppress(DraftError):
            found = opener.application_for(drafts_folder(self._app.settings_now().drafts_dir))
            return "" if found is None else "CapCut" if found.app == "capcut" else _("JianYing")
        return ""


def _static(name: str) -> str:
    """As modules name each other: one that has two addresses is two modules. (Nothing is cached: gate._HEADERS.)"""
    return f"static/{name}"
