"""The program's log: `coze-tray.log` in its home folder, which never grows large and holds no secret; and where the
program and its threads end when they crash. Imported by the icon: the standard library alone."""

from __future__ import annotations

import atexit
import faulthandler
import logging
import logging.handlers
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from tray.home import private
from tray.redact import redacted
from tray.text import for_terminal

log = logging.getLogger(__name__)

NAME = "coze-tray.log"
CRASH_NAME = "crash.txt"
MOST_BYTES = 1_000_000
KEPT = 2
"""Earlier files beside it: coze-tray.log.1 and .2."""
POLL_S = 0.25


def log_to(home: Path) -> None:
    """Log into the file in `home` from now on, and into no other. What libraries say is kept from warnings up.
    Raises OSError."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _LogFile):
            if handler.baseFilename == str((home / NAME).absolute()):
                return
            root.removeHandler(handler)
            handler.close()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    root.addHandler(_LogFile(home / NAME))
    logging.getLogger("tray").setLevel(logging.INFO)


def catch_crashes(home: Path) -> None:
    """From now on, what ends a thread or the program stands in the log, and what kills the interpreter in a file of its
    own, which the next start keeps as crash-before.txt."""
    path = home / CRASH_NAME
    with suppress(OSError):  # Windows: another process of ours has it open
        if path.exists() and (said := path.read_text("utf-8", "replace")):
            if _tells_of_a_crash(said):
                path.replace(crashed_before(home))
                log.warning("an earlier run crashed: %s", crashed_before(home).name)
            else:
                log.info("an earlier run went on after: %s", said.partition("\n")[0])
                path.write_text("")
    file: IO[str] = open(path, "a", encoding="utf-8", opener=private)  # noqa: SIM115 - open for as long as we live
    faulthandler.enable(file)
    atexit.register(_outlived, file)
    end, before, before_unraisable = sys.excepthook, threading.excepthook, sys.unraisablehook

    def of_program(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("the program ended", exc_info=error)
        end(kind, error, trace)

    def of_thread(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "?"
        if args.exc_type is not SystemExit:
            log.critical("the thread %s ended", name, exc_info=args.exc_value)
        before(args)

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        log.error("%s: %r", args.err_msg or "ignored", args.object, exc_info=args.exc_value)
        before_unraisable(args)

    sys.excepthook, threading.excepthook, sys.unraisablehook = of_program, of_thread, unraisable


def _outlived(file: IO[str]) -> None:
    """The program has come to its end: whatever faulthandler wrote of did not kill it."""
    with suppress(OSError):
        file.truncate(0)


def _tells_of_a_crash(said: str) -> bool:
    """Whether what faulthandler wrote in a run that did not end in order may have ended it.

    On Windows it also writes of exceptions that are caught behind it (CPython, faulthandler_exc_handler): those that
    COM and RPC raise as a matter of course have codes like 0x8001010d; what kills has a name there, or an NTSTATUS of
    an error, 0xc…."""
    caught = _WINDOWS_EXCEPTION.findall(said)
    return not caught or "Fatal Python error" in said or any(_MAY_KILL.match(found) for found in caught)


_WINDOWS_EXCEPTION = re.compile(r"^Windows fatal exception: (.*)", re.MULTILINE)
_MAY_KILL = re.compile(r"(?!code )|code 0xc", re.IGNORECASE)


def crashed_before(home: Path) -> Path:
    return home / "crash-before.txt"


def last_lines(home: Path, n: int) -> tuple[list[str], int]:
    """The last `n` lines, of earlier files too where the log has only just begun; and how many bytes of the log they
    end after, for `follow`. Raises OSError."""
    lines: list[str] = []
    at = 0
    for path in files(home):
        held = _read(path, 0)
        if path.name == NAME:
            at = len(held)
        lines = [*(redacted(line) for line in held.decode("utf-8", "replace").splitlines()), *lines]
        if len(lines) >= n:
            break
    return lines[max(0, len(lines) - n) :], at


def files(home: Path) -> list[Path]:
    """The log's files that are there, newest first."""
    path = home / NAME
    return [file for file in (path, *(home / f"{NAME}.{n}" for n in range(1, KEPT + 1))) if file.exists()]


def follow(home: Path, at: int, ended: threading.Event) -> Iterator[str]:
    """The lines that are added after the first `at` bytes, until `ended`, over the log's beginning anew. The file is
    open only while it is read. Raises OSError."""
    path, rest = home / NAME, b""
    while not ended.wait(POLL_S):
        size = path.stat().st_size if path.exists() else 0
        added = b""
        if size < at:  # it was copied and emptied: what came before that is in the copy
            earlier = home / f"{NAME}.1"
            added, at = _read(earlier, at) if earlier.exists() else b"", 0
        if size > at:
            more = _read(path, at)
            added, at = added + more, at + len(more)
        *whole, rest = (rest + added).split(b"\n")
        for line in whole:
            yield redacted(line.decode("utf-8", "replace").rstrip("\r"))


def _read(path: Path, at: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read()


class _LogFile(logging.handlers.RotatingFileHandler):
    """What a bot was asked may stand in it: it is for this user alone. When it is full it is copied and emptied, not
    renamed, so that other processes may have it open: on Windows a file that is open can't be renamed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8")
        self.rotator = _copy_and_empty
        self.setFormatter(_OneRecord("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def doRollover(self) -> None:  # noqa: N802 - the handler's own name for it
        try:
            super().doRollover()
        except OSError:  # an earlier file is being read: the next record tries again
            self.stream = self._open()

    def _open(self) -> Any:
        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=private)


def _copy_and_empty(source: str, target: str) -> None:
    with Path(source).open("r+b") as old, open(target, "wb", opener=private) as new:
        shutil.copyfileobj(old, new)
        old.truncate(0)


class _OneRecord(logging.Formatter):
    """What a bot says may stand in a record: no line of it can pass for the beginning of another."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(for_terminal(super().format(record))).replace("\n", "\n    ")
