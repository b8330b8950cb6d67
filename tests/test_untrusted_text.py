"""Text from a bot, a workflow or a server, where people see it: it moves no cursor, turns no line around, forges no
line of a log, and never fills a window."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tray import logs, terminal, watching
from tray.asked import Asked
from tray.desktop import notify
from tray.events import Failure, QuestionAsked, Receipt
from tray.running import title
from tray.text import for_terminal

EVIL = "\x1b]0;x\x07\x1b[2J\x9b31m\u202eedoc\u2066\u2028\u061c\r\ud83d\x7f"
"""A title set, a screen cleared, colours by a C1 control, text turned around, half an emoji."""


def harmless(text: str) -> bool:
    return not any(
        c in "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        or (ord(c) < 32 and c not in "\n\t")
        or 127 <= ord(c) < 160
        or 0xD800 <= ord(c) < 0xE000
        for c in text
    )


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What both of the terminal's streams show."""
    both = io.StringIO()
    for module in (terminal, watching):
        for name in ("out", "err"):
            monkeypatch.setattr(module, name, Console(file=both, soft_wrap=True, emoji=False, highlight=False))
    return both


def test_what_people_write_stays_as_it_is():
    text = "中文, 한글, שלום, مرحبا, 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 é\n\tnaïve ÿ"
    assert for_terminal(text) == text


def test_nothing_that_is_told_of_a_request_reaches_the_terminal_raw(shown):
    receipt = Receipt(f"/p{EVIL}", f"n{EVIL}", "1", {}, 1, 1, f"u{EVIL}", f"why{EVIL}", [f"w{EVIL}"])
    terminal.show_receipt(receipt)
    terminal.show_outcome(
        terminal.Outcome(
            "1", f"text{EVIL}", [receipt], [f"warned{EVIL}"], Failure("1", f"m{EVIL}", f"a{EVIL}", f"log{EVIL}")
        )
    )
    watching.show_question(QuestionAsked("1", "2", f"q{EVIL}", (f"o{EVIL}",), f"https://a{EVIL}"), with_text=True)
    assert harmless(shown.getvalue())


def test_json_for_programs_holds_all_of_it_and_nothing_raw(capsys):
    terminal.show_json({"text": EVIL, "name": "海"})
    said = capsys.readouterr().out
    assert json.loads(said) == {"text": EVIL, "name": "海"}
    assert harmless(said) and "海" in said


def test_progress_is_one_line_of_a_sane_length(shown):
    bar = terminal.Bar()
    bar.say("a\nb" + "x" * 1_000_000)
    task = bar._progress.tasks[0]
    assert task.description.startswith("a b") and len(task.description) < 1_000


def test_notifications_hold_no_controls():
    assert notify.cut(EVIL + "a", 100) == for_terminal(EVIL + "a")


@pytest.fixture
def log(tmp_path: Path) -> Any:
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    logs.log_to(tmp_path)
    yield tmp_path / "coze-tray.log"
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()


def test_no_line_of_the_log_can_be_forged(log):
    forged = "\n2026-01-01 00:00:00,000 ERROR tray.app: forged\x1b[2J"
    logging.getLogger("tray.test").warning("tool %s", f"x{forged}")
    logging.getLogger("tray.test").error("failed", exc_info=ValueError(f"y{forged}"))
    lines = log.read_text("utf-8").splitlines()
    assert sum("forged" in line for line in lines) >= 2
    assert [line for line in lines if line[:1] != " "] == [lines[0], next(line for line in lines if "failed" in line)]
    assert harmless(log.read_text("utf-8"))


def test_a_request_s_title_is_one_line():
    item = Asked("https://a", "item", "1", parameters={"tool": "a\n  b"}, target="信箱")
    assert "\n" not in title(item)
    assert "\n" not in title(Asked("https://a", "workflow", "1", parameters={"x": "a\nb"}))
