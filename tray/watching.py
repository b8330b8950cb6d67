"""A request watched on the terminal to its end: its answer as it streams in, its progress, and its questions."""

from __future__ import annotations

import io
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from rich.markup import escape

from tray import events, words
from tray.errors import TrayError
from tray.events import Failure, QuestionAsked
from tray.locale import _
from tray.questions import chosen
from tray.terminal import CANCELLED, Bar, Outcome, err, out, show_problem, show_warning
from tray.text import for_terminal, whole_characters

SILENT_S = 2.0
"""An answer that stops for so long on a terminal has a line of progress below it, until it goes on."""

Answer = Callable[[QuestionAsked, str], bool]
"""Gives the user's answer to a question. False where somebody else has answered it before."""


def watch(
    happenings: Iterable[events.Event], answer: Answer | None = None, given: Mapping[str, str] | None = None
) -> Outcome:
    """Show a request's events as they come, and return how it ended.

    `answer`: what is done with the user's answers; where it is None, a question ends the watching. `given`: answers
    that are there already, by question."""
    watched = _Watched(answer, dict(given or {}))
    if out.is_terminal and err.is_terminal:
        threading.Thread(target=watched.mind_silence, name="silence", daemon=True).start()
    try:
        for event in happenings:
            watched.heard(event)
            if watched.outcome.done or watched.outcome.failure:
                break
    finally:
        watched.end()
    return watched.outcome


@dataclass
class _Watched:
    answer: Answer | None
    given: dict[str, str]
    outcome: Outcome = field(default_factory=Outcome)
    bar: Bar = field(default_factory=Bar)
    _heard: io.StringIO = field(default_factory=io.StringIO)  # the answer so far
    _tail: str = ""
    _cuts: list[int] = field(default_factory=list)  # where in it a question begins, and ends
    _mid_line: bool = False
    _broke_line: bool = False  # where the answer has none: what follows may begin with the line's end
    _streamed_s: float | None = None  # when the last piece came, if nothing was shown since
    _ended: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _question: QuestionAsked | None = None
    _lines: _Lines = field(default_factory=lambda: _Lines())  # noqa: PLW0108 - it is defined below
    _asks: threading.Event = field(default_factory=threading.Event)
    _reader: threading.Thread | None = None

    def heard(self, event: events.Event) -> None:
        if not isinstance(event, events.StateChanged):
            self.outcome.request_id = event.request_id
        shown: dict[type, Callable[[Any], None]] = {
            events.StateChanged: self.state,
            events.RequestQueued: lambda _event: self.say(_("It waits until another request is over")),
            events.TextArrived: self.text,
            events.Noticed: self.noticed,
            events.ToolStarted: lambda event: self.say(_("Calling {tool}").format(tool=event.tool)),
            events.ToolFinished: self.tool_finished,
            events.MediaProgress: self.media,
            events.QuestionAsked: self.asked,
            events.QuestionAnswered: self.answered,
            events.DraftWritten: self.draft,
            events.RequestDone: self.done,
            events.RequestFailed: lambda event: self.failed(event.failure),
            events.RequestCancelled: lambda _event: self.failed(cancelled()),
        }
        if show := shown.get(type(event)):
            with self._lock:
                show(event)

    def mind_silence(self) -> None:
        """In a thread: show that it goes on where the answer has stopped for a while."""
        while not self._ended:
            time.sleep(SILENT_S / 4)
            with self._lock:
                since = self._streamed_s
                if not self._ended and since is not None and time.monotonic() - since > SILENT_S:
                    self.say(words.of_state("streaming"))

    def end(self) -> None:
        """Nothing more is shown."""
        with self._lock:
            self._ended = True
            self.bar.pause()
            self.end_line()
            if self._asks.is_set():
                err.print()  # the prompt's line

    def state(self, event: events.StateChanged) -> None:
        if not (self._mid_line and event.state == "streaming"):
            self.say(event.detail or words.of_state(event.state))

    def text(self, event: events.TextArrived) -> None:
        """A piece of the answer: on a terminal at once; where standard output is none, its end beside the progress."""
        self._heard.write(event.delta)
        if not out.is_terminal:
            self._tail = (self._tail + event.delta)[-50:]
            self.say(_("Answering: {text}").format(text=self._tail))
            return
        self.bar.pause()
        piece = event.delta.removeprefix("\n") if self._broke_line else event.delta
        out.print(for_terminal(piece), end="", markup=False)
        self._mid_line, self._broke_line = not event.delta.endswith("\n"), False
        self._streamed_s = time.monotonic()

    def noticed(self, event: events.Noticed) -> None:
        self.end_line()
        show_warning(event.text)

    def tool_finished(self, event: events.ToolFinished) -> None:
        if not event.ok:
            self.outcome.warnings.append(event.message)

    def media(self, event: events.MediaProgress) -> None:
        if self._question is None:
            self.end_line()
            self.bar.media(event.done, event.total, event.received_bytes)

    def draft(self, event: events.DraftWritten) -> None:
        if event.receipt.draft_id not in [known.draft_id for known in self.outcome.receipts]:
            self.outcome.receipts.append(event.receipt)

    def done(self, event: events.RequestDone) -> None:
        self.outcome.text, self.outcome.done = event.text, True
        self.outcome.shown = self._shown()

    def failed(self, failure: Failure) -> None:
        self.outcome.failure, self.outcome.text = failure, self._heard.getvalue()
        self.outcome.shown = self._shown()

    def _shown(self) -> list[str]:
        if not out.is_terminal:
            return []
        heard = self._heard.getvalue()
        cuts = [0, *self._cuts, len(heard)]
        return [heard[start:end] for start, end in itertools.pairwise(cuts)]

    def say(self, text: str) -> None:
        """One line of what goes on; not while a question waits."""
        if self._question is None:
            self.end_line()
            self.bar.say(text)

    def end_line(self) -> None:
        self._streamed_s = None
        if self._mid_line:
            out.print()
            self._mid_line, self._broke_line = False, True

    def asked(self, question: QuestionAsked) -> None:
        if self._question is not None and self._question.question_id == question.question_id:
            return  # told again: who runs it has changed
        self.end_line()
        self.bar.pause()
        self._question = question
        heard = self._heard.getvalue()
        was_said = heard.rstrip().endswith(question.text.strip())
        if was_said:
            self._cuts += [heard.rindex(question.text.strip()), len(heard)]
        show_question(question, with_text=not (was_said and out.is_terminal))
        if question.question_id in self.given:
            if not self.take(question, self.given.pop(question.question_id)):
                self.failed(unanswered(question))
        elif self.answer is None or sys.stdin is None:
            self.failed(unanswered(question))
        elif sys.stdin.isatty():
            self.prompt()
        else:
            self.read_lines(question)

    def answered(self, event: events.QuestionAnswered) -> None:
        if self._question is not None and self._question.question_id == event.question_id:
            self.over()
            err.print(_("(answered elsewhere)"), style="dim")

    def over(self) -> None:
        """No question waits any more."""
        self._question = None
        self._asks.clear()

    def take(self, question: QuestionAsked, said: str) -> bool:
        """Whether `said` is an answer; then the question is over. Raises TrayError where it can't be given."""
        reply = chosen(question, said)
        if reply is None:
            if said.strip():
                show_warning(_("“{said}” is none of the answers.").format(said=said.strip()))
            return False
        if self.answer is not None:
            self.over()  # before it is given: that it was is heard at once
            if not self.answer(question, whole_characters(reply)):
                show_warning(_("It has been answered elsewhere already."))
        return True

    def read_lines(self, question: QuestionAsked) -> None:
        """From a pipe: each line answers one question."""
        while (line := self._lines.read()) is not None:
            if self.take(question, line):
                return
        self.failed(unanswered(question))

    def prompt(self) -> None:
        """From a terminal, in a thread: meanwhile the question may be answered elsewhere, or the run may end."""
        err.print("> ", end="")
        self._asks.set()
        if self._reader is None:
            self._reader = threading.Thread(target=self._read_terminal, name="prompt", daemon=True)
            self._reader.start()

    def _read_terminal(self) -> None:
        while self._asks.wait():
            line = self._lines.read()
            question = self._question  # of now: the one before may have been answered elsewhere
            if line is None:  # Ctrl-D
                err.print()
                show_warning(_("It can be answered elsewhere too: in the icon's menu. Ctrl-C leaves it for later."))
                return
            if question is None:
                continue
            try:
                over = self.take(question, line)
            except TrayError as error:
                show_problem(error.message, error.advice)
                self._question, over = question, False
                self._asks.set()
            if not over:
                err.print("> ", end="")


def show_question(question: QuestionAsked, *, with_text: bool) -> None:
    if with_text:
        err.print(f"[bold cyan]?[/bold cyan] {escape(for_terminal(question.text))}")
    for number, option in enumerate(question.options, 1):
        err.print(f"  {number}. {for_terminal(option)}", markup=False)
    if question.url:
        err.print(_("  Open this page first: {url}").format(url=for_terminal(question.url)), markup=False)


def unanswered(question: QuestionAsked) -> Failure:
    """Why a request ends for now that asks something where nobody can answer."""
    return Failure(
        "question",
        _("It asks: {text}").format(text=" ".join(question.text.split())),
        _("Answer it with: coze-tray answer {id} TEXT").format(id=question.request_id),
        kept=True,
    )


def cancelled() -> Failure:
    """How a request ended that was cancelled elsewhere: in the icon's menu, or by `coze-tray cancel`."""
    return Failure(CANCELLED, _("The request was cancelled."), _("Drafts that it had made stay."), again=True)


class _Lines:
    """The lines of standard input, without Python's own buffer: a thread that waits in it keeps Python from ending."""

    def __init__(self) -> None:
        self._input: BinaryIO | None = None
        self._rest = b""

    def read(self) -> str | None:
        """None: there are no more."""
        if self._input is None:
            self._input = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - Windows' console too
        while b"\n" not in self._rest:
            try:
                data = self._input.read(4096)
            except OSError:  # the terminal is gone
                data = b""
            if not data:
                break
            self._rest += data
        if not self._rest:
            return None
        line, _end, self._rest = self._rest.partition(b"\n")
        return line.decode(getattr(sys.stdin, "encoding", None) or "utf-8", "replace")
