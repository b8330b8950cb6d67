"""The text in the clipboard. It is read when the user says so, and never watched."""

from __future__ import annotations

import os
import sys
import threading

from tray.draft.source import MOST_CHARS, holds_draft
from tray.errors import TrayError
from tray.locale import _

ANSWER_WITHIN_S = 3.0
"""On Linux another program has the text, which may hang."""


def draft() -> str:
    """What the clipboard holds, if that is a draft. Raises TrayError for anything else."""
    said = text()
    advice = _("Copy the whole JSON that the Coze flow's export step gave, and try again.")
    if not said or not said.strip():
        raise TrayError(_("There is no text in the clipboard."), advice)
    if len(said) > MOST_CHARS or not holds_draft(said):
        raise TrayError(_("What is in the clipboard is no draft."), advice)
    return said


def text() -> str | None:
    """What the clipboard holds, None where that is no text. Not from the main thread, whose loop is asked on Linux.
    Raises TrayError where it can't be read."""
    if sys.platform == "linux" and ((said := _of_gtk()) or not os.environ.get("WAYLAND_DISPLAY")):
        return said
    import pyperclip

    try:
        return pyperclip.paste() or None
    except (pyperclip.PyperclipException, OSError) as error:
        advice = _("Install wl-clipboard.") if sys.platform == "linux" else ""
        why = _("no program for it is installed") if sys.platform == "linux" else str(error)
        raise TrayError(_("The clipboard can't be read: {why}").format(why=why), advice) from None


def _of_gtk() -> str | None:
    """By GTK, which shows the icon: its loop is asked. On Wayland that has the clipboard with a window alone."""
    from gi.repository import Gdk, GLib, Gtk

    found: list[str | None] = []
    done = threading.Event()

    def heard(_clipboard: object, said: str | None, *_data: object) -> None:
        found.append(said)
        done.set()

    def ask() -> bool:
        Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).request_text(heard)
        return False

    GLib.idle_add(ask)
    done.wait(ANSWER_WITHIN_S)
    return found[0] if found else None
