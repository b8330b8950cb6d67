"""The credential that is kept in the keyring: read at the first use, refreshed before it expires, by one at a time.

A refresh token dies when it is used. So whoever refreshes holds a lock that every thread and process of this user
respects, reads the keyring once more first, and stores the new tokens before anyone uses them. The work is done in a
thread that no cancelled request takes down: between Coze's answer and the keyring nothing may be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from tray.coze import auth
from tray.coze.errors import CozeError, NetworkAwayError
from tray.errors import SIGN_IN, SecretsError
from tray.locale import _
from tray.secrets import OAuth, Stored

log = logging.getLogger(__name__)

MARGIN_S = 90.0
"""So long before its end an access token is refreshed."""
LOCK_S = 100.0
"""Longer than the refresh and the keyring's password prompt of another process take."""
STORE_AGAIN_S = 30.0


class StoredCredential:
    """What the keyring holds for the host of `base_url`. `read` and `write` reach it, and raise SecretsError; `lock` is
    the file that guards it. May be used from any number of threads and event loops."""

    def __init__(
        self,
        base_url: str,
        read: Callable[[], Stored | None],
        write: Callable[[Stored], object],
        lock: Path,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._base_url, self._read, self._write, self._lock, self._now = base_url, read, write, lock, now
        self._guard = threading.Lock()
        self._flight: Future[None] | None = None
        self._known: Stored | None = None
        self._forgotten = True
        self._dead: str | None = None
        """A refresh token that Coze refused: it is not sent again."""
        self._unstored_over: Stored | None = None
        """What the keyring still holds while it could not be written; `_known` is newer."""
        self._store_again_at = 0.0

    def look_again(self) -> None:
        """The next `token` reads the keyring: someone may have signed in or out."""
        self._forgotten = True

    async def token(self) -> str:
        """The access token to use now. Raises SecretsError where nobody is signed in (any more), NetworkAwayError where
        it must be refreshed and Coze can't be reached."""
        known = self._known
        if known is None or self._forgotten or not self._lasts(known):
            await self._renewed(None)
            known = self._known
        elif self._unstored_over is not None and time.monotonic() >= self._store_again_at:
            self._fly(None)  # nobody waits for it
        if known is None:
            raise not_signed_in(self._base_url)
        return bearer(known)

    async def renew(self, refused: str) -> bool:
        """After Coze refused `refused`: look whether there is another token, else refresh. Raises as `token`."""
        for _attempt in range(2):  # the first may have been under way since before the refusal
            if self._known is not None and bearer(self._known) != refused:
                break
            await self._renewed(refused)
        return self._known is not None and bearer(self._known) != refused

    def _lasts(self, stored: Stored, margin_s: float = MARGIN_S) -> bool:
        return not isinstance(stored, OAuth) or stored.expires_at - margin_s > self._now()

    async def _renewed(self, refused: str | None) -> None:
        await asyncio.wrap_future(self._fly(refused))

    def _fly(self, refused: str | None) -> Future[None]:
        """Bring `_known` up to date in a thread; those who come meanwhile wait for the same."""
        with self._guard:
            if self._flight is None or self._flight.done():
                flight: Future[None] = Future()
                flight.set_running_or_notify_cancel()  # from now on nobody who waits can cancel it for the others
                # No daemon: a process that ends waits until the new tokens are stored.
                threading.Thread(target=self._work, args=(flight, refused), name="sign-in").start()
                self._flight = flight
            return self._flight

    def _work(self, flight: Future[None], refused: str | None) -> None:
        try:
            with locked(self._lock):
                self._known = self._current(refused)
                self._forgotten = False
        except BaseException as error:  # noqa: BLE001 - raised again by those who wait
            flight.set_exception(error)
        else:
            flight.set_result(None)

    # Everything below runs with the lock held.

    def _current(self, refused: str | None) -> Stored | None:
        stored = self._stored()
        if not isinstance(stored, OAuth) or (self._lasts(stored) and stored.access_token != refused):
            return stored
        if stored.refresh_token == self._dead:
            raise _over()
        try:
            new = auth.refreshed(self._base_url, stored)
        except CozeError as error:
            log.warning("the sign-in at %s can't be refreshed: %s (logid %s)", self._base_url, error, error.logid)
            self._dead = stored.refresh_token
            raise _over(error) from None
        except NetworkAwayError:
            if self._lasts(stored, margin_s=0) and stored.access_token != refused:
                return stored
            raise
        self._store(new, over=stored)
        return new

    def _stored(self) -> Stored | None:
        """What the keyring holds; what is newer than it, or a sign-in that is known while the keyring is silent."""
        known, over = self._known, self._unstored_over
        try:
            stored = self._read()
        except SecretsError as error:
            if not isinstance(known, OAuth):
                raise
            log.warning("the keyring can't be read, the sign-in goes on without it: %s", error)
            return known
        if over is not None and known is not None:
            if stored == over:
                self._store(known, over=over)
                return known
            self._unstored_over = None  # someone signed in or out meanwhile
        return stored

    def _store(self, new: Stored, over: Stored) -> None:
        try:
            self._write(new)
        except SecretsError as error:
            log.warning("the refreshed sign-in can't be stored and is kept in memory: %s", error)
            self._unstored_over = self._unstored_over or over
            self._store_again_at = time.monotonic() + STORE_AGAIN_S
        else:
            self._unstored_over = None


def bearer(stored: Stored) -> str:
    """The token to send."""
    return stored.access_token if isinstance(stored, OAuth) else stored.token


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Nobody else refreshes, signs in or out meanwhile."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(file, timeout=LOCK_S):
            yield
    except Timeout:
        raise NetworkAwayError(_("Another coze-tray is signing in and does not come to an end."), sent=False) from None


def not_signed_in(base_url: str) -> SecretsError:
    return SecretsError(_("Not signed in to {host}.").format(host=urlsplit(base_url).netloc), _(SIGN_IN))


def _over(error: CozeError | None = None) -> SecretsError:
    said = f" ({error.message}; logid {error.logid})" if error else ""
    return SecretsError(
        _("The sign-in has ended: Coze does not take it any more{said}.").format(said=said),
        _("Sign in again from the icon's menu, or with: coze-tray login --device"),
    )
