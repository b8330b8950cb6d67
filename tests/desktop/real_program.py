"""The whole program, running on a real desktop; and what it needs to work for a simulated Coze."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from real_desktop import COZE_TRAY, Desktop


@contextmanager
def program(desktop: Desktop, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """The program, for as long as the block runs; it is killed then."""
    running = start(desktop, *arguments, **variables)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def start(desktop: Desktop, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Begin a command of the program and go on."""
    return subprocess.Popen(
        [*COZE_TRAY, *arguments],
        env={**desktop.environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def working_for(base_url: str, folder: Path, token: str = "t") -> dict[str, str]:
    """The environment of a program that works for the Coze simulated there, and is not signed in where `token` is "".
    Its home is `folder`/home, and its drafts folder, which is made, `folder`/drafts."""
    drafts = folder / "drafts"
    drafts.mkdir()
    return {
        "COZE_TRAY_HOME": str(folder / "home"),
        "COZE_API_BASE": base_url,
        "COZE_API_TOKEN": token,
        "COZE_TRAY_DRAFTS_DIR": str(drafts),
        "COZE_TRAY_ALLOW_HOSTS": "127.0.0.1",
    }
