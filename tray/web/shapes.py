"""The shapes of what the API says, as pydantic models: the page and OpenAPI are made of them. Times in µs since 1970,
sizes in bytes."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from tray import running, words
from tray.draft.library import key_of
from tray.journal_rows import OVER, Request, RequestState
from tray.journal_search import StoredCall
from tray.running import title

if TYPE_CHECKING:
    from tray.app import App


class Failure(BaseModel):
    """Why a request failed. `code`: Coze's number as text, or a word of this program's; `logid`: Coze's, "" for none.
    `again`: asked again it may succeed. `kept`: it goes on by itself when what it waits for is there."""

    code: str
    message: str
    advice: str = ""
    logid: str = ""
    again: bool = False
    kept: bool = False


class Question(BaseModel):
    """A run waits for the user. `options`: what may be answered, [] for anything. `url`: a page to open first."""

    question_id: str
    text: str
    options: list[str] = []
    url: str = ""


class Draft(BaseModel):
    """A draft that was written. `key` names it in this API, as long as its folder is a drafts folder. `segments`
    counts by kind."""

    key: str
    path: str
    name: str
    draft_id: str
    segments: dict[str, int]
    duration_us: int
    media_bytes: int
    time_unit: str
    time_unit_reason: str
    warnings: list[str]


class Call(BaseModel):
    """A tool call. `ok`: null while it runs. `done` of `total` media files are here."""

    call_id: str
    tool: str
    text: str = Field(description="What it does or has done, in words.")
    begun_us: int | None = None
    ok: bool | None = None
    message: str = ""
    done: int = 0
    total: int = 0
    received_bytes: int = 0


class File(BaseModel):
    """A file that was sent along. `id`: as `files` of a new request takes it."""

    id: str
    name: str


class Moment(BaseModel):
    """Something that happened to a request. `text`: in words."""

    what: Literal["queued", "begun", "asked", "answered", "called", "done", "failed", "kept", "cancelled"]
    text: str
    at_us: int


class RequestOut(BaseModel):
    """A request as it is now. `state_text`: in the user's words. `running`: it is at work, or waits to go on."""

    id: str
    as_of_us: int = Field(description="When this was so: what is told later may be older than what an answer says.")
    created_us: int
    title: str
    kind: str
    target: str = Field(description="The name the user has given the target, or its id.")
    target_id: str
    prompt: str
    parameters: dict[str, Any]
    files: list[File]
    state: RequestState
    state_text: str
    running: bool
    queue_place: int | None = Field(description="Where it stands in the queue, from 1; null: it is not in it.")
    text: str
    calls: list[Call]
    question: Question | None
    drafts: list[Draft]
    notices: list[str]
    failure: Failure | None
    can_continue: bool = Field(description="Its conversation can be gone on with.")
    can_run_again: bool
    can_change: bool = Field(description="It can be asked with changes: ?again=ID of the page fills it in.")
    history: list[Moment] = Field(description="What happened to it, as far as that is known, oldest first.")


class Status(BaseModel):
    """The program's state. `detail`: a sentence, or ""."""

    state: str
    state_text: str
    detail: str
    listening: bool
    signed_in: bool
    version: str


class LogLine(BaseModel):
    """A line of the log. `time` and `level` "": it belongs to the line before."""

    time: str = ""
    level: str = ""
    source: str = ""
    text: str


class Problem(BaseModel):
    """Every answer that is no success: what happened, and what to do. `fields`: what is wrong with which value."""

    error: str
    advice: str = ""
    logid: str = ""
    fields: dict[str, str] = {}


def of_request(app: App, request: Request) -> RequestOut:
    """All that is known of it, in the journal and of what was told since the program began. Raises JournalError."""
    as_of_us = time.time_ns() // 1000
    asked, queue = request.asked, app.listener.queue
    is_call = asked.kind in ("item", "call")
    told = app.told.of(request.id) or {}
    live = next((one for one in app.running.all() if one.request_id == request.id), None)
    stored = app.journal.search.calls_of(request.id)
    drafts = app.journal.drafts_of(request.id)
    failure = request.failure or None
    return RequestOut(
        id=request.id,
        as_of_us=as_of_us,
        created_us=request.created_us,
        title=title(asked),
        kind=asked.kind,
        target=asked.target or asked.target_id,
        target_id=asked.target_id,
        prompt=asked.prompt,
        parameters={key: value for key, value in asked.parameters.items() if not (is_call and key == "arguments")},
        files=files_of(request),
        state=request.state,
        state_text=words.of_running(live.state) if live else words.of_request(request.state),
        running=live is not None,
        queue_place=queue.index(request.id) + 1 if request.id in queue else None,
        text=request.text or str(told.get("text") or ""),
        calls=[_call(one, told) for one in stored],
        question=_question(app, request),
        drafts=[Draft(key=key_of(Path(receipt.path)), **vars(receipt)) for receipt in drafts],
        notices=told.get("notices", []),
        failure=Failure(**vars(failure)) if failure else _kept(told.get("failure")),
        can_continue=bool(
            asked.kind in ("bot", "chatflow")
            and asked.target_id
            and ((request.run or {}).get("conversation_id") or asked.conversation_id)
        ),
        can_run_again=request.state in OVER
        and (asked.parameters.get("arguments") != "" if is_call else bool(asked.target_id)),
        can_change=bool(asked.target_id) and not is_call,
        history=_history(request, app.journal.search.moments_of(request.id), stored),
    )


def of_log_line(line: str) -> LogLine:
    found = _LOG_LINE.fullmatch(line)
    return LogLine.model_validate(found.groupdict()) if found else LogLine(text=line)


_LOG_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ (?P<level>[A-Z]+) (?P<source>[\w.-]+): (?P<text>.*)"
)


def files_of(request: Request) -> list[File]:
    """The files that were sent along with it."""
    names = (re.split(r"[\\/]", path)[-1] for path in request.asked.files)
    return [File(id=f"{request.id}.{n}", name=name) for n, name in enumerate(names)]


def _call(stored: StoredCall, told: dict[str, Any]) -> Call:
    """One that was begun in an earlier life, and not yet again in this one, is told of as if it ran: it will."""
    live: dict[str, Any] = next((one for one in told.get("calls", ()) if one["call_id"] == stored.call_id), {})
    ok = stored.ok if live.get("ok") is None else live["ok"]
    return Call(
        call_id=stored.call_id,
        tool=stored.tool,
        text=words.of_call(stored.tool, ok),
        begun_us=stored.begun_us,
        ok=ok,
        message=live.get("message") or stored.message,
        done=live.get("done", 0),
        total=live.get("total", 0),
        received_bytes=live.get("received_bytes", 0),
    )


def _history(request: Request, happened: list[tuple[str, int]], stored: list[StoredCall]) -> list[Moment]:
    """`happened`: to the request itself, and when."""
    moments = [("queued", words.of_moment("queued"), request.created_us)]
    moments += [(what, words.of_moment(what), at_us) for what, at_us in happened]
    moments += [("called", words.of_call(one.tool, None), one.begun_us) for one in stored]
    # SQLite's clock, by which the journal's are, goes by the millisecond.
    in_order = sorted(moments, key=lambda moment: (moment[2] // 1000, moment[0] in OVER))
    return [Moment.model_validate({"what": what, "text": text, "at_us": at_us}) for what, text, at_us in in_order]


def _kept(failure: dict[str, Any] | None) -> Failure | None:
    """Why it does not go on for now, though it is not over."""
    return Failure(**failure) if failure else None


def _question(app: App, request: Request) -> Question | None:
    """The open one; of a request that does not run now, the one that it waits with in the journal."""
    if asked := app.questions.of(request.id):
        return Question(question_id=asked.question_id, text=asked.text, options=list(asked.options), url=asked.url)
    if app.listener.listening or (stored := running.question(request)) is None:
        return None
    return Question(question_id=stored.id, text=stored.text, options=list(stored.options), url=stored.url)


def status(app: App) -> Status:
    from tray import __version__
    from tray.known_account import is_known

    state = app.listener.state
    return Status(
        state=state.state,
        state_text=words.of_state(state.state),
        detail=state.detail,
        listening=app.listener.listening,
        signed_in=app.settings_are_given or is_known(app.settings_now()),
        version=__version__,
    )


KindOfTarget = Literal["bot", "workflow", "chatflow"]
