"""What the menu, notifications and the terminal say alike. The icon imports it: the standard library alone."""

from __future__ import annotations

from tray.events import Receipt, State
from tray.locale import _, ngettext


def of_state(state: State) -> str:
    return {
        "stopped": _("Not listening"),
        "idle": _("Listening, nothing to do"),
        "connecting": _("Connecting to Coze"),
        "streaming": _("Receiving from Coze"),
        "working": _("Working on a draft"),
        "waiting": _("Waiting for the network"),
        "error": _("The last request failed"),
    }[state]


def of_request(state: str) -> str:
    """A request's state in the journal."""
    return {"queued": _("waiting"), "running": _("unfinished"), "done": _("done"), "failed": _("failed")}[state]


def of_segments(receipt: Receipt) -> str:
    """How many segments a draft has."""
    n = sum(receipt.segments.values())
    return ngettext("{n} segment", "{n} segments", n).format(n=n)


def clock(duration_us: int) -> str:
    """Minutes and seconds, as 1:05."""
    seconds = round(duration_us / 1e6)
    return f"{seconds // 60}:{seconds % 60:02d}"


def how_to_see_it() -> str:
    """JianYing lists a new draft only then."""
    return _("To see it in JianYing: enter and leave any draft, or restart JianYing.")
