"""All pages of a program that has something to show on each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from factory import draft, export, segment, track
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


def a_workflow(seen: Any) -> None:
    """Its form, with an input that is wrong."""
    show(seen, "")
    seen.tab.select_option("#target", "每日短片")
    seen.tab.fill("#parameters textarea >> nth=1", "[")
    seen.tab.click("#send")
    seen.tab.wait_for_selector(".parameter .bad-words:visible")


def a_conversation(seen: Any) -> None:
    show(seen, "activity")
    seen.tab.wait_for_selector(".entry[data-state=done]")
    seen.tab.click(".entry[data-state=done] > summary")
    seen.tab.click(".entry[data-state=done] .go-on")
    seen.tab.wait_for_selector("#talk .draft .name")


def a_preview(seen: Any) -> None:
    """Of an export with a problem and a warning."""
    show(seen, "try")
    tracks = track(segment(odd=1, content="今天的早餐是豆浆和油条")), track(segment("image"), segment("image"))
    seen.tab.fill("#text", export(draft(*tracks)))
    seen.tab.click("#try [type=submit]")
    seen.tab.wait_for_selector(".tried .tl-mark")
    seen.tab.click(".as-table summary")


def entries_and_the_log(seen: Any) -> None:
    show(seen, "activity")
    for state in ("done", "failed", "waiting", "running"):
        seen.tab.click(f".entry[data-state={state}] > summary")
    seen.tab.click("#log > summary")
    seen.tab.wait_for_selector("#lines > *")


def a_target(seen: Any) -> None:
    """Its dialog, with everything that it can show, and with what is wrong."""
    show(seen, "setup")
    seen.tab.click("#add-target")
    seen.tab.select_option("#target-kind", "workflow")
    seen.tab.check("#target-listen")
    seen.tab.click("#target-parameters .add")
    seen.tab.evaluate("document.getElementById('target-more').open = true")
    seen.tab.fill("#target-interval", "soon")


def ways_to_sign_in(seen: Any) -> None:
    show(seen, "setup")
    seen.tab.evaluate("for (const one of document.querySelectorAll('#sign-in details')) one.open = true")


def a_deleted_draft(seen: Any) -> None:
    """As the page says it; the draft stays, other tests look at it."""
    show(seen, "drafts")
    said = {"id": "x", "name": LONG, "deleted_us": 0, "undo_until_us": 0}
    seen.tab.route("**/api/v1/drafts/*", lambda route: route.fulfill(json=said))
    seen.tab.click(".draft-card .delete")
    seen.tab.wait_for_selector(".gone .undo")


STATES: dict[str, Callable[[Any], None]] = {
    "a workflow": a_workflow,
    "a conversation": a_conversation,
    "a preview": a_preview,
    "entries and the log": entries_and_the_log,
    "a target": a_target,
    "ways to sign in": ways_to_sign_in,
    "the folder, in the guide": lambda seen: show(seen, "guide?step=2"),
    "the demo, in the guide": lambda seen: show(seen, "guide?step=3"),
    "a deleted draft": a_deleted_draft,
}
"""What a page shows only when something was done on it."""


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
