"""A draft from the clipboard of a real X server, by a click in the icon's menu."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from factory import draft, export, segment, track
from real_desktop import Desktop, eventually, tray
from test_program import program

pytestmark = pytest.mark.desktop
SAID = export(draft(track(segment(content="剪贴板里的字幕"))))
ENTRY = "New draft from clipboard"
OWNER = """
import sys, gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk
Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).set_text(sys.stdin.buffer.read().decode(), -1)
print("owned", flush=True)
Gtk.main()
"""


@contextmanager
def copied(desktop: Desktop, text: str) -> Iterator[None]:
    """Another program has that text in the clipboard."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], env=desktop.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdin is not None and owner.stdout is not None
    owner.stdin.write(text.encode())
    owner.stdin.close()
    assert owner.stdout.readline() == b"owned\n"
    try:
        yield
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()


def test_an_export_in_the_clipboard_becomes_a_draft(panel: Desktop, tmp_path: Path) -> None:
    with tray(panel) as driver:
        eventually(lambda: ENTRY in panel.labels(), "the entry in the menu")
        with copied(panel, SAID):
            panel.menu(ENTRY)
            eventually(
                lambda: driver.says(called="make_draft", said=SAID, source="the clipboard"), "the draft to be made"
            )
        with copied(panel, "你好"):
            panel.menu(ENTRY)
            eventually(lambda: "is no draft" in panel.notifications(), "what is wrong to be told")
        panel.menu(ENTRY)  # nobody has it any more
        eventually(lambda: "no text in the clipboard" in panel.notifications(), "what is wrong to be told")


def test_the_program_builds_it_and_says_so(panel: Desktop, tmp_path: Path) -> None:
    root = tmp_path / "Projects" / "com.lveditor.draft"
    root.mkdir(parents=True)
    home = str(tmp_path / "home")
    with program(panel, COZE_TRAY_HOME=home, COZE_TRAY_DRAFTS_DIR=str(root)), copied(panel, SAID):
        eventually(lambda: ENTRY in panel.labels(), "the entry in the menu")
        panel.menu(ENTRY)
        eventually(lambda: "Draft ready: 测试" in panel.notifications(), "the notification of the draft")
    assert [path.name for path in root.iterdir()] == ["测试"]
    assert "剪贴板里的字幕" in json.dumps(
        json.loads((root / "测试" / "draft_content.json").read_text("utf-8")), ensure_ascii=False
    )
