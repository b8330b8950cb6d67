"""What the system gets back when nothing runs any more."""

from __future__ import annotations

import gc
import multiprocessing
import sys
from typing import Any

_M_ARENA_MAX = -8
"""glibc, malloc/malloc.h. What it is called with is glibc's alone; other C libraries have no such function."""


def give_back() -> None:
    """Give back what was kept for the next time: by the C library, and by multiprocessing. To be called when no worker
    runs."""
    gc.collect()
    _end_tracker()
    _trim()


def share_arena() -> None:
    """Let all threads take their memory from one place: glibc has one for each thread, which keeps what is free in it.
    With Python's own lock they hardly ever want any at the same time. To be called before there are many."""
    if sys.platform == "linux" and (mallopt := getattr(_libc(), "mallopt", None)):
        mallopt(_M_ARENA_MAX, 1)


def _end_tracker() -> None:
    """Outside of Windows the first worker process brings another one, which cleans up after it, does nothing here (no
    semaphore is shared) and takes 12 MB until the program ends. The next worker starts it anew. Nothing public ends it
    (CPython, Lib/multiprocessing/resource_tracker.py; the same from 3.10 to 3.13)."""
    if sys.platform == "win32" or multiprocessing.active_children():  # it waits for them
        return
    from multiprocessing import resource_tracker

    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


def _trim() -> None:
    """glibc keeps a few megabytes more for every hour of drafts (`tests/bench/load.py`); the other systems' libraries
    give them back by themselves."""
    if sys.platform != "linux":
        return
    if trim := getattr(_libc(), "malloc_trim", None):
        trim(0)


def _libc() -> Any:
    import ctypes

    return ctypes.CDLL(None)
