"""What the pages of drafts share: the drafts folder as it is read, who made each, and small pictures of their media."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from tray import locale, made
from tray.draft import removal, thumbs
from tray.draft.folders import drafts_folder
from tray.draft.library import Draft, Library
from tray.draft.problems import DraftError
from tray.draft.worker import Worker, WorkerDiedError
from tray.locale import _

if TYPE_CHECKING:
    from tray.app import App
    from tray.journal_rows import Made

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

LONGEST_S = 60.0
"""For what the worker is handed at once."""
IDLE_S = 10.0
"""So long after its last job the worker process ends."""
MOST_THUMBS = 5_000


class Shelf:
    """`library`, `made` and `locks` may be used from any thread, the rest from the server's loop."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._libraries: dict[Path, Library] = {}
        self._made: dict[str, Made] = {}
        self.locks = app.home / "locks"
        self._thumbs = app.home / "cache" / "thumbs"
        self._worker: Worker | None = None
        self._jobs = 0
        self._last_s = 0.0
        self._ending: asyncio.Task[None] | None = None
        threading.Thread(target=self._tidy, name="tidy-drafts", daemon=True).start()

    @property
    def library(self) -> Library:
        """Raises DraftError where there is no drafts folder."""
        root = drafts_folder(self._app.settings_now().drafts_dir)
        return self._libraries.setdefault(root, Library(root))

    def made(self, drafts: Iterable[Draft]) -> dict[str, Made]:
        """By the id of one of these drafts which request made it. Raises JournalError."""
        ids = {draft.draft_id for draft in drafts} - {""}
        if unknown := ids - self._made.keys():
            self._made |= made.by_draft(self._app.journal, unknown)  # it never changes
        return {draft_id: self._made[draft_id] for draft_id in ids if draft_id in self._made}

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In the worker process, where a file that crashes or blocks it does no harm. Raises what the function raises,
        and DraftError where the process ends or takes too long."""
        if self._worker is None:
            self._worker = Worker(locale.used())
        worker = self._worker
        self._jobs += 1
        try:
            return await asyncio.wait_for(worker.run(function, *args, **kwargs), LONGEST_S)
        except (WorkerDiedError, asyncio.TimeoutError):
            raise DraftError(
                _("This can't be shown: reading it takes too long, or makes the reader crash."),
                _("It may still be built."),
            ) from None
        finally:
            self._jobs -= 1
            self._last_s = time.monotonic()
            if self._ending is None or self._ending.done():
                self._ending = asyncio.create_task(self._end_when_idle())

    async def thumb(self, file: Path, side: int) -> Path | None:
        """A small picture of `file`, kept until that changes; None where none can be made."""
        state = await asyncio.to_thread(file.stat)
        said = f"{file}\0{state.st_mtime_ns}\0{state.st_size}\0{side}"
        name = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        kept = self._thumbs / f"{name}.jpg"
        if not await asyncio.to_thread(kept.is_file):
            await asyncio.to_thread(self._thumbs.mkdir, parents=True, exist_ok=True)
            if not await self.run(thumbs.make, file, kept, side):
                return None
        return kept

    async def _end_when_idle(self) -> None:
        """Also when the server's loop ends, which cancels this."""
        try:
            while self._jobs or time.monotonic() - self._last_s < IDLE_S:  # noqa: ASYNC110 - idle is no event
                await asyncio.sleep(IDLE_S / 4)
        finally:
            worker, self._worker = self._worker, None
            if worker is not None:
                await worker.__aexit__()

    def _tidy(self) -> None:
        """What was deleted when the program ran last goes to the recycle bin; the oldest small pictures go."""
        with suppress(DraftError):
            removal.keep_sending(self.library.root, self.locks)
        with suppress(OSError):
            kept = sorted(self._thumbs.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in kept[MOST_THUMBS:]:
                file.unlink(missing_ok=True)
