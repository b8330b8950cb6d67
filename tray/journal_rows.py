"""What the journal's rows hold, and reading them: for the journal itself, and for who does not own it."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tray.asked import Asked
from tray.errors import JournalError
from tray.events import Failure, Receipt
from tray.items import SCHEMA as ITEMS_SCHEMA
from tray.items import json_field
from tray.locale import _

log = logging.getLogger(__name__)

VERSION = 2
SCHEMA = (
    """
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
    + ITEMS_SCHEMA
)
LATER = f"""
CREATE INDEX IF NOT EXISTS tool_calls_of_request ON tool_calls (request_id);
CREATE TABLE IF NOT EXISTS moments (
    request_id TEXT NOT NULL REFERENCES requests (id),
    what TEXT NOT NULL,                 -- begun, asked, answered, done, failed, cancelled; kept: over for now
    at_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS moments_of_request ON moments (request_id);
CREATE TRIGGER IF NOT EXISTS happened AFTER UPDATE OF state ON requests BEGIN
    INSERT INTO moments VALUES (
        new.id,
        CASE
            WHEN new.state = 'waiting' THEN 'asked'
            WHEN new.state <> 'running' THEN new.state
            WHEN old.state = 'waiting' AND old.reply IS NULL AND new.reply IS NOT NULL THEN 'answered'
            ELSE 'begun'
        END,
        -- SQLite's clock goes by the millisecond: nothing happens before it was queued
        max(new.created_us, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000)
    );
END;
CREATE INDEX IF NOT EXISTS requests_of_target ON requests ({json_field("asked", "target_id")});
"""  # noqa: S608 - of constants
"""What the journals of earlier programs, which are of this version too, lack."""

RequestState = Literal["queued", "running", "waiting", "done", "failed", "cancelled"]
"""waiting: for the user's answer. cancelled: by the user."""
OVER: tuple[RequestState, ...] = ("done", "failed", "cancelled")
UNFINISHED = "('queued', 'running', 'waiting')"
"""Those of a request that is not over, as SQL."""


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


@dataclass(frozen=True)
class Made:
    """A draft that a request wrote. `key`: the same for the same draft said twice. `asked`: without the arguments of a
    tool call."""

    request_id: str
    key: str
    created_us: int
    receipt: Receipt
    asked: Asked


# For who does not own the journal. Each raises JournalError.


def recent_requests(path: Path, limit: int = 10) -> list[Request]:
    """The requests last made, and as many that wait for the user's answer, newest first."""
    return _read(path, _TO_SHOW, limit)


def unfinished_requests(path: Path) -> list[Request]:
    """Those that are not over, oldest first."""
    return _read(path, f"SELECT * FROM requests WHERE state IN {UNFINISHED} ORDER BY rowid")  # noqa: S608 - constant


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
            if connected(db).execute("PRAGMA user_version").fetchone()[0] != VERSION:
                return []  # the next start sets it aside
            return list(requests_of(db.execute(sql, values)))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise JournalError(_("The journal can't be opened: {path}: {error}").format(path=path, error=error)) from None


# For both.


def connected(db: sqlite3.Connection) -> sqlite3.Connection:
    db.row_factory = sqlite3.Row
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")  # a broken byte spoils one text, not the whole list
    return db


def request_of(row: sqlite3.Row) -> Request:
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
                id=fields.get("id"), error=error
            ),
            _("Ask again."),
        ) from None


def requests_of(rows: Iterable[sqlite3.Row]) -> Iterator[Request]:
    """Those that can be read."""
    for row in rows:
        with suppress(UnreadableError):
            yield request_of(row)


def receipts_of(rows: Iterable[sqlite3.Row]) -> Iterator[Receipt]:
    """Those that can be read."""
    for row in rows:
        try:
            yield Receipt(**json.loads(row["receipt"]))
        except (ValueError, TypeError) as error:
            log.warning("a draft's receipt can't be read any more: %s", error)


def made_of(rows: Iterable[sqlite3.Row]) -> Iterator[Made]:
    """Those that can be read."""
    for row in rows:
        with suppress(ValueError, TypeError, KeyError):
            receipt, asked = Receipt(**json.loads(row["receipt"])), Asked.from_json(json.loads(row["asked"]))
            yield Made(row["request_id"], row["key"], row["created_us"], receipt, asked)


_BRIEFLY = f"""
CASE WHEN {json_field("asked", "kind")} IN ('item', 'call') AND json_extract(asked, '$.parameters.arguments') <> ''
THEN json_remove(asked, '$.parameters.arguments') ELSE asked END
"""
"""What was asked without the arguments of a tool call, which hold whole exports, up to 20 MB each; "" for those that
were let go stays."""
MADE = f"""
SELECT request_id, key, drafts.created_us, receipt, {_BRIEFLY} AS asked FROM drafts
JOIN requests ON requests.id = request_id
WHERE written AND {json_field("receipt", "draft_id")} IN (SELECT value FROM json_each(?)) ORDER BY drafts.rowid
"""  # noqa: S608 - of constants
SHOWN = f"""
SELECT id, created_us, coalesce(?1, {_BRIEFLY}) AS asked, state, posted, run, question, reply, text, failure
FROM requests WHERE id = ?2
"""  # noqa: S608 - of constants
"""Without the arguments of a tool call. The first value: what was asked where that is known, as it never changes."""
_TO_SHOW = """
SELECT * FROM requests WHERE rowid IN (SELECT rowid FROM requests ORDER BY rowid DESC LIMIT ?1)
OR rowid IN (SELECT rowid FROM requests WHERE state = 'waiting' ORDER BY rowid DESC LIMIT ?1) ORDER BY rowid DESC
"""
_OF_TARGET = f"""
SELECT * FROM requests WHERE {json_field("run", "conversation_id")} IS NOT NULL
AND {json_field("asked", "base_url")} = ? AND {json_field("asked", "kind")} = ?
AND {json_field("asked", "target_id")} = ? ORDER BY rowid DESC LIMIT 1
"""  # noqa: S608 - of constants
