"""No token is anywhere but in the keyring: not in the program's files, in what it says, nor in what other processes see
of it. Real processes, with everything logged that libraries log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import keyring_outside
from program import DEADLINE_S, coze_tray, environment, start, wait_until
from tray.simulator import demo
from tray.simulator.faults import Fault
from tray.simulator.oauth import SignIn
from tray.simulator.server import Simulator

LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
set_level = logging.Logger.setLevel
logging.Logger.setLevel = lambda self, level: set_level(self, logging.DEBUG)
"""
"""Run by every Python that starts, the workers too: whoever sets a level sets it to DEBUG."""


@pytest.fixture
def cloud() -> Iterator[Simulator]:
    with demo.simulator(pace_s=0) as simulator:
        yield simulator


@pytest.fixture
def oauth(cloud: Simulator) -> SignIn:
    return SignIn(cloud, interval_s=1, length=1200, access_s=60)


@pytest.fixture
def env(cloud: Simulator, tmp_path: Path, root: Path) -> dict[str, str]:
    loud = tmp_path / "loud"
    loud.mkdir()
    (loud / "sitecustomize.py").write_text(LOUD)
    outside = keyring_outside.environment(tmp_path / "keyring" / "entries.json")
    (tmp_path / "keyring").mkdir()
    return environment(
        tmp_path / "home", COZE_API_BASE=cloud.base_url, COZE_TRAY_ALLOW_HOSTS="127.0.0.1", COZE_BOT_ID="7",
        COZE_TRAY_DRAFTS_DIR=str(root), **{**outside, "PYTHONPATH": f"{loud}{os.pathsep}{outside['PYTHONPATH']}"},
    )  # fmt: skip


class Watch:
    """Looks, while entered, at the command line and the environment of every process that descends from this one."""

    def __init__(self) -> None:
        self.seen: dict[tuple[int, str], bytes] = {}
        self._done = threading.Event()

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.01):
            parents = {}
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    stat = (folder / "stat").read_text()
                    parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
                except OSError:
                    continue
            for pid in parents:
                above, chain = parents.get(pid), [pid]
                while above and above != os.getpid():
                    chain.append(above)
                    above = parents.get(above)
                if above:
                    for name in ("cmdline", "environ"):
                        try:
                            self.seen[pid, name if len(chain) > 1 else f"first {name}"] = Path(
                                f"/proc/{pid}/{name}"
                            ).read_bytes()
                        except OSError:
                            continue


def found(secrets: set[str], *places: tuple[str, bytes]) -> list[tuple[str, str]]:
    """Where a secret is, or a telling piece of it."""
    pieces = {secret: secret[:24].encode() for secret in secrets}
    return [(where, secret[:12]) for where, held in places for secret, piece in pieces.items() if piece in held]


def files(folder: Path) -> list[tuple[str, bytes]]:
    return [(str(path), path.read_bytes()) for path in folder.rglob("*") if path.is_file()]


def test_a_token_is_nowhere_but_in_the_keyring(env, oauth, cloud, tmp_path):
    pat, typo = "pat_VerySecretIndeedAndQuiteLong" + "x" * 1500, "pat_MistypedButStillSecretEnough"
    oauth.granted(pat)
    said = []
    for arguments, stdin in (
        (["login", "--days", "2"], pat),
        (["login"], typo),
        (["login", "--days", "2", pat], None),
        (["ask", "x", "--json"], None),
        (["status", "--json", "--check"], None),
        (["doctor"], None),
        (["demo", "--no-icon"], None),
    ):
        done = coze_tray(*arguments, env=env, stdin=stdin)
        if pat not in arguments:  # the user's own doing
            said.append((f"{arguments}", (done.stdout + done.stderr).encode()))
        else:
            assert done.returncode == 2
    cloud.faults.add(Fault("answer", "/v3/chat", body={"code": 4100, "msg": "no"}, times=9))
    said.append(("a failing ask", coze_tray("ask", "x", env=env).stderr.encode()))
    assert b"DEBUG" in said[0][1], "it was loud"
    assert found({pat, typo}, *files(tmp_path / "keyring"))
    assert not found({pat, typo}, *files(tmp_path / "home"), *said)


def test_tokens_of_oauth_are_nowhere_but_in_the_keyring(env, oauth, cloud, tmp_path):
    said = []

    def run(*arguments: str) -> str:
        done = coze_tray(*arguments, env=env)
        said.append((f"{arguments}", (done.stdout + done.stderr).encode()))
        return done.stdout

    oauth.polls = ["authorization_pending"]
    run("login", "--device", "--client-id", oauth.client_id)
    assert "✓" in run("ask", "x")
    assert oauth.refreshed_with, "it was refreshed"
    cloud.faults.add(
        Fault("answer", "/api/permission/oauth2/token", body={"access_token": "czu_Half", "expires_in": []})
    )
    run("ask", "x", "--wait", "0.1")
    oauth.refresh_tokens.clear()
    assert "has ended" in "".join(coze_tray("ask", "x", env=env).stderr)
    run("ask", "x", "--json")
    run("status", "--json")
    run("doctor")
    run("logout")
    assert len(oauth.secrets()) >= 5
    assert not found(oauth.secrets() | {"czu_Half"}, *files(tmp_path), *said), "the keyring is empty too"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_that_is_started_sees_the_token(env, oauth, cloud, tmp_path):
    pat = oauth.granted("pat_VerySecretIndeedAndQuiteLong")
    with Watch() as watch:
        assert coze_tray("ask", "x", env={**env, "COZE_API_TOKEN": pat}).returncode == 0
        running = start("--headless", env={**env, "COZE_API_TOKEN": pat})
        wait_until((tmp_path / "home" / "running.json").exists, "it runs")
        for _try in range(10):  # a worker that comes and goes between two looks is not seen
            assert coze_tray("ask", "y", env=env).returncode == 0
            if any(b"spawn_main" in held for (_pid, name), held in list(watch.seen.items()) if name == "cmdline"):
                break
        running.terminate()
        _out, errors = running.communicate(timeout=DEADLINE_S)
        time.sleep(0.05)
    children = {key: held for key, held in watch.seen.items() if not key[1].startswith("first")}
    assert any(b"spawn_main" in held for (_pid, name), held in children.items() if name == "cmdline"), "a worker ran"
    lines = [(f"{key}", held) for key, held in watch.seen.items() if key[1].endswith("cmdline")]
    assert not found({pat}, *((f"{key}", held) for key, held in children.items()), *lines, ("stderr", errors.encode()))
