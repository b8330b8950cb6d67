"""Media kept between builds: files by their content's hash, and an index of what each link gave and each file is.

    <home>/cache/index.db          SQLite: link -> sha256, when; sha256 -> file, what it is (see probe)
    <home>/cache/files/<sha256, 32 digits>.<ext>
    <home>/cache/builds/<random>/  what a build fetches before it is known to be whole, and the lock it holds

Several processes may use it at once. A build takes a number and marks every file it uses with it; what is marked with
the number of a running build, or a later one, is never dropped. A file that was changed or cut since (its size and time
tell) is forgotten and fetched again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tray.draft.probe import Probe
from tray.draft.problems import DraftError
from tray.locale import _

log = logging.getLogger(__name__)

VERSION = 1
"""Of the index, and of what `probe` finds out: an older one is thrown away, files and all."""
_SCHEMA = """
CREATE TABLE files (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    kind TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, length_us INTEGER, has_audio INTEGER NOT NULL,
    used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE links (link BLOB PRIMARY KEY, sha256 TEXT NOT NULL, fetched_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE builds (number INTEGER PRIMARY KEY AUTOINCREMENT, folder TEXT NOT NULL);
"""


@dataclass(frozen=True)
class CachePolicy:
    """`folder` is the cache's own. A link fetched less than `hours` ago is not asked for again (0: always asked).
    Above `max_bytes` the files that were not used for longest are dropped. `fresh`: this time all are asked for
    again, and what they give is kept for the next."""

    folder: Path
    hours: float = 24
    max_bytes: int = 10 * 1000**3
    fresh: bool = False


class Cache:
    """One build's use of the cache: an async context manager. Raises DraftError where it can't be read or written."""

    def __init__(self, policy: CachePolicy) -> None:
        self._policy = policy
        self._files = policy.folder / "files"
        self._builds = policy.folder / "builds"
        self.parts = self._builds / uuid.uuid4().hex[:12]
        """A folder for what is being fetched: on the cache's volume, and gone when the build is over."""
        self._lock = FileLock(self.parts / "lock", thread_local=False)
        self._turn = threading.Lock()  # a cancelled call's thread may still be at it
        self._number = 0
        self._is_broken = False

    async def __aenter__(self) -> Cache:
        with self._usable():
            for folder in (self._files, self._builds):
                folder.mkdir(parents=True, exist_ok=True)
            self._db = self._connected()
            try:
                with self._writing() as db:  # nobody sweeps meanwhile
                    self.parts.mkdir()
                    self._lock.acquire()
                    made = db.execute("INSERT INTO builds (folder) VALUES (?)", (self.parts.name,))
                    self._number = made.lastrowid or 0
                    self._sweep(db)
            except BaseException:
                self._end()
                raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        try:
            await asyncio.to_thread(self._close)
        except (OSError, sqlite3.Error) as error:  # the drafts are there all the same
            log.warning("the media cache could not be tidied: %s", error)

    async def find(self, links: Iterable[str]) -> dict[str, Probe]:
        """The links that need not be asked for again, and their files."""
        with self._usable():
            return await asyncio.to_thread(self._find, list(links))

    async def known(self, hashes: Iterable[str]) -> dict[str, Probe]:
        """Those contents that are here already, wherever they came from."""
        with self._usable():
            return await asyncio.to_thread(self._known, list(hashes))

    async def keep(self, found: Mapping[str, Probe]) -> dict[str, Probe]:
        """Move files in from `parts`, by the hash of what was fetched (a converted file's own is another).

        Returns where each is now."""
        with self._usable():
            return await asyncio.to_thread(self._keep, dict(found))

    async def remember(self, links: Mapping[str, str]) -> None:
        """That these links gave these contents just now."""
        with self._usable():
            await asyncio.to_thread(self._remember, dict(links))

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise DraftError(
                _("The media cache {folder} can't be used: {error}").format(folder=self._policy.folder, error=why),
                _("Check that the disk is there, not full and not write-protected, or delete that folder."),
            ) from error

    def _find(self, links: list[str]) -> dict[str, Probe]:
        if self._policy.fresh or self._policy.hours <= 0:
            return {}
        now = time.time()
        found: dict[str, Probe] = {}
        with self._writing() as db:
            for link in links:
                row = db.execute(
                    "SELECT files.* FROM links JOIN files USING (sha256) WHERE link = ? AND fetched_at BETWEEN ? AND ?",
                    (_key(link), now - self._policy.hours * 3600, now),
                ).fetchone()
                if row and (probe := self._whole(db, row)):
                    found[link] = probe
        return found

    def _known(self, hashes: list[str]) -> dict[str, Probe]:
        found: dict[str, Probe] = {}
        with self._writing() as db:
            for sha256 in hashes:
                row = db.execute("SELECT * FROM files WHERE sha256 = ?", (sha256,)).fetchone()
                if row and (probe := self._whole(db, row)):
                    found[sha256] = probe
        return found

    def _whole(self, db: sqlite3.Connection, row: tuple[Any, ...]) -> Probe | None:
        """The file of `row`, marked as used, if it is as it was left."""
        sha256, name, size, mtime_ns, kind, width, height, length_us, has_audio, used = row
        path = self._files / name
        try:
            state = path.stat()
        except OSError:
            state = None
        if state is None or (state.st_size, state.st_mtime_ns) != (size, mtime_ns):
            db.execute("DELETE FROM files WHERE sha256 = ?", (sha256,))
            return None
        if used != self._number:
            db.execute("UPDATE files SET used = ? WHERE sha256 = ?", (self._number, sha256))
        return Probe(path, kind, width, height, length_us, bool(has_audio))

    def _keep(self, found: dict[str, Probe]) -> dict[str, Probe]:
        kept: dict[str, Probe] = {}
        with self._writing() as db:
            for sha256, probe in found.items():
                path = self._files / f"{sha256[:32]}{probe.path.suffix}"
                size = probe.path.stat().st_size
                try:
                    probe.path.replace(path)
                except PermissionError:  # Windows: another build has just brought the same and reads it
                    if not path.is_file() or path.stat().st_size != size:
                        raise
                state = path.stat()
                db.execute(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (sha256, path.name, state.st_size, state.st_mtime_ns, probe.kind, probe.width, probe.height,
                     probe.length_us, probe.has_audio, self._number),
                )  # fmt: skip
                kept[sha256] = replace(probe, path=path)
        return kept

    def _remember(self, links: dict[str, str]) -> None:
        now = time.time()
        with self._writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO links VALUES (?, ?, ?)",
                ((_key(link), sha256, now) for link, sha256 in links.items()),
            )

    def _close(self) -> None:
        try:
            with self._writing() as db:
                db.execute("DELETE FROM builds WHERE number = ?", (self._number,))
                self._drop_oldest(db)
        finally:
            self._end()

    def _end(self) -> None:
        self._db.close()
        if self._is_broken:
            self._forget()
        self._lock.release()
        shutil.rmtree(self.parts, ignore_errors=True)

    def _drop_oldest(self, db: sqlite3.Connection) -> None:
        """Drop what was not used for longest until the rest fits, and the links whose time is over."""
        db.execute("DELETE FROM links WHERE fetched_at < ?", (time.time() - self._policy.hours * 3600,))
        (too_many,) = db.execute("SELECT coalesce(sum(size), 0) - ? FROM files", (self._policy.max_bytes,)).fetchone()
        if too_many <= 0:
            return
        (first_running,) = db.execute("SELECT min(number) FROM builds").fetchone()
        unused = db.execute(
            "SELECT sha256, name, size FROM files WHERE used < ? ORDER BY used", (first_running or sys.maxsize,)
        ).fetchall()
        for sha256, name, size in unused:
            if too_many <= 0:
                break
            with contextlib.suppress(OSError):  # open in some program, on Windows: next time
                (self._files / name).unlink(missing_ok=True)
                db.execute("DELETE FROM files WHERE sha256 = ?", (sha256,))
                too_many -= size
        db.execute("DELETE FROM links WHERE sha256 NOT IN (SELECT sha256 FROM files)")

    def _sweep(self, db: sqlite3.Connection) -> None:
        """Remove what builds left that ended in the middle: their folders, and files that are in no index."""
        ended = []
        for folder in self._builds.iterdir():
            if folder != self.parts:
                with contextlib.suppress(OSError, Timeout), FileLock(folder / "lock", timeout=0):
                    ended.append(folder)
        for folder in ended:
            shutil.rmtree(folder, ignore_errors=True)
        left = {folder.name for folder in self._builds.iterdir()} - {folder.name for folder in ended}
        for (name,) in db.execute("SELECT folder FROM builds").fetchall():
            if name not in left:  # one could not say that it ends, too: on a full disk
                db.execute("DELETE FROM builds WHERE folder = ?", (name,))
        if ended or self._number == 1:
            indexed = {name for (name,) in db.execute("SELECT name FROM files")}
            for file in os.scandir(self._files):
                if file.name not in indexed:
                    with contextlib.suppress(OSError):
                        Path(file.path).unlink()

    def _connected(self) -> sqlite3.Connection:
        """The index. One that is broken or of another version is begun anew, and its files are swept."""
        try:
            return _opened(self._policy.folder / "index.db")
        except sqlite3.OperationalError:  # locked, or it can't be read
            raise
        except sqlite3.DatabaseError as error:
            log.warning("the media cache is begun anew: %s", error)
            self._forget()
            return _opened(self._policy.folder / "index.db")

    def _forget(self) -> None:
        for name in ("index.db", "index.db-wal", "index.db-shm"):
            (self._policy.folder / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, and no other build meanwhile."""
        with self._turn:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:  # a full disk has rolled it back already
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.DatabaseError as error:
                self._is_broken = not isinstance(error, sqlite3.OperationalError)
                raise


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is fetched again
        db.execute("BEGIN IMMEDIATE")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    if version not in (0, VERSION):
        db.close()
        raise sqlite3.DatabaseError(f"index version {version}, not {VERSION}")
    return db


def _key(link: str) -> bytes:
    """A link is kept as its hash: it is long, and a signed one lets whoever has it in."""
    return hashlib.sha256(link.encode("utf-8", "surrogatepass")).digest()
