"""One damaged row of the journal keeps nothing else from being found or let go."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tray.asked import Asked
from tray.journal import Journal
from tray.journal_rows import last_in_conversation

ASKED = Asked("https://coze.test", "bot", "7", "问")


@pytest.mark.parametrize("column", ["asked", "run"])
def test_one_damaged_request_condemns_no_journal(column: str, tmp_path: Path):
    path = tmp_path / "journal.db"
    journal = Journal(path)
    run = {"conversation_id": "c", "chat_id": "1"}
    for request_id in ("good", "damaged"):
        journal.add_request(request_id, ASKED, run)
    journal.done("damaged", "好")
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE requests SET {column} = ?, created_us = 1 WHERE id = 'damaged'", ('{"kind' + "x" * 3000,))
    db.close()
    journal = Journal(path)
    journal.let_go()
    assert journal.adopt("new", ASKED, run) == "good"
    assert last_in_conversation(path, "https://coze.test", "bot", "7").id == "good"
    journal.close()
    assert Journal(path).set_aside is None
