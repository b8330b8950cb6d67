"""Requests that the user cancels, at every moment of their life: they end at once, leave no half, and never go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from factory import draft, export, png, segment, send, track
from listening import DEADLINE_S, Listening
from program import wait_until
from tray import app, events
from tray.asked import Asked
from tray.draft import publish
from tray.mailbox import Mailbox
from tray.mailbox_pace import MailboxPace
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator
from tray.simulator.workflows import SimulatedRun, Workflows

SLOTS = 4
CANCEL = "/v3/chat/cancel"


def cancel(one: Listening, request_id: str) -> float:
    """Cancel it; seconds until it was over. Nothing else is said of its end."""
    began = time.monotonic()
    assert app.cancel(one.app, request_id)
    assert time.monotonic() - began < 0.5
    one.until(events.RequestCancelled, request_id=request_id)
    took_s = time.monotonic() - began
    ends = [e for e in one.of(events.RequestDone) + one.of(events.RequestFailed) if e.request_id == request_id]
    assert not [end for end in ends if not (isinstance(end, events.RequestFailed) and end.failure.kept)]
    assert one.app.journal.request(request_id).state == "cancelled"
    assert not app.cancel(one.app, request_id), "the second time there is nothing to cancel"
    return took_s


def settles(one: Listening, state: events.State = "idle") -> None:
    wait_until(lambda: one.app.listener.state.state == state, f"the listener is {state}")


def never_goes_on(listen: Callable[..., Listening], one: Listening, cloud: Simulator, request_id: str) -> None:
    """After a restart, too."""
    one.app.close()
    received = len(cloud.received)
    again = listen(cloud, resume=True)
    again.app.listener.start()
    again.until(events.StateChanged, state="idle")
    app.begin(again.app, app.NewRequest(one.asked(), None, request_id=request_id))
    fails = app.begin(again.app, app.NewRequest(replace(one.asked(), files=("/no/such/file",)), None))
    again.until(events.RequestFailed, request_id=fails)  # what was begun before has been seen by then
    assert not [e for e in again.of(events.RequestStarted) if e.request_id == request_id]
    assert not [r for r in cloud.received[received:] if r.path != CANCEL]
    assert again.app.journal.request(request_id).state == "cancelled"


def waiting_bot(gate: threading.Event, left: threading.Event) -> Simulator:
    """A bot that says a word and then nothing, until the gate opens; `left`: who listened has gone."""

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        yield from chat.says("稍等")
        while not gate.wait(0.02):
            try:
                yield b": ping\n\n"
            except GeneratorExit:
                left.set()
                raise
        yield from chat.completed()

    return Simulator(on_chat, lambda *_: [])


def drafting_bot(said: str) -> Simulator:
    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        yield chat.calls_tool("generate_draft", {"content": said})

    def on_outputs(chat: SimulatedChat, _outputs: dict[str, str]) -> Frames:
        yield from chat.says("好")
        yield from chat.completed()

    return Simulator(on_chat, on_outputs)


def untouched(root: Path) -> bool:
    """Whether there is neither a draft nor a half of one."""
    return list(root.parent.iterdir()) == [root] and not list(root.iterdir())


# A chat.


def test_one_that_streams_ends_at_once_and_the_cloud_is_told(listen, gate):
    with waiting_bot(gate, threading.Event()) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        one.until(events.TextArrived)
        assert cancel(one, request_id) < 0.5
        settles(one)
        (chat,) = cloud.chats.values()
        wait_until(lambda: chat.status == "canceled", "the cloud knows")
        never_goes_on(listen, one, cloud, request_id)


def test_its_end_is_told_before_memory_is_given_back(listen, gate, monkeypatch):
    """Collecting garbage takes tenths of a second in a program that has done much."""
    order: list[str] = []
    rested = threading.Event()
    monkeypatch.setattr("tray.memory.give_back", lambda: (order.append("memory"), rested.set()))
    with waiting_bot(gate, threading.Event()) as cloud:
        one = listen(cloud)
        one.app.bus.subscribe(lambda e: order.append("told") if isinstance(e, events.RequestCancelled) else None)
        one.app.listener.start()
        request_id = one.ask()
        one.until(events.TextArrived)
        cancel(one, request_id)
        assert rested.wait(DEADLINE_S)
    assert order == ["told", "memory"]


def test_one_that_is_queued_is_never_asked(listen, gate):
    with waiting_bot(gate, threading.Event()) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        for n in range(SLOTS):
            one.ask(str(n))
        for _n in range(SLOTS):
            one.until(events.TextArrived)
        request_id = one.ask("last")
        assert cancel(one, request_id) < 0.5
        assert len(cloud.chats) == SLOTS
        gate.set()
        for _n in range(SLOTS):
            one.until(events.RequestDone)
        settles(one)
        assert "last" not in [chat.prompt for chat in cloud.chats.values()]


def test_one_that_has_not_begun_as_nothing_listens_is_never_asked(listen):
    with drafting_bot("") as cloud:
        one = listen(cloud)
        request_id = one.ask()
        cancel(one, request_id)
        assert one.app.listener.state.state == "stopped"
        never_goes_on(listen, one, cloud, request_id)


def test_one_that_connects_ends_at_once(listen):
    with drafting_bot("") as cloud:
        cloud.faults.add(Fault("mute", "/v3/chat"))
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        wait_until(lambda: cloud.received, "it is asked for")
        assert cancel(one, request_id) < 0.5
        settles(one)
        never_goes_on(listen, one, cloud, request_id)


def test_one_that_reconnects_ends_at_once(listen):
    with drafting_bot("") as cloud:
        pass
    one = listen(cloud)
    one.app.listener.start()
    request_id = one.ask()
    one.until(events.StateChanged, state="reconnecting")
    assert cancel(one, request_id) < 0.5
    settles(one)
    never_goes_on(listen, one, cloud, request_id)


def test_one_that_waits_for_a_network_which_stays_away_ends(listen):
    with drafting_bot("") as cloud:
        pass
    one = listen(cloud, resume=True)
    one.app.journal.add_request("r", one.asked())
    one.app.listener.go_on("r", 0.05)
    one.app.listener.start()
    one.until(events.RequestFailed, request_id="r")
    assert cancel(one, "r") < 0.5
    settles(one)


def test_one_that_waits_for_signing_in_does_not_go_on_when_there_is_a_token(listen):
    with drafting_bot("") as cloud:
        cloud.tokens = {"another"}
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        one.until(events.StateChanged, state="sign_in")
        assert cancel(one, request_id) < 0.5
        settles(one)
        one.app.listener.signed_in()
        never_goes_on(listen, one, cloud, request_id)


def test_a_cloud_that_does_not_answer_holds_nobody_up(listen, gate):
    with waiting_bot(gate, threading.Event()) as cloud:
        cloud.faults.add(Fault("mute", CANCEL))
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        one.until(events.TextArrived)
        assert cancel(one, request_id) < 0.5
        wait_until(lambda: cloud.received[-1].path == CANCEL, "the cloud is told")
        began = time.monotonic()
        one.app.listener.stop(DEADLINE_S)
        assert time.monotonic() - began < 1.5
        one.until(events.StateChanged, state="stopped")


def test_the_slot_of_one_that_was_cancelled_is_free(listen, gate):
    with waiting_bot(gate, threading.Event()) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        asked = [one.ask(str(n)) for n in range(3 * SLOTS)]
        for _n in range(SLOTS):
            one.until(events.TextArrived)
        for request_id in asked[:-1]:
            assert app.cancel(one.app, request_id)
        for _n in asked[:-1]:
            one.until(events.RequestCancelled)
        gate.set()
        one.until(events.RequestDone, request_id=asked[-1])


def test_who_follows_it_hears_that_it_was_cancelled(listen, gate):
    with waiting_bot(gate, threading.Event()) as cloud:
        one = listen(cloud)
        heard: list[events.Event] = []
        wanted = app.NewRequest(one.asked(), None)
        following = threading.Thread(target=lambda: heard.extend(app.ask(one.app, wanted)))
        following.start()
        one.until(events.TextArrived)
        cancel(one, wanted.request_id)
        following.join(DEADLINE_S)
        assert heard[-1] == events.RequestCancelled(wanted.request_id)
        assert list(app.ask(one.app, wanted)) == [events.RequestCancelled(wanted.request_id)], "who comes later, too"


def test_it_can_be_asked_again_as_something_new(listen, gate):
    with waiting_bot(gate, threading.Event()) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask("同样")
        one.until(events.TextArrived)
        cancel(one, request_id)
        gate.set()
        asked = app.asked_again(one.app.journal.request(request_id))
        again = app.begin(one.app, app.NewRequest(asked, None))
        one.until(events.RequestDone, request_id=again)
        assert [chat.prompt for chat in cloud.chats.values()] == ["同样", "同样"]


def test_what_is_over_or_unknown_can_t_be_cancelled(listen):
    with drafting_bot("{}") as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        one.until(events.RequestDone, request_id=request_id)
        assert not app.cancel(one.app, request_id)
        assert not app.cancel(one.app, "nothing")
        assert one.app.journal.request(request_id).state == "done"
        assert not one.of(events.RequestCancelled)


# A question.


def test_one_that_waits_for_an_answer_asks_nobody_any_more(listen):
    def asks(run: SimulatedRun) -> Frames:
        yield run.interrupt(2, "哪一种？", title="问题")

    with Simulator(routes=Workflows(asks, lambda *_: []).routes()) as cloud:
        one = listen(cloud)
        request_id = app.begin(one.app, app.NewRequest(Asked(cloud.base_url, "workflow", "7"), None))
        question = one.until(events.QuestionAsked)
        assert cancel(one, request_id) < 0.5
        settles(one)
        assert one.app.questions.all() == [] and not one.app.listener.holds_workflows
        assert not app.answer(one.app, request_id, question.question_id, "甲")
        never_goes_on(listen, one, cloud, request_id)


def test_a_workflow_that_runs_is_left_to_the_cloud(listen, gate):
    """Nothing is documented that would cancel it there."""

    def runs(run: SimulatedRun) -> Frames:
        yield from run.message("进度", "开始")
        gate.wait(DEADLINE_S)
        yield run.done()

    with Simulator(routes=Workflows(runs, lambda *_: []).routes()) as cloud:
        one = listen(cloud)
        request_id = app.begin(one.app, app.NewRequest(Asked(cloud.base_url, "workflow", "7"), None))
        wait_until(lambda: one.app.listener.state.state == "streaming", "it runs")
        assert one.app.listener.holds_workflows
        assert cancel(one, request_id) < 0.5
        settles(one)
        assert not one.app.listener.holds_workflows and not one.app.listener.stop(DEADLINE_S)
        assert [r.path for r in cloud.received] == ["/v1/workflow/stream_run"]


# A draft.


def test_one_that_downloads_leaves_nothing_behind(listen, media, root, gate):
    def slowly(handler: Any) -> None:
        gate.wait(DEADLINE_S)
        send(png())(handler)

    with drafting_bot(export(draft(track(segment("image", url=media.serve("/a.png", slowly)))))) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        one.until(events.MediaProgress)
        assert cancel(one, request_id) < 1
        settles(one)
        assert untouched(root) and not one.of(events.DraftWritten)
        never_goes_on(listen, one, cloud, request_id)


def test_one_that_builds_leaves_nothing_behind(listen, root):
    said = export(draft(track(*[segment(start=n, end=n + 1) for n in range(20_000)])))
    with drafting_bot(said) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        one.until(events.ToolStarted)
        wait_until(lambda: list(root.parent.glob(".coze-tray-*/draft-*")) or list(root.iterdir()), "it is built")
        assert cancel(one, request_id) < 2
        settles(one)
        drafts = list(root.iterdir())
        assert list(root.parent.iterdir()) == [root]
        assert [receipt.path for receipt in one.app.journal.recent_drafts()] == [str(path) for path in drafts]


def test_a_draft_that_was_just_being_moved_in_is_listed(listen, root, monkeypatch):
    moving, go_on, real = threading.Event(), threading.Event(), publish.move_in

    def slowly(staged: Path, final: Path) -> bool:
        moving.set()
        go_on.wait(DEADLINE_S)
        return real(staged, final)

    monkeypatch.setattr(publish, "move_in", slowly)
    with drafting_bot(export(draft(track(segment())))) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        assert moving.wait(DEADLINE_S)
        assert app.cancel(one.app, request_id)
        go_on.set()
        one.until(events.RequestCancelled)
        (written,) = one.of(events.DraftWritten)
        assert [path.name for path in root.iterdir()] == [written.receipt.name]
        assert [receipt.path for receipt in one.app.journal.recent_drafts()] == [written.receipt.path]
        settles(one)


def test_a_program_that_was_killed_in_that_moment_lists_it_when_it_starts(listen, root):
    with drafting_bot(export(draft(track(segment())))) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        receipt = one.until(events.DraftWritten).receipt
        one.until(events.RequestDone)
        with one.app.journal._transaction() as db:  # as a kill -9 between the two leaves it
            db.execute("UPDATE drafts SET written = 0")
            db.execute("UPDATE requests SET state = 'running'")
        assert one.app.journal.cancel(request_id)
        assert one.app.journal.recent_drafts() == []
        one.app.close()
        again = listen(cloud, resume=True)
        again.app.listener.start()
        assert again.until(events.DraftWritten).receipt == receipt
        assert again.app.journal.recent_drafts() == [receipt]


def test_drafts_that_are_there_stay(listen, root, gate):
    said = export(draft(track(segment())))

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        yield from chat.says(said)
        gate.wait(DEADLINE_S)
        yield from chat.completed()

    with Simulator(on_chat, lambda *_: []) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        written = one.until(events.DraftWritten).receipt
        cancel(one, request_id)
        assert Path(written.path).is_dir()
        assert one.app.journal.drafts_of(request_id) == [written]


# An item of a mailbox.


def test_an_item_is_acknowledged_as_cancelled_and_not_run_again(listen, box, cloud, media, root, gate):
    def slowly(handler: Any) -> None:
        gate.wait(DEADLINE_S)
        send(png())(handler)

    said = export(draft(track(segment("image", url=media.serve("/a.png", slowly)))))
    row = box.put("generate_draft", {"content": said}, device="desk")
    one = listen(cloud, resume=True)
    asked = Asked(cloud.base_url, "workflow", "77", target="box")
    pace = MailboxPace(0.05, hold_s=0.05, longest_s=0.2)
    one.app.listener.open_mailbox("box", Mailbox("box", asked, "desk", 10_000, pace))
    one.app.listener.start()
    request_id = one.until(events.MediaProgress).request_id
    cancel(one, request_id)
    wait_until(lambda: row.status == "done", "it is acknowledged")
    assert row.result == {"id": row.id, "status": "cancelled", "message": "The user has cancelled it."}
    assert untouched(root)
    runs = len(box.runs)
    wait_until(lambda: len(box.runs) > runs + 2, "more runs")
    assert len(one.of(events.RequestStarted)) == 1
    gate.set()
    again = app.begin(one.app, app.NewRequest(app.asked_again(one.app.journal.request(request_id)), None))
    one.until(events.RequestDone, request_id=again)
    assert len(list(root.iterdir())) == 1


# Whatever comes between.


def test_a_request_that_ends_in_that_very_moment_has_one_end(listen):
    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        yield from chat.completed()

    with Simulator(on_chat, lambda *_: []) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        ends = (events.RequestDone, events.RequestFailed, events.RequestCancelled)
        for n in range(60):
            request_id = one.ask()
            time.sleep(n / 4000)
            taken = app.cancel(one.app, request_id)
            state = one.app.journal.request(request_id).state
            while not isinstance(one.until(object), ends):
                pass
            assert (state == "cancelled") == taken
        wait_until(lambda: not one.app.listener._tasks and not one.app.listener._cancelling._ending, "all are over")
        over = [event.request_id for kind in ends for event in one.of(kind)]
        assert len(over) == len(set(over)) == 60
        settles(one)


def test_a_stop_in_the_middle_of_a_cancel_waits_for_what_is_written(listen, root, monkeypatch):
    moving, go_on, real = threading.Event(), threading.Event(), publish.move_in

    def slowly(staged: Path, final: Path) -> bool:
        moving.set()
        go_on.wait(DEADLINE_S)
        return real(staged, final)

    monkeypatch.setattr(publish, "move_in", slowly)
    with drafting_bot(export(draft(track(segment())))) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        assert moving.wait(DEADLINE_S)
        assert app.cancel(one.app, request_id)
        one.app.listener.stop()
        go_on.set()
        one.until(events.StateChanged, state="stopped")
        assert len(one.of(events.RequestCancelled)) == len(one.of(events.DraftWritten)) == 1
        assert list(root.parent.iterdir()) == [root] and len(list(root.iterdir())) == 1


def test_a_click_returns_within_50_ms(listen, gate):
    with waiting_bot(gate, threading.Event()) as cloud:
        one = listen(cloud)
        one.app.listener.start()
        request_id = one.ask()
        one.until(events.TextArrived)
        began = time.monotonic()
        app.cancel(one.app, request_id)
        assert time.monotonic() - began < 0.05
