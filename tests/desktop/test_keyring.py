"""The token, in a real Secret Service."""

from __future__ import annotations

import time

import pytest

from real_desktop import Desktop, desktop_session

pytestmark = pytest.mark.desktop

TRY = """
from tray import secrets
from tray.secrets import Token
from tray.errors import SecretsError
secrets._WRITE_S = 2.0
try:
    print(secrets.{call})
except SecretsError as error:
    print("SecretsError:", error.message, "/", error.advice)
"""


def test_a_token_survives_the_process_that_wrote_it(bare: Desktop) -> None:
    assert _do(bare, "read('api.coze.cn')") == "None"
    assert _do(bare, "write('api.coze.cn', Token('pat_' + 'x' * 2000))") == "None"
    assert _do(bare, "write('api.coze.com', Token('pat_other'))") == "None"
    assert _do(bare, "read('api.coze.cn') == Token('pat_' + 'x' * 2000)") == "True"
    assert _do(bare, "delete('api.coze.cn')") == "True"
    assert _do(bare, "read('api.coze.cn')") == "None"
    assert _do(bare, "delete('api.coze.cn')") == "False"
    assert _do(bare, "read('api.coze.com').token") == "pat_other"


def test_a_locked_keyring_is_said_in_time() -> None:
    lock = "import secretstorage as s; s.get_default_collection(s.dbus_init()).lock()"
    with desktop_session() as desktop:
        desktop.python("-c", lock)
        began = time.monotonic()
        for call in ("read('api.coze.cn')", "write('api.coze.cn', Token('pat_x'))"):
            said = _do(desktop, call)
            assert said.startswith("SecretsError: The keyring is locked")
            assert "COZE_API_TOKEN" in said
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("keyring", ["locked", "none"])
def test_a_keyring_that_was_never_set_up_is_said_and_reading_does_not_ask_for_a_password(keyring: str) -> None:
    """Both sessions have none: the service is there, or D-Bus starts it."""
    with desktop_session("--keyring", keyring) as desktop:
        began = time.monotonic()
        assert "was never set up" in _do(desktop, "read('api.coze.cn')")
        assert time.monotonic() - began < 4
        said = _do(desktop, "write('api.coze.cn', Token('pat_x'))")
    assert "was never set up" in said
    assert "COZE_API_TOKEN" in said


def test_where_there_is_no_keyring_it_names_what_to_install(bare: Desktop) -> None:
    said = bare.python("-c", TRY.format(call="read('api.coze.cn')"), DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent")
    assert said.startswith("SecretsError: This computer has no keyring.")
    assert "gnome-keyring" in said
    assert "COZE_API_TOKEN" in said


def _do(desktop: Desktop, call: str) -> str:
    return desktop.python("-c", TRY.format(call=call)).strip()
