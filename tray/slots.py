"""How many requests work at the same time, in which order others follow, and which of them a stop has to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


class Slots:
    """How many requests work at the same time. One that waits for the user takes none. Those in the background (items
    of mailboxes, rows of a table, …), which may be many, leave one free; where there is but one, the next goes to
    whoever asked before the next of them. `has_to_wait` is told which request finds none free.

    Used in the listener's loop alone, but for `queue`."""

    def __init__(self, at_once: int, has_to_wait: Callable[[str], None] = lambda _request_id: None) -> None:
        self._at_once, self._has_to_wait = at_once, has_to_wait
        self._held: set[Slot] = set()
        self._waiting: tuple[Slot, ...] = ()  # replaced, never changed: other threads read it

    @asynccontextmanager
    async def one(self, request_id: str, *, in_background: bool) -> AsyncIterator[Slot]:
        slot = Slot(self, request_id, in_background)
        await slot.take()
        try:
            yield slot
        finally:
            slot.leave()

    @property
    def queue(self) -> tuple[str, ...]:
        """The requests that wait for a free slot, in the order in which they get one. From any thread."""
        return tuple(slot.request_id for slot in self._in_order())

    def first(self, request_id: str) -> None:
        """The next free slot goes to that request, if it waits for one: the user wants it now."""
        for slot in self._waiting:
            if slot.request_id == request_id:
                slot.in_background = False
                self._waiting = (slot, *(other for other in self._waiting if other is not slot))
        self.hand_out()

    async def take(self, slot: Slot) -> None:
        if slot in self._held:
            return
        slot.turn = asyncio.get_running_loop().create_future()
        self._waiting = (*self._waiting, slot)
        self.hand_out()
        if not slot.turn.done():
            self._has_to_wait(slot.request_id)
        try:
            await slot.turn
        except asyncio.CancelledError:
            self._waiting = tuple(other for other in self._waiting if other is not slot)
            self.leave(slot)  # it may have been given one in the same moment
            raise

    def leave(self, slot: Slot) -> None:
        if slot in self._held:
            self._held.discard(slot)
            self.hand_out()

    def hand_out(self) -> None:
        while len(self._held) < self._at_once:
            room = max(1, self._at_once - 1) - sum(slot.in_background for slot in self._held)
            slot = next((one for one in self._in_order() if not one.in_background or room > 0), None)
            if slot is None:
                return
            self._waiting = tuple(other for other in self._waiting if other is not slot)
            self._held.add(slot)
            if slot.turn is not None and not slot.turn.done():
                slot.turn.set_result(None)

    def _in_order(self) -> list[Slot]:
        waiting = self._waiting
        return sorted(waiting, key=lambda slot: slot.in_background) if self._at_once == 1 else list(waiting)


@dataclass(eq=False)
class Slot:
    _slots: Slots
    request_id: str
    in_background: bool
    turn: asyncio.Future[None] | None = field(default=None, init=False)

    async def take(self) -> None:
        """Nothing where it is held."""
        await self._slots.take(self)

    def leave(self) -> None:
        self._slots.leave(self)


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
