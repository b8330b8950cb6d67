"""Runs coze-tray and kills it, as `kill -9` would, at a named point: `python tests/killed.py POINT ask …`."""

from __future__ import annotations

import importlib
import inspect
import itertools
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # this checkout's program, whatever is installed


@dataclass(frozen=True)
class Point:
    """Before or after the `call`-th call of a function, named as module:Class.method."""

    function: str
    when: str
    call: int = 1


def before(function: str, call: int = 1) -> Point:
    return Point(function, "before", call)


def after(function: str, call: int = 1) -> Point:
    return Point(function, "after", call)


POINTS = {
    # A request of a bot that says something, calls a tool and says something again, from the queue to its end.
    "queued": after("tray.journal:Journal.add_request"),
    "begun": after("tray.journal:Journal.running"),
    "before-posting": before("tray.journal:Journal.posting"),
    "posting-but-nothing-sent": after("tray.journal:Journal.posting"),
    "created-but-not-journalled": before("tray.journal:Journal.run_is"),
    "created": after("tray.journal:Journal.run_is"),
    "first-text": before("tray.running:TextArrived"),
    "first-answer-said": after("tray.journal:Journal.said"),
    "requires-action-read": before("tray.running:Runner._answer"),
    "tool-started": after("tray.journal:Journal.tool_started"),
    "draft-staged": before("tray.draft.publish:move_in"),
    "draft-in-place-but-not-journalled": after("tray.draft.publish:move_in"),
    "draft-journalled": after("tray.running:DraftLedger.written"),
    "tool-run-but-output-not-stored": before("tray.journal:Journal.tool_finished"),
    "tool-output-stored": after("tray.journal:Journal.tool_finished"),
    "submission-taken-but-answer-unread": before("tray.coze.wire:events", 2),
    "last-answer-said": after("tray.journal:Journal.said", 2),
    "completed-but-not-journalled": before("tray.journal:Journal.done"),
    "done-but-not-told": after("tray.journal:Journal.done"),
    # A workflow's, that says something and waits at a Question node that carries a tool call.
    "waiting-but-not-journalled": before("tray.journal:Journal.run_is", 2),
    "waiting": after("tray.journal:Journal.run_is", 2),
}


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: Point) -> None:
    """Let this process die there."""
    module, _colon, path = point.function.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    real: Callable[..., Any] = getattr(owner, name)
    calls = itertools.count(1)

    @wraps(real)
    def deadly(*args: Any, **named: Any) -> Any:
        due = next(calls) == point.call
        if due and point.when == "before":
            _kill()
        made = real(*args, **named)
        if due:
            _kill()
        return made

    @wraps(real)
    async def deadly_later(*args: Any, **named: Any) -> Any:
        due = next(calls) == point.call
        if due and point.when == "before":
            _kill()
        made = await real(*args, **named)
        if due:
            _kill()
        return made

    setattr(owner, name, deadly_later if inspect.iscoroutinefunction(real) else deadly)


if __name__ == "__main__":
    arm(POINTS[sys.argv.pop(1)])
    from tray.__main__ import main

    main()
