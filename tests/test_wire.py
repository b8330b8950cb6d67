"""What comes over the wire, however it is cut, ended, padded or swollen."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator

import pytest

from chats import call, finish, no_outputs, of, run, say
from tray.coze import heard, wire
from tray.coze.errors import CozeError
from tray.coze.run import Failed, Finished, Output, ToolCalls
from tray.coze.wire import WireEvent
from tray.simulator.chats import SimulatedChat
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator


def read(stream: bytes, piece_bytes: int = 0, first: bytes = b"") -> list[WireEvent]:
    """The events of `stream`, which comes in pieces."""
    size = piece_bytes or len(stream) or 1

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(stream), size):
            yield stream[start : start + size]

    async def collect() -> list[WireEvent]:
        return [event async for event in wire.events(first, pieces(), "LOG")]

    return asyncio.run(collect())


CHAT = SimulatedChat("1" * 19, "2" * 19, "bot", "问")
STREAM = CHAT.created() + b": ping\n\n" + CHAT.in_progress() + CHAT.calls_tool("画", {"词": "a\u2028b 🎬"})


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_stream_reads_the_same_in_pieces_of_any_size(newline):
    stream = STREAM.replace(b"\n", newline)
    whole = read(stream)
    assert [event.name for event in whole] == [
        f"conversation.chat.{n}" for n in ("created", "in_progress", "requires_action")
    ]
    arguments = whole[-1].data["required_action"]["submit_tool_outputs"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"词": "a\u2028b 🎬"}
    for piece_bytes in [*range(1, 40), *range(40, len(stream), 37)]:
        assert read(stream, piece_bytes) == whole


def test_a_stream_reads_the_same_wherever_it_is_cut_in_two():
    whole = read(STREAM)
    for at in range(len(STREAM) + 1):
        assert read(STREAM[at:], first=STREAM[:at]) == whole


def test_newlines_of_all_kinds_in_one_stream_are_read():
    stream = b'event:a\r\ndata:{"x":\rdata: 1}\n\r\nevent: b\rdata\n\r: hush\r\n\r\ndata:"c"\r\rid: 7\n\n'
    assert [(e.name, e.data) for e in read(stream)] == [("a", {"x": 1}), ("b", ""), ("message", "c")]
    assert read(stream, 1) == read(stream)


def test_a_byte_order_mark_does_not_hide_the_first_event():
    first, *_rest = read(b"", first=b"\xef\xbb\xbf" + STREAM)
    assert first.name == "conversation.chat.created"


@pytest.mark.parametrize(
    ("data", "is_read_as"),
    [
        (b"{", "{"),
        (b'{"a":1', '{"a":1'),
        (b"NaN!", "NaN!"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 100_000, "[" * 100_000),
        (b"1" * 10_000, None),
        (b'"\\ud83d"', "\ufffd"),
        (b"null", None),
    ],
    ids=["open", "cut", "no JSON", "no UTF-8", "too deep", "a long number", "half a character", "null"],
)
def test_what_is_no_json_is_text(data, is_read_as):
    (event,) = read(b"event:x\ndata:" + data + b"\n\n")
    assert event.data == is_read_as or is_read_as is None


def test_a_recorded_stream_reads_the_same_cut_at_every_byte(wire):
    recorded = (wire / "coze-py__workflows_chat_stream_resp.txt").read_bytes()
    whole = read(recorded)
    assert len(whole) == 9
    for at in range(len(recorded)):
        assert read(recorded[at:], first=recorded[:at]) == whole


def test_an_event_of_20_mb_is_read_in_good_time():
    text = "镜头" * (20 * 1024 * 1024 // 6)
    event = f'event:x\ndata:{{"content":"{text}"}}\n\n'.encode()
    began = time.perf_counter()
    (read_back,) = read(event, 4096)
    assert time.perf_counter() - began < 2.5
    assert read_back.data["content"] == text


def test_an_answer_of_20_mb_comes_through_a_chat():
    text = "镜头" * (20 * 1024 * 1024 // 6)

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        *_deltas, whole = [b"", *chat.says("短")]
        yield whole.replace("短".encode(), text.encode())
        yield from chat.completed()

    with Simulator(on_chat, no_outputs) as cloud:
        began = time.perf_counter()
        events = run(cloud)
    assert time.perf_counter() - began < 3
    assert of(events, Output)[0].text == text
    assert isinstance(events[-1], Finished)


def test_an_event_without_an_end_is_given_up_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(wire, "LARGEST_BYTES", 4 * 1024 * 1024)
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 65536

    async def listen() -> None:
        async for _event in wire.events(b"data:", endless(), "LOG"):
            pass

    tracemalloc.start()
    with pytest.raises(CozeError) as raised:
        asyncio.run(listen())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (raised.value.code, raised.value.logid) == ("too_big", "LOG")
    assert raised.value.advice
    assert taken < 70
    assert most < 32 * 1024 * 1024


def test_a_bot_that_never_stops_talking_is_given_up(monkeypatch):
    monkeypatch.setattr(heard, "MOST_CHARS", 1_000)

    def endless(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        for _n in range(10_000):
            yield from chat.says("说个不停")

    with Simulator(endless, no_outputs) as cloud:
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and failed.code == "too_long"


def test_many_events_that_are_small_have_no_limit_together(monkeypatch):
    monkeypatch.setattr(wire, "LARGEST_BYTES", 10_000)
    assert len(read(b"event:x\ndata:1\n\n" * 5000, 100)) == 5000


@pytest.mark.parametrize("path", ["/v3/chat", "/v3/chat/submit_tool_outputs", "/v3/chat/retrieve"])
def test_an_answer_that_is_too_large_fails_with_its_logid_and_advice(path, monkeypatch):
    monkeypatch.setattr(wire, "LARGEST_BYTES", 100_000)

    def endless(chat: SimulatedChat, *_outputs: object) -> Iterator[bytes]:
        yield chat.created()
        yield b"data:"
        for _piece in range(100):
            yield b"x" * 10_000

    with Simulator(endless if path == "/v3/chat" else call, endless) as cloud:
        if path == "/v3/chat/retrieve":
            cloud.faults.add(Fault("cut", "/v3/chat", at_bytes=400))
            cloud.routes[path] = lambda exchange: exchange.data("x" * 1_000_000)
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.logid) == ("too_big", "20260101000000SIMULATED")
    assert failed.advice
    assert len(cloud.chats) == 1


@pytest.mark.parametrize("piece_bytes", [1, 7, 64])
def test_a_chat_goes_well_over_a_connection_that_dribbles(piece_bytes):
    def dribbled(script):
        def pieces(*args: object) -> Iterator[bytes]:
            stream = b"".join(script(*args))
            yield from (stream[at : at + piece_bytes] for at in range(0, len(stream), piece_bytes))

        return pieces

    with Simulator(dribbled(call), dribbled(finish)) as cloud:
        events = run(cloud)
    assert of(events, ToolCalls)[0].calls[0].arguments == '{"content": "草稿"}'
    assert [output.text for output in of(events, Output)] == ["稍等", "收到 1"]
    assert isinstance(events[-1], Finished)


def test_a_page_in_place_of_an_answer_is_a_clear_failure():
    """What a hotel's network answers before one has paid."""
    with Simulator(say, no_outputs) as cloud:
        cloud.faults.add(Fault("answer", "/v3/chat", body=b"<html>Welcome to the hotel</html>"))
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed)
    assert failed.message
