"""Drafts and trying an export, in a real browser.

`program` stands before `look` in every test: a page must not outlive its program, or it complains."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory import draft, export, png, segment, track
from listening import Listening
from program import wait_until
from test_gallery import shelf
from tray import app, events
from tray.desktop import opener
from tray.draft.library import Library


def until(tab: Any, said: str) -> None:
    """Wait until that script is true. Playwright's own way needs `eval`, which the page's policy forbids."""
    for _try in range(300):
        if tab.evaluate(said):
            return
        tab.wait_for_timeout(50)
    raise AssertionError(said)


@pytest.fixture
def made(program: Listening, media: Any) -> str:
    """A draft called 早餐, with a picture, captions and a warning. Returns its key."""
    url = media.serve("/a.png", png("orange", (640, 360)))
    tracks = (
        track(segment("image", 0, 6000, url=url)),
        track(*(segment("text", n * 1500, n * 1500 + 1500, content="今天的早餐是豆浆和油条", odd=n) for n in range(4))),
    )
    text = json.dumps({"content": export(draft(*tracks, name="早餐"))})
    program.until(events.RequestDone, request_id=app.call(program.app, "generate_draft", text, "clips.json"))
    return Library(program.settings.drafts_dir).drafts()[0].key


def test_a_draft_is_looked_at_deleted_and_had_back_by_keyboard(
    program: Listening, made: str, look: Callable[..., Any]
) -> None:
    tab = look(program, "drafts").tab
    until(tab, "document.querySelector('.cover img').naturalWidth > 0")
    tab.focus(".draft-card .to")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".tl-drawing")
    assert "早餐" in tab.inner_text("h1") and tab.locator(".tl-mark").count() == 1
    assert "今天的早餐" in tab.locator(".tl-text .tl-s text").first.text_content()
    assert tab.locator(".tl-thumb").count() >= 1
    tab.click("text=All drafts")
    tab.wait_for_url("**/drafts")
    tab.focus(".draft-card .delete")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".gone")
    assert tab.evaluate("document.activeElement.className") == "undo" and "早餐" in tab.inner_text(".gone")
    assert Library(program.settings.drafts_dir).drafts() == []
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".draft-card .to")
    assert tab.evaluate("document.activeElement.className") == "to"
    assert Library(program.settings.drafts_dir).find(made).name == "早餐"


def test_a_draft_that_was_deleted_on_its_page_is_had_back_in_the_gallery(
    program: Listening, made: str, look: Callable[..., Any]
) -> None:
    tab = look(program, f"drafts/{made}").tab
    tab.click("#delete")
    tab.wait_for_url("**/drafts")
    tab.click(".deleted .undo")
    tab.wait_for_selector(".draft-card .to")
    assert tab.locator(".deleted").count() == 0


def test_it_is_built_again_and_saved_as_subtitles(program: Listening, made: str, look: Callable[..., Any]) -> None:
    tab = look(program, f"drafts/{made}").tab
    with tab.expect_download() as saved:
        tab.click("text=Save subtitles")
    assert saved.value.suggested_filename == "早餐.srt"
    tab.dblclick("#rebuild")
    tab.wait_for_selector(".request[data-state=done]")
    assert len(program.app.journal.recent_requests()) == 2
    assert tab.inner_text(".request .draft .name") == "早餐 (2)"
    tab.click(".request .draft .name")
    tab.wait_for_selector("h1 >> text=早餐 (2)")


def test_its_folder_its_application_and_its_request_are_opened(
    program: Listening, made: str, look: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    found = opener.Application("jianying", Path("JianyingPro.exe"))
    monkeypatch.setattr(opener, "application_for", lambda _drafts: found)
    for name in ("open_folder", "start"):
        monkeypatch.setattr(opener, name, opened.append)
    tab = look(program, f"drafts/{made}").tab
    tab.click("#tools >> text=Open folder")
    tab.wait_for_selector("text=It opens.")
    tab.click("#tools >> text=Open JianYing")
    wait_until(lambda: len(opened) == 2, "both to be opened")
    assert opened == [Library(program.settings.drafts_dir).find(made).path, found]
    tab.click("text=Draft from clips.json")
    tab.wait_for_selector(".request[data-state=done] .title >> text=Draft from clips.json")
    tab.click(".request .draft .name")
    tab.wait_for_selector("h1 >> text=早餐")


def test_a_thousand_drafts_scroll_to_the_last(program: Listening, look: Callable[..., Any]) -> None:
    shelf(program.settings.drafts_dir, 1000)
    tab = look(program, "drafts").tab
    for _step in range(60):
        tab.keyboard.press("End")
        tab.wait_for_timeout(50)
        if tab.locator(".draft-card").count() == 1000:
            break
    assert tab.locator(".draft-card").count() == 1000 and tab.locator(".more").count() == 0
    frames = tab.evaluate(
        """async () => { const took = []; let last = performance.now();
        for (let n = 0; n < 40; n++) { window.scrollTo(0, n * 900); await new Promise(requestAnimationFrame);
          took.push(performance.now() - last); last = performance.now(); } return took; }"""
    )
    assert sorted(frames)[20] < 100  # ms, without a GPU and beside other tests


def test_an_export_is_pasted_looked_at_and_built(program: Listening, look: Callable[..., Any]) -> None:
    tab = look(program, "try", width=380).tab
    good = export(draft(track(segment("text", 0, 3000, content="你好"))))
    tab.fill("#text", export(draft(track(segment("image", 0, 1000)))))
    tab.click("text=Look at it")
    tab.wait_for_selector(".tried")
    assert "1 problem keeps it" in tab.inner_text(".tried") and tab.is_disabled("#build")
    assert tab.locator("#try .main").inner_text() == "Look at it"
    tab.fill("#text", good)
    tab.click("text=Look at it")
    tab.wait_for_selector('[data-can-be-built="yes"] .tl-drawing')
    assert tab.locator("#try .main").inner_text() == "Build it", "the next step is the button that is seen first"
    tab.dblclick("#build")
    tab.wait_for_selector(".request[data-state=done]")
    assert tab.inner_text(".request .draft .name") == "测试"
    assert not tab.is_visible("text=Open JianYing"), "it is not on this computer"
    assert len(program.app.journal.recent_requests()) == 1
    assert tab.evaluate("document.documentElement.scrollWidth") <= 380


def test_what_is_pasted_is_looked_at_at_once(program: Listening, look: Callable[..., Any]) -> None:
    seen = look(program, "try")
    seen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    texts = [segment("text", n, n + 1, content="你好", odd=1) for n in range(2)]
    text = export(draft(track(*texts), track(segment("image", 0, 2)), name="粘贴"))
    seen.tab.focus("#text")
    seen.tab.evaluate("text => navigator.clipboard.writeText(text)", text)
    seen.tab.keyboard.press("Control+V")
    seen.tab.wait_for_selector(".tried h2 >> text=粘贴")
    said = seen.tab.inner_text(".tried")
    assert "1 problem keeps it" in said and "track 2, segment 1" in said, "what is wrong, and where"
    assert "Unit of time" in said and "Seconds" in said
    assert seen.tab.locator(".tl-text .tl-s").count() == 2 and seen.tab.locator(".tl-mark").count() == 1
    assert list(program.settings.drafts_dir.iterdir()) == [] and seen.tab.is_disabled("#build")


def test_a_file_is_dropped_and_looked_at(program: Listening, look: Callable[..., Any]) -> None:
    tab = look(program, "try").tab
    text = export(draft(track(segment("text", 0, 3000, content="你好")), name="掉下来"))
    data = tab.evaluate_handle(
        "text => { const data = new DataTransfer(); data.items.add(new File([text], 'clips.json')); return data; }",
        text,
    )
    tab.dispatch_event("#text", "drop", {"dataTransfer": data})
    tab.wait_for_selector("text=掉下来")
    assert "clips.json" in tab.inner_text("#file-note")
    tab.click("#build")
    tab.wait_for_selector(".request[data-state=done]")
    assert "clips.json" in tab.inner_text(".request .title")


def test_words_that_are_dropped_are_left_to_the_field(program: Listening, look: Callable[..., Any]) -> None:
    tab = look(program, "try").tab
    is_left = """() => {
      const data = new DataTransfer();
      data.setData("text/plain", "{}");
      return document.getElementById("text").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    assert tab.evaluate(is_left)


@pytest.mark.parametrize("width", [380, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_sticks_out_of_the_pages(
    width: int, dark: bool, program: Listening, made: str, look: Callable[..., Any]
) -> None:
    seen = look(program, "drafts", width=width, dark=dark)
    for path in ("drafts", f"drafts/{made}", "try"):
        seen.tab.goto(seen.tab.evaluate("document.baseURI") + path)
        assert seen.tab.evaluate("document.documentElement.scrollWidth") <= width, path
