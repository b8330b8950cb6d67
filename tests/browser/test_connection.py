"""The page and the program it belongs to: the stream between them breaks, the program ends, the tab is hidden."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from every_page import PAGES, base, furnish, show
from listening import Listening
from program import wait_until
from tray.simulator.demo import simulator
from tray.simulator.server import Simulator


def begin(seen: Any) -> None:
    """The page anew, with a clock that stands still but where the test moves it."""
    seen.tab.clock.install()
    seen.tab.goto(base(seen))
    seen.tab.wait_for_selector("#status[data-state=idle]")


def hide(seen: Any, *, hidden: bool) -> None:
    seen.tab.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def streams(program: Listening) -> int:
    """How many there are at the server."""
    return len(program.app.page._server._ending.__self__._open)  # type: ignore[union-attr]


def test_a_program_that_has_ended_is_told_of(
    look: Callable[..., Any], listen: Callable[..., Listening], cloud: Simulator
) -> None:
    program = listen(cloud, settings={"bot_id": "demo"})
    program.app.listener.start()
    seen = look(program)
    begin(seen)
    program.app.close()
    banner = seen.tab.locator("#away")
    said = wait_until(lambda: later(seen) and banner.is_visible() and banner.inner_text(), "the banner")
    assert "Trying again" in said
    assert seen.tab.get_attribute("#status", "data-state") == "reconnecting"
    said = wait_until(lambda: later(seen) and "ended" in banner.inner_text() and banner.inner_text(), "the end")
    assert "Open the page again from the icon's menu" in said
    seen.tab.fill("#prompt", "海")
    seen.tab.click("button.main")
    seen.tab.get_by_text("This page has ended").nth(1).wait_for()
    seen.complaints[:] = [one for one in seen.complaints if "ERR_" not in one]


def test_a_stream_that_breaks_is_begun_again_without_a_word_and_nothing_is_missed(
    look: Callable[..., Any], listen: Callable[..., Listening]
) -> None:
    with simulator() as cloud:
        program = listen(cloud, settings={"bot_id": "demo"})
        program.app.listener.start()
        seen = look(program)
        seen.tab.wait_for_selector("#status[data-state=idle]")
        program.app.page._server._ending()  # type: ignore[union-attr]
        wait_until(lambda: streams(program) == 1, "a stream again")
        seen.tab.fill("#prompt", "做一个短视频")
        seen.tab.click("button.main")
        seen.tab.wait_for_selector(".request[data-state=done]")
        assert seen.tab.locator("#away").is_hidden()


def test_a_hidden_tab_has_no_stream_but_says_once_a_minute_that_it_is_still_open(
    look: Callable[..., Any], program: Listening
) -> None:
    seen = look(program)
    begin(seen)
    asked: list[str] = []
    seen.tab.on("request", lambda request: asked.append(request.url.removeprefix(base(seen))))
    hide(seen, hidden=True)
    wait_until(lambda: streams(program) == 0, "the stream to end")
    for _minute in range(3):
        seen.tab.clock.fast_forward(60_000)
        seen.tab.wait_for_timeout(50)
    assert asked == ["api/v1/status"] * 3
    with seen.tab.expect_request("**/api/v1/events"):
        hide(seen, hidden=False)
    wait_until(lambda: streams(program) == 1, "a stream again")
    assert len(asked) == 4


def test_a_tab_that_is_hidden_for_long_lets_the_server_end_and_says_so_when_it_is_seen_again(
    look: Callable[..., Any], listen: Callable[..., Listening], cloud: Simulator
) -> None:
    program = listen(cloud)
    program.app.listener.start()
    seen = look(program)
    begin(seen)
    asked: list[str] = []
    seen.tab.on("request", lambda request: asked.append(request.url))
    hide(seen, hidden=True)
    seen.tab.clock.run_for(40 * 60_000)
    seen.tab.wait_for_timeout(100)
    assert 28 <= len(asked) <= 30
    program.app.page.close()
    hide(seen, hidden=False)
    banner = seen.tab.locator("#away")
    said = wait_until(lambda: later(seen) and "ended" in banner.inner_text() and banner.inner_text(), "the end")
    assert "Open the page again from the icon's menu" in said
    seen.complaints[:] = [one for one in seen.complaints if "ERR_" not in one]


def test_no_page_asks_for_the_same_twice(look: Callable[..., Any], listen: Callable[..., Listening]) -> None:
    with simulator(pace_s=0) as cloud:
        program = listen(cloud, settings={"bot_id": "demo"})
        furnish(program)
        seen = look(program)
        show(seen, "")  # whole, before what follows is counted
        asked: list[str] = []
        seen.tab.on("request", lambda request: asked.append(request.url))
        for page in PAGES:
            asked.clear()
            show(seen, page)
            fetched = sorted(one for one in asked if "/api/" in one or ".js" in one)
            assert fetched == sorted(set(fetched)), page


def later(seen: Any) -> bool:
    """Half a second passes for the page."""
    seen.tab.clock.run_for(500)
    return True
