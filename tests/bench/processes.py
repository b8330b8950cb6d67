"""What is measured several times, each time in a process of its own, in which nothing was imported before."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def figures(once: Callable[[Path], dict[str, float]], script: str, times: int) -> dict[str, list[float]]:
    """By its name what `once` has measured, each time in an empty folder; `--times` says how often. `script`, which
    calls this first of all, is run for it with `--once FOLDER`: there it is measured and printed, and the process
    ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=times)
    parser.add_argument("--once", type=Path)
    given = parser.parse_args()
    if given.once:
        print(json.dumps(once(given.once)))
        sys.exit()
    taken: list[dict[str, float]] = []
    for _time in range(given.times):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, script, "--once", folder]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        taken.append(json.loads(said.stdout.splitlines()[-1]))
    return {name: [one[name] for one in taken] for name in taken[0]}
