"""The page on which is asked: the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tray.settings import Settings
from tray.web import shapes
from tray.web.pages import Pages

if TYPE_CHECKING:
    from tray.app import App


def router(app: App, shown: Pages) -> APIRouter:
    pages = APIRouter(include_in_schema=False)

    @pages.get("/")
    def ask(request: Request, target: str = "", prompt: str = "") -> Response:
        """Filled in with `target` and `prompt`, which a link may say: nothing is asked before the user sends it."""
        return shown.page(request, "ask", targets=_targets(app.settings_now()), chosen=target, prompt=prompt)

    return pages


def _targets(settings: Settings) -> list[dict[str, Any]]:
    """Whom can be asked: those of the settings, and the default ones. `parameters`: a workflow's inputs."""
    found: list[dict[str, Any]] = [
        {"name": name, "label": name, "kind": one.kind, "prompt": one.prompt, "parameters": dict(one.parameters)}
        for name, one in settings.targets.items()
        if not one.listen
    ]
    defaults: list[tuple[shapes.KindOfTarget, str]] = [("bot", settings.bot_id), ("workflow", settings.workflow_id)]
    return [
        {"name": "", "label": default, "kind": kind, "prompt": "", "parameters": {}}
        for kind, default in defaults
        if default
    ] + found
