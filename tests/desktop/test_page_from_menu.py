"""The page is opened from the icon's menu, and its server is there for as long as somebody looks at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from footprint import memory, network_sockets
from real_desktop import COZE_TRAY, Desktop, eventually
from tray.simulator import demo
from web import enter, site_is_whole

pytestmark = pytest.mark.desktop

QUICKLY_CLOSED = """
from tray.web import page
served = page._served

def soon(app):
    from tray.web import server
    server.IDLE_S = 2.0
    return served(app)

page._served = soon
from tray.__main__ import main
main()
"""
"""The program, which takes the page for closed after two seconds."""
MOST_MORE_MB = 25.0
"""What stays when the page is closed: the modules of its server."""


def fake_browser(folder: Path) -> str:
    """An xdg-open that writes down what it is to open. Returns the PATH with it in front."""
    program = folder / "xdg-open"
    program.write_text(f'#!/bin/sh\necho "$1" >> "{folder}/opened"\n')
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@contextmanager
def tray_program(desktop: Desktop, folder: Path, *arguments: str) -> Iterator[int]:
    """The program with its icon, listening; its process' id."""
    drafts = folder / "drafts"
    drafts.mkdir()
    with demo.simulator(pace_s=0) as cloud:
        variables = {
            "COZE_TRAY_HOME": str(folder / "home"), "COZE_API_BASE": cloud.base_url, "COZE_API_TOKEN": "t",
            "COZE_TRAY_DRAFTS_DIR": str(drafts), "COZE_TRAY_ALLOW_HOSTS": "127.0.0.1", "PATH": fake_browser(folder),
        }  # fmt: skip
        program = subprocess.Popen([sys.executable, *arguments], env={**desktop.environment, **variables})
        try:
            eventually(lambda: "Listening, nothing to do" in desktop.labels(), "the program to listen")
            yield program.pid
        finally:
            program.terminate()
            program.wait(20)


def opened(folder: Path) -> list[str]:
    file = folder / "opened"
    return file.read_text().splitlines() if file.exists() else []


def test_the_menu_opens_the_page_whose_server_ends_when_nobody_looks(panel: Desktop, tmp_path: Path) -> None:
    with tray_program(panel, tmp_path, "-c", QUICKLY_CLOSED) as pid:
        before = memory(pid).own_mb
        for _time in range(2):
            (tmp_path / "opened").unlink(missing_ok=True)
            panel.menu("Open page")
            address = eventually(lambda: opened(tmp_path), "the browser to be called", 20)[0]
            with httpx.Client(follow_redirects=True) as browser:
                shown = browser.get(address)
                assert shown.status_code == 200 and "coze-tray" in shown.text
                assert network_sockets(pid), "its server listens"
                with browser.stream("GET", f"{shown.url}api/v1/events") as stream:
                    lines = stream.iter_lines()
                    next(lines)
                    open_mb = memory(pid).own_mb
            eventually(lambda: not network_sockets(pid), "the server to end", 20)
            after = memory(pid).own_mb
            print(f"own memory: {before:.1f} MB before, {open_mb:.1f} while the page was open, {after:.1f} after it")
            assert after - before < MOST_MORE_MB
            assert is_refused(str(shown.url))


def test_the_command_starts_the_program_and_gives_an_address_whose_site_is_whole(
    panel: Desktop, tmp_path: Path
) -> None:
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    variables = {"COZE_TRAY_HOME": str(tmp_path / "home"), "COZE_API_TOKEN": "t", "COZE_API_BASE": "http://127.0.0.1:9",
                 "COZE_TRAY_DRAFTS_DIR": str(drafts)}  # fmt: skip
    try:
        said = panel.run(*COZE_TRAY, "page", "--no-browser", "--json", **variables)
        with enter(json.loads(said.splitlines()[-1])["url"]) as client:
            site_is_whole(client)
        address = panel.run(*COZE_TRAY, "page", "--no-browser", **variables).strip()
        with enter(address) as client:
            assert client.get("api/v1/status").json()["state"] == "idle"
    finally:
        panel.run(*COZE_TRAY, "quit", **variables)


def is_refused(address: str) -> bool:
    try:
        httpx.get(address)
    except httpx.ConnectError:
        return True
    return False
