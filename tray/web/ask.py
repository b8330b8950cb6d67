"""The page on which is asked: the first one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tray.journal_rows import Request as Stored
from tray.locale import _
from tray.settings import Settings
from tray.web import shapes
from tray.web.pages import Pages

if TYPE_CHECKING:
    from tray.app import App


class Field(TypedDict):
    """An input of a workflow as it stands in a form. `saved`: it is part of the target, and can't be left out."""

    name: str
    text: str
    json: bool
    saved: bool


class Choice(TypedDict):
    """Whom can be asked. `value`: the name of a target, its id, or "" for the default one of that kind."""

    value: str
    label: str
    kind: shapes.KindOfTarget
    prompt: str
    fields: list[Field]


def router(app: App, shown: Pages) -> APIRouter:
    pages = APIRouter(include_in_schema=False)

    @pages.get("/")
    def ask(request: Request, target: str = "", prompt: str = "", again: str = "") -> Response:
        """Filled in with `target` and `prompt`, which a link may say, or with what the request `again` has asked:
        nothing is asked before the user sends it. `request`, whose conversation is shown, is read by ask.js."""
        choices = _choices(app, app.settings_now())
        files: list[shapes.File] = []
        with suppress(KeyError):
            if again:
                before = app.journal.request(again)
                chosen = _as_before(choices, before)
                target, prompt, files = chosen["value"], before.asked.prompt, shapes.files_of(before)
        index = next((n for n, one in enumerate(choices) if one["value"] == target), 0)
        return shown.page(request, "ask", choices=choices, chosen=index, prompt=prompt, files_json=_json(files))

    return pages


def _json(files: list[shapes.File]) -> str:
    return json.dumps([one.model_dump() for one in files], ensure_ascii=False)


def _choices(app: App, settings: Settings) -> list[Choice]:
    """The default ones, then those of the settings. The inputs of a workflow are those that are saved with it, and
    those that it was last run with: Coze tells nobody what a workflow's inputs are."""
    known = {
        one.id: dict(one.parameters)
        for one in settings.targets.values()
        if not one.listen and one.kind in ("workflow", "chatflow")
    }
    ids = dict.fromkeys([settings.workflow_id, *known])
    last = app.journal.search.parameters_of(one for one in ids if one)
    found: list[Choice] = []
    if settings.bot_id:
        label = _("Bot {id}").format(id=settings.bot_id)
        found.append(Choice(value="", label=label, kind="bot", prompt="", fields=[]))
    if settings.workflow_id:
        fields = _fields({}, last.get(settings.workflow_id, {}))
        label = _("Workflow {id}").format(id=settings.workflow_id)
        found.append(Choice(value=settings.workflow_id, label=label, kind="workflow", prompt="", fields=fields))
    for name, one in settings.targets.items():
        if not one.listen:
            fields = _fields(one.parameters, {} if one.kind == "bot" else last.get(one.id, {}))
            found.append(Choice(value=name, label=name, kind=one.kind, prompt=one.prompt, fields=fields))
    return found


def _as_before(choices: list[Choice], before: Stored) -> Choice:
    """Whom the request has asked, with the inputs that it had; put to `choices` where it is not among them. Raises
    KeyError for what nobody was asked."""
    asked = before.asked
    if asked.kind not in ("bot", "workflow", "chatflow") or not asked.target_id:
        raise KeyError(before.id)
    values = (asked.target, asked.target_id)
    found = next((one for one in choices if one["value"] in values and one["kind"] == asked.kind), None)
    if found is None and asked.kind == "bot" and not asked.target:
        found = next((one for one in choices if not one["value"] and asked.target_id in one["label"]), None)
    if found is None:
        found = Choice(value=asked.target_id, label=asked.target_id, kind=asked.kind, prompt="", fields=[])
        choices.append(found)
    saved = [one["name"] for one in found["fields"] if one["saved"]]
    found["fields"] = [
        Field(name=one["name"], text=one["text"], json=one["json"], saved=one["name"] in saved)
        for one in _fields({}, asked.parameters)
    ]
    return found


def _fields(saved: Mapping[str, Any], last: Mapping[str, Any]) -> list[Field]:
    """As they are saved; what is not saved, as it was last."""
    more = {name: value for name, value in last.items() if name not in saved}
    return [
        Field(
            name=name,
            text=value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
            json=not isinstance(value, str),
            saved=name in saved,
        )
        for name, value in {**saved, **more}.items()
    ]
