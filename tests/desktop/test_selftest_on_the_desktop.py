"""The self-test on a real desktop, by the program that the tests are about."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from real_desktop import COZE_TRAY, Desktop, desktop_without_notifications

pytestmark = pytest.mark.desktop


def steps(desktop: Desktop, home: Path) -> dict[str, str]:
    done = subprocess.run(
        [*COZE_TRAY, "selftest", "--json"],
        env={**desktop.environment, "COZE_TRAY_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == (0 if found["status"] == "done" else 1)
    return {step["step"]: step["state"] for step in found["steps"]}


def test_everything_passes_and_what_started_at_login_still_does(panel: Desktop, tmp_path: Path) -> None:
    entry = Path(panel.environment["HOME"], ".config", "autostart", "coze-tray.desktop")
    entry.parent.mkdir(parents=True, exist_ok=True)
    before = "[Desktop Entry]\nType=Application\nExec=/opt/coze-tray/coze-tray\nHidden=true\n"
    entry.write_text(before)
    try:
        assert steps(panel, tmp_path) == dict.fromkeys(
            ["imports", "files", "icon", "notification", "draft", "second_start", "keyring", "autostart"], "ok"
        )
        assert entry.read_text() == before
    finally:
        entry.unlink()
    assert "coze-tray can show notifications." in panel.notifications()


def test_where_nothing_takes_notifications_that_step_fails_and_the_others_go_on(tmp_path: Path) -> None:
    with desktop_without_notifications(tmp_path / "none") as desktop:
        found = steps(desktop, tmp_path / "home")
    assert found["notification"] == "failed" and found["icon"] == "skipped"
    assert found["draft"] == found["keyring"] == found["autostart"] == "ok"
