"""The API of requests: asked, listed, followed, answered, cancelled."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query, UploadFile
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from tray import app as app_module
from tray import targets
from tray.errors import SettingsError
from tray.journal_rows import Request, RequestState
from tray.journal_search import Wanted
from tray.locale import _
from tray.questions import chosen
from tray.text import whole_characters
from tray.web import once, shapes
from tray.web.pages import Pages

if TYPE_CHECKING:
    from tray.app import App

_UPLOADS_KEPT_S = 7 * 86_400.0
"""For so long what was asked with a file can be asked again; a request that is not over keeps its files."""


class NewRequest(BaseModel):
    """What to ask. `target`: a target's name or its id in Coze; without it, the default one of that kind."""

    target: str | None = None
    kind: shapes.KindOfTarget = "bot"
    prompt: str = Field("", max_length=200_000)
    parameters: dict[str, Any] = {}
    files: list[str] = Field(
        [], max_length=20, description="Ids of uploads, or of files of earlier requests, sent along with the prompt."
    )
    continues: str | None = Field(None, description="The id of a request whose conversation this goes on with.")


class Answer(BaseModel):
    question_id: str
    text: str = Field(max_length=100_000)


class Upload(BaseModel):
    id: str
    name: str
    size_bytes: int


class Taken(BaseModel):
    """Whether it was taken; false: it is over already, or was answered before."""

    taken: bool


def router(app: App, shown: Pages) -> APIRouter:
    api = APIRouter(prefix="/api/v1", tags=["requests"], responses={409: {"model": shapes.Problem}})
    uploads = app.home / "uploads"

    @api.get("/status")
    def status() -> shapes.Status:
        """The program's state."""
        return shapes.status(app)

    @api.get("/events", response_class=EventSourceResponse)
    async def all_events() -> AsyncIterator[ServerSentEvent]:
        """Everything that happens, as server-sent events."""
        async for one in shown.streams.of_all():
            yield one

    @api.get("/requests")
    def requests(
        state: Annotated[list[RequestState], Query(description="Those in one of these states.")] = [],  # noqa: B006
        target: Annotated[str, Query(description="The target's name, or its id in Coze.")] = "",
        text: Annotated[str, Query(max_length=500, description="What the request or its answer holds.")] = "",
        before: Annotated[str, Query(description="The id of a request: those that were made earlier.")] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> list[shapes.RequestOut]:
        """The requests last made, newest first."""
        wanted = Wanted(tuple(state), target, text, before)
        return [shapes.of_request(app, one) for one in app.journal.search.requests(wanted, limit)]

    @api.post("/requests", status_code=201)
    def ask(wanted: NewRequest, key: once.Key = None) -> shapes.RequestOut:
        """Ask a bot or chatflow, or run a workflow."""
        return shapes.of_request(app, _found(app, once.begin(app, _asked(app, wanted, uploads), key)))

    @api.get("/requests/{request_id}")
    def request(request_id: str) -> shapes.RequestOut:
        """One request, as it is now."""
        return shapes.of_request(app, _found(app, request_id))

    @api.get("/requests/{request_id}/conversation")
    def conversation(request_id: str) -> list[shapes.RequestOut]:
        """The requests of the same conversation, oldest first; that one alone where it is in none."""
        return [shapes.of_request(app, one) for one in app.journal.search.conversation(_found(app, request_id))]

    @api.get("/requests/{request_id}/events", response_class=EventSourceResponse)
    async def events(request_id: str) -> AsyncIterator[ServerSentEvent]:
        """What happens to one request, as server-sent events. It is told as it is at first, too."""
        async for one in shown.streams.of_all(request_id):
            yield one

    @api.post("/requests/{request_id}/cancel")
    def cancel(request_id: str) -> Taken:
        """Cancel it: it never goes on. The drafts that it has made stay."""
        return Taken(taken=app_module.cancel(app, _found(app, request_id).id))

    @api.post("/requests/{request_id}/again", status_code=201)
    def again(request_id: str, key: once.Key = None) -> shapes.RequestOut:
        """Ask the same once more, as a new request."""
        asked = app_module.asked_again(app.journal.request(_found(app, request_id).id))
        return shapes.of_request(app, _found(app, once.begin(app, asked, key)))

    @api.post("/requests/{request_id}/first")
    def first(request_id: str) -> Taken:
        """Let it be the next of those that wait until another is over."""
        found = _found(app, request_id)
        waits = found.id in app.listener.queue
        app.listener.first(found.id)
        return Taken(taken=waits)

    @api.post("/requests/{request_id}/answer")
    def answer(request_id: str, given: Answer) -> Taken:
        """Answer the question that the request waits with: of one with options, by an option's text or its number."""
        found = _found(app, request_id)
        text = _reply(app, found.id, given)
        return Taken(taken=app_module.answer(app, found.id, given.question_id, text))

    @api.post("/uploads", status_code=201)
    def upload(file: UploadFile) -> Upload:
        """A file for the next request."""
        _sweep(uploads, app.journal.search.files_of_unfinished())
        upload_id = uuid.uuid4().hex
        name = Path(_file_name(file.filename))
        (uploads / upload_id).mkdir(parents=True, mode=0o700)
        with (uploads / upload_id / name).open("wb") as target:
            shutil.copyfileobj(file.file, target)
            return Upload(id=upload_id, name=name.name, size_bytes=target.tell())

    return api


def _asked(app: App, wanted: NewRequest, uploads: Path) -> Any:
    settings = app.settings_now()
    kind = wanted.kind
    if wanted.target and (known := settings.targets.get(wanted.target)):
        kind = known.kind
    named = targets.find(wanted.target or None, kind, settings)
    prompt = whole_characters(wanted.prompt)
    if kind != "workflow" and not (prompt or named[1].prompt).strip():
        raise SettingsError(_("Nothing was asked."), _("Say what the bot should make."))
    files = tuple(str(_file(app, uploads, one)) for one in wanted.files)
    asked = targets.asked(named, settings, prompt, wanted.parameters, files)
    if wanted.continues is None:
        return asked
    before = _found(app, wanted.continues)
    conversation = (before.run or {}).get("conversation_id") or before.asked.conversation_id
    if not conversation or (before.asked.kind, before.asked.target_id) != (asked.kind, asked.target_id):
        raise SettingsError(_("That conversation can't be gone on with."), _("Begin a new one."))
    return replace(asked, conversation_id=str(conversation))


def _found(app: App, request_id: str) -> Request:
    try:
        return app.journal.search.shown(request_id)
    except KeyError:
        raise HTTPException(404, _("There is no request {id}.").format(id=request_id[:40])) from None


def _reply(app: App, request_id: str, given: Answer) -> str:
    """What was answered, as the run takes it. Raises SettingsError for no answer."""
    text = whole_characters(given.text)
    question = app.questions.of(request_id)
    if question is None or question.question_id != given.question_id:
        return text
    reply = chosen(question, text)
    if reply is not None:
        return reply
    if not text.strip():
        raise SettingsError(_("Nothing was answered."), _("Type an answer."))
    raise SettingsError(_("“{said}” is none of the answers.").format(said=text.strip()[:100]), _("Choose one of them."))


def _file(app: App, uploads: Path, file_id: str) -> Path:
    """The file of that id, which shapes.File or Upload told. It is kept for longer from now on."""
    request_id, dot, number = file_id.partition(".")
    if not dot:
        path = _uploaded(uploads, file_id)
    else:
        files = _found(app, request_id).asked.files
        if not number.isascii() or not number.isdigit() or int(number) >= len(files):
            raise HTTPException(404, _("There is no upload {id}.").format(id=file_id[:40]))
        path = Path(files[int(number)])
        if not path.is_file():
            text = _("The file {name} is not there any more. Add it again.")
            raise HTTPException(404, text.format(name=path.name))
    if path.parent.parent == uploads and path.parent.is_dir():
        os.utime(path.parent)
    return path


def _uploaded(uploads: Path, upload_id: str) -> Path:
    """The one file of an upload. Its id is a name that was made here, and never a path."""
    folder = uploads / upload_id
    if len(upload_id) == 32 and upload_id.isalnum() and folder.is_dir():
        for file in folder.iterdir():
            return file
    raise HTTPException(404, _("There is no upload {id}.").format(id=upload_id[:40]))


def _file_name(said: str | None) -> str:
    from pathvalidate import sanitize_filename

    name = whole_characters((said or "").replace("\\", "/")).rpartition("/")[2]
    stem, _dot, ending = name.rpartition(".")
    short = f"{stem[:50]}.{ending[:10]}" if stem else ending[:50]  # 4 bytes a character at most, 255 in a name
    return sanitize_filename(short).strip(". ") or "file"


def _sweep(uploads: Path, needed: Collection[str]) -> None:
    """Old uploads go that are none of the files that are `needed`."""
    now = time.time()
    kept = {Path(file).parent for file in needed}
    for folder in uploads.iterdir() if uploads.is_dir() else ():
        if folder not in kept and now - folder.stat().st_mtime > _UPLOADS_KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)
