"""How long an answer waits: from the last byte of a stream's `requires_action` to the first byte of the submission.

    python tests/bench/answer_latency.py        prints the figures and adds them to history.json beside it

The simulated cloud has a process of its own and the tool returns at once; the request goes through the program's real
listener, which stores the call and its output before it is told. Measured at the cloud: from when the event is handed to the system to when the submission's head has come, on
one monotonic clock.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import history

from tray import events
from tray.asked import Asked
from tray.coze.client import Client
from tray.coze.credential import FixedToken
from tray.draft.fetch import Progress
from tray.draft.pipeline import Workshop
from tray.journal import Journal
from tray.listener import Listener
from tray.listener_parts import Parts
from tray.running import DraftLedger
from tray.tools.context import ToolContext
from tray.tools.registry import Registry

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


def nothing_is_built(_name: str | None) -> Workshop:
    raise AssertionError


async def generate_draft(ctx: ToolContext, content: str) -> dict[str, str]:
    """Returns at once."""
    return {"status": "ok"}


def ask(base_url: str, segments: int, journal: Journal) -> None:
    """One request through the real listener and journal, to its end."""
    ended = threading.Event()
    bus, tools = events.Bus(), Registry()
    tools.tool(generate_draft)
    bus.subscribe(lambda event: ended.set() if isinstance(event, events.RequestDone) else None)

    async def connect(url: str) -> Client:
        return Client(url, FixedToken("token"))

    def context(ledger: DraftLedger, progress: Progress, _fresh: bool) -> ToolContext:
        return ToolContext(nothing_is_built, {}, "en", progress, ledger)

    listener = Listener(Parts(bus, journal, connect, tools, context, False, 1, {}, lambda: None))
    listener.start()
    journal.add_request(str(segments), Asked(base_url, "bot", "bot", str(segments)))
    listener.go_on(str(segments), 10.0)
    if not ended.wait(300):
        raise SystemExit("the request did not end")
    listener.stop(timeout_s=5)


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    base_url = ours.recv()
    rows: dict[str, dict[str, float]] = {}
    folder = tempfile.TemporaryDirectory(dir=Path.home())  # a real disk: what is stored is on it before it is told
    journal = Journal(Path(folder.name) / "journal.db")
    for segments in SEGMENTS:
        ask(base_url, segments, journal)
        ours.send("measured?")
        took_ms = ours.recv()
        row = {"median_ms": statistics.median(took_ms), "p95_ms": statistics.quantiles(took_ms, n=20)[-1]}
        rows[f"answer to a call with {segments} segments"] = {key: round(value, 2) for key, value in row.items()}
    server.kill()
    journal.close()
    folder.cleanup()
    for name, row in rows.items():
        met = "" if row["median_ms"] <= MOST_MS else "  NOT MET"
        print(
            f"{name:40}{row['median_ms']:>8.2f} ms median{row['p95_ms']:>8.2f} ms p95  must be at most {MOST_MS:g}{met}"
        )
    history.add(rows)


if __name__ == "__main__":
    main()
