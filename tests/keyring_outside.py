"""A keyring for processes under test: a file outside the program's home, named by TEST_KEYRING. TEST_KEYRING_READ_ONLY
names a file: while it is there, nothing is stored."""

from __future__ import annotations

import json
import os
from pathlib import Path

from filelock import FileLock
from keyring.backend import KeyringBackend
from keyring.errors import PasswordSetError

MODULE = "keyring_outside.Keyring"


def environment(file: Path) -> dict[str, str]:
    """What makes a process use it."""
    path = os.pathsep.join([str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    return {"PYTHON_KEYRING_BACKEND": MODULE, "TEST_KEYRING": str(file), "PYTHONPATH": path.rstrip(os.pathsep)}


class Keyring(KeyringBackend):
    priority = 1  # type: ignore[assignment]

    @property
    def _file(self) -> Path:
        return Path(os.environ["TEST_KEYRING"])

    def get_password(self, service: str, username: str) -> str | None:
        with self._lock():
            return self._entries().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._change({f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        self._change({f"{service} {username}": None})

    def _change(self, change: dict[str, str | None]) -> None:
        read_only = os.environ.get("TEST_KEYRING_READ_ONLY")
        if read_only and Path(read_only).exists():
            raise PasswordSetError("read-only")
        with self._lock():
            entries = {k: v for k, v in {**self._entries(), **change}.items() if v is not None}
            self._file.write_text(json.dumps(entries))

    def _entries(self) -> dict[str, str]:
        return dict(json.loads(self._file.read_text())) if self._file.exists() else {}

    def _lock(self) -> FileLock:
        return FileLock(self._file.with_suffix(".lock"))
