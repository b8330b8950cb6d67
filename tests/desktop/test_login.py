"""Starting at login, by a real desktop's own reading of what was registered."""

from __future__ import annotations

import json
import os
import signal
import site
import subprocess
import sys
from pathlib import Path

import pytest

from real_desktop import CHECKOUT, Desktop, eventually

pytestmark = pytest.mark.desktop


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A venv's Python in a folder with blanks and Chinese; it finds the program as an installed one is found."""
    folder = tmp_path / "我的 程序 (1)" / "venv 50%"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", str(folder)], check=True)
    found = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([str(found), "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    Path(packages, "coze-tray.pth").write_text("\n".join([str(CHECKOUT), *site.getsitepackages()]), "utf-8")
    return found


def test_what_is_registered_from_a_venv_with_an_odd_path_starts_with_its_icon(
    panel: Desktop, python: Path, tmp_path: Path
) -> None:
    home, config = tmp_path / "家 目录", tmp_path / "config"
    variables = {"COZE_TRAY_HOME": str(home), "XDG_CONFIG_HOME": str(config), "PYTHONPATH": ""}
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the user was run')")  # where the login begins
    said = panel.run(str(python), "-m", "tray", "autostart", "on", "--json", **variables)
    found = json.loads(said.splitlines()[-1])
    assert (found["starts_at_login"], found["is_this_program"]) == (True, True)
    assert found["where"] == str(config / "autostart" / "coze-tray.desktop")
    desktop = {**panel.environment, "PYTHONPATH": ""}
    nowhere = subprocess.DEVNULL  # what it starts keeps these
    subprocess.run(
        ["gio", "launch", found["where"]], env=desktop, cwd=tmp_path, check=True, stdout=nowhere, stderr=nowhere
    )
    running = home / "running.json"
    eventually(running.exists, "the program to run")
    pid = json.loads(running.read_text("utf-8"))["pid"]
    try:
        started = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        assert (started[0], started[-2:]) == (os.fsencode(python), [b"-m", b"tray"])
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        eventually(lambda: "Listening, nothing to do" in panel.labels(), "its icon")
    finally:
        os.kill(pid, signal.SIGTERM)
    eventually(lambda: not running.exists(), "it to end")


def test_a_venv_that_was_moved_registers_its_new_place_when_it_starts(
    panel: Desktop, python: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    variables = {
        "COZE_TRAY_HOME": str(tmp_path / "家"),
        "XDG_CONFIG_HOME": str(config),
        "PYTHONPATH": "",
        "COZE_API_TOKEN": "t",
    }
    panel.run(str(python), "-m", "tray", "autostart", "on", **variables)
    moved = tmp_path / "新的 程序"
    python.parents[2].rename(moved)
    now = moved / python.relative_to(tmp_path / "我的 程序 (1)")
    program = subprocess.Popen([str(now), "-m", "tray"], env={**panel.environment, **variables})
    try:
        entry = config / "autostart" / "coze-tray.desktop"
        eventually(lambda: str(moved) in entry.read_text("utf-8"), "the new place to be registered")
        old = str(tmp_path / "我的 程序 (1)")  # the new one may be beyond what a notification can hold
        eventually(lambda: old in panel.notifications(), "the notification about it")
    finally:
        program.terminate()
        program.wait(20)
    found = json.loads(panel.run(str(now), "-m", "tray", "autostart", "status", "--json", **variables).splitlines()[-1])
    assert (found["starts_at_login"], found["is_this_program"], found["exists"]) == (True, True, True)
