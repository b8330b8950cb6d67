"""The clock that goes on while the machine sleeps, and the watch over it: a stream that slept can't be trusted."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since some moment."""

LOOK_S = 10.0
"""How often the clock is looked at."""
JUMP_S = 30.0
"""A clock that went on by so much more was asleep with the machine."""


def awake_or_asleep_s() -> float:
    """Seconds that go on while the machine sleeps, and that nobody can set, as they can the day's clock: a running
    workflow whose stream is broken for nothing is lost."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":  # where time.monotonic stops
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


async def watch(clock: Clock, is_needed: Callable[[], object], jumped: Callable[[float], None]) -> None:
    """As long as it is needed, call `jumped` with the seconds of each sleep of the machine."""
    while is_needed():
        before = clock()
        await asyncio.sleep(LOOK_S)
        if (gone := clock() - before) > LOOK_S + JUMP_S:
            jumped(gone)
