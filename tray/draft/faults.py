"""Why a file can't be had. A fault that may pass is worth another try; what no try mends is a FetchError."""

from __future__ import annotations


class FetchError(Exception):
    """A file that can't be had; the text says why and what to do."""


class Passing(Exception):  # noqa: N818 - not an error yet
    """A fault that may pass: the host is busy, the connection broke. `wait_s` is what the host asked for."""

    def __init__(self, text: str, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class Unreachable(Passing):
    """Not this file but its host is the fault. `host`: with its port where the link says one."""

    def __init__(self, text: str, host: str) -> None:
        super().__init__(text)
        self.host = host


def short(url: str) -> str:
    """A link for a message: its beginning."""
    return url if len(url) <= 100 else f"{url[:100]}…"
