"""The icon in the system tray and its menu. Nothing here may block: what can take time runs in a thread."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from tray import words
from tray.desktop import autostart, host
from tray.desktop.images import state_image
from tray.desktop.notify import cut
from tray.desktop.opener import open_folder
from tray.errors import TrayError
from tray.events import Bus, DraftWritten, Event, State, StateChanged
from tray.locale import _

log = logging.getLogger(__name__)

_TITLE_UNITS = 127
"""What Windows takes, in UTF-16 units (NOTIFYICONDATAW.szTip: 128 with the closing zero)."""

_LABEL_UNITS = 80


class Controls(Protocol):
    """What the menu can ask of the program. All but `quit` are called in threads of the tray's own and may take time;
    what they raise is logged."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def listening(self) -> bool: ...

    def recent_drafts(self) -> list[tuple[str, str]]:
        """Name and folder of each, the newest first."""

    def drafts_folder(self) -> str | None: ...

    def quit(self) -> None:
        """End the program. The icon goes when this returns."""


@dataclass(frozen=True)
class _Seen:
    """What the menu shows. It is gathered in a thread, as the menu itself is made in the main thread."""

    listening: bool = False
    recent_drafts: tuple[tuple[str, str], ...] = ()
    drafts_folder: str | None = None
    starts_at_login: bool = False


class Tray:
    """The icon. `icon` is pystray's own while `run` runs, else None."""

    def __init__(self, controls: Controls, bus: Bus) -> None:
        self.icon: Any | None = None
        self._controls = controls
        self._state = StateChanged("stopped")
        self._shown: State | None = None
        self._seen = _Seen()
        self._stopping = threading.Event()
        self._stale = threading.Event()
        self._unsubscribe = bus.subscribe(self._on_event)

    def run(self, setup: Callable[[], None] | None = None) -> None:
        """Show the icon until `stop`; blocks the main thread. `host.prepare` must have returned None before.

        `setup` is called in a thread once the icon is visible.
        """
        import pystray

        host.adapt_pystray()
        self.icon = pystray.Icon("coze-tray", state_image(self._state.state), "coze-tray", menu=self._menu())

        def ready(icon: Any) -> None:
            host.on_main_thread(lambda: setattr(icon, "visible", True))
            if self._stopping.is_set():  # before there was a loop to stop
                self.stop()
                return
            host.on_signals(self.quit)
            threading.Thread(target=self._follow, name="tray-menu", daemon=True).start()
            self._stale.set()
            if setup is not None:
                threading.Thread(target=setup, name="tray-setup", daemon=True).start()

        try:
            self.icon.run(ready)
        finally:
            self._unsubscribe()
            self._stopping.set()
            self._stale.set()
            self.icon = None

    def stop(self) -> None:
        """Take the icon away and let `run` return. From any thread; before `run` too."""
        self._stopping.set()
        icon = self.icon
        if icon is not None:
            host.on_main_thread(icon.stop)

    def quit(self) -> None:
        """What the menu's last entry does."""

        def end() -> None:
            try:
                self._controls.quit()
            finally:
                self.stop()

        self._in_thread(end)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            self._state = event
        if isinstance(event, StateChanged | DraftWritten):
            self._stale.set()

    def _follow(self) -> None:
        """Keep icon, title and menu as they should be; many changes at once make one update."""
        while True:
            self._stale.wait()
            self._stale.clear()
            icon = self.icon
            if icon is None or self._stopping.is_set():
                return
            try:
                self._seen = self._look()
            except Exception:  # the menu then shows what it showed before
                log.exception("the menu could not be brought up to date")
            host.on_main_thread(partial(self._show, icon))

    def _show(self, icon: Any) -> None:
        changed = self._state
        if changed.state != self._shown:  # a new picture costs the panel more than a new text
            icon.icon = state_image(changed.state)
            self._shown = changed.state
        icon.title = cut(f"coze-tray: {in_words(changed)}", _TITLE_UNITS)
        icon.update_menu()

    def _look(self) -> _Seen:
        return _Seen(
            listening=self._controls.listening(),
            recent_drafts=tuple(self._controls.recent_drafts()),
            drafts_folder=self._controls.drafts_folder(),
            starts_at_login=autostart.status() is not None,
        )

    def _in_thread(self, action: Callable[[], None]) -> None:
        """Do what was clicked, and then bring the menu up to date."""

        def act() -> None:
            try:
                action()
            except TrayError as error:
                log.warning("%s", error)
            except Exception:  # a click that fails must leave the icon working
                log.exception("what was clicked failed")
            self._stale.set()

        threading.Thread(target=act, name="tray-click", daemon=True).start()

    def _menu(self) -> Any:
        """The menu. pystray asks the functions in it for their texts each time it is brought up to date."""
        from pystray import Menu, MenuItem

        def start_or_stop() -> None:
            self._in_thread(self._controls.stop if self._seen.listening else self._controls.start)

        def opens(folder: str) -> Callable[[], None]:
            return lambda: open_folder(folder)

        def drafts() -> Iterator[Any]:
            for name, folder in self._seen.recent_drafts:
                yield MenuItem(_label(name), opens(folder))
            if not self._seen.recent_drafts:
                yield MenuItem(_("(none yet)"), None, enabled=False)

        def open_drafts_folder() -> None:
            if self._seen.drafts_folder is not None:
                open_folder(self._seen.drafts_folder)

        def login() -> None:
            self._in_thread(autostart.disable if self._seen.starts_at_login else autostart.enable)

        return Menu(
            MenuItem(lambda _item: _label(in_words(self._state)), None, enabled=False),
            Menu.SEPARATOR,
            MenuItem(
                lambda _item: _("Stop listening") if self._seen.listening else _("Start listening"), start_or_stop
            ),
            Menu.SEPARATOR,
            MenuItem(lambda _item: _("Recent drafts"), Menu(drafts)),
            MenuItem(
                lambda _item: _("Open drafts folder"),
                open_drafts_folder,
                enabled=lambda _item: self._seen.drafts_folder is not None,
            ),
            Menu.SEPARATOR,
            MenuItem(lambda _item: _("Start at login"), login, checked=lambda _item: self._seen.starts_at_login),
            MenuItem(lambda _item: _("Quit"), self.quit),
        )


def in_words(changed: StateChanged) -> str:
    """The state as the menu and the tooltip say it."""
    state = words.of_state(changed.state)
    return _("{state}: {detail}").format(state=state, detail=changed.detail) if changed.detail else state


def _label(text: str) -> str:
    """A text as a menu entry: one short line, and on Windows no "&" that would underline the next letter."""
    line = cut(" ".join(text.split()), _LABEL_UNITS)
    return line.replace("&", "&&") if sys.platform == "win32" else line
