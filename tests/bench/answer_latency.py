"""How long an answer waits: from the last byte of a stream's `requires_action` to the first byte of the submission.

    python tests/bench/answer_latency.py        prints the figures and adds them to history.json beside it

The simulated cloud has a process of its own, the tool returns at once, and the chat goes through the program's real
client. Measured at the cloud: from when the event is handed to the system to when the submission's head has come, on
one monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import history

MOST_MS = 10.0
ROUNDS = 100
SEGMENTS = (10, 1000)
"""Of the draft that the call carries."""


def serve(connection: Connection) -> None:
    """A cloud whose bot calls a tool ROUNDS times; sends its address, then how long each answer took, in ms."""
    from tray.simulator.chats import SimulatedChat
    from tray.simulator.server import Simulator

    asked_s: list[float] = []

    def calls(chat: SimulatedChat) -> Iterator[bytes]:
        segments = [{"type": "text", "content": f"第 {n} 句"} for n in range(int(chat.prompt))]
        yield chat.calls_tool("generate_draft", {"content": json.dumps(segments, ensure_ascii=False)})
        asked_s.append(time.monotonic())  # the event has been flushed

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield from calls(chat)

    def on_outputs(chat: SimulatedChat, _outputs: dict[str, str]) -> Iterator[bytes]:
        yield chat.in_progress()
        yield from calls(chat) if chat.rounds < ROUNDS else chat.completed()

    with Simulator(on_chat, on_outputs) as cloud:
        connection.send(cloud.base_url)
        for _segments in SEGMENTS:
            connection.recv()
            answered_s = [one.at_s for one in cloud.received if one.path.endswith("submit_tool_outputs")]
            connection.send([(after - before) * 1000 for before, after in zip(asked_s, answered_s, strict=True)])
            asked_s.clear()
            cloud.received.clear()


async def ask(base_url: str, segments: int) -> None:
    from tray.asked import Asked
    from tray.coze.chat import Chat
    from tray.coze.client import Client
    from tray.coze.credential import FixedToken
    from tray.coze.run import ToolCalls, ToolOutput

    async with Client(base_url, FixedToken("token")) as client:
        chat = Chat(client, Asked(base_url, "bot", "bot", str(segments)), None, 10.0)
        async for event in chat.events():
            if isinstance(event, ToolCalls):
                chat.answer([ToolOutput(call.id, '{"status":"ok"}') for call in event.calls])


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    base_url = ours.recv()
    rows: dict[str, dict[str, float]] = {}
    for segments in SEGMENTS:
        asyncio.run(ask(base_url, segments))
        ours.send("measured?")
        took_ms = ours.recv()
        row = {"median_ms": statistics.median(took_ms), "p95_ms": statistics.quantiles(took_ms, n=20)[-1]}
        rows[f"answer to a call with {segments} segments"] = {key: round(value, 2) for key, value in row.items()}
    server.kill()
    for name, row in rows.items():
        met = "" if row["median_ms"] <= MOST_MS else "  NOT MET"
        print(
            f"{name:40}{row['median_ms']:>8.2f} ms median{row['p95_ms']:>8.2f} ms p95  must be at most {MOST_MS:g}{met}"
        )
    history.add(rows)


if __name__ == "__main__":
    main()
