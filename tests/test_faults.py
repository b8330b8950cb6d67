"""Whatever the network, the cloud or the disk does to a bot's request: its draft is built once, and the state is shown.

Each test goes through the whole listener, over real HTTP to the simulated cloud.
"""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from factory import draft, export, segment, track
from listening import Listening
from program import coze_tray, environment, last_line, start, wait_until
from relay import Relay
from tray import events, listener
from tray.coze import client as client_module
from tray.coze.client import Client
from tray.coze.credential import Credential, FixedToken
from tray.coze.tries import Pace
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import frame
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator
from tray.tools.context import ToolContext

SAID = export(draft(track(segment())))
CREATE, SUBMIT, RETRIEVE, LIST = (
    "/v3/chat",
    "/v3/chat/submit_tool_outputs",
    "/v3/chat/retrieve",
    "/v3/chat/message/list",
)


def script(chat: SimulatedChat) -> Iterator[bytes]:
    yield chat.created()
    yield chat.in_progress()
    yield from chat.says("马上做。")
    yield chat.calls_tool("generate_draft", {"content": SAID})


def after_tool(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
    yield chat.in_progress()
    yield from chat.says(json.loads(next(iter(outputs.values())))["status"])
    yield from chat.completed()


def bot(on_chat: Any = script, on_outputs: Any = after_tool, **more: Any) -> Simulator:
    return Simulator(on_chat, on_outputs, **more)


class Patient(Listening):
    """Asks for as long as it takes."""

    def ask(self, prompt: str = "做一个视频") -> str:
        request_id = uuid.uuid4().hex
        self.app.journal.add_request(request_id, self.asked(prompt))
        self.app.listener.go_on(request_id)
        return request_id


Listen = Callable[..., Patient]


@pytest.fixture
def listen(tmp_path: Path, root: Path) -> Iterator[Listen]:
    """A program that listens, and tries again after hundredths of seconds instead of seconds."""
    opened: list[Patient] = []

    def make(
        cloud: Simulator,
        *,
        credential: Credential | None = None,
        silent_s: float = 120.0,
        base_url: str = "",
        resume: bool = True,
        clock: Callable[[], float] | None = None,
    ) -> Patient:
        one = Patient(tmp_path / "home", root, cloud, resume=resume)
        opened.append(one)
        pace = Pace(poll_s=0.03, first_pause_s=0.01)

        async def connect(asked_url: str) -> Client:
            return Client(base_url or asked_url, credential or FixedToken("t"), silent_s, pace)

        parts = replace(one.app.listener.parts, connect=connect)
        one.app.listener.parts = replace(parts, clock=clock) if clock else parts
        one.app.listener.start()
        return one

    yield make
    for one in opened:
        one.app.close()


def ends_well(
    one: Listening, cloud: Simulator, root: Path, request_id: str, creations: int = 1, tool_runs: int = 1
) -> list[str]:
    """The request ends as it would have without any fault. Returns the states that were shown, in their order."""
    done = one.until(events.RequestDone, request_id=request_id)
    one.until(events.StateChanged, state="idle")
    assert done.text == "马上做。\nok"
    assert [path.name for path in root.iterdir()] == ["测试"]
    assert len(one.of(events.DraftWritten)) == 1
    assert len(one.of(events.ToolStarted)) == tool_runs
    assert len(one.of(events.ToolFinished)) == 1
    submissions = [r.body["tool_outputs"] for r in cloud.received if r.path == SUBMIT]
    assert submissions and all(outputs == submissions[0] for outputs in submissions)
    assert paths(cloud).count(CREATE) == creations
    assert len(cloud.chats) == 1 and next(iter(cloud.chats.values())).status == "completed"
    assert one.app.journal.request(request_id).state == "done"
    assert one.app.listener.state == events.StateChanged("idle")
    return [event.state for event in one.of(events.StateChanged)]


def paths(cloud: Simulator) -> list[str]:
    return [received.path for received in cloud.received]


# Streams that are cut.


def cuts() -> Iterator[Any]:
    """In the middle and at the end of what both streams say, one event of each kind."""
    chat = SimulatedChat("0" * 19, "0" * 19, "bot", "问")
    for path, frames in ((CREATE, list(script(chat))), (SUBMIT, list(after_tool(chat, {"": '{"status": "ok"}'})))):
        ends = list(accumulate(map(len, frames)))
        names = [one.split(b"\n")[0].decode().split(":")[1].removeprefix("conversation.") for one in frames]
        for name in dict.fromkeys(names):
            number = names.index(name)
            yield pytest.param(path, ends[number] - len(frames[number]) // 2, id=f"{path} in {name}")
            yield pytest.param(path, ends[number], id=f"{path} after {name}")
    yield pytest.param(SUBMIT, 0, id=f"{SUBMIT} at once")


def no_name(path: str, at_bytes: int) -> bool:
    """Whether the chat's name was not told before the cut: then nobody knows of it."""
    return path == CREATE and at_bytes < len(next(iter(script(SimulatedChat("0" * 19, "0" * 19, "bot", "问")))))


@pytest.mark.parametrize(("path", "at_bytes"), list(cuts()))
def test_a_stream_that_is_cut_is_followed_up_and_the_draft_built_once(path, at_bytes, listen: Listen, root):
    with bot() as cloud:
        cloud.faults.add(Fault("cut", path, at_bytes=at_bytes))
        one = listen(cloud)
        request_id = one.ask()
        if no_name(path, at_bytes):
            assert one.until(events.RequestFailed, request_id=request_id).failure.code == "lost"
            assert one.app.listener.state.state == "error"
            assert paths(cloud) == [CREATE] and not list(root.iterdir())
            return
        ends_well(one, cloud, root, request_id)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_submission_that_is_reset_is_sent_again_without_running_the_tool_again(kind, times, listen: Listen, root):
    with bot() as cloud:
        cloud.faults.add(Fault(kind, SUBMIT, times=times if kind == "reset_before" else 1))
        one = listen(cloud)
        states = ends_well(one, cloud, root, one.ask())
    assert "reconnecting" in states
    assert paths(cloud).count(SUBMIT) == (times + 1 if kind == "reset_before" else 1)


# A cloud that is busy, broken or away.

BUSY = [
    pytest.param(Fault("answer", status=429, headers={"Retry-After": "0"}, body=b"slow down"), id="429"),
    pytest.param(Fault("answer", body={"code": 4009, "msg": "busy"}), id="4009"),
    pytest.param(Fault("answer", body={"code": 4020, "msg": "rpm"}), id="4020"),
    pytest.param(Fault("answer", body={"code": 5000, "msg": "internal"}), id="5000"),
    pytest.param(Fault("answer", status=500, body=b"<html>"), id="500"),
    pytest.param(Fault("answer", status=502, body=b"<html>"), id="502"),
    pytest.param(Fault("answer", status=503, body=b"<html>"), id="503"),
]
GATEWAY = [
    pytest.param(Fault("answer", status=504, body=b"<html>"), id="504"),
    pytest.param(Fault("reset_before"), id="reset"),
]


@pytest.mark.parametrize("fault", BUSY)
@pytest.mark.parametrize("path", [CREATE, SUBMIT])
def test_a_busy_cloud_is_asked_again(fault: Fault, path: str, listen: Listen, root):
    with bot() as cloud:
        cloud.faults.add(replace(fault, path=path, times=3))
        one = listen(cloud)
        states = ends_well(one, cloud, root, one.ask(), creations=4 if path == CREATE else 1)
        shown = [event.detail for event in one.of(events.StateChanged) if event.state == "reconnecting"]
    assert "reconnecting" in states
    assert all("again in 1 s" in detail for detail in shown)


@pytest.mark.parametrize("fault", BUSY + GATEWAY)
@pytest.mark.parametrize("path", [RETRIEVE, LIST])
def test_asking_what_became_of_a_chat_survives_the_same_faults(fault: Fault, path: str, listen: Listen, root):
    with bot() as cloud:
        cloud.faults.add(Fault("cut", SUBMIT, at_bytes=300))
        cloud.faults.add(replace(fault, path=path, times=2))
        one = listen(cloud)
        assert "reconnecting" in ends_well(one, cloud, root, one.ask())


@pytest.mark.parametrize("fault", GATEWAY)
def test_a_gateway_that_breaks_before_the_submission_is_asked_again(fault: Fault, listen: Listen, root):
    with bot() as cloud:
        cloud.faults.add(replace(fault, path=SUBMIT, times=2))
        one = listen(cloud)
        assert "reconnecting" in ends_well(one, cloud, root, one.ask())


@pytest.mark.parametrize("fault", GATEWAY)
def test_a_gateway_that_breaks_at_the_creation_leaves_a_request_that_nobody_knows_of(fault: Fault, listen, root):
    with bot() as cloud:
        cloud.faults.add(replace(fault, path=CREATE))
        one = listen(cloud)
        failure = one.until(events.RequestFailed, request_id=(request_id := one.ask())).failure
        assert (failure.code, failure.again) == ("lost", True) and failure.advice
        assert one.app.journal.request(request_id).failure == failure
    assert paths(cloud) == [CREATE]


def test_a_retry_after_is_honoured_and_shown(listen: Listen, root):
    with bot() as cloud:
        cloud.faults.add(Fault("answer", CREATE, status=429, headers={"Retry-After": "1"}, body=b""))
        one = listen(cloud)
        request_id = one.ask()
        detail = one.until(events.StateChanged, state="reconnecting").detail
        with pytest.raises(queue.Empty):  # nothing but the pause for most of a second
            one.heard.get(timeout=0.7)
        ends_well(one, cloud, root, request_id, creations=2)
    assert detail.startswith("again in 1 s")


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When a connection was asked for, by the loop's clock."""
    made: list[float] = []
    real = asyncio.BaseEventLoop.create_connection

    async def counted(loop: Any, *args: Any, **named: Any) -> Any:
        made.append(loop.time())
        return await real(loop, *args, **named)

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", counted)
    return made


@pytest.fixture
def relay() -> Iterator[Callable[[Simulator], Relay]]:
    made: list[Relay] = []

    def make(cloud: Simulator) -> Relay:
        made.append(Relay(urlsplit(cloud.base_url).port or 0))
        return made[-1]

    yield make
    for one in made:
        one.down()


def test_a_refused_connection_is_tried_until_it_is_there(listen: Listen, relay, attempts, root):
    with bot() as cloud:
        wire = relay(cloud)
        one = listen(cloud, base_url=wire.base_url)
        request_id = one.ask()
        assert wire.base_url in one.until(events.StateChanged, state="reconnecting").detail
        wait_until(lambda: len(attempts) >= 3, "it is tried again")
        wire.up()
        ends_well(one, cloud, root, request_id)


def test_a_network_that_goes_in_the_middle_and_comes_back(listen: Listen, relay, root):
    with bot() as cloud:
        wire = relay(cloud)
        wire.up()
        began, go_on = threading.Event(), threading.Event()
        one = listen(cloud, base_url=wire.base_url)

        async def generate_draft(ctx: ToolContext, content: str) -> dict[str, Any]:
            from tray.tools.generate_draft import generate_draft as real

            began.set()
            await asyncio.to_thread(go_on.wait, 20)
            return await real(ctx, content)

        one.app.listener.parts.tools.tool(generate_draft)
        request_id = one.ask()
        assert began.wait(20)
        wire.down()
        go_on.set()
        one.until(events.StateChanged, state="reconnecting")
        wire.up()
        ends_well(one, cloud, root, request_id)


def test_a_name_that_can_t_be_resolved_is_tried_again(listen: Listen, root, monkeypatch):
    real, failures = socket.getaddrinfo, iter(range(3))

    def no_dns(host: Any, *args: Any, **named: Any) -> Any:
        if host in ("localhost", b"localhost") and next(failures, None) is not None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", no_dns)
    with bot() as cloud:
        one = listen(cloud, base_url=f"http://localhost:{urlsplit(cloud.base_url).port}")
        request_id = one.ask()
        assert "name is not known" in one.until(events.StateChanged, state="reconnecting").detail
        ends_well(one, cloud, root, request_id)


def test_a_proxy_that_stops_is_said_and_the_request_goes_on_when_it_is_back(listen: Listen, relay, root, monkeypatch):
    """The proxy here takes plain requests, as it does for http:// addresses."""
    with bot() as cloud:
        wire = relay(cloud)
        monkeypatch.setattr(client_module, "proxy_for", lambda _url: wire.base_url)
        one = listen(cloud)
        request_id = one.ask()
        one.until(events.StateChanged, state="reconnecting")
        wire.up()
        ends_well(one, cloud, root, request_id)


class Fast(asyncio.SelectorEventLoop):
    """A loop whose clock runs so many times as fast."""

    TIMES = 2000.0

    def __init__(self) -> None:
        super().__init__()
        select = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = lambda timeout=None: select(timeout and timeout / self.TIMES)  # type: ignore[attr-defined]

    def time(self) -> float:
        return super().time() * self.TIMES


def test_an_hour_without_network_costs_a_try_now_and_then(listen: Listen, relay, attempts, root, monkeypatch):
    monkeypatch.setattr(asyncio, "new_event_loop", Fast)
    with bot() as cloud:
        wire = relay(cloud)
        one = listen(cloud, base_url=wire.base_url)
        request_id = one.ask()
        wait_until(lambda: attempts and attempts[-1] - attempts[0] > 3600, "an hour passes")
        assert 20 < len(attempts) < 200, "never given up, and about one in half a minute"
        pauses = [later - earlier for earlier, later in pairwise(attempts)]
        assert min(pauses[20:]) > 15
        monkeypatch.undo()
        one.app.listener.stop(timeout_s=5)
        wire.up()
        one.app.listener.start()
        ends_well(one, cloud, root, request_id)


# Signing in.


class Renewing:
    """A credential whose first token is refused. `spare`: what there is after renewing it."""

    def __init__(self, spare: str = "") -> None:
        self.now, self.spare, self.renewed = "old", spare, 0

    async def token(self) -> str:
        return self.now

    async def renew(self, refused: str) -> bool:
        self.renewed += 1
        if self.spare and refused == self.now:
            self.now = self.spare
        return self.now != refused


MOMENTS = [CREATE, SUBMIT, RETRIEVE]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_token_that_expires_is_refreshed_once_and_the_request_goes_on(moment: str, listen: Listen, root):
    credential = Renewing("new")
    with bot() as cloud:
        taken(cloud, moment, {"new"})
        one = listen(cloud, credential=credential)
        ends_well(one, cloud, root, one.ask(), creations=1 + (moment == CREATE))
    assert credential.renewed == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_token_that_can_t_be_refreshed_keeps_the_request_until_somebody_signs_in(moment: str, listen: Listen, root):
    credential = Renewing()
    with bot() as cloud:
        taken(cloud, moment, {"new"})
        one = listen(cloud, credential=credential)
        request_id = one.ask()
        failure = one.until(events.RequestFailed, request_id=request_id).failure
        assert (failure.code, failure.kept) == ("sign_in", True)
        assert "coze-tray login" in failure.advice
        one.until(events.StateChanged, state="sign_in")
        kept = one.app.journal.request(request_id)
        assert kept.state == "running" and kept.failure is None
        assert bool(kept.run) == (moment != CREATE)
        credential.now = "new"
        one.app.listener.signed_in()
        states = ends_well(one, cloud, root, request_id, creations=1 + (moment == CREATE))
    assert states[-1] == "idle"


def taken(cloud: Simulator, moment: str, tokens: set[str]) -> None:
    """From its first request to `moment` on, the cloud takes these tokens alone."""
    if moment == RETRIEVE:
        cloud.faults.add(Fault("cut", SUBMIT, at_bytes=300))
    answer = cloud.answer

    def watched(exchange: Any) -> None:
        if exchange.path == moment:
            cloud.tokens = tokens
        answer(exchange)

    cloud.answer = watched  # type: ignore[method-assign]


def test_requests_that_wait_for_signing_in_let_nothing_through_and_all_go_on(listen: Listen, root):
    credential = Renewing()
    with bot(tokens={"new"}) as cloud:
        one = listen(cloud, credential=credential)
        ids = [one.ask() for _n in range(6)]
        assert {one.until(events.RequestFailed).request_id for _n in ids} == set(ids)  # in whatever order
        wait_until(lambda: one.app.listener.state.state == "sign_in", "it says so")
        credential.now = "new"
        one.app.listener.signed_in()
        for _n in ids:
            one.until(events.RequestDone)
    assert len(list(root.iterdir())) == len(cloud.chats) == 6


def test_ask_says_that_nobody_is_signed_in_and_exits_1_and_the_request_goes_on_after_login(tmp_path: Path, root):
    home = tmp_path / "home"
    with bot(tokens={"good"}) as cloud:
        env = environment(home, COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="old", COZE_TRAY_DRAFTS_DIR=str(root))
        done = coze_tray("ask", "做一个视频", "--bot", "1", "--json", env=env)
        said = last_line(done)
        assert done.returncode == 1
        assert (said["status"], said["error"]["code"], said["error"]["kept"]) == ("failed", "sign_in", True)
        assert "coze-tray login" in done.stderr + done.stdout and "is kept" in done.stderr
        assert "Traceback" not in done.stderr
        again = start("--headless", env={**env, "COZE_API_TOKEN": "good"})
        wait_until(lambda: list(root.iterdir()), "the draft is built after signing in")
        wait_until(lambda: [c for c in cloud.chats.values() if c.status == "completed"], "the chat ends")
        again.terminate()
        again.communicate(timeout=40)
    assert len(cloud.chats) == len(list(root.iterdir())) == 1


# What the bot itself does.


def fails_in(code: int, message: str, *, event: bool) -> Any:
    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        chat.status = "failed"
        error = {"code": code, "msg": message}
        if event:
            yield frame("error", error)
        else:
            yield frame("conversation.chat.failed", {**chat.wire(), "last_error": error})

    return on_outputs


@pytest.mark.parametrize("event", [True, False], ids=["error event, and retrieve says failed", "chat.failed"])
@pytest.mark.parametrize("code", [4013, 720702204])
def test_a_bot_that_fails_is_told_with_its_code_and_never_run_again(code: int, event: bool, listen: Listen, root):
    with bot(on_outputs=fails_in(code, "the model is unwell", event=event)) as cloud:
        one = listen(cloud)
        request_id = one.ask()
        failure = one.until(events.RequestFailed, request_id=request_id).failure
        one.until(events.StateChanged, state="error")
    assert failure.code == str(code)
    assert "unwell" in failure.message
    assert failure.again and not failure.kept
    assert failure.logid
    assert code != 4013 or failure.advice
    assert paths(cloud).count(CREATE) == 1
    assert len(list(root.iterdir())) == len(one.of(events.DraftWritten)) == 1, "what was built before stays"
    assert one.app.journal.request(request_id).text == "马上做。"


def test_an_error_event_of_a_chat_that_goes_on_ends_nothing(listen: Listen, root):
    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        list(after_tool(chat, outputs))
        yield frame("error", {"code": 5000, "msg": "stream broke"})

    with bot(on_outputs=on_outputs) as cloud:
        one = listen(cloud)
        ends_well(one, cloud, root, one.ask())


def test_a_busy_conversation_is_left_for_a_new_one(listen: Listen, root):
    with bot() as cloud:
        cloud.faults.add(Fault("answer", CREATE, body={"code": 4016, "msg": "a chat is running"}))
        one = listen(cloud)
        request_id = "continued"
        one.app.journal.add_request(request_id, replace(one.asked("做一个视频"), conversation_id="77"))
        one.app.listener.go_on(request_id)
        ends_well(one, cloud, root, request_id, creations=2)
    assert [r.query.get("conversation_id") for r in cloud.received if r.path == CREATE] == ["77", None]
    assert "new conversation" in one.of(events.Noticed)[0].text


# What comes over the wire.


def with_comments(stream: bytes) -> bytes:
    return b": hello\n\n" + stream.replace(b"\n\n", b"\n\n: ping\n\n")


def with_unknown_events(stream: bytes) -> bytes:
    strange = frame("PING", {}) + frame("conversation.chat.dreaming", {"x": [1]}) + b"event: odd\n\n" + b"data: [1]\n\n"
    return stream.replace(b"\n\n", b"\n\n" + strange)


def with_broken_json(stream: bytes) -> bytes:
    broken = b'event:conversation.message.delta\ndata:{"type":"answer","content":\n\n'
    return stream.replace(b"\n\n", b"\n\n" + broken + frame("conversation.message.completed", [None]), 3)


def with_cr_lf(stream: bytes) -> bytes:
    return stream.replace(b"\n", b"\r\n")


def with_cr(stream: bytes) -> bytes:
    return stream.replace(b"\n", b"\r")


def with_every_line_end(stream: bytes) -> bytes:
    ends = [b"\n", b"\r\n", b"\r"]
    lines = stream.split(b"\n")
    return b"".join(line + ends[n % 3] for n, line in enumerate(lines))


@pytest.mark.parametrize(
    "form",
    [with_comments, with_unknown_events, with_broken_json, with_cr_lf, with_cr, with_every_line_end],
    ids=lambda form: form.__name__,
)
def test_a_stream_is_read_right(form: Callable[[bytes], bytes], listen: Listen, root):
    def formed(frames: Iterator[bytes]) -> Iterator[bytes]:
        yield form(b"".join(frames))

    with bot(lambda chat: formed(script(chat)), lambda chat, outputs: formed(after_tool(chat, outputs))) as cloud:
        one = listen(cloud)
        ends_well(one, cloud, root, one.ask())


def test_events_that_come_a_byte_at_a_time_are_read_right(listen: Listen, root):
    def apart(frames: Iterator[bytes]) -> Iterator[bytes]:
        return (bytes([byte]) for piece in frames for byte in piece)

    with bot(lambda chat: apart(script(chat)), lambda chat, outputs: apart(after_tool(chat, outputs))) as cloud:
        one = listen(cloud)
        ends_well(one, cloud, root, one.ask())


def test_an_event_of_20_mb_is_read(listen: Listen, root):
    large = "大" * 7_000_000

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield frame("conversation.message.completed", {"type": "verbose", "content": large})
        yield from chat.says("马上做。")
        yield chat.calls_tool("generate_draft", {"content": SAID})

    with bot(on_chat) as cloud:
        one = listen(cloud)
        ends_well(one, cloud, root, one.ask())


# Silence.


@pytest.mark.parametrize(("path", "at_bytes"), [(CREATE, 400), (SUBMIT, 0), (SUBMIT, 400)])
def test_a_stream_that_says_nothing_more_is_noticed(path: str, at_bytes: int, listen: Listen, root):
    with bot() as cloud:
        cloud.faults.add(Fault("stall", path, at_bytes=at_bytes))
        one = listen(cloud, silent_s=0.3)
        assert "reconnecting" in ends_well(one, cloud, root, one.ask())


def test_an_answer_that_does_not_come_is_noticed(listen: Listen, root, monkeypatch):
    monkeypatch.setattr(client_module, "ANSWER_S", 0.2)
    with bot() as cloud:
        cloud.faults.add(Fault("cut", SUBMIT, at_bytes=400))
        retrieve, asked = cloud.routes[RETRIEVE], iter(range(1))

        def answer(exchange: Any) -> None:
            if next(asked, None) is not None:
                cloud.faults.ended.wait()
            retrieve(exchange)

        cloud.routes[RETRIEVE] = answer
        one = listen(cloud)
        assert "reconnecting" in ends_well(one, cloud, root, one.ask())


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("path", "at_bytes"), [(CREATE, 1200), (SUBMIT, 400)])
def test_a_computer_that_slept_for_8_hours_asks_what_became_of_its_chats(path, at_bytes, listen, root, monkeypatch):
    monkeypatch.setattr("tray.clock.LOOK_S", 0.02)
    clock = Clock()
    with bot() as cloud:
        cloud.faults.add(Fault("stall", path, at_bytes=at_bytes))
        one = listen(cloud, clock=clock)
        request_id = one.ask()
        one.until(events.TextArrived) if path == CREATE else one.until(events.ToolFinished)
        one.until(events.StateChanged, state="streaming") if path == SUBMIT else None
        clock.now += 8 * 3600
        assert "asleep" in one.until(events.StateChanged, state="reconnecting").detail
        ends_well(one, cloud, root, request_id)


# Tools.


def test_two_calls_in_one_action_are_both_answered_in_one_submission(listen: Listen, root):
    other = export(draft(track(segment()), name="另一个"))

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        chat.calls_tool("generate_draft", {"content": SAID})
        calls = chat.calls
        chat.calls_tool("generate_draft", {"content": other})
        chat.calls = calls + chat.calls
        yield frame("conversation.chat.requires_action", chat.wire())

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        yield from chat.says(" ".join(json.loads(output)["drafts"][0]["name"] for output in outputs.values()))
        yield from chat.completed()

    with bot(on_chat, on_outputs) as cloud:
        cloud.faults.add(Fault("reset_before", SUBMIT))
        one = listen(cloud)
        assert one.until(events.RequestDone, request_id=one.ask()).text == "测试 另一个"
    assert sorted(path.name for path in root.iterdir()) == sorted(["测试", "另一个"])
    assert len(one.of(events.ToolStarted)) == 2


def test_three_rounds_in_one_chat_are_all_answered(listen: Listen, root):
    def call(chat: SimulatedChat) -> bytes:
        return chat.calls_tool("generate_draft", {"content": export(draft(track(segment()), name=f"第{chat.rounds}"))})

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield call(chat)

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        if chat.rounds < 3:
            yield call(chat)
        else:
            yield from chat.says("三个")
            yield from chat.completed()

    with bot(on_chat, on_outputs) as cloud:
        cloud.faults.add(Fault("cut", SUBMIT, skip=1, at_bytes=10))
        one = listen(cloud)
        assert one.until(events.RequestDone, request_id=one.ask()).text == "三个"
    assert sorted(path.name for path in root.iterdir()) == ["第0", "第1", "第2"]
    assert len(cloud.chats) == 1 and len(one.of(events.ToolStarted)) == 3


def test_a_tool_that_takes_ten_minutes_blocks_nothing_else(listen: Listen, root):
    began, ten_minutes = threading.Event(), threading.Event()

    async def slow(ctx: ToolContext) -> dict[str, Any]:
        began.set()
        await asyncio.to_thread(ten_minutes.wait, 20)
        return {"status": "ok"}

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        if chat.prompt != "慢":
            yield from script(chat)
            return
        yield chat.created()
        yield chat.calls_tool("slow", {})

    with bot(on_chat) as cloud:
        one = listen(cloud, silent_s=0.2)  # however long it takes: no stream is open meanwhile
        one.app.listener.parts.tools.tool(slow)
        first = one.ask("慢")
        assert began.wait(20)
        for _n in range(2):
            one.until(events.RequestDone, request_id=one.ask())
        assert one.app.listener.state.state == "working"
        ten_minutes.set()
        assert one.until(events.RequestDone, request_id=first).text == "ok"
    assert len(one.of(events.ToolStarted)) == 3


# The disk and the journal.


class Disk:
    """The disk that the journal is on."""

    def __init__(self, one: Patient) -> None:
        self.db = one.app.journal._db

    def fills_up(self) -> None:
        self.db.execute(f"PRAGMA max_page_count = {self.db.execute('PRAGMA page_count').fetchone()[0]}")

    def has_room(self) -> None:
        self.db.execute("PRAGMA max_page_count = 1000000")


LONG = "长" * 20_000
"""What does not fit into the room that a journal has left."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "JOURNAL_AGAIN_S", 0.05)


def test_a_disk_that_is_full_when_a_tool_has_run_ends_nothing_and_runs_nothing_twice(listen: Listen, root, impatient):
    ran = []

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield chat.calls_tool("note", {})

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        yield from chat.says(LONG)
        yield from chat.completed()

    with bot(on_chat, on_outputs) as cloud:
        one = listen(cloud)
        disk = Disk(one)

        async def note(ctx: ToolContext) -> dict[str, Any]:
            ran.append(1)
            disk.fills_up()
            return {"status": "ok", "message": LONG}

        one.app.listener.parts.tools.tool(note)
        request_id = one.ask()
        failure = one.until(events.RequestFailed, request_id=request_id).failure
        assert (failure.code, failure.kept) == ("journal", True)
        assert "full" in failure.message and "room" in failure.advice
        one.until(events.StateChanged, state="error")
        disk.has_room()
        assert one.until(events.RequestDone, request_id=request_id).text == LONG
        one.until(events.StateChanged, state="idle")
    assert ran == [1]
    chat = next(iter(cloud.chats.values()))
    assert LONG in (one.app.journal.tool_output(chat.id, chat.calls[0]["id"]) or ""), "it is written in the end"
    assert len(cloud.chats) == 1


@pytest.mark.parametrize("moment", ["tool_started", "put_draft", "tool_finished", "said", "run_is", "posting", "done"])
def test_a_disk_that_fills_up_at_any_moment_loses_no_request_and_builds_nothing_twice(
    moment: str, listen: Listen, root, impatient, monkeypatch
):
    """The bot is not told that its draft failed, either: it did not."""
    with bot() as cloud:
        one = listen(cloud)
        disk, journal = Disk(one), one.app.journal
        real, full = getattr(journal, moment), threading.Event()
        padding = "x" * 100_000

        def at_that_moment(*args: Any, **named: Any) -> Any:
            if not full.is_set():
                full.set()
                disk.fills_up()
                # The room that is left in the last page, too.
                journal._happened("UPDATE requests SET text = ?", padding)
            return real(*args, **named)

        monkeypatch.setattr(journal, moment, at_that_moment)
        request_id = one.ask()
        assert full.wait(20)
        assert one.until(events.RequestFailed, request_id=request_id).failure.code == "journal"
        disk.has_room()
        ends_well(one, cloud, root, request_id, tool_runs=2 if moment == "put_draft" else 1)


def test_a_listener_whose_disk_is_full_says_so_to_who_asks(tmp_path: Path, listen: Listen, root):
    from tray import app

    with bot() as cloud:
        one = listen(cloud)
        disk = Disk(one)
        disk.fills_up()
        question = app.NewRequest(replace(one.asked(), prompt=LONG), None)
        heard = list(app.ask(one.app, question))
        assert isinstance(heard[-1], events.RequestFailed)
        assert heard[-1].failure.code == "journal" and "full" in heard[-1].failure.message
        disk.has_room()
        one.until(events.RequestDone, request_id=one.ask())


def test_a_request_that_the_journal_can_t_give_back_ends_alone(listen: Listen, root):
    with bot() as cloud:
        one = listen(cloud)
        one.app.listener.stop(timeout_s=5)
        broken, whole = one.ask(), one.ask()
        one.app.journal._run("UPDATE requests SET asked = '{' WHERE id = ?", broken)
        one.app.listener.start()
        failure = one.until(events.RequestFailed, request_id=broken).failure
        assert "can't be read" in failure.message and not failure.kept
        ends_well(one, cloud, root, whole)
        assert one.app.journal.unfinished() == []


# Patience.


def test_a_request_whose_asker_has_no_more_patience_goes_on_by_itself_in_the_program_that_runs(
    listen: Listen, relay, root
):
    with bot() as cloud:
        wire = relay(cloud)
        one = listen(cloud, base_url=wire.base_url)
        one.app.journal.add_request("r", one.asked("做一个视频"))
        one.app.listener.go_on("r", 0.1)
        failure = one.until(events.RequestFailed, request_id="r").failure
        assert (failure.code, failure.kept) == ("network", True)
        one.until(events.StateChanged, state="reconnecting")
        wire.up()
        ends_well(one, cloud, root, "r")


def test_a_request_that_is_over_is_not_run_again(listen: Listen, root):
    with bot() as cloud:
        one = listen(cloud)
        request_id = one.ask()
        text = one.until(events.RequestDone, request_id=request_id).text
        sent = len(cloud.received)
        one.app.listener.go_on(request_id)
        assert one.until(events.RequestDone, request_id=request_id).text == text
        one.app.journal.failed(request_id, events.Failure("4013", "m"))
        one.app.listener.go_on(request_id)
        assert one.until(events.RequestFailed, request_id=request_id).failure.code == "4013"
        assert len(cloud.received) == sent


# What it costs.


def test_sixteen_broken_chats_together_are_asked_about_once_a_second(tmp_path: Path, root):
    """With the pace that the program really has."""
    asked: list[float] = []

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        raise ConnectionError

    with bot(on_chat) as cloud:
        retrieve = cloud.routes[RETRIEVE]

        def counted(exchange: Any) -> None:
            asked.append(time.monotonic())
            retrieve(exchange)

        cloud.routes[RETRIEVE] = counted
        one = Patient(tmp_path / "home", root, cloud)
        try:
            one.app.listener.parts = replace(one.app.listener.parts, at_once=16)
            one.app.listener.start()
            for _n in range(16):
                one.ask()
            wait_until(lambda: len(asked) >= 4, "it is asked what became of them")
        finally:
            one.app.close()
    assert len(cloud.chats) == 16
    assert asked[3] - asked[0] > 2.8


def test_a_listener_that_has_nothing_to_do_does_nothing(listen: Listen, root, monkeypatch):
    monkeypatch.setattr("tray.clock.LOOK_S", 0.05)
    with bot() as cloud:
        one = listen(cloud)
        loop = one.app.listener._loop
        request_id = one.ask()
        ends_well(one, cloud, root, request_id)
        sent = len(cloud.received)

        def soon() -> list[Any]:
            """What the loop is to do within the next hour."""
            return [h for h in loop._scheduled if not h.cancelled() and h.when() < loop.time() + 3600] + list(
                loop._ready
            )

        wait_until(lambda: not soon(), "the loop has nothing to do any more")
        thread = one.app.listener._thread
        status = Path(f"/proc/self/task/{thread.native_id}/status")
        if status.exists():
            wait_until(lambda: not woken_up(status), "it has gone to sleep")
            assert not woken_up(status)
        assert len(cloud.received) == sent
        assert one.app.listener.state == events.StateChanged("idle")


def woken_up(status: Path, watched_s: float = 0.3) -> bool:
    """Whether a thread ran while it was watched."""
    before = switches(status.read_text())
    time.sleep(watched_s)
    return switches(status.read_text()) != before


def switches(status: str) -> list[str]:
    return [line for line in status.splitlines() if "ctxt_switches" in line]
