from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from factory import SHARED, MediaServer, content_of
from listening import Listening
from program import start
from tray.draft import pipeline
from tray.draft.cache import CachePolicy
from tray.draft.compose import Options
from tray.draft.fetch import FetchPolicy
from tray.draft.pipeline import Built, Workshop
from tray.simulator.mailbox import SimulatedMailbox
from tray.simulator.server import Simulator

# A busy machine is no bug; and where changes land, the same examples are tried every time.
settings.register_profile("any machine", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's settings, token, proxy or language."""
    for name in ("COZE_API_TOKEN", "COZE_BOT_ID", "COZE_WORKFLOW_ID", "COZE_API_BASE", "COZE_TRAY_DRAFTS_DIR",
                 "COZE_TRAY_ALLOW_HOSTS", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY",
                 "ALL_PROXY", "LC_ALL", "LC_MESSAGES"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("COZE_TRAY_HOME", str(tmp_path / "home"))


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What keeps chats and downloads waiting; open when the test ends."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def media() -> Iterator[MediaServer]:
    server = MediaServer()
    yield server
    server.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A drafts folder, alone in its parent."""
    path = tmp_path / "Projects" / "com.lveditor.draft"
    path.mkdir(parents=True)
    return path


Build = Callable[..., Built]


@pytest.fixture
def build(root: Path, tmp_path: Path) -> Build:
    """Build an export into `root`, with media from loopback allowed."""

    def run(
        text: str,
        *,
        allow: tuple[str, ...] = ("127.0.0.1",),
        folder: Path = root,
        cache_hours: float = 24,
        cache_max_bytes: int = 10**10,
        options: Options | None = None,
        **policy: Any,
    ) -> Built:
        cache = CachePolicy(tmp_path / "cache", cache_hours, cache_max_bytes)
        workshop = Workshop(
            folder, FetchPolicy(frozenset(allow), **policy), tmp_path / "locks", cache, options or Options()
        )
        return asyncio.run(pipeline.build(text, workshop, "en", progress=lambda *_args: None))

    return run


@pytest.fixture
def listen(tmp_path: Path, root: Path) -> Iterator[Callable[..., Listening]]:
    """Make a listener; what it makes is closed at the end."""
    opened: list[Listening] = []

    def make(cloud: Simulator, **more: Any) -> Listening:
        opened.append(Listening(tmp_path / "home", root, cloud, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.app.close()


@pytest.fixture
def box() -> SimulatedMailbox:
    return SimulatedMailbox()


@pytest.fixture
def cloud(box: SimulatedMailbox) -> Iterator[Simulator]:
    """A cloud that has that mailbox."""
    with Simulator(routes=box.routes()) as cloud:
        yield cloud


@pytest.fixture
def begin(env: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Begin a command in the test file's own `env`; whatever still runs at the end is ended."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **more: str) -> subprocess.Popen[str]:
        begun.append(start(*arguments, env={**env, **more}))
        return begun[-1]

    yield run
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def content() -> Callable[[str | Path], dict[str, Any]]:
    return content_of


@pytest.fixture
def wire() -> Path:
    """The recorded responses of Coze."""
    folder = SHARED / "fixtures" / "coze-wire"
    if not folder.is_dir():
        pytest.skip(f"the recorded responses are not here ({folder})")
    return folder


@pytest.fixture
def sample_exports() -> Path:
    """The sample exports that Coze2JianYing published."""
    folder = SHARED / "fixtures" / "exports"
    if not folder.is_dir():
        pytest.skip(f"the sample exports are not here ({folder})")
    return folder
