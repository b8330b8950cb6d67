"""The load benchmark, shortened: what a few hundred requests leave behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).parent / "bench" / "load.py"
SPARE_MB = 15.0
"""In so short a time, memory has not settled."""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_requests_without_a_pause_leave_no_thread_no_file_and_no_memory_behind():
    command = [sys.executable, str(LOAD), "--minutes", "0.3", "--queued", "40", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    first, last = rows["at rest, at first"], rows["at rest, at last"]
    assert rows["load"]["requests"] > 100
    assert last["threads"] <= first["threads"]
    assert last["files"] <= first["files"]
    assert last["memory_mb"] <= first["memory_mb"] + SPARE_MB
    assert last["workers_mb"] <= first["workers_mb"] + 1, "no worker stays"
