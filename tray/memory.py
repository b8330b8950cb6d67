"""What the system gets back of the memory that was freed."""

from __future__ import annotations

import sys


def give_back() -> None:
    """Give back what the C library keeps for later. glibc keeps a few megabytes more for every hour of drafts
    (`tests/bench/load.py`); the other systems' libraries do it by themselves."""
    if sys.platform != "linux":
        return
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
