"""One worker process for what needs the CPU: probing and building. It keeps the listener's loop free, its memory goes
back to the system when it ends, and a media file that crashes the prober takes only the worker with it."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WorkerDiedError(Exception):
    """The worker process ended in the middle of a job (a crash in a media library, or it was killed)."""


class Worker:
    """Runs functions in another process, one at a time, in order. Use as an async context manager.

    Cancelling a `run` kills the process, and with it whatever the function was writing; the next `run` starts a new
    one. Functions and arguments must be picklable.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._turn = asyncio.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    async def __aenter__(self) -> Worker:
        self._start()  # its imports go on while media is being fetched
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._kill()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises. Raises WorkerDiedError if the process ends meanwhile."""
        async with self._turn:
            if self._process is None:
                self._start()
            try:
                failed, result = await asyncio.to_thread(self._ask, function, args, kwargs)
            except (EOFError, OSError):
                self._kill()
                raise WorkerDiedError from None
            except asyncio.CancelledError:
                self._kill()
                raise
        if failed:
            raise result
        value: T = result
        return value

    def _ask(self, *job: Any) -> tuple[bool, Any]:
        connection = self._connection
        if connection is None:
            raise EOFError
        connection.send(job)
        answer: tuple[bool, Any] = connection.recv()
        return answer

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._language), daemon=True)
        with _interrupts_held():
            self._process.start()
        theirs.close()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
        # Not closed here: a thread may still read from it, and its number could be another file's by then.
        self._connection = None


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process started meanwhile never hears Ctrl-C, not even while Python still starts in it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, language: str) -> None:
    """The worker's life: answer jobs until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")  # media libraries remark on broken files
    logging.getLogger().addHandler(logging.NullHandler())
    from tray import locale

    locale.use(language)
    has_imported = False
    while True:
        try:
            function, args, kwargs = connection.recv()
        except EOFError:
            return
        try:
            answer = _pickled(False, function(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is raised again where the job was given
            answer = _pickled(True, error)
        connection.send_bytes(answer)
        if not has_imported:  # while the media is asked for that the first answer names
            _import_what_is_slow()
            has_imported = True


def _pickled(failed: bool, result: object) -> bytes:
    """The answer as it is sent. An error that can't be handed over, both ways, is said in another's words."""
    try:
        made = pickle.dumps((failed, result))
        if failed:
            pickle.loads(made)  # noqa: S301 - it is our own
    except Exception:
        if not failed:
            raise
        return pickle.dumps((True, RuntimeError(f"{type(result).__name__}: {result}")))
    return made


def _import_what_is_slow() -> None:
    """What every draft needs; what only some media need (av) is imported when they come."""
    from tray.draft import build, cover, meta, resolve

    del build, cover, meta, resolve


def _end_with_parent() -> None:
    """A parent that is killed can't tell its worker to end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
