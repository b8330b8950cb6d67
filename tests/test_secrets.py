"""What signs in, in the keyring, over keyrings of our own."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import keyring
import pytest
from keyring import errors
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null

from tray import secrets
from tray.errors import SecretsError
from tray.secrets import OAuth, Token


class Memory(KeyringBackend):
    """Keeps passwords in memory; `before` runs before each call."""

    priority = 1  # type: ignore[assignment]

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self.stored: dict[tuple[str, str], str] = {}
        self._before = before

    def get_password(self, service: str, username: str) -> str | None:
        self._before()
        return self.stored.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._before()
        self.stored[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._before()
        del self.stored[service, username]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[KeyringBackend], KeyringBackend]:
    """Make the backend the one that keyring finds."""

    def use_it(backend: KeyringBackend) -> KeyringBackend:
        monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
        return backend

    return use_it


Use = Callable[[Any], Any]


def raising(error: Exception) -> Callable[[], None]:
    def fails() -> None:
        raise error

    return fails


def test_each_host_has_a_token_of_its_own(use: Use) -> None:
    memory = use(Memory())
    secrets.write("api.coze.cn", Token("pat_cn"))
    secrets.write("api.coze.com", Token("pat_com"))
    assert secrets.read("api.coze.cn") == Token("pat_cn")
    assert memory.stored == {("coze-tray", "api.coze.cn"): "pat_cn", ("coze-tray", "api.coze.com"): "pat_com"}
    assert secrets.delete("api.coze.cn")
    assert secrets.read("api.coze.cn") is None
    assert not secrets.delete("api.coze.cn")
    assert secrets.read("api.coze.com") == Token("pat_com")


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring])
def test_where_there_is_no_keyring_the_advice_names_one(use: Use, backend: Callable[[], KeyringBackend]) -> None:
    use(backend())
    for call in (lambda: secrets.read("h"), lambda: secrets.write("h", Token("t"))):
        with pytest.raises(SecretsError, match="has no keyring") as caught:
            call()
        assert "gnome-keyring" in caught.value.advice
        assert "COZE_API_TOKEN" in caught.value.advice


def test_a_keyring_that_does_not_answer_counts_as_locked(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    unlocked, told = threading.Event(), threading.Event()
    use(Memory(before=unlocked.wait))
    end = secrets.when_unlocked(told.set)
    monkeypatch.setattr(secrets, "_READ_S", 0.2)
    monkeypatch.setattr(secrets, "_WRITE_S", 0.2)
    began = time.monotonic()
    for call in (
        lambda: secrets.read("h"),
        lambda: secrets.write("h", Token("t")),
        lambda: secrets.delete("h"),
    ):
        with pytest.raises(SecretsError, match="locked") as caught:
            call()
        assert "Unlock" in caught.value.advice
        assert "COZE_API_TOKEN" in caught.value.advice
    assert time.monotonic() - began < 2
    unlocked.set()
    assert told.wait(10)
    end()


def test_a_keyring_that_answers_late_is_told_of_once_and_nobody_else_is_asked_meanwhile(
    use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked, told = threading.Event(), threading.Event()
    times: list[None] = []
    use(Memory(before=unlocked.wait))
    monkeypatch.setattr(secrets, "_READ_S", 0.1)
    end = secrets.when_unlocked(lambda: (times.append(None), told.set()))
    try:
        with pytest.raises(SecretsError, match="locked"):
            secrets.read("h")
        assert not told.is_set()
        unlocked.set()
        assert told.wait(10)
        assert secrets.read("h") is None
        assert len(times) == 1
    finally:
        end()


def test_a_prompt_that_was_dismissed_counts_as_locked(use: Use) -> None:
    use(Memory(before=raising(errors.KeyringLocked("Failed to unlock the collection!"))))
    with pytest.raises(SecretsError, match="The keyring is locked"):
        secrets.read("h")


@pytest.mark.parametrize(
    "error", [errors.PasswordSetError("Can't store password on keychain: -25293"), OSError(1783, "CredWrite")]
)
def test_a_keyring_that_refuses_says_what_it_said(use: Use, error: Exception) -> None:
    use(Memory(before=raising(error)))
    with pytest.raises(SecretsError, match=r"The keyring refused: .*(25293|CredWrite)") as caught:
        secrets.write("h", Token("t"))
    assert "COZE_API_TOKEN" in caught.value.advice


def test_the_token_is_never_part_of_an_error(use: Use) -> None:
    use(Memory(before=raising(errors.PasswordSetError("no"))))
    with pytest.raises(SecretsError) as caught:
        secrets.write("h", Token("pat_secret"))
    assert "pat_secret" not in str(caught.value)


def test_a_keyring_in_a_plain_file_is_refused(use: Use) -> None:
    plain = use(_in_a_file()())
    for call in (lambda: secrets.read("h"), lambda: secrets.write("h", Token("t"))):
        with pytest.raises(SecretsError, match="in a file") as caught:
            call()
        assert "COZE_API_TOKEN" in caught.value.advice
    assert plain.stored == {}


def test_among_several_keyrings_the_first_that_is_no_plain_file_is_used(
    use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, memory = _in_a_file()(), Memory()
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [plain, memory])
    use(chainer.ChainerBackend())
    secrets.write("h", Token("t"))
    assert memory.stored
    assert not plain.stored


def oauth(n: int, length: int = 1500) -> OAuth:
    """A record that is told from others by `n` in every part of it."""
    return OAuth("1.app.coze", f"czu_{n}" * (length // 5), f"ref_{n}" * (length // 5), 1.5, 2.5, "device")


def test_an_entry_of_an_older_version_is_read_and_a_plain_token_is_written_as_it_was(use: Use) -> None:
    memory = use(Memory())
    memory.stored["coze-tray", "h"] = "pat_old"
    assert secrets.read("h") == Token("pat_old")
    secrets.write("h", Token("pat_new"))
    assert memory.stored == {("coze-tray", "h"): "pat_new"}


@pytest.mark.parametrize(
    "stored", [Token("t" * 999), Token("t" * 1001), Token("t" * 9000, 5.0), Token("{odd"), oauth(1), oauth(1, 20)]
)
def test_a_long_record_is_split_so_that_each_entry_fits_into_windows(use: Use, stored: secrets.Stored) -> None:
    memory = use(Memory())
    assert secrets.write("h", stored) is None
    assert all(len(entry.encode("utf-16-le")) <= 2560 for entry in memory.stored.values())
    assert secrets.read("h") == stored
    assert secrets.delete("h")
    assert memory.stored == {}


def test_writing_returns_what_it_replaced_and_leaves_nothing_of_it(use: Use) -> None:
    memory = use(Memory())
    secrets.write("h", oauth(1, 9000))
    assert secrets.write("h", oauth(2)) == oauth(1, 9000)
    assert secrets.write("h", Token("pat")) == oauth(2)
    assert list(memory.stored.values()) == ["pat"]


def dying_after(calls: int) -> Callable[[], None]:
    left = itertools.count(calls, -1)

    def dies() -> None:
        if next(left) <= 0:
            raise OSError("the machine went off")

    return dies


@pytest.mark.parametrize("before", [None, Token("pat"), oauth(1), oauth(1, 3000)])
@pytest.mark.parametrize("after", [Token("new"), oauth(2), oauth(2, 6000)])
def test_a_write_cut_short_anywhere_leaves_the_old_record_or_the_new_one(
    use: Use, before: secrets.Stored | None, after: secrets.Stored
) -> None:
    for calls in range(1, 100):
        memory = use(Memory())
        if before is not None:
            secrets.write("h", before)
        memory._before = dying_after(calls)
        done = True
        try:
            secrets.write("h", after)
        except SecretsError:
            done = False
        memory._before = lambda: None
        assert secrets.read("h") in ((after,) if done else (before, after))
        secrets.write("h", oauth(3))
        assert secrets.read("h") == oauth(3)
        secrets.delete("h")
        assert memory.stored == {}, "nothing that was cut short stays for ever"
        if done:
            return
    raise AssertionError("it never ended")


def test_a_record_with_a_part_of_another_is_not_read(use: Use) -> None:
    memory = use(Memory())
    secrets.write("h", oauth(1))
    memory.stored["coze-tray", "h a1"] = "00000000" + memory.stored["coze-tray", "h a1"][8:]
    with pytest.raises(SecretsError, match="damaged") as caught:
        secrets.read("h")
    assert "coze-tray login" in caught.value.advice
    assert "czu_" not in str(caught.value)
    secrets.write("h", Token("pat"))
    assert secrets.read("h") == Token("pat")


@pytest.mark.parametrize("head", ['{"kind": "oauth", "access_token": "czu_secret"}', '{"place": "a", "parts": 2', "{}"])
def test_a_record_that_makes_no_sense_is_said_without_quoting_it(use: Use, head: str) -> None:
    use(Memory()).stored["coze-tray", "h"] = head
    with pytest.raises(SecretsError, match="damaged") as caught:
        secrets.read("h")
    assert "czu_secret" not in str(caught.value)


def test_no_secret_is_in_a_record_s_repr() -> None:
    said = repr(oauth(1)) + repr(Token("pat_secret"))
    assert not [word for word in ("czu_", "ref_", "pat_") if word in said]


def test_the_token_of_the_environment_is_kept_from_children_and_known_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(secrets, "_from_environment", [])
    monkeypatch.setenv("COZE_API_TOKEN", "pat_secret")
    secrets.keep_from_children()
    assert "COZE_API_TOKEN" not in os.environ
    assert secrets.environment_token() == "pat_secret"


def _in_a_file() -> type[Memory]:
    """A backend as those of keyrings.alt, by its module's name."""
    return type("PlaintextKeyring", (Memory,), {"__module__": "keyrings.alt.file", "priority": 0.5})


def test_what_was_given_up_changes_nothing_when_the_keyring_opens_late(
    use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two refreshed sign-ins that time out one after the other; mixed, their parts would be no record at all."""
    opened = threading.Event()
    memory = use(Memory(opened.wait))
    opened.set()
    before = OAuth("id", "a" * 1500, "r" * 1500, 1.0, 2.0, "device")
    secrets.write("api.coze.cn", before)
    kept = dict(memory.stored)
    opened.clear()
    monkeypatch.setattr(secrets, "_WRITE_S", 0.05)
    for letter in "xy":
        with pytest.raises(SecretsError):
            secrets.write("api.coze.cn", OAuth("id", letter * 1500, letter * 1500, 1.0, 2.0, "device"))
    opened.set()
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join(10)
    assert memory.stored == kept
    assert secrets.read("api.coze.cn") == before
