"""How long building a draft takes, against a bare download of the same files. Not a test: run it by hand.

    python tests/bench/build_draft.py [N]        N pictures + N sounds + N captions, each file distinct

The server runs in a process of its own on loopback and answers each request after 50 ms. The bare download is one httpx
client with 16 requests at once, into files.

Seen on 2 cores, N=1000, nothing cached: 2.12 × the bare download while MediaInfo read every WAV (6.7 ms each), 1.00 ×
(7.1 s) since their headers are read with `wave` (0.08 ms); 81 MB in the program, 116 MB in its worker.
"""

from __future__ import annotations

import asyncio
import io
import json
import multiprocessing
import resource
import shutil
import struct
import sys
import tempfile
import time
import wave
import zlib
from pathlib import Path
from typing import Any

DELAY_S = 0.05


def picture(number: int) -> bytes:
    """A distinct PNG of 320×180, about 20 kB: noise that does not compress."""
    import random

    rows = b"".join(b"\0" + random.Random(number * 1000 + y).randbytes(320 * 3)[: 320 * 3] for y in range(18)) * 10

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 320, 180, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def sound(number: int) -> bytes:
    """A distinct WAV of 2 s, 32 kB."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<i", number) * 8000)
    return data.getvalue()


def serve(count: int, connection: Any) -> None:
    """A small HTTP/1.1 server on asyncio: quick enough not to be what is measured."""
    files = {f"/i/{n}": picture(n) for n in range(count)} | {f"/s/{n}": sound(n) for n in range(count)}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = files[head.split(b" ")[1].decode()]
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


def export(base: str, count: int) -> str:
    def segments(kind: str) -> list[dict[str, Any]]:
        made = []
        for n in range(count):
            segment: dict[str, Any] = {"type": kind, "time_range": {"start": n * 2000, "end": (n + 1) * 2000}}
            if kind == "text":
                segment["content"] = f"第 {n} 句"
            else:
                segment["material_url"] = f"{base}/{kind[0] if kind == 'image' else 's'}/{n}"
            made.append(segment)
        return made

    tracks = [{"track_type": kind, "segments": segments(kind)} for kind in ("image", "audio", "text")]
    return json.dumps({"drafts": [{"draft_id": "x", "project": {"name": "bench"}, "tracks": tracks}]})


async def bare(urls: list[str], into: Path) -> None:
    import httpx

    gate = asyncio.Semaphore(16)
    async with httpx.AsyncClient(trust_env=False) as client:

        async def get(number: int, url: str) -> None:
            async with gate:
                (into / str(number)).write_bytes((await client.get(url)).content)

        await asyncio.gather(*(get(number, url) for number, url in enumerate(urls)))


def main() -> None:
    from tray.draft import pipeline
    from tray.draft.cache import CachePolicy
    from tray.draft.fetch import FetchPolicy

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(count, theirs), daemon=True)
    server.start()
    base = f"http://127.0.0.1:{ours.recv()}"
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "bare").mkdir()
        urls = [f"{base}/{kind}/{n}" for kind in "is" for n in range(count)]
        began = time.perf_counter()
        asyncio.run(bare(urls, folder / "bare"))
        bare_s = time.perf_counter() - began

        (folder / "drafts").mkdir()
        shop = pipeline.Workshop(folder / "drafts", FetchPolicy(frozenset({"127.0.0.1"})), folder / "locks", CachePolicy(folder / "cache"))
        began = time.perf_counter()
        built = asyncio.run(pipeline.build(export(base, count), shop, "en", progress=lambda *_args: None))
        build_s = time.perf_counter() - began
        assert sum(built.receipts[0].segments.values()) == 3 * count
    finally:
        shutil.rmtree(folder)
        server.kill()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    worker_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"N={count}: bare download {bare_s:.2f} s, draft {build_s:.2f} s = {build_s / bare_s:.2f} ×")
    print(f"peak memory: program {peak_mb:.0f} MB, largest child {worker_mb:.0f} MB")


if __name__ == "__main__":
    main()
