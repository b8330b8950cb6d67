"""What `coze-tray autostart` does, for people."""

from __future__ import annotations

import os
from typing import Any

from tray import secrets, terminal
from tray.desktop import autostart as desktop_autostart
from tray.desktop.login_entries import Registered
from tray.locale import _
from tray.text import for_terminal


def autostart(switch: str) -> dict[str, Any]:
    """Turn starting at login on or off, or leave it; say what is registered. Raises TrayError."""
    if switch == "on":
        desktop_autostart.enable()
        for name in ("COZE_API_TOKEN", "COZE_BOT_ID", "COZE_API_BASE"):
            if os.environ.get(name) or (name == "COZE_API_TOKEN" and secrets.environment_token()):
                text = _("{name} is set in this terminal alone; at login it is not there. Use coze-tray login.")
                terminal.show_warning(text.format(name=name))
    elif switch == "off":
        desktop_autostart.disable()
    found = desktop_autostart.registered()
    for line in _lines(found):
        terminal.out.print(for_terminal(line), markup=False)
    return {
        "starts_at_login": found is not None and found.exists and not found.switched_off,
        "where": found and found.where,
        "command": found and found.command,
        "is_this_program": found and desktop_autostart.is_this(found),
        "exists": found and found.exists,
        "switched_off": found and found.switched_off,
    }


def _lines(found: Registered | None) -> list[str]:
    if found is None:
        return [_("coze-tray does not start at login.")]
    if found.switched_off:
        text = _("coze-tray does not start at login: the desktop's settings switch it off. {where}")
    elif not found.exists:
        text = _("coze-tray does not start at login: what is registered is not there any more. {where}")
    else:
        text = _("coze-tray starts at login: {where}")
    lines = [text.format(where=found.where), "  " + found.command]
    if not desktop_autostart.is_this(found):
        lines.append("  " + _("That is another coze-tray than this one. To start this one: coze-tray autostart on"))
    return lines
