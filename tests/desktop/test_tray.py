"""The icon and its menu, on a real desktop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from real_desktop import (
    Desktop,
    Driver,
    desktop_session,
    desktop_without_notifications,
    entries_of,
    entries_with,
    eventually,
    panel_s_needs,
    process,
    tray,
)
from tray import __version__
from tray.desktop.images import Picture, picture

pytestmark = pytest.mark.desktop

MENU_BUS = Path(__file__).with_name("menu_bus.py")


def test_the_icon_appears_with_its_whole_menu(panel: Desktop) -> None:
    with tray(panel, ("夏天 & <海>", "/tmp"), folder="/tmp"):
        entries = eventually(lambda: entries_with(panel, "Recent drafts", "夏天 & <海>"), "the draft in the menu")
    assert list(entries) == [
        "Not listening",
        "Start listening",
        "Open page",
        "New draft from clipboard",
        "Recent drafts",
        "Open drafts folder",
        "Pause notifications",
        "Start at login",
        "Language",
        "Log",
        "About",
        "Quit",
    ]
    assert entries["Not listening"].get("enabled") is False
    assert entries["Start at login"]["toggle-state"] == entries["Pause notifications"]["toggle-state"] == 0
    assert [(item["label"], item["toggle-state"]) for item in entries["Language"]["items"]] == [
        ("As the system", 1),
        ("简体中文", 0),
        ("English", 0),
    ]
    about = [item.get("label") for item in entries["About"]["items"]]
    assert about == [
        f"coze-tray {__version__}",
        "Free software under the MIT licence",
        None,  # a line
        "Drafts: /tmp",
        "Settings and log: /home-folder",
    ]


def test_what_runs_is_in_the_menu_with_its_progress_and_can_be_cancelled(panel: Desktop) -> None:
    with tray(panel) as driver:
        driver.publish(event="StateChanged", state="working", detail="")
        for number, title in enumerate(("夏天的海", "一天 & 一夜" + "长" * 80)):
            driver.publish(event="RequestStarted", request_id=f"r{number}", title=title)
        driver.publish(event="MediaProgress", request_id="r0", done=3, total=10, received_bytes=1)
        driver.publish(event="MediaProgress", request_id="r1", done=0, total=2, received_bytes=1)
        entries = eventually(lambda: entries_with(panel, "Running", "夏天的海: 3/10 · 30%"), "what runs in the menu")
        assert "Working on a draft: 25%, 3 of 12 media" in entries
        assert panel.menu()[0]["icon"]["Title"] == "coze-tray: Working on a draft: 25%, 3 of 12 media"
        labels = [item["label"] for item in entries["Running"]["items"]]
        assert labels[1].startswith("一天 & 一夜长") and labels[1].endswith("…: 0/2 · 0%")
        assert [[item["label"] for item in running["items"]] for running in entries["Running"]["items"]] == [
            ["Cancel"],
            ["Cancel"],
        ]
        driver.publish(event="QuestionAsked", request_id="r0", question_id="q", text="?", options=[])
        eventually(lambda: entries_with(panel, "Running", "夏天的海: waiting for an answer"), "the state")
        panel.menu("Cancel")
        eventually(lambda: driver.says(called="cancel", id="r0"), "the first one to be cancelled")
        driver.publish(event="RequestCancelled", request_id="r0")
        driver.publish(event="RequestDone", request_id="r1", text="")
        eventually(lambda: "Running" not in entries_of(panel), "both to be gone from the menu")


def test_notifications_are_paused_and_shown_again(panel: Desktop) -> None:
    with tray(panel) as driver:
        panel.menu("Pause notifications")
        assert driver.says(called="set_notifies", on=False)
        assert entries_of(panel)["Pause notifications"]["toggle-state"] == 1
        panel.menu("Pause notifications")
        assert driver.says(called="set_notifies", on=True)
        assert entries_of(panel)["Pause notifications"]["toggle-state"] == 0


def test_the_language_changes_while_it_runs_and_can_be_changed_back_by_who_can_not_read_it(panel: Desktop) -> None:
    with tray(panel):
        assert panel.labels("简体中文")[-1] == "退出"
        entries = entries_of(panel)
        assert [item["toggle-state"] for item in entries["语言 (Language)"]["items"]] == [0, 1, 0]
        assert panel.labels("English")[-1] == "Quit"
        assert [item["toggle-state"] for item in entries_of(panel)["Language"]["items"]] == [0, 0, 1]


def test_the_log_opens_or_where_it_is_to_be(panel: Desktop, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    path = _opener(tmp_path, opened)
    log = tmp_path / "家" / "coze-tray.log"
    log.parent.mkdir()
    with tray(panel, PATH=path, TRAY_LOG=str(log)):
        panel.menu("Log")
        eventually(lambda: opened.exists() and opened.read_text() == str(log.parent), "the folder to be opened")
        log.write_text("")
        panel.menu("Log")
        eventually(lambda: opened.read_text() == str(log), "the log to be opened")


def test_without_drafts_the_menu_says_so_and_offers_no_folder(panel: Desktop) -> None:
    with tray(panel):
        entries = entries_of(panel)
    assert [item["label"] for item in entries["Recent drafts"]["items"]] == ["(none yet)"]
    assert entries["Open drafts folder"].get("enabled") is False


def test_start_and_stop_reach_the_program_and_the_menu_follows(panel: Desktop) -> None:
    with tray(panel) as driver:
        assert panel.labels("Start listening")[:2] == ["Listening, nothing to do", "Stop listening"]
        assert driver.says(called="start")
        assert panel.labels("Stop listening")[:2] == ["Not listening", "Start listening"]
        assert driver.says(called="stop")


def test_a_recent_draft_opens_its_folder(panel: Desktop, tmp_path: Path) -> None:
    draft = tmp_path / "夏天 的海"
    draft.mkdir()
    opened = tmp_path / "opened"
    path = _opener(tmp_path, opened)
    with tray(panel, ("夏天的海", str(draft)), folder=str(tmp_path), PATH=path):
        panel.menu("夏天的海")
        eventually(lambda: opened.exists() and opened.read_text() == str(draft), "the draft's folder to be opened")
        panel.menu("Open drafts folder")
        eventually(lambda: opened.read_text() == str(tmp_path), "the drafts folder to be opened")


def test_start_at_login_is_switched_on_and_off(panel: Desktop, tmp_path: Path) -> None:
    entry = tmp_path / "autostart" / "coze-tray.desktop"
    with tray(panel, XDG_CONFIG_HOME=str(tmp_path)):
        panel.menu("Start at login")
        assert "Exec=" in entry.read_text()
        assert entries_of(panel)["Start at login"]["toggle-state"] == 1
        panel.menu("Start at login")
        assert not entry.exists()
        assert entries_of(panel)["Start at login"]["toggle-state"] == 0


@pytest.mark.parametrize("state", ["idle", "working", "error"])
def test_the_icon_shows_the_state(panel: Desktop, state: str) -> None:
    with tray(panel) as driver:
        driver.publish(event="StateChanged", state=state, detail="第 1 步")
        eventually(lambda: "第 1 步" in panel.labels()[0], "the state in the menu")
        eventually(lambda: panel.menu()[0]["icon"]["IconName"] == f"coze-tray-{state}", "the state's picture")


@pytest.mark.parametrize("size", [16, 22, 24, 32])
def test_the_panel_shows_each_pixel_as_it_was_drawn(size: int) -> None:
    """Asked for by the name of the theme's icon, the panel takes the picture of its size and scales none."""
    with desktop_session("--panel") as desktop, tray(desktop) as driver:
        desktop.run(
            "xfconf-query", "-c", "xfce4-panel", "-p", "/plugins/plugin-1/icon-size", "-n", "-t", "int", "-s", str(size)
        )
        driver.publish(event="StateChanged", state="asking", detail="")
        eventually(lambda: _is_on_the_screen(desktop, Picture("asking").image(size)), "the picture, pixel by pixel", 10)


def test_after_a_thousand_changes_the_menu_says_what_is_true(panel: Desktop) -> None:
    with tray(panel) as driver:
        driver.publish(all=list(_changes(1000)))
        entries = eventually(lambda: entries_with(panel, "Running", "request 999"), "the last change")
        left = range(983, 1000)
        assert [item["label"] for item in entries["Running"]["items"]] == [
            f"request {n}: {n % 100}/100 · {n % 100}%" if n % 10 else f"request {n}: waiting for an answer"
            for n in left
        ]
        done = sum(n % 100 for n in left if n % 10)
        assert f"Working on a draft: {100 * done // 1600}%, {done} of 1600 media" in entries
        assert panel.menu()[0]["icon"]["IconName"] == picture("working", done, 1600).name


def test_progress_changes_labels_alone_a_few_times_a_second_so_that_an_open_menu_stays(panel: Desktop) -> None:
    with tray(panel) as driver:
        driver.publish(event="StateChanged", state="working", detail="")
        driver.publish(event="RequestStarted", request_id="r", title="海")
        driver.publish(event="MediaProgress", request_id="r", done=0, total=300, received_bytes=0)
        eventually(lambda: entries_with(panel, "Running", "海: 0/300 · 0%"), "the progress in the menu")
        counting = subprocess.Popen(
            [sys.executable, str(MENU_BUS), "count", "3"], env=panel.environment, stdout=subprocess.PIPE, text=True
        )
        assert counting.stdout is not None and counting.stdout.readline()
        for done in range(1, 101):
            driver.publish(event="MediaProgress", request_id="r", done=done, total=300, received_bytes=0)
            time.sleep(0.02)  # as media comes in
        heard = json.loads(counting.communicate(timeout=20)[0])
        assert heard["LayoutUpdated"] == 0
        assert 2 <= heard["ItemsPropertiesUpdated"] <= 16
        eventually(lambda: entries_with(panel, "Running", "海: 100/300 · 33%"), "the last of it in the menu")


def test_a_click_is_over_at_once_though_what_it_does_hangs(panel: Desktop) -> None:
    with tray(panel) as driver:
        driver.publish(event="RequestStarted", request_id="r", title="海")
        driver.order(hangs=True)
        eventually(lambda: entries_with(panel, "Running", "海"), "the request in the menu")
        took = json.loads(panel.python(str(MENU_BUS), "click", "Cancel"))
        assert driver.says(called="cancel", id="r")
        assert took["with_next_answer_ms"] < 250  # on a machine that is busy; tests/bench/menu_click.py measures it
        driver.publish(event="RequestDone", request_id="r", text="")
        eventually(lambda: "Running" not in entries_of(panel), "the menu to go on while the click hangs")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_quits(panel: Desktop, number: signal.Signals) -> None:
    with tray(panel) as driver:
        eventually(panel.labels, "the menu")
        driver.process.send_signal(number)
        _ends_cleanly(driver)
        assert driver.says(called="quit")


def test_quit_quits(panel: Desktop) -> None:
    with tray(panel) as driver:
        panel.menu("Quit")
        _ends_cleanly(driver)
        assert driver.says(called="quit")


def test_the_program_can_take_the_icon_away(panel: Desktop) -> None:
    with tray(panel) as driver:
        driver.order(stop=True)
        _ends_cleanly(driver)


@pytest.mark.parametrize("hide_library", [False, True], ids=["appindicator", "gtk"])
def test_a_tray_of_the_old_kind_shows_the_icon_whenever_it_comes_and_comes_back(
    tmp_path: Path, hide_library: bool
) -> None:
    """trayer knows XEmbed alone; and nobody takes notifications here, which pystray's GTK backend minds."""
    variables = {"TRAY_HIDES": "indicator"} if hide_library else {}
    with desktop_without_notifications(tmp_path) as desktop, tray(desktop, **variables) as driver:
        assert driver.says(backend="gtk" if hide_library else "appindicator")
        assert not _docked(desktop)
        for _time in range(2):
            with process(desktop, "trayer"):
                eventually(lambda: _docked(desktop), "the icon in the tray")
            eventually(lambda: not _docked(desktop), "the icon to be without a tray")
        with process(desktop, "trayer"):
            eventually(lambda: _docked(desktop), "the icon in the tray")
            driver.process.send_signal(signal.SIGTERM)
            _ends_cleanly(driver)


def test_the_icon_comes_back_with_its_menu_when_the_panel_is_restarted() -> None:
    with desktop_session() as desktop, tray(desktop, ("夏天", "/tmp")) as driver, panel_s_needs(desktop):
        for number in range(3):
            driver.publish(event="StateChanged", state="idle", detail=f"panel {number}")
            label = f"Listening, nothing to do: panel {number}"
            with process(desktop, "xfce4-panel", "--disable-wm-check"):
                eventually(lambda: _labels_or_none(desktop)[:1] == [label], "the icon in the panel")  # noqa: B023
            assert driver.process.poll() is None
        assert driver.says(visible=True)


def test_with_no_tray_it_wakes_up_for_nothing() -> None:
    with desktop_session() as desktop, tray(desktop) as driver:
        eventually(lambda: driver.says(visible=True), "the icon")
        time.sleep(2)  # what starting leaves to be done
        before = _wake_ups(driver.process.pid)
        time.sleep(3)
        assert _wake_ups(driver.process.pid) == before


def test_without_a_tray_it_says_what_to_install(bare: Desktop) -> None:
    said = bare.python("-c", "from tray.desktop import host; print(host.prepare(), host.no_tray())")
    assert said.startswith("None This desktop has no tray") and "gnome-shell-extension-appindicator" in said


def test_a_display_that_is_not_there_is_said_at_once(bare: Desktop) -> None:
    prepare = "from tray.desktop import host; print(host.prepare())"
    assert ":987" in bare.python("-c", prepare, DISPLAY=":987")
    assert "There is no display" in bare.python("-c", prepare, DISPLAY="")


def test_where_pygobject_is_missing_it_says_which_packages(bare: Desktop) -> None:
    hidden = "import sys; sys.modules['gi'] = None; from tray.desktop import host; print(host.prepare())"
    said = bare.python("-c", hidden)
    assert "python3-gi" in said
    assert "--system-site-packages" in said


def test_the_icon_needs_none_of_the_heavy_libraries(bare: Desktop) -> None:
    heavy = "{'pydantic', 'cozepy', 'pyJianYingDraft', 'keyring', 'httpx', 'typer', 'rich', 'pystray', 'PIL'}"
    modules = "autostart, clicks, controls, host, images, menu, notify, opener, tray"
    said = bare.python("-c", f"import sys; from tray.desktop import {modules}; print({heavy} & set(sys.modules))")
    assert said.strip() == "set()"


def _docked(desktop: Desktop) -> bool:
    """Whether the icon's window is within the tray's: deeper in the tree than the root's own children."""
    windows = desktop.run("xwininfo", "-root", "-tree").splitlines()
    return any(line.startswith(" " * 6) for line in windows if '("coze-tray"' in line or '("tray_driver.py"' in line)


def _labels_or_none(desktop: Desktop) -> list[str]:
    try:
        return desktop.labels()
    except AssertionError:  # no icon yet
        return []


def _wake_ups(pid: int) -> int:
    """How often any thread of the process has been scheduled so far."""
    statuses = [thread.read_text() for thread in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(line.split()[1]) for text in statuses for line in text.splitlines() if "ctxt_switches" in line)


def _opener(folder: Path, opened: Path) -> str:
    """An xdg-open that writes down what it is to open. Returns the PATH with it in front."""
    opener = folder / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n')
    opener.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def _changes(n: int) -> Iterator[dict[str, object]]:
    """As of `n` requests of which each but the last 17 ends before the next few begin, some with a question."""
    yield {"event": "StateChanged", "state": "working", "detail": ""}
    for number in range(n):
        request = {"request_id": f"r{number}"}
        yield {"event": "RequestStarted", **request, "title": f"request {number}"}
        yield {"event": "MediaProgress", **request, "done": number % 100, "total": 100, "received_bytes": 1}
        if number % 10 == 0:
            yield {"event": "QuestionAsked", **request, "question_id": "q", "text": "?", "options": []}
        if number >= 17:
            yield {"event": "RequestDone", "request_id": f"r{number - 17}", "text": ""}


def _is_on_the_screen(desktop: Desktop, picture: Image.Image) -> bool:
    """Whether it stands in the panel, on the panel's own colour."""
    file = desktop.logs / "panel.png"
    desktop.run("import", "-window", "root", "-crop", "200x40+0+0", "+repage", str(file))
    with Image.open(file) as taken:
        screen = taken.convert("RGB")
    shown = Image.new("RGB", picture.size, screen.getpixel((190, 2)))
    shown.paste(picture, mask=picture)
    for left in range(60):
        for top in range(40 - picture.height):
            there = screen.crop((left, top, left + picture.width, top + picture.height))
            if max(high for _low, high in ImageChops.difference(shown, there).getextrema()) <= 2:
                return True
    return False


def _ends_cleanly(driver: Driver) -> None:
    eventually(lambda: driver.process.poll() is not None, "the program to end", 5)
    assert driver.process.returncode == 0
    assert driver.says(ended=True, main_thread=True)
