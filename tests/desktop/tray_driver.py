"""Shows the icon with controls that only write down what was asked, and publishes the events it is told to.

Standard input: a line of JSON for each event, or {"stop": true}. Standard output: a line for everything that happens.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from tray.desktop import host, notify
from tray.desktop.tray import Tray
from tray.events import Bus, StateChanged, from_json


def say(**what: object) -> None:
    print(json.dumps(what, ensure_ascii=False), flush=True)


class Program:
    def __init__(self, bus: Bus, drafts: list[tuple[str, str]], folder: str | None) -> None:
        self.bus, self.drafts, self.folder = bus, drafts, folder
        self._listening = False

    def start(self) -> None:
        time.sleep(0.3)  # a slow one: the menu must not wait for it
        self._listening = True
        say(called="start")
        self.bus.publish(StateChanged("idle"))

    def stop(self) -> None:
        self._listening = False
        say(called="stop")
        self.bus.publish(StateChanged("stopped"))

    def listening(self) -> bool:
        return self._listening

    def recent_drafts(self) -> list[tuple[str, str]]:
        return self.drafts

    def drafts_folder(self) -> str | None:
        return self.folder

    def quit(self) -> None:
        say(called="quit")


def main() -> None:
    drafts = [(name, path) for name, path in json.loads(sys.argv[1])]
    bus = Bus()
    program = Program(bus, drafts, sys.argv[2] or None)
    missing = host.prepare(wait_s=10)
    say(missing=missing, backend=os.environ.get("PYSTRAY_BACKEND"))
    if missing is not None:
        return
    tray = Tray(program, bus)

    def begin() -> None:
        say(visible=True)
        notify.announce(bus, notify.notifier(tray.icon))
        for line in sys.stdin:
            order = json.loads(line)
            if order.get("stop"):
                tray.stop()
                return
            bus.publish(from_json(order))

    tray.run(begin)
    say(ended=True, main_thread=threading.current_thread() is threading.main_thread())


main()
