"""The token, in a real Secret Service."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from real_desktop import Desktop, desktop_session, eventually
from real_program import program, start, working_for
from tray.simulator import demo

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


LOCK = "import secretstorage as s; s.get_default_collection(s.dbus_init()).lock()"
PROMPT = ("xdotool", "search", "--onlyvisible", "--class", "gcr-prompter")


def test_a_locked_keyring_is_said_in_time() -> None:
    with desktop_session() as desktop:
        desktop.python("-c", LOCK)
        began = time.monotonic()
        for call in ("read('api.coze.cn')", "write('api.coze.cn', Token('pat_x'))"):
            said = _do(desktop, call)
            assert said.startswith("SecretsError: The keyring is locked")
            assert "COZE_API_TOKEN" in said
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("dismissed_first", [False, True])
def test_the_icon_comes_though_the_keyring_is_locked_and_all_goes_on_when_it_is_unlocked(
    tmp_path: Path, dismissed_first: bool
) -> None:
    with desktop_session("--panel") as desktop, demo.simulator(pace_s=0) as cloud:
        variables = working_for(cloud.base_url, tmp_path, token="")
        host = urlsplit(cloud.base_url).netloc
        _do(desktop, f"write({host!r}, Token('pat_x'))")
        desktop.python("-c", LOCK)
        began = time.monotonic()
        with program(desktop, **variables):
            eventually(desktop.labels_by_now, "the icon")
            assert time.monotonic() - began < 5  # sooner than the keyring gives up
            with start(desktop, "ask", "做一个视频", "--bot", "1", **variables) as asking:
                locked = "Sign in to Coze: The keyring is locked"
                eventually(lambda: any(label.startswith(locked) for label in desktop.labels_by_now()), "the state")
                eventually(lambda: "The keyring is locked" in desktop.notifications(), "the notification")
                assert "Unlock it" in desktop.notifications()
                if dismissed_first:
                    _type_into_the_prompt(desktop, "Escape")
                    eventually(lambda: not _prompts(desktop), "the prompt to go")
                    with subprocess.Popen([sys.executable, "-c", UNLOCK], env=desktop.environment) as other:
                        _type_into_the_prompt(desktop, "test-password")
                        assert other.wait(20) == 0
                else:
                    assert len(_prompts(desktop)) == 1
                    _type_into_the_prompt(desktop, "test-password")
                eventually(lambda: list((tmp_path / "drafts").iterdir()), "the draft")
                assert asking.wait(30) == 1  # it was told to sign in, and that the request is kept
            eventually(lambda: desktop.labels_by_now()[:1] == ["Listening, nothing to do"], "the listener to be idle")


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


UNLOCK = "import secretstorage as s; s.get_default_collection(s.dbus_init()).unlock()"
"""Another program has it unlocked."""


def _prompts(desktop: Desktop) -> list[str]:
    try:
        return desktop.run(*PROMPT).split()
    except AssertionError:
        return []


def _type_into_the_prompt(desktop: Desktop, said: str) -> None:
    window = eventually(lambda: _prompts(desktop), "the keyring's prompt")[-1]
    desktop.run("xdotool", "windowfocus", "--sync", window)
    if said == "Escape":
        desktop.run("xdotool", "key", "Escape")
    else:
        desktop.run("xdotool", "type", "--delay", "20", said)
        desktop.run("xdotool", "key", "Return")
