"""A file to send with a report of a bug: what the program is, where it runs and what went wrong, and nothing private.

What goes in is chosen piece by piece; text that a person or a bot wrote is never chosen. What is left is searched once
more for whatever the settings and the journal hold (tray/unnamed.py).
"""

from __future__ import annotations

import json
import locale as system_locale
import os
import platform
import re
import sqlite3
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from tray import __version__, logs, toml_file
from tray import settings as settings_module
from tray.errors import SettingsError
from tray.home import home, private
from tray.journal_rows import connected
from tray.locale import _
from tray.regions import REGIONS
from tray.settings import Settings
from tray.settings_target import Target
from tray.unnamed import Unnamed

_SHOWN = ("LANG", "LC_ALL", "LC_MESSAGES", "XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE")
"""Of the environment, whose values are shown; of COZE_… and the proxies it is said only that they are set."""
_STATES = ("queued", "running", "waiting", "done", "failed", "cancelled")


def write(folder: Path, name: str = "") -> Path:
    """Write the report into `folder`; returns where it is. It takes some seconds. Raises OSError."""
    path = folder / (name or time.strftime("coze-tray-report-%Y%m%d-%H%M%S.zip"))
    parts = _parts()
    with open(path, "wb", opener=private) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, (_what, text) in parts.items():
            archive.writestr(part, text)
    return path


def contents(path: Path) -> list[tuple[str, int]]:
    """What is in a report: each file's name, and its size in bytes."""
    with zipfile.ZipFile(path) as archive:
        return [(one.filename, one.file_size) for one in archive.infolist()]


def _parts() -> dict[str, tuple[str, str]]:
    """By name: what it is, and its text."""
    unnamed = Unnamed.of(home())
    parts: dict[str, tuple[str, Callable[[], str]]] = {
        "versions.txt": (_("the versions of the program, of what it is made of, and of this system"), _versions),
        "doctor.txt": (_("what coze-tray doctor finds; folders and ids are left out"), lambda: _doctor(unnamed)),
        "settings.txt": (_("which settings are set; names, texts, ids and folders are left out"), _settings),
        "journal.txt": (_("how many requests and drafts there were, and how they ended; no texts"), _journal),
    }
    for file in logs.files(home()):
        what = _("the log: when what happened; texts, names, addresses and folders are left out")
        parts[f"{file.name}.txt"] = (what, partial(_log, unnamed, file))
    for file in (home() / logs.CRASH_NAME, logs.crashed_before(home())):
        if file.exists() and file.stat().st_size:
            what = _("where in the program a crash was")
            parts[file.name] = (what, partial(_log, unnamed, file))
    made = {name: (what, unnamed.known(_made(make))) for name, (what, make) in parts.items()}
    return {"README.txt": ("", _readme({name: what for name, (what, _text) in made.items()})), **made}


def _made(make: Callable[[], str]) -> str:
    """What can't be found out is no reason to have no report: something is wrong, after all."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - its message may hold anything
        return f"not found out: {type(error).__name__}\n"


def _readme(parts: Mapping[str, str]) -> str:
    said = _(
        "A report of coze-tray, to be sent with the description of a problem. No token, no prompt, no answer, no draft "
        "and no name of yours should be in it. Look at the files before you send them; they are text."
    )
    return "\n\n".join([said, *(f"{name}: {what}" for name, what in parts.items())]) + "\n"


def _lines(pairs: Iterable[tuple[str, Any]]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in pairs)


def _versions() -> str:
    pairs: list[tuple[str, Any]] = [
        ("coze-tray", __version__),
        ("packaged", bool(getattr(sys, "frozen", False))),
        ("Python", sys.version.replace("\n", " ")),
        ("system", f"{platform.system()} {platform.release()} {platform.version()} {platform.machine()}"),
        ("encoding", f"{sys.getfilesystemencoding()}, {system_locale.getpreferredencoding(False)}"),
        ("processors", os.cpu_count()),
    ]
    pairs += [(name, os.environ[name]) for name in _SHOWN if os.environ.get(name)]
    ours = (name for name in sorted(os.environ) if name.startswith("COZE_") or name.upper().endswith("_PROXY"))
    pairs += [(name, "(set)") for name in ours]
    return _lines(pairs) + "\n" + _lines(sorted(_libraries(), key=lambda pair: pair[0].lower()))


def _libraries() -> Iterable[tuple[str, str]]:
    """What the program is made of, as far as it is here. Nothing else: a computer's other packages may tell whose it
    is."""
    if getattr(sys, "frozen", False):  # nothing else is in it
        yield from ((found.name, found.version) for found in metadata.distributions() if found.name)
    seen: set[str] = set()
    left = ["coze-tray"]
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        yield name, found.version
        wanted = (one for one in found.requires or () if "extra ==" not in one)
        left += [match[0] for one in wanted if (match := re.match(r"[\w.-]+", one))]


def _doctor(unnamed: Unnamed) -> str:
    from tray.doctor import checks

    signs = {True: "+", False: "-", None: " "}
    return "".join(f"{signs[one.ok]} {unnamed.line(f'{one.name}: {one.found}')}\n" for one in checks())


def _settings() -> str:
    path = settings_module.settings_file()
    if not path.exists():
        return "no file\n"
    try:
        text = toml_file.read(path)
        said: dict[str, Any] = toml_file.parse(text, path).unwrap()
        wrong = settings_module.problems(text)
    except SettingsError as error:
        return f"can't be read: {error.message.partition(': ')[0] if 'line' in error.message else '?'}\n"
    pairs: list[tuple[str, Any]] = [(name, _masked(name, said[name])) for name in Settings.model_fields if name in said]
    pairs.append(("unknown keys", len(said.keys() - Settings.model_fields.keys())))
    pairs += [("can't be used", key.partition(".")[0].partition("[")[0]) for key in wrong]
    return _lines(pairs)


def _masked(name: str, value: Any) -> str:
    """What may be said of a setting's value."""
    if name == "targets" and isinstance(value, dict):
        return "; ".join(_target(one) for one in value.values()) or "none"
    if isinstance(value, (dict, list)):
        return f"{len(value)} of them"
    if name == "api_base" and str(value).rstrip("/") in REGIONS.values():
        return str(value)
    if name in ("region", "language", "profile", "time_unit"):
        known = str(value) in ("", "cn", "com", "zh_CN", "en", "auto", "jianying", "capcut", "ms", "us", "s")
        return str(value) if known else "(something else)"
    if isinstance(value, (bool, int, float)) and len(str(value)) < 12:
        return str(value)
    return "(set)" if value else "(empty)"


def _target(said: Any) -> str:
    if not isinstance(said, dict):
        return "(something else)"
    kind = said.get("kind") if said.get("kind") in ("bot", "workflow", "chatflow") else "?"
    return f"{kind}, sets " + ", ".join(key for key in said if key in Target.model_fields)


def _journal() -> str:
    path = home() / "journal.db"
    if not path.exists():
        return "no journal\n"
    pairs: list[tuple[str, Any]] = [("bytes", path.stat().st_size)]
    pairs.append(("set aside", sum(1 for _file in home().glob("journal-*.db"))))
    with closing(connected(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True))) as db:
        pairs.append(("version", db.execute("PRAGMA user_version").fetchone()[0]))
        tables = ("requests", "outputs", "tool_calls", "drafts", "items", "mailbox_runs")
        pairs += [(one, db.execute(f"SELECT count(*) FROM {one}").fetchone()[0]) for one in tables]  # noqa: S608
        kinds: Counter[str] = Counter()
        codes: Counter[str] = Counter()
        for row in db.execute("SELECT state, asked, failure FROM requests"):
            state = row["state"] if row["state"] in _STATES else "?"
            kind = _field(row["asked"], "kind")
            kinds[f"{kind if kind in ('bot', 'workflow', 'chatflow', 'item') else '?'} {state}"] += 1
            if row["failure"]:
                codes[_code(_field(row["failure"], "code"))] += 1
    return _lines([*pairs, *sorted(kinds.items()), *((f"error {code}", n) for code, n in sorted(codes.items()))])


def _field(said: str, name: str) -> str:
    try:
        return str(json.loads(said)[name])
    except (ValueError, TypeError, KeyError):
        return "?"


def _code(said: str) -> str:
    """Ours are words, Coze's are numbers."""
    return said if said.isascii() and said.replace("_", "").isalnum() and len(said) < 24 else "?"


def _log(unnamed: Unnamed, file: Path) -> str:
    return unnamed.log(file.read_text("utf-8", "replace"))
