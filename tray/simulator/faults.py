"""What can go wrong between a client and the simulated cloud, on request."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Fault:
    """Strikes `times` requests to `path` (None: any), the first `skip` of them spared.

    `kind` "answer": `status`, `headers` and `body` (JSON or bytes) are answered instead. "reset_before": the
    connection is reset and the request never takes effect. "reset_after": it takes effect (a stream runs to its end
    unheard), and then the connection is reset. "cut": the stream ends after `at_bytes` of its body, without its last
    chunk, and goes on unheard. "stall": after `at_bytes` no byte and no FIN comes, until the simulator ends; it goes on
    unheard. "mute": nothing is answered at all, until the simulator ends, and the request never takes effect."""

    kind: Literal["answer", "reset_before", "reset_after", "cut", "stall", "mute"]
    path: str | None = None
    times: int = 1
    skip: int = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = b""
    at_bytes: int = 0


class Faults:
    """The faults still to strike. `add` from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, list[int]]] = []
        self.ended = threading.Event()
        """Set when the simulator ends: whatever stalls ends then."""

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append((fault, [fault.skip, fault.times]))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, path: str) -> Fault | None:
        """The fault that strikes a request to `path` now, if any."""
        with self._lock:
            for entry in self._waiting:
                fault, left = entry
                if fault.path not in (None, path):
                    continue
                if left[0] > 0:
                    left[0] -= 1
                    continue
                left[1] -= 1
                if left[1] <= 0:
                    self._waiting.remove(entry)
                return fault
        return None
