"""What the icon may import before it is shown, and which way the arrows point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

TRAY = Path(__file__).parents[1] / "tray"
BEFORE_THE_ICON = {"tray", "filelock", "platformdirs"}
"""Of the packages. Another one costs the user, who waits for the icon, its time: is it needed this early?"""
LATER = {"asyncio", "concurrent", "ctypes", "email", "http", "sqlite3", "ssl", "urllib.request", "uuid", "xml"}
"""What of Python itself is large or slow."""
AT_REST = {
    *BEFORE_THE_ICON,
    "annotated_types",
    "anyio",
    "orjson",
    "pathvalidate",
    "pydantic",
    "pydantic_core",
    "tomlkit",
    "typing_extensions",
    "typing_inspection",
}
"""What a program needs to have that waits for something to do; tests/bench/memory.py measures it."""


def modules(statement: str) -> set[str]:
    """What `statement` imports, in a Python of its own, and a Python that does nothing does not."""

    def of(code: str) -> set[str]:
        command = [
            sys.executable,
            "-c",
            f"{code}; import sys; print(*(name for name, module in sys.modules.items() if module))",
        ]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())

    return of(statement) - of("pass") - {"__mp_main__"}


def packages(statement: str) -> set[str]:
    """Those that are not Python's own."""
    tops = {name.partition(".")[0] for name in modules(statement)}
    return {top for top in tops if top not in sys.stdlib_module_names and not top.startswith("_")}


def imported(statement: str) -> set[str]:
    return {name.partition(".")[0] for name in modules(statement)}


def test_the_icon_comes_before_everything_else():
    assert packages("import tray.desktop.start") <= BEFORE_THE_ICON
    assert not modules("import tray.desktop.start") & LATER
    rooms = {name.split(".")[1] for name in modules("import tray.desktop.start") if name.startswith("tray.")}
    assert not rooms & {"app", "coze", "draft", "journal", "listener", "settings", "tools", "simulator"}


def test_the_icon_itself_needs_its_own_two_packages_alone():
    """pystray's are those of its platform; Pillow reads the icon, and nothing of it that is for other formats."""
    statement = "import tray.desktop.start; from tray.desktop.images import Picture; Picture('idle').image(24)"
    assert packages(statement) <= BEFORE_THE_ICON | {"PIL", "cffi", "defusedxml"}
    assert "numpy" not in modules(statement)


def test_a_program_at_rest_has_nothing_of_the_cloud_and_of_drafts():
    assert packages("import tray.app, tray.desktop.start") <= AT_REST


def test_talking_to_the_cloud_takes_of_cozepy_what_makes_requests():
    found = modules("from tray.coze import sdk; sdk.request_layer()")
    assert "cozepy.request" in found
    assert not found & {"cozepy", "cozepy.chat", "cozepy.websockets", "cryptography", "authlib"}
    assert not found & {"rich", "click", "pygments"}  # of httpx's own command line
    assert "cozepy.chat" in modules("from tray.coze import sdk; sdk.request_layer(); sdk.whole().PKCEOAuthApp")


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
