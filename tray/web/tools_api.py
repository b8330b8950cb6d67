"""The API of tools: each registered tool is an operation of its own, and so is building drafts of an export."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from tray.asked import call_of
from tray.draft.coze_json import text_of
from tray.journal_rows import OVER
from tray.locale import _
from tray.tools.registry import Tool
from tray.web import once, shapes
from tray.web.pages import Pages

if TYPE_CHECKING:
    from tray.app import App

LONGEST_WAIT_S = 300
_CALL_ID = "call"
"""Of the one tool call of such a request, in the journal (tray.running)."""
_Wait = Annotated[
    float,
    Query(
        ge=0,
        le=LONGEST_WAIT_S,
        description="For so many seconds the result is waited for. 202: it is not there yet, ask for the request.",
    ),
]
_Source = Annotated[
    str, Query(max_length=200, description="Where it comes from, such as a file's name; it is shown with the request.")
]


class ToolOut(BaseModel):
    """A tool. `arguments`: the JSON Schema of what it takes."""

    name: str
    description: str
    arguments: dict[str, Any]


class ToolOutput(BaseModel):
    """What a tool says, as a bot is told it. `status`: ok, partial or error; the rest is the tool's own."""

    model_config = ConfigDict(extra="allow")

    status: str
    message: str = Field("", description="For people: what was made, or what is wrong and what to do.")


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": ToolOutput, "description": "What the tool says; a tool that failed says so in its status."},
    202: {"model": shapes.RequestOut, "description": "The request that calls the tool."},
}


def router(app: App, shown: Pages) -> APIRouter:
    api = APIRouter(prefix="/api/v1", tags=["tools"])

    async def called(tool: str, arguments: str, source: str, wait: float, key: str | None) -> JSONResponse:
        request_id = await run_in_threadpool(once.begin, app, call_of(tool, arguments, source), key)
        if wait:
            await _until_over(shown, request_id, wait)
        return await run_in_threadpool(_answer, app, request_id)

    @api.get("/tools")
    def tools() -> list[ToolOut]:
        """The tools that can be called on this computer."""
        return [
            ToolOut(name=one.name, description=_said_of(one), arguments=one.arguments.model_json_schema())
            for one in app.tools
        ]

    for tool in app.tools:
        api.post(
            f"/tools/{tool.name}",
            status_code=202,
            responses=_RESPONSES,
            name=tool.name,
            description=_said_of(tool),
            response_model=None,
        )(_operation(tool, called))

    @api.post("/builds", status_code=202, responses=_RESPONSES, response_model=None, openapi_extra=_ANY_TEXT)
    async def build(request: Request, source: _Source = "", wait: _Wait = 0, key: once.Key = None) -> JSONResponse:
        """Build the drafts of an export. The body is the export as it is: a Coze export, a spec or recipe of this
        program, or SRT. The same as generate_draft, without any quoting."""
        arguments = await run_in_threadpool(_content, await request.body())
        return await called("generate_draft", arguments, source, wait, key)

    return api


_ANY_TEXT = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {}}, "text/plain": {"schema": {"type": "string"}}},
    }
}


def _operation(
    tool: Tool, called: Callable[[str, str, str, float, str | None], Coroutine[Any, Any, JSONResponse]]
) -> Callable[..., Coroutine[Any, Any, JSONResponse]]:
    async def call(arguments: BaseModel, source: _Source = "", wait: _Wait = 0, key: once.Key = None) -> JSONResponse:
        return await called(tool.name, await run_in_threadpool(_dumped, arguments), source, wait, key)

    call.__annotations__["arguments"] = tool.arguments  # FastAPI makes the body's schema and its check of it
    return call


async def _until_over(shown: Pages, request_id: str, seconds: float) -> None:
    """Until the request is over, the time is, or the server ends."""
    with anyio.move_on_after(seconds):
        async with aclosing(shown.streams.of_all(request_id)) as told:
            async for one in told:
                if isinstance(one.data, shapes.RequestOut) and one.data.state in OVER:
                    return


def _answer(app: App, request_id: str) -> JSONResponse:
    """What the tool said, else the request as it is."""
    said = shapes.of_request(app, app.journal.search.shown(request_id))
    if said.state not in OVER:
        return JSONResponse(said.model_dump(), 202)
    output = app.journal.tool_output(request_id, _CALL_ID)
    if output is not None:
        return JSONResponse(json.loads(output))
    message = said.failure.message if said.failure else said.state_text
    return JSONResponse(ToolOutput(status="error", message=message).model_dump())


def _said_of(tool: Tool) -> str:
    return inspect.getdoc(tool.function) or ""


def _dumped(arguments: BaseModel) -> str:
    return json.dumps(arguments.model_dump(exclude_unset=True), ensure_ascii=False)


def _content(body: bytes) -> str:
    """generate_draft's arguments. A body may have many megabytes: not on the server's loop."""
    try:
        text = text_of(body)
    except UnicodeDecodeError:
        raise HTTPException(422, _("This is no text.")) from None
    if not text.strip():
        raise HTTPException(422, _("There is nothing in it."))
    return json.dumps({"content": text}, ensure_ascii=False)
