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
from tray.draft.removal import Deleted
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
    """`run` and `thumb` are for the server's loop alone."""

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

    def libraries(self) -> dict[str, Library]:
        """Of all drafts folders by their names: that of the drafts folder, "", first. Raises DraftError where there is
        no drafts folder."""
        found = {"": self.library}
        for name, folder in self._app.settings_now().folders.items():
            if folder not in [one.root for one in found.values()]:
                found[name] = self._libraries.setdefault(folder, Library(folder))
        return found

    def drafts(self, search: str = "") -> list[Draft]:
        """Those of all drafts folders in whose names `search` is, newest first. Raises DraftError where the drafts
        folder can't be read. Of a further one doctor tells that it can't: an unplugged disk takes away its own."""
        main, *others = self.libraries().values()
        found = main.drafts(search)
        for one in others:
            with suppress(DraftError):
                found += one.drafts(search)
        return sorted(found, key=lambda draft: (draft.modified_us, draft.name), reverse=True)

    def find(self, key: str) -> Draft:
        """The draft with this key or this very name, in any drafts folder. Raises DraftError for none."""
        named: Draft | None = None
        for one in self.libraries().values():
            with suppress(DraftError):
                found = one.find(key)
                if found.key == key:
                    return found
                named = named or found
        return named or self.library.find(key)

    def canvas(self, draft: Draft) -> tuple[int, int]:
        """Width and height in pixels, 0 and 0 where it does not say."""
        return self._libraries[draft.path.parent].canvas(draft) or (0, 0)

    def folder(self, draft: Draft) -> str:
        """The name of the further drafts folder that it is in; "" for the drafts folder itself."""
        return next((name for name, one in self.libraries().items() if one.root == draft.path.parent), "")

    def made(self, drafts: Iterable[Draft]) -> dict[str, Made]:
        """By the id of one of these drafts which request made it. Raises JournalError."""
        ids = {draft.draft_id for draft in drafts} - {""}
        if unknown := ids - self._made.keys():
            self._made |= made.by_draft(self._app.journal, unknown)  # it never changes
        return {draft_id: self._made[draft_id] for draft_id in ids if draft_id in self._made}

    def deleted(self) -> list[Deleted]:
        """What was deleted and can be had back, newest first. Raises DraftError where there is no drafts folder."""
        found = [one for library in self.libraries().values() for one in removal.pending(library.root)]
        return sorted(found, key=lambda one: one.deleted_us, reverse=True)

    def undo(self, deleted_id: str) -> Path:
        """Put a deleted draft back. Returns where it is. Raises DraftError."""
        roots = [one.root for one in self.libraries().values()]
        its = (root for root in roots if deleted_id in [one.id for one in removal.pending(root)])
        return removal.undo(next(its, roots[0]), deleted_id, self.locks)

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
            for one in self.libraries().values():
                removal.keep_sending(one.root, self.locks)
        with suppress(OSError):
            kept = sorted(self._thumbs.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in kept[MOST_THUMBS:]:
                file.unlink(missing_ok=True)
