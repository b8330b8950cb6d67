"""The headings that the commands stand under in `coze-tray --help`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from tray.locale import N_, _

PANELS = {
    N_("Requests"): ("demo", "ask", "workflow", "targets", "answer", "again", "cancel", "adopt", "listen"),
    N_("Drafts"): ("drafts", "build"),
    N_("Account"): ("login", "logout"),
    N_("Program"): ("page", "start", "stop", "quit", "status", "autostart", "config"),
    N_("When something is wrong"): ("doctor", "selftest", "log", "report"),
    N_("Developers"): ("names", "schema"),
}
"""Every command. Typer has panels too (`rich_help_panel`), in Rich's tables alone, which cut Chinese off."""


class Commands(TyperGroup):
    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as Typer calls it
        widest = max(map(len, self.commands))
        room = formatter.width - 6 - widest  # Typer's own: the indent, and what is between the columns
        for panel, names in PANELS.items():
            with formatter.section(_(panel)):
                formatter.write_dl([(name.ljust(widest), self._in_short(name, room)) for name in names])

    def _in_short(self, name: str, room: int) -> str:
        """The first sentence of its help; Typer knows where an English one ends."""
        said = self.commands[name].get_short_help_str(room)
        return said[: said.find("。") + 1] or said
