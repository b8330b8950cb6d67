"""Looking into the journal: which requests there were, how they belong together, which tools they called."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tray.items import json_field
from tray.journal_rows import Request, RequestState, requests_of

MOST_TOGETHER = 200
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
    _digests: dict[str, str] = field(default_factory=dict)

    def requests(self, wanted: Wanted, limit: int) -> list[Request]:
        """The last ones, newest first."""
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
        sql = f"SELECT * FROM requests WHERE {' AND '.join(where)} ORDER BY rowid DESC LIMIT ?"  # noqa: S608 - constants
        with self.transaction() as db:
            return list(requests_of(db.execute(sql, (*values, limit))))

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

    def calls_of(self, request_id: str) -> list[StoredCall]:
        """The tool calls that the request has begun, oldest first."""
        sql = "SELECT call_id, name, created_us, output FROM tool_calls WHERE request_id = ? ORDER BY rowid"
        with self.transaction() as db:
            return [StoredCall(*row) for row in db.execute(sql, (request_id,))]

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
                for last in requests_of(db.execute(_LAST_OF, (target_id,))):
                    found[target_id] = dict(last.asked.parameters)
        return found


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
_LAST_OF = f"""
SELECT * FROM requests WHERE {json_field("asked", "target_id")} = ?
AND {json_field("asked", "kind")} IN ('workflow', 'chatflow') ORDER BY rowid DESC LIMIT 1
"""  # noqa: S608 - of constants


def _like(text: str) -> str:
    """What holds `text`, as a pattern of LIKE. A letter's case makes no difference where it is ASCII (SQLite)."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
