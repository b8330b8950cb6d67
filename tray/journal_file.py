"""The journal's file: whether it can be trusted, and how one that can't is moved out of the way."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

log = logging.getLogger(__name__)

QUICK_BYTES = 64_000_000
"""A journal up to this size is read from end to end at each start: a tenth of a second at most. A larger one only
where it was not closed well."""
_ENDS = ("", "-wal", "-shm")
_WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", b"\0\0\0\0")
"""How SQLite's log begins (https://sqlite.org/fileformat2.html#walformat); zeros: the machine stopped before its first
page was on the disk."""
_PASSES = ("database is locked", "database or disk is full", "disk I/O error", "unable to open database file")


def is_whole(path: Path, version: int, schema: str, later: str) -> bool:
    """Whether it is a journal of this version and schema, with what came to that `later` or without, that can be gone
    on with, or none yet. Raises sqlite3.OperationalError for what may pass: a full disk, a lock."""
    wal = _part(path, "-wal")
    if _damaged(path).exists() or _is_garbage(wal) or (wal.exists() and not path.exists()):
        return False
    return not path.exists() or _holds(path, version, (schema, later), unclean=wal.exists())


def _holds(path: Path, version: int, schema: tuple[str, str], *, unclean: bool) -> bool:
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")  # a broken header may say that it can't be written
            db.execute("ROLLBACK")
            if (unclean or path.stat().st_size <= QUICK_BYTES) and not _is_sound(db, path):
                return False
            found, tables = db.execute("PRAGMA user_version").fetchone()[0], _tables(db)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if may_pass(error, path):
            raise
        log.warning("the journal is broken: %s", error)
        return False
    if not tables:
        return True
    known = []
    with closing(sqlite3.connect(":memory:")) as fresh:
        for script in schema:
            fresh.executescript(script)
            known.append(_tables(fresh))
    return found == version and tables in known


def _is_garbage(wal: Path) -> bool:
    """Whether SQLite would pass over its log and go on with what was before it: chats would be created twice."""
    if not wal.exists() or not wal.stat().st_size:
        return False
    with wal.open("rb") as file:
        is_log = file.read(4) in _WAL_MAGIC
    if not is_log:
        log.warning("the journal's log is broken")
    return not is_log


def may_pass(error: Exception, path: Path) -> bool:
    """Whether it says nothing against the journal: a full disk, a lock."""
    passes = str(error).startswith(_PASSES) or not os.access(path, os.W_OK)
    return isinstance(error, sqlite3.OperationalError) and passes


def move_aside(path: Path) -> Path:
    """Rename the journal and what belongs to it. Returns where it is now."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (f"{path.stem}-{stamp}{more}{path.suffix}" for more in ("", *(f"-{n}" for n in range(2, 1000))))
    free = (path.with_name(name) for name in names)
    aside = next(place for place in free if not any(_part(place, end).exists() for end in _ENDS))
    for end in _ENDS:
        if _part(path, end).exists():
            _part(path, end).rename(_part(aside, end))
    _damaged(path).unlink(missing_ok=True)
    log.warning("the journal was set aside: %s", aside)
    return aside


def mark_damaged(path: Path) -> None:
    """The journal turned out to be broken while it was used: the next start sets it aside, whatever it looks like."""
    try:
        _damaged(path).touch()
    except OSError as error:
        log.warning("the journal can't be marked as damaged: %s", error)


def _is_sound(db: sqlite3.Connection, path: Path) -> bool:
    """Reads all of it."""
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        log.warning("%s is broken: %s", path.name, found)
    return bool(found == "ok")


def _tables(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    return db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()


def _part(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _damaged(path: Path) -> Path:
    return _part(path, "-damaged")
