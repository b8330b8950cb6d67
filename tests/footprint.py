"""What a running program and its children take of the machine, as Linux tells it in /proc."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """Of a process and all below it, in MB. `rss_mb` counts what several processes share for each of them, `pss_mb` a
    share for each, `own_mb` not at all: that is what would come back if they ended."""

    rss_mb: float
    pss_mb: float
    own_mb: float


def memory(pid: int) -> Memory:
    total = dict.fromkeys(("Rss", "Pss", "Private_Clean", "Private_Dirty"), 0)
    for one in tree(pid):
        with contextlib.suppress(OSError):  # it has just ended
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()[1:]:
                name, value = line.split(":", 1)
                if name in total:
                    total[name] += int(value.split()[0])
    own = total["Private_Clean"] + total["Private_Dirty"]
    return Memory(total["Rss"] / 1024, total["Pss"] / 1024, own / 1024)


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for parent in found:
        for task in _tasks(parent):
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def wakes(pid: int) -> dict[str, int]:
    """How often each thread of the process and of all below it was given the CPU so far, by "number name"."""
    found = {}
    for one in tree(pid):
        for task in _tasks(one):
            with contextlib.suppress(OSError):
                said = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
                times = int(said["voluntary_ctxt_switches"]) + int(said["nonvoluntary_ctxt_switches"])
                found[f"{task.name} {said['Name'].strip()}"] = times
    return found


def cpu_s(pid: int) -> float:
    """How long the process and all below it used the CPU so far; to 10 ms."""
    ticks = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def network_sockets(pid: int) -> list[str]:
    """The open internet sockets (not those of D-Bus, X and the like) of the process and of all below it, as /proc/net
    lists them."""
    numbers = set()
    for one in tree(pid):
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{one}/fd").iterdir():
                with contextlib.suppress(OSError):
                    numbers.add(file.readlink().name)
    found = []
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
                if f"socket:[{line.split()[9]}]" in numbers:
                    found.append(f"{kind} {line.strip()}")
    return found


def _tasks(pid: int) -> list[Path]:
    with contextlib.suppress(OSError):
        return list(Path(f"/proc/{pid}/task").iterdir())
    return []
