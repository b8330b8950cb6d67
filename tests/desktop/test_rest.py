"""A program that has nothing to do sleeps; tests/bench/idle.py and tests/bench/memory.py look longer and closer."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from footprint import memory, network_sockets, wakes
from real_desktop import COZE_TRAY, Desktop, eventually
from real_program import program, working_for
from tray.simulator import demo

pytestmark = pytest.mark.desktop

REST_S = 2.0


def sleeps(pid: int) -> bool:
    """Whether no thread of it is given the CPU for a while. What the desktop says to everybody wakes the icon, too."""
    before = wakes(pid)
    time.sleep(REST_S)
    return wakes(pid) == before


def test_with_nothing_to_do_it_sleeps_without_network_before_a_draft_and_after(panel: Desktop, tmp_path: Path) -> None:
    with demo.simulator(pace_s=0) as cloud:
        variables = working_for(cloud.base_url, tmp_path)
        with program(panel, **variables) as running:
            eventually(lambda: "Listening, nothing to do" in panel.labels(), "the program to listen")
            eventually(lambda: sleeps(running.pid), "it to sleep")
            assert not network_sockets(running.pid)
            assert len(list(Path(f"/proc/{running.pid}/task").iterdir())) <= 12
            said = panel.run(*COZE_TRAY, "ask", "做", "--bot", "1", "--json", **variables)
            assert len(json.loads(said.splitlines()[-1])["drafts"]) == 1
            eventually(lambda: sleeps(running.pid), "it to sleep again")
            assert not network_sockets(running.pid)
            children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text()
            assert not children, "what helped with the draft has ended"
            assert memory(running.pid).own_mb < 100
