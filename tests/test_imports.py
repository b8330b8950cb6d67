"""What the icon may import before it is shown, and which way the arrows point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

TRAY = Path(__file__).parents[1] / "tray"
HEAVY = {
    "typer",
    "rich",
    "pydantic",
    "cozepy",
    "httpx",
    "keyring",
    "pyJianYingDraft",
    "PIL",
    "tomlkit",
    "aiohttp",
    "av",
}


def imported(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_icon_comes_before_everything_heavy():
    assert not imported("import tray.desktop.program") & HEAVY


def test_the_program_behind_the_icon_does_without_the_command_line_s_packages():
    assert not imported("import tray.app, tray.desktop.tray") & {"typer", "rich"}


def test_reading_an_export_does_without_the_cloud():
    assert not imported("import tray.draft.pipeline") & {
        "cozepy",
        "keyring",
        "typer",
        "rich",
        "pyJianYingDraft",
        "PIL",
        "aiohttp",
        "av",
    }


@pytest.mark.parametrize(
    ("room", "may_not_know"),
    [
        ("draft", ("coze", "tools", "listener", "journal", "app", "desktop", "simulator", "settings")),
        ("coze", ("draft", "tools", "listener", "journal", "app", "desktop", "simulator", "settings")),
        ("tools", ("coze", "listener", "journal", "app", "desktop", "simulator", "settings")),
        ("simulator", ("coze", "draft", "tools", "listener", "journal", "app", "desktop", "settings")),
    ],
)
def test_arrows_never_point_back(room, may_not_know):
    for path in (TRAY / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                # `from tray import events` names its room in what it imports
                names = [f"tray.{a.name}" for a in node.names] if node.module == "tray" else [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                assert not (name.startswith("tray.") and name.split(".")[1] in may_not_know), f"{path.name}: {name}"
