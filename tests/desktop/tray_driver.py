"""Shows the icon with controls that only write down what was asked, and publishes the events it is told to.

Standard input: a line of JSON for each event, {"found": …} for what the menu is to show, or {"stop": true}. Standard output: a line for everything that happens.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tray import locale
from tray.desktop import host, notify
from tray.desktop.announce import Announcer
from tray.desktop.controls import Choice
from tray.desktop.tray import Tray
from tray.events import Bus, QuestionAsked, StateChanged, from_json
from tray.progress import Running, RunningRequests


def say(**what: object) -> None:
    print(json.dumps(what, ensure_ascii=False), flush=True)


class Program:
    def __init__(self, bus: Bus, drafts: list[tuple[str, str]], folder: str | None) -> None:
        self.bus, self.drafts, self.folder = bus, drafts, folder
        self.found: dict[str, list[Any]] = {}
        self.hangs = False
        self._listening = False
        self._running = RunningRequests(bus)
        self._notifies, self._language = True, ""

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

    def drafts_folder(self) -> Path | None:
        return Path(self.folder) if self.folder else None

    def running(self) -> list[Running]:
        return self._running.all()

    def cancel(self, request_id: str) -> None:
        say(called="cancel", id=request_id)
        while self.hangs:
            time.sleep(0.1)

    def notifies(self) -> bool:
        return self._notifies

    def set_notifies(self, on: bool) -> None:
        say(called="set_notifies", on=on)
        self._notifies = on

    def page(self, path: str) -> str | None:
        return None

    def language(self) -> str:
        return self._language

    def set_language(self, language: str) -> None:
        self._language = language
        locale.use(language or None)

    def home_folder(self) -> Path:
        return Path("/home-folder")

    def log_file(self) -> Path:
        return Path(os.environ.get("TRAY_LOG", "/nowhere/coze-tray.log"))

    def targets(self) -> list[Choice]:
        return self.found.get("targets", [])

    def has_default_bot(self) -> bool:
        return "targets" in self.found

    def ask(self, name: str | None, prompt: str) -> None:
        say(called="ask", name=name, prompt=prompt)

    def make_draft(self, said: str, source: str) -> None:
        say(called="make_draft", said=said, source=source)

    def has_token(self) -> bool:
        return True

    def sign_in_ends(self) -> bool:
        return False

    def sign_in(self, token: str, bot_id: str) -> None:
        say(called="sign_in")

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


def question_of(
    request_id: str, question_id: str, text: str, options: Sequence[str] = (), url: str = ""
) -> QuestionAsked:
    return QuestionAsked(request_id, question_id, text, tuple(options), url)


def main() -> None:
    drafts = [(name, path) for name, path in json.loads(sys.argv[1])]
    bus = Bus()
    program = Program(bus, drafts, sys.argv[2] or None)
    if os.environ.get("TRAY_HIDES") == "indicator":
        host._has_indicator_library = lambda: False
    missing = host.prepare()
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
                    "questions": [question_of(*question) for question in found.get("questions", [])],
                    "again": [(request_id, title) for request_id, title in found.get("again", [])],
                }
                bus.publish(StateChanged("idle", "found"))
                continue
            if "hangs" in order:
                program.hangs = order["hangs"]
                continue
            for event in order.get("all", [order]):
                bus.publish(from_json(event))

    tray.run(begin)
    say(ended=True, main_thread=threading.current_thread() is threading.main_thread())


main()
