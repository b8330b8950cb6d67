"""Requests, questions, items and sign-ins side by side in one listener, stopped and started in between."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from factory import draft, export, png, segment, send, track
from listening import DEADLINE_S
from program import wait_until
from tray import app, events, listener
from tray.asked import Asked
from tray.coze.tries import Pace
from tray.errors import JournalError
from tray.events import Failure
from tray.mailbox import Mailbox
from tray.mailbox_pace import MailboxPace
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Exchange, Frames
from tray.simulator.mailbox import SimulatedMailbox
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

SLOTS = 4


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What keeps chats and downloads waiting; open when the test ends."""
    gate = threading.Event()
    yield gate
    gate.set()


def says(chat: SimulatedChat) -> Frames:
    yield chat.created()
    yield from chat.says(chat.prompt)
    yield from chat.completed()


def mailbox(cloud: Simulator, interval_s: float = 0.05) -> Mailbox:
    asked = Asked(cloud.base_url, "workflow", "77", target="box")
    return Mailbox("box", asked, "desk", 10_000, MailboxPace(interval_s, hold_s=0.05, longest_s=0.2))


# Who may work.


def test_an_ask_does_not_wait_behind_the_items_of_a_mailbox(listen, media, gate):
    box = SimulatedMailbox()

    def slowly(handler: Any) -> None:
        gate.wait(DEADLINE_S)
        send(png())(handler)

    for n in range(12):
        url = media.serve(f"/{n}.png", slowly)
        box.put("generate_draft", {"content": export(draft(track(segment("image", url=url)), name=str(n)))}, device="")
    with Simulator(says, lambda *_: [], routes=box.routes()) as cloud:
        one = listen(cloud)
        one.app.listener.open_mailbox("box", mailbox(cloud))
        one.app.listener.start()
        for _n in range(SLOTS - 1):
            one.until(events.ToolStarted)
        assert one.until(events.RequestDone, request_id=one.ask("现在")).text == "现在"
        assert len(one.of(events.ToolStarted)) == SLOTS - 1
        gate.set()
        for _n in range(12):
            one.until(events.RequestDone)


def test_an_answer_is_taken_at_once_though_nothing_may_work_just_now(listen, gate):
    def asks(run: SimulatedRun) -> Frames:
        yield run.interrupt(2, "哪一种？", title="问题")

    def ends(run: SimulatedRun, said: str) -> Frames:
        yield from run.end(said)
        yield run.done()

    def blocks(chat: SimulatedChat) -> Frames:
        yield chat.created()
        gate.wait(DEADLINE_S)
        yield from says(chat)

    with Simulator(blocks, lambda *_: [], routes=Workflows(asks, ends).routes()) as cloud:
        one = listen(cloud)
        asked = Asked(cloud.base_url, "workflow", "7")
        request_id = app.begin(one.app, app.NewRequest(asked, None))
        question = one.until(events.QuestionAsked)
        blocked = [one.ask(str(n)) for n in range(SLOTS)]
        for _request in blocked:
            one.until(events.RequestStarted)
        assert app.answer(one.app, request_id, question.question_id, "甲")
        assert not app.answer(one.app, request_id, question.question_id, "乙")
        one.until(events.QuestionAnswered, request_id=request_id)
        assert one.app.questions.all() == []
        gate.set()
        assert one.until(events.RequestDone, request_id=request_id).text == "甲"


# Stopping and starting.


def test_a_stop_begins_nothing_new_while_it_waits_for_a_chat_s_id(listen, gate):
    arrived = threading.Event()

    def on_chat(chat: SimulatedChat) -> Frames:
        if chat.prompt == "slow":
            arrived.set()
            time.sleep(0.4)
        yield chat.created()
        if chat.prompt == "short":
            gate.wait(DEADLINE_S)
            time.sleep(0.1)
            yield from chat.completed()
        while True:
            yield b": waiting\n\n"

    with Simulator(on_chat, lambda *_: [], pace_s=0.01) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        for n in range(SLOTS - 1):
            one.ask("short" if n else "long")
            one.until(events.StateChanged, state="streaming") if not n else one.until(events.RequestStarted)
        slow = one.ask("slow")
        queued = one.ask("queued")
        assert arrived.wait(DEADLINE_S)
        gate.set()
        one.app.listener.stop(timeout_s=5, grace_s=2)
        assert one.app.journal.request(slow).run is not None
        assert not one.app.journal.request(queued).posted


def test_storms_of_stops_and_starts_lose_and_repeat_nothing(listen):
    random.seed(4)
    box = SimulatedMailbox()
    rows = [box.put("no_tool", {}, device="") for _n in range(6)]
    rows.append(box.put("generate_draft", {"content": export(draft(track(segment())))}, device=""))
    with Simulator(says, lambda *_: [], routes=box.routes(), pace_s=0.002) as cloud:
        one = listen(cloud)
        one.app.listener.open_mailbox("box", mailbox(cloud))
        asked = [one.ask(str(n)) for n in range(6)]
        for _n in range(25):
            one.app.listener.start()
            time.sleep(random.choice((0, 0, 0.005, 0.05)))
            one.app.listener.signed_in()
            one.app.listener.stop(grace_s=5)
        one.app.listener.start()
        wait_until(lambda: all(row.status == "done" for row in rows), "all items are acknowledged")
        wait_until(lambda: not one.app.journal.unfinished(), "all requests end")
        assert [one.app.journal.request(request_id).text for request_id in asked] == [str(n) for n in range(6)]
    assert [received.path for received in cloud.received].count("/v3/chat") == 6
    assert len(one.of(events.DraftWritten)) == 1
    ends = [event.request_id for kind in (events.RequestDone, events.RequestFailed) for event in one.of(kind)]
    assert len(ends) == len(set(ends)) == 6 + len(rows)  # each is told once


def test_a_journal_that_can_t_be_read_at_the_start_is_read_later(listen, monkeypatch):
    monkeypatch.setattr(listener, "JOURNAL_AGAIN_S", 0.05)
    with Simulator(says, lambda *_: []) as cloud:
        one = listen(cloud, resume=True)
        request_id = one.ask()
        unfinished, fails = one.app.journal.unfinished, [1, 1]

        def at_first_not() -> list[str]:
            if fails:
                fails.pop()
                raise JournalError("disk I/O error")
            return unfinished()

        monkeypatch.setattr(one.app.journal, "unfinished", at_first_not)
        one.app.listener.start()
        one.until(events.StateChanged, state="error")
        one.until(events.RequestDone, request_id=request_id)
        one.until(events.StateChanged, state="idle")


# Signing in.


def test_signing_in_while_the_old_token_is_just_being_refused_is_enough(listen):
    refusals: list[str] = []

    def refuse(exchange: Exchange) -> None:
        refusals.append(exchange.path)
        del cloud.routes[exchange.path]
        cloud.routes.update({path: route for path, route in known.items() if path == exchange.path})
        one.app.listener.signed_in()  # as `coze-tray login` does
        time.sleep(0.1)
        exchange.refuse(4100, "invalid token")

    box = SimulatedMailbox()
    with Simulator(says, lambda *_: [], routes=box.routes()) as cloud:
        known = dict(cloud.routes)
        cloud.routes.update({"/v3/chat": refuse, "/v1/workflow/stream_run": refuse})
        one = listen(cloud)
        row = box.put("no_tool", {}, device="")
        one.app.listener.open_mailbox("box", mailbox(cloud))
        one.app.listener.start()
        one.until(events.RequestDone, request_id=one.ask())
        wait_until(lambda: row.status == "done", "the mailbox goes on")
        assert one.app.listener.state.state != "sign_in"
    assert len(refusals) == 2


# The state that is shown.

_ORDER = ("working", "asking", "streaming", "connecting", "reconnecting", "sign_in", "error", "idle")


def test_the_state_is_right_after_whatever_happens(listen):
    """Against a model: what each request and mailbox is in, and what was said last."""
    with Simulator() as cloud:
        one = listen(cloud)
        listening = one.app.listener
        listening.start()
        one.until(events.StateChanged, state="idle")
        for name in "abc":
            one.app.journal.add_request(name, one.asked())
        for seed in range(1000):
            done = threading.Event()
            wrong: list[Any] = []
            listening._soon(_play, listening, random.Random(seed), wrong, done)
            assert done.wait(DEADLINE_S) and not wrong, wrong


def _play(listening: Any, chance: random.Random, wrong: list[Any], done: threading.Event) -> None:
    requests: dict[str, str] = {}
    mailboxes: dict[str, str] = {}
    parked: set[str] = set()
    happened = []
    error = False  # the last that happened ended a request badly
    for _step in range(12):
        name = chance.choice("abc")
        what = chance.choice(("mark", "mark", "trouble", "done", "failed", "park", "signed_in"))
        happened.append((what, name))
        if what == "mark":
            requests[name], error = chance.choice(_ORDER[:5]), False
            parked.discard(name)
            listening._board.unpark(name)
            listening._board.mark(name, requests[name], "")
        elif what == "trouble":
            before, mailboxes[name] = mailboxes.get(name, ""), chance.choice((*_ORDER[4:], ""))
            error &= mailboxes[name] == before
            listening.troubled(name, mailboxes[name] or None)
        elif what == "signed_in":
            parked.clear()
            error = False
            listening._board.unpark_all()
            listening._unpark()
        else:
            requests.pop(name, None)
            error = what != "done"
            if what == "park":
                parked.add(name)
                listening._board.park(name, "")
            listening._ended(name, None if what == "done" else Failure("x", ""), "")
        states = [*requests.values(), *mailboxes.values(), "sign_in" if parked else "", "error" if error else "idle"]
        shown = listening.state.state
        if shown != next(state for state in _ORDER if state in states):
            wrong.append((happened[:], shown))
    for name in "abc":
        listening._ended(name, None, "")
        listening.troubled(name, None)
    listening._board.unpark_all()
    listening._board.settle()
    done.set()


def test_a_poll_that_was_cancelled_takes_nobody_s_turn():
    async def polls() -> list[float]:
        pace, times = Pace(poll_s=0.05), []

        async def poll() -> None:
            await pace.turn()
            times.append(time.monotonic())

        for _life in range(20):  # stopped and started, with four chats that wait to ask
            cut = [asyncio.create_task(poll()) for _n in range(4)]
            await asyncio.sleep(0)
            for task in cut:
                task.cancel()
            await asyncio.gather(*cut, return_exceptions=True)
        times.clear()
        await asyncio.gather(*(poll() for _n in range(5)))
        return times

    began = time.monotonic()
    times = asyncio.run(polls())
    assert times[-1] - began < 2
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.05
