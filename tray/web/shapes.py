"""The shapes of what the API says, as pydantic models: the page and OpenAPI are made of them. Times in µs since 1970,
sizes in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from tray import words
from tray.journal_rows import Request, RequestState
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
    """A draft that was written. `segments` counts by kind."""

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
    ok: bool | None = None
    message: str = ""
    done: int = 0
    total: int = 0
    received_bytes: int = 0


class RequestOut(BaseModel):
    """A request as it is now. `state_text`: in the user's words. `running`: it is at work, or waits to go on."""

    id: str
    created_us: int
    title: str
    kind: str
    target: str = Field(description="The name the user has given the target, or its id.")
    prompt: str
    parameters: dict[str, Any]
    state: RequestState
    state_text: str
    running: bool
    text: str
    calls: list[Call]
    question: Question | None
    drafts: list[Draft]
    notices: list[str]
    failure: Failure | None
    can_continue: bool = Field(description="Its conversation can be gone on with.")
    can_run_again: bool


class Status(BaseModel):
    """The program's state. `detail`: a sentence, or ""."""

    state: str
    state_text: str
    detail: str
    listening: bool
    signed_in: bool
    version: str


class Problem(BaseModel):
    """Every answer that is no success: what happened, and what to do. `fields`: what is wrong with which value."""

    error: str
    advice: str = ""
    logid: str = ""
    fields: dict[str, str] = {}


_OVER: tuple[RequestState, ...] = ("done", "failed", "cancelled")


def of_request(app: App, request: Request) -> RequestOut:
    """All that is known of it, in the journal and of what was told since the program began. Raises JournalError."""
    asked = request.asked
    told = app.told.of(request.id) or {}
    live = next((one for one in app.running.all() if one.request_id == request.id), None)
    text = request.text or str(told.get("text") or "")
    failure = request.failure or None
    return RequestOut(
        id=request.id,
        created_us=request.created_us,
        title=title(asked),
        kind=asked.kind,
        target=asked.target or asked.target_id,
        prompt=asked.prompt,
        parameters={key: value for key, value in asked.parameters.items() if key != "arguments"},
        state=request.state,
        state_text=words.of_running(live.state) if live else words.of_request(request.state),
        running=live is not None,
        text=text,
        calls=[Call(**one) for one in told.get("calls", [])],
        question=_question(app, request.id),
        drafts=[Draft(**vars(receipt)) for receipt in app.journal.drafts_of(request.id)],
        notices=told.get("notices", []),
        failure=Failure(**vars(failure)) if failure else _kept(told.get("failure")),
        can_continue=bool(asked.kind in ("bot", "chatflow") and request.run and request.run.get("conversation_id")),
        can_run_again=request.state in _OVER and (bool(asked.target_id) or asked.kind == "call"),
    )


def _kept(failure: dict[str, Any] | None) -> Failure | None:
    """Why it does not go on for now, though it is not over."""
    return Failure(**failure) if failure else None


def _question(app: App, request_id: str) -> Question | None:
    asked = app.questions.of(request_id)
    if asked is None:
        return None
    return Question(question_id=asked.question_id, text=asked.text, options=list(asked.options), url=asked.url)


def status(app: App) -> Status:
    from tray import __version__
    from tray.signing_in import is_known

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
