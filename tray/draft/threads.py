"""Threads that a cancelled build must not leave behind."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def to_its_end(function: Callable[..., T], *args: object) -> T:
    """As asyncio.to_thread, but who cancels it waits until the function is done: what it writes would otherwise come
    into a folder that is being removed, or a folder be moved in of which half is removed already."""
    # A future, not a task: those are all cancelled when a loop ends.
    running = asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, function, *args)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
