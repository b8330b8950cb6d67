"""The packaged Windows program: it works, shows its icon and its menu, is one at a time, and ends when it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from real_desktop import eventually
from tray import __version__
from web import enter, site_is_whole
from windows import Windows, windows_path

pytestmark = pytest.mark.desktop

STEPS = ["imports", "files", "icon", "notification", "draft", "second_start", "keyring", "autostart"]
RUN = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"


def test_every_step_of_the_self_test_passes_on_a_console(windows: Windows) -> None:
    done = windows.coze_tray("selftest", "--json")
    found = json.loads(done.stdout.splitlines()[-1])
    assert [(step["step"], step["state"]) for step in found["steps"]] == [(name, "ok") for name in STEPS], done.stdout
    assert "packaged" in found["program"] and "Windows" in found["program"]
    assert done.returncode == 0


def test_the_program_without_a_console_writes_what_the_self_test_finds_into_a_file(
    windows: Windows, tmp_path: Path
) -> None:
    report = tmp_path / "报告.txt"
    done = windows.run(str(windows.program / "coze-tray.exe"), "selftest", "--output", windows_path(report))
    assert done.returncode == 0, report.read_text("utf-8") if report.exists() else done.stdout
    assert report.read_text("utf-8").count(": ok, ") == len(STEPS)


def test_the_icon_shows_its_menu_whose_last_entry_ends_the_program(windows: Windows, tmp_path: Path) -> None:
    home = tmp_path / "家 目录"
    variables = {"COZE_TRAY_HOME": windows_path(home), "COZE_API_TOKEN": "t", "COZE_API_BASE": "http://127.0.0.1:9"}
    with windows.icon(**variables) as running:
        eventually(windows.docked, "the icon")
        eventually((home / "running.json").exists, "the listener")
        status = json.loads(windows.coze_tray("status", "--json", **variables).stdout.splitlines()[-1])
        assert status["running"] and status["state"] == "idle"
        menu = windows.open_menu()
        assert menu.width > 100 and menu.height > 80, "it has its entries"
        windows.click(menu.x + 30, menu.y + menu.height - 12)  # the last one
        assert running.wait(30) == 0
    assert not (home / "running.json").exists()
    status = json.loads(windows.coze_tray("status", "--json", **variables).stdout.splitlines()[-1])
    assert not status["running"]


def test_the_page_is_served_whole(windows: Windows, tmp_path: Path) -> None:
    home = tmp_path / "家 home"
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    variables = {"COZE_TRAY_HOME": windows_path(home), "COZE_API_TOKEN": "t", "COZE_API_BASE": "http://127.0.0.1:9",
                 "COZE_TRAY_DRAFTS_DIR": windows_path(drafts)}  # fmt: skip
    with windows.icon(**variables) as running:
        eventually((home / "running.json").exists, "the listener")
        said = windows.coze_tray("page", "--no-browser", "--json", **variables).stdout
        with enter(json.loads(said.splitlines()[-1])["url"]) as client:
            site_is_whole(client)
            assert client.get("api/v1/status").json()["state"] == "idle"
            with client.stream("GET", "api/v1/events") as stream:
                lines = stream.iter_lines()
                assert next(lines) == "event: status"
                assert windows.coze_tray("quit", **variables).returncode == 0
                assert running.wait(30) == 0, "an open page keeps no program from ending"


def test_a_second_start_leaves_the_first_running_which_the_command_line_stops_and_ends(
    windows: Windows, tmp_path: Path
) -> None:
    """Over a named pipe, by processes of a real Windows Python."""
    home = tmp_path / "home"
    variables = {"COZE_TRAY_HOME": windows_path(home), "COZE_API_TOKEN": "t", "COZE_API_BASE": "http://127.0.0.1:9"}

    def state() -> str:
        return str(json.loads(windows.coze_tray("status", "--json", **variables).stdout.splitlines()[-1])["state"])

    with windows.icon(**variables) as running:
        eventually((home / "running.json").exists, "the listener")
        first = (home / "running.json").read_text("utf-8")
        assert windows.run(str(windows.program / "coze-tray.exe"), **variables).returncode == 0
        assert running.poll() is None and (home / "running.json").read_text("utf-8") == first
        assert windows.coze_tray("stop", **variables).returncode == 0
        assert state() == "stopped"
        assert windows.coze_tray("quit", **variables).returncode == 0
        assert running.wait(30) == 0
    assert state() == "off"


def test_starting_at_login_registers_the_program_without_a_console_and_off_leaves_nothing(
    windows: Windows, tmp_path: Path
) -> None:
    assert windows.coze_tray("autostart", "on").returncode == 0
    exported = tmp_path / "run.reg"  # what `reg query` prints has no Chinese
    assert windows.run("reg", "export", RUN, windows_path(exported), "/y").returncode == 0
    registered = exported.read_text("utf-16").replace("\\\\", "\\")
    assert rf'"coze-tray"="\"{windows_path(windows.program / "coze-tray.exe")}\""' in registered
    assert windows.coze_tray("autostart", "off").returncode == 0
    assert windows.run("reg", "query", RUN, "/v", "coze-tray").returncode != 0


@pytest.mark.parametrize("name", ["coze-tray.exe", "coze-tray.com"])
def test_explorer_can_show_version_and_icon(windows: Windows, name: str) -> None:
    program = (windows.program / name).read_bytes()
    for text in ("ProductVersion", __version__, "FileDescription"):
        assert f"{text}\0".encode("utf-16-le") in program
    assert program.count(b"\x89PNG\r\n\x1a\n") >= 1, "the icon's picture of 256 px"
