"""What the menu, notifications and the terminal say alike. The icon imports it: the standard library alone."""

from __future__ import annotations

import sys

from tray.events import Receipt, State
from tray.locale import _, ngettext


def of_state(state: State) -> str:
    return {
        "stopped": _("Not listening"),
        "idle": _("Listening, nothing to do"),
        "connecting": _("Connecting to Coze"),
        "streaming": _("Receiving from Coze"),
        "working": _("Working on a draft"),
        "asking": _("Waiting for your answer"),
        "reconnecting": _("Reconnecting"),
        "sign_in": _("Sign in to Coze"),
        "error": _("Something failed"),
    }[state]


def of_running(state: State) -> str:
    """The state of one request that runs, in a word or two."""
    return {
        "working": _("working on a draft"),
        "asking": _("waiting for an answer"),
        "streaming": _("receiving"),
        "sign_in": _("waits for signing in"),
        "reconnecting": _("waits for the network"),
        "error": _("waits"),
    }.get(state, _("running"))


def of_media(done: int, total: int) -> str:
    """How far a draft's media is."""
    return _("{percent}, {done} of {total} media").format(percent=percent(done, total), done=done, total=total)


def percent(done: int, total: int) -> str:
    """As 25%; never 100% before all is there."""
    return f"{100 * done // total}%"


def of_call(tool: str, ok: bool | None) -> str:
    """What a tool call does (`ok` None) or has done. Tools have names that only programs know."""
    if tool == "generate_draft":
        return {None: _("Making the draft"), True: _("Draft made"), False: _("The draft could not be made")}[ok]
    return {
        None: _("Calling {tool}"),
        True: _("{tool} is done"),
        False: _("{tool} failed"),
    }[ok].format(tool=tool)


def of_moment(what: str) -> str:
    """What happened to a request."""
    return {
        "queued": _("asked for"),
        "begun": _("begun"),
        "asked": _("asked you something"),
        "answered": _("you answered"),
        "done": _("done"),
        "failed": _("failed"),
        "kept": _("waits to go on"),
        "cancelled": _("cancelled"),
    }[what]


def of_request(state: str) -> str:
    """A request's state in the journal."""
    return {
        "queued": _("queued"),
        "running": _("unfinished"),
        "waiting": _("waiting for an answer"),
        "done": _("done"),
        "failed": _("failed"),
        "cancelled": _("cancelled"),
    }[state]


def runs_already(*, has_icon: bool) -> str:
    """What is said to who starts the program once more, and where they find it."""
    if not has_icon:
        return _("coze-tray runs already, without an icon. To have one, end it (coze-tray quit) and start it again.")
    if sys.platform == "win32":
        return _("coze-tray runs already. Its icon is at the bottom right of the screen, or behind the arrow ^ there.")
    if sys.platform == "darwin":
        return _("coze-tray runs already. Its icon is in the menu bar, at the top right of the screen.")
    return _("coze-tray runs already. Its icon is in the panel's tray.")


def of_segments(receipt: Receipt) -> str:
    """How many segments a draft has."""
    n = sum(receipt.segments.values())
    return ngettext("{n} segment", "{n} segments", n).format(n=n)


def clock(duration_us: int) -> str:
    """Hours, minutes and seconds, as 1:05 or 1:00:05."""
    minutes, seconds = divmod(round(duration_us / 1e6), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def size(n: int) -> str:
    """Bytes, as 12 kB, 3.4 MB or 1.2 GB."""
    if n >= 1e9:
        return f"{n / 1e9:.1f} GB"
    return f"{n / 1e6:.1f} MB" if n >= 1e6 else f"{n / 1e3:.0f} kB"


def how_to_see_it() -> str:
    """They list a new draft only then."""
    return _("To see it in JianYing or CapCut: enter and leave any draft there, or restart it.")
