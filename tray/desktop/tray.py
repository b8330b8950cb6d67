"""The icon in the system tray. Nothing here may block: what can take time runs in a thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tray.desktop import autostart, endings, host, menu
from tray.desktop.clicks import Clicks
from tray.desktop.controls import Controls
from tray.desktop.icon import icon_class
from tray.desktop.images import Picture, picture
from tray.desktop.menu import Do, Seen
from tray.desktop.notify import cut
from tray.desktop.opener import application_for
from tray.errors import TrayError
from tray.events import Bus, Event, MediaProgress, Noticed, StateChanged, TextArrived, ToolFinished, ToolStarted
from tray.progress import media

log = logging.getLogger(__name__)

_TITLE_UNITS = 127
"""What Windows takes, in UTF-16 units (NOTIFYICONDATAW.szTip: 128 with the closing zero)."""
_EVERY_S = 0.5
"""The icon is brought up to date no more often: panels have crashed over menus that change while they are looked at."""

_AGAIN_S = 5.0


class Tray:
    """The icon. `icon` is pystray's own while `run` runs, else None."""

    def __init__(self, controls: Controls, bus: Bus) -> None:
        self.icon: Any | None = None
        self._controls = controls
        self._clicks = Clicks(controls, bus, self.quit)
        self._state = StateChanged("stopped")
        self._seen = Seen()
        self._entries = menu.entries(self._seen, self._clicks)
        self._shown: Picture | None = None
        self._change_menu: host.ChangeMenu = lambda _labels: None
        self._bus = bus
        self._stopping = threading.Event()
        self._stale = threading.Event()
        self._look_again = True
        self._ticked = False  # a tick that a click has set shows, though nothing may have come of it
        self._unsubscribe = bus.subscribe(self._on_event)

    def run(self, setup: Callable[[], None] | None = None, end_now: Callable[[], None] | None = None) -> None:
        """Show the icon until `stop`; blocks the main thread. `host.prepare` must have returned None before.

        `setup` is called in a thread once the icon is visible, `end_now` when the session ends: the process is gone as
        soon as it returns. Without one it quits.
        """
        import pystray

        host.adapt_pystray()
        entries = pystray.Menu(lambda: menu.for_pystray(self._entries, self._click))
        self.icon = icon_class()("coze-tray", picture(self._state.state), "coze-tray", menu=entries)

        def ready(icon: Any) -> None:
            host.on_main_thread(partial(self._appear, icon))
            if self._stopping.is_set():  # before there was a loop to stop
                self.stop()
                return
            endings.on_end(icon, self.quit, end_now or self.quit)
            self._change_menu = host.own_menu(icon)
            threading.Thread(target=self._follow, name="tray-menu", daemon=True).start()
            self._stale.set()
            if setup is not None:
                threading.Thread(target=setup, name="tray-setup", daemon=True).start()

        try:
            self.icon.run(ready)
        finally:
            self._unsubscribe()
            self._clicks.unsubscribe()
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

    def open_link(self, link: str) -> None:
        """Returns at once. From any thread."""
        self._in_thread(partial(self._clicks.open_link, link))

    def refresh(self) -> None:
        """Something that the menu shows has changed, of which no event tells."""
        self._look_again = True
        self._stale.set()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            self._state = event
        if isinstance(event, TextArrived):
            return  # many a second, and nothing that is shown here
        if not isinstance(event, MediaProgress | ToolStarted | ToolFinished):
            self._look_again = True
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
            except Exception:  # the rest of the menu then shows what it showed before
                log.exception("the menu could not be brought up to date")
                self._seen, self._look_again = self._with_progress(self._seen), True
            host.on_main_thread(partial(self._try_to_show, icon, self._seen))
            self._stopping.wait(_EVERY_S)

    def _appear(self, icon: Any) -> None:
        try:
            icon.visible = True
        except Exception:  # everything else works without it, and each update tries again
            log.exception("the icon could not be shown")

    def _try_to_show(self, icon: Any, seen: Seen) -> None:
        """A picture is handed over in a file, which a full disk or a virus scanner may refuse: the next update tries
        again, and one follows soon."""
        try:
            if not icon.visible:
                icon.visible = True
            self._show(icon, seen)
        except Exception:
            log.exception("the icon could not be brought up to date")
            self._shown = None
            again = threading.Timer(_AGAIN_S, self._stale.set)
            again.daemon = True
            again.start()

    def _show(self, icon: Any, seen: Seen) -> None:
        shown = picture(seen.state.state, *media(seen.running))
        if shown != self._shown:  # a new picture costs the panel more than a new text
            icon.icon = self._shown = shown
        icon.title = cut(f"coze-tray: {menu.in_words(seen.state, seen.running)}", _TITLE_UNITS)
        before, after = self._entries, menu.entries(seen, self._clicks)
        labels = None if self._ticked else menu.new_labels(before, after)
        self._entries, self._ticked = after, False
        if labels != []:
            self._change_menu(labels)

    def _look(self) -> Seen:
        """What is to be shown. What the bus tells of is looked up each time, the rest, which is read from files, where
        it may have changed."""
        controls, seen = self._controls, self._seen
        if self._look_again:
            self._look_again = False
            drafts = controls.drafts_folder()
            seen = Seen(
                listening=controls.listening(),
                recent_drafts=tuple(controls.recent_drafts()),
                drafts_folder=drafts,
                application=application_for(drafts) if drafts else None,
                starts_at_login=autostart.status() is not None,
                notifies=controls.notifies(),
                language=controls.language(),
                has_token=controls.has_token(),
                sign_in_ends=controls.sign_in_ends(),
                has_default_bot=controls.has_default_bot(),
                targets=tuple(controls.targets()),
                questions=tuple(controls.questions()),
                to_run_again=tuple(controls.to_run_again()),
                home_folder=controls.home_folder(),
            )
        return self._with_progress(seen)

    def _with_progress(self, seen: Seen) -> Seen:
        return replace(seen, state=self._state, running=tuple(self._controls.running()))

    def _click(self, do: Do) -> None:
        self._ticked = True
        self._in_thread(do)

    def _in_thread(self, action: Callable[[], None]) -> None:
        """Do what was clicked, and then bring the menu up to date."""

        def act() -> None:
            try:
                action()
            except TrayError as error:
                log.warning("%s", error)
                self._bus.publish(Noticed("", str(error)))
            except Exception:  # a click that fails must leave the icon working
                log.exception("what was clicked failed")
            self.refresh()

        threading.Thread(target=act, name="tray-click", daemon=True).start()
