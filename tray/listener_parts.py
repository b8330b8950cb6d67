"""What a listener works with, and what it says of the sign-in again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tray.clock import Clock, awake_or_asleep_s
from tray.events import Bus, Noticed
from tray.journal import Journal
from tray.running import Connect, MakeContext
from tray.tools.registry import Registry

if TYPE_CHECKING:
    from tray.listener import Listener

REMIND_S = 24 * 3600.0
"""How often is said what is to be known of the sign-in."""

Mailbox = Callable[["Listener"], Coroutine[Any, Any, None]]
"""Keeps one mailbox open until it is cancelled; runs in the listener's loop."""


@dataclass(frozen=True)
class Parts:
    """What a listener works with. `resume`: on start, go on with every unfinished request of the journal, not only
    with those that `go_on` names. `at_once`: how many requests work at the same time, each in a conversation of its
    own. `mailboxes`: those that are kept open whenever it listens, by target. `warning`: what the user should know of
    the sign-in now; may take time. `clock`: seconds that go on while the machine sleeps."""

    bus: Bus
    journal: Journal
    connect: Connect
    tools: Registry
    context: MakeContext
    resume: bool
    at_once: int
    mailboxes: Mapping[str, Mailbox]
    warning: Callable[[], str | None]
    clock: Clock = awake_or_asleep_s


async def remind(parts: Parts) -> None:
    """Say, now and once a day, what is to be known of the sign-in."""
    while True:
        if text := await asyncio.to_thread(parts.warning):
            parts.bus.publish(Noticed("", text))
        await asyncio.sleep(REMIND_S)
