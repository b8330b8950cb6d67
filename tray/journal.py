"""The program's memory: requests, what was said, tool calls and drafts in SQLite; what survives a crash."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tray import journal_file
from tray.asked import Asked
from tray.errors import JournalError
from tray.events import Failure, Receipt
from tray.items import LET_GO as ITEMS_LET_GO
from tray.items import SCHEMA as ITEMS_SCHEMA
from tray.items import Items
from tray.locale import _

log = logging.getLogger(__name__)

RequestState = Literal["queued", "running", "waiting", "done", "failed"]
"""waiting: for the user's answer."""

KEPT_DAYS = 30
"""What requests carried that ended so long ago is let go: their tools' arguments and what was said in full, drafts
within. What was asked, the beginning of the answer and what their tools answered stays."""

_DAY_US = 24 * 3600 * 1_000_000
_VERSION = 2
_SCHEMA = """
CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    created_us INTEGER NOT NULL,
    asked TEXT NOT NULL,                -- JSON of asked.Asked
    state TEXT NOT NULL,
    posted INTEGER NOT NULL DEFAULT 0,  -- its creation was sent; without a run nobody knows if it arrived
    run TEXT,                           -- JSON: what names the cloud's side of it (coze.run.Started)
    question TEXT,                      -- the id of the open question
    reply TEXT,                         -- the user's answer to it
    text TEXT NOT NULL DEFAULT '',
    failure TEXT                        -- JSON of events.Failure
);
CREATE TABLE outputs (
    request_id TEXT NOT NULL REFERENCES requests (id),
    output_id TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (request_id, output_id)
);
CREATE TABLE tool_calls (
    scope TEXT NOT NULL,                -- what call ids are unique in: the chat's id, or the request's
    call_id TEXT NOT NULL,
    request_id TEXT NOT NULL REFERENCES requests (id),
    name TEXT NOT NULL,
    arguments TEXT NOT NULL,
    output TEXT,                        -- NULL until the tool has run
    created_us INTEGER NOT NULL,
    PRIMARY KEY (scope, call_id)
);
CREATE TABLE drafts (
    request_id TEXT NOT NULL REFERENCES requests (id),
    key TEXT NOT NULL,                  -- hash of what was said; the same draft said twice has the same
    receipt TEXT NOT NULL,              -- JSON of events.Receipt
    written INTEGER NOT NULL,           -- 0: finished, about to be moved in
    created_us INTEGER NOT NULL,
    PRIMARY KEY (request_id, key)
);
"""


class UnreadableError(JournalError):
    """One request can't be read; the others can."""


@dataclass(frozen=True)
class Request:
    """One thing asked of a target, as stored."""

    id: str
    created_us: int
    asked: Asked
    state: RequestState
    posted: bool
    run: dict[str, Any] | None
    question: str | None
    reply: str | None
    text: str
    failure: Failure | None


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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not journal_file.is_whole(path, _VERSION):
                self.set_aside = journal_file.move_aside(path)
            self._db = _connected(sqlite3.connect(path, check_same_thread=False, isolation_level=None))
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            if not self._db.execute("PRAGMA user_version").fetchone()[0]:
                self._db.executescript(f"BEGIN; {_SCHEMA} {ITEMS_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
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
            self._run(f"PRAGMA user_version = {_VERSION}")  # a write that changes nothing
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
            _json(asked.to_json()),
            _json(run) if run else None,
        )

    def adopt(self, request_id: str, asked: Asked, run: dict[str, Any]) -> str:
        """Queue a request that goes on with a chat that is there already. Returns its id: where another request has
        that chat and has not failed, that one's, so that a chat is never held twice."""
        with self._transaction() as db:
            row = db.execute(_OF_CHAT, (request_id, asked.base_url, run["chat_id"], run["conversation_id"])).fetchone()
            if row is not None:
                return str(row["id"])
            db.execute(
                "INSERT INTO requests (id, created_us, asked, state, run) VALUES (?, ?, ?, 'queued', ?)",
                (request_id, _now_us(), _json(asked.to_json()), _json(run)),
            )
        return request_id

    def request(self, request_id: str) -> Request:
        """The request. Raises KeyError for an unknown id, UnreadableError."""
        rows = self._run("SELECT * FROM requests WHERE id = ?", request_id)
        if not rows:
            raise KeyError(request_id)
        return _request(rows[0])

    def unfinished(self) -> list[str]:
        """The ids of requests that are neither done nor failed, oldest first."""
        # By row: a clock that was set back must not turn the queue around.
        rows = self._run("SELECT id FROM requests WHERE state IN ('queued', 'running', 'waiting') ORDER BY rowid")
        return [str(row["id"]) for row in rows]

    def running(self, request_id: str) -> None:
        self._run("UPDATE requests SET state = 'running' WHERE id = ?", request_id)

    def posting(self, request_id: str, posted: bool) -> None:
        """Before the run's creation is sent (True); again (False) when it is sure that it did not arrive."""
        tell = self._run if posted else self._happened
        tell("UPDATE requests SET posted = ? WHERE id = ?", int(posted), request_id)

    def run_is(self, request_id: str, run: dict[str, Any]) -> None:
        """What names the cloud's side of the request from now on."""
        self._happened("UPDATE requests SET run = ? WHERE id = ?", _json(run), request_id)

    def asking(self, request_id: str, question_id: str) -> str | None:
        """The run waits for the user's answer. Returns the answer if it was given before."""
        with self._transaction() as db:
            row = db.execute("SELECT question, reply FROM requests WHERE id = ?", (request_id,)).fetchone()
            if row["question"] == question_id and row["reply"] is not None:
                return str(row["reply"])
            db.execute(
                "UPDATE requests SET state = 'waiting', question = ?, reply = NULL WHERE id = ?",
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
        self._happened("UPDATE requests SET state = 'done', text = ? WHERE id = ?", text, request_id)

    def failed(self, request_id: str, failure: Failure, text: str = "") -> None:
        """The request is over; `text` is what was said until then."""
        sql = "UPDATE requests SET state = 'failed', failure = ?, text = ? WHERE id = ?"
        self._happened(sql, _json(asdict(failure)), text, request_id)

    def tool_output(self, scope: str, call_id: str) -> str | None:
        """The stored output of a call that was run before."""
        rows = self._run("SELECT output FROM tool_calls WHERE scope = ? AND call_id = ?", scope, call_id)
        return rows[0]["output"] if rows else None

    def tool_started(self, request_id: str, scope: str, call_id: str, name: str, arguments: str) -> None:
        self._run(
            "INSERT OR IGNORE INTO tool_calls (scope, call_id, request_id, name, arguments, created_us)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            scope,
            call_id,
            request_id,
            name,
            arguments,
            _now_us(),
        )

    def tool_finished(self, scope: str, call_id: str, output: str) -> None:
        self._happened("UPDATE tool_calls SET output = ? WHERE scope = ? AND call_id = ?", output, scope, call_id)

    def draft(self, request_id: str, key: str) -> tuple[Receipt, bool] | None:
        """The draft with this key that the request wrote: its receipt, and whether it is known to be in place."""
        rows = self._run("SELECT receipt, written FROM drafts WHERE request_id = ? AND key = ?", request_id, key)
        for receipt in _receipts(rows):
            return receipt, bool(rows[0]["written"])
        return None

    def put_draft(self, request_id: str, key: str, receipt: Receipt, written: bool) -> None:
        tell = self._happened if written else self._run
        tell(
            "INSERT OR REPLACE INTO drafts (request_id, key, receipt, written, created_us) VALUES (?, ?, ?, ?, ?)",
            request_id,
            key,
            _json(asdict(receipt)),
            int(written),
            _now_us(),
        )

    def drafts_of(self, request_id: str) -> list[Receipt]:
        """The drafts that the request has written, oldest first."""
        rows = self._run("SELECT receipt FROM drafts WHERE request_id = ? AND written ORDER BY rowid", request_id)
        return list(_receipts(rows))

    def recent_drafts(self, limit: int = 10) -> list[Receipt]:
        """The drafts last written, newest first."""
        rows = self._run("SELECT receipt FROM drafts WHERE written ORDER BY rowid DESC LIMIT ?", limit)
        return list(_receipts(rows))

    def recent_requests(self, limit: int = 10) -> list[Request]:
        """The requests last made, newest first."""
        return list(_requests(self._run(_RECENT, limit)))

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

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing. Raises JournalError."""
        with self._lock:
            if self._closed:
                raise JournalError(_("The journal is closed."))
            try:
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
    " (SELECT id FROM requests WHERE state IN ('done', 'failed') AND created_us < ?)",
    "DELETE FROM outputs WHERE request_id IN"
    " (SELECT id FROM requests WHERE state IN ('done', 'failed') AND created_us < ?)",
    "UPDATE requests SET text = substr(text, 1, 2000)"
    " WHERE state IN ('done', 'failed') AND created_us < ? AND length(text) > 2000",
    ITEMS_LET_GO,
)
_RECENT = "SELECT * FROM requests ORDER BY rowid DESC LIMIT ?"
_TO_SHOW = """
SELECT * FROM requests WHERE rowid IN (SELECT rowid FROM requests ORDER BY rowid DESC LIMIT ?1)
OR rowid IN (SELECT rowid FROM requests WHERE state = 'waiting' ORDER BY rowid DESC LIMIT ?1) ORDER BY rowid DESC
"""
_OF_CHAT = """
SELECT id FROM requests WHERE id = ?1
OR (state <> 'failed' AND json_extract(asked, '$.base_url') = ?2
    AND json_extract(run, '$.chat_id') = ?3 AND json_extract(run, '$.conversation_id') = ?4)
ORDER BY id <> ?1, rowid DESC LIMIT 1
"""
_OF_TARGET = """
SELECT * FROM requests WHERE json_extract(run, '$.conversation_id') IS NOT NULL
AND json_extract(asked, '$.base_url') = ? AND json_extract(asked, '$.kind') = ?
AND json_extract(asked, '$.target_id') = ? ORDER BY rowid DESC LIMIT 1
"""


# For who does not own the journal. Each raises JournalError.


def recent_requests(path: Path, limit: int = 10) -> list[Request]:
    """The requests last made, and as many that wait for the user's answer, newest first."""
    return _read(path, _TO_SHOW, limit)


def stored_request(path: Path, request_id: str) -> Request | None:
    return next(iter(_read(path, "SELECT * FROM requests WHERE id = ?", request_id)), None)


def last_in_conversation(path: Path, base_url: str, kind: str, target_id: str) -> Request | None:
    """The request that the target was last asked in a conversation."""
    return next(iter(_read(path, _OF_TARGET, base_url, kind, target_id)), None)


def _read(path: Path, sql: str, *values: Any) -> list[Request]:
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            if _connected(db).execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                return []  # the next start sets it aside
            return list(_requests(db.execute(sql, values)))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise JournalError(_("The journal can't be opened: {path}: {error}").format(path=path, error=error)) from None


def _connected(db: sqlite3.Connection) -> sqlite3.Connection:
    db.row_factory = sqlite3.Row
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")  # a broken byte spoils one text, not the whole list
    return db


def _request(row: sqlite3.Row) -> Request:
    """Raises UnreadableError."""
    fields = dict(row)
    try:
        fields["posted"] = bool(fields["posted"])
        fields["asked"] = Asked.from_json(json.loads(fields["asked"]))
        fields["run"] = json.loads(fields["run"]) if fields["run"] else None
        fields["failure"] = Failure(**json.loads(fields["failure"])) if fields["failure"] else None
        return Request(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableError(
            _("The request {id} can't be read any more: the journal is damaged ({error}).").format(
                id=fields["id"], error=error
            ),
            _("Ask again."),
        ) from None


def _requests(rows: Iterable[sqlite3.Row]) -> Iterator[Request]:
    """Those that can be read."""
    for row in rows:
        with suppress(UnreadableError):
            yield _request(row)


def _receipts(rows: Iterable[sqlite3.Row]) -> Iterator[Receipt]:
    """Those that can be read."""
    for row in rows:
        try:
            yield Receipt(**json.loads(row["receipt"]))
        except (ValueError, TypeError) as error:
            log.warning("a draft's receipt can't be read any more: %s", error)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _now_us() -> int:
    return time.time_ns() // 1000
