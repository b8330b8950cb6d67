"""What a job may do to the worker, and what its caller hears of it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tray import memory
from tray.draft.worker import Worker, WorkerDiedError


class OddError(Exception):
    """Can be pickled, but not unpickled: its arguments are not what it was made with."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} at {where}")


def odd() -> None:
    raise OddError("something", "somewhere")


def unpicklable() -> Callable[[], None]:
    return lambda: None


class LockError(Exception):
    """Can't be pickled at all."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


def locked() -> None:
    raise LockError


def crash() -> None:
    os._exit(3)


def hang() -> None:
    threading.Event().wait()


def warn() -> None:
    import logging

    warnings.warn("odd TIFF", stacklevel=1)
    logging.getLogger("PIL").error("odd TIFF")


def pid() -> int:
    return os.getpid()


def jobs(*functions: Callable[[], Any], timeout_s: float | None = None) -> list[Any]:
    """What each job of one worker gives, or raises."""

    async def run() -> list[Any]:
        made: list[Any] = []
        async with Worker("en") as worker:
            for function in functions:
                try:
                    made.append(await asyncio.wait_for(worker.run(function), timeout_s if function is hang else None))
                except Exception as error:  # noqa: BLE001 - whatever it is
                    made.append(error)
        return made

    return asyncio.run(run())


@pytest.mark.parametrize(("job", "words"), [(odd, "OddError: something at somewhere"), (locked, "LockError: locked"),
                                            (unpicklable, "lambda")])  # fmt: skip
def test_what_can_t_be_handed_over_is_said_and_the_worker_lives(job, words, capfd):
    before, error, after = jobs(pid, job, pid)
    assert words in str(error)
    assert before == after
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("job", "error"), [(crash, WorkerDiedError), (hang, asyncio.TimeoutError)])
def test_after_a_job_that_crashes_or_hangs_there_is_a_new_worker(job, error, capfd):
    before, raised, after = jobs(pid, job, pid, timeout_s=0.2)
    assert isinstance(raised, error)
    assert isinstance(after, int) and before != after
    assert capfd.readouterr().err == ""


def test_what_libraries_remark_on_does_not_reach_the_user_s_terminal(capfd):
    assert jobs(warn) == [None]
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_that_helped_a_worker_stays_when_memory_is_given_back_and_the_next_one_works() -> None:
    async def once() -> int:
        async with Worker("en") as worker:
            memory.give_back()  # while it works, it is left alone
            return await worker.run(abs, -1)

    for _time in range(2):
        assert asyncio.run(once()) == 1
        memory.give_back()
        assert not Path(f"/proc/self/task/{os.getpid()}/children").read_text()
