"""A taskbar that comes later, and the end of the session: by the Windows Python under Wine that .ci/run makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def test_the_icon_comes_with_the_taskbar_and_the_program_ends_in_order_with_the_session() -> None:
    wine = os.environ.get("COZE_TRAY_WINE")
    if not wine:
        pytest.skip("COZE_TRAY_WINE is not set (.ci/run makes a Windows Python under Wine)")
    driver = "Z:" + str(Path(__file__).with_name("session_driver.py")).replace("/", "\\")
    python = CHECKOUT / ".ci" / "windows" / "python"
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}  # one of its own
    done = subprocess.run(
        [str(python), wine, "90", driver], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["all is well"], done.stdout + done.stderr
