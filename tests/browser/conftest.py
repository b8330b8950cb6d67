"""A real Chromium on a real page of a real program, whose cloud is the simulator."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from every_page import is_missing
from listening import Listening
from tray.simulator.server import Simulator

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Not for longer: while it is there, its loop runs in the tests' own thread, where others run theirs."""
    if CHROMIUM is None:
        is_missing("chromium is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Seen:
    """A tab. `complaints`: what the browser has found wrong with the page: errors, refused scripts, failed requests;
    whatever a page writes to the console."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.tab = context.new_page()
        self.complaints: list[str] = []
        self.tab.on("console", lambda said: self.complaints.append(f"{said.text} ({said.location.get('url')})"))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture
def look(chromium: Any, listen: Callable[..., Listening]) -> Iterator[Callable[..., Seen]]:
    """Open the page of a program in a browser of its own. At the end the browser must have had nothing to complain of;
    it ends before the program (so `listen`), of whose end it would."""
    contexts: list[Any] = []
    tabs: list[Seen] = []

    def open_page(listening: Listening, path: str = "", *, width: int = 1200, dark: bool = False, **more: Any) -> Seen:
        how = {
            "viewport": {"width": width, "height": 800},
            "color_scheme": "dark" if dark else "light",
            "reduced_motion": "reduce",
            "accept_downloads": True,
        }
        contexts.append(chromium.new_context(**how | more))
        seen = Seen(contexts[-1])
        seen.tab.set_default_timeout(15_000)
        seen.tab.goto(listening.app.page.url(listening.app, path))
        tabs.append(seen)
        return seen

    yield open_page
    for context in contexts:
        context.close()
    for seen in tabs:
        assert seen.complaints == []


@pytest.fixture
def program(listen: Callable[..., Listening], cloud: Simulator) -> Listening:
    """A program that listens, on a simulated cloud."""
    listening = listen(cloud)
    listening.app.listener.start()
    return listening
