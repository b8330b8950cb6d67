"""When a locked keyring is open again: whoever waits for a token then goes on without being asked to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

log = logging.getLogger(__name__)


class KeyringLock:
    """What is known of the keyring's lock in this process: one keyring, however many threads ask it."""

    def __init__(self) -> None:
        self.to_tell: list[Callable[[], None]] = []
        self._guard = threading.Lock()
        self._locked = False
        self._asking = 0
        self._watched = False

    @property
    def is_asked_for(self) -> bool:
        """Whether somebody waits for the keyring's answer, and so the user is asked for its password."""
        return self._asking > 0

    @contextmanager
    def asked_for(self) -> Iterator[None]:
        with self._guard:
            self._asking += 1
        try:
            yield
        finally:
            with self._guard:
                self._asking -= 1

    def seen_locked(self) -> None:
        """A Secret Service says so; it says, too, when that changes."""
        with self._guard:
            self._locked = True
            if self._watched:
                return
            self._watched = True
        threading.Thread(target=self._watch, name="keyring-lock", daemon=True).start()

    def silent(self, has_answered: Callable[[], bool]) -> None:
        """It has not answered in time, unless it `has_answered` this instant. The answer may come yet."""
        with self._guard:
            if not has_answered():
                self._locked = True
                return
        self._tell()

    def seen_open(self) -> None:
        with self._guard:
            was_locked, self._locked = self._locked, False
        if was_locked:
            self._tell()

    def _tell(self) -> None:
        for act in list(self.to_tell):
            act()

    def _watch(self) -> None:
        """Until it is unlocked, however that is done: no wake-up while nothing changes."""
        from secretstorage.exceptions import SecretStorageException

        try:
            _until_unlocked()
        except (OSError, SecretStorageException) as error:  # the session ends, say
            log.info("the keyring's lock is watched no longer: %s", error)
            return
        finally:
            with self._guard:
                self._watched = False
        self.seen_open()


def _until_unlocked() -> None:
    """Secret Service API 0.2: CollectionChanged tells of locking and unlocking, too."""
    import secretstorage
    from jeepney import MatchRule, message_bus
    from jeepney.io.blocking import Proxy

    rule = MatchRule(type="signal", interface="org.freedesktop.Secret.Service", member="CollectionChanged")
    with closing(secretstorage.dbus_init()) as connection, connection.filter(rule) as changes:
        Proxy(message_bus, connection).AddMatch(rule)
        while secretstorage.Collection(connection).is_locked():
            connection.recv_until_filtered(changes)
