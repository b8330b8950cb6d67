"""What the system gets back when nothing runs any more."""

from __future__ import annotations

import multiprocessing
import sys


def give_back() -> None:
    """Give back what was kept for the next time: by the C library, and by multiprocessing. To be called when no worker
    runs."""
    _end_tracker()
    _trim()


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
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
