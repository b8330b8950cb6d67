"""The icon and its menu, on a real desktop."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from real_desktop import Desktop, Driver, desktop_session, desktop_without_notifications, eventually, tray
from tray.desktop.images import state_image

pytestmark = pytest.mark.desktop


def test_the_icon_appears_with_its_whole_menu(panel: Desktop) -> None:
    with tray(panel, ("夏天 & <海>", "/tmp"), folder="/tmp"):
        entries = eventually(lambda: _entries_with(panel, "Recent drafts", "夏天 & <海>"), "the draft in the menu")
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
        entries = _entries(panel)
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


def fake_zenity(folder: Path, script: str) -> str:
    """A zenity that writes down its arguments and then does what `script` says. Returns the PATH with it in front."""
    program = folder / "zenity"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/asked"\n{script}\n')
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_what_can_be_asked_is_in_the_menu_and_a_click_asks_it(panel: Desktop, tmp_path: Path) -> None:
    path = fake_zenity(tmp_path, "echo '一个关于海的短片'")
    with tray(panel, PATH=path) as driver:
        driver.order(found={"targets": [["短片 & 字幕", False], ["海报机器人", True]]})
        entries = eventually(lambda: _entries_with(panel, "Targets", "海报机器人"), "the targets in the menu")
        assert "Questions" not in entries and "Run again" not in entries
        panel.menu("短片 & 字幕")
        eventually(lambda: driver.says(called="ask", name="短片 & 字幕", prompt=""), "the workflow to be run")
        assert not (tmp_path / "asked").exists()
        panel.menu("海报机器人")
        eventually(
            lambda: driver.says(called="ask", name="海报机器人", prompt="一个关于海的短片"), "the bot to be asked"
        )
        assert "--text=What should 海报机器人 make?" in (tmp_path / "asked").read_text("utf-8")
        panel.menu("New request…")
        eventually(
            lambda: driver.says(called="ask", name=None, prompt="一个关于海的短片"), "the default bot to be asked"
        )


def test_questions_and_what_failed_are_in_the_menu(panel: Desktop, tmp_path: Path) -> None:
    path = fake_zenity(tmp_path, "echo '金色_的'; exit 0")
    with tray(panel, PATH=path) as driver:
        questions = [["r1", "q1", "哪一种？", ["甲", "乙"]], ["r2", "q2", "什么_颜色？"]]
        driver.order(found={"questions": questions, "again": [["r3", "做一个视频"]]})
        eventually(lambda: _entries_with(panel, "Questions", "什么"), "the questions in the menu")
        panel.menu("乙")
        eventually(lambda: driver.says(called="answer", question="q1", text="乙"), "the option as the answer")
        panel.menu("什么颜色？")
        eventually(lambda: driver.says(called="answer", question="q2", text="金色_的"), "what was typed as the answer")
        panel.menu("做一个视频")
        eventually(lambda: driver.says(called="again", id="r3"), "the request to be made again")


def test_a_question_that_is_answered_elsewhere_takes_its_window_away(panel: Desktop, tmp_path: Path) -> None:
    path = fake_zenity(tmp_path, "exec sleep 60")
    with tray(panel, PATH=path) as driver:
        driver.order(found={"questions": [["r", "q", "什么颜色？"]]})
        eventually(lambda: _entries_with(panel, "Questions", "什么颜色"), "the question in the menu")
        panel.menu("什么颜色？")
        eventually((tmp_path / "asked").exists, "the window")
        children = ["ps", "--no-headers", "--ppid", str(driver.process.pid), "-o", "comm"]
        assert "sleep" in eventually(lambda: panel.run(*children), "the window's process")
        driver.publish(event="QuestionAnswered", request_id="r", question_id="q")
        eventually(lambda: subprocess.run(children, check=False).returncode != 0, "the window to go")
        assert not driver.says(called="answer", question="q")


def test_where_no_window_can_be_shown_a_notification_says_how_to_answer(panel: Desktop, tmp_path: Path) -> None:
    for name in ("python3", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    with tray(panel, PATH=str(tmp_path)) as driver:
        driver.order(found={"questions": [["r77", "q", "什么颜色？"]]})
        eventually(lambda: _entries_with(panel, "Questions", "什么颜色"), "the question in the menu")
        panel.menu("什么颜色？")
        eventually(lambda: "coze-tray answer r77 TEXT" in panel.notifications(), "the notification")


def test_start_at_login_is_switched_on_and_off(panel: Desktop, tmp_path: Path) -> None:
    entry = tmp_path / "autostart" / "coze-tray.desktop"
    with tray(panel, XDG_CONFIG_HOME=str(tmp_path)):
        panel.menu("Start at login")
        assert "Exec=" in entry.read_text()
        assert _entries(panel)["Start at login"]["toggle-state"] == 1
        panel.menu("Start at login")
        assert not entry.exists()
        assert _entries(panel)["Start at login"]["toggle-state"] == 0


@pytest.mark.parametrize("state", ["idle", "working", "error"])
def test_the_icon_shows_the_state(panel: Desktop, state: str) -> None:
    with tray(panel) as driver:
        driver.publish(event="StateChanged", state=state, detail="第 1 步")
        shown = eventually(lambda: _picture_of(panel, "第 1 步"), "the state in the menu")
    expected = state_image(state)  # type: ignore[arg-type]
    assert ImageChops.difference(shown, expected).getbbox() is None


def test_after_a_thousand_changes_the_last_one_is_shown(panel: Desktop) -> None:
    with tray(panel) as driver:
        for number in range(1000):
            driver.publish(
                event="StateChanged", state="working" if number % 2 else "streaming", detail=f"{number}/1000"
            )
        driver.publish(event="StateChanged", state="idle", detail="")
        label = "Listening, nothing to do"
        eventually(lambda: panel.labels()[0] == label, "the last change in the menu")
        picture = Image.open(panel.menu()[0]["icon"]["IconName"])
        assert ImageChops.difference(picture, state_image("idle")).getbbox() is None


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


def _entries(desktop: Desktop) -> dict[str, dict[str, object]]:
    return {entry["label"].replace("_", ""): entry for entry in desktop.menu()[1]["menu"] if "label" in entry}


def _entries_with(desktop: Desktop, label: str, item: str) -> dict[str, dict[str, object]]:
    """The entries once the one named `label` has an item named `item`."""
    entries = _entries(desktop)
    return entries if item in str(entries[label]["items"]) else {}


def _picture_of(desktop: Desktop, detail: str) -> Image.Image | None:
    """The icon's picture, once the status line holds `detail`."""
    seen = desktop.menu()
    if detail not in seen[1]["menu"][0]["label"]:
        return None
    with Image.open(seen[0]["icon"]["IconName"]) as picture:
        return picture.convert("RGBA")


def _ends_cleanly(driver: Driver) -> None:
    eventually(lambda: driver.process.poll() is not None, "the program to end", 5)
    assert driver.process.returncode == 0
    assert driver.says(ended=True, main_thread=True)
