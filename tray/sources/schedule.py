"""Targets that are asked at set times, in the form of cron and this computer's time.

What was due while the computer slept, or the program was off or did not listen, or the time before was still at work,
is asked once when that is over, unless it was due more than a day ago. Each is asked under an id made of its name and
when it was due, so never twice.

APScheduler is not used: it does not wake when the computer does (agronholm/apscheduler issue 794), and its weekdays are
not cron's.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from cronsim import CronSim

from tray import targets
from tray.errors import JournalError, TrayError
from tray.home import write_private
from tray.journal_rows import OVER
from tray.locale import _
from tray.sources.parts import Parts, Wakeful

log = logging.getLogger(__name__)

LOOK_S = 30.0
"""Waiting does not go on while the machine sleeps, so the day's clock is looked at this often."""
TOO_LATE = timedelta(days=1)
SET_BACK = timedelta(hours=2)
"""A clock that was behind by more was set; by less, it may have been the end of summer."""


class Schedules(Wakeful):
    """Asks them. `said`: each one's times, by the target's name. `file`: where is kept for which times each was last
    looked after."""

    def __init__(self, said: dict[str, str], parts: Parts, file: Path) -> None:
        super().__init__("schedules", parts)
        self.said = said
        self._file = file
        self._looked_after: dict[str, tuple[str, datetime]] = {}

    # Everything below runs in the thread.

    def _live(self) -> None:
        self._looked_after = self._read(_now())
        while not self._ending.is_set():
            try:
                self._look()
            except Exception:
                log.exception("schedules")
            self._wake.wait(self._due_s())
            self._wake.clear()

    def _due_s(self) -> float | None:
        """Until it is to be looked again; None: when something listens."""
        if not self._parts.listener.listening:
            return None
        now = _now()
        next_s = [(next(CronSim(times, now)) - now).total_seconds() for times in self.said.values()]
        return min([LOOK_S, *next_s]) + 0.01

    def _look(self) -> None:
        if not self._parts.listener.listening:
            return
        now = _now()
        changed = False
        for name, times in self.said.items():
            _times, before = self._looked_after[name]
            due = _last(times, now)
            if before > now + SET_BACK:
                before = now
            elif due <= before:
                continue
            if due > before and not self._ask(name, due, before, now):
                continue
            self._looked_after[name] = times, max(due, before)
            changed = True
        if changed:
            self._write()

    def _ask(self, name: str, due: datetime, before: datetime, now: datetime) -> bool:
        """Ask what was due. False where it is to be tried again."""
        when = due.strftime("%Y-%m-%d %H:%M")
        if now - due > TOO_LATE:
            self._parts.notice(_("{name} was due at {when}, and is not asked any more.").format(name=name, when=when))
            return True
        try:
            if self._goes_on(_id(name, before)):
                return False
            settings = self._parts.settings()
            target = settings.targets[name]
            asked = targets.asked(targets.find(name, target.kind, settings), settings)
            self._parts.begin([(_id(name, due), replace(asked, background=True))])
        except JournalError as error:
            log.warning("%s waits: %s", name, error)
            return False
        except (TrayError, KeyError) as error:
            why = error if isinstance(error, TrayError) else _("There is no target “{name}”.").format(name=name)
            text = _("{name} was due at {when}, and can't be asked: {why}")
            self._parts.notice(text.format(name=name, when=when, why=why))
        return True

    def _goes_on(self, request_id: str) -> bool:
        with suppress(KeyError):
            return self._parts.journal.request(request_id).state not in OVER
        return False

    def _read(self, now: datetime) -> dict[str, tuple[str, datetime]]:
        """For which time each was last looked after; one that is new, or has new times, begins now."""
        known: dict[str, tuple[str, datetime]] = {}
        try:
            for name, (times, before) in json.loads(self._file.read_text("utf-8")).items():
                known[name] = times, datetime.fromisoformat(before)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("%s can't be read: %s", self._file, error)
        fresh = {name: (times, now) for name, times in self.said.items()}
        known = {name: known[name] if known.get(name, ("",))[0] == one[0] else one for name, one in fresh.items()}
        self._looked_after = known
        self._write()
        return known

    def _write(self) -> None:
        said = {name: (times, before.isoformat()) for name, (times, before) in self._looked_after.items()}
        try:
            write_private(self._file, json.dumps(said, ensure_ascii=False))
        except OSError as error:  # then what is asked again has the same id
            log.warning("%s can't be written: %s", self._file, error)


def _now() -> datetime:
    """By the day's clock, as people read it."""
    return datetime.fromtimestamp(time.time())  # noqa: DTZ006 - cron goes by local time


def _last(times: str, now: datetime) -> datetime:
    """When it was last due, now at the latest."""
    after = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return next(CronSim(times, after, reverse=True))


def _id(name: str, due: datetime) -> str:
    """Of the request that is made of it."""
    return hashlib.sha256(f"{name} {due.isoformat()}".encode()).hexdigest()[:12]
