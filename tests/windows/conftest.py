"""Without Wine and the packaged Windows program the tests skip and say why."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "desktop"))

import real_desktop
from windows import Windows, missing


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    """The packaged program, in a folder with a blank and Chinese in its name, on a desktop whose panel shows icons."""
    if why := missing() or real_desktop.missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("我的 程序") / "coze-tray"
    folder.symlink_to(Path(os.environ["COZE_TRAY_WINDOWS_PROGRAM"]).absolute())
    with real_desktop.desktop_session("--panel") as desktop:
        program = Windows(desktop, folder)
        yield program
        program.end()
