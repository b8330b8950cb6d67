"""How much memory the program takes beside a bare icon: at rest, and after a draft of 1,000 pieces. Linux, in a private
desktop; not a test by itself.

    python tests/bench/memory.py [--settle 60]     prints a table and adds its figures to history.json beside it

All in one run, on the same backend of pystray: a program that is a pystray icon with a picture of Pillow's and nothing
else; and `python -m tray` with default settings, SETTLE seconds after its icon is there, with no token and with one in
the keyring; and one with a token in the keyring, after a bot of the simulated cloud (in a process of its own) has had
it build a draft of 400 pictures, 300 sounds and 300 captions: the lowest within SETTLE seconds. What counts is resident memory of the whole process tree, workers included; the share (PSS) and what is not
shared at all are shown beside it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "desktop"), str(HERE.parents[1])]

import build_draft
import history

from footprint import Memory, memory
from real_desktop import Desktop, desktop_session, eventually
from real_program import working_for

IDLE_MB, AFTER_DRAFT_MB = 35.0, 60.0
"""So much above the bare icon at most."""

BARE = """
import sys
from tray.desktop import host
said = host.prepare()
for name in [name for name in sys.modules if name.startswith("tray")]:
    del sys.modules[name]
assert said is None, said
import pystray
from PIL import Image
picture = Image.new("RGBA", (128, 128), "red")
pystray.Icon("bare", picture, "bare", pystray.Menu(pystray.MenuItem("Quit", lambda icon: icon.stop()))).run()
"""


def serve(connection: Connection) -> None:
    """A cloud whose bot calls for a draft of the media that lie in it; 1,000 pieces."""
    from tray.simulator.chats import SimulatedChat
    from tray.simulator.server import Simulator

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        tracks = []
        for kind, count in (("image", 400), ("audio", 300), ("text", 300)):
            track = json.loads(build_draft.export(f"{cloud.base_url}/media", count, (kind,)))
            tracks += track["drafts"][0]["tracks"]
        draft = {"draft_id": "x", "project": {"name": "bench"}, "tracks": tracks}
        yield chat.created()
        yield chat.calls_tool("generate_draft", {"content": json.dumps({"drafts": [draft]})})

    def on_outputs(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
        yield from chat.says(json.loads(next(iter(outputs.values())))["message"])
        yield from chat.completed()

    def media(name: str) -> bytes:
        kind, size, number = name.split("/")
        return (build_draft.picture if kind == "image" else build_draft.sound)(int(number), size)

    with Simulator(on_chat, on_outputs, media) as cloud:
        connection.send(cloud.base_url)
        connection.recv()


@contextmanager
def running(desktop: Desktop, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python program, running in the desktop with its icon shown."""
    process = subprocess.Popen([sys.executable, *arguments], env={**desktop.environment, **variables})
    try:
        eventually(desktop.labels_by_now, "the icon")
        yield process
    finally:
        process.terminate()
        process.wait(20)


def lowest(pid: int, seconds: float) -> Memory:
    """The least of the next so many seconds."""
    end = time.monotonic() + seconds
    seen = [memory(pid)]
    while time.monotonic() < end:
        time.sleep(1)
        seen.append(memory(pid))
    return min(seen, key=lambda one: one.rss_mb)


def rows(settle_s: float, folder: Path) -> dict[str, Memory]:
    """Every figure, by the row's name."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    cloud = context.Process(target=serve, args=(theirs,), daemon=True)
    cloud.start()
    base_url = ours.recv()
    made: dict[str, Memory] = {}
    with desktop_session("--panel") as desktop:
        with running(desktop, "-c", BARE) as process:
            time.sleep(settle_s / 4)
            made["a bare icon"] = memory(process.pid)
        with running(desktop, "-m", "tray", COZE_TRAY_HOME=str(folder / "none")) as process:
            time.sleep(settle_s)
            made["at rest, no token"] = memory(process.pid)
        for host in ("api.coze.cn", base_url.partition("//")[2]):
            desktop.python("-c", f"from tray import secrets as s; s.write('{host}', s.Token('pat_' + 'x' * 60))")
        with running(desktop, "-m", "tray", COZE_TRAY_HOME=str(folder / "keyring")) as process:
            time.sleep(settle_s)
            made["at rest, a token in the keyring"] = memory(process.pid)
        variables = working_for(base_url, folder, token="")
        with running(desktop, "-m", "tray", **variables) as process:
            said = desktop.run(sys.executable, "-m", "tray", "ask", "做", "--bot", "1", "--json", **variables)
            receipt = json.loads(said.splitlines()[-1])["drafts"][0]
            assert sum(receipt["segments"].values()) == 1000, receipt
            made["after a draft of 1,000 pieces"] = lowest(process.pid, settle_s)
    ours.send("the end")
    cloud.join(10)
    return made


def verdicts(made: dict[str, Memory]) -> list[tuple[str, float, float]]:
    """By how many MB each is above the bare icon, and how many it may be."""
    bare = made["a bare icon"].rss_mb
    return [
        (name, one.rss_mb - bare, AFTER_DRAFT_MB if name.startswith("after") else IDLE_MB)
        for name, one in list(made.items())[1:]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--settle", type=float, default=60, metavar="S")
    parser.add_argument("--json", action="store_true", help="print the figures alone and keep no history")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = rows(told.settle, Path(folder))
    figures = {name: asdict(one) for name, one in made.items()}
    if told.json:
        print(json.dumps(figures))
        return 0
    print(f"{'':40}  RSS MB  PSS MB  own MB")
    for name, one in made.items():
        print(f"{name:40}{one.rss_mb:>8.1f}{one.pss_mb:>8.1f}{one.own_mb:>8.1f}")
    print()
    above = verdicts(made)
    for name, value, most in above:
        print(f"{name:40}{value:>8.1f} above it, must be at most {most:g}{'' if value <= most else '  NOT MET'}")
    history.add(figures, above={name: round(value, 2) for name, value, _most in above})
    return 0 if all(value <= most for _name, value, most in above) else 1


if __name__ == "__main__":
    sys.exit(main())
