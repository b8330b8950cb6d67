"""Runs the real program as a user would: a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEADLINE_S = 40


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.upper().endswith("_PROXY")}
    return {**kept, "COZE_TRAY_HOME": str(home), "LANG": "en_US.UTF-8",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", **more}  # fmt: skip


def coze_tray(*arguments: str, env: dict[str, str], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tray", *arguments],
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )


def start(*arguments: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """Begin a command and go on."""
    return subprocess.Popen(
        [sys.executable, "-m", "tray", *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def last_line(finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The line of JSON that standard output ends with."""
    assert finished.stdout, finished.stderr
    return dict(json.loads(finished.stdout.splitlines()[-1]))


def wait_until(true: Callable[[], Any], what: str) -> Any:
    """Poll until `true()` is; fail after a while, saying `what` did not happen."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not happen: {what}")
