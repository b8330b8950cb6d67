"""The whole program on a real desktop: icon, menu, listener, notification, keyring."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from factory import draft, export, segment, track
from real_desktop import COZE_TRAY, Desktop, desktop_session, eventually, fake_zenity, panel_s_needs, process
from real_program import program, working_for
from tray.simulator import demo
from tray.simulator.exchange import Frames
from tray.simulator.workflows import SimulatedRun, Workflows

pytestmark = pytest.mark.desktop


def test_the_menu_starts_and_stops_the_real_listener_and_quits(panel: Desktop, tmp_path: Path) -> None:
    with program(panel, COZE_TRAY_HOME=str(tmp_path / "家 目录"), COZE_API_TOKEN="t") as running:
        eventually(lambda: "Listening, nothing to do" in panel.labels(), "the listener to listen")
        assert panel.labels("Stop listening")[:2] == ["Not listening", "Start listening"]
        assert panel.labels("Start listening")[:2] == ["Listening, nothing to do", "Stop listening"]
        _click_quit(panel)
        assert running.wait(15) == 0
        assert running.stderr is not None and running.stderr.read() == ""


def test_the_demo_shows_the_icon_and_raises_a_notification_that_names_the_draft(panel: Desktop, tmp_path: Path) -> None:
    drafts = tmp_path / "drafts"
    with program(panel, "demo", "--drafts-dir", str(drafts), COZE_TRAY_HOME=str(tmp_path / "home")) as running:
        eventually(panel.labels_by_now, "the icon")
        eventually(lambda: "Demo" in "".join(panel.labels()) or _submenu_has(panel, "Demo"), "the draft in the menu")
        assert running.wait(60) == 0
    name = next(drafts.iterdir()).name
    assert (drafts / name / "draft_meta_info.json").is_file()
    eventually(lambda: f"Draft ready: {name}" in panel.notifications(), "the notification")
    assert "JianYing or CapCut" in panel.notifications()


def test_a_demo_that_can_not_begin_takes_its_icon_away_and_says_why(panel: Desktop, tmp_path: Path) -> None:
    (tmp_path / "demo" / "journal.db").mkdir(parents=True)
    with program(panel, "demo", COZE_TRAY_HOME=str(tmp_path)) as running:
        assert running.wait(30) == 1
        assert running.stderr is not None
        assert "journal.db" in running.stderr.read()


def test_ask_while_the_tray_runs_is_done_by_it_and_notified(panel: Desktop, tmp_path: Path) -> None:
    with demo.simulator(pace_s=0) as cloud:
        variables = working_for(cloud.base_url, tmp_path)
        with program(panel, **variables):
            eventually(panel.labels_by_now, "the icon")
            said = panel.run(*COZE_TRAY, "ask", "做一个视频", "--bot", "1", "--json", **variables)
            name = json.loads(said.splitlines()[-1])["drafts"][0]["name"]
            eventually(lambda: _submenu_has(panel, name), "the draft under recent drafts")
    eventually(lambda: panel.notifications().count(f"Draft ready: {name}") >= 1, "the notification")


def test_targets_are_asked_from_the_menu_and_their_questions_answered_there(panel: Desktop, tmp_path: Path) -> None:
    path = fake_zenity(tmp_path, "echo 做一个视频")

    def on_run(run: SimulatedRun) -> Frames:
        question = {
            "question": f"{run.parameters['topic']}：哪个方向？",
            "options": [{"name": "横屏"}, {"name": "竖屏"}],
        }
        yield run.interrupt(2, json.dumps({"messages": [{"content": question}]}), title="问答")

    def on_resume(run: SimulatedRun, said: str) -> Frames:
        yield from run.end(export(draft(track(segment()), name=said)))
        yield run.done()

    with demo.simulator(pace_s=0) as cloud:
        cloud.routes.update(Workflows(on_run, on_resume).routes())
        variables = {**working_for(cloud.base_url, tmp_path), "PATH": path}
        with program(panel, **variables):
            eventually(lambda: "Listening, nothing to do" in panel.labels(), "the listener to listen")
            assert "Targets" not in panel.labels()
            add = (*COZE_TRAY, "targets", "add")
            panel.run(*add, "日更短片", "--workflow", "739", "-p", "topic=海", **variables)
            panel.run(*add, "海报", "--bot", "7", **variables)
            panel.run(*add, "每日", "--bot", "8", "--prompt", "做今天的海报", **variables)
            eventually(lambda: _submenu_has(panel, "海报"), "the targets, though the program ran before")
            panel.menu("日更短片")
            eventually(lambda: _submenu_has(panel, "海：哪个方向？"), "the question")
            eventually(lambda: "海：哪个方向？ (横屏 / 竖屏)" in panel.notifications(), "its notification")
            panel.menu("竖屏")
            eventually((tmp_path / "drafts" / "竖屏" / "draft_content.json").exists, "the draft, named as was answered")
            panel.menu("海报")
            eventually(lambda: _submenu_has(panel, "Demo"), "the bot's draft")
            panel.menu("每日")
            eventually(lambda: len(cloud.chats) == 2, "the saved request to be asked")
    assert [(chat.bot_id, chat.prompt) for chat in cloud.chats.values()] == [("7", "做一个视频"), ("8", "做今天的海报")]


def test_who_never_saw_a_terminal_signs_in_from_the_menu(panel: Desktop, tmp_path: Path) -> None:
    answers = 'case "$*" in *token*) echo pat_of_the_menu;; *"id of the bot"*) echo 7;; *) echo 海;; esac'
    path = fake_zenity(tmp_path, answers)
    with demo.simulator(pace_s=0) as cloud:
        cloud.tokens = {"pat_of_the_menu"}
        variables = {**working_for(cloud.base_url, tmp_path, token=""), "PATH": path}
        with program(panel, **variables):
            eventually(lambda: "Sign in…" in panel.labels(), "the way to sign in")
            eventually(lambda: "Not signed in yet" in panel.notifications(), "who did not look there to be told")
            assert "New request…" not in panel.labels()
            panel.menu("Sign in…")
            eventually(lambda: "Signed in to" in panel.notifications(), "what became of it")
            eventually(lambda: "New request…" in panel.labels() and "Sign in…" not in panel.labels(), "the way to ask")
            panel.menu("New request…")
            eventually(lambda: _submenu_has(panel, "Demo"), "the bot's draft")
    assert {chat.bot_id for chat in cloud.chats.values()} == {"7"}
    kept = [file.read_bytes() for file in (tmp_path / "home").iterdir() if file.is_file()]
    assert kept and not any(b"pat_of_the_menu" in one for one in kept)


def test_who_must_sign_in_anew_soon_is_told_and_finds_it_in_the_menu(panel: Desktop, tmp_path: Path) -> None:
    ends = {"api.coze.cn": {"ends_at": time.time() + 90_000}}
    (tmp_path / "account.json").write_text(json.dumps(ends))
    with program(panel, COZE_TRAY_HOME=str(tmp_path)):
        eventually(lambda: "The sign-in expires in 1 day." in panel.notifications(), "the notification")
        assert "Sign in again from the icon's menu" in panel.notifications()
        eventually(lambda: "Sign in…" in panel.labels(), "the way to do so")


def test_login_stores_the_token_in_the_keyring_and_logout_deletes_it(bare: Desktop, tmp_path: Path) -> None:
    home = {"COZE_TRAY_HOME": str(tmp_path)}
    done = subprocess.run(
        [*COZE_TRAY, "login", "--bot", "42"],
        env={**bare.environment, **home},
        input="pat_secret\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "pat_secret" not in done.stdout + done.stderr
    status = json.loads(bare.run(*COZE_TRAY, "status", "--json", **home).splitlines()[-1])
    assert (status["signed_in"], status["bot_id"]) == (True, "42")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"pat_secret" in path.read_bytes()]
    bare.run(*COZE_TRAY, "logout", **home)
    assert json.loads(bare.run(*COZE_TRAY, "status", "--json", **home).splitlines()[-1])["signed_in"] is False


def test_without_a_tray_it_says_so_at_once_listens_and_shows_the_icon_when_there_is_one(tmp_path: Path) -> None:
    home = {"COZE_TRAY_HOME": str(tmp_path)}
    began = time.monotonic()
    with desktop_session() as desktop, program(desktop, **home) as running:
        assert running.stderr is not None
        said = running.stderr.readline()
        assert "No tray icon yet" in said and "gnome-shell-extension-appindicator" in said
        assert time.monotonic() - began < 20  # of which the desktop takes most
        status = (*COZE_TRAY, "status", "--json")
        eventually(
            lambda: json.loads(desktop.run(*status, **home).splitlines()[-1])["state"] == "idle",
            "the program to listen",
        )
        with panel_s_needs(desktop), process(desktop, "xfce4-panel", "--disable-wm-check"):
            eventually(desktop.labels_by_now, "the icon")
            assert desktop.labels("Stop listening")[:2] == ["Not listening", "Start listening"]
        running.send_signal(signal.SIGTERM)
        assert running.wait(15) == 0


def test_who_sees_no_terminal_is_told_too_when_no_tray_has_come_in_a_while(tmp_path: Path) -> None:
    sooner = "from tray.desktop import start; start.LATE_TRAY_S = 1; start.main(headless=False)"
    with desktop_session() as desktop:
        home = {**desktop.environment, "COZE_TRAY_HOME": str(tmp_path), "COZE_API_TOKEN": "t"}
        running = subprocess.Popen([sys.executable, "-c", sooner], env=home, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: "No tray icon yet" in desktop.notifications(), "the notification")
        finally:
            running.kill()
            running.wait()


def test_what_is_set_in_the_menu_is_kept_in_the_settings_beside_what_was_there(panel: Desktop, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('# mine\nlanguage = "en"  # for now\n', "utf-8")
    with program(panel, COZE_TRAY_HOME=str(tmp_path), COZE_API_TOKEN="t"):
        eventually(lambda: "Listening, nothing to do" in panel.labels(), "the listener to listen")
        panel.menu("Pause notifications")
        panel.menu("简体中文")
        eventually(lambda: "退出" in panel.labels(), "the other language")
        assert settings.read_text("utf-8") == '# mine\nlanguage = "zh_CN"  # for now\nnotifications = false\n'
        panel.menu("跟随系统")
        eventually(lambda: "Quit" in panel.labels(), "the system's language")
        assert 'language = ""' in settings.read_text("utf-8")


def test_settings_that_can_not_be_read_are_told_of_at_each_click_and_once_mended_it_listens(
    panel: Desktop, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("notifications = [", "utf-8")
    with program(panel, COZE_TRAY_HOME=str(tmp_path), COZE_API_TOKEN="t"):
        eventually(lambda: "settings.toml" in "".join(panel.labels()[:1]), "the icon to say why")
        settings.write_text("nothing = at all", "utf-8")
        panel.menu("Start listening")
        eventually(lambda: "line 1" in panel.notifications(), "the click to say why")
        settings.write_text("notifications = true", "utf-8")
        panel.menu("Start listening")
        eventually(lambda: panel.labels()[:2] == ["Listening, nothing to do", "Stop listening"], "it to listen")


def test_without_a_display_it_listens_all_the_same(bare: Desktop, tmp_path: Path) -> None:
    with program(bare, COZE_TRAY_HOME=str(tmp_path), DISPLAY="") as running:
        assert running.stderr is not None
        assert "no display" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(15) == 0


def _submenu_has(desktop: Desktop, name: str) -> bool:
    try:
        menu = desktop.menu()[-1]["menu"]
    except AssertionError:
        return False
    return any(name in item.get("label", "").replace("_", "") for entry in menu for item in entry["items"])


def _click_quit(desktop: Desktop) -> None:
    with suppress(AssertionError):  # the icon goes before it can be asked for its menu again
        desktop.menu("Quit")
