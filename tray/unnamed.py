"""Text for a report, without names: what is known to be the program's own words stays, everything else goes."""

from __future__ import annotations

import getpass
import json
import platform
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tray.locale import _
from tray.redact import redacted

GONE = "[…]"

_RECORD = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ )([\w.]+)(: )(.*)")
_FRAME = re.compile(r'(\s*File )"([^"]*)"(, line \d+,? in [\w<>.]+)\s*$')
_MARKERS = re.compile(r"\s*[\^~]+\s*$")
_RAISED = re.compile(
    r"(\s*(?:\| )*)((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Group|Timeout))(?:: .*)?$"
)
_KEPT_LINES = re.compile(
    r"\s*(?:Traceback \(most recent call last\):|During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:|\[Previous line repeated \d+ more times?\]"
    r"|Fatal Python error: [\w -]+|Windows fatal exception: [\w -]+|Python runtime state: \w+|Garbage-collecting"
    r"|(?:Current thread|Thread) 0x[0-9a-f]+ .*\(most recent call first\):|<no Python frame>|)$"
)
_TECHNICAL = frozenset(
    (
        "tray.coze.auth",
        "tray.coze.client",
        "tray.coze.stored",
        "tray.desktop.autostart",
        "tray.desktop.host",
        "tray.desktop.opener",
        "tray.desktop.start",
        "tray.draft.cache",
        "tray.draft.worker",
        "tray.instance",
        "tray.journal",
        "tray.journal_file",
        "tray.journal_rows",
        "tray.listener",
        "tray.logs",
        "tray.memory",
        "tray.slots",
    )
)
"""What these log is of the machine: numbers, errors of the system, states. Of the others, what a bot or a user said may
be in it."""
# fmt: off
_WELL_KNOWN = frozenset(
    (
        ".config", ".local", "AppData", "Application Support", "Applications", "autostart", "bin", "cache", "CapCut",
        "CapCut Drafts", "com.lemon.lvoverseas", "com.lemon.lvpro", "com.lveditor.draft", "Containers", "Contents",
        "coze-tray", "coze-tray.log", "CurrentVersion", "Data", "HKCU", "home", "JianyingPro", "JianyingPro Drafts",
        "journal.db", "LaunchAgents", "lib", "Library", "Local", "locks", "MacOS", "Microsoft", "Movies", "opt",
        "Program Files", "Projects", "python", "python3", "Roaming", "run", "Run", "running.json", "settings.toml",
        "share", "Software", "System32", "tmp", "user", "User Data", "Users", "usr", "Windows", "~",
    )
)
"""Parts of paths that name nobody."""
_WORDS = frozenset(
    (
        "127.0.0.1", "admin", "api.coze.cn", "api.coze.com", "auto", "bot", "capcut", "chatflow", "cn", "com", "done",
        "en", "failed", "false", "hold", "https://api.coze.cn", "https://api.coze.com", "item", "jianying",
        "localhost", "ms", "root", "s", "test", "true", "us", "user", "workflow", "zh_CN",
    )
)
"""Values that say nothing of anyone, and would be missed."""
# fmt: on
_PATH = re.compile(r"(?:(?<![\w:/.])[A-Za-z]:|~|(?<![\w:/.…]))[\\/][^\n\"“”<>|:*?]*")
_URL = re.compile(r"\b(\w+)://([^\s/?#\"'<>“”]*)[^\s\"'<>“”，。）)]*")
_QUOTED = re.compile(r"“[^”]*”|‘[^’]*’|「[^」]*」|\"[^\"]*\"|'[^']*'")
_ID = re.compile(r"(?<![\w.])(\d{3})\d{7,}(?![\w.])")


@dataclass(frozen=True)
class Unnamed:
    """Takes out names. `values`: what the settings and the journal hold."""

    values: tuple[str, ...]
    """The longest first."""

    @classmethod
    def of(cls, home: Path) -> Unnamed:
        """What is private to the user whose home folder of the program that is."""
        values = {*_of_settings(home / "settings.toml"), *_of_journal(home / "journal.db")}
        values |= {platform.node(), Path.home().name}
        with suppress(OSError, KeyError, ImportError):  # no such user: in a container
            values.add(getpass.getuser())
        own = _own_words()
        return cls(tuple(sorted((one for one in values if len(one) > 1 and one not in own), key=len, reverse=True)))

    def line(self, text: str) -> str:
        """A line of the program's own, without addresses, paths, what is quoted, ids, and what is known to be
        private."""
        return _masked(self.known(text))

    def known(self, text: str) -> str:
        """Without what is known to be private, wherever it may come from."""
        text = redacted(text)
        for value in self.values:
            if value in text:
                text = re.sub(_whole(value), GONE, text)
        return text

    def log(self, text: str) -> str:
        """A log or a crash: of the program's records those that can hold nothing private, of errors their kinds, and
        where in the program they were."""
        return "".join(f"{line}\n" for line in _chosen(self.known(text).splitlines()))


def _chosen(lines: Iterable[str]) -> Iterator[str]:
    source, left_out = "", 0
    for line in lines:
        kept, source = _kept(line, source)
        if kept is None:
            left_out += 1
            continue
        if left_out:
            yield f"    ({left_out} lines left out)"
            left_out = 0
        yield kept
    if left_out:
        yield f"    ({left_out} lines left out)"


def _kept(line: str, source: str) -> tuple[str | None, str]:
    """What is kept of a line, and how the next begins if it is one of the program's source; "" for none. `source`: how
    this one does."""
    if record := _RECORD.fullmatch(line):
        head, name, colon, text = record.groups()
        return f"{head}{name}{colon}{_masked(text) if name in _TECHNICAL else GONE}", ""
    if frame := _FRAME.fullmatch(line):
        inside = re.split(r"[\\/]", frame[2])[-3:]
        is_ours = any(part in ("tray", "site-packages") or part.startswith("python3") for part in inside)
        return (
            f'{frame[1]}"{"/".join(inside if is_ours else inside[-1:])}"{frame[3]}',
            f"{frame[1].removesuffix('File ')}  ",
        )
    if (source and line.startswith(source)) or _MARKERS.fullmatch(line) or _KEPT_LINES.fullmatch(line):
        return line, ""
    if raised := _RAISED.fullmatch(line):
        return f"{raised[1]}{raised[2]}", ""
    return None, ""


def _masked(text: str) -> str:
    text = _URL.sub(lambda found: f"{found[1]}://{_host(found[2])}/{GONE}", text)
    text = _QUOTED.sub(GONE, text)
    text = _PATH.sub(lambda found: _path(found[0]), text)
    return _ID.sub(r"\1…", text)


def _whole(value: str) -> str:
    """A pattern for the value; in letters, for whole words alone."""
    return rf"(?<![A-Za-z0-9_]){re.escape(value)}(?![A-Za-z0-9_])" if value.isascii() else re.escape(value)


def _host(said: str) -> str:
    return said if said.endswith(("coze.cn", "coze.com")) else GONE


def _path(said: str) -> str:
    """As far as it is well known. What follows a path may belong to it; of that, only what `doctor` says stays."""
    ends = (_("{path} (usable)"), _("{path} (can't be written)"), _("{path} (not there)"))
    end = next((end for end in (text.removeprefix("{path}") for text in ends) if said.endswith(end)), "")
    said = said.removesuffix(end)
    parts = re.split(r"[\\/]", said)
    drive = [parts[0]] if re.fullmatch(r"[A-Za-z]:|~|", parts[0]) else ["…"]
    return "/".join([*drive, *(part if part.strip() in _WELL_KNOWN or not part else "…" for part in parts[1:])]) + end


def _of_settings(file: Path) -> Iterator[str]:
    """Every name and text in the settings, even where they are no TOML."""
    try:
        text = file.read_text("utf-8-sig", "replace")
    except OSError:
        return
    set_lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    yield from (found[1:-1] for found in re.findall(r"\"[^\"\n]*\"|'[^'\n]*'", set_lines))
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    with suppress(TOMLKitError):
        yield from _texts(tomlkit.parse(text).unwrap())


def _of_journal(file: Path) -> Iterator[str]:
    """The names and texts of late that something technical may repeat."""
    if not file.exists():
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as db:
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for sql in _JOURNAL:
            for (value,) in db.execute(sql):
                with suppress(ValueError, RecursionError):
                    yield from _texts(json.loads(value))


_JOURNAL = (
    "SELECT asked FROM requests WHERE length(asked) < 20000 ORDER BY rowid DESC LIMIT 500",
    "SELECT receipt FROM drafts WHERE length(receipt) < 20000 ORDER BY rowid DESC LIMIT 500",
)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value of JSON or TOML, names too."""
    if isinstance(value, str):
        yield value
        yield from value.splitlines()
        yield from re.split(r"[\\/]", value)  # of a path, every folder
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)


def _own_words() -> set[str]:
    """What names fields of ours."""
    from tray.asked import Asked
    from tray.events import Receipt
    from tray.settings import Settings
    from tray.settings_target import Target

    of_data = {one.name for kind in (Asked, Receipt) for one in fields(kind)}
    return {*of_data, *Settings.model_fields, *Target.model_fields, *_WORDS}
