"""A mailbox in the simulated cloud: a database table of tool calls for devices, and the workflow that returns them.

What its nodes do is written as the README says to build them in Coze. In a script:

    mailbox = SimulatedMailbox()
    with Simulator(routes=mailbox.routes()) as cloud:
        mailbox.put("generate_draft", {"content": export}, device="studio")
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tray.simulator.exchange import Exchange, Frames
from tray.simulator.workflows import SimulatedRun, Workflows


@dataclass
class Row:
    """A row of the table. `result`: what the device told of it."""

    id: str
    device: str
    tool: str
    arguments: Any
    status: str = "pending"
    result: Any = None
    deliveries: int = 0


@dataclass
class SimulatedMailbox:
    """`hold_s`: for so long a run keeps its stream open until a row comes, with a PING every `ping_s`; 0: it returns at
    once. `output`: makes the End node's output of the rows that are delivered."""

    hold_s: float = 0.0
    ping_s: float = 0.05
    output: Callable[[list[Row]], Any] = lambda rows: [
        {"id": row.id, "tool": row.tool, "arguments": row.arguments} for row in rows
    ]
    honours_ack: bool = True
    rows: list[Row] = field(default_factory=list)
    workflows: Workflows = field(init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)

    def __post_init__(self) -> None:
        self.workflows = Workflows(self._run, lambda _run, _said: ())

    @property
    def runs(self) -> list[SimulatedRun]:
        """All there were, the newest last."""
        return self.workflows.runs

    def routes(self) -> dict[str, Callable[[Exchange], None]]:
        """For Simulator.routes."""
        return self.workflows.routes()

    def put(self, tool: str, arguments: Any, *, device: str, id: str = "") -> Row:
        """What the workflow that stores a draft does."""
        with self._changed:
            row = Row(id or str(len(self.rows) + 1), device, tool, arguments)
            self.rows.append(row)
            self._changed.notify_all()
        return row

    def _run(self, run: SimulatedRun) -> Frames:
        if self.honours_ack:
            self._acknowledge(json.loads(run.parameters["ack"]), json.loads(run.parameters["results"]))
        end = time.monotonic() + self.hold_s
        yield run.ping()
        while not (rows := self._pending(run.parameters)) and time.monotonic() < end:
            with self._changed:
                self._changed.wait(self.ping_s)
            yield run.ping()
        for row in rows:
            row.deliveries += 1
        yield from run.end(self.output(rows))
        yield run.done()

    def _acknowledge(self, ids: list[str], results: list[dict[str, Any]]) -> None:
        told = {one["id"]: one for one in results}
        with self._changed:
            for row in self.rows:
                if row.id in ids:
                    row.status, row.result = "done", told.get(row.id)

    def _pending(self, parameters: Any) -> list[Row]:
        with self._changed:
            pending = [r for r in self.rows if r.status == "pending" and r.device in ("", parameters["device"])]
        return pending[: int(parameters["limit"])]
