"""Mailboxes against the simulated cloud: what it holds is built once and acknowledged, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from factory import draft, export, segment, track
from program import wait_until
from test_listener import Listening
from tray import events
from tray.asked import Asked
from tray.mailbox import Mailbox
from tray.mailbox_pace import MailboxPace
from tray.simulator.mailbox import SimulatedMailbox
from tray.simulator.server import Simulator

SAID = export(draft(track(segment())))
CALL = "generate_draft", {"content": SAID}
QUICK_S = 0.05


class Desk:
    """A listening program and one mailbox of its cloud, looked into at a quick pace."""

    def __init__(self, one: Listening, cloud: Simulator, *, interval_s: float | None = QUICK_S, **more: Any) -> None:
        self.one, self.cloud = one, cloud
        pace = MailboxPace(interval_s, hold_s=QUICK_S, longest_s=4 * QUICK_S)
        asked = Asked(cloud.base_url, "workflow", "77", parameters={"team": "a"}, target="box")
        self.mailbox = Mailbox("box", asked, "desk", more.pop("runs_a_day", 10_000), pace, nap_s=QUICK_S, **more)
        one.app.listener.open_mailbox(self.mailbox.key, self.mailbox)
        one.app.listener.start()


@pytest.fixture
def listen(tmp_path: Path, root: Path) -> Iterator[Callable[..., Listening]]:
    opened: list[Listening] = []

    def make(cloud: Simulator, **more: Any) -> Listening:
        one = Listening(tmp_path / "home", root, cloud, **more)
        opened.append(one)
        return one

    yield make
    for one in opened:
        one.app.close()


def test_a_draft_put_down_in_the_cloud_arrives_and_is_acknowledged_with_its_result(listen, root):
    box = SimulatedMailbox()
    with Simulator(routes=box.routes()) as cloud:
        row = box.put(*CALL, device="desk")
        other = box.put(*CALL, device="elsewhere")
        desk = Desk(listen(cloud), cloud)
        receipt = desk.one.until(events.DraftWritten).receipt
        wait_until(lambda: row.status == "done", "the row is acknowledged")
    assert [path.name for path in root.iterdir()] == [Path(receipt.path).name] == ["测试"]
    assert row.result["id"] == row.id and row.result["status"] == "ok" and "测试" in row.result["message"]
    assert row.result["drafts"][0]["name"] == "测试"
    assert str(root) not in json.dumps(row.result)  # the cloud is not told the user's paths
    assert other.status == "pending" and not other.deliveries
    first = box.runs[0].parameters
    assert first == {"team": "a", "device": "desk", "limit": 20, "ack": "[]", "results": "[]"}
