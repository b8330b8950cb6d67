"""One coze-tray per user: the lock on the journal, and the socket over which another start hands its request on.

The socket is a Unix socket or a named pipe with a key that only this user can read. JSON is sent over it, never pickle.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tray.errors import HandOffError
from tray.locale import _

log = logging.getLogger(__name__)

Message = dict[str, Any]
Answer = Callable[[Message], Iterator[Message]]
"""Turns what another process asks into the messages it is sent back."""


@dataclass(frozen=True)
class Address:
    """Where the process that holds the lock listens; as in `running.json`."""

    pid: int
    where: str
    key: str


class Instance:
    """The right to be the one. Held until `release`, or until the process ends however it ends."""

    def __init__(self, home: Path, lock: FileLock) -> None:
        self._home, self._lock = home, lock
        self._listener: Listener | None = None
        self._released = threading.Event()

    def serve(self, answer: Answer) -> None:
        """Answer other processes from now on, each in a thread of its own."""
        key = secrets.token_hex(32)
        where = _socket_path(self._home)
        self._listener = Listener(where, "AF_PIPE" if sys.platform == "win32" else "AF_UNIX", authkey=key.encode())
        _write_private(self._home / "running.json", json.dumps({"pid": os.getpid(), "where": where, "key": key}))
        threading.Thread(target=self._accept, args=(self._listener, answer), name="hand-off", daemon=True).start()

    def release(self) -> None:
        """Let another process be the one."""
        self._released.set()
        (self._home / "running.json").unlink(missing_ok=True)
        if self._listener is not None:
            self._listener.close()
        self._lock.release()

    def _accept(self, listener: Listener, answer: Answer) -> None:
        while True:
            try:
                connection = listener.accept()
            except AuthenticationError:
                log.warning("someone without the key knocked at the socket")
                continue
            except (OSError, EOFError) as error:
                if self._released.is_set():
                    return
                log.info("someone knocked and went away: %s", error)
                continue
            threading.Thread(target=_converse, args=(connection, answer), name="hand-off", daemon=True).start()


def acquire(home: Path) -> Instance | None:
    """Become the one coze-tray of this user, or None if another process is. A lock left by a crash is free."""
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "coze-tray.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return None
    return Instance(home, lock)


def running(home: Path) -> Address | None:
    """The process that holds the lock, if it has said so."""
    try:
        said = json.loads((home / "running.json").read_text("utf-8"))
        return Address(int(said["pid"]), str(said["where"]), str(said["key"]))
    except (OSError, ValueError, KeyError):
        return None


def hand_on(address: Address, message: Message) -> Iterator[Message]:
    """Send `message` to the running process and yield its answers as they come. Raises HandOffError."""
    try:
        connection = Client(address.where, "AF_PIPE" if sys.platform == "win32" else "AF_UNIX",
                            authkey=address.key.encode())  # fmt: skip
    except (OSError, EOFError, AuthenticationError) as error:
        raise HandOffError(
            _("coze-tray (process {pid}) runs already, but does not answer: {error}").format(
                pid=address.pid, error=error
            ),
            _("Quit it from its tray menu, or end that process, and try again."),
        ) from None
    with connection:
        connection.send_bytes(json.dumps(message).encode())
        while True:
            try:
                yield json.loads(connection.recv_bytes())
            except EOFError:
                return
            except OSError as error:
                raise HandOffError(_("coze-tray (process {pid}) ended.").format(pid=address.pid), str(error)) from None


def _converse(connection: Connection[Any, Any], answer: Answer) -> None:
    with connection:
        try:
            for message in answer(json.loads(connection.recv_bytes())):
                connection.send_bytes(json.dumps(message, ensure_ascii=False).encode())
        except (EOFError, OSError, ValueError) as error:
            log.info("the process that asked went away: %s", error)


def _socket_path(home: Path) -> str:
    if sys.platform == "win32":
        return rf"\\.\pipe\coze-tray-{secrets.token_hex(8)}"
    path = home / "coze-tray.sock"
    if len(os.fsencode(path)) > 100:  # a Unix socket's path is at most 104 bytes long on macOS
        path = Path(tempfile.mkdtemp(prefix="coze-tray-"), "s")
    path.unlink(missing_ok=True)  # we hold the lock: a socket that is there is a dead one
    return str(path)


def _write_private(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
