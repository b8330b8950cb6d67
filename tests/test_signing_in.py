"""Signing in: OAuth's tokens, refreshed by one at a time; the account; the commands."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tray.coze import auth
from tray.coze.credential import Credential
from tray.coze.errors import NetworkAwayError
from tray.coze.stored import StoredCredential
from tray.errors import SecretsError, TrayError
from tray.secrets import OAuth, Stored, Token
from tray.simulator.faults import Fault
from tray.simulator.oauth import SignIn
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
    import json

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
