"""How long a click in the icon's menu takes on a real desktop while what it does hangs, and while it rests.

    python tests/bench/menu_click.py [CLICKS]

`ms`: until the program has taken the click and answered the next question (the whole menu over D-Bus), which it can't
while it is busy with the click. `worst_ms`: the slowest such answer in the second after it. Goes to history.json.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "desktop"), str(HERE.parents[1])]

import history

from real_desktop import desktop_session, entries_with, eventually, tray

MENU_BUS = str(HERE.parent / "desktop" / "menu_bus.py")


def main() -> None:
    clicks = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    rows = {}
    with desktop_session("--panel") as desktop:
        for name, hangs in (("a click whose action hangs", True), ("a click whose action returns", False)):
            with tray(desktop) as driver:
                driver.publish(event="RequestStarted", request_id="r", title="r")
                driver.order(hangs=hangs)
                eventually(lambda: entries_with(desktop, "Running", "r"), "the request in the menu")
                took = [json.loads(desktop.python(MENU_BUS, "click", "Cancel")) for _click in range(clicks)]
            each = sorted(one["with_next_answer_ms"] for one in took)
            rows[name] = {
                "clicks": clicks,
                "ms": statistics.median(each),
                "slowest_ms": each[-1],
                "worst_ms": max(one["worst_answer_ms"] for one in took),
            }
            print(name, rows[name], flush=True)
    history.add(rows, what="menu_click")


if __name__ == "__main__":
    main()
