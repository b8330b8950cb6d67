"""A second start of the program, and the commands that end it, on a real desktop."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from real_desktop import COZE_TRAY, Desktop, eventually
from real_program import program, start

pytestmark = pytest.mark.desktop


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "家 目录"


@pytest.fixture
def running(panel: Desktop, home: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, with its icon."""
    with program(panel, **_at(home)) as process:
        eventually(lambda: "Listening, nothing to do" in panel.labels(), "the listener to listen")
        yield process


def _at(home: Path) -> dict[str, str]:
    return {"COZE_TRAY_HOME": str(home), "COZE_API_TOKEN": "t"}


def _command(panel: Desktop, home: Path, *arguments: str) -> str:
    return panel.run(*COZE_TRAY, *arguments, **_at(home))


def test_a_second_start_shows_where_the_icon_of_the_first_is(panel: Desktop, running, home: Path) -> None:
    with program(panel, **_at(home)) as second:
        _out, errors = second.communicate(timeout=30)
    assert second.returncode == 0 and "runs already. Its icon is in the panel's tray." in errors
    eventually(lambda: "Its icon is in the panel's tray" in panel.notifications(), "the notification of the first")
    assert running.poll() is None


def test_stop_start_status_and_quit_reach_the_icon(panel: Desktop, running, home: Path) -> None:
    program = json.loads(_command(panel, home, "status", "--json").splitlines()[-1])["program"]
    assert (program["pid"], program["icon"], program["listening"]) == (running.pid, True, True)
    _command(panel, home, "stop")
    eventually(lambda: "Not listening" in panel.labels(), "the menu to say so")
    _command(panel, home, "start")
    eventually(lambda: "Listening, nothing to do" in panel.labels(), "the menu to say so")
    assert f"process {running.pid}" in _command(panel, home, "quit")
    assert running.wait(15) == 0
    assert running.stderr is not None and running.stderr.read() == ""


def test_a_program_that_could_not_be_opened_says_why_and_can_be_ended(panel: Desktop, home: Path) -> None:
    home.mkdir()
    (home / "settings.toml").write_text("region = 5\n")
    with program(panel, **_at(home)) as broken:
        eventually((home / "running.json").exists, "it to answer")
        (home / "settings.toml").unlink()
        found = json.loads(_command(panel, home, "status", "--json").splitlines()[-1])
        assert found["state"] == "error" and "settings.toml" in found["program"]["state"]["detail"]
        with start(panel, "page", **_at(home)) as page:
            _out, errors = page.communicate(timeout=9)  # before who hears nothing gives up
        assert page.returncode == 1 and "region" in errors and "coze-tray quit" in errors
        assert f"process {broken.pid}" in _command(panel, home, "quit")
        assert broken.wait(15) == 0
