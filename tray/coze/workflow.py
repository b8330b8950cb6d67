"""Workflow mode: a run over `POST /v1/workflow/stream_run`, resumed with `stream_resume` when it was interrupted.

A run that streams can't be joined again (nothing of the kind is documented), so a broken stream ends it here: what it
had said is kept, and it is never run again in silence. A run that waits at an interrupt is safe: it waits in the cloud
(at a Question for 24 hours), and `run` has what it takes to answer it after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tray.asked import Asked
from tray.coze.errors import (
    CODES,
    RETRIED,
    RETRIED_UNLESS_BEGUN,
    SIGN_IN,
    CozeError,
    NetworkAwayError,
    advice,
    code_of,
    may_succeed,
)
from tray.coze.interrupts import ASKING, Interrupt, read, resume_data
from tray.coze.node_messages import Messages, whole
from tray.coze.run import (
    Away,
    Connected,
    Failed,
    Finished,
    Notice,
    RunEvent,
    Started,
    ToolOutput,
    failure_of,
    too_long,
)
from tray.coze.tries import Tries
from tray.coze.wire import WireEvent, json_value
from tray.locale import _
from tray.text import whole_characters

if TYPE_CHECKING:
    from tray.coze.client import Client

RESUMES = 3
"""How often Coze lets a run be resumed (documented: workflow_resume)."""
LONGEST_TITLE = 200
"""Characters of a node's name, to be shown."""


class _RefusedError(CozeError):
    """A stream's event, not the answer itself, refuses the token: the client has not tried to renew it."""


@dataclass
class Workflow:
    """One run of a workflow. `run`: the last Started's of a run begun before, None for a new one.

    `patience_s`: for how long the network may stay away before `events` raises NetworkAwayError; None: for ever.
    `on_posting` is called when the run's creation goes out: from then until Started, it may exist unknown.
    """

    client: Client
    asked: Asked
    run: dict[str, Any] | None
    patience_s: float | None
    on_posting: Callable[[], None]
    scope: str
    _said: str | None = field(default=None, init=False)
    _messages: Messages = field(default_factory=Messages, init=False)
    _heard: bool = field(default=False, init=False)  # an event of the stream of now
    _unsure: bool = field(default=False, init=False)  # whether Coze has taken the answer before
    _logid: str = field(default="", init=False)

    def answer(self, outputs: list[ToolOutput]) -> None:
        """The output of the one call of the last ToolCalls; sent when `events` goes on."""
        self._said = outputs[0].output

    def reply(self, text: str) -> None:
        """The answer to the last Question; sent when `events` goes on."""
        self._said = text

    async def events(self) -> AsyncGenerator[RunEvent, None]:
        """The run, to its end: the last event is Finished or Failed.

        Raises NetworkAwayError when patience is at an end before anything was begun or while an answer waits to be
        taken, CozeError with a code in SIGN_IN. Failed with code "lost": nobody knows whether the run was begun;
        "cut": its stream broke.
        """
        tries = Tries(self.patience_s, self.client.pace.first_pause_s)
        self._unsure = self.run is not None
        if self.run is not None and not self.run.get("event_id"):
            yield _cut(_("this program ended meanwhile"), str(self.run.get("logid") or ""))
            return
        while True:
            if self.run is not None:
                interrupt = Interrupt.from_run(self.run)
                waits = read(interrupt) if self.run["resumes"] < RESUMES else _resumed_too_often(interrupt.logid)
                if isinstance(waits, Failed):
                    yield waits
                    return
                self._said = None
                yield waits
                if self._said is None:
                    raise RuntimeError("what the run waits for was not answered")
            async with aclosing(self._streamed(tries)) as events:
                async for event in events:
                    yield event
                    if isinstance(event, (Finished, Failed)):
                        return

    async def _streamed(self, tries: Tries) -> AsyncGenerator[RunEvent, None]:
        """One stream, to Finished, Failed or an interrupt; asked for again as long as it is sure that nothing was
        begun, or that an answer is taken once."""
        resuming = self.run is not None
        path, body, on_sending = self._request()
        error: NetworkAwayError | CozeError
        renewed = False
        while True:
            tries.begin()
            self._heard = False
            try:
                async with self.client.stream(path, {}, body, on_sending) as wires:
                    yield Connected()
                    async for wire in wires:
                        self._logid = wire.logid
                        for event in self._read(wire, resuming=resuming):
                            if self._heard:
                                tries.reached(worked=True)
                            yield event
                            if isinstance(event, (Finished, Failed)) or _waits(event):
                                return
                ended = _("Coze's answer ended before the workflow did.")
                error = NetworkAwayError(ended, sent=True, logid=self.client.logid)
            except (NetworkAwayError, CozeError) as caught:
                error = caught
            for output in self._messages.rest():
                yield output
            if isinstance(error, _RefusedError) and not self._heard and not renewed:
                renewed, error = await self._renewed(error)
                if renewed:
                    yield Away(error.message)
                    continue
            if failed := self._given_up(error, resuming=resuming):
                yield failed
                return
            try:
                pause_s = tries.next_pause_s(error)
            except CozeError as busy:
                yield failure_of(busy)
                return
            self._unsure |= error.sent if isinstance(error, NetworkAwayError) else True
            yield Away(error.message, pause_s)
            await asyncio.sleep(pause_s)

    async def _renewed(self, refusal: _RefusedError) -> tuple[bool, NetworkAwayError | CozeError]:
        """Whether there is another token now; else what is to be done about."""
        try:
            return await self.client.renew(), refusal
        except NetworkAwayError as away:
            return False, away

    def _given_up(self, error: NetworkAwayError | CozeError, *, resuming: bool) -> Failed | None:
        """The failure that `error` is, None if another try may mend it. Raises `error` where signing in would."""
        if isinstance(error, NetworkAwayError):
            if self._heard:
                return _cut(error.message, error.logid or self._logid)
            return _lost(error) if error.sent and not resuming else None
        if error.code in SIGN_IN:
            raise error
        if resuming and self._is_gone(error.code):
            return _cut(error.message, error.logid or self._logid)
        passes = error.code in (RETRIED if resuming else RETRIED_UNLESS_BEGUN)
        return None if passes else failure_of(error)

    def _is_gone(self, code: str) -> bool:
        """Whether Coze refuses an answer because it waits for none (any more)."""
        gone = code in CODES and CODES[code].deed == "gone"
        return gone or (code == "4000" and self._unsure)

    def _request(self) -> tuple[str, dict[str, Any], Callable[[], None] | None]:
        body: dict[str, Any] = {"workflow_id": self.asked.target_id}
        if self.run is not None and self._said is not None:
            interrupt = Interrupt.from_run(self.run)
            body |= {"event_id": interrupt.event_id, "interrupt_type": interrupt.type}
            body["resume_data"] = resume_data(interrupt, self._said)
            return "/v1/workflow/stream_resume", body, None
        body["parameters"] = dict(self.asked.parameters)
        body |= {"bot_id": self.asked.bot_id} if self.asked.bot_id else {}
        body |= {"app_id": self.asked.app_id} if self.asked.app_id else {}
        return "/v1/workflow/stream_run", body, self.on_posting

    def _read(self, wire: WireEvent, *, resuming: bool) -> Iterator[RunEvent]:
        for name, data in _apart(wire):
            if name == "error":
                yield from self._messages.rest()
                yield self._failed(data, resuming=resuming)
                return
            if not self._heard:
                self._heard = True
                self._unsure = False
                self.run = self._begun()
                yield Started(self.run)
            if name == "message":
                yield from self._messages.add(data)
                if self._messages.too_long:
                    yield too_long(self._logid)
            elif name == "interrupt" and isinstance(data, dict):
                yield from self._interrupted(data)
            elif name == "done":
                yield from self._messages.finish()
                if self._messages.missing:
                    yield Notice(
                        _("Pieces of what the workflow said did not arrive or can't be read; something may be missing.")
                    )
                url = data.get("debug_url") if isinstance(data, dict) else ""
                yield Finished(self._messages.token_count(), url if isinstance(url, str) else "")

    def _begun(self) -> dict[str, Any]:
        """The `run` of a stream that can't be joined again."""
        if self.run is None:
            return {"resumes": 0, "resumed": [], "logid": self._logid}
        resumed = [*self.run["resumed"], self.run["event_id"]]
        return {"resumes": self.run["resumes"] + 1, "resumed": resumed, "logid": self._logid}

    def _interrupted(self, data: dict[str, Any]) -> Iterator[RunEvent]:
        found = data.get("interrupt_data")
        about: dict[str, Any] = found if isinstance(found, dict) else {}
        title = str(data.get("node_title") or "")
        kind = whole(about.get("type"))
        question = self._messages.question(title) if kind in ASKING else ""
        yield from self._messages.finish()
        self.run = {
            **(self.run or {}),
            "event_id": str(about.get("event_id") or ""),
            "type": kind,
            "data": about.get("data"),
            "required_parameters": about.get("required_parameters"),
            "node_title": title[:LONGEST_TITLE],
            "question_text": question,
            # Whatever else came: a payload that is published nowhere is to be learned from.
            "more": {key: value for key, value in {**data, **about}.items() if key not in _KNOWN},
            "logid": self._logid,
        }
        yield Started(self.run)
        if not self.run["event_id"]:
            text = _("The workflow was interrupted at node “{node}”, and how to go on can't be read.")
            yield Failed("unreadable", text.format(node=title), advice("unreadable"), self._logid)

    def _failed(self, data: Any, *, resuming: bool) -> Failed:
        """An Error event: `{"error_code", "error_message"}`."""
        said: dict[str, Any] = data if isinstance(data, dict) else {}
        code = str(said.get("error_code") or said.get("code") or "failed")[:40]
        message = str(said.get("error_message") or said.get("msg") or "")[:1000]
        message = message or (data if isinstance(data, str) else "")[:300] or _("Coze gave no reason.")
        code = code_of(code, message)
        if code in SIGN_IN:
            raise _RefusedError(code, message, self._logid)
        if resuming and not self._heard and self._is_gone(code):
            return _cut(CozeError(code, message).message, self._logid)
        text = _("The workflow failed ({code}): {message}").format(code=code, message=message)
        return Failed(code, text, advice(code), self._logid, again=may_succeed(code))


def plain(text: str) -> str:
    """What a person wants to read of an output: of an End node's `{"output": "text"}` the text, unless that is JSON for
    a machine; anything else as it is."""
    value = json_value(text) if text.lstrip()[:1] == "{" else None
    if isinstance(value, dict) and len(value) == 1:
        (inner,) = value.values()
        if isinstance(inner, str) and not isinstance(json_value(inner), (dict, list)):
            return whole_characters(inner)
    return text


_KNOWN = {"interrupt_data", "event_id", "type", "data", "required_parameters", "node_title"}


def _apart(wire: WireEvent) -> Iterator[tuple[str, Any]]:
    """The events in one: Coze's example of a resumed stream (workflow_resume) has no blank line between two, which
    makes them one, named as the last. What each was is seen by its data."""
    name = wire.name.lower()
    lines = wire.data.split("\n") if isinstance(wire.data, str) else []
    found = [json_value(line) for line in lines]
    if len(found) < 2 or not all(isinstance(value, dict) for value in found):
        yield name, wire.data
        return
    for value in found[:-1]:
        of_keys = {"content": "message", "interrupt_data": "interrupt", "error_code": "error"}
        yield next((kind for key, kind in of_keys.items() if key in value), ""), value
    yield name, found[-1]


def _waits(event: RunEvent) -> bool:
    return isinstance(event, Started) and bool(event.run.get("event_id"))


def _cut(why: str, logid: str) -> Failed:
    return Failed(
        "cut",
        _("The stream of the running workflow broke, and Coze lets no one join it again: {why}").format(why=why),
        _("What it had said is kept. It was not run again by itself: run it again if something is missing."),
        logid,
        again=True,
    )


def _lost(error: NetworkAwayError) -> Failed:
    return Failed(
        "lost",
        _("The connection broke while the workflow was being started: {error}").format(error=error.message),
        _("Coze may be at work on it, so it was not run again by itself. If no draft comes, run it once more."),
        error.logid,
        again=True,
    )


def _resumed_too_often(logid: str) -> Failed:
    return Failed(
        "resumes",
        _("The workflow asks for something a fourth time, and Coze lets a run be resumed {n} times.").format(n=RESUMES),
        _("Let the workflow ask or call at most {n} times, for example with several drafts in one call.").format(
            n=RESUMES
        ),
        logid,
    )
