"""The icon and its menu, on a real desktop."""

from __future__ import annotations

import signal
import subprocess
import time
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
    tray,
)
from tray.desktop.images import Picture

pytestmark = pytest.mark.desktop


def test_the_icon_appears_with_its_whole_menu(panel: Desktop) -> None:
    with tray(panel, ("夏天 & <海>", "/tmp"), folder="/tmp"):
        entries = eventually(lambda: entries_with(panel, "Recent drafts", "夏天 & <海>"), "the draft in the menu")
    assert list(entries) == [
        "Not listening",
        "Start listening",
        "Recent drafts",
        "Open drafts folder",
        "Start at login",
        "Quit",
    ]
    assert entries["Not listening"].get("enabled") is False
    assert entries["Start at login"]["toggle-state"] == 0


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
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n')
    opener.chmod(0o755)
    path = f"{tmp_path}:{panel.environment['PATH']}"
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


def test_after_a_thousand_changes_the_last_one_is_shown(panel: Desktop) -> None:
    with tray(panel) as driver:
        for number in range(1000):
            driver.publish(
                event="StateChanged", state="working" if number % 2 else "streaming", detail=f"{number}/1000"
            )
        driver.publish(event="StateChanged", state="idle", detail="")
        label = "Listening, nothing to do"
        eventually(lambda: panel.labels()[0] == label, "the last change in the menu")
        assert panel.menu()[0]["icon"]["IconName"] == "coze-tray-idle"


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


def test_a_tray_of_the_old_kind_shows_the_icon_too(tmp_path: Path) -> None:
    """trayer knows XEmbed alone; and nobody takes notifications here, which pystray's GTK backend minds."""
    with desktop_without_notifications(tmp_path) as desktop:
        host = subprocess.Popen(["trayer"], env=desktop.environment, stderr=subprocess.DEVNULL)
        try:
            with tray(desktop) as driver:
                assert driver.says(backend="gtk")
                eventually(lambda: "coze" in desktop.run("xwininfo", "-root", "-tree").lower(), "the icon's window")
                driver.process.send_signal(signal.SIGTERM)
                _ends_cleanly(driver)
        finally:
            host.kill()
            host.wait()


def test_a_tray_that_comes_late_is_waited_for() -> None:
    with desktop_session() as desktop:
        driver = Driver(desktop, [], "")
        host = None
        try:
            time.sleep(1)  # the panel of a slow login, not luck: the icon must be there after it
            assert not driver.says(visible=True)
            host = subprocess.Popen(["trayer"], env=desktop.environment, stderr=subprocess.DEVNULL)
            eventually(lambda: driver.says(visible=True), "the icon to be visible")
        finally:
            driver.end()
            if host:
                host.kill()
                host.wait()


def test_without_a_tray_it_says_what_to_install_and_returns_in_time(bare: Desktop) -> None:
    began = time.monotonic()
    said = bare.python("-c", "from tray.desktop import host; print(host.prepare(wait_s=1))")
    assert "gnome-shell-extension-appindicator" in said
    assert time.monotonic() - began < 5


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
    modules = "autostart, host, images, notify, opener, tray"
    said = bare.python("-c", f"import sys; from tray.desktop import {modules}; print({heavy} & set(sys.modules))")
    assert said.strip() == "set()"


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
