"""A program that has nothing to do sleeps; tests/bench/idle.py and tests/bench/memory.py look longer and closer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from footprint import memory, network_sockets, wakes
from real_desktop import Desktop, eventually
from tray.simulator import demo

pytestmark = pytest.mark.desktop

REST_S = 2.0


def sleeps(pid: int) -> bool:
    """Whether no thread of it is given the CPU for a while. What the desktop says to everybody wakes the icon, too."""
    before = wakes(pid)
    time.sleep(REST_S)
    return wakes(pid) == before


def test_with_nothing_to_do_it_sleeps_without_network_before_a_draft_and_after(panel: Desktop, tmp_path: Path) -> None:
    drafts, home = tmp_path / "drafts", tmp_path / "home"
    drafts.mkdir()
    with demo.simulator(pace_s=0) as cloud:
        variables = {
            "COZE_TRAY_HOME": str(home),
            "COZE_API_BASE": cloud.base_url,
            "COZE_API_TOKEN": "t",
            "COZE_TRAY_DRAFTS_DIR": str(drafts),
            "COZE_TRAY_ALLOW_HOSTS": "127.0.0.1",
        }
        program = subprocess.Popen([sys.executable, "-m", "tray"], env={**panel.environment, **variables})
        try:
            eventually(lambda: "Listening, nothing to do" in panel.labels(), "the program to listen")
            eventually(lambda: sleeps(program.pid), "it to sleep")
            assert not network_sockets(program.pid)
            assert len(list(Path(f"/proc/{program.pid}/task").iterdir())) <= 12
            said = panel.run(sys.executable, "-m", "tray", "ask", "做", "--bot", "1", "--json", **variables)
            assert len(json.loads(said.splitlines()[-1])["drafts"]) == 1
            eventually(lambda: sleeps(program.pid), "it to sleep again")
            assert not network_sockets(program.pid)
            children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text()
            assert not children, "what helped with the draft has ended"
            assert memory(program.pid).own_mb < 100
        finally:
            program.terminate()
            program.wait(20)
