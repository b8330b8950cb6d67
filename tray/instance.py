"""One coze-tray per user: the lock on the journal, and the socket over which another start hands its request on.

The socket is a Unix socket or a named pipe with a key that only this user can read. JSON is sent over it, never pickle.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tray.errors import HandOffError
from tray.home import write_private
from tray.locale import _

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 10.0
OPENING_S = 10.0
"""For so long a program may hold the lock before it answers: it is just starting, or just ending."""
_HEARD = b"{}"
_RUNNING, _PID = "running.json", "coze-tray.pid"
_MOST_WAITING = 16
_FAMILY = "AF_PIPE" if sys.platform == "win32" else "AF_UNIX"

Message = dict[str, Any]
Answer = Callable[[Message], Generator[Message, None, None]]
"""Turns what another process asks into the messages it is sent back; closed when that process goes away."""


@dataclass(frozen=True)
class Address:
    """Where the process that holds the lock listens; as in running.json."""

    pid: int
    where: str
    key: str


class Instance:
    """The right to be the one. Held until `release`, or until the process ends however it ends."""

    def __init__(self, home: Path, lock: FileLock) -> None:
        self._home, self._lock = home, lock
        self._listener: Listener | None = None
        self._answer: Answer | None = None
        self._released = threading.Event()

    def serve(self, answer: Answer) -> None:
        """Answer other processes from now on, each in a thread of its own; the second time: by `answer` from now on."""
        self._answer = answer
        if self._listener is not None:
            return
        key = secrets.token_hex(32)
        where = _socket_path(self._home)
        self._listener = Listener(where, _FAMILY, backlog=_MOST_WAITING)
        write_private(self._home / _RUNNING, json.dumps({"pid": os.getpid(), "where": where, "key": key}))
        accept = (self._listener, key.encode())
        threading.Thread(target=self._accept, args=accept, name="hand-off", daemon=True).start()

    def release(self) -> None:
        """Let another process be the one."""
        self._released.set()
        try:
            _forget(self._home)
            listener, self._listener = self._listener, None
            if listener is not None:
                folder = Path(str(listener.address)).parent
                with suppress(OSError):  # closing alone does not wake the thread that waits in accept
                    _connected(str(listener.address), 0.0).close()
                listener.close()
                if sys.platform != "win32" and folder != self._home:
                    with suppress(OSError):
                        folder.rmdir()
        finally:
            self._lock.release()

    def _accept(self, listener: Listener, key: bytes) -> None:
        while True:
            try:
                connection = listener.accept()
            except (OSError, EOFError) as error:
                if self._released.is_set():
                    return
                log.info("someone knocked and went away: %s", error)
                self._released.wait(0.1)  # no more open files, say: that may last
                continue
            if self._released.is_set():
                connection.close()
                return
            talk = (connection, key, self._answer)
            threading.Thread(target=_converse, args=talk, name="hand-off", daemon=True).start()


def acquire(home: Path) -> Instance | None:
    """Become the one coze-tray of this user, or None if another process is. A lock left by a crash is free, and what
    else the crash has left is removed."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(home / "coze-tray.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return None
    with suppress(OSError):  # a full disk keeps nobody from asking what runs
        _forget(home)
        write_private(home / _PID, str(os.getpid()))
    return Instance(home, lock)


def reach(home: Path, message: Message) -> Instance | Message:
    """The right to be the one, where no other process is; else what that one answers to `message`, the first of it.
    Who is just starting or ending is waited for. Raises HandOffError for one that does not answer."""
    end = time.monotonic() + OPENING_S
    while True:
        held = acquire(home)
        if held is not None:
            return held
        address = running(home)
        if address is not None:
            try:
                with closing(hand_on(address, message)) as answers:
                    return next(answers)
            except HandOffError as error:
                log.info("%s", error)
        if time.monotonic() >= end:
            raise _silent(holder(home))
        time.sleep(0.1)


def acquire_or_tell(home: Path) -> Instance:
    """As `acquire`, but raises HandOffError that says who keeps the lock."""
    for _attempt in range(10):  # `status` holds it for an instant
        held = acquire(home)
        if held is not None:
            return held
        time.sleep(0.1)
    raise taken(home)


def taken(home: Path) -> HandOffError:
    """The error that says who keeps the lock."""
    pid = holder(home)
    who = _("process {pid}").format(pid=pid) if pid else _("another process")
    return HandOffError(
        _("coze-tray runs already ({who}) and holds the journal.").format(who=who),
        _("Look for its icon in the tray, or end that process."),
    )


def holder(home: Path) -> int | None:
    """The process that holds the lock, if it could say so."""
    try:
        return int((home / _PID).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def running(home: Path) -> Address | None:
    """The process that holds the lock, if it has said so."""
    try:
        said = json.loads((home / _RUNNING).read_text("utf-8"))
        return Address(int(said["pid"]), str(said["where"]), str(said["key"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def hand_on(address: Address, message: Message) -> Generator[Message, None, None]:
    """Send `message` to the running process and yield its answers as they come, to their end. Raises HandOffError where
    none comes."""
    silent = _silent(address.pid)
    try:
        connection = _connected(address.where, ANSWER_WITHIN_S)
        for handshake in (answer_challenge, deliver_challenge):
            if handshake is answer_challenge and not connection.poll(ANSWER_WITHIN_S):
                raise silent
            handshake(connection, address.key.encode())
        connection.send_bytes(json.dumps(message).encode())
        if not connection.poll(ANSWER_WITHIN_S):
            raise silent
        connection.recv_bytes()
        answer = json.loads(connection.recv_bytes())
    except (OSError, EOFError, AuthenticationError):
        raise silent from None
    with connection:
        while True:
            yield answer
            try:
                answer = json.loads(connection.recv_bytes())
            except (EOFError, OSError):
                return


def _connected(where: str, within_s: float) -> Connection[Any, Any]:
    """A connection to whoever listens there. Raises OSError. A process that hangs takes none, and once a few wait for
    it, multiprocessing's own Client would wait for ever; Windows' pipes have a time-out of their own."""
    if sys.platform == "win32":
        return Client(where, _FAMILY)
    end = time.monotonic() + within_s
    while True:
        with socket.socket(socket.AF_UNIX) as made:
            made.setblocking(False)
            try:
                made.connect(where)
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise
            else:
                made.setblocking(True)
                return Connection(made.detach())
        time.sleep(0.05)


def tell(home: Path, message: Message) -> None:
    """Send `message` to the process that holds the lock, where one runs; what it answers does not matter."""
    if address := running(home):
        try:
            for _said in hand_on(address, message):
                pass
        except HandOffError as error:
            log.info("%s", error)


def _silent(pid: int | None) -> HandOffError:
    """The error that says who does not answer, and how that is ended."""
    if pid is None:
        return HandOffError(
            _("coze-tray runs already, but does not answer."), _("Quit it from its tray menu, or restart the computer.")
        )
    if sys.platform == "win32":
        how = _("Quit it from its tray menu, or end process {pid} in the Task Manager (Details), and try again.")
    elif sys.platform == "darwin":
        how = _("Quit it from its tray menu, or end process {pid} in the Activity Monitor, and try again.")
    else:
        how = _("Quit it from its tray menu, or end that process (kill {pid}), and try again.")
    text = _("coze-tray (process {pid}) runs already, but does not answer.")
    return HandOffError(text.format(pid=pid), how.format(pid=pid))


def _forget(home: Path) -> None:
    """Nobody runs, as far as the files say."""
    for name in (_RUNNING, _PID):
        with suppress(PermissionError):  # Windows: somebody is reading it
            (home / name).unlink(missing_ok=True)


def _converse(connection: Connection[Any, Any], key: bytes, answer: Answer) -> None:
    with connection:
        try:
            deliver_challenge(connection, key)
            answer_challenge(connection, key)
            message = json.loads(connection.recv_bytes())
            connection.send_bytes(_HEARD)  # what there is to say may take its time
            with closing(answer(message)) as messages:
                for message in messages:
                    connection.send_bytes(json.dumps(message).encode())
        except AuthenticationError:
            log.warning("someone without the key knocked at the socket")
        except (EOFError, OSError) as error:
            log.info("the process that asked went away: %s", error)
        except Exception:  # what another process asks must not end this one
            log.exception("a question could not be answered")


def _socket_path(home: Path) -> str:
    if sys.platform == "win32":
        return rf"\\.\pipe\coze-tray-{secrets.token_hex(8)}"
    path = home / "coze-tray.sock"
    if len(os.fsencode(path)) > 100:  # a Unix socket's path is at most 104 bytes long on macOS
        path = Path(tempfile.mkdtemp(prefix="coze-tray-"), "s")
    path.unlink(missing_ok=True)  # we hold the lock: a socket that is there is a dead one
    return str(path)
