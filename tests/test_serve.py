"""`coze-tray serve`: the API for other computers, as a process of its own, over real HTTP."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

import keyring_outside
from factory import draft, export, segment, track
from listening import Listening
from program import DEADLINE_S, coze_tray, environment, wait_until
from tray import serve_command
from tray.errors import SettingsError
from tray.simulator import demo
from tray.simulator.server import Simulator
from tray.web import site
from tray.web.gate import HEADERS
from tray.web.key_guard import KeyGuard, _address_of, digest_of
from tray.web.pages import Pages

KEY = "a-key-of-my-own-1234567890"
SAID = export(draft(track(segment())))
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def cloud() -> Iterator[Simulator]:
    with demo.simulator(pace_s=0) as simulator:
        yield simulator


@pytest.fixture
def env(cloud: Simulator, tmp_path: Path, root: Path) -> dict[str, str]:
    (tmp_path / "keyring").mkdir()
    return environment(
        tmp_path / "home", COZE_API_BASE=cloud.base_url, COZE_TRAY_ALLOW_HOSTS=cloud.host, COZE_BOT_ID="demo",
        COZE_API_TOKEN="t", COZE_TRAY_DRAFTS_DIR=str(root),
        **keyring_outside.environment(tmp_path / "keyring" / "entries.json"),
    )  # fmt: skip


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return int(found.getsockname()[1])


class Served:
    def __init__(self, begin: Begin, *arguments: str, **variables: str) -> None:
        port = free_port()
        self.process = begin("serve", "--port", str(port), *arguments, **variables)
        self.said = self.line()
        self.url = f"http://127.0.0.1:{port}"
        wait_until(lambda: self.answers() or self.process.poll() is not None, "the API answers")

    def line(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def answers(self) -> bool:
        try:
            return httpx.get(self.url).status_code == 401
        except httpx.TransportError:
            return False

    def client(self, key: str = KEY) -> httpx.Client:
        return httpx.Client(base_url=f"{self.url}/api/v1/", headers={"Authorization": f"Bearer {key}"}, timeout=30)


@pytest.fixture
def served(begin: Begin) -> Served:
    return Served(begin, COZE_TRAY_API_KEY=KEY)


def test_who_has_the_key_builds_asks_and_follows(served: Served, root: Path) -> None:
    assert f"{served.url}/api/v1/openapi.json" in served.said
    with served.client() as client:
        built = client.post("tools/generate_draft", params={"wait": 30}, json={"content": SAID})
        assert built.json()["status"] == "ok" and str(root) not in built.text
        assert client.post("builds", params={"wait": 30}, content=SAID).json()["status"] == "ok"
        asked = client.post("requests", json={"prompt": "问"}).json()
        states = wait_until(
            lambda: (now := client.get(f"requests/{asked['id']}").json())["state"] == "done" and now, "it is done"
        )
        assert states["drafts"]
        assert {one["name"] for one in client.get("tools").json()} == {"generate_draft"}
        schema = client.get("openapi.json", headers={"X-Forwarded-Proto": "https"}).json()
        assert schema["servers"] == [{"url": served.url.replace("http:", "https:")}]
        assert schema["security"] and "/api/v1/tools/generate_draft" in schema["paths"]


def test_ctrl_c_ends_it_in_order_though_somebody_follows(served: Served) -> None:
    with served.client() as client, client.stream("GET", "events") as stream:
        assert next(stream.iter_lines()).startswith("event: status")
        served.process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.CTRL_C_EVENT)
        _out, err = served.process.communicate(timeout=DEADLINE_S)
    assert served.process.returncode == 0 and "Traceback" not in err and err.strip() == ""


def test_who_has_no_key_or_a_wrong_one_gets_nothing(served: Served) -> None:
    with httpx.Client(base_url=served.url) as client:
        for path in ("/", "/api/v1/status", "/api/v1/openapi.json", "/api/v1/nothing", "/static/page.js"):
            answer = client.get(path)
            assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
            assert {name.lower() for name in HEADERS} <= set(answer.headers)
            assert "serve --new-key" in answer.text


@pytest.mark.parametrize("key", ["short", "", " " * 30, "k" * 23, "ü" * 30])
def test_a_key_that_is_too_short_is_none(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COZE_TRAY_API_KEY", key)
    with pytest.raises(SettingsError, match="at least 24 characters"):
        serve_command.serve("127.0.0.1", 0)


def test_without_a_key_nobody_is_served_on_loopback_neither(env: dict[str, str]) -> None:
    said = coze_tray("serve", env=env)
    assert said.returncode == 1 and "--new-key" in said.stderr and "COZE_TRAY_API_KEY" in said.stderr


def test_a_new_key_is_shown_once_and_kept_as_what_it_can_t_be_read_from(
    begin: Begin, env: dict[str, str], tmp_path: Path
) -> None:
    first, key = (coze_tray("serve", "--new-key", env=env).stdout.strip() for _time in range(2))
    assert len(key) >= 40 and first != key
    assert key not in (tmp_path / "keyring" / "entries.json").read_text("utf-8")
    served = Served(begin)
    with served.client(key) as client, served.client(first) as old:
        assert client.get("status").status_code == 200
        assert old.get("status").status_code == 401
    served.process.terminate()
    served.process.communicate(timeout=DEADLINE_S)
    kept = "".join(path.read_text("utf-8", "replace") for path in (tmp_path / "home").glob("*.log*"))
    assert key not in kept and first not in kept


def test_where_no_keyring_is_it_says_how_else(env: dict[str, str]) -> None:
    bare = {**env, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    for command in (["serve"], ["serve", "--new-key"]):
        said = coze_tray(*command, env=bare)
        assert said.returncode == 1 and "COZE_TRAY_API_KEY" in said.stderr and "COZE_API_TOKEN" not in said.stderr


def test_another_coze_tray_that_runs_is_named(served: Served, env: dict[str, str]) -> None:
    said = coze_tray("serve", "--port", str(free_port()), env={**env, "COZE_TRAY_API_KEY": KEY})
    assert said.returncode == 1 and f"process {served.process.pid}" in said.stderr


def test_a_port_that_is_taken_is_told(env: dict[str, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        said = coze_tray("serve", "--port", port, env={**env, "COZE_TRAY_API_KEY": KEY})
    assert said.returncode == 1 and port in said.stderr and "--port" in said.stderr
    said = coze_tray("serve", "--host", "nowhere.invalid", env={**env, "COZE_TRAY_API_KEY": KEY})
    assert said.returncode == 1 and "nowhere.invalid" in said.stderr


def test_off_loopback_it_says_that_it_is_plain_http(begin: Begin) -> None:
    served = Served(begin, "--host", "0.0.0.0", COZE_TRAY_API_KEY=KEY)
    assert "plain HTTP" in served.line()


def test_who_calls_too_often_is_told_when_to_come_again(served: Served) -> None:
    with served.client("wrong" * 10) as stranger, served.client() as client:
        codes = [stranger.get("status", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(15)]
        assert set(codes[:5]) == {401} and codes[-1] == 429, "whatever it says of where it comes from"
        assert client.get("status").status_code == 200, "behind a proxy both have the same address"
        answers = [client.get("status") for _time in range(80)]
        assert answers[10].status_code == 200 and answers[-1].status_code == 429
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


# In this process


@pytest.fixture
def program(listen: Callable[..., Listening], cloud: Simulator) -> Listening:
    return listen(cloud)


def test_what_is_for_who_sits_here_is_not_served(program: Listening) -> None:
    served = site.served_site(program.app, Pages(program.app)).openapi()["paths"]
    whole = site.site(program.app, Pages(program.app)).openapi()["paths"]
    assert set(served) <= set(whole)
    words = ("settings", "sign", "login", "token", "open", "log", "folder", "test", "quit", "listener", "undo", "trash")
    for path, methods in served.items():
        assert "delete" not in methods and "put" not in methods
        assert not [word for word in words if word in path.removeprefix("/api/v1")], path


def scope(address: str) -> dict[str, Any]:
    return {"client": (address, 1), "path": "/api/v1/status"}


def test_addresses_are_told_apart_as_callers_are() -> None:
    assert _address_of(scope("::ffff:10.1.2.3")) == _address_of(scope("10.1.2.3")) == "10.1.2.3"
    assert _address_of(scope("2001:db8::1")) == _address_of(scope("2001:db8::ffff:2"))
    assert _address_of(scope("2001:db8::1")) != _address_of(scope("2001:db8:1::1"))
    assert _address_of(scope("fe80::1%eth0"))


def test_a_header_that_is_nearly_right_is_wrong() -> None:
    guard = KeyGuard(digest_of(KEY))
    assert guard._is_right([f"Bearer {KEY}"]) and guard._is_right([f"bearer {KEY}"])
    for given in ([], [KEY], [f"Basic {KEY}"], [f"Bearer {KEY}x"], [f"Bearer {KEY}", f"Bearer {KEY}"], ["Bearer"],
                  [f"Bearer {KEY[:-1]}"], ["Bearer \udcff"], [""], [f"Bearer {digest_of(KEY)}"]):  # fmt: skip
        assert not guard._is_right(given), given
