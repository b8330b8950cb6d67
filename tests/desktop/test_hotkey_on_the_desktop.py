"""A key combination pressed on a real X server opens the page."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from real_desktop import Desktop, eventually
from test_program import program

pytestmark = pytest.mark.desktop
PRESS = """
from Xlib import X, XK
from Xlib.display import Display
from Xlib.ext import xtest
server = Display()
keys = [server.keysym_to_keycode(key) for key in (XK.XK_Control_L, XK.XK_Alt_L, XK.XK_j)]
for what, order in ((X.KeyPress, keys), (X.KeyRelease, reversed(keys))):
    for key in order:
        xtest.fake_input(server, what, key)
server.sync()
"""


def test_the_page_is_opened_and_nothing_else_happens(bare: Desktop, tmp_path: Path) -> None:
    if importlib.util.find_spec("pynput") is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("pynput is not installed")
    home, opened = tmp_path / "home", tmp_path / "opened"
    home.mkdir()
    (home / "settings.toml").write_text('hotkey = "<ctrl>+<alt>+j"\n', "utf-8")
    browser = tmp_path / "bin" / "xdg-open"
    browser.parent.mkdir()
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o755)
    path = f"{browser.parent}:{bare.environment['PATH']}"
    with program(bare, "--headless", COZE_TRAY_HOME=str(home), PATH=path):
        eventually((home / "running.json").exists, "the program to run")

        def pressed() -> bool:
            bare.python("-c", PRESS)  # until it listens to keys
            return opened.exists()

        eventually(pressed, "the page to be opened")
        assert opened.read_text().startswith("http://127.0.0.1:")
