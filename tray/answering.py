"""What the running program answers to another process of this user."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Generator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tray import app as app_module
from tray import events, instance, standing, words
from tray.asked import Asked

if TYPE_CHECKING:
    from tray.app import App

log = logging.getLogger(__name__)

STOP_WITHIN_S = 5.0
"""For so long a stop may take; who asked for it waits."""


def answers(app: App, message: instance.Message) -> Generator[instance.Message, None, None]:
    """The answers to a message, as they come; none to one that is not understood."""
    op = message.pop("op", None)
    if app.closing.is_set() and op in ("start", "show"):
        return  # who asks waits until it is gone
    if op == "ask":
        wanted = app_module.NewRequest(**{**message, "asked": Asked.from_json(message["asked"])})
        for event in app_module.ask(app, wanted):
            yield events.to_json(event)
    elif op == "answer":
        yield {"taken": app_module.answer(app, **message)}
    elif op == "cancel":
        yield {"taken": app_module.cancel(app, **message)}
    elif op == "listen":
        with contextlib.closing(standing.listen(app, standing.Wanted.from_json(message["wanted"]))) as heard:
            for event in heard:
                yield events.to_json(event)
    elif op == "signed_in":
        app.listener.signed_in()
        yield {"taken": True}
    elif op == "page":
        yield {"url": app.page.url(app, str(message["path"]))}
    elif op == "settings":
        app_module.settings_changed(app)
        yield {"taken": True}
    elif op in _CONTROLS:
        yield from _CONTROLS[op](app, message)
    else:
        log.warning("unknown message %r", op)


def answers_of_broken(
    message: instance.Message, why: str, has_icon: bool, quit_: Callable[[], None]
) -> Generator[instance.Message, None, None]:
    """As `answers`, of a program that could not be opened and shows no more than why. It has no page."""
    op = message.get("op")
    if op not in _CONTROLS and op != "page":
        return
    about = {
        "pid": os.getpid(),
        "since_s": time.time(),
        "state": asdict(events.StateChanged("error", why)),
        "listening": False,
        "stays": True,
        "icon": has_icon,
    }
    try:
        yield {**about, "was_listening": False, "cuts": False, "quits": True, "requests": []}
    finally:
        if op == "quit":
            quit_()


def _state(app: App, _message: instance.Message) -> Generator[instance.Message, None, None]:
    yield {**_about(app), "requests": [asdict(one) for one in app.running.all()]}


def _start(app: App, _message: instance.Message) -> Generator[instance.Message, None, None]:
    was_listening = app.listener.listening
    if app.face.stays:
        app.listener.start()
    yield {**_about(app), "was_listening": was_listening}


def _stop(app: App, message: instance.Message) -> Generator[instance.Message, None, None]:
    was_listening = app.listener.listening
    cuts = app.listener.holds_workflows and not message["cut"]
    if app.face.stays and not cuts:
        app.listener.stop(STOP_WITHIN_S)
    yield {**_about(app), "was_listening": was_listening, "cuts": cuts}


def _quit(app: App, message: instance.Message) -> Generator[instance.Message, None, None]:
    """The end begins when the answer is on its way."""
    cuts = app.listener.holds_workflows and not message["cut"]
    quits = app.face.quit is not None and not cuts
    try:
        yield {**_about(app), "quits": quits, "cuts": cuts}
    finally:
        if app.face.quit is not None and quits:
            app.closing.set()
            app.face.quit(app)


def _show(app: App, _message: instance.Message) -> Generator[instance.Message, None, None]:
    """Somebody has started the program once more: they look for its icon."""
    if app.face.stays:
        app.bus.publish(events.Noticed("", words.runs_already(has_icon=app.face.has_icon())))
    yield _about(app)


def _about(app: App) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "since_s": app.since_s,
        "state": asdict(app.listener.state),
        "listening": app.listener.listening,
        "stays": app.face.stays,
        "icon": app.face.has_icon(),
    }


_CONTROLS = {"state": _state, "start": _start, "stop": _stop, "quit": _quit, "show": _show}
