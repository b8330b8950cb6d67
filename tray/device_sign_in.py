"""Signing in by device code while the program goes on: the user agrees on any device, a thread waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tray import signing_in
from tray.errors import TrayError
from tray.locale import _
from tray.settings import Settings

if TYPE_CHECKING:
    from tray.coze import auth

log = logging.getLogger(__name__)

_HEED_S = 0.25
"""So soon the waiting ends with the program."""


@dataclass(frozen=True)
class Waiting:
    """A sign-in: `url` has the code in it, `ends_at_s` is on the day's clock. `message`: what came of it."""

    url: str
    user_code: str
    ends_at_s: float
    state: Literal["waiting", "agreed", "failed", "cancelled"] = "waiting"
    message: str = ""


class _EndedError(Exception):
    pass


class DeviceSignIn:
    """At most one at a time. `signed_in` is called in its thread when the keyring has the tokens; `ending` tells that
    the program ends. Its methods may be called from any thread."""

    def __init__(self, signed_in: Callable[[], None], ending: Callable[[], bool]) -> None:
        self._signed_in, self._ending = signed_in, ending
        self._guard = threading.Lock()
        self._now: Waiting | None = None
        self._cancel = threading.Event()

    @property
    def now(self) -> Waiting | None:
        """The one that runs, or the last one."""
        return self._now

    def begin(self, settings: Settings, client_id: str, code: auth.DeviceCode) -> Waiting:
        """Wait until the user agrees to that code; one that was waited for is waited for no more."""
        with self._guard:
            self._cancel.set()
            cancel = self._cancel = threading.Event()
            self._now = begun = Waiting(code.url, code.user_code, time.time() + code.expires_s)
        arguments = (settings, client_id, code, cancel)
        threading.Thread(target=self._wait, args=arguments, name="device-sign-in", daemon=True).start()
        return begun

    def cancel(self) -> None:
        """Wait no more."""
        self._cancel.set()
        self._become(self._cancel, "cancelled", _("Signing in was cancelled."))

    def _wait(self, settings: Settings, client_id: str, code: auth.DeviceCode, cancel: threading.Event) -> None:
        from tray.coze import auth

        def pause(seconds: float) -> None:
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                if self._ending() or cancel.wait(min(left, _HEED_S)):
                    raise _EndedError

        try:
            made = auth.await_device(settings.base_url, client_id, code, pause=pause)
            if cancel.is_set():
                return
            said = signing_in.keep(made, settings)
        except _EndedError:
            return
        except TrayError as error:
            self._become(cancel, "failed", error.message)
        except Exception as error:  # a page waits for its end
            log.exception("signing in by device code")
            text = _("Something in this program failed: {error}").format(error=type(error).__name__)
            self._become(cancel, "failed", text)
        else:
            self._signed_in()
            self._become(cancel, "agreed", said)

    def _become(self, cancel: threading.Event, state: Literal["agreed", "failed", "cancelled"], message: str) -> None:
        with self._guard:
            if cancel is self._cancel and self._now is not None and self._now.state == "waiting":
                self._now = replace(self._now, state=state, message=message)
