"""`coze-tray names`: what JianYing calls its effects, filters, fonts and so on, searched and listed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tray import settings as settings_module
from tray import terminal
from tray.draft import names as catalogue
from tray.locale import _, ngettext


def names(group: str, query: str) -> tuple[list[dict[str, Any]], list[str]]:
    """List the names of the kinds in `group` (a key of the catalogue's GROUPS); where there are none, the near ones.
    Returns both."""
    settings_module.load_for_people()
    found: list[dict[str, Any]] = []
    kinds = catalogue.GROUPS[group]
    single = {of[0]: name for name, of in catalogue.GROUPS.items() if len(of) == 1}
    for kind in kinds:
        entries = catalogue.search(kind, query)
        if entries and len(kinds) > 1:
            terminal.out.print(single[kind], style="dim")
        for entry in entries:
            terminal.out.print(_in_a_line(entry), markup=False)
            found.append(
                {
                    "kind": single[kind],
                    "name": entry.key,
                    "title": entry.title,
                    "is_vip": entry.is_vip,
                    "duration_us": entry.default_us,
                    "params": [asdict(param) for param in entry.params],
                    "resource_id": entry.resource_id,
                    "effect_id": entry.effect_id,
                }
            )
    near = [] if found else list(dict.fromkeys(name for kind in kinds for name in catalogue.near(kind, query)))
    if near:
        text = _("Nothing is called “{query}”. Near names: {names}")
        terminal.show_warning(text.format(query=query, names=_(", ").join(near)))
    elif not found:
        text = _("Nothing is called “{query}” or nearly so. All names: coze-tray names {kind}")
        terminal.show_warning(text.format(query=query, kind=group))
    return found, near


def _in_a_line(entry: catalogue.Entry) -> str:
    """A name, how long it takes and how many parameters it has, and whether JianYing wants a membership for it."""
    said = [entry.title]
    if entry.key != entry.title:
        said.append(f"({entry.key})")
    if entry.default_us is not None:
        said.append(f"{entry.default_us / 1e6:g} s")
    if entry.params:
        n = len(entry.params)
        said.append(ngettext("{n} parameter", "{n} parameters", n).format(n=n))
    if entry.is_vip:
        said.append("VIP")
    return "  ".join(said)
