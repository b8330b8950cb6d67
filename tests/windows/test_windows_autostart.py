"""Starting at login, in a real registry: the one of the Windows Python under Wine that .ci/run makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def test_the_registry_follows_a_program_that_moves_and_leaves_others_alone() -> None:
    wine = os.environ.get("COZE_TRAY_WINE")
    if not wine:
        pytest.skip("COZE_TRAY_WINE is not set (.ci/run makes a Windows Python under Wine)")
    driver = "Z:" + str(Path(__file__).with_name("autostart_driver.py")).replace("/", "\\")
    python = CHECKOUT / ".ci" / "windows" / "python"
    environment = {**os.environ, "LANG": "C.UTF-8"}  # else Wine can make no file with a Chinese name
    done = subprocess.run(
        [str(python), wine, "60", driver], env=environment, capture_output=True, text=True, check=False
    )
    assert "all is well" in done.stdout, done.stdout + done.stderr
