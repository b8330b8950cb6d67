"""The workflows of the simulated cloud: what their runs say, and the endpoints that start and resume them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tray.simulator.exchange import Exchange, Frames

MOST_RESUMES = 3


@dataclass
class SimulatedRun:
    """A run as the cloud keeps it. `waiting`: the `interrupt_data` that it waits at; `resumes`: each `resume_data` it
    has taken."""

    id: str
    workflow_id: str
    parameters: Mapping[str, Any]
    bot_id: str = ""
    resumes: list[str] = field(default_factory=list)
    waiting: dict[str, Any] | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    """What the request that started it said."""
    frames: int = 0
    """How many the stream of now has had: its ids restart at 0 after a resume."""

    # What a script says: each of these gives frames for the stream, in the recorded form.

    def message(self, title: str, text: str, pieces: int = 1, *, finish: bool = True, **more: Any) -> Iterator[bytes]:
        """What a node says, in `pieces` of about the same length. `more`: further fields, such as node_id."""
        length = max(1, -(-len(text) // pieces))
        cut = [text[start : start + length] for start in range(0, len(text), length)] or [""]
        for number, piece in enumerate(cut):
            last = finish and number == len(cut) - 1
            said = {"content": piece, "node_is_finish": last, "node_seq_id": str(number), "node_title": title}
            yield self.frame("Message", {**said, **more})

    def end(self, output: Any, title: str = "", pieces: int = 1, token: int = 0) -> Iterator[bytes]:
        """The End node: its output in a JSON object; recorded with an empty title."""
        text = json.dumps({"output": output}, ensure_ascii=False)
        yield from self.message(title, text, pieces, cost="0.00", token=token)

    def interrupt(self, kind: int, data: Any = "", title: str = "", **more: Any) -> bytes:
        """`more`: further fields of `interrupt_data`."""
        event_id = f"{self.id}/{uuid.uuid4().int % 10**19}"
        self.waiting = {"data": data, "event_id": event_id, "type": kind, **more}
        return self.frame("Interrupt", {"interrupt_data": self.waiting, "node_title": title})

    def error(self, code: int, message: str) -> bytes:
        return self.frame("Error", {"error_code": code, "error_message": message})

    def ping(self) -> bytes:
        return self.frame("PING", {"content": "{}"})

    def done(self) -> bytes:
        url = f"https://www.coze.cn/work_flow?execute_id={self.id}&workflow_id={self.workflow_id}"
        return self.frame("Done", {"debug_url": url})

    def frame(self, event: str, data: Any) -> bytes:
        number, self.frames = self.frames, self.frames + 1
        return f"id: {number}\nevent: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


@dataclass
class Workflows:
    """The endpoints of `/v1/workflow`. `on_run` and `on_resume` write the streams: of a new run, and of one that is
    resumed with `resume_data`. `runs`: all there were, the newest last."""

    on_run: Callable[[SimulatedRun], Frames]
    on_resume: Callable[[SimulatedRun, str], Frames]
    runs: list[SimulatedRun] = field(default_factory=list)

    def routes(self) -> dict[str, Callable[[Exchange], None]]:
        return {"/v1/workflow/stream_run": self._run, "/v1/workflow/stream_resume": self._resume}

    def _run(self, exchange: Exchange) -> None:
        body = exchange.body
        run = SimulatedRun(
            id=str(uuid.uuid4().int % 10**19),
            workflow_id=body["workflow_id"],
            parameters=body.get("parameters") or {},
            bot_id=body.get("bot_id") or "",
            body=body,
        )
        self.runs.append(run)
        exchange.stream(self.on_run(run))

    def _resume(self, exchange: Exchange) -> None:
        body = exchange.body
        run = next((run for run in self.runs if _waits(run, body)), None)
        if run is None:
            exchange.refuse(4315, "the workflow does not wait for this event")
        elif len(run.resumes) >= MOST_RESUMES:
            exchange.refuse(4000, "a workflow is resumed 3 times at most")
        else:
            run.waiting, run.frames = None, 0
            run.resumes.append(body["resume_data"])
            exchange.stream(self.on_resume(run, body["resume_data"]))


def _waits(run: SimulatedRun, body: Mapping[str, Any]) -> bool:
    asked = body.get("workflow_id"), body.get("event_id"), body.get("interrupt_type")
    return run.waiting is not None and asked == (run.workflow_id, run.waiting["event_id"], run.waiting["type"])
