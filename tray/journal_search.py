"""Looking into the journal: which requests there were, how they belong together, which tools they called."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any

from tray.items import json_field
from tray.journal_rows import (
    OVER,
    SHOWN,
    UNFINISHED,
    Request,
    RequestState,
    UnreadableError,
    request_of,
    requests_of,
)
from tray.text import json_text

MOST_TOGETHER = 200
MOST_MOMENTS = 100
"""Requests of one conversation."""


@dataclass(frozen=True)
class Wanted:
    """Which requests are looked for: those in one of `states` (none: in any), of the `target` of that name or id, that
    hold `text` in what was asked, its id, the answer or the failure, and that were made before the request `before`."""

    states: tuple[RequestState, ...] = ()
    target: str = ""
    text: str = ""
    before: str = ""


@dataclass(frozen=True)
class StoredCall:
    """A tool call. `output` None: it has not ended."""

    call_id: str
    tool: str
    begun_us: int
    output: str | None

    @property
    def ok(self) -> bool | None:
        if self.output is None:
            return None
        return self._said.get("status") not in ("error", "partial")

    @property
    def message(self) -> str:
        return str(self._said.get("message") or "")

    @property
    def _said(self) -> dict[str, Any]:
        try:
            said = json.loads(self.output or "")
        except ValueError:  # the journal was damaged
            return {}
        return said if isinstance(said, dict) else {}


@dataclass(frozen=True)
class Search:
    """`transaction`: the journal's. All methods raise JournalError."""

    transaction: Callable[[], AbstractContextManager[sqlite3.Connection]]
    _calls: dict[str, Request] = field(default_factory=dict)
    """Of tool calls what was read of them, without what they were called with."""
    _digests: dict[str, str] = field(default_factory=dict)

    def requests(self, wanted: Wanted, limit: int) -> list[Request]:
        """The last ones, newest first, as `shown` gives them; those that can be read."""
        where, values = ["TRUE"], list[Any]()
        if wanted.states:
            where.append(f"state IN ({', '.join('?' * len(wanted.states))})")
            values += wanted.states
        if wanted.target:
            where.append(f"? IN ({json_field('asked', 'target')}, {json_field('asked', 'target_id')})")
            values.append(wanted.target)
        if wanted.text:
            where.append(f"({' OR '.join(f'{place} LIKE ? ESCAPE {_ESCAPE}' for place in _PLACES)})")
            values += [_like(wanted.text)] * len(_PLACES)
        if wanted.before:
            where.append("rowid < (SELECT rowid FROM requests WHERE id = ?)")
            values.append(wanted.before)
        sql = f"SELECT id FROM requests WHERE {' AND '.join(where)} ORDER BY rowid DESC LIMIT ?"  # noqa: S608 - constants
        with self.transaction() as db:
            ids = [str(request_id) for (request_id,) in db.execute(sql, (*values, limit))]
        found: list[Request] = []
        for request_id in ids:  # each by itself: the listener, too, waits for the journal
            with suppress(KeyError, UnreadableError):
                found.append(self.shown(request_id))
        return found

    def shown(self, request_id: str) -> Request:
        """The request without what a tool was called with, a whole draft: that is passed over once, and not again. ""
        for it says that it was let go. Raises KeyError, UnreadableError."""
        known = self._calls.get(request_id)
        if known is not None and known.state in OVER:
            return known
        asked = json_text(known.asked.to_json()) if known else None
        with self.transaction() as db:
            row = db.execute(SHOWN, (asked, request_id)).fetchone()
            if row is None:
                raise KeyError(request_id)
            request = request_of(row)
            if request.asked.kind in ("item", "call"):
                self._calls[request_id] = request
                if len(self._calls) > _MOST_CALLS:
                    del self._calls[next(iter(self._calls))]
        return request

    def forget(self) -> None:
        """Requests that are over have changed all the same: what they carried was let go."""
        self._calls.clear()

    def conversation(self, request: Request) -> list[Request]:
        """The requests of the same conversation, oldest first; that one alone where it is in none."""
        conversation_id = (request.run or {}).get("conversation_id") or request.asked.conversation_id
        if not conversation_id:
            return [request]
        with self.transaction() as db:
            rows = db.execute(_TOGETHER, (request.asked.base_url, conversation_id, MOST_TOGETHER))
            return list(requests_of(rows))[::-1]

    def are_same(self, request_id: str, other_id: str) -> bool:
        """Whether both ask the same, with all that they carry; what may be large is read once."""
        return self._digest(request_id) == self._digest(other_id)

    def moments_of(self, request_id: str) -> list[tuple[str, int]]:
        """What happened to the request of late, and when (µs since 1970), oldest first."""
        sql = "SELECT what, at_us FROM moments WHERE request_id = ? ORDER BY rowid DESC LIMIT ?"
        with self.transaction() as db:
            return [(row["what"], row["at_us"]) for row in db.execute(sql, (request_id, MOST_MOMENTS))][::-1]

    def calls_of(self, request_id: str) -> list[StoredCall]:
        """The tool calls that the request has begun, oldest first."""
        with self.transaction() as db:
            return [StoredCall(*row) for row in db.execute(CALLS_OF, (request_id,))]

    def files_of_unfinished(self) -> list[str]:
        """The paths of the files that go along with requests that are not over."""
        with self.transaction() as db:
            return [str(path) for (path,) in db.execute(_FILES_NEEDED)]

    def targets(self, limit: int) -> list[str]:
        """The names (where they have none, the ids) of the targets of the last requests, sorted."""
        last = self.requests(Wanted(), limit)
        return sorted({one.asked.target or one.asked.target_id for one in last} - {""})

    def _digest(self, request_id: str) -> str:
        if request_id not in self._digests:
            with self.transaction() as db:
                (asked,) = db.execute("SELECT asked FROM requests WHERE id = ?", (request_id,)).fetchone()
            self._digests[request_id] = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()
        return self._digests[request_id]

    def parameters_of(self, target_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What the workflows and chatflows of those ids were last run with, by id."""
        found: dict[str, dict[str, Any]] = {}
        with self.transaction() as db:
            for target_id in target_ids:
                for last in requests_of(db.execute(LAST_OF, (target_id,))):
                    found[target_id] = dict(last.asked.parameters)
        return found


CALLS_OF = "SELECT call_id, name, created_us, output FROM tool_calls WHERE request_id = ? ORDER BY rowid"
_ESCAPE = "'\\'"
_PLACES = (
    "id", "text", json_field("failure", "message"),
    *(json_field("asked", name) for name in ("prompt", "parameters", "target", "target_id")),
)  # fmt: skip
_TOGETHER = f"""
SELECT * FROM requests WHERE {json_field("asked", "base_url")} = ?1
AND ?2 IN ({json_field("run", "conversation_id")}, {json_field("asked", "conversation_id")})
ORDER BY rowid DESC LIMIT ?3
"""  # noqa: S608 - of constants
LAST_OF = f"""
SELECT * FROM requests WHERE {json_field("asked", "target_id")} = ?
AND {json_field("asked", "kind")} IN ('workflow', 'chatflow') ORDER BY rowid DESC LIMIT 1
"""  # noqa: S608 - of constants


_MOST_CALLS = 500
_FILES_NEEDED = f"""
SELECT value FROM requests, json_each({json_field("asked", "files")}) WHERE state IN {UNFINISHED}
"""  # noqa: S608 - of constants


def _like(text: str) -> str:
    """What holds `text`, as a pattern of LIKE. A letter's case makes no difference where it is ASCII (SQLite)."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
