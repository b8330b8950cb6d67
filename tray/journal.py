"""The program's memory: requests, what was said, tool calls and drafts in SQLite; what survives a crash."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tray import journal_file
from tray.asked import Asked
from tray.errors import JournalError
from tray.events import Failure, Receipt
from tray.items import LET_GO as ITEMS_LET_GO
from tray.items import Items, finish_cancelled, json_field
from tray.journal_rows import (
    LATER,
    MADE,
    SCHEMA,
    UNFINISHED,
    VERSION,
    Made,
    Request,
    connected,
    made_of,
    receipts_of,
    request_of,
)
from tray.journal_search import Search, Wanted
from tray.locale import _
from tray.text import json_text

log = logging.getLogger(__name__)

KEPT_DAYS = 30
"""What requests carried that ended so long ago is let go: their tools' arguments and what was said in full, drafts
within. What was asked, the beginning of the answer and what their tools answered stays."""

_DAY_US = 24 * 3600 * 1_000_000


class Journal:
    """One process owns it (see instance.py). Its methods may be called from any thread; each is one transaction and
    raises JournalError where it can't be done, those aside that tell what has happened in the world (a run was created,
    a tool has run, …): where that can't be written now, it is kept in mind, and written before anything else is read
    or written. `set_aside`: where a journal that could not be read was moved to."""

    def __init__(self, path: Path) -> None:
        """Open the journal at `path`, or make it. One that is broken, or another version's, is moved aside, and a new
        one begun. Raises JournalError."""
        self._lock = threading.RLock()
        self._closed = False
        self._path = path
        self._unwritten: list[tuple[str, tuple[Any, ...]]] = []
        self._let_go_us: int | None = None
        self.trouble = ""
        """Why what has happened can't be written; "" where it is."""
        self.set_aside: Path | None = None
        self.items = Items(self._transaction)
        """What mailboxes delivered."""
        self.search = Search(self._transaction)
        """What there was."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not journal_file.is_whole(path, VERSION, SCHEMA, LATER):
                self.set_aside = journal_file.move_aside(path)
            path.touch(mode=0o600)  # SQLite gives the files beside it the same mode
            self._db = connected(sqlite3.connect(path, check_same_thread=False, isolation_level=None))
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA cache_size = -512")  # KiB: 2 MB would fill with what is never read again
            if not self._db.execute("PRAGMA user_version").fetchone()[0]:
                self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
            self._db.executescript(LATER)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                _("The journal can't be opened: {path}: {error}").format(path=path, error=error),
                _("Is the disk full, or the folder read-only?"),
            ) from None

    def close(self) -> None:
        with self._lock:
            if self._unwritten and not self.catch_up():
                log.error("%d changes could not be written: %s", len(self._unwritten), self.trouble)
            self._closed = True
            self._db.close()

    def catch_up(self) -> bool:
        """Write what could not be written before. Whether the journal can be written again."""
        try:
            self._run(f"PRAGMA user_version = {VERSION}")  # a write that changes nothing
        except JournalError:
            return False
        return True

    def add_request(self, request_id: str, asked: Asked, run: dict[str, Any] | None = None) -> None:
        """Queue a request; nothing if it is there already. `run`: the cloud's side of it, where that has begun."""
        with suppress(JournalError):  # what matters follows
            self.let_go()
        self._run(
            "INSERT OR IGNORE INTO requests (id, created_us, asked, state, run) VALUES (?, ?, ?, 'queued', ?)",
            request_id,
            _now_us(),
            json_text(asked.to_json()),
            json_text(run) if run else None,
        )

    def add_requests(self, asked: Sequence[tuple[str, Asked]]) -> None:
        """Queue these requests, by their ids, all or none; nothing of those that are there already."""
        with suppress(JournalError):
            self.let_go()
        with self._transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO requests (id, created_us, asked, state) VALUES (?, ?, ?, 'queued')",
                [(request_id, _now_us(), json_text(one.to_json())) for request_id, one in asked],
            )

    def requests_of(self, group: str) -> list[str]:
        """The ids of the requests that were queued together, which begin with that and a hyphen, in their order."""
        rows = self._run("SELECT id FROM requests WHERE id > ? AND id < ? ORDER BY rowid", f"{group}-", f"{group}.")
        return [str(row["id"]) for row in rows]

    def adopt(self, request_id: str, asked: Asked, run: dict[str, Any]) -> str:
        """Queue a request that goes on with a chat that is there already. Returns its id: where another request has
        that chat and has neither failed nor been cancelled, that one's, so that a chat is never held twice."""
        with self._transaction() as db:
            row = db.execute(_OF_CHAT, (request_id, asked.base_url, run["chat_id"], run["conversation_id"])).fetchone()
            if row is not None:
                return str(row["id"])
            db.execute(
                "INSERT INTO requests (id, created_us, asked, state, run) VALUES (?, ?, ?, 'queued', ?)",
                (request_id, _now_us(), json_text(asked.to_json()), json_text(run)),
            )
        return request_id

    def request(self, request_id: str) -> Request:
        """The request. Raises KeyError for an unknown id, UnreadableError."""
        rows = self._run("SELECT * FROM requests WHERE id = ?", request_id)
        if not rows:
            raise KeyError(request_id)
        return request_of(rows[0])

    def unfinished(self) -> list[str]:
        """The ids of requests that are not over, oldest first."""
        # By row: a clock that was set back must not turn the queue around.
        rows = self._run(f"SELECT id FROM requests WHERE state IN {UNFINISHED} ORDER BY rowid")  # noqa: S608 - constant
        return [str(row["id"]) for row in rows]

    def running(self, request_id: str) -> None:
        self._run("UPDATE requests SET state = 'running' WHERE id = ? AND state <> 'cancelled'", request_id)

    def cancel(self, request_id: str) -> bool:
        """The user wants the request no more: from now on nothing but a new request changes that. An item that it runs
        is finished with that. False where it is over already, or unknown."""
        with self._transaction() as db:
            sql = f"UPDATE requests SET state = 'cancelled' WHERE id = ? AND state IN {UNFINISHED}"  # noqa: S608
            taken = db.execute(sql, (request_id,)).rowcount > 0
            if taken:
                finish_cancelled(db, request_id)
        return taken

    def start_call(self, request_id: str) -> int:
        """The request starts its tool call. Returns how often it has now, in all its lives."""
        with self._transaction() as db:
            row = db.execute("SELECT run FROM requests WHERE id = ?", (request_id,)).fetchone()
            starts = int(json.loads(row["run"] or "{}").get("starts", 0)) + 1
            db.execute("UPDATE requests SET run = ? WHERE id = ?", (json_text({"starts": starts}), request_id))
        return starts

    def call_not_started(self, request_id: str, starts: int) -> None:
        """The last start, which was that many, does not count."""
        self._run("UPDATE requests SET run = ? WHERE id = ?", json_text({"starts": starts - 1}), request_id)

    def is_background(self, request_id: str) -> bool:
        """Whether it leaves a place free to what the user asks meanwhile."""
        sql = f"SELECT 1 FROM requests WHERE id = ? AND {json_field('asked', 'background')}"  # noqa: S608 - constant
        return self.items.is_run_by(request_id) or bool(self._run(sql, request_id))

    def is_cancelled(self, request_id: str) -> bool:
        return bool(self._run("SELECT 1 FROM requests WHERE id = ? AND state = 'cancelled'", request_id))

    def unsure_drafts(self) -> list[tuple[str, str]]:
        """Request and key of the drafts that requests were about to move in when they were cancelled."""
        rows = self._run(
            "SELECT request_id, key FROM drafts JOIN requests ON requests.id = request_id"
            " WHERE state = 'cancelled' AND NOT written"
        )
        return [(str(row["request_id"]), str(row["key"])) for row in rows]

    def posting(self, request_id: str, posted: bool) -> None:
        """Before the run's creation is sent (True); again (False) when it is sure that it did not arrive."""
        tell = self._run if posted else self._happened
        tell("UPDATE requests SET posted = ? WHERE id = ?", int(posted), request_id)

    def run_is(self, request_id: str, run: dict[str, Any]) -> None:
        """What names the cloud's side of the request from now on."""
        self._happened("UPDATE requests SET run = ? WHERE id = ?", json_text(run), request_id)

    def asking(self, request_id: str, question_id: str) -> str | None:
        """The run waits for the user's answer. Returns the answer if it was given before."""
        with self._transaction() as db:
            row = db.execute("SELECT question, reply FROM requests WHERE id = ?", (request_id,)).fetchone()
            if row["question"] == question_id and row["reply"] is not None:
                return str(row["reply"])
            db.execute(
                "UPDATE requests SET state = 'waiting', question = ?, reply = NULL"
                " WHERE id = ? AND state <> 'cancelled'",
                (question_id, request_id),
            )
        return None

    def reply(self, request_id: str, question_id: str, text: str) -> bool:
        """Store the user's answer. False where that question is not open."""
        with self._transaction() as db:
            done = db.execute(
                "UPDATE requests SET reply = ?, state = 'running' WHERE id = ? AND question = ? AND state = 'waiting'",
                (text, request_id, question_id),
            )
            return done.rowcount > 0

    def said(self, request_id: str, output_id: str, text: str) -> None:
        """What the run said in full."""
        self._happened(
            "INSERT INTO outputs (request_id, output_id, text) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET text = excluded.text",
            request_id,
            output_id,
            text,
        )

    def outputs(self, request_id: str) -> list[str]:
        """Everything that the run said in full, in its order."""
        rows = self._run("SELECT text FROM outputs WHERE request_id = ? ORDER BY rowid", request_id)
        return [str(row["text"]) for row in rows]

    def done(self, request_id: str, text: str) -> None:
        sql = "UPDATE requests SET state = 'done', text = ? WHERE id = ? AND state <> 'cancelled'"
        self._happened(sql, text, request_id)

    def failed(self, request_id: str, failure: Failure, text: str = "") -> None:
        """The request is over; `text` is what was said until then."""
        sql = "UPDATE requests SET state = 'failed', failure = ?, text = ? WHERE id = ? AND state <> 'cancelled'"
        self._happened(sql, json_text(asdict(failure)), text, request_id)

    def tool_output(self, scope: str, call_id: str) -> str | None:
        """The stored output of a call that was run before."""
        rows = self._run("SELECT output FROM tool_calls WHERE scope = ? AND call_id = ?", scope, call_id)
        return rows[0]["output"] if rows else None

    def called(self, scope: str, call_id: str) -> tuple[str, str] | None:
        """The tool and the arguments that a call was begun with."""
        rows = self._run("SELECT name, arguments FROM tool_calls WHERE scope = ? AND call_id = ?", scope, call_id)
        return (rows[0]["name"], rows[0]["arguments"]) if rows else None

    def tool_started(self, request_id: str, scope: str, call_id: str, name: str, arguments: str) -> None:
        """It may be lost with the power, not with the program: without an output, the tool is run again all the same,
        and the answer need not wait for the disk twice."""
        with self._transaction(lasting=False) as db:
            db.execute(
                "INSERT OR IGNORE INTO tool_calls (scope, call_id, request_id, name, arguments, created_us)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (scope, call_id, request_id, name, arguments, _now_us()),
            )

    def tool_finished(self, scope: str, call_id: str, output: str) -> None:
        self._happened("UPDATE tool_calls SET output = ? WHERE scope = ? AND call_id = ?", output, scope, call_id)

    def draft(self, request_id: str, key: str) -> tuple[Receipt, bool] | None:
        """The draft with this key that the request wrote: its receipt, and whether it is known to be in place."""
        rows = self._run("SELECT receipt, written FROM drafts WHERE request_id = ? AND key = ?", request_id, key)
        for receipt in receipts_of(rows):
            return receipt, bool(rows[0]["written"])
        return None

    def put_draft(self, request_id: str, key: str, receipt: Receipt, written: bool) -> None:
        tell = self._happened if written else self._run
        tell(
            "INSERT OR REPLACE INTO drafts (request_id, key, receipt, written, created_us) VALUES (?, ?, ?, ?, ?)",
            request_id,
            key,
            json_text(asdict(receipt)),
            int(written),
            _now_us(),
        )

    def drafts_of(self, request_id: str) -> list[Receipt]:
        """The drafts that the request has written, oldest first."""
        rows = self._run("SELECT receipt FROM drafts WHERE request_id = ? AND written ORDER BY rowid", request_id)
        return list(receipts_of(rows))

    def recent_drafts(self, limit: int = 10) -> list[Receipt]:
        """The drafts last written, newest first."""
        rows = self._run("SELECT receipt FROM drafts WHERE written ORDER BY rowid DESC LIMIT ?", limit)
        return list(receipts_of(rows))

    def made(self, draft_ids: Iterable[str]) -> list[Made]:
        """Those of these drafts that were written and by which request, oldest first."""
        return list(made_of(self._run(MADE, json_text(list(draft_ids)))))

    def calls_of(self, request_id: str) -> list[tuple[str, str, str]]:
        """The request's tool calls, oldest first: tool, arguments ("" where they were let go), output."""
        rows = self._run(
            "SELECT name, arguments, output FROM tool_calls WHERE request_id = ? ORDER BY created_us", request_id
        )
        return [(str(row["name"]), str(row["arguments"]), str(row["output"] or "")) for row in rows]

    def recent_requests(self, limit: int = 10) -> list[Request]:
        """The requests last made, newest first; tool calls without their arguments, which hold whole exports."""
        return self.search.requests(Wanted(), limit)

    def _run(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._transaction() as db:
            return db.execute(sql, values).fetchall()

    def _happened(self, sql: str, *values: Any) -> None:
        """Write what has happened, at the latest when the journal can be written again."""
        with self._lock:
            try:
                self._run(sql, *values)
            except JournalError as error:
                if self._closed:
                    raise
                log.warning("kept in mind: %s", error)
                self.trouble = str(error)
                self._unwritten.append((sql, values))

    def let_go(self) -> None:
        """Once a day, empty what old requests carried; the file uses the room again."""
        now_us = _now_us()
        if self._let_go_us is not None and abs(now_us - self._let_go_us) < _DAY_US:
            return
        self._let_go_us = now_us
        with self._transaction() as db:
            for statement in _LET_GO:
                db.execute(statement, (now_us - KEPT_DAYS * _DAY_US,))
        self.search.forget()

    @contextmanager
    def _transaction(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; `lasting`: on the disk when it returns. Raises JournalError."""
        with self._lock:
            if self._closed:
                raise JournalError(_("The journal is closed."))
            try:
                self._db.execute("PRAGMA synchronous = FULL" if lasting else "PRAGMA synchronous = NORMAL")
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    for sql, values in self._unwritten:
                        self._db.execute(sql, values)
                    yield self._db
                except BaseException:
                    self._db.rollback()
                    raise
                self._db.execute("COMMIT")
                self._unwritten, self.trouble = [], ""
            except (sqlite3.Error, UnicodeDecodeError) as error:  # the second: names of columns that are broken
                if self._db.in_transaction:
                    self._db.rollback()
                raise self._told(error) from None

    def _told(self, error: sqlite3.Error | UnicodeDecodeError) -> JournalError:
        if journal_file.may_pass(error, self._path):
            return JournalError(
                _("The journal can't be written: {error}").format(error=error),
                _("Is the disk full? Then make room."),
            )
        journal_file.mark_damaged(self._path)
        return JournalError(
            _("The journal is broken: {error}").format(error=error),
            _("Start coze-tray again: the journal is set aside then, and a new one begun."),
        )


_LET_GO = (
    "UPDATE tool_calls SET arguments = '' WHERE arguments <> '' AND request_id IN"
    " (SELECT id FROM requests WHERE state IN ('done', 'failed', 'cancelled') AND created_us < ?)",
    "DELETE FROM outputs WHERE request_id IN"
    " (SELECT id FROM requests WHERE state IN ('done', 'failed', 'cancelled') AND created_us < ?)",
    "UPDATE requests SET text = substr(text, 1, 2000)"
    " WHERE state IN ('done', 'failed', 'cancelled') AND created_us < ? AND length(text) > 2000",
    ITEMS_LET_GO,
)
_OF_CHAT = f"""
SELECT id FROM requests WHERE id = ?1
OR (state NOT IN ('failed', 'cancelled') AND {json_field("asked", "base_url")} = ?2
    AND {json_field("run", "chat_id")} = ?3 AND {json_field("run", "conversation_id")} = ?4)
ORDER BY id <> ?1, rowid DESC LIMIT 1
"""  # noqa: S608 - of constants


def _now_us() -> int:
    return time.time_ns() // 1000
