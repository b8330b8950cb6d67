"""What the network and a busy cloud can do to a chat: it is created once, each output is sent until it is taken, and
it ends as it would have."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import pairwise, repeat
from pathlib import Path

import pytest

from chats import bot, call, client_of, finish, heard_of, no_outputs, of, paths, run, say
from tray.coze.chat import Chat
from tray.coze.errors import NetworkAwayError
from tray.coze.run import Away, Failed, Finished, Output, RunEvent, Started, ToolCalls
from tray.coze.tries import LONGEST_RETRY_AFTER_S, Pace, Tries
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import frame
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator

CREATE, SUBMIT, RETRIEVE = "/v3/chat", "/v3/chat/submit_tool_outputs", "/v3/chat/retrieve"


def ended_well(events: list[RunEvent], cloud: Simulator) -> None:
    """The chat was created once, its call answered, and everything said."""
    assert isinstance(events[-1], Finished)
    assert list(dict.fromkeys(o.text for o in of(events, Output))) == ["稍等", "收到 1"]
    assert len(cloud.chats) == paths(cloud).count(CREATE) == 1
    assert [chat.rounds for chat in cloud.chats.values()] == [1]


def length(script: Callable[..., Iterator[bytes]], *args: object) -> int:
    chat = SimulatedChat("1" * 19, "2" * 19, "bot", "问")
    return len(b"".join(script(chat, *args)))


@pytest.mark.parametrize("kind", ["cut", "stall"])
@pytest.mark.parametrize("at", ["before the call", "in the call", "after the call"])
def test_a_stream_that_ends_around_the_call_is_reconciled(at, kind):
    whole = length(call)
    at_bytes = {"before the call": whole // 2, "in the call": whole - 30, "after the call": whole}[at]
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault(kind, CREATE, at_bytes=at_bytes))
        events = run(cloud, silent_s=0.2)
    ended_well(events, cloud)
    assert of(events, ToolCalls)[0].calls[0].name == "generate_draft"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_a_stream_that_is_cut_after_the_submission_was_accepted_is_reconciled(share):
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("cut", SUBMIT, at_bytes=int(length(finish, {"": ""}) * share)))
        events = run(cloud)
    ended_well(events, cloud)
    assert paths(cloud).count(SUBMIT) == 1


def test_a_stream_that_is_cut_after_the_chat_s_end_ends_it():
    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        for piece in finish(chat, outputs):
            if b"event:done" in piece:
                raise ConnectionError
            yield piece

    with Simulator(call, on_outputs) as cloud:
        events = run(cloud)
    ended_well(events, cloud)
    assert RETRIEVE not in paths(cloud)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_submission_that_is_reset_is_settled(kind):
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault(kind, SUBMIT))
        events = run(cloud)
    ended_well(events, cloud)
    assert paths(cloud).count(SUBMIT) == (2 if kind == "reset_before" else 1)


def test_a_submission_that_is_sent_twice_as_the_cloud_lags_is_settled():
    """The first is taken and its answer lost; the chat says for a moment that it waits still."""
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("reset_after", SUBMIT))

        def lagging() -> dict[str, object]:
            (chat,) = cloud.chats.values()
            return {"code": 0, "data": {**chat.wire(), "status": "requires_action", "required_action": {
                "submit_tool_outputs": {"tool_calls": chat.calls}}}}  # fmt: skip

        heard: list[RunEvent] = []
        real = cloud.routes[RETRIEVE]
        lags = iter([True, False])
        cloud.routes[RETRIEVE] = lambda x: x.json(lagging()) if next(lags, False) else real(x)
        run(cloud, heard=heard)
    ended_well(heard, cloud)
    assert paths(cloud).count(SUBMIT) == 2


def test_an_answer_that_only_the_broken_stream_had_is_heard_before_the_call_is_answered():
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("cut", CREATE, at_bytes=length(say) // 3))
        events = run(cloud)
    kinds = [type(event) for event in events if isinstance(event, (Output, ToolCalls))]
    assert kinds == [Output, ToolCalls, Output]
    ended_well(events, cloud)


BUSY: list[Fault] = [
    Fault("answer", status=429, body=b"slow down"),
    Fault("answer", status=503, body=b"<html>busy</html>"),
    *(Fault("answer", body={"code": code, "msg": "later"}) for code in (4009, 4020, 4102, 5000)),
]


@pytest.mark.parametrize("path", [CREATE, SUBMIT, RETRIEVE])
@pytest.mark.parametrize("fault", BUSY, ids=lambda fault: str(fault.body))
def test_a_busy_cloud_is_asked_again_wherever_it_says_so(fault, path):
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("answer", path, times=2, status=fault.status, body=fault.body))
        if path == RETRIEVE:
            cloud.faults.add(Fault("cut", CREATE, at_bytes=300))
        events = run(cloud)
    aways = of(events, Away)
    assert len(aways) >= 2 and all(away.pause_s > 0 and away.reason for away in aways)
    assert isinstance(events[-1], Finished)
    assert len(cloud.chats) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize("path", [SUBMIT, RETRIEVE])
def test_a_gateway_that_gives_up_is_no_refusal(path, status):
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("answer", path, times=2, status=status, body=b"<html>gateway</html>"))
        if path == RETRIEVE:
            cloud.faults.add(Fault("cut", CREATE, at_bytes=300))
        events = run(cloud)
    assert isinstance(events[-1], Finished)
    assert len(cloud.chats) == 1


def test_a_cloud_that_stays_busy_makes_a_failure_that_may_be_run_again():
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("answer", CREATE, times=99, body={"code": 4020, "msg": "rpm"}))
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again, failed.logid) == ("4020", True, "20260101000000SIMULATED")
    assert failed.advice


def test_a_busy_cloud_does_not_outlast_patience():
    began = time.monotonic()
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("answer", CREATE, status=429, headers={"Retry-After": "60"}, body=b"slow down"))
        failed = run(cloud, patience_s=1.0)[-1]
    assert isinstance(failed, Failed) and failed.code == "429"
    assert time.monotonic() - began < 1.0


def error_events(chat: SimulatedChat, code: int, times: Iterable[int]) -> Iterator[bytes]:
    if next(iter(times), 0):
        yield frame("error", {"code": code, "msg": "later"})
    else:
        yield from say(chat)


def test_a_busy_cloud_that_says_so_in_the_stream_is_asked_again_but_not_for_ever():
    times = iter([1, 1])
    with Simulator(lambda chat: error_events(chat, 4020, times), no_outputs) as cloud:
        assert isinstance(run(cloud)[-1], Finished)
    with Simulator(lambda chat: error_events(chat, 4020, repeat(1)), no_outputs) as cloud:
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and failed.code == "4020"


@pytest.mark.parametrize("date", [None, datetime(2031, 5, 4, 3, 2, 1, tzinfo=timezone.utc)], ids=["ours", "theirs"])
def test_retry_after_is_honoured_as_seconds_and_as_a_date(date):
    """A date is meant by the server's clock, wherever this computer's stands."""

    def paused(retry_after: str) -> float:
        headers = {"Retry-After": retry_after} | ({"Date": format_datetime(date, usegmt=True)} if date else {})
        with Simulator(call, finish) as cloud:
            cloud.faults.add(Fault("answer", CREATE, status=429, headers=headers, body=b"slow down"))

            async def first_away() -> float:
                async with client_of(cloud) as client:
                    async for event in Chat(client, bot(), None, None).events():
                        if isinstance(event, Away):
                            return event.pause_s
                raise AssertionError

            return asyncio.run(first_away())

    now = date or datetime.now(timezone.utc)
    assert paused("42") == 42
    assert 35 < paused(format_datetime(now + timedelta(seconds=42), usegmt=True)) <= 43
    assert paused("99999") == LONGEST_RETRY_AFTER_S
    for odd in ("-1", "soon", "", "³", "Fri, 99 Nov", format_datetime(now - timedelta(days=1), usegmt=True)):
        assert paused(odd) < 1


def test_back_off_grows_varies_and_has_an_end():
    pauses = []
    for _chat in range(20):
        tries = Tries(None)
        tries.begin()
        pauses.append([tries.next_pause_s(NetworkAwayError("away", sent=False)) for _try in range(10)])
    assert all(0.3 < each[0] < 0.7 and 20 < each[-1] < 40 for each in pauses)
    assert len({each[3] for each in pauses}) > 10


def test_all_polls_of_a_program_together_are_no_more_than_its_pace():
    pace = Pace(poll_s=0.05)
    at: list[float] = []

    async def poll() -> None:
        for _time in range(3):
            await pace.turn()
            at.append(time.monotonic())

    async def several() -> None:
        await asyncio.gather(poll(), poll(), poll())

    asyncio.run(several())
    assert all(later - earlier > 0.04 for earlier, later in pairwise(at))


def test_chats_that_share_a_pace_poll_no_faster_than_it_allows():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        raise ConnectionError

    with Simulator(on_chat, no_outputs) as cloud:

        async def several() -> None:
            async with client_of(cloud) as client:
                client.pace = Pace(poll_s=0.1, first_pause_s=0.001)
                tasks = [asyncio.ensure_future(heard_of(Chat(client, bot(), None, 5.0))) for _chat in range(4)]
                await asyncio.sleep(1.0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run(several())
    assert 4 <= paths(cloud).count(RETRIEVE) <= 12


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid"], ids=["refused", "DNS"])
def test_a_cloud_that_can_t_be_found_is_waited_for_within_patience_and_nothing_was_created(url):
    heard: list[RunEvent] = []
    with pytest.raises(NetworkAwayError) as raised:
        run(url, patience_s=0.2, heard=heard)
    assert not raised.value.sent
    assert url in raised.value.message
    assert "proxy" in raised.value.advice


@pytest.fixture
def silent_server() -> Iterator[tuple[int, list[bytes]]]:
    """Takes connections and what is sent, and never says a word."""
    server = socket.create_server(("127.0.0.1", 0))
    taken: list[bytes] = []
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _address = server.accept()
            except OSError:
                return
            held.append(connection)
            taken.append(connection.recv(65536))

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1], taken
    server.close()
    for connection in held:
        connection.close()


def test_a_proxy_that_stops_answering_leaves_nothing_created(silent_server, monkeypatch):
    """What it was asked for is a tunnel: the chat's creation never went out."""
    port, taken = silent_server
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    posted: list[bool] = []

    async def ask() -> None:
        async with client_of("https://api.coze.invalid", silent_s=0.1) as client:
            chat = Chat(client, bot(), None, 0.3, lambda: posted.append(True))
            await heard_of(chat)

    with pytest.raises(NetworkAwayError) as raised:
        asyncio.run(ask())
    assert taken[0].startswith(b"CONNECT api.coze.invalid:443")
    assert not raised.value.sent and not posted


def test_a_cloud_that_never_answers_a_creation_leaves_it_unknown():
    with Simulator(say, no_outputs) as cloud:
        cloud.faults.add(Fault("mute", CREATE))
        failed = run(cloud, silent_s=0.1)[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again) == ("lost", True)
    assert paths(cloud) == [CREATE]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset_before", CREATE),
        Fault("reset_after", CREATE),
        Fault("cut", CREATE, at_bytes=0),
        Fault("cut", CREATE, at_bytes=60),
        Fault("answer", CREATE, status=504, body=b"<html>gateway</html>"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.at_bytes}",
)
def test_a_creation_whose_answer_is_lost_is_told_and_not_repeated(fault):
    with Simulator(say, no_outputs) as cloud:
        cloud.faults.add(fault)
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again) == ("lost", True)
    assert failed.advice
    assert paths(cloud) == [CREATE]


@pytest.mark.parametrize("path", [SUBMIT, RETRIEVE, "/v3/chat/message/list"])
def test_a_cloud_that_never_answers_is_asked_again_once_the_chat_is_known(path, monkeypatch):
    monkeypatch.setattr("tray.coze.client.ANSWER_S", 0.1)
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("mute", path))
        cloud.faults.add(Fault("cut", CREATE, at_bytes=300))
        events = run(cloud, silent_s=0.1)
    ended_well(events, cloud)


def test_a_half_open_connection_is_noticed_and_reconciled():
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("stall", SUBMIT, at_bytes=100))
        began = time.monotonic()
        events = run(cloud, silent_s=0.2)
    assert 0.2 <= time.monotonic() - began < 2
    ended_well(events, cloud)


def test_streams_that_are_broken_off_after_sleep_are_reconciled_at_once():
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("stall", SUBMIT, at_bytes=100))

        async def slept() -> list[RunEvent]:
            async with client_of(cloud, silent_s=60) as client:
                heard: list[RunEvent] = []
                task = asyncio.ensure_future(heard_of(Chat(client, bot(), None, 5.0), heard=heard))
                while SUBMIT not in paths(cloud):
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)
                client.break_streams("The computer slept.")
                await task
                return heard

        began = time.monotonic()
        events = asyncio.run(slept())
    assert time.monotonic() - began < 3
    assert [away.reason for away in of(events, Away)] == ["The computer slept."]
    ended_well(events, cloud)


def test_a_stream_that_nobody_reads_while_the_computer_sleeps_is_broken_off_after_what_had_come():
    """While a draft is built nobody reads: a machine that slept then waited two minutes for a dead stream."""
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("stall", CREATE, at_bytes=length(call) - 30))

        async def slept() -> list[RunEvent]:
            heard: list[RunEvent] = []
            async with (
                client_of(cloud, silent_s=60) as client,
                aclosing(Chat(client, bot(), None, 5.0).events()) as said,
            ):
                async for event in said:
                    heard.append(event)
                    if isinstance(event, Output):
                        client.break_streams("The computer slept.")
                    if isinstance(event, Away):
                        return heard
            return heard

        began = time.monotonic()
        events = asyncio.run(slept())
    assert time.monotonic() - began < 20
    assert events[-1].reason == "The computer slept."


def test_a_creation_that_is_under_way_is_not_broken_off_after_sleep():
    release = threading.Event()

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        release.wait(5)
        yield from say(chat)

    with Simulator(on_chat, no_outputs) as cloud:

        async def slept() -> list[RunEvent]:
            async with client_of(cloud, silent_s=60) as client:
                task = asyncio.ensure_future(heard_of(Chat(client, bot(), None, 5.0)))
                while CREATE not in paths(cloud):
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)
                client.break_streams("The computer slept.")
                release.set()
                return await task

        assert isinstance(asyncio.run(slept())[-1], Finished)
    assert paths(cloud) == [CREATE]


def test_a_cancelled_chat_closes_its_connection_and_is_no_network_error():
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("stall", CREATE, at_bytes=300))

        async def cancelled() -> float:
            async with client_of(cloud, silent_s=60) as client:
                heard: list[RunEvent] = []
                task = asyncio.ensure_future(heard_of(Chat(client, bot(), None, 5.0), heard=heard))
                while not of(heard, Started):
                    await asyncio.sleep(0.01)
                began = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                return time.monotonic() - began

        assert asyncio.run(cancelled()) < 0.5


@pytest.fixture
def expired_server(tmp_path: Path) -> Iterator[int]:
    """A TLS server on loopback whose certificate ran out, as every certificate has for a clock that is wrong."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2001, 1, 1, tzinfo=timezone.utc))
        .not_valid_after(datetime(2002, 1, 1, tzinfo=timezone.utc))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _address = server.accept()
                with context.wrap_socket(connection, server_side=True):
                    pass
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def test_a_certificate_that_can_t_be_checked_points_to_the_clock_and_to_proxies(expired_server):
    heard: list[RunEvent] = []
    with pytest.raises(NetworkAwayError) as raised:
        run(f"https://localhost:{expired_server}", patience_s=0.1, heard=heard)
    assert raised.value.code == "tls"
    assert "clock" in raised.value.advice and "proxy" in raised.value.advice
    assert "certificate" in of(heard, Away)[0].reason


def test_no_token_is_in_what_an_error_says(silent_server):
    port, _taken = silent_server

    class Secret:
        async def token(self) -> str:
            return "pat_sécret"

        async def renew(self, refused: str) -> bool:
            return False

    failed = run(f"http://127.0.0.1:{port}", token=Secret(), silent_s=0.1)[-1]
    assert isinstance(failed, Failed)
    assert "pat_" not in json.dumps([failed.message, failed.advice, failed.code])
