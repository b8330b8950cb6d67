"""A key combination that opens the page from anywhere, on Windows and on X11.

Not on macOS: pynput asks it for the keyboard's layout in a thread, and macOS ends a program with windows for that
(moses-palmer/pynput, issues 424 and 511). Its own Shortcuts can open `coze-tray://ask` by a key.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from tray.locale import _

log = logging.getLogger(__name__)


class Hotkey:
    """Listens in a thread of its own, from `start` to `stop`. `said`: as in the settings. `pressed` is called in
    another thread; `failed` with why it can't be."""

    def __init__(self, said: str, pressed: Callable[[], object], failed: Callable[[str], None]) -> None:
        self.said = said
        self._pressed, self._failed = pressed, failed
        self._lock = threading.Lock()
        self._stopped = False
        self._listener: Any = None

    def start(self) -> None:
        threading.Thread(target=self._live, name="hotkey", daemon=True).start()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            # Where it waits for X11, its own way to be stopped from another thread uses the connection it waits on, and
            # may spin for ever (seen with python-xlib 0.33): there it ends at the next key.
            if self._listener is not None and sys.platform == "win32":
                self._listener.stop()

    def _live(self) -> None:
        why = _unfit()
        if why is None:
            try:
                self._listen()
            except ModuleNotFoundError:  # Linux's needs a compiler to be installed, so it is left to the user
                why = _("pynput is not installed (pip install pynput).")
            except Exception as error:
                log.exception("the hotkey")
                why = next(iter(str(error).splitlines()), "") or type(error).__name__
        if why is not None and not self._stopped:
            self._failed(_("The hotkey {keys} does not work: {why}").format(keys=self.said, why=why))

    def _listen(self) -> None:
        from pynput.keyboard import HotKey, Listener

        keys = HotKey(HotKey.parse(self.said), self._on_press)

        def down(key: Any) -> bool:
            if not self._stopped:
                keys.press(self._listener.canonical(key))
            return not self._stopped

        def up(key: Any) -> bool:
            keys.release(self._listener.canonical(key))
            return not self._stopped

        with self._lock:
            if self._stopped:
                return
            self._listener = Listener(on_press=down, on_release=up)
            self._listener.start()
        self._listener.join()  # raises what ends it

    def _on_press(self) -> None:
        """Windows passes each key through this thread: the user must not wait for it."""
        threading.Thread(target=self._pressed, name="hotkey-pressed", daemon=True).start()


def _unfit() -> str | None:
    if sys.platform == "darwin":
        return _("macOS does not let it. In its Shortcuts app, make one that opens coze-tray://ask and give it a key.")
    if os.environ.get("WAYLAND_DISPLAY"):
        return _("Wayland does not let it. In the desktop's settings, give a key to the command coze-tray page.")
    return None
