"""The installers name what is there: Inno Setup's compiler can't be run everywhere, so its source is read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from program import coze_tray, environment
from tray.desktop import autostart

CHECKOUT = Path(__file__).parents[1]
FOLDER = CHECKOUT / ".ci" / "windows"
SOURCE = (FOLDER / "coze-tray.iss").read_text("utf-8")
CHINESE = (FOLDER / "ChineseSimplified.isl").read_text("utf-8-sig")
SPEC = (CHECKOUT / "build.spec").read_text("utf-8")


def defined(name: str) -> str:
    return re.findall(rf'^#define {name} "(.*)"', SOURCE, re.MULTILINE)[0]


def test_it_is_installed_for_one_user_without_an_administrator() -> None:
    assert "PrivilegesRequired=lowest" in SOURCE


def test_every_constant_and_file_that_is_named_exists() -> None:
    assert set(re.findall(r"\{#(\w+)\}", SOURCE)) <= {"Version", *re.findall(r"^#define (\w+)", SOURCE, re.MULTILINE)}
    assert (FOLDER / defined("Root").replace("\\", "/")).resolve() == CHECKOUT
    assert (CHECKOUT / "LICENSE").is_file()
    assert [(FOLDER / name).is_file() for name in re.findall(r",(\w+\.isl)", SOURCE)] == [True]
    for program in (defined("Program"), defined("Console")):
        assert program in SPEC or f'"{program.removesuffix(".exe")}"' in SPEC


def test_uninstalling_takes_away_what_starts_at_login() -> None:
    entry = next(value for value in vars(autostart).values() if hasattr(value, "KEY"))
    assert (defined("RunKey"), defined("RunValue")) == (entry.KEY, entry.VALUE)
    removed = [line for line in SOURCE.splitlines() if "uninsdeletevalue" in line]
    assert [re.findall(r"\{#(\w+)\}", line) for line in removed] == [
        ["RunKey", "RunValue"],
        ["ApprovedKey", "RunValue"],
    ]
    assert re.search(r'\[UninstallRun\]\nFilename: .*Parameters: "autostart off"', SOURCE)


@pytest.mark.parametrize("command", ["autostart", "logout", "quit"])
def test_every_command_that_it_runs_is_one(command: str, tmp_path: Path) -> None:
    assert re.search(rf"""["']{command}\b""", SOURCE)
    assert coze_tray(command, "--help", env=environment(tmp_path)).returncode == 0


def test_every_message_of_its_own_is_in_both_languages() -> None:
    used = set(re.findall(r"\{cm:(\w+)\}|CustomMessage\('(\w+)'\)", SOURCE))
    english = set(re.findall(r"^en\.(\w+)=", SOURCE, re.MULTILINE))
    chinese = set(re.findall(r"^(\w+)=", CHINESE.partition("[CustomMessages]")[2], re.MULTILINE))
    assert {one or other for one, other in used} <= english | {"CreateDesktopIcon"}
    assert english <= chinese and "CreateDesktopIcon" in chinese


@pytest.mark.skipif(os.name == "nt", reason="a shell's script")
def test_on_linux_the_script_makes_a_valid_menu_entry_and_takes_everything_out_again(tmp_path: Path) -> None:
    folder = tmp_path / "我的 程序 $HOME 50%"
    (folder / "_internal" / "tray" / "icons").mkdir(parents=True)
    for name in ("install", "coze-tray.desktop"):
        shutil.copy(CHECKOUT / ".ci" / "linux" / name, folder)
    program = folder / "coze-tray"
    program.write_text('#!/bin/sh\necho "$@" >"$HOME/said"\n')
    program.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    variables = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    subprocess.run([folder / "install"], env=variables, check=True)
    entry = home / ".local" / "share" / "applications" / "coze-tray.desktop"
    text = entry.read_text("utf-8")
    escaped = str(program).replace("$", r"\\$").replace("%", "%%")
    assert f'Exec="{escaped}"' in text.splitlines()
    assert f"Icon={folder}/_internal/tray/icons/coze-tray.png" in text.splitlines()
    if shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", entry], check=True)
    command = home / ".local" / "bin" / "coze-tray"
    assert command.resolve() == program
    subprocess.run([folder / "install", "--remove"], env=variables, check=True)
    assert (home / "said").read_text() == "autostart off\n"
    assert not entry.exists() and not command.is_symlink()
