"""How many requests work at the same time, and which of them a stop has to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass


class Slots:
    """How many requests work at the same time. One that waits for the user takes none. Those in the background (items
    of mailboxes, rows of a table, …), which may be many, leave one free; where there is but one, the next goes to
    whoever asked before the next of them."""

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._in_background = asyncio.Semaphore(max(1, at_once - 1))

    @asynccontextmanager
    async def one(self, *, in_background: bool) -> AsyncIterator[Slot]:
        slot = Slot(self._free)
        async with self._in_background if in_background else nullcontext():
            await slot.take()
            try:
                yield slot
            finally:
                slot.leave()


@dataclass
class Slot:
    _free: asyncio.Semaphore
    _held: bool = False

    async def take(self) -> None:
        """Nothing where it is held."""
        if not self._held:
            await self._free.acquire()
            self._held = True

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._free.release()


class Births:
    """The runs whose creation went out and whose names are not known yet: whoever stops waits for them a moment."""

    def __init__(self) -> None:
        self.unborn: set[str] = set()
        self.all_born = asyncio.Event()
        self.all_born.set()

    def posting(self, request_id: str) -> None:
        self.unborn.add(request_id)
        self.all_born.clear()

    def born(self, request_id: str) -> None:
        """Its name is known, or its creation came to nothing for sure."""
        self.unborn.discard(request_id)
        if not self.unborn:
            self.all_born.set()
