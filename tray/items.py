"""What mailboxes delivered and what became of it: the journal's part about items, so that each is run once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from tray.asked import Asked
from tray.locale import _
from tray.text import json_text

SCHEMA = """
CREATE TABLE items (
    mailbox TEXT NOT NULL,              -- mailbox_of what was asked
    item_id TEXT NOT NULL,
    request_id TEXT REFERENCES requests (id),  -- that runs it; NULL for what can't be run
    starts INTEGER NOT NULL DEFAULT 0,  -- how often that request has started it
    result TEXT,                        -- JSON of what became of it; NULL until it is finished
    sent INTEGER NOT NULL DEFAULT 0,    -- so many runs carried the result
    taken INTEGER NOT NULL DEFAULT 0,   -- one that carried it has ended well
    PRIMARY KEY (mailbox, item_id)
);
CREATE INDEX items_unfinished ON items (mailbox) WHERE result IS NULL;
CREATE INDEX items_untold ON items (mailbox) WHERE taken = 0;
CREATE TABLE mailbox_runs (
    mailbox TEXT NOT NULL,
    day TEXT NOT NULL,                  -- of this computer's calendar, as 2026-01-31
    runs INTEGER NOT NULL,
    PRIMARY KEY (mailbox, day)
);
"""


def json_field(column: str, key: str) -> str:
    """SQL for one field of a column of JSON, NULL where that is damaged: json_extract alone would fail the whole
    statement for one such row."""
    return f"CASE WHEN json_valid({column}) THEN json_extract({column}, '$.{key}') END"


LET_GO = f"""
UPDATE requests SET asked = json_set(asked, '$.parameters.arguments', '')
WHERE {json_field("asked", "kind")} IN ('item', 'call') AND length(asked) > 2000
AND state IN ('done', 'failed', 'cancelled') AND created_us < ?
"""  # noqa: S608 - of constants
"""A tool call carries a whole draft in what was asked; "" for arguments says that it is let go."""
MESSAGE_CHARS = 500
"""So much of a tool's message goes into a result: a run's inputs are small."""
MOST_DRAFTS = 20
_OVER = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Delivered:
    """An item that was delivered: new, or one that is known. `request_id`: of the request that runs it, "" for none;
    `sent`: so many runs carried its result before."""

    state: Literal["new", "unfinished", "finished"]
    request_id: str
    sent: int = 0


@dataclass(frozen=True)
class Acknowledgement:
    """That an item is finished. `result`: JSON of an object with its id, status and message; `sent`: as above."""

    item_id: str
    result: str
    sent: int


@dataclass(frozen=True)
class Items:
    """`transaction`: the journal's. All methods raise JournalError; `mailbox` is what `mailbox_of` says."""

    transaction: Callable[[], AbstractContextManager[sqlite3.Connection]]

    def add(self, mailbox: str, item_id: str, request_id: str, asked: Asked) -> Delivered:
        """An item was delivered. A new one is queued as the request `request_id`; a finished one is to be acknowledged
        once more."""
        with self.transaction() as db:
            known = _known(db, mailbox, item_id)
            if known is None:
                db.execute(
                    "INSERT INTO requests (id, created_us, asked, state) VALUES (?, ?, ?, 'queued')",
                    (request_id, time.time_ns() // 1000, json_text(asked.to_json())),
                )
                values = mailbox, item_id, request_id
                db.execute("INSERT INTO items (mailbox, item_id, request_id) VALUES (?, ?, ?)", values)
            return known or Delivered("new", request_id)

    def refuse(self, mailbox: str, item_id: str, result: str) -> Delivered:
        """Something with that id was delivered that can't be run; `result` is to be acknowledged."""
        with self.transaction() as db:
            known = _known(db, mailbox, item_id)
            if known is None:
                values = mailbox, item_id, result
                db.execute("INSERT INTO items (mailbox, item_id, result) VALUES (?, ?, ?)", values)
            return known or Delivered("new", "")

    def start(self, mailbox: str, item_id: str, request_id: str) -> int:
        """The request starts the item. Returns how often it has now, in all its lives."""
        with self.transaction() as db:
            db.execute(
                "UPDATE items SET starts = CASE WHEN request_id = ?1 THEN starts + 1 ELSE 1 END, request_id = ?1"
                " WHERE mailbox = ?2 AND item_id = ?3",
                (request_id, mailbox, item_id),
            )
            found = db.execute("SELECT starts FROM items WHERE mailbox = ? AND item_id = ?", (mailbox, item_id))
            row = found.fetchone()
            return int(row["starts"]) if row else 1

    def not_started(self, mailbox: str, item_id: str) -> None:
        """The last start does not count."""
        with self.transaction() as db:
            db.execute(
                "UPDATE items SET starts = starts - 1 WHERE mailbox = ? AND item_id = ? AND starts > 0",
                (mailbox, item_id),
            )

    def finish(self, mailbox: str, item_id: str, result: str) -> None:
        """The item is finished; `result` is to be acknowledged."""
        with self.transaction() as db:
            db.execute(
                "UPDATE items SET result = ?, sent = 0, taken = 0 WHERE mailbox = ? AND item_id = ?",
                (result, mailbox, item_id),
            )

    def is_run_by(self, request_id: str) -> bool:
        """Whether the request runs an item that is not finished."""
        with self.transaction() as db:
            sql = "SELECT 1 FROM items WHERE result IS NULL AND request_id = ?"
            return db.execute(sql, (request_id,)).fetchone() is not None

    def unfinished(self, mailbox: str) -> list[str]:
        """The requests that run items which are not finished, oldest first. An item whose request is over all the same
        (it could not be read any more, say) is finished with that."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT item_id, request_id, state, failure FROM items JOIN requests ON requests.id = request_id"
                " WHERE mailbox = ? AND result IS NULL ORDER BY items.rowid",
                (mailbox,),
            ).fetchall()
            for row in rows:
                if row["state"] in _OVER:
                    values = refusal(row["item_id"], _why(row["failure"])), mailbox, row["item_id"]
                    db.execute("UPDATE items SET result = ? WHERE mailbox = ? AND item_id = ?", values)
            return [str(row["request_id"]) for row in rows if row["state"] not in _OVER]

    def to_acknowledge(self, mailbox: str, most: int) -> list[Acknowledgement]:
        """Finished items whose results no run has taken: those first that were sent least often, so that a mailbox
        none of whose runs ends well holds up nothing new."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT item_id, result, sent FROM items WHERE mailbox = ? AND result IS NOT NULL AND taken = 0"
                " ORDER BY sent, rowid LIMIT ?",
                (mailbox, most),
            )
            return [Acknowledgement(**row) for row in rows]

    def take(self, mailbox: str, acknowledged: Iterable[Acknowledgement]) -> None:
        """A run has taken these results."""
        with self.transaction() as db:
            db.executemany(  # an item that was run again meanwhile has a newer result, which is still to be told
                "UPDATE items SET taken = 1 WHERE mailbox = ? AND item_id = ? AND result = ?",
                [(mailbox, one.item_id, one.result) for one in acknowledged],
            )

    def run_sent(self, mailbox: str, day: str, acknowledged: Iterable[Acknowledgement]) -> None:
        """A run that carries these results goes out on that day."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO mailbox_runs (mailbox, day, runs) VALUES (?, ?, 1)"
                " ON CONFLICT DO UPDATE SET runs = runs + 1",
                (mailbox, day),
            )
            db.executemany(
                "UPDATE items SET sent = sent + 1 WHERE mailbox = ? AND item_id = ?",
                [(mailbox, one.item_id) for one in acknowledged],
            )

    def runs_on(self, mailbox: str, day: str) -> int:
        """How often the mailbox was run on that day."""
        with self.transaction() as db:
            row = db.execute("SELECT runs FROM mailbox_runs WHERE mailbox = ? AND day = ?", (mailbox, day)).fetchone()
            return int(row["runs"]) if row else 0


def mailbox_of(asked: Asked) -> str:
    """What tells mailboxes apart: the same workflow under two names is one."""
    return f"{asked.base_url} {asked.target_id}"


def result_of(item_id: str, output: str) -> str:
    """What the cloud is told of an item, by its tool's output: id, status, message, and what drafts there are."""
    said = json.loads(output)
    drafts = said.get("drafts")
    told: dict[str, Any] = {
        "id": item_id,
        "status": str(said.get("status") or "ok"),
        "message": str(said.get("message") or "")[:MESSAGE_CHARS],
    }
    if isinstance(drafts, list) and drafts:
        few = [draft for draft in drafts[:MOST_DRAFTS] if isinstance(draft, dict)]
        told["drafts"] = [{key: draft.get(key) for key in ("name", "draft_id", "duration_s")} for draft in few]
    return json_text(told)


def refusal(item_id: str, message: str) -> str:
    """What the cloud is told of something that can't be run."""
    return json_text({"id": item_id, "status": "error", "message": message[:MESSAGE_CHARS]})


def finish_cancelled(db: sqlite3.Connection, request_id: str) -> None:
    """The user has cancelled the request: if it runs an item, the cloud is told."""
    rows = db.execute("SELECT mailbox, item_id FROM items WHERE request_id = ? AND result IS NULL", (request_id,))
    for row in rows.fetchall():
        said = {"id": row["item_id"], "status": "cancelled", "message": _("The user has cancelled it.")}
        values = json_text(said), row["mailbox"], row["item_id"]
        db.execute("UPDATE items SET result = ? WHERE mailbox = ? AND item_id = ?", values)


def told(acknowledged: Iterable[Acknowledgement]) -> list[dict[str, Any]]:
    """The results as JSON values."""
    return [{**_object(one.result), "id": one.item_id} for one in acknowledged]


def _why(failure: str | None) -> str:
    return str(_object(failure or "{}").get("message") or "")


def _object(text: str) -> dict[str, Any]:
    """A JSON object as it was stored; an empty one where the journal was damaged."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _known(db: sqlite3.Connection, mailbox: str, item_id: str) -> Delivered | None:
    """What the journal knows of an item that was delivered."""
    row = db.execute(
        "SELECT request_id, result, sent FROM items WHERE mailbox = ? AND item_id = ?", (mailbox, item_id)
    ).fetchone()
    if row is None:
        return None
    if row["result"] is None:
        return Delivered("unfinished", row["request_id"])
    db.execute("UPDATE items SET taken = 0 WHERE mailbox = ? AND item_id = ?", (mailbox, item_id))
    return Delivered("finished", row["request_id"] or "", row["sent"])
