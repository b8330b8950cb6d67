"""The page on which everything is set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tray import settings as settings_module
from tray.mailbox_pace import HOLD_S
from tray.web import forms, setup_api
from tray.web.pages import Pages

if TYPE_CHECKING:
    from tray.app import App
    from tray.settings import Settings

_SHOWN_APART = ("drafts_dir", "region", "bot_id", "workflow_id")
"""Settings that have a place of their own on the page, beside what they are for."""


def router(app: App, shown: Pages) -> APIRouter:
    pages = APIRouter(include_in_schema=False)

    @pages.get("/setup")
    def setup(request: Request) -> Response:
        settings = app.settings_now()
        groups = [(name, [key for key in keys if key not in _SHOWN_APART]) for name, keys in forms.groups()]
        return shown.page(
            request,
            "setup",
            **values(app, settings),
            groups=groups,
            target_fields=forms.of_target(),
            login=setup_api.starts_at_login(),
            file=settings_module.settings_file(),
            hold_s=HOLD_S,
        )

    return pages


def values(app: App, settings: Settings) -> dict[str, Any]:
    """What the templates of this page and of the guide have in common. Raises SettingsError."""
    from tray.coze.account import SCOPES

    return {
        "scopes": ", ".join(SCOPES),
        "settings": {one.field.key: one for one in setup_api.all_settings(settings)},
        "folder": setup_api.drafts_folder(settings),
        "given": app.settings_are_given,
    }
