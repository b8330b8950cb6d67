"""Whether the program rests when it has nothing to do: how often its threads wake up, what they use of the CPU, whether
it has anything to do with the network. Linux, in a private desktop; not a test by itself.

    python tests/bench/idle.py [--minutes 10]     prints a table and adds its figures to history.json beside it

The real program with its icon, default settings, no target that stands, nothing asked, a token in the keyring; and a
bare icon of pystray and Pillow beside it, at the same time. Both are left alone for half a minute before it begins.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "desktop"), str(HERE.parents[1])]

import history
from memory import BARE, running

from footprint import cpu_s, network_sockets, wakes
from real_desktop import desktop_session, eventually

SETTLE_S = 30.0
LOOK_S = 5.0


@dataclass(frozen=True)
class Rest:
    """What a program did while nobody asked it for anything. `woken`: how often, by thread; `sockets`: every internet
    socket that was seen."""

    woken: dict[str, int]
    cpu_s: float
    sockets: set[str]


def watch(pids: list[int], seconds: float) -> list[Rest]:
    """What each of the processes, with all below it, does in the next so many seconds."""
    before = [(wakes(pid), cpu_s(pid)) for pid in pids]
    sockets: list[set[str]] = [set() for _pid in pids]
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(LOOK_S, left))
        for seen, pid in zip(sockets, pids, strict=True):
            seen.update(network_sockets(pid))
    found = []
    for pid, (woken, cpu), seen in zip(pids, before, sockets, strict=True):
        now = {name: count - woken.get(name, 0) for name, count in wakes(pid).items()}
        found.append(Rest({name: count for name, count in now.items() if count}, cpu_s(pid) - cpu, seen))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, desktop_session("--panel") as desktop:
        desktop.python("-c", "from tray import secrets as s; s.write('api.coze.cn', s.Token('pat_' + 'x' * 60))")
        home = Path(folder) / "home"
        with running(desktop, "-c", BARE) as bare, running(desktop, "-m", "tray", COZE_TRAY_HOME=str(home)) as ours:
            eventually((home / "running.json").exists, "the program to run")
            time.sleep(SETTLE_S)
            rests = watch([bare.pid, ours.pid], told.minutes * 60)
    for name, rest in zip(("a bare icon", "the program"), rests, strict=True):
        print(f"{name}: woken {sum(rest.woken.values())} times, {rest.cpu_s:.2f} s of CPU in {told.minutes:g} min")
        for thread, count in sorted(rest.woken.items(), key=lambda one: -one[1]):
            print(f"    {count:>6} {thread}")
        for socket in sorted(rest.sockets):
            print(f"    network: {socket}")
    bare_rest, rest = rests
    rows = {
        name: {"woken": sum(one.woken.values()), "cpu_s": one.cpu_s, "sockets": len(one.sockets)}
        for name, one in (("a bare icon", bare_rest), ("the program", rest))
    }
    history.add({name: {key: float(value) for key, value in row.items()} for name, row in rows.items()},
                minutes=told.minutes)  # fmt: skip
    rests_well = not rest.sockets and sum(rest.woken.values()) <= sum(bare_rest.woken.values())
    print("it rests" if rests_well else "NOT MET: it is to sleep as the bare icon does, with no network")
    return 0 if rests_well else 1


if __name__ == "__main__":
    sys.exit(main())
