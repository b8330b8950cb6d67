"""The guide opens by itself when the program is started for the first time."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from real_desktop import COZE_TRAY, Desktop, eventually


@contextmanager
def started(panel: Desktop, tmp_path: Path, *arguments: str, **variables: str) -> Iterator[Path]:
    """The program on a desktop whose browser writes down what it is to open, into the file."""
    opened = tmp_path / "opened"
    (tmp_path / "bin").mkdir(exist_ok=True)
    browser = tmp_path / "bin" / "xdg-open"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> "{opened}"\n')
    browser.chmod(0o755)
    own = {
        "COZE_TRAY_HOME": str(tmp_path / "home"),
        "COZE_TRAY_NO_GUIDE": "",
        "PATH": f"{tmp_path / 'bin'}:{panel.environment['PATH']}",
    }
    running = subprocess.Popen([*COZE_TRAY, *arguments], env={**panel.environment, **own, **variables})
    try:
        yield opened
    finally:
        running.terminate()
        running.wait(20)


def listens(panel: Desktop) -> bool:
    return "Listening, nothing to do" in panel.labels()


def test_the_first_start_opens_the_guide_and_no_other_does(panel: Desktop, tmp_path: Path) -> None:
    with started(panel, tmp_path) as opened:
        eventually(opened.exists, "the browser to be opened")
        with httpx.Client(follow_redirects=True) as client:
            page = client.get(opened.read_text().strip())
        assert page.status_code == 200 and "From here to your first draft" in page.text
        assert "Not signed in yet" not in panel.notifications(), "the guide says so"
    with started(panel, tmp_path) as opened:
        eventually(lambda: listens(panel), "it to listen")
        eventually(lambda: "Not signed in yet" in panel.notifications(), "it to be said")
        assert opened.read_text().count("\n") == 1


def test_who_has_set_something_or_has_a_token_is_not_guided(panel: Desktop, tmp_path: Path) -> None:
    with started(panel, tmp_path, COZE_API_TOKEN="t") as opened:
        eventually(lambda: listens(panel), "it to listen")
    (tmp_path / "home" / "settings.toml").write_text("version = 1\n")
    with started(panel, tmp_path) as opened:
        eventually(lambda: listens(panel), "it to listen")
        eventually(lambda: "Not signed in yet" in panel.notifications(), "it to be said")
        assert not opened.exists()
