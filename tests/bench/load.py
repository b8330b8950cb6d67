"""Whether the program may run for weeks: 200 requests queued, 16 at once, for half an hour. Linux; not a test by itself.

    python tests/bench/load.py [--minutes 30]     prints a table and adds its figures to history.json beside it

The simulated cloud has a process of its own. Of the requests, every eighth builds a real draft, the others call a tool
that does nothing; every 200th stream is cut. What counts, after the first minute (a fifth, of a shorter run):

- at rest, when everything asked is done: threads and open files as at the minute's end, memory at most 5 % + 2 MB more;
- under load: the median of memory in the last quarter at most 5 % + 2 MB above the second quarter's, the most threads
  and open files of the last quarter no more than 2 above the most of the second's.

Memory is the program's; each draft is built by a worker process of its own, whose memory goes with it: how much all of
them have at a time is shown beside it. `--json` prints the figures alone and keeps no history.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import multiprocessing
import os
import queue
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import history

from tray.tools.context import ToolContext

QUEUED, AT_ONCE = 200, 16
DRAFT_EVERY, CUT_EVERY = 8, 200
SAMPLE_S = 2.0
SHARE, SPARE_MB, SPARE = 0.05, 2.0, 2
"""How much more than before is no growth."""
PACE_S = 0.01
KEPT = 2000
"""So many chats that are over are not forgotten: of those that were cut, somebody will ask."""


def serve(connection: Connection) -> None:
    """A cloud; what is over is forgotten."""
    from tray.simulator.chats import SimulatedChat
    from tray.simulator.server import Simulator

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        number = int(chat.prompt)
        yield chat.created()
        yield from chat.says("马上做。")
        if number % DRAFT_EVERY:
            yield chat.calls_tool("nothing", {"text": "x" * 1000})
        else:
            segment = {"type": "text", "content": "你好", "time_range": {"start": 0, "end": 2000}}
            draft = {"project": {"name": f"第{number}"}, "tracks": [{"track_type": "text", "segments": [segment]}]}
            yield chat.calls_tool("generate_draft", {"content": json.dumps({"drafts": [draft]})})

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        if not int(chat.prompt) % CUT_EVERY:
            list(chat.says("好")), list(chat.completed())
            raise ConnectionError
        yield from chat.says(json.loads(next(iter(outputs.values())))["status"])
        yield from chat.completed()

    with Simulator(on_chat, on_outputs, pace_s=PACE_S) as cloud:
        connection.send(cloud.base_url)
        while not connection.poll(5.0):
            cloud.received.clear()
            for over in [chat.id for chat in list(cloud.chats.values()) if chat.status == "completed"][:-KEPT]:
                del cloud.chats[over]


@dataclass(frozen=True)
class Sample:
    """Memory is resident."""

    memory_mb: float
    workers_mb: float
    threads: int
    files: int


def sample(without: int) -> Sample:
    """Of this process and its children but `without`."""
    own = _status(os.getpid())
    workers = [_status(child) for child in _children(os.getpid()) if child != without]
    files = len(list(Path("/proc/self/fd").iterdir()))
    return Sample(_memory_mb(own), sum(map(_memory_mb, workers)), int(own["Threads"]), files)


def _status(pid: int) -> dict[str, str]:
    """As the system tells it; nothing of a worker that has just ended."""
    with contextlib.suppress(OSError):
        return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {}


def _memory_mb(status: dict[str, str]) -> float:
    return int(status.get("VmRSS", "0 kB").split()[0]) / 1024


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


class Load:
    """The program, and what is asked of it."""

    def __init__(self, base_url: str, home: Path, cloud_pid: int, queued: int) -> None:
        from tray import app, events, instance
        from tray.settings import Settings

        self.root = home / "drafts"
        self.root.mkdir()
        bus = events.Bus()
        self.ends: queue.SimpleQueue[Any] = queue.SimpleQueue()
        bus.subscribe(lambda e: self.ends.put(e) if isinstance(e, (events.RequestDone, events.RequestFailed)) else None)
        held = instance.acquire(home / "home")
        assert held is not None
        settings = Settings(api_base=base_url, drafts_dir=self.root, at_once=AT_ONCE)
        self.app = app.open_app(settings, home / "home", held, bus, resume=False, token="t")

        async def nothing(ctx: ToolContext, text: str) -> dict[str, Any]:
            return {"status": "ok", "message": text}

        self.app.listener.parts.tools.tool(nothing)
        self.app.listener.start()
        self.base_url, self.cloud_pid, self.queued = base_url, cloud_pid, queued
        self.asked = self.done = 0
        self.failed: list[str] = []
        self.samples: list[Sample] = []

    def go_on(self, seconds: float) -> None:
        """Keep the queue full for so long, then let it run empty."""
        from tray.asked import Asked

        end = time.monotonic() + seconds
        next_s = time.monotonic()
        while time.monotonic() < end or self.done < self.asked:
            while time.monotonic() < end and self.asked - self.done < self.queued:
                self.asked += 1
                self.app.journal.add_request(f"r{self.asked}", Asked(self.base_url, "bot", "1", str(self.asked)))
                self.app.listener.go_on(f"r{self.asked}")
            with contextlib.suppress(queue.Empty):
                ended = self.ends.get(timeout=0.1)
                self.done += 1
                if failure := getattr(ended, "failure", None):
                    self.failed.append(f"{ended.request_id}: {failure.code}: {failure.message}")
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + SAMPLE_S
                if time.monotonic() < end:
                    self.samples.append(sample(self.cloud_pid))
                for old in sorted(self.root.iterdir(), key=lambda path: path.stat().st_mtime)[:-AT_ONCE]:
                    shutil.rmtree(old, ignore_errors=True)

    def fill_pool(self) -> None:
        """Let the listener's loop have all the threads that it ever has for what blocks: they come one by one, and
        stay."""
        loop = self.app.listener._loop
        assert loop is not None
        naps = [asyncio.run_coroutine_threadsafe(asyncio.to_thread(time.sleep, 0.05), loop) for _n in range(64)]
        for nap in naps:
            nap.result()

    def at_rest(self) -> Sample:
        """When nothing runs any more: the lowest of a few looks, as threads that have nothing to do end in their
        time."""
        seen: list[Sample] = []
        for _look in range(8):
            gc.collect()
            seen.append(sample(self.cloud_pid))
            time.sleep(0.25)
        return Sample(*(min(values) for values in zip(*map(astuple, seen), strict=True)))


def run(seconds: float, queued: int) -> dict[str, dict[str, float]]:
    """Every figure, by the row's name."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    cloud = context.Process(target=serve, args=(theirs,), daemon=True)
    cloud.start()
    folder = Path(tempfile.mkdtemp())
    try:
        load = Load(ours.recv(), folder, cloud.pid or 0, queued)
        warm_s = min(60.0, seconds / 5)
        load.go_on(warm_s)
        load.fill_pool()
        first = load.at_rest()
        load.samples.clear()
        load.go_on(seconds - warm_s)
        last = load.at_rest()
        journal_mb = (folder / "home" / "journal.db").stat().st_size / 1024**2
        load.app.close()
    finally:
        ours.send("the end")
        cloud.join(10)
        shutil.rmtree(folder, ignore_errors=True)
    assert not load.failed, load.failed[:3]
    quarter = max(1, len(load.samples) // 4)
    second, fourth = load.samples[quarter : 2 * quarter], load.samples[-quarter:]
    return {
        "at rest, at first": asdict(first),
        "at rest, at last": asdict(last),
        "under load, second quarter": _middle(second),
        "under load, last quarter": _middle(fourth),
        "load": {"minutes": seconds / 60, "requests": load.done, "journal_mb": journal_mb},
    }


def _middle(samples: list[Sample]) -> dict[str, float]:
    return {
        "memory_mb": statistics.median(one.memory_mb for one in samples),
        "workers_mb": statistics.median(one.workers_mb for one in samples),
        "threads": max(one.threads for one in samples),
        "files": max(one.files for one in samples),
    }


def verdicts(rows: dict[str, dict[str, float]]) -> list[tuple[str, float, float]]:
    """What was measured, as it is, and what it must be at most."""
    rest, load = rows["at rest, at first"], rows["under load, second quarter"]
    found = []
    for before, after, spare in ((rest, rows["at rest, at last"], 0), (load, rows["under load, last quarter"], SPARE)):
        when = "at rest" if before is rest else "under load"
        most_mb = before["memory_mb"] * (1 + SHARE) + SPARE_MB
        found.append((f"{when}: memory, MB", after["memory_mb"], most_mb))
        found += [(f"{when}: {key}", after[key], before[key] + spare) for key in ("threads", "files")]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--queued", type=int, default=QUEUED)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    rows = run(told.minutes * 60, told.queued)
    if told.json:
        print(json.dumps(rows))
        return 0
    print(f"{'':40}memory MB  workers MB  threads  files")
    for name, row in list(rows.items())[:-1]:
        print(f"{name:40}{row['memory_mb']:>9.1f}{row['workers_mb']:>12.1f}{row['threads']:>9.0f}{row['files']:>7.0f}")
    load = rows["load"]
    print(f"\n{load['requests']:.0f} requests in {load['minutes']:g} min; a journal of {load['journal_mb']:.0f} MB\n")
    grown = False
    for name, value, most in verdicts(rows):
        grown = grown or value > most
        print(f"{name:40}{value:>9.1f}  must be at most {most:.1f}{'' if value <= most else '  NOT MET'}")
    history.add(rows, bounds={name: round(most, 2) for name, _value, most in verdicts(rows)})
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
