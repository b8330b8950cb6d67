"""A listener on a simulated cloud, for tests."""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tray import app, events, instance
from tray.asked import Asked
from tray.settings import Settings
from tray.simulator.server import Simulator

DEADLINE_S = 20


class Listening:
    """A program on a simulated cloud, and everything its bus has carried."""

    def __init__(
        self,
        home: Path,
        root: Path,
        cloud: Simulator,
        *,
        resume: bool = False,
        token: str | None = "t",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.heard: queue.SimpleQueue[events.Event] = queue.SimpleQueue()
        self.all: list[events.Event] = []
        bus = events.Bus()
        bus.subscribe(self.heard.put)
        own = {"api_base": cloud.base_url, "drafts_dir": root, "allow_hosts": ("127.0.0.1",)}
        self.settings = Settings.model_validate({**own, **(settings or {})})
        held = instance.acquire(home)
        assert held is not None
        self.app = app.open_app(self.settings, home, held, bus, resume=resume, token=token)

    def ask(self, prompt: str = "问") -> str:
        request_id = uuid.uuid4().hex
        self.app.journal.add_request(request_id, self.asked(prompt))
        self.app.listener.go_on(request_id, 30.0)
        return request_id

    def asked(self, prompt: str = "问") -> Asked:
        return Asked(self.settings.base_url, "bot", "bot", prompt)

    def until(self, kind: type, **fields: Any) -> Any:
        """The next event of this kind with these fields."""
        end = time.monotonic() + DEADLINE_S
        while True:
            event = self.heard.get(timeout=max(0.01, end - time.monotonic()))
            self.all.append(event)
            if isinstance(event, kind) and all(getattr(event, key) == value for key, value in fields.items()):
                return event

    def of(self, kind: type) -> list[Any]:
        while not self.heard.empty():
            self.all.append(self.heard.get())
        return [event for event in self.all if isinstance(event, kind)]
