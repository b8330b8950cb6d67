"""All pages of a program that has something to show on each."""

from __future__ import annotations

import os
from typing import Any, NoReturn
from urllib.parse import quote

import pytest

from listening import Listening
from tray.events import (
    Failure,
    MediaProgress,
    Noticed,
    QuestionAsked,
    RequestDone,
    RequestStarted,
    TextArrived,
    ToolStarted,
)

DRAFT, NOWHERE = "draft", "nowhere"
PAGES = ("", "drafts", DRAFT, "try", "activity", "setup", "guide", "api", NOWHERE)
"""Every page by its path; DRAFT: a draft's; NOWHERE: one that is not there."""
LONG = "https://example.com/" + "a-very-long-address-without-a-blank-" * 6


def is_missing(what: str) -> NoReturn:
    """Without it a test skips, and says so; in CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def furnish(program: Listening) -> None:
    """A request of every kind: done with a draft, failed, running, waiting for an answer."""
    program.app.listener.start()
    program.ask("做一个关于一天的短视频，四个镜头，每个镜头配一句字幕和一段旁白")
    program.until(RequestDone)
    journal, bus = program.app.journal, program.app.bus
    journal.add_request("f" * 32, program.asked(f"Use {LONG}"))
    failure = Failure("4100", f"The token is not valid: {LONG}", "Make another one.", "20261123170000", again=True)
    journal.failed("f" * 32, failure)
    for letter, prompt in (("a", "一个关于海的短片"), ("b", "海报")):
        journal.add_request(letter * 32, program.asked(prompt))
        journal.running(letter * 32)
        bus.publish(RequestStarted(letter * 32, prompt))
    bus.publish(TextArrived("a" * 32, "好的，我先写脚本，再生成图片和配音。\n\n第一个镜头：清晨的海边。"))
    bus.publish(Noticed("a" * 32, "A picture could not be had; it is left out."))
    journal.tool_started("a" * 32, "a" * 32, "call", "generate_draft", "{}")
    bus.publish(ToolStarted("a" * 32, "call", "generate_draft"))
    bus.publish(MediaProgress("a" * 32, 3, 12, 4_000_000))
    journal.asking("b" * 32, "q")
    bus.publish(QuestionAsked("b" * 32, "q", "要哪一种风格？", ("水彩", "写实", "动漫"), "https://example.com/styles"))


def base(seen: Any) -> str:
    return str(seen.tab.evaluate("document.baseURI"))


def show(seen: Any, page: str) -> None:
    """Go to the page and wait until it shows what it loads. What the browser says of one that is not there is no
    complaint."""
    seen.tab.goto(base(seen) + (of_draft(seen) if page == DRAFT else page))
    seen.tab.wait_for_selector("h1", state="attached")
    seen.tab.wait_for_selector("main [aria-busy=true]", state="detached")
    seen.tab.wait_for_timeout(200)  # what is loaded is drawn
    if page == NOWHERE:
        seen.complaints[:] = [one for one in seen.complaints if not one.endswith(f"/{NOWHERE})")]


def of_draft(seen: Any) -> str:
    """The address of a draft's page."""
    drafts = seen.context.request.get(base(seen) + "api/v1/drafts").json()
    return f"drafts/{quote(drafts['drafts'][0]['key'])}"
