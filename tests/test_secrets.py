"""The token in the keyring, over keyrings of our own."""

from __future__ import annotations

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
    secrets.write_token("api.coze.cn", "pat_cn")
    secrets.write_token("api.coze.com", "pat_com")
    assert secrets.read_token("api.coze.cn") == "pat_cn"
    assert memory.stored == {("coze-tray", "api.coze.cn"): "pat_cn", ("coze-tray", "api.coze.com"): "pat_com"}
    assert secrets.delete_token("api.coze.cn")
    assert secrets.read_token("api.coze.cn") is None
    assert not secrets.delete_token("api.coze.cn")
    assert secrets.read_token("api.coze.com") == "pat_com"


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring])
def test_where_there_is_no_keyring_the_advice_names_one(use: Use, backend: Callable[[], KeyringBackend]) -> None:
    use(backend())
    for call in (lambda: secrets.read_token("h"), lambda: secrets.write_token("h", "t")):
        with pytest.raises(SecretsError, match="has no keyring") as caught:
            call()
        assert "gnome-keyring" in caught.value.advice
        assert "COZE_API_TOKEN" in caught.value.advice


def test_a_keyring_that_does_not_answer_counts_as_locked(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    unlocked = threading.Event()
    use(Memory(before=unlocked.wait))
    monkeypatch.setattr(secrets, "_READ_S", 0.2)
    monkeypatch.setattr(secrets, "_WRITE_S", 0.2)
    began = time.monotonic()
    for call in (
        lambda: secrets.read_token("h"),
        lambda: secrets.write_token("h", "t"),
        lambda: secrets.delete_token("h"),
    ):
        with pytest.raises(SecretsError, match="locked") as caught:
            call()
        assert "Unlock" in caught.value.advice
        assert "COZE_API_TOKEN" in caught.value.advice
    assert time.monotonic() - began < 2
    unlocked.set()


def test_a_prompt_that_was_dismissed_counts_as_locked(use: Use) -> None:
    use(Memory(before=raising(errors.KeyringLocked("Failed to unlock the collection!"))))
    with pytest.raises(SecretsError, match="The keyring is locked"):
        secrets.read_token("h")


@pytest.mark.parametrize(
    "error", [errors.PasswordSetError("Can't store password on keychain: -25293"), OSError(1783, "CredWrite")]
)
def test_a_keyring_that_refuses_says_what_it_said(use: Use, error: Exception) -> None:
    use(Memory(before=raising(error)))
    with pytest.raises(SecretsError, match=r"The keyring refused: .*(25293|CredWrite)") as caught:
        secrets.write_token("h", "t")
    assert "COZE_API_TOKEN" in caught.value.advice


def test_the_token_is_never_part_of_an_error(use: Use) -> None:
    use(Memory(before=raising(errors.PasswordSetError("no"))))
    with pytest.raises(SecretsError) as caught:
        secrets.write_token("h", "pat_secret")
    assert "pat_secret" not in str(caught.value)


def test_a_keyring_in_a_plain_file_is_refused(use: Use) -> None:
    plain = use(_in_a_file()())
    for call in (lambda: secrets.read_token("h"), lambda: secrets.write_token("h", "t")):
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
    secrets.write_token("h", "t")
    assert memory.stored
    assert not plain.stored


def _in_a_file() -> type[Memory]:
    """A backend as those of keyrings.alt, by its module's name."""
    return type("PlaintextKeyring", (Memory,), {"__module__": "keyrings.alt.file", "priority": 0.5})
