"""Asking on the page, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from listening import Listening
from tray.simulator.demo import simulator


def test_what_is_asked_streams_in_and_becomes_a_draft(
    look: Callable[..., Any], listen: Callable[..., Listening]
) -> None:
    with simulator() as cloud:
        program = listen(cloud, settings={"bot_id": "demo"})
        program.app.listener.start()
        tab = look(program).tab
        tab.fill("#prompt", "做一个短视频")
        tab.click("text=Send")
        tab.wait_for_selector(".draft .name")
        tab.wait_for_selector(".request[data-state=done]")
        assert "Demo" in tab.inner_text(".draft .name")
        assert "Fine: four scenes" in tab.inner_text(".answer")
