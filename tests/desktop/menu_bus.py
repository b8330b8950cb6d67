"""What goes over D-Bus between the icon's menu and who shows it. Run in the desktop; prints JSON.

menu_bus.py click LABEL     click it, and say how long each answer took then, in ms
menu_bus.py count SECONDS   say how often the menu was told to be another one, and how often only labels changed
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from gi.repository import Gio, GLib

BUS = Gio.bus_get_sync(Gio.BusType.SESSION)
MENU = "com.canonical.dbusmenu"
LOOKS_S = 1.0
"""For how long after the click the menu is asked for."""


def call(name: str, path: str, interface: str, method: str, signature: str, *arguments: Any) -> tuple[Any, ...]:
    values = GLib.Variant(signature, arguments)
    answer: tuple[Any, ...] = BUS.call_sync(name, path, interface, method, values, None, 0, 20_000, None).unpack()
    return answer


def find_menu() -> tuple[str, str]:
    """The bus name of the icon's program, and its menu's path."""
    properties = "org.freedesktop.DBus.Properties"
    watcher = "org.kde.StatusNotifierWatcher"
    known = call(watcher, "/StatusNotifierWatcher", properties, "Get", "(ss)", watcher, "RegisteredStatusNotifierItems")
    name, _slash, path = known[0][-1].partition("/")
    menu = call(name, f"/{path}", properties, "Get", "(ss)", "org.kde.StatusNotifierItem", "Menu")
    return name, menu[0]


def layout(name: str, path: str) -> Any:
    return call(name, path, MENU, "GetLayout", "(iias)", 0, -1, [])[1]


def find(node: Any, label: str) -> int | None:
    number, properties, items = node
    if label in properties.get("label", "").replace("_", ""):
        return int(number)
    return next((found for item in items if (found := find(item, label)) is not None), None)


def click(label: str) -> dict[str, float]:
    name, path = find_menu()
    number = find(layout(name, path), label)
    if number is None:
        raise SystemExit(f"no menu entry {label!r}")

    def took_ms(what: str, signature: str, *arguments: Any) -> float:
        began = time.perf_counter()
        call(name, path, MENU, what, signature, *arguments)
        return (time.perf_counter() - began) * 1000

    began = time.monotonic()
    clicked = took_ms("Event", "(isvu)", number, "clicked", GLib.Variant("i", 0), 0)
    first = took_ms("GetLayout", "(iias)", 0, -1, [])
    looks = [first]
    while time.monotonic() - began < LOOKS_S:
        looks.append(took_ms("GetLayout", "(iias)", 0, -1, []))
        time.sleep(0.01)
    return {"clicked_ms": clicked, "with_next_answer_ms": clicked + first, "worst_answer_ms": max(looks)}


def count(seconds: float) -> dict[str, int]:
    name, path = find_menu()
    heard = {"LayoutUpdated": 0, "ItemsPropertiesUpdated": 0}

    def on_signal(_bus: Any, _sender: str, _path: str, _interface: str, signal: str, _values: Any) -> None:
        if signal in heard:
            heard[signal] += 1

    BUS.signal_subscribe(name, MENU, None, path, None, 0, on_signal)
    loop = GLib.MainLoop()
    GLib.timeout_add(round(seconds * 1000), loop.quit)
    print(json.dumps("counting"), flush=True)
    loop.run()
    return heard


print(json.dumps(click(sys.argv[2]) if sys.argv[1] == "click" else count(float(sys.argv[2]))), flush=True)
