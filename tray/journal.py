"""The program's memory: requests, tool calls and drafts in SQLite; what survives a crash, and what `status` lists."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tray.errors import JournalError
from tray.events import Failure, Receipt
from tray.locale import _

RequestState = Literal["queued", "running", "done", "failed"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY,
    created_us INTEGER NOT NULL,
    base_url TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    prompt TEXT NOT NULL,
    state TEXT NOT NULL,
    posted INTEGER NOT NULL DEFAULT 0,  -- the chat's creation was sent; without ids nobody knows if it arrived
    conversation_id TEXT,
    chat_id TEXT,
    text TEXT NOT NULL DEFAULT '',
    failure TEXT                        -- JSON of events.Failure
);
CREATE TABLE IF NOT EXISTS tool_calls (
    run_id TEXT NOT NULL,               -- the chat's id
    call_id TEXT NOT NULL,
    request_id TEXT NOT NULL REFERENCES requests (id),
    name TEXT NOT NULL,
    arguments TEXT NOT NULL,
    output TEXT,                        -- NULL until the tool has run
    created_us INTEGER NOT NULL,
    PRIMARY KEY (run_id, call_id)
);
CREATE TABLE IF NOT EXISTS drafts (
    request_id TEXT NOT NULL REFERENCES requests (id),
    key TEXT NOT NULL,                  -- hash of what was said; the same draft said twice has the same
    receipt TEXT NOT NULL,              -- JSON of events.Receipt
    written INTEGER NOT NULL,           -- 0: finished, about to be moved in
    created_us INTEGER NOT NULL,
    PRIMARY KEY (request_id, key)
);
"""


@dataclass(frozen=True)
class Request:
    """One thing asked of a bot, as stored."""

    id: str
    created_us: int
    base_url: str
    bot_id: str
    prompt: str
    state: RequestState
    posted: bool
    conversation_id: str | None
    chat_id: str | None
    text: str
    failure: Failure | None

    @property
    def ids(self) -> tuple[str, str] | None:
        """Conversation and chat id once the chat was created."""
        return (self.conversation_id, self.chat_id) if self.conversation_id and self.chat_id else None


class Journal:
    """One process owns it (see instance.py). Its methods may be called from any thread; each is one transaction."""

    def __init__(self, path: Path) -> None:
        """Open the journal at `path`, or make it. Raises JournalError."""
        self._lock = threading.Lock()
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                _("The journal can't be opened: {path}: {error}").format(path=path, error=error),
                _("Move that file away; unfinished requests in it are then forgotten."),
            ) from None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._db.close()

    def add_request(self, request_id: str, base_url: str, bot_id: str, prompt: str) -> None:
        """Queue a request; nothing if it is there already."""
        self._run(
            "INSERT OR IGNORE INTO requests (id, created_us, base_url, bot_id, prompt, state)"
            " VALUES (?, ?, ?, ?, ?, 'queued')",
            request_id,
            _now_us(),
            base_url,
            bot_id,
            prompt,
        )

    def request(self, request_id: str) -> Request:
        """The request. Raises KeyError for an unknown id."""
        rows = self._run("SELECT * FROM requests WHERE id = ?", request_id)
        if not rows:
            raise KeyError(request_id)
        return _request(rows[0])

    def unfinished(self) -> list[str]:
        """The ids of requests that are queued or were running, oldest first."""
        rows = self._run("SELECT id FROM requests WHERE state IN ('queued', 'running') ORDER BY created_us")
        return [str(row["id"]) for row in rows]

    def running(self, request_id: str) -> None:
        self._run("UPDATE requests SET state = 'running' WHERE id = ?", request_id)

    def posting(self, request_id: str, posted: bool) -> None:
        """Before the chat's creation is sent (True); again (False) when it is sure that it did not arrive."""
        self._run("UPDATE requests SET posted = ? WHERE id = ?", int(posted), request_id)

    def chat_created(self, request_id: str, conversation_id: str, chat_id: str) -> None:
        self._run(
            "UPDATE requests SET conversation_id = ?, chat_id = ? WHERE id = ?", conversation_id, chat_id, request_id
        )

    def done(self, request_id: str, text: str) -> None:
        self._run("UPDATE requests SET state = 'done', text = ? WHERE id = ?", text, request_id)

    def failed(self, request_id: str, failure: Failure) -> None:
        stored = json.dumps(asdict(failure), ensure_ascii=False)
        self._run("UPDATE requests SET state = 'failed', failure = ? WHERE id = ?", stored, request_id)

    def tool_output(self, run_id: str, call_id: str) -> str | None:
        """The stored output of a call that was run before."""
        rows = self._run("SELECT output FROM tool_calls WHERE run_id = ? AND call_id = ?", run_id, call_id)
        return rows[0]["output"] if rows else None

    def tool_started(self, request_id: str, run_id: str, call_id: str, name: str, arguments: str) -> None:
        self._run(
            "INSERT OR IGNORE INTO tool_calls (run_id, call_id, request_id, name, arguments, created_us)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            run_id,
            call_id,
            request_id,
            name,
            arguments,
            _now_us(),
        )

    def tool_finished(self, run_id: str, call_id: str, output: str) -> None:
        self._run("UPDATE tool_calls SET output = ? WHERE run_id = ? AND call_id = ?", output, run_id, call_id)

    def draft(self, request_id: str, key: str) -> tuple[Receipt, bool] | None:
        """The draft with this key that the request wrote: its receipt, and whether it is known to be in place."""
        rows = self._run("SELECT receipt, written FROM drafts WHERE request_id = ? AND key = ?", request_id, key)
        return (Receipt(**json.loads(rows[0]["receipt"])), bool(rows[0]["written"])) if rows else None

    def put_draft(self, request_id: str, key: str, receipt: Receipt, written: bool) -> None:
        self._run(
            "INSERT OR REPLACE INTO drafts (request_id, key, receipt, written, created_us) VALUES (?, ?, ?, ?, ?)",
            request_id,
            key,
            json.dumps(asdict(receipt), ensure_ascii=False),
            int(written),
            _now_us(),
        )

    def drafts_of(self, request_id: str) -> list[Receipt]:
        """The drafts that the request has written, oldest first."""
        rows = self._run("SELECT receipt FROM drafts WHERE request_id = ? AND written ORDER BY created_us", request_id)
        return [Receipt(**json.loads(row["receipt"])) for row in rows]

    def recent_drafts(self, limit: int = 10) -> list[Receipt]:
        """The drafts last written, newest first."""
        rows = self._run("SELECT receipt FROM drafts WHERE written ORDER BY created_us DESC LIMIT ?", limit)
        return [Receipt(**json.loads(row["receipt"])) for row in rows]

    def _run(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            if self._closed:
                raise JournalError(_("The journal is closed."))
            return self._db.execute(sql, values).fetchall()


def recent_requests(path: Path, limit: int = 10) -> list[Request]:
    """The requests last made, newest first; for who does not own the journal. Raises JournalError."""
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [
                _request(r) for r in db.execute("SELECT * FROM requests ORDER BY created_us DESC LIMIT ?", (limit,))
            ]
    except sqlite3.Error as error:
        raise JournalError(_("The journal can't be opened: {path}: {error}").format(path=path, error=error)) from None


def _request(row: sqlite3.Row) -> Request:
    fields = dict(row)
    fields["posted"] = bool(fields["posted"])
    fields["failure"] = Failure(**json.loads(fields["failure"])) if fields["failure"] else None
    return Request(**fields)


def _now_us() -> int:
    return time.time_ns() // 1000
