"""What the program keeps is for its user alone, whatever the umask and whichever command comes first."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tray import app, events, instance, known_account, settings
from tray.asked import Asked
from tray.home import write_private
from tray.settings import Settings

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no modes; a user's folder is private there"
)


@pytest.fixture(autouse=True)
def _open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    found = [folder, *folder.rglob("*")]
    return [str(path) for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077 and not path.is_socket()]


def test_nobody_else_can_read_what_a_running_program_keeps(tmp_path: Path):
    home = tmp_path / "new" / "home"
    held = instance.acquire(home)
    assert held is not None
    opened = app.open_app(Settings(drafts_dir=tmp_path), home, held, events.Bus(), resume=False, token="t")
    try:
        opened.journal.add_request("r", Asked("https://a", "bot", "1", "问"))
        kept = {path.name for path in home.iterdir()}
        assert {"journal.db", "journal.db-wal", "coze-tray.log", "running.json"} <= kept
        others = [path for path in open_to_others(home) if not path.endswith(".lock")]
    finally:
        opened.close()
    assert not others


def test_a_command_that_comes_first_makes_the_folder_private(tmp_path: Path):
    settings.save(bot_id="7")
    known_account.remember("api.coze.cn", {"how": "keyring"})
    assert {path.name for path in (tmp_path / "home").iterdir()} == {"settings.toml", "settings.lock", "account.json"}
    assert not open_to_others(tmp_path / "home")


def test_a_private_file_is_replaced_whole_and_follows_no_link(tmp_path: Path):
    other = tmp_path / "other"
    other.write_text("not to be touched")
    fresh = tmp_path / f"x.json.{os.getpid()}.{threading.get_ident()}.new"
    fresh.symlink_to(other)
    write_private(tmp_path / "x.json", "海")
    assert (tmp_path / "x.json").read_text("utf-8") == "海"
    assert other.read_text() == "not to be touched" and not fresh.is_symlink()
