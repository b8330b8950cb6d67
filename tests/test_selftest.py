"""The self-test tries everything it says, tells what fails, and leaves nothing behind."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from program import coze_tray, environment, last_line
from tray import selftest

tomllib = pytest.importorskip("tomllib")
PROJECT = Path(__file__).parents[1] / "pyproject.toml"
IMPORTED_AS = {"pillow": "pil", "httpx": "httpx", "pillow-heif": "pillow_heif"}


def test_every_dependency_is_imported() -> None:
    said = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["dependencies"]
    names = [re.split(r"[\[<>=; ]", one)[0].lower() for one in said if "sys_platform" not in one]
    imported = {name.partition(".")[0].lower() for name in selftest.PACKAGES}
    assert [name for name in names if IMPORTED_AS.get(name, name.replace("-", "_")) not in imported] == []


def test_without_a_desktop_the_draft_is_built_and_what_can_not_be_tried_is_skipped(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path / "config"),
                      XDG_RUNTIME_DIR=str(tmp_path), TMPDIR=str(tmp_path))  # fmt: skip
    env = {key: value for key, value in env.items() if key not in ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS")}
    report = tmp_path / "report.json"
    done = coze_tray("selftest", "--json", "--output", str(report), env=env)
    found = last_line(done)
    assert json.loads(report.read_text("utf-8")) == found
    states = {step["step"]: step["state"] for step in found["steps"]}
    assert {step: states[step] for step in ("imports", "files", "draft", "second_start", "autostart")} == dict.fromkeys(
        ("imports", "files", "draft", "second_start", "autostart"), "ok"
    ), found
    if sys.platform == "linux":
        assert states["icon"] == states["notification"] == "skipped"
    assert states["keyring"] == "failed", "there is none"
    assert found["status"] == "failed" and done.returncode == 1
    assert done.stderr == "", "nothing of the libraries' own"
    assert not (tmp_path / "config" / "autostart" / "coze-tray.desktop").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("coze-tray selftest")] == []


def test_a_step_that_never_ends_fails_and_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(selftest, "STEP_S", 0.05)
    hung = selftest._tried("keyring", lambda: str(threading.Event().wait()))
    assert hung.ok is False and "did not end" in hung.text


def test_what_a_step_raises_is_told() -> None:
    def refuse() -> str:
        raise PermissionError(13, "no")

    assert selftest._tried("draft", refuse).ok is False
    assert "PermissionError" in selftest._tried("draft", refuse).text
