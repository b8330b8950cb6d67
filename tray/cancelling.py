"""Requests that the user wants no more: what runs of them ends, what they have written is listed, the cloud is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from tray.coze.cancel import cancel_chat
from tray.errors import JournalError
from tray.events import Bus
from tray.journal import Journal
from tray.running import Connect, DraftLedger

log = logging.getLogger(__name__)

TELL_WITHIN_S = 5.0
"""A cloud that takes longer is left to itself."""


@dataclass
class Cancelling:
    """Used in the listener's loop alone. `tasks`: of the requests that run. `over`: called when nothing runs any more
    of a request that was cancelled."""

    journal: Journal
    bus: Bus
    connect: Connect
    tasks: dict[str, asyncio.Task[None]]
    over: Callable[[str], None]
    _ending: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False)
    _telling: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def cancel(self, request_id: str) -> None:
        """End what runs of a request that is cancelled in the journal. Nothing the second time."""
        if request_id not in self._ending:
            self._ending[request_id] = asyncio.get_running_loop().create_task(self._end(request_id))

    def may_be_disturbed(self) -> dict[str, asyncio.Task[None]]:
        """The requests' tasks but for those that are ending: what cleans up in them must not be cancelled again."""
        return {request_id: task for request_id, task in self.tasks.items() if request_id not in self._ending}

    async def settled(self, grace_s: float) -> None:
        """Wait for what is ending, and for up to `grace_s` until the cloud knows."""
        await asyncio.gather(*self._ending.values(), return_exceptions=True)
        if telling := set(self._telling):
            await asyncio.wait(telling, timeout=grace_s)
            for task in telling:
                task.cancel()
            await asyncio.gather(*telling, return_exceptions=True)

    def list_drafts(self) -> None:
        """List the drafts that cancelled requests had just moved into the drafts folder."""
        try:
            unsure = self.journal.unsure_drafts()
            if unsure:
                from tray.draft.pipeline import done_before

                for request_id, key in unsure:
                    done_before(key, DraftLedger(request_id, self.journal, self.bus))
        except JournalError as error:
            log.warning("drafts of cancelled requests could not be listed: %s", error)

    async def _end(self, request_id: str) -> None:
        if task := self.tasks.get(request_id):
            task.cancel()
            await asyncio.wait([task])
        self.list_drafts()
        del self._ending[request_id]
        telling = asyncio.get_running_loop().create_task(self._tell(request_id))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)
        self.over(request_id)

    async def _tell(self, request_id: str) -> None:
        """Let the cloud stop, too: best effort, it ends by itself some day."""
        try:
            request = self.journal.request(request_id)
            chat = request.run or {}
            if request.asked.kind in ("bot", "chatflow") and chat.get("chat_id"):
                async with await self.connect(request.asked.base_url) as client:
                    await asyncio.wait_for(cancel_chat(client, chat), TELL_WITHIN_S)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the request is cancelled here
            log.info("the cloud was not told that %s is cancelled: %s", request_id, error or type(error).__name__)
