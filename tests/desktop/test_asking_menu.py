"""Asking, answering and running again from the icon's menu, on a real desktop. A module of its own has a panel of its
own: xfce4-panel's tray crashes now and then when menus change, and is restarted by itself once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from real_desktop import Desktop, entries_with, eventually, fake_zenity, tray

pytestmark = pytest.mark.desktop


def test_what_can_be_asked_is_in_the_menu_and_a_click_asks_it(panel: Desktop, tmp_path: Path) -> None:
    path = fake_zenity(tmp_path, "echo '一个关于海的短片'")
    with tray(panel, PATH=path) as driver:
        driver.order(found={"targets": [["短片 & 字幕", False], ["海报机器人", True]]})
        entries = eventually(lambda: entries_with(panel, "Targets", "海报机器人"), "the targets in the menu")
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
        eventually(lambda: entries_with(panel, "Questions", "什么"), "the questions in the menu")
        panel.menu("乙")
        eventually(lambda: driver.says(called="answer", question="q1", text="乙"), "the option as the answer")
        panel.menu("什么颜色？")
        eventually(lambda: driver.says(called="answer", question="q2", text="金色_的"), "what was typed as the answer")
        panel.menu("做一个视频")
        eventually(lambda: driver.says(called="again", id="r3"), "the request to be made again")


def test_a_page_is_shown_before_it_is_opened_and_opened_by_a_click_alone(panel: Desktop, tmp_path: Path) -> None:
    path = fake_zenity(tmp_path, "echo ok; exit 0")
    opened = tmp_path / "opened"
    browser = tmp_path / "xdg-open"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    page = "https://www.coze.cn/oauth?state=1"
    with tray(panel, PATH=path) as driver:
        driver.order(found={"questions": [["r1", "q1", "连接账号", [], page]]})
        eventually(lambda: entries_with(panel, "Questions", "连接账号"), "the question in the menu")
        panel.menu("Answer…")
        eventually(lambda: driver.says(called="answer", question="q1", text="ok"), "what was typed as the answer")
        assert f"连接账号\n{page}\n" in (tmp_path / "asked").read_text("utf-8")
        assert not opened.exists()
        panel.menu("Open the page at www.coze.cn")
        assert eventually(lambda: opened.exists() and opened.read_text(), "the page").strip() == page


@pytest.mark.parametrize(
    "end",
    [{"event": "QuestionAnswered", "question_id": "q"}, {"event": "RequestCancelled"}],
    ids=["answered", "cancelled"],
)
def test_a_question_that_is_over_takes_its_window_away(panel: Desktop, tmp_path: Path, end: dict[str, str]) -> None:
    path = fake_zenity(tmp_path, "exec sleep 60")
    with tray(panel, PATH=path) as driver:
        driver.order(found={"questions": [["r", "q", "什么颜色？"]]})
        eventually(lambda: entries_with(panel, "Questions", "什么颜色"), "the question in the menu")
        panel.menu("什么颜色？")
        eventually((tmp_path / "asked").exists, "the window")
        children = ["ps", "--no-headers", "--ppid", str(driver.process.pid), "-o", "comm"]
        assert "sleep" in eventually(lambda: panel.run(*children), "the window's process")
        driver.publish(request_id="r", **end)
        eventually(lambda: subprocess.run(children, check=False).returncode != 0, "the window to go")
        assert not driver.says(called="answer", question="q")


def test_where_no_window_can_be_shown_a_notification_says_how_to_answer(panel: Desktop, tmp_path: Path) -> None:
    for name in ("python3", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    with tray(panel, PATH=str(tmp_path)) as driver:
        driver.order(found={"questions": [["r77", "q", "什么颜色？"]]})
        eventually(lambda: entries_with(panel, "Questions", "什么颜色"), "the question in the menu")
        panel.menu("什么颜色？")
        eventually(lambda: "coze-tray answer r77 TEXT" in panel.notifications(), "the notification")


def test_a_window_that_fails_is_told_of_and_not_taken_for_a_cancel(panel: Desktop, tmp_path: Path) -> None:
    path = fake_zenity(tmp_path, "echo 'zenity: libwebkit2gtk-4.1.so.0: cannot open shared object file' >&2; exit 127")
    with tray(panel, PATH=path) as driver:
        driver.order(found={"targets": [["海报机器人", True]], "questions": [["r78", "q", "什么颜色？"]]})
        eventually(lambda: entries_with(panel, "Questions", "什么颜色"), "the question in the menu")
        panel.menu("什么颜色？")
        eventually(lambda: "coze-tray answer r78 TEXT" in panel.notifications(), "how to answer")
        panel.menu("海报机器人")
        eventually(lambda: "coze-tray ask TEXT" in panel.notifications(), "how to ask")
        assert "libwebkit2gtk-4.1.so.0" in panel.notifications()


def test_a_token_that_is_typed_as_an_answer_is_not_given(panel: Desktop, tmp_path: Path) -> None:
    path = fake_zenity(tmp_path, f"echo pat_{'Ab3' * 21}z")
    with tray(panel, PATH=path) as driver:
        driver.order(found={"questions": [["r79", "q", "令牌？"]]})
        eventually(lambda: entries_with(panel, "Questions", "令牌"), "the question in the menu")
        panel.menu("令牌？")
        eventually(lambda: "looks like a Coze token" in panel.notifications(), "the notification")
        assert not driver.says(called="answer", question="q")
