"""Shows the icon with controls that only write down what was asked, and publishes the events it is told to.

Standard input: a line of JSON for each event, {"found": …} for what the menu is to show, or {"stop": true}. Standard output: a line for everything that happens.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from tray.desktop import host, notify
from tray.desktop.announce import Announcer
from tray.desktop.tray import Choice, Tray
from tray.events import Bus, QuestionAsked, StateChanged, from_json


def say(**what: object) -> None:
    print(json.dumps(what, ensure_ascii=False), flush=True)


class Program:
    def __init__(self, bus: Bus, drafts: list[tuple[str, str]], folder: str | None) -> None:
        self.bus, self.drafts, self.folder = bus, drafts, folder
        self.found: dict[str, list[Any]] = {}
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

    def targets(self) -> list[Choice]:
        return self.found.get("targets", [])

    def has_default_bot(self) -> bool:
        return "targets" in self.found

    def ask(self, name: str | None, prompt: str) -> None:
        say(called="ask", name=name, prompt=prompt)

    def questions(self) -> list[QuestionAsked]:
        return self.found.get("questions", [])

    def answer(self, question: QuestionAsked, text: str) -> None:
        say(called="answer", question=question.question_id, text=text)

    def to_run_again(self) -> list[tuple[str, str]]:
        return self.found.get("again", [])

    def again(self, request_id: str) -> None:
        say(called="again", id=request_id)

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
        Announcer(bus, notify.notifier(tray.icon))
        for line in sys.stdin:
            order = json.loads(line)
            if order.get("stop"):
                tray.stop()
                return
            if found := order.get("found"):
                program.found = {
                    "targets": [Choice(*target) for target in found.get("targets", [])],
                    "questions": [QuestionAsked(*question) for question in found.get("questions", [])],
                    "again": [(request_id, title) for request_id, title in found.get("again", [])],
                }
                bus.publish(StateChanged("idle", "found"))
                continue
            bus.publish(from_json(order))

    tray.run(begin)
    say(ended=True, main_thread=threading.current_thread() is threading.main_thread())


main()
