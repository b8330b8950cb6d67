"""The journal where the disk is full, the file is broken, the clock is wrong or weeks have passed."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from program import coze_tray, environment, start, wait_until
from tray import journal as journal_module
from tray import journal_file
from tray.asked import Asked
from tray.errors import JournalError
from tray.events import Failure, Receipt
from tray.journal import Journal
from tray.journal_rows import UnreadableError, recent_requests
from tray.journal_search import CALLS_OF, LAST_OF
from tray.simulator import demo

ASKED = Asked("http://127.0.0.1", "bot", "7", "问")
RECEIPT = Receipt("/p", "名", "id", {"text": 1}, 1, 2, "ms", "", [])
PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "journal.db"


def fill(journal: Journal, count: int = 30) -> None:
    for n in range(count):
        journal.add_request(f"r{n}", ASKED)
        journal.tool_started(f"r{n}", f"s{n}", "c", "generate_draft", "x" * 3000)
        journal.tool_finished(f"s{n}", "c", "{}")
        journal.said(f"r{n}", "o", "y" * 3000)
        journal.put_draft(f"r{n}", "k", RECEIPT, written=True)
        if n % 2:
            journal.done(f"r{n}", "t")


def use(journal: Journal) -> None:
    """What a program does with its journal at a start and for a request."""
    for request_id in journal.unfinished():
        with suppress(UnreadableError, KeyError):  # the listener ends such a one alone
            journal.request(request_id)
        journal.outputs(request_id)
        journal.drafts_of(request_id)
    journal.recent_requests()
    journal.recent_drafts()
    journal.add_request("new", ASKED)
    journal.running("new")
    journal.tool_started("new", "n", "c", "g", "a")
    journal.tool_finished("n", "c", "{}")
    journal.done("new", "t")


def crashed(path: Path) -> None:
    """A journal as a killed program leaves it: the last of it is in its -wal."""
    first = path.with_name("first.db")
    journal = Journal(first)
    fill(journal)
    for end in ("", "-wal"):
        shutil.copy(f"{first}{end}", f"{path}{end}")
    journal.close()
    first.unlink()


def garbage_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(PAGE))


def swapped_pages(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:PAGE] + data[2 * PAGE : 3 * PAGE] + data[PAGE : 2 * PAGE] + data[3 * PAGE :])


def flipped_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(PAGE, len(data), PAGE):
        data[at : at + 64] = bytes(255 - byte for byte in data[at : at + 64])
    path.write_bytes(data)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def another_program_s(path: Path) -> None:
    path.write_text("this is no database, but somebody's notes\n" * 100, "utf-8")


def an_unknown_format(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(47)  # https://sqlite.org/fileformat.html: schema format number
        file.write(b"\xee")


def a_format_that_may_not_be_written(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(18)  # file format write version
        file.write(b"\xee")


BREAKS = [garbage_header, swapped_pages, flipped_pages, truncated, another_program_s, an_unknown_format, a_format_that_may_not_be_written]  # fmt: skip


@pytest.mark.parametrize("damage", BREAKS, ids=lambda damage: damage.__name__)
def test_a_broken_journal_is_set_aside_and_a_new_one_begun(damage: Callable[[Path], None], path: Path):
    journal = Journal(path)
    fill(journal)
    journal.close()
    damage(path)
    broken = path.read_bytes()

    journal = Journal(path)
    assert journal.set_aside is not None
    assert journal.set_aside.read_bytes() == broken, "nothing of it is lost"
    assert journal.unfinished() == []
    use(journal)
    journal.close()

    again = Journal(path)
    assert again.set_aside is None
    assert again.request("new").state == "done"
    again.close()


def test_a_journal_whose_log_is_garbage_is_set_aside_with_it(path: Path):
    """Without its log it may be whole, but older than what was done: a chat would be created twice."""
    Journal(path).close()
    crashed(path)
    wal = path.with_name("journal.db-wal")
    broken = os.urandom(wal.stat().st_size)
    wal.write_bytes(broken)
    journal = Journal(path)
    assert journal.set_aside is not None
    assert journal.set_aside.with_name(journal.set_aside.name + "-wal").read_bytes() == broken
    use(journal)
    journal.close()


def test_a_log_that_lost_its_journal_is_not_read_into_a_new_one_nor_deleted(path: Path):
    Journal(path).close()
    crashed(path)
    path.unlink()
    wal = path.with_name("journal.db-wal").read_bytes()
    journal = Journal(path)
    assert journal.set_aside is not None and journal.unfinished() == []
    assert journal.set_aside.with_name(journal.set_aside.name + "-wal").read_bytes() == wal
    journal.close()


def test_what_a_killed_program_left_is_read(path: Path):
    Journal(path).close()
    crashed(path)
    journal = Journal(path)
    assert journal.set_aside is None
    assert journal.unfinished() == [f"r{n}" for n in range(0, 30, 2)]
    journal.close()


def test_two_that_are_set_aside_in_a_second_are_both_there(path: Path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_args: "20260101-000000")
    path.parent.mkdir()
    kept = []
    for text in ("first", "second", "third"):
        path.write_text(text * 1000, "utf-8")
        journal = Journal(path)
        assert journal.set_aside is not None
        kept.append(journal.set_aside)
        journal.close()
    assert [file.read_text("utf-8")[:5] for file in kept] == ["first", "secon", "third"]


def test_another_version_s_journal_is_set_aside(path: Path):
    journal = Journal(path)
    fill(journal)
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 1")
    db.close()
    assert recent_requests(path) == []
    journal = Journal(path)
    assert journal.set_aside is not None and journal.unfinished() == []
    journal.close()


def test_an_earlier_program_s_journal_is_gone_on_with_and_finds_things_as_fast(path: Path):
    journal = Journal(path)
    fill(journal)
    journal.close()
    with sqlite3.connect(path) as db:
        for later in ("INDEX tool_calls_of_request", "INDEX requests_of_target", "TRIGGER happened", "TABLE moments"):
            db.execute(f"DROP {later}")
    db.close()
    journal = Journal(path)
    assert journal.set_aside is None and len(journal.search.calls_of("r0")) == 1
    journal.close()
    with sqlite3.connect(path) as db:
        for sql, index in ((CALLS_OF, "tool_calls_of_request"), (LAST_OF, "requests_of_target")):
            plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", ("r0",)))
            assert index in plan and "TEMP B-TREE" not in plan
    db.close()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_broken_no_other_error_comes_out(seed: int, path: Path, tmp_path: Path):
    journal = Journal(path)
    fill(journal)
    journal.close()
    crashed(tmp_path / "crashed.db")
    chance = random.Random(seed)
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        source = chance.choice([path, tmp_path / "crashed.db"])
        for end in ("", "-wal"):
            if Path(f"{source}{end}").exists():
                shutil.copy(f"{source}{end}", folder / f"journal.db{end}")
        target = chance.choice(sorted(folder.iterdir()))
        data = bytearray(target.read_bytes())
        for _time in range(chance.choice([1, 3, 30])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        target.write_bytes(data[: chance.choice([len(data), len(data), chance.randrange(len(data))])])
        ends = [started(folder / "journal.db") for _start in range(4)]
        assert ends[-1] == "works", "once what is broken was met, there is a whole journal"


def started(path: Path) -> str:
    """What comes of a start with this journal."""
    with suppress(JournalError):  # `status` does not own it and says so
        recent_requests(path)
    try:
        journal = Journal(path)
        try:
            journal.add_request("another", ASKED)
            assert journal.request("another").asked == ASKED
            use(journal)
        finally:
            journal.close()
    except JournalError as error:
        assert "full" not in str(error), "it isn't"
        return f"a broken journal is said: {error}"
    return "works"


def test_a_request_that_can_t_be_read_any_more_ends_alone(path: Path):
    journal = Journal(path)
    fill(journal, 2)
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE requests SET asked = '{\"kind' WHERE id = 'r0'")
        db.execute("UPDATE drafts SET receipt = CAST(x'FF7B' AS TEXT) WHERE request_id = 'r0'")
    db.close()
    assert [request.id for request in recent_requests(path)] == ["r1"]
    journal = Journal(path)
    assert journal.set_aside is None
    with pytest.raises(JournalError, match="r0"):
        journal.request("r0")
    assert [request.id for request in journal.recent_requests()] == ["r1"]
    assert journal.recent_drafts() == [RECEIPT]
    journal.close()


# The disk is full.


class Full:
    """A journal on a disk that can be made full, and room made again."""

    def __init__(self, journal: Journal, fill_up: Callable[[], None], make_room: Callable[[], None]) -> None:
        self.journal, self.fill_up, self.make_room = journal, fill_up, make_room


@pytest.fixture(params=["a full disk", "no more pages"])
def full(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Full]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "a full disk":
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
        if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no disk can be mounted here")
        journal = Journal(folder / "journal.db")
        ballast = folder / "ballast"

        def fill_up() -> None:
            with ballast.open("ab", buffering=0) as file:
                for size in (PAGE, 1):
                    try:
                        while True:
                            file.write(b"x" * size)
                    except OSError:
                        pass

        yield Full(journal, fill_up, ballast.unlink)
        journal.close()
        subprocess.run(["umount", str(folder)], check=True)
    else:
        journal = Journal(folder / "journal.db")
        db = journal._db

        def no_more_pages() -> None:
            db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")

        yield Full(journal, no_more_pages, lambda: db.execute("PRAGMA max_page_count = 1000000"))
        journal.close()


LONG = "长" * 20_000


def test_a_full_disk_is_said_and_takes_no_request(full: Full):
    full.journal.add_request("before", ASKED)
    full.fill_up()
    with pytest.raises(JournalError, match="full"):
        full.journal.add_request("after", Asked("", "bot", "7", LONG))
    full.make_room()
    assert full.journal.unfinished() == ["before"]


def test_what_has_happened_is_known_though_it_can_t_be_written_and_written_when_there_is_room(full: Full, tmp_path):
    """A tool that has run must not run again, a chat that was created not be created again."""
    journal = full.journal
    journal.add_request("r", ASKED)
    journal.posting("r", True)
    journal.tool_started("r", "s", "c", "t", "")
    full.fill_up()
    journal.run_is("r", {"chat_id": LONG})
    journal.tool_finished("s", "c", LONG)
    journal.said("r", "o", LONG)
    assert "full" in journal.trouble
    with pytest.raises(JournalError, match="full"):  # nothing is answered from what is out of date
        journal.tool_output("s", "c")
    assert not journal.catch_up()
    full.make_room()
    assert journal.catch_up()
    assert journal.trouble == ""
    assert journal.tool_output("s", "c") == LONG
    assert journal.outputs("r") == [LONG]
    with sqlite3.connect(tmp_path / "disk" / "journal.db") as other:
        assert other.execute("SELECT run IS NOT NULL FROM requests").fetchone() == (1,)
    other.close()


def test_what_could_not_be_written_is_written_at_the_latest_when_the_program_ends(full: Full, tmp_path):
    full.journal.add_request("r", ASKED)
    full.fill_up()
    full.journal.said("r", "o", LONG)
    full.make_room()
    full.journal.close()
    again = Journal(tmp_path / "disk" / "journal.db")
    assert again.outputs("r") == [LONG]
    again.close()


def test_a_journal_that_can_t_even_be_opened_says_why(tmp_path: Path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        with pytest.raises(JournalError, match="read-only"):
            Journal(folder / "journal.db")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# Weeks.

DAY_US = 24 * 3600 * 1_000_000


def test_what_old_requests_carried_is_let_go_so_that_the_file_stays_small(path: Path, monkeypatch):
    """What a tool was called with is as large as a draft, and what was said may hold one, too."""
    journal = Journal(path)
    now_us = [0]
    monkeypatch.setattr(journal_module, "_now_us", lambda: now_us[0])
    sizes = []
    for day in range(120):
        now_us[0] = day * DAY_US
        request_id = f"r{day}"
        journal.add_request(request_id, ASKED)
        journal.tool_started(request_id, request_id, "c", "generate_draft", "x" * 100_000)
        journal.tool_finished(request_id, "c", '{"status": "ok"}')
        journal.said(request_id, "o", "y" * 10_000)
        journal.put_draft(request_id, "k", RECEIPT, written=True)
        journal.done(request_id, "z" * 10_000) if day % 2 else journal.failed(request_id, Failure("c", "m"))
        sizes.append(path.stat().st_size)
    assert sizes[-1] < 1.1 * sizes[45]
    assert journal.tool_output("r0", "c") == '{"status": "ok"}', "it must not run again, however late it is asked for"
    assert len(journal.recent_drafts(1000)) == 120
    assert len(journal.outputs("r100")[0]) == 10_000
    journal.close()


def test_nothing_of_an_unfinished_request_is_let_go_however_old(path: Path, monkeypatch):
    journal = Journal(path)
    now_us = [0]
    monkeypatch.setattr(journal_module, "_now_us", lambda: now_us[0])
    journal.add_request("old", ASKED)
    journal.said("old", "o", "said")
    now_us[0] = 400 * DAY_US
    journal.add_request("new", ASKED)
    assert journal.outputs("old") == ["said"]
    journal.close()


def test_a_clock_that_is_set_back_turns_nothing_around(path: Path, monkeypatch):
    journal = Journal(path)
    for request_id, day in (("a", 5), ("b", 3), ("c", 900), ("d", 0)):
        monkeypatch.setattr(journal_module, "_now_us", lambda day=day: day * DAY_US)
        journal.add_request(request_id, ASKED)
        journal.said(request_id, "o", "said")
    assert journal.unfinished() == ["a", "b", "c", "d"]
    assert [request.id for request in journal.recent_requests()] == ["d", "c", "b", "a"]
    assert journal.outputs("a") == ["said"]
    journal.close()


# The start.


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Journals that were read from end to end at a start."""
    seen: list[Path] = []
    real = journal_file._is_sound
    monkeypatch.setattr(journal_file, "_is_sound", lambda db, path: (seen.append(path), real(db, path))[1])
    return seen


def test_a_large_journal_that_was_closed_well_is_not_read_whole_at_the_start(path: Path, checked, monkeypatch):
    monkeypatch.setattr(journal_file, "QUICK_BYTES", 10_000)
    journal = Journal(path)
    fill(journal)
    journal.close()
    Journal(path).close()
    assert checked == []
    crashed(path)
    Journal(path).close()
    assert checked == [path]


def test_a_large_journal_that_turns_out_to_be_broken_is_set_aside_at_the_next_start(path: Path, monkeypatch):
    monkeypatch.setattr(journal_file, "QUICK_BYTES", 10_000)
    journal = Journal(path)
    fill(journal)
    journal.close()
    with sqlite3.connect(path) as db:
        [root] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'requests'").fetchone()
    db.close()
    data = path.read_bytes()
    path.write_bytes(data[: (root - 1) * PAGE] + b"\xff" * PAGE + data[root * PAGE :])
    journal = Journal(path)
    assert journal.set_aside is None
    with pytest.raises(JournalError, match="Start coze-tray again"):
        use(journal)
    journal.close()
    again = Journal(path)
    assert again.set_aside is not None
    use(again)
    again.close()
    third = Journal(path)
    assert third.set_aside is None
    third.close()


# The commands.


@pytest.mark.parametrize("damage", [garbage_header, truncated, flipped_pages], ids=lambda damage: damage.__name__)
def test_status_and_doctor_work_beside_a_broken_journal(damage: Callable[[Path], None], tmp_path: Path):
    path = tmp_path / "home" / "journal.db"
    journal = Journal(path)
    fill(journal)
    journal.close()
    damage(path)
    env = environment(tmp_path / "home")
    status, doctor = coze_tray("status", env=env), coze_tray("doctor", env=env)
    for done in (status, doctor):
        assert "Traceback" not in done.stderr
    assert "Program" in doctor.stdout + status.stdout
    assert "journal" in status.stderr
    assert path.exists(), "only who owns it sets it aside"


def test_who_asks_is_told_that_a_broken_journal_was_set_aside(tmp_path: Path, root: Path):
    home = tmp_path / "home"
    Journal(home / "journal.db").close()
    garbage_header(home / "journal.db")
    with demo.simulator(pace_s=0) as cloud:
        env = environment(home, COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t", COZE_TRAY_DRAFTS_DIR=str(root),
                          COZE_TRAY_ALLOW_HOSTS="127.0.0.1")  # fmt: skip
        done = coze_tray("ask", "做一个视频", "--bot", "1", env=env)
    assert done.returncode == 0
    (aside,) = home.glob("journal-*.db")
    assert f"set aside: {aside}" in done.stderr


def test_headless_says_that_a_broken_journal_was_set_aside(tmp_path: Path):
    home = tmp_path / "home"
    Journal(home / "journal.db").close()
    garbage_header(home / "journal.db")
    running = start("--headless", env=environment(home))
    wait_until((home / "running.json").exists, "the program runs")
    running.terminate()
    _out, err = running.communicate(timeout=40)
    (aside,) = home.glob("journal-*.db")
    assert "set aside" in err + (home / "coze-tray.log").read_text("utf-8")
    assert aside.name in err + (home / "coze-tray.log").read_text("utf-8")
