"""Signing in: OAuth's tokens, refreshed by one at a time; the account; the commands."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import keyring as keyring_package
import pytest

import keyring_outside
from program import DEADLINE_S, coze_tray, environment, last_line, start, wait_until
from test_secrets import Memory
from tray import instance, known_account, secrets, signing_in
from tray.coze import account, auth, callback
from tray.coze.client import Client
from tray.coze.credential import Credential, FixedToken
from tray.coze.errors import SIGN_IN, CozeError, NetworkAwayError
from tray.coze.stored import StoredCredential
from tray.errors import SecretsError, TrayError
from tray.home import home
from tray.secrets import OAuth, Stored, Token
from tray.settings import Settings
from tray.simulator import demo
from tray.simulator.exchange import Exchange
from tray.simulator.faults import Fault
from tray.simulator.oauth import ALL, SignIn
from tray.simulator.server import Simulator

TOKENS = "/api/permission/oauth2/token"


@pytest.fixture
def cloud() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def oauth(cloud: Simulator) -> SignIn:
    return SignIn(cloud)


class Keyring:
    """One entry, kept in memory. `refuses`: what writing raises."""

    def __init__(self, stored: Stored | None = None) -> None:
        self.stored, self.log = stored, list[str]()
        self.refuses: SecretsError | None = None
        self.silent: SecretsError | None = None

    def read(self) -> Stored | None:
        if self.silent:
            raise self.silent
        return self.stored

    def write(self, stored: Stored) -> None:
        if self.refuses:
            raise self.refuses
        self.log.append("written")
        self.stored = stored


def signed_in(oauth: SignIn, *, for_s: float = 900.0) -> OAuth:
    """What a sign-in some time ago left in the keyring; its access token has `for_s` left."""
    said = oauth.issue()
    now = time.time()
    return OAuth(oauth.client_id, said["access_token"], said["refresh_token"], now + for_s, now + 9e5, "device")


@pytest.fixture
def credential(cloud: Simulator, tmp_path: Path) -> Callable[..., StoredCredential]:
    def make(keyring: Keyring, base_url: str | None = None) -> StoredCredential:
        return StoredCredential(base_url or cloud.base_url, keyring.read, keyring.write, tmp_path / "sign-in.lock")

    return make


Make = Callable[..., StoredCredential]


def token(credential: Credential) -> str:
    return asyncio.run(credential.token())


def test_a_token_that_lasts_is_used_as_it_is(oauth, credential):
    stored = signed_in(oauth)
    one = credential(Keyring(stored))
    assert token(one) == token(one) == stored.access_token
    assert not oauth.refreshed_with


def test_a_plain_token_is_read_from_the_keyring_at_the_first_use_only(cloud, credential):
    keyring = Keyring(Token("pat_x"))
    one = credential(keyring)
    keyring.stored = Token("pat_y")
    assert token(one) == "pat_y"
    keyring.stored = Token("pat_z")
    assert token(one) == "pat_y"
    one.look_again()
    assert token(one) == "pat_z"


def test_a_token_is_refreshed_before_it_expires_and_stored_before_it_is_used(oauth, credential):
    keyring = Keyring(signed_in(oauth, for_s=60))
    before = keyring.stored
    got = token(credential(keyring))
    assert got == oauth.issued[-1]["access_token"] != before.access_token
    assert keyring.stored == replace(
        before,
        access_token=got,
        refresh_token=oauth.issued[-1]["refresh_token"],
        expires_at=keyring.stored.expires_at,
        refresh_expires_at=keyring.stored.refresh_expires_at,
    )
    assert keyring.stored.expires_at == pytest.approx(time.time() + 900, abs=5)
    assert keyring.stored.refresh_expires_at == pytest.approx(time.time() + 30 * 86_400, abs=5)


@pytest.mark.parametrize("flow", ["device", "pkce"])
def test_either_way_of_signing_in_is_refreshed(oauth, credential, flow):
    stored = replace(signed_in(oauth, for_s=0), flow=flow)
    assert token(credential(Keyring(stored))) == oauth.issued[-1]["access_token"]


def test_with_a_clock_that_is_hours_wrong_a_new_token_still_lasts_its_15_minutes(oauth, credential):
    keyring = Keyring(signed_in(oauth, for_s=0))
    oauth.cloud.faults.add(
        Fault(
            "answer",
            TOKENS,
            body={"access_token": "a", "refresh_token": "r", "expires_in": int(time.time() - 5 * 3600 + 900)},
            headers={"Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - 5 * 3600))},
        )
    )
    assert token(credential(keyring)) == "a"
    assert keyring.stored.expires_at == pytest.approx(time.time() + 900, abs=5)


def test_ten_requests_at_once_in_two_threads_refresh_once(oauth, credential):
    one = credential(Keyring(signed_in(oauth, for_s=0)))
    got: list[str] = []

    async def five() -> None:
        got.extend(await asyncio.gather(*(one.token() for _n in range(5))))

    threads = [threading.Thread(target=asyncio.run, args=(five(),)) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 10 and set(got) == {oauth.issued[-1]["access_token"]}
    assert len(oauth.refreshed_with) == 1


PROCESS = """
import asyncio, json, sys, time
from pathlib import Path
from tray.coze.stored import StoredCredential
from tray.secrets import OAuth
file, url, lock = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
one = StoredCredential(url, lambda: OAuth(**json.loads(file.read_text())),
                       lambda s: file.write_text(json.dumps(s.__dict__)), lock)
print("ready", flush=True)
sys.stdin.readline()
print(asyncio.run(one.token()))
"""


def test_two_processes_refresh_once_and_use_the_same_token(cloud, oauth, tmp_path):
    file = tmp_path / "keyring"
    file.write_text(json.dumps(signed_in(oauth, for_s=0).__dict__))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(file), cloud.base_url, str(tmp_path / "lock")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _n in range(2)
    ]
    assert [one.stdout.readline() for one in started] == ["ready\n"] * 2
    for one in started:
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.communicate(timeout=40)[0].strip() for one in started]
    assert said == [oauth.issued[-1]["access_token"]] * 2
    assert len(oauth.refreshed_with) == 1


def test_after_a_refusal_it_is_refreshed_once_for_all(oauth, credential):
    one = credential(Keyring(signed_in(oauth)))

    async def all_refused() -> list[bool]:
        refused = await one.token()
        return await asyncio.gather(*(one.renew(refused) for _n in range(5)))

    assert asyncio.run(all_refused()) == [True] * 5
    assert token(one) == oauth.issued[-1]["access_token"]
    assert len(oauth.refreshed_with) == 1


def test_after_a_refusal_what_another_process_stored_is_used(oauth, credential):
    keyring = Keyring(signed_in(oauth))
    one = credential(keyring)
    refused = token(one)
    keyring.stored = signed_in(oauth)
    assert asyncio.run(one.renew(refused))
    assert token(one) == keyring.stored.access_token
    assert not oauth.refreshed_with


def test_a_refused_plain_token_can_t_be_renewed_unless_a_new_one_was_stored(cloud, credential):
    keyring = Keyring(Token("pat_x"))
    one = credential(keyring)
    assert token(one) == "pat_x"
    assert not asyncio.run(one.renew("pat_x"))
    keyring.stored = Token("pat_y")
    assert asyncio.run(one.renew("pat_x"))
    assert token(one) == "pat_y"


@pytest.mark.parametrize("documented", [True, False])
def test_a_refused_refresh_token_asks_to_sign_in_again_and_is_not_sent_twice(oauth, credential, documented):
    oauth.documented_errors = documented
    keyring = Keyring(signed_in(oauth, for_s=0))
    oauth.refresh_tokens.clear()
    one = credential(keyring)
    for _n in range(2):
        with pytest.raises(SecretsError, match="has ended") as caught:
            token(one)
        assert "coze-tray login" in caught.value.advice
    assert len(oauth.refreshed_with) == 1
    keyring.stored = signed_in(oauth)
    assert token(one) == keyring.stored.access_token, "signed in again"


def test_nobody_signed_in_is_said(credential):
    with pytest.raises(SecretsError, match="Not signed in to 127"):
        token(credential(Keyring()))


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset_before", TOKENS),
        Fault("answer", TOKENS, status=503, body=b"<html>busy</html>"),
        Fault("answer", TOKENS, status=429, body={"code": 4020, "msg": "slow"}),
        Fault("answer", TOKENS, body=b"<html>Please sign in to this hotel's network</html>"),
        Fault("answer", TOKENS, status=302, headers={"Location": "http://hotel.example/"}),
        Fault("answer", TOKENS, body=[]),
        Fault("answer", TOKENS, body={"access_token": "czu_secret", "expires_in": "soon"}),
        Fault("answer", TOKENS, body={"access_token": "czu secret\n", "refresh_token": "r", "expires_in": 1}),
        Fault("answer", TOKENS, body={"code": 5000, "msg": "internal"}),
    ],
)
def test_a_network_that_fails_is_no_sign_out(oauth, credential, fault):
    keyring = Keyring(signed_in(oauth, for_s=0))
    one = credential(keyring)
    oauth.cloud.faults.add(fault)
    with pytest.raises(NetworkAwayError) as caught:
        token(one)
    assert "secret" not in str(caught.value)
    assert token(one) == oauth.issued[-1]["access_token"]


def test_while_the_network_is_away_a_token_that_still_lasts_is_used(oauth, credential):
    keyring = Keyring(signed_in(oauth, for_s=60))
    oauth.cloud.faults.add(Fault("reset_before", TOKENS))
    assert token(credential(keyring)) == oauth.issued[0]["access_token"]


def test_what_the_refusal_says_of_the_refresh_token_is_not_repeated(oauth, credential, caplog):
    keyring = Keyring(signed_in(oauth, for_s=0))
    secret = keyring.stored.refresh_token
    body = {"error_code": "invalid_grant", "error_message": f"{secret} is dead"}
    oauth.cloud.faults.add(Fault("answer", TOKENS, status=400, body=body, headers={"x-tt-logid": "LOG7"}))
    with caplog.at_level("DEBUG"), pytest.raises(SecretsError) as caught:
        token(credential(keyring))
    assert secret not in str(caught.value) + caplog.text
    assert "LOG7" in str(caught.value) and "is dead" in str(caught.value)


def test_a_keyring_that_can_t_be_written_loses_nothing_while_the_program_runs(oauth, credential, caplog):
    keyring = Keyring(signed_in(oauth, for_s=0))
    keyring.refuses = SecretsError("The keyring is locked.")
    one = credential(keyring)
    assert token(one) == oauth.issued[-1]["access_token"]
    assert "kept in memory" in caplog.text and "locked" in caplog.text
    assert asyncio.run(one.renew(token(one))), "the refresh token in memory goes on"
    assert token(one) == oauth.issued[-1]["access_token"]
    keyring.refuses = None
    one.look_again()
    assert token(one) == oauth.issued[-1]["access_token"] == keyring.stored.access_token
    assert len(oauth.refreshed_with) == 2


def test_a_keyring_that_can_be_written_again_is_written_soon(oauth, credential, monkeypatch):
    monkeypatch.setattr("tray.coze.stored.STORE_AGAIN_S", 0.0)
    keyring = Keyring(signed_in(oauth, for_s=0))
    keyring.refuses = SecretsError("The keyring is locked.")
    one = credential(keyring)
    token(one)
    keyring.refuses = None
    token(one)
    end = time.monotonic() + 10
    while keyring.stored.access_token != oauth.issued[-1]["access_token"]:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_who_signs_in_meanwhile_is_not_overwritten_by_what_could_not_be_stored(oauth, credential):
    keyring = Keyring(signed_in(oauth, for_s=0))
    keyring.refuses = SecretsError("The keyring is locked.")
    one = credential(keyring)
    token(one)
    keyring.refuses, keyring.stored = None, Token("pat_new")
    one.look_again()
    assert token(one) == "pat_new" and keyring.stored == Token("pat_new")


def test_a_keyring_that_falls_silent_does_not_sign_out_a_program_that_runs(oauth, credential):
    keyring = Keyring(signed_in(oauth))
    one = credential(keyring)
    refused = token(one)
    keyring.silent = keyring.refuses = SecretsError("The keyring is locked.")
    assert asyncio.run(one.renew(refused))
    assert token(one) == oauth.issued[-1]["access_token"]
    with pytest.raises(SecretsError, match="locked"):
        token(credential(keyring))


def test_a_cancelled_request_does_not_lose_the_tokens_that_were_under_way(oauth, credential):
    keyring = Keyring(signed_in(oauth, for_s=0))
    one = credential(keyring)

    async def cancelled() -> None:
        asking = asyncio.ensure_future(one.token())
        other = asyncio.ensure_future(one.token())
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await other == keyring.stored.access_token

    asyncio.run(cancelled())
    assert keyring.stored.refresh_token == oauth.issued[-1]["refresh_token"]


def test_a_device_code_is_waited_for_as_the_cloud_says(cloud, oauth):
    oauth.polls = ["authorization_pending", "slow_down", "authorization_pending"]
    code = auth.device_code(cloud.base_url, oauth.client_id)
    assert code.url == f"{cloud.base_url}/device?user_code=WDJB-MJHT"
    pauses: list[float] = []
    made = auth.await_device(cloud.base_url, oauth.client_id, code, pause=pauses.append)
    assert pauses == [5, 5, 10, 10]
    assert made.access_token == oauth.issued[-1]["access_token"]
    assert (made.flow, made.client_id) == ("device", oauth.client_id)


def test_a_network_that_is_away_for_a_moment_does_not_end_the_waiting(cloud, oauth):
    code = auth.device_code(cloud.base_url, oauth.client_id)
    cloud.faults.add(Fault("reset_before", TOKENS, times=2))
    assert auth.await_device(cloud.base_url, oauth.client_id, code, pause=lambda _s: None).access_token


@pytest.mark.parametrize(
    ("polls", "words"),
    [(["access_denied"], "refused"), (["expired_token"], "expired"), (["authorization_pending"] * 99, "expired")],
)
def test_a_device_code_that_comes_to_nothing_says_why(cloud, oauth, polls, words):
    oauth.polls = polls
    code = auth.device_code(cloud.base_url, oauth.client_id)
    pauses: list[float] = []
    with pytest.raises(TrayError, match=words):
        auth.await_device(cloud.base_url, oauth.client_id, code, pause=pauses.append)
    assert sum(pauses) <= 300


# The account, and what its token may do.


def asked(cloud: Simulator, token: str) -> tuple[account.Account | None, list[str]]:
    async def both() -> tuple[account.Account | None, list[str]]:
        async with Client(cloud.base_url, FixedToken(token)) as client:
            return await account.account(client), await account.missing_scopes(client)

    return asyncio.run(both())


def test_the_account_and_the_scopes_that_a_token_lacks_are_found_without_making_anything(cloud, oauth):
    oauth.granted("pat_x", ALL - {"getChat", "listRunHistory"})
    assert asked(cloud, "pat_x") == (account.Account("小明", "12345"), ["getChat", "listRunHistory"])
    assert asked(cloud, oauth.granted("pat_y"))[1] == []
    assert set(account.checked_scopes()) < set(account.SCOPES)
    assert {received.method for received in cloud.received} == {"GET"}
    assert not cloud.chats


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ("Your token does not have permission to access workflow_id = 1. Please verify whether …", []),
        ("Your token does not have permission to access resource. Please verify whether …", []),
        ("Your token does not have permission to access space_id=7 getMetadata. Please verify …", ["getMetadata"]),
        ("no permission", ["getMetadata"]),
    ],
)
def test_a_refusal_that_names_only_the_thing_says_nothing_of_the_scope(cloud, oauth, message, missing):
    body = {"code": 4101, "msg": message}
    cloud.faults.add(Fault("answer", "/v1/bot/get_online_info", body=body))
    assert asked(cloud, oauth.granted("pat_x"))[1] == missing


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"code": 4100, "msg": "authentication is invalid"}),
        (401, {"code": 700012006, "msg": "access token invalid"}),
        (200, {"code": 4101, "msg": "The token you entered is incorrect. Please double-check and try again."}),
    ],
)
def test_a_wrong_token_is_known_in_each_way_that_coze_says_it(cloud, oauth, status, body):
    cloud.faults.add(Fault("answer", "/v1/users/me", status=status, body=body))
    with pytest.raises(CozeError) as caught:
        asked(cloud, oauth.granted("pat_x"))
    assert caught.value.code in SIGN_IN


def test_an_account_that_may_not_be_asked_for_or_makes_no_sense_is_none(cloud, oauth):
    cloud.faults.add(Fault("answer", "/v1/users/me", body={"code": 4101, "msg": "no"}))
    assert asked(cloud, oauth.granted("pat_x"))[0] is None
    cloud.faults.add(Fault("answer", "/v1/users/me", body={"code": 0, "data": []}))
    assert asked(cloud, "pat_x")[0] is None
    cloud.faults.add(Fault("answer", "/v1/users/me", body={"code": 0, "data": {"user_id": 5, "user_name": "\x1b[2Jx"}}))
    assert asked(cloud, "pat_x")[0] == account.Account("[2Jx", "5")


# The commands, in processes of their own.


@pytest.fixture
def env(cloud: Simulator, tmp_path: Path) -> dict[str, str]:
    return environment(
        tmp_path / "home", COZE_API_BASE=cloud.base_url, COZE_TRAY_ALLOW_HOSTS="127.0.0.1",
        **keyring_outside.environment(tmp_path / "keyring.json"),
    )  # fmt: skip


def test_login_takes_a_token_from_a_pipe_and_status_says_whose_it_is_without_the_network(cloud, oauth, env):
    oauth.granted("pat_x", ALL - {"listMessage"})
    done = coze_tray("login", "--days", "30", "--bot", "7", env=env, stdin="pat_x\n")
    assert done.returncode == 0, done.stderr
    assert "小明" in done.stdout and "listMessage" in done.stdout
    asked_until_now = len(cloud.received)
    status = coze_tray("status", "--json", env=env)
    said = last_line(status)
    assert said["signed_in"] and said["bot_id"] == "7"
    assert said["account"] == {"name": "小明", "id": "12345"}
    assert said["scopes_missing"] == ["listMessage"]
    assert said["days_left"] == pytest.approx(30, abs=0.1)
    assert "29 more days" in status.stdout
    assert len(cloud.received) == asked_until_now
    assert coze_tray("logout", env=env).returncode == 0
    gone = last_line(coze_tray("status", "--json", env=env))
    assert [gone[key] for key in ("signed_in", "account", "scopes_missing", "days_left")] == [False, None, None, None]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_on_a_terminal_it_asks_for_the_token_without_echo_and_for_how_long_it_is_valid(cloud, oauth, env):
    import os
    import pty

    oauth.granted("pat_typed")
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "tray", "login"], env)
    shown = b""

    def until(words: bytes) -> None:
        nonlocal shown
        while words not in shown:
            shown += os.read(terminal, 1000)

    until(b"(not shown)")
    os.write(terminal, b"pat_typed\n")
    until(b"how many days")
    os.write(terminal, b"soon\n")
    until(b"not known) soon")
    os.write(terminal, b"7\n")
    until(b"6 more days")
    os.close(terminal)
    os.waitpid(child, 0)
    assert b"pat_typed" not in shown


def test_a_token_that_coze_does_not_take_leaves_the_one_before(oauth, env):
    oauth.granted("pat_x")
    assert coze_tray("login", env=env, stdin="pat_x").returncode == 0
    wrong = coze_tray("login", env=env, stdin="pat_typo")
    assert wrong.returncode == 1 and "does not take this token" in wrong.stderr and "pat_typo" not in wrong.stderr
    assert coze_tray("status", "--check", env=env).returncode == 0


def test_signing_in_while_the_network_is_away_is_stored_and_checked_later(oauth, env, cloud):
    oauth.granted("pat_x")
    cloud.faults.add(Fault("reset_before", "/v1/users/me", times=9))
    done = coze_tray("login", env=env, stdin="pat_x")
    assert done.returncode == 0 and "Not checked" in done.stderr
    assert last_line(coze_tray("status", "--json", env=env))["account"] is None
    cloud.faults.clear()
    assert last_line(coze_tray("status", "--json", "--check", env=env))["account"]["name"] == "小明"


def test_a_device_login_shows_the_page_and_the_code_and_asks_refresh_by_themselves(env, root):
    with demo.simulator(pace_s=0) as cloud:
        oauth = SignIn(cloud, interval_s=1, length=900, polls=["authorization_pending"], access_s=60)
        env = {**env, "COZE_API_BASE": cloud.base_url, "COZE_TRAY_DRAFTS_DIR": str(root)}
        done = coze_tray("login", "--device", "--client-id", oauth.client_id, env=env)
        assert done.returncode == 0, done.stderr
        assert f"{cloud.base_url}/device?user_code=WDJB-MJHT" in done.stdout and "小明" in done.stdout
        assert "cozepy" not in done.stderr
        asked = coze_tray("ask", "x", "--bot", "7", "--json", env=env)
        assert asked.returncode == 0, asked.stderr
        assert last_line(asked)["drafts"]
        assert oauth.refreshed_with
        assert last_line(coze_tray("status", "--json", env=env))["days_left"] == pytest.approx(30, abs=0.1)
    assert oauth.client_id in (Path(env["COZE_TRAY_HOME"]) / "settings.toml").read_text("utf-8"), "it is remembered"


def test_a_token_that_coze_takes_no_more_in_the_middle_of_a_run_is_refreshed_and_the_run_goes_on(env, root):
    with demo.simulator(pace_s=0) as cloud:
        oauth = SignIn(cloud, interval_s=1)
        create = cloud.routes["/v3/chat"]

        def revoked_afterwards(exchange: Exchange) -> None:
            create(exchange)
            oauth.expires_at.clear()

        cloud.routes["/v3/chat"] = revoked_afterwards
        env = {**env, "COZE_API_BASE": cloud.base_url, "COZE_TRAY_DRAFTS_DIR": str(root)}
        coze_tray("login", "--device", "--client-id", oauth.client_id, env=env)
        asked = coze_tray("ask", "x", "--bot", "7", "--json", env=env)
    assert asked.returncode == 0, asked.stderr
    assert len(last_line(asked)["drafts"]) == len(list(root.iterdir())) == 1
    assert len(oauth.refreshed_with) == len(cloud.chats) == 1


@pytest.mark.parametrize("how", ["--device", "--browser"])
def test_without_a_client_id_it_says_how_to_make_one(env, how):
    done = coze_tray("login", how, env=env)
    assert done.returncode == 1
    assert "OAuth" in done.stderr and "--client-id" in done.stderr


def test_an_unknown_client_id_is_said(oauth, env):
    done = coze_tray("login", "--device", "--client-id", "9", env=env)
    assert done.returncode == 1 and "invalid_client" in done.stderr and "Traceback" not in done.stderr
    assert "Check its client id" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_the_waiting_for_a_device_code(oauth, env, cloud):
    oauth.polls = ["authorization_pending"] * 99
    waiting = start("login", "--device", "--client-id", oauth.client_id, env=env)
    wait_until(lambda: "/api/permission/oauth2/device/code" in [r.path for r in cloud.received], "it asks for a code")
    waiting.stdout.readline()
    waiting.send_signal(signal.SIGINT)
    _out, errors = waiting.communicate(timeout=DEADLINE_S)
    assert waiting.returncode == 130 and "Traceback" not in errors
    assert not last_line(coze_tray("status", "--json", env=env))["signed_in"]


# Signing in by browser, in this process: its port is fixed, and a test's must be free.


@pytest.fixture
def memory(monkeypatch) -> Memory:
    made = Memory()
    monkeypatch.setattr(keyring_package, "get_keyring", lambda: made)
    return made


@pytest.fixture
def browser(cloud, memory, monkeypatch) -> Iterator[list[httpx.Response]]:
    """A person who agrees at once; what their browser shows."""
    monkeypatch.setenv("COZE_API_BASE", cloud.base_url)
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setattr(callback, "PORT", free.getsockname()[1])
    monkeypatch.setenv("BROWSER", "one")
    pages: list[httpx.Response] = []
    opened: list[threading.Thread] = []

    def visit(url: str) -> bool:
        opened.append(threading.Thread(target=lambda: pages.append(httpx.get(url, follow_redirects=True))))
        opened[-1].start()
        return True

    monkeypatch.setattr(webbrowser, "open", visit)
    yield pages
    for thread in opened:
        thread.join()


def test_a_login_by_browser_ends_on_a_page_in_both_languages(oauth, browser, monkeypatch, capsys):
    signing_in.login(signing_in.Login("browser", client_id=oauth.client_id))
    stored = secrets.read(urlsplit(oauth.cloud.base_url).netloc)
    assert isinstance(stored, OAuth) and (stored.flow, stored.access_token) == ("pkce", oauth.issued[0]["access_token"])
    assert "已登录" in browser[0].text and "You are signed in" in browser[0].text
    assert "小明" in capsys.readouterr().out
    with pytest.raises(httpx.ConnectError):
        httpx.get(callback.redirect())


def test_a_redirect_with_another_state_is_refused_and_the_right_one_still_counts(browser):
    with callback.Callback("right") as page:
        for query in ("code=evil&state=wrong", "code=evil", ""):
            assert httpx.get(f"{callback.redirect()}?{query}").status_code == 400
        assert httpx.get(callback.redirect().replace("/callback", "/x")).status_code == 404
        assert httpx.get(f"{callback.redirect()}?code=good&state=right").status_code == 200
        assert page.code(10) == "good"


def test_a_refusal_in_the_browser_and_nobody_who_agrees_are_said(browser):
    with callback.Callback("s") as page:
        assert httpx.get(f"{callback.redirect()}?error=access_denied&state=s").status_code == 400
        with pytest.raises(TrayError, match="refused"):
            page.code(10)
        with pytest.raises(TrayError, match="in time"):
            page.code(0.05)


def test_a_port_that_is_taken_is_said_with_another_way(browser):
    with callback.Callback("s"), pytest.raises(TrayError, match="in use") as caught:
        callback.Callback("t")
    assert "--device" in caught.value.advice


def test_the_page_to_agree_on_has_an_s256_challenge_and_no_secret(cloud, oauth):
    begun = auth.consent(cloud.base_url, oauth.client_id, "http://127.0.0.1:1/callback")
    query = parse_qs(urlsplit(begun.url).query)
    assert query["code_challenge_method"] == ["S256"] and query["state"] == [begun.state]
    assert query["redirect_uri"] == ["http://127.0.0.1:1/callback"]
    assert begun.verifier not in begun.url and begun.verifier not in repr(begun)
    assert urlsplit(auth.consent("https://api.coze.cn", "1", "http://127.0.0.1:1/callback").url).netloc == "www.coze.cn"


# What the rest of the program asks.


HERE = Settings(api_base="https://here.example")


@pytest.mark.parametrize(
    ("days", "words"),
    [(3.5, None), (2.9, "in 2 days"), (1.5, "in 1 day."), (0.5, "within a day"), (-1, "has expired"), (None, None)],
)
@pytest.mark.parametrize("kind", ["token", "oauth"])
def test_the_end_of_a_sign_in_is_said_three_days_before(memory, kind, days, words):
    ends = None if days is None else time.time() + days * 86_400
    if kind == "oauth" and ends is not None:
        secrets.write("here.example", OAuth("1", "a", "r", time.time() + 900, ends, "device"))
    else:
        secrets.write("here.example", Token("pat", ends))
    warning = known_account.expiry_warning(HERE)
    if words is None:
        assert warning is None
    else:
        assert words in warning and "coze-tray login" in warning
        assert warning in known_account.lines(known_account.about(HERE))
    assert known_account.remembered_warning(HERE) is None, "it was never used here"
    token(signing_in.credential_for("https://here.example", HERE))
    memory._before = lambda: pytest.fail("the keyring was asked")
    assert known_account.remembered_warning(HERE) == warning


def test_a_token_of_the_environment_is_for_the_host_of_the_settings_only(memory, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", "pat_env")
    assert token(signing_in.credential_for("https://here.example", HERE)) == "pat_env"
    with pytest.raises(SecretsError, match="Not signed in to elsewhere"):
        token(signing_in.credential_for("https://elsewhere.example", HERE))
    assert known_account.expiry_warning(HERE) is None
    assert known_account.about(HERE)["signed_in"]


def test_each_request_sees_who_is_signed_in_now(memory):
    secrets.write("here.example", Token("pat_1"))
    assert token(signing_in.credential_for("https://here.example", HERE)) == "pat_1"
    secrets.write("here.example", Token("pat_2"))
    assert token(signing_in.credential_for("https://here.example", HERE)) == "pat_2"
    secrets.delete("here.example")
    with pytest.raises(SecretsError, match="Not signed in"):
        token(signing_in.credential_for("https://here.example", HERE))


def test_a_keyring_that_does_not_answer_is_said_by_status_and_no_expiry_is(memory):
    memory._before = lambda: (_ for _ in ()).throw(OSError("silent"))
    found = known_account.about(HERE)
    assert not found["signed_in"] and "silent" in found["keyring"]
    assert known_account.lines(found) == [found["keyring"]]
    assert known_account.expiry_warning(HERE) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"here.example": 5}'])
def test_a_broken_memory_of_the_account_is_as_none(memory, text):
    secrets.write("here.example", Token("pat"))
    home().mkdir()
    (home() / "account.json").write_text(text)
    assert known_account.about(HERE)["account"] is None


def test_after_a_login_the_program_that_runs_is_told(oauth, browser):
    heard: list[object] = []
    held = instance.acquire(home())

    def answer(message: instance.Message) -> Iterator[instance.Message]:
        heard.append(message)
        yield from ()

    held.serve(answer)
    try:
        signing_in.login(signing_in.Login("browser", client_id=oauth.client_id))
        signing_in.logout()
    finally:
        held.release()
    assert heard == [{"op": "signed_in"}] * 2
    signing_in.login(signing_in.Login("browser", client_id=oauth.client_id))  # and nobody to tell is no error
