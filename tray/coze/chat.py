"""Bot and chatflow mode: a chat over `POST /v3/chat` or `/v1/workflows/chat`, its tool calls answered over
`submit_tool_outputs`, its questions by going on in the same conversation, to its end.

Whatever the network does, a chat is created once: from the moment its id is known, a broken stream is followed up
with `chat/retrieve`, as Coze lets no one rejoin a stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio

from tray.asked import Asked
from tray.coze import messages, upload
from tray.coze.errors import (
    CODES,
    NEW_CONVERSATION,
    RETRIED,
    RETRIED_UNLESS_BEGUN,
    SIGN_IN,
    CozeError,
    NetworkAwayError,
    advice,
)
from tray.coze.heard import Heard, Rounds
from tray.coze.run import (
    Away,
    Connected,
    Failed,
    Finished,
    Notice,
    Output,
    Question,
    RunEvent,
    Started,
    ToolCalls,
    ToolOutput,
    failure_of,
)
from tray.coze.tries import Tries
from tray.coze.wire import WireEvent
from tray.locale import _

if TYPE_CHECKING:
    from tray.coze.client import Client

LONGEST_S = 30 * 60.0
"""A chat that works for longer without a word is given up; Coze's own limit for a workflow is 10 minutes."""
DONE_S = 2.0
"""How long the end of a stream is waited for when the chat itself is over."""


class _RenewedError(CozeError):
    """The token was refused and is another one now: the same may be asked again at once."""


class Chat:
    """One chat with a bot, or with a chatflow. `run`: what `Started` said of one that was begun before, None for a new
    one.

    `patience_s`: for how long the cloud may stay away before `events` raises NetworkAwayError; None: for ever.
    `on_posting` is called when the chat's creation goes out: from then until Started, it may exist unknown. It does not
    exist where CozeError is raised, or Away said, before Started.
    """

    def __init__(
        self,
        client: Client,
        asked: Asked,
        run: dict[str, Any] | None,
        patience_s: float | None,
        on_posting: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._asked, self._patience_s, self._on_posting = client, asked, patience_s, on_posting
        self._heard = Heard(asked.kind, run)
        self._rounds = Rounds()
        self._conversation_id = asked.conversation_id
        self._files: list[tuple[str, bool]] = []  # uploaded: id, and whether it is an image
        self._cleared = False
        self._posting = False  # a creation went out, and no id has come
        self._renewed = False
        self._outputs: list[ToolOutput] | None = None
        self._reply: str | None = None
        self._catching_up = False
        self._logid = ""

    @property
    def scope(self) -> str:
        """The chat's id, "" before it has one: what the ids of its tool calls and outputs are unique in."""
        return self.ids[1] if self.ids else ""

    @property
    def ids(self) -> tuple[str, str] | None:
        """Of the conversation and the chat, None before the chat is created."""
        run = self._heard.run
        return (str(run["conversation_id"]), str(run["chat_id"])) if run else None

    def answer(self, outputs: list[ToolOutput]) -> None:
        """The outputs of all calls of the last ToolCalls; sent when `events` goes on."""
        self._outputs = outputs

    def reply(self, text: str) -> None:
        """The answer to the last Question; sent when `events` goes on."""
        self._reply = text

    async def events(self) -> AsyncGenerator[RunEvent, None]:
        """The run, to its end: the last event is Finished or Failed.

        Raises NetworkAwayError when patience is at an end, CozeError with a code in SIGN_IN when Coze takes no token;
        what was begun goes on in the cloud, and a new Chat with the last `run` picks it up. Failed with code "lost"
        means that nobody knows whether the chat was created.
        """
        if self._heard.replying:
            yield _lost(_("The program ended while the answer to a question was on its way."), "")
            return
        tries = Tries(self._patience_s, self._client.pace.first_pause_s)
        while True:
            async with aclosing(self._step(tries)) as step:
                async for event in step:
                    if isinstance(event, ToolCalls) and not self._rounds.may_answer(event):
                        yield self._unanswered()
                        return
                    yield event
                    if isinstance(event, (Finished, Failed)):
                        return

    async def _step(self, tries: Tries) -> AsyncGenerator[RunEvent, None]:
        """One request and what follows from it. What waits for an answer comes last, when the stream is closed."""
        waits: ToolCalls | Question | None = None
        tries.begin()
        try:
            async with aclosing(self._request()) as events:
                async for event in events:
                    if isinstance(event, (ToolCalls, Question)):
                        waits = event
                        continue
                    if isinstance(event, Connected):
                        tries.reached(worked=not self._catching_up)
                    yield event
        except upload.UploadError as error:
            yield Failed("file", error.message, error.advice)
        except (NetworkAwayError, CozeError) as error:
            async with aclosing(self._mended(error, tries)) as events:
                async for event in events:
                    yield event
        else:
            if isinstance(waits, ToolCalls):
                self._outputs = None
                yield waits
                if self._outputs is None:
                    raise RuntimeError("ToolCalls was not answered")
            elif waits is not None:
                self._reply = None
                yield waits
                if self._reply is None:
                    raise RuntimeError("Question was not answered")

    def _request(self) -> AsyncGenerator[RunEvent, None]:
        """What is to be asked of the cloud next."""
        self._catching_up = False
        if self._heard.run is None:
            return self._create()
        if self._outputs is not None:
            return self._submit()
        if self._reply is not None:
            return self._go_on()
        self._catching_up = True
        return self._catch_up()

    async def _create(self) -> AsyncGenerator[RunEvent, None]:
        await self._upload()
        if self._asked.clear and self._conversation_id and not self._cleared:
            await self._client.call("POST", f"/v1/conversations/{quote(self._conversation_id, safe='')}/clear", {})
            self._cleared = True
        said = messages.message(self._asked.prompt, self._files)
        path, params, body = messages.request(self._asked, self._conversation_id, said)
        async with aclosing(self._stream(path, params, body, self._sending)) as events:
            async for event in events:
                yield event

    async def _go_on(self) -> AsyncGenerator[RunEvent, None]:
        """Answer a question: with a new chat in the same conversation (documented for chatflows; for bots in chatflow
        mode it is plausible)."""
        yield self._heard.replies()
        said = messages.message(self._reply or "")
        path, params, body = messages.request(self._asked, self._params()["conversation_id"], said)
        async with aclosing(self._stream(path, params, body, self._sending)) as events:
            async for event in events:
                yield event

    async def _submit(self) -> AsyncGenerator[RunEvent, None]:
        outputs = [{"tool_call_id": one.call_id, "output": one.output} for one in self._outputs or []]
        self._outputs = None
        body = {"tool_outputs": outputs, "stream": True}
        async with aclosing(self._stream("/v3/chat/submit_tool_outputs", self._params(), body, None)) as events:
            async for event in events:
                self._rounds.accepted = True
                yield event

    async def _upload(self) -> None:
        """Upload the files that are not in Coze yet; before the first of them, all are looked at."""
        paths = [Path(file) for file in self._asked.files]
        if paths and self._asked.kind == "chatflow":
            raise upload.UploadError(
                _("A chatflow takes no files in what is said to it."),
                _("Hand it a link to the file as one of its inputs, or ask a bot in chatflow mode instead."),
            )
        for path in paths[len(self._files) :]:
            await anyio.to_thread.run_sync(upload.size_bytes, path)
        for path in paths[len(self._files) :]:
            self._files.append((await self._client.upload(path), upload.is_image(path)))

    async def _stream(
        self, path: str, params: dict[str, str], body: dict[str, Any], on_sending: Callable[[], None] | None
    ) -> AsyncGenerator[RunEvent, None]:
        """A stream's events, up to what ends it: the chat's end, what it waits for, or an error event (whose chat may
        well go on: `events` then asks)."""
        async with self._client.stream(path, params, body, on_sending) as wire_events:
            connected = False
            async for wire in wire_events:
                self._logid = wire.logid
                if wire.name == "error":
                    self._heard.error = messages.error(wire.data)
                    if self._heard.unborn:
                        yield await self._refused()
                    return
                if not connected:
                    connected = True
                    yield Connected()
                if wire.name in ("done", "Done"):
                    break
                for event in self._heard.read(wire):
                    if isinstance(event, Failed) and event.code == "unreadable":
                        return  # a stream may be cut inside its last event: retrieve tells it whole
                    if isinstance(event, Failed) and event.code in SIGN_IN:
                        self._heard.error = messages.error(wire.data)
                        await self._refused()
                    if isinstance(event, Started):
                        self._posting, self._reply = False, None
                    if isinstance(event, Finished):
                        yield Finished(event.token_count, await _debug_url(wire_events))
                        return
                    yield event
                    if isinstance(event, (Failed, ToolCalls, Question)):
                        return
        if self._heard.unborn:
            yield _lost(_("Coze's answer ended before it named a chat."), self._client.logid, "empty")

    async def _refused(self) -> Failed:
        """What an error event says instead of beginning: raised where another try may mend it, else returned."""
        code, message = self._heard.error
        if code in SIGN_IN and not self._renewed and await self._client.renew():
            self._renewed = True
            raise _RenewedError(code, message, self._logid)
        if code:
            raise CozeError(code, message, self._logid)
        return messages.failed(code, message, self._logid)

    async def _catch_up(self) -> AsyncGenerator[RunEvent, None]:
        """Ask what became of the chat until it waits for us or is over."""
        pause_s, began = self._client.pace.poll_s, time.monotonic()
        while time.monotonic() - began < LONGEST_S:
            await self._client.pace.turn()
            try:
                found, self._logid = await self._client.call("POST", "/v3/chat/retrieve", self._params())
            except CozeError as error:
                if not self._heard.asks_back or error.code in RETRIED | SIGN_IN:
                    raise
                yield Connected()  # whether a chatflow's chat can be retrieved is untried; that it asks is known
                for event in self._heard.asks():
                    yield event
                return
            chat: dict[str, Any] = found if isinstance(found, dict) else {}
            status = str(chat.get("status") or "")
            # Only when the whole step is done, it counts as reached.
            outputs = await self._said(status)
            yield Connected()
            for event in (*outputs, *self._heard.status(status, chat, self._logid)):
                yield event
                if isinstance(event, (Finished, Failed, ToolCalls, Question)):
                    return
            if not status:
                raise CozeError("200", _("the chat's state can't be read"), self._logid)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 10.0)
        yield Failed(
            "slow",
            _("Coze has worked on it for half an hour without a word."),
            _("See in Coze what it does, or run it again."),
            self._logid,
            again=True,
        )

    async def _said(self, status: str) -> list[Output]:
        """The answers so far, which a broken stream may have kept to itself."""
        if status not in ("completed", "requires_action"):
            return []
        try:
            listed, _logid = await self._client.call("GET", "/v3/chat/message/list", self._params())
        except CozeError as error:
            if status == "completed" or error.code in SIGN_IN:
                raise
            return []  # that a waiting chat can be listed is nowhere written: what it waits for is more important
        found = messages.answers(listed)
        self._heard.answer = found[-1].text if found else self._heard.answer
        return found

    async def _mended(self, error: NetworkAwayError | CozeError, tries: Tries) -> AsyncGenerator[RunEvent, None]:
        """What is done about `error`; ends with Failed, or by raising it, where nothing can be done."""
        if isinstance(error, NetworkAwayError) and error.sent and self._posting:
            yield _lost(
                _("The connection broke while the chat was being created: {error}").format(error=error.message),
                error.logid,
            )
            return
        self._posting = False
        if self._heard.replying:
            yield self._heard.reply_refused()
        if isinstance(error, _RenewedError):
            yield Away(error.message)
            return
        if error.code in SIGN_IN:
            raise error
        if self._heard.run is None and self._conversation_id and error.code in NEW_CONVERSATION:
            self._conversation_id = ""
            yield Notice(_("{meaning} A new conversation is begun.").format(meaning=_(CODES[error.code].meaning)))
            return
        if isinstance(error, CozeError) and not self._passes(error.code):
            yield failure_of(error)
            return
        try:
            pause_s = tries.next_pause_s(error)
        except CozeError:
            yield failure_of(error)
            return
        yield Away(error.message, pause_s)
        await asyncio.sleep(pause_s)

    def _passes(self, code: str) -> bool:
        """Whether another try may mend what was refused with `code`."""
        if self._heard.run is None:
            return code in RETRIED_UNLESS_BEGUN
        # An answer that is no JSON; the chat itself, which is just about to wait; outputs that were sent twice, as the
        # first time's answer was lost.
        return code in RETRIED | {"200", "4016"} or (code == "4000" and self._rounds.resubmitted)

    def _sending(self) -> None:
        self._posting = True
        self._on_posting()

    def _unanswered(self) -> Failed:
        return Failed(
            "unanswered",
            _("Coze asks for the same tool calls again and again."),
            _("Run it again; if it stays, report it to Coze with the logid."),
            self._logid,
            again=True,
        )

    def _params(self) -> dict[str, str]:
        if self.ids is None:
            raise RuntimeError("the chat has no ids yet")
        return {"conversation_id": self.ids[0], "chat_id": self.ids[1]}


async def _debug_url(rest: AsyncGenerator[WireEvent, None]) -> str:
    """What the end of the stream says of how the chat ran; the chat is over, whatever becomes of the stream."""
    with suppress(NetworkAwayError, CozeError), anyio.move_on_after(DONE_S):
        async for wire in rest:
            if wire.name in ("done", "Done"):
                return messages.debug_url(wire.data)
    return ""


def _lost(message: str, logid: str, code: str = "lost") -> Failed:
    return Failed(code, message, advice("lost"), logid, again=True)
