"""Notifications, over a real session bus."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from real_desktop import Desktop, desktop_session, desktop_without_notifications, eventually, tray

pytestmark = pytest.mark.desktop

SHOW = """
import sys
if {hide_dbus}:
    sys.modules["dbus"] = None
from tray.desktop.notify import notifier
mine = notifier({icon})
mine.show({title!r}, {message!r})
print(mine.flush(10))
"""

RECEIPT = {
    "path": "/drafts/夏天的海",
    "name": "夏天的海",
    "draft_id": "1",
    "segments": {"video": 3, "text": 1},
    "duration_us": 83_000_000,
    "media_bytes": 1,
    "time_unit": "us",
    "time_unit_reason": "",
    "warnings": [],
}


def test_a_written_draft_is_announced_by_its_name(panel: Desktop) -> None:
    with tray(panel) as driver:
        driver.publish(event="DraftWritten", request_id="1", receipt=RECEIPT)
        eventually(lambda: "Draft ready: 夏天的海" in panel.notifications(), "the notification")
        eventually(lambda: "1:23, 4 segments" in panel.notifications(), "its message")


def test_a_failed_request_is_announced_with_advice(panel: Desktop) -> None:
    failure = {"code": "4100", "message": "The token <t> is wrong.", "advice": "Sign in again.", "logid": ""}
    with tray(panel) as driver:
        driver.publish(event="RequestFailed", request_id="1", failure=failure)
        eventually(lambda: "The request failed" in panel.notifications(), "the notification")
        # The body is markup: what would be a tag is written so that it is shown.
        eventually(lambda: "The token &lt;t&gt; is wrong. Sign in again." in panel.notifications(), "its message")


def test_a_click_on_a_notification_opens_the_drafts_folder(panel: Desktop, tmp_path: Path) -> None:
    drafts = [tmp_path / name for name in ("夏天 的海", "冬天")]
    opened = tmp_path / "opened"
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    program.chmod(0o755)
    with tray(panel, PATH=f"{program.parent}:{panel.environment['PATH']}") as driver:
        for draft in drafts:
            draft.mkdir()
            receipt = {**RECEIPT, "name": draft.name, "path": str(draft)}
            driver.publish(event="DraftWritten", request_id="1", receipt=receipt)
            eventually(lambda name=draft.name: f"Draft ready: {name}" in panel.notifications(), "the notification")
            eventually(lambda: _shown(panel) == 1, "it to be on the screen")
            _click_the_newest(panel)
            eventually(lambda last=str(draft): opened.exists() and last in opened.read_text(), "the folder")
            eventually(lambda: _shown(panel) == 0, "it to be gone")
        # What is no draft opens nothing, wherever it is clicked.
        driver.publish(event="Noticed", request_id="", text="that is all")
        eventually(lambda: _shown(panel) == 1, "the notice")
        _click_the_newest(panel)
        eventually(lambda: _shown(panel) == 0, "the notice to be gone")
    assert opened.read_text().splitlines() == [str(draft) for draft in drafts]


def test_drafts_that_come_at_once_are_one_notification_whose_click_opens_the_folder_they_lie_in(
    panel: Desktop, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    program.chmod(0o755)
    before = panel.notifications().count("member=Notify")
    with tray(panel, PATH=f"{program.parent}:{panel.environment['PATH']}") as driver:
        for n in range(10):
            receipt = {**RECEIPT, "name": f"草稿{n}", "path": str(tmp_path / f"草稿{n}")}
            driver.publish(event="DraftWritten", request_id=str(n), receipt=receipt)
        eventually(lambda: "10 drafts ready" in panel.notifications(), "the notification")
        assert "草稿0, 草稿1, 草稿2 and 7 more" in panel.notifications()
        eventually(lambda: _shown(panel) == 1, "it to be on the screen")
        _click_the_newest(panel)
        eventually(lambda: opened.exists() and opened.read_text().strip() == str(tmp_path), "the folder")
    assert panel.notifications().count("member=Notify") == before + 1


def _shown(desktop: Desktop) -> int:
    return int(desktop.run("dunstctl", "count", "displayed"))


def _click_the_newest(desktop: Desktop) -> None:
    """With the pointer; dunst's middle button does the default action and closes."""
    window = desktop.run("xdotool", "search", "--onlyvisible", "--class", "Dunst").split()[-1]
    desktop.run("xdotool", "mousemove", "--window", window, "40", "20", "click", "2")


@pytest.mark.parametrize("way", ["the icon's", "dbus-python", "notify-send"])
def test_texts_that_begin_with_a_dash_arrive(bare: Desktop, way: str) -> None:
    name = f"--夏天 {way}"
    icon = "object()" if way == "the icon's" else None
    program = SHOW.format(icon=icon, hide_dbus=way == "notify-send", title=name, message=f"-{name} 说明")
    done = subprocess.run(
        [sys.executable, "-c", program], env=bare.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "True"
    assert done.stderr == ""  # plyer's warning about dbus-python among it
    eventually(lambda: f'{name}"' in bare.notifications(), "the title")
    eventually(lambda: f"-{name} 说明" in bare.notifications(), "the message")


def test_a_notification_is_sent_though_the_program_ends_right_after(bare: Desktop) -> None:
    bare.python("-c", "from tray.desktop.notify import notifier; notifier(None).show('Last words', 'of it')")
    eventually(lambda: "Last words" in bare.notifications(), "the notification")


def test_a_daemon_that_hangs_holds_up_neither_icon_nor_program() -> None:
    owns = (
        "from gi.repository import Gio, GLib\n"
        "Gio.bus_own_name(Gio.BusType.SESSION, 'org.freedesktop.Notifications', 0, None,"
        " lambda *_: print('owned', flush=True), None)\n"
        "GLib.MainLoop().run()\n"
    )
    with desktop_session("--panel", "--no-notifications") as desktop:
        daemon = subprocess.Popen(
            ["/usr/bin/python3", "-c", owns], env=desktop.environment, stdout=subprocess.PIPE, text=True
        )
        try:
            assert daemon.stdout is not None
            assert daemon.stdout.readline() == "owned\n"
            daemon.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            with tray(desktop) as driver:
                driver.publish(event="DraftWritten", request_id="1", receipt=RECEIPT)
                driver.publish(event="StateChanged", state="idle", detail="after it")
                eventually(lambda: "after it" in desktop.labels()[0], "the next state")
                driver.process.terminate()
                eventually(lambda: driver.process.poll() is not None, "the program to end", 8)
            assert time.monotonic() - began < 15
        finally:
            daemon.kill()
            daemon.wait()


@pytest.mark.parametrize("icon", [None, "object()"])
def test_without_a_daemon_the_failure_is_logged_and_nothing_else(tmp_path: Path, icon: str | None) -> None:
    with desktop_without_notifications(tmp_path) as desktop:
        show = SHOW.format(icon=icon, hide_dbus=False, title="Nobody", message="hears this")
        said = desktop.python("-c", f"import logging; logging.basicConfig(filename={str(tmp_path / 'log')!r})\n{show}")
    assert said.strip() == "True"
    assert "'Nobody' could not be shown" in (tmp_path / "log").read_text()
