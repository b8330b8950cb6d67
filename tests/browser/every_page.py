"""All pages of a program that has something to show on each."""

from __future__ import annotations

from typing import Any

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

LONG = "https://example.com/" + "a-very-long-address-without-a-blank-" * 6


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
    bus.publish(ToolStarted("a" * 32, "call", "generate_draft"))
    bus.publish(MediaProgress("a" * 32, 3, 12, 4_000_000))
    journal.asking("b" * 32, "q")
    bus.publish(QuestionAsked("b" * 32, "q", "要哪一种风格？", ("水彩", "写实", "动漫"), "https://example.com/styles"))


def paths(seen: Any) -> list[str]:
    """Every page that there is, by its path: those of the navigation, the guide, a draft's, and one that is not there.
    `seen` shows the first page."""
    tab = seen.tab
    named: list[str] = tab.eval_on_selector_all("header nav a", "all => all.map(one => one.getAttribute('href'))")
    found = [path for path in [*named, "guide", "setup/guide"] if answers(seen, path)]
    if "drafts" in found:
        tab.goto(base(seen) + "drafts")
        tab.wait_for_selector("main a[href^='drafts/']")
        found.append(tab.get_attribute("main a[href^='drafts/']", "href"))
    return [*found, "nowhere"]


def base(seen: Any) -> str:
    return str(seen.tab.evaluate("document.baseURI"))


def answers(seen: Any, path: str) -> bool:
    return bool(seen.context.request.get(base(seen) + path).status == 200)
