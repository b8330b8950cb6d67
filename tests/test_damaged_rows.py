"""One damaged row of the journal keeps nothing else from being found or let go."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tray.app import to_run_again
from tray.asked import Asked, call_of
from tray.events import Failure, Receipt
from tray.journal import Journal
from tray.journal_rows import last_in_conversation
from tray.running import title

ASKED = Asked("https://coze.test", "bot", "7", "问")


def receipt(draft_id: str) -> Receipt:
    return Receipt("/d", "早餐", draft_id, {}, 1, 1, "us", "", [])


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


@pytest.mark.parametrize(("table", "column"), [("requests", "asked"), ("drafts", "receipt")])
def test_a_damaged_row_hides_no_other_draft(table: str, column: str, tmp_path: Path):
    path = tmp_path / "journal.db"
    journal = Journal(path)
    for name in ("good", "damaged"):
        journal.add_request(name, call_of("generate_draft", "{}", "a.json"))
        journal.put_draft(name, "key", receipt(name), written=True)
    journal.close()
    with sqlite3.connect(path) as db:
        where = "id" if table == "requests" else "request_id"
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {where} = 'damaged'", ('{"kind' + "x" * 3000,))
    db.close()
    journal = Journal(path)
    assert [made.request_id for made in journal.made(["good", "damaged"])] == ["good"]
    assert "good" in [request.id for request in journal.recent_requests()]


def test_what_lists_show_of_a_tool_call_holds_no_export(tmp_path: Path):
    journal = Journal(tmp_path / "journal.db")
    workflow = Asked("https://coze.test", "workflow", "7", parameters={"arguments": "short"})
    journal.add_request("asked", workflow)
    for name in ("one", "other"):
        journal.add_request(name, call_of("generate_draft", '{"content": "…"}', "a.json"))
        journal.put_draft(name, "key", receipt(name), written=True)
    (made,) = journal.made(["one", "unknown"])
    assert (made.receipt, title(made.asked)) == (receipt("one"), "Draft from a.json")
    assert "arguments" not in made.asked.parameters
    assert [dict(request.asked.parameters) for request in journal.recent_requests()] == [
        {"tool": "generate_draft"}, {"tool": "generate_draft"}, {"arguments": "short"},
    ]  # fmt: skip


def test_two_texts_that_failed_are_two_to_be_run_again_and_one_that_was_asked_again_is_none(tmp_path: Path):
    journal = Journal(tmp_path / "journal.db")
    failure = Failure("call", "no", again=True)
    for name, text in {"first": "a", "second": "b", "third": "a"}.items():
        journal.add_request(name, call_of("generate_draft", text, "a.json"))
        journal.failed(name, failure)
    assert [request.id for request in to_run_again(journal)] == ["third", "second"]
