"""How long building drafts takes, and how much memory. Not a test: run it by hand.

    python tests/bench/build_draft.py        prints a table and adds its figures to history.json beside it

Each row is a build in a process of its own, of N pictures + N sounds + N captions, each file distinct. They come from a
server on loopback, in a process of its own, that answers each request after 50 ms. The bare download, which they are
measured against, is one httpx client with 16 requests at once, into files. Only ratios within one run mean anything,
and other programs come and go: of each row the fastest of several runs counts.

The files lie where TMPDIR says. ext4 is up to ten times as slow to make files for minutes after thousands were deleted
(an earlier run's, say): then measure in /dev/shm, or later.
"""

from __future__ import annotations

import asyncio
import io
import json
import multiprocessing
import os
import resource
import shutil
import struct
import sys
import tempfile
import time
import urllib.request
import wave
import zlib
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import history

DELAY_S = 0.05
LARGE, SMALL = "large", "small"


@cache
def _noise(rows: int) -> bytes:
    """The image data of a PNG of 320 × `rows`: noise, which does not compress."""
    return zlib.compress(b"".join(b"\0" + os.urandom(960) for _row in range(rows)), 1)


def picture(number: int, size: str) -> bytes:
    """A distinct PNG: of 320×20, 19 kB, or a small one of 320×1, 1 kB."""
    rows = 20 if size == LARGE else 1

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 320, rows, 8, 2, 0, 0, 0))
    name = chunk(b"tEXt", b"Title\0%d" % number)
    return b"\x89PNG\r\n\x1a\n" + header + name + chunk(b"IDAT", _noise(rows)) + chunk(b"IEND", b"")


def sound(number: int, size: str) -> bytes:
    """A distinct WAV of 2 s, 32 kB, or a small one of 1 kB."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000 if size == LARGE else 250)
        file.writeframes(struct.pack("<i", number) * (8000 if size == LARGE else 250))
    return data.getvalue()


def serve(connection: Connection) -> None:
    """A small HTTP/1.1 server on asyncio: quick enough not to be what is measured. /count: how many it answered."""
    answered = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        try:
            while True:
                _slash, kind, *rest = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode().split("/")
                if kind == "count":
                    body = b"%d" % answered
                else:
                    answered += 1
                    size, number = rest[0], int(rest[1])
                    body = (picture if kind == "image" else sound)(number, size)
                    if size == LARGE:
                        await asyncio.sleep(DELAY_S)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        connection.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def export(base: str, count: int, kinds: tuple[str, ...] = ("image", "audio", "text"), size: str = LARGE) -> str:
    def segments(kind: str) -> list[dict[str, Any]]:
        made = []
        for n in range(count):
            segment: dict[str, Any] = {"type": kind, "time_range": {"start": n * 2000, "end": (n + 1) * 2000}}
            if kind == "text":
                segment["content"] = f"第 {n} 句"
            else:
                segment["material_url"] = f"{base}/{kind}/{size}/{n}"
            made.append(segment)
        return made

    tracks = [{"track_type": kind, "segments": segments(kind)} for kind in kinds]
    return json.dumps({"drafts": [{"draft_id": "x", "project": {"name": "bench"}, "tracks": tracks}]})


async def bare(urls: list[str], into: Path) -> None:
    import httpx

    gate = asyncio.Semaphore(16)
    async with httpx.AsyncClient(trust_env=False) as client:

        async def get(number: int, url: str) -> None:
            async with gate:
                (into / str(number)).write_bytes((await client.get(url)).content)

        await asyncio.gather(*(get(number, url) for number, url in enumerate(urls)))


def run_bare(connection: Connection, base: str, count: int, folder: Path) -> None:
    import httpx  # noqa: F401 - not what is measured

    into = Path(tempfile.mkdtemp(dir=folder))
    urls = [f"{base}/{kind}/{LARGE}/{n}" for kind in ("image", "audio") for n in range(count)]
    began = time.perf_counter()
    asyncio.run(bare(urls, into))
    connection.send({"seconds": time.perf_counter() - began})


def run_build(connection: Connection, text: str, segments: int, folder: Path) -> None:
    """Build `text` with the cache in `folder`. Memory: this process at its most and its worker at its most, together,
    even if that was not at the same time."""
    from tray.draft import pipeline
    from tray.draft.cache import CachePolicy
    from tray.draft.compose import Options
    from tray.draft.fetch import FetchPolicy

    root = Path(tempfile.mkdtemp(dir=folder)) / "drafts"
    root.mkdir()
    policy = FetchPolicy(frozenset({"127.0.0.1"}))
    shop = pipeline.Workshop(root, policy, folder / "locks", CachePolicy(folder / "cache"), Options())
    began = time.perf_counter()
    built = asyncio.run(pipeline.build(text, shop, "en", progress=lambda *_args: None))
    seconds = time.perf_counter() - began
    assert not built.problems, built.problems[0]
    assert sum(built.receipts[0].segments.values()) == segments
    unit = 1024**2 if sys.platform == "darwin" else 1024
    memory = [resource.getrusage(who).ru_maxrss / unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    connection.send({"seconds": seconds, "program_mb": round(memory[0]), "worker_mb": round(memory[1])})


def apart(job: Callable[..., None], *args: Any) -> dict[str, float]:
    """What `job` sends, run in a fresh process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=job, args=(theirs, *args))
    process.start()
    theirs.close()
    sent: dict[str, float] = ours.recv()
    process.join()
    return sent


def rows(base: str, folder: Path) -> dict[str, dict[str, float]]:
    """Every figure, by the row's name."""

    def requests() -> int:
        with urllib.request.urlopen(f"{base}/count") as answer:
            return int(answer.read())

    def fresh() -> Path:
        return Path(tempfile.mkdtemp(dir=folder))

    def fastest(times: int, job: Callable[[], dict[str, float]]) -> dict[str, float]:
        return min((job() for _time in range(times)), key=lambda row: row["seconds"])

    made: dict[str, dict[str, float]] = {}
    text, few_text, many_text = export(base, 1000), export(base, 1000, size=SMALL), export(base, 10_000, size=SMALL)
    captions = export(base, 10_000, ("text",))
    shop = fresh()
    apart(run_build, text, 3000, shop)  # fills the cache; the first run reads every program from the disk, too
    made["bare download of N=1000"] = fastest(2, lambda: apart(run_bare, base, 1000, folder))
    made["N=1000, nothing cached"] = fastest(2, lambda: apart(run_build, text, 3000, fresh()))
    before = requests()
    made["N=1000, all cached"] = fastest(3, lambda: apart(run_build, text, 3000, shop))
    made["N=1000, all cached"]["requests"] = requests() - before
    shop = fresh()
    made["N=10,000 small files, nothing cached"] = apart(run_build, many_text, 30_000, shop)
    made["N=1000 small files, all cached"] = fastest(3, lambda: apart(run_build, few_text, 3000, shop))
    made["N=10,000 small files, all cached"] = fastest(2, lambda: apart(run_build, many_text, 30_000, shop))
    made["10,000 captions alone"] = fastest(3, lambda: apart(run_build, captions, 10_000, fresh()))
    return made


def verdicts(made: dict[str, dict[str, float]]) -> list[tuple[str, float, float]]:
    """What is measured, as it is, and what it must be at most."""
    seconds = {name: row["seconds"] for name, row in made.items()}
    most = made["N=10,000 small files, all cached"]
    return [
        ("N=1000, nothing cached / bare", seconds["N=1000, nothing cached"] / seconds["bare download of N=1000"], 0.8),
        ("N=1000, all cached / bare", seconds["N=1000, all cached"] / seconds["bare download of N=1000"], 0.2),
        ("N=1000, all cached: requests", made["N=1000, all cached"]["requests"], 0),
        ("N=10,000 / N=1000, all cached", most["seconds"] / seconds["N=1000 small files, all cached"], 11),
        ("N=10,000, all cached: MB in all", most["program_mb"] + most["worker_mb"], 400),
        ("10,000 captions alone: seconds", seconds["10,000 captions alone"], 2),
    ]


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    folder = Path(tempfile.mkdtemp())
    try:
        made = rows(f"http://127.0.0.1:{ours.recv()}", folder)
    finally:
        shutil.rmtree(folder)
        server.kill()
    print(f"{'':40}  seconds  program MB  worker MB")
    for name, row in made.items():
        memory = f"{row['program_mb']:>12.0f}{row['worker_mb']:>11.0f}" if "worker_mb" in row else ""
        print(f"{name:40}{row['seconds']:>9.2f}{memory}")
    print()
    for name, value, most in verdicts(made):
        print(f"{name:40}{value:>9.2f}  must be at most {most:g}{'' if value <= most else '  NOT MET'}")
    history.add(made, ratios={name: round(value, 2) for name, value, _most in verdicts(made)})


if __name__ == "__main__":
    main()
