"""The inbox: a folder whose files become requests, each of them once.

A file is taken by a rename into `working/GROUP/`, and put back where it turns out to be written still. Then its
requests are queued in one transaction of the journal, under ids that begin with GROUP, and a marker says so beside the
file. So, whatever ends the program between two steps, the next start finds the file where it was, or in `working`
without requests, which are queued then, or with them, and they go on as all do; a marker without requests tells that
the journal was lost, and nothing is asked again. When they are over, what became of them is written into `done` or
`failed`, and the file is moved beside it.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tray.asked import Asked
from tray.errors import JournalError, TrayError
from tray.events import Event, RequestCancelled, RequestDone, RequestFailed
from tray.journal_rows import OVER, UnreadableError
from tray.locale import _
from tray.sources import inbox_files, inbox_results
from tray.sources.inbox_folder import DONE, FAILED, WORKING, Stamp, files, is_open_to_write, stamp_of, unfit, watch
from tray.sources.parts import Parts, Wakeful
from tray.text import whole_characters

log = logging.getLogger(__name__)

QUIET_S = 5.0
"""A file that has not changed for so long is no longer being written."""
LONGEST_QUIET_S = 60.0
"""For so long at most one is left alone that can't be taken, because another program has it open, say."""
AGAIN_S = 30.0
"""How often it is tried whether a journal that could not be written can be again."""
LOOK_S = 0.2
"""Between two looks: a file that is being written tells of itself all the time."""
QUEUED = ".queued"
"""In a group's folder: its requests were in the journal once, whatever has become of that."""
_OPEN_ELSEWHERE = (32, 33)
"""Windows' ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION."""


@dataclass
class _Seen:
    """A file that may be being written: how it was, since when, and for how long it must stay so."""

    stamp: Stamp
    since_s: float
    quiet_s: float


@dataclass
class _Group:
    """A file that was taken, below `working/ID`. `stamp`: how it was then. `requests`: those of its requests that are
    not over."""

    id: str
    file: Path
    folder: str
    stamp: Stamp | None
    requests: set[str] = field(default_factory=set)


class Inbox(Wakeful):
    """Watches the folder. While nothing listens, nothing is taken; what became of requests that were not over at
    `stop` is written at the next start."""

    def __init__(self, folder: Path, parts: Parts) -> None:
        super().__init__("inbox", parts)
        self.folder = folder
        self._over: deque[str] = deque()
        self._groups: dict[str, _Group] = {}
        self._later: list[Callable[[], None]] = []  # what could not be read from or written to the journal
        self._again_s = 0.0
        self._seen: dict[Path, _Seen] = {}
        self._told: set[Path] = set()
        self._observer: Any = None

    def _on_event(self, event: Event) -> None:
        super()._on_event(event)
        if isinstance(event, RequestDone | RequestCancelled) or (
            isinstance(event, RequestFailed) and not event.failure.kept
        ):
            self._over.append(event.request_id)
            self._wake.set()

    # Everything below runs in the inbox's thread.

    def _live(self) -> None:
        self._guarded(self._recover)
        try:
            while not self._ending.is_set():
                self._guarded(self._look)
                if self._wake.wait(self._due_s()) and not self._ending.wait(LOOK_S):
                    self._wake.clear()
        finally:
            self._unwatch()

    def _guarded(self, step: Callable[[], None]) -> None:
        """A bug must not end the thread: the other files are still to be taken."""
        try:
            step()
        except Exception as error:
            log.exception("the inbox")
            self._seen.clear()
            self._tell(_("Something in this program failed: {error}").format(error=type(error).__name__))

    def _due_s(self) -> float | None:
        """Until something is to be done though nothing happens; None: nothing is."""
        now = time.monotonic()
        due = [seen.since_s + seen.quiet_s - now for seen in self._seen.values()]
        if self._later:
            due.append(self._again_s - now)
        return max(0.0, min(due)) if due else None

    def _look(self) -> None:
        while self._over:
            self._is_over(self._over.popleft())
        if self._later and time.monotonic() >= self._again_s:
            later, self._later = self._later, []
            for step in later:
                step()
        if not self._parts.listener.listening or not (self._watches() or self._watch()):
            self._seen.clear()
            return
        now = time.monotonic()
        found: dict[Path, _Seen] = {}
        for file in files(self.folder):
            if self._ending.is_set():
                return
            stamp, before = stamp_of(file), self._seen.get(file)
            if stamp is None:
                continue
            if before is None or before.stamp != stamp:
                found[file] = _Seen(stamp, now, QUIET_S)
            elif now < before.since_s + before.quiet_s:
                found[file] = before
            elif not self._take(file, stamp):
                found[file] = _Seen(stamp, now, min(2 * before.quiet_s, LONGEST_QUIET_S))
        self._seen = found
        self._told &= found.keys()

    def _take(self, file: Path, stamp: Stamp) -> bool:
        """False where it can't be, for now."""
        if is_open_to_write(file):
            return False
        group = uuid.uuid4().hex[:12]
        folder = "" if file.parent == self.folder else file.parent.name
        claimed = self.folder / WORKING / group / folder / file.name
        try:
            claimed.parent.mkdir(parents=True)
            file.rename(claimed)
        except OSError as error:
            _remove_empty(claimed.parent, self.folder / WORKING)
            if getattr(error, "winerror", None) not in _OPEN_ELSEWHERE and file not in self._told and file.exists():
                self._told.add(file)
                text = _("{file} can't be taken from the inbox: {error}")
                self._tell(text.format(file=file.name, error=error.strerror or error))
            return False
        self._queue(_Group(group, claimed, folder, stamp))
        return True

    def _queue(self, group: _Group) -> None:
        """Make its requests, those that there are not yet."""
        try:
            queued = self._parts.journal.requests_of(group.id)
            if not queued:
                named = self._asked(group)
                if named is None:
                    return
                queued = [request_id for request_id, _one in named]
                group.requests = set(queued)
                self._groups[group.id] = group  # before they are begun: one may be over in a moment
                self._parts.begin(named)
                self._mark(group)
            else:
                self._mark(group)
                group.requests = set(queued)
                self._groups[group.id] = group
                for request_id in queued:
                    self._is_over(request_id)
        except JournalError as error:
            log.warning("%s waits: %s", group.file.name, error)
            self._groups.pop(group.id, None)
            self._try_again(partial(self._queue, group))
        except TrayError as error:
            self._refuse(group, error)
        except Exception as error:
            log.exception("%s", group.file.name)
            text = _("Something in this program failed: {error}").format(error=type(error).__name__)
            self._refuse(group, TrayError(text, _("Its log has the details.")))

    def _asked(self, group: _Group) -> list[tuple[str, Asked]] | None:
        """What its file asks, by the requests' ids; None where it was put back. Raises TrayError."""
        if self._marker(group).exists():
            raise TrayError(
                _("The journal was set aside, and what became of this file is not known."),
                _("If it has not been done, put it into the inbox again."),
            )
        try:
            asked = inbox_files.requests_of(group.file, group.folder, self._parts.settings())
        except TrayError:
            if self._put_back(group):
                return None
            raise
        return None if self._put_back(group) else [(f"{group.id}-{line}", one) for line, one in asked]

    def _put_back(self, group: _Group) -> bool:
        """Put a file back that has changed since it was taken: it is being written still, which on Windows alone keeps
        it from being renamed. False where it has not changed."""
        if stamp_of(group.file) in (None, group.stamp):
            return False
        folder = self.folder / group.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            group.file.rename(_free(folder / group.file.name))
            _remove_empty(group.file.parent, self.folder / WORKING)
        except OSError as error:
            log.warning("%s can't be put back: %s", group.file.name, error)
            self._try_again(partial(self._queue, group))
        return True

    def _marker(self, group: _Group) -> Path:
        return self.folder / WORKING / group.id / QUEUED

    def _mark(self, group: _Group) -> None:
        try:
            self._marker(group).touch()
        except OSError as error:  # only the loss of the journal, too, would have it asked again
            log.warning("%s", error)

    def _is_over(self, request_id: str) -> None:
        """That request may be."""
        group = self._groups.get(request_id.partition("-")[0])
        if group is None or request_id not in group.requests:
            return
        try:
            if self._state(request_id) in OVER:
                group.requests.discard(request_id)
            if not group.requests:
                self._finish(group)
        except JournalError:
            group.requests.add(request_id)
            self._try_again(partial(self._is_over, request_id))

    def _state(self, request_id: str) -> str:
        try:
            return self._parts.journal.search.shown(request_id).state
        except UnreadableError:  # the listener gives it up
            return "failed"

    def _finish(self, group: _Group) -> None:
        journal = self._parts.journal
        requests = journal.requests_of(group.id)
        ended: list[inbox_results.Ended] = []
        for request_id in requests:
            with suppress(UnreadableError):
                request = journal.search.shown(request_id)
                line = int(request_id.rpartition("-")[2])
                ended.append(inbox_results.Ended(line, request, journal.drafts_of(request_id)))
        is_table = group.file.suffix.lower() == inbox_files.TABLE
        text = inbox_results.of_rows(ended) if is_table else "".join(map(inbox_results.of_one, ended))
        del self._groups[group.id]
        all_well = len(ended) == len(requests) and all(one.well for one in ended)
        self._put_away(group, DONE if all_well else FAILED, text)

    def _try_again(self, step: Callable[[], None]) -> None:
        self._later.append(step)
        self._again_s = time.monotonic() + AGAIN_S

    def _refuse(self, group: _Group, error: TrayError) -> None:
        self._tell(_("{name}: {text}").format(name=group.file.name, text=error))
        self._put_away(group, FAILED, inbox_results.of_refused(error))

    def _put_away(self, group: _Group, where: str, text: str) -> None:
        """Write what became of the file, then move it there: where that is cut off, it is done again."""
        folder = self.folder / where / group.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            place = _free(folder / group.file.name)
            result = place.with_name(f"{place.name}.{where}.txt")
            result.write_text(whole_characters(text), "utf-8")
            with suppress(FileNotFoundError):  # the user has taken it away
                group.file.rename(place)
            _remove_empty(group.file.parent, self.folder / WORKING)
        except OSError as error:
            log.warning("%s", error)
            told = _("What became of {file} can't be written: {error}")
            self._tell(told.format(file=group.file.name, error=error.strerror or error))

    def _recover(self) -> None:
        """Go on with what was taken before."""
        working = self.folder / WORKING
        for folder in sorted(working.iterdir()) if working.is_dir() else []:
            file = next(files(folder), None)  # not what Finder, say, keeps there
            if file is None:
                _remove_empty(folder, working)
            else:
                below = "" if file.parent == folder else file.parent.name
                self._queue(_Group(folder.name, file, below, stamp_of(file)))

    # The folder.

    def _watches(self) -> bool:
        return self._observer is not None and self._observer.is_alive() and self.folder.is_dir()

    def _watch(self) -> bool:
        """Make the folder where there is none, and hear of what changes in it. False where that can't be."""
        self._unwatch()
        why = unfit(self.folder, self._parts.settings().drafts_dir)
        if why is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._observer = watch(self.folder, self._wake.set)
            except OSError as error:
                why = error.strerror or str(error)
            else:
                return True
        self._tell(_("The inbox {folder} can't be used: {why}").format(folder=self.folder, why=why))
        return False

    def _unwatch(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer = None

    def _tell(self, text: str) -> None:
        log.warning("%s", text)
        self._parts.notice(text)


def _free(place: Path) -> Path:
    """That place, or one with a number where there is a file already."""
    number = 1
    free = place
    while free.exists() or free.is_symlink():
        number += 1
        free = place.with_name(f"{place.stem}-{number}{place.suffix}")
    return free


def _remove_empty(folder: Path, above: Path) -> None:
    """That folder and those between it and `above`, where nothing is in them but the marker."""
    with suppress(OSError):
        while folder != above and above in folder.parents:
            if [path.name for path in folder.iterdir()] == [QUEUED]:
                (folder / QUEUED).unlink()
            folder.rmdir()
            folder = folder.parent
