"""Where JianYing and CapCut look for drafts on this machine.

A place the user chose is recorded twice on Windows: in the INI file `User Data/Config/globalSetting` ([General]
currentCustomDraftPath, Qt's spelling) and in the registry (HKCU/Software/Bytedance/<app>/GlobalSettings/History);
macOS has the same INI. Their order is inferred: INI, registry, default. The INI is rewritten when the application
exits, so the two may disagree for a while.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Literal

from tray.draft.problems import DraftError
from tray.locale import _

MAIN = "draft_info.json" if sys.platform == "darwin" else "draft_content.json"
META = "draft_meta_info.json"
"""What a draft's folder holds: the file with its timeline, and the one that makes it listed."""

Profile = Literal["jianying", "capcut"]
"""The application a draft is for: their drafts differ a little."""
APPS: Mapping[Profile, str] = {"jianying": "JianYing", "capcut": "CapCut"}
_OWN_FOLDERS: Mapping[Profile, str] = {"jianying": "JianyingPro", "capcut": "CapCut"}

_DEFAULT = Path("User Data", "Projects", "com.lveditor.draft")
_INI = Path("User Data", "Config", "globalSetting")
_KEY = "currentCustomDraftPath"
_PACKETS: Mapping[Profile, str] = {"jianying": "JianyingProPacket.xml", "capcut": "ProductInfo.xml"}
_LAST_US = 32_503_680_000_000_000
"""The year 3000: Windows knows no later time."""
_MUCH = 1 << 20
"""Bytes of an INI or XML file that are read; real ones have a few thousand."""


@dataclass(frozen=True)
class Machine:
    """What is asked about the computer. `registry`: the text of a value (key below HKCU, name), None for none."""

    platform: str
    home: Path
    env: Mapping[str, str]
    registry: Callable[[str, str], str | None]


@dataclass(frozen=True)
class Candidate:
    """A folder where drafts of `app` may belong, and what says so: `source` in words, `said_by` for programs."""

    path: Path
    source: str
    app: Profile
    said_by: Literal["ini", "registry", "default"]

    @property
    def there(self) -> bool:
        return os.path.isdir(self.path)  # noqa: PTH112 - Path.is_dir raises for a drive that is locked

    @property
    def usable(self) -> bool:
        """Drafts can be written there. A path that isn't whole would mean another folder in every terminal."""
        return self.path.is_absolute() and self.there and os.access(self.path, os.W_OK)


def is_unc(text: str) -> bool:
    r"""Whether Windows would take the path for one on another computer (\\host\share\…, //host/share/…) or of a device
    (\\?\…, \\.\…). Only to look whether such a file is there sends the user's Windows login to the host."""
    return text[:2].replace("\\", "/") == "//"


def drafts_folder(chosen: Path | None, machine: Machine | None = None) -> Path:
    """The drafts folder to write to: the user's own choice, else the first found. Raises DraftError for none."""
    if chosen is not None:
        return chosen.expanduser().absolute()
    found = next((candidate.path for candidate in candidates(machine) if candidate.usable), None)
    if found is None:
        raise DraftError(
            _("No drafts folder of JianYing or CapCut was found on this computer."),
            _("Start JianYing once, or say where drafts go: --drafts-dir, COZE_TRAY_DRAFTS_DIR or drafts_dir in the "
              "settings. In JianYing the folder stands under 设置 → 草稿位置."),
        )  # fmt: skip
    return found


def try_to_write(root: Path) -> None:
    """See that drafts can be written to `root`, or that it can be made where only its last part is missing. Raises
    DraftError."""
    there = root if os.path.lexists(root) else root.parent
    try:
        Path(tempfile.mkdtemp(prefix=".coze-tray-", dir=there)).rmdir()
    except OSError as error:
        raise DraftError(
            _("Nothing can be written to {root}: {error}").format(root=root, error=error.strerror or error),
            _("Check the path, or set another drafts folder."),
        ) from None


def candidates(machine: Machine | None = None) -> list[Candidate]:
    """Every place that this machine names, best first; JianYing's before CapCut's."""
    machine = machine or this_machine()
    return [candidate for app in APPS for candidate in _of(app, machine)]


def disagreeing(found: Sequence[Candidate]) -> list[Profile]:
    """The applications whose INI file and registry name different folders."""
    said = {(candidate.app, candidate.said_by): candidate.path for candidate in found}
    return [
        app for app in APPS
        if (app, "ini") in said and (app, "registry") in said
        and not _same(said[app, "ini"], said[app, "registry"])
    ]  # fmt: skip


def unreadable(machine: Machine | None = None) -> list[tuple[Path, OSError]]:
    """Settings files of the applications that are there and can't be read: what they say is not known."""
    machine = machine or this_machine()
    found = []
    for base in filter(None, (_base(app, machine) for app in APPS)):
        try:
            (base / _INI).open("rb").close()
        except FileNotFoundError:
            continue
        except OSError as error:
            found.append((base / _INI, error))
    return found


def profile_of(root: Path, found: Sequence[Candidate] | None = None) -> Profile:
    """Which application the drafts folder `root` belongs to: the one that names it, else the one its path names, else
    JianYing. `found`: what `candidates` gave, where that is known already."""
    for candidate in candidates() if found is None else found:
        if _same(candidate.path, root):
            return candidate.app
    for part in reversed(root.parts):
        # Folders that were moved are usually named so.
        if part.casefold() in ("capcut", "capcut drafts"):
            return "capcut"
        if part.casefold() in ("jianyingpro", "jianyingpro drafts"):
            return "jianying"
    return "jianying"


def version_of(app: Profile, machine: Machine | None = None) -> str | None:
    """The installed version, as `5.9.0.11632`; None where it can't be told. Windows alone records it in a file."""
    machine = machine or this_machine()
    base = _base(app, machine)
    if base is None or machine.platform != "win32":
        return None
    # Looked for as text: an XML parser would follow what a changed file declares.
    packet = _bytes_of(base / "Apps" / _PACKETS[app])
    found = re.search(rb'<full_appver\s+value\s*=\s*["\']([0-9][0-9.]{0,39})["\']', packet)
    return found[1].decode() if found else None


def this_machine() -> Machine:
    return Machine(sys.platform, Path.home(), os.environ, _registry)


def _of(app: Profile, machine: Machine) -> Iterator[Candidate]:
    base = _base(app, machine)
    if base is None:
        return
    if path := _from_ini(_bytes_of(base / _INI)):
        yield Candidate(Path(path), str(base / _INI), app, "ini")
    key = rf"Software\Bytedance\{_OWN_FOLDERS[app]}\GlobalSettings\History"
    if machine.platform == "win32" and (path := machine.registry(key, _KEY)):
        yield Candidate(Path(_expanded(path, machine.env)), rf"HKCU\{key}", app, "registry")
    yield Candidate(base / _DEFAULT, _("{app}'s usual place").format(app=APPS[app]), app, "default")


def _base(app: Profile, machine: Machine) -> Path | None:
    if machine.platform == "win32":
        local = machine.env.get("LOCALAPPDATA")
        return (Path(local) if local else machine.home / "AppData" / "Local") / _OWN_FOLDERS[app]
    if machine.platform == "darwin":
        return machine.home / "Movies" / _OWN_FOLDERS[app]
    return None  # neither application runs on Linux


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them isn't there
        return PureWindowsPath(str(one)) == PureWindowsPath(str(other))  # compares without case, and slashes either way


def _bytes_of(file: Path) -> bytes:
    """The file's beginning; nothing where it can't be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(_MUCH)
    except (OSError, ValueError):
        return b""


def _from_ini(data: bytes) -> str | None:
    """currentCustomDraftPath of the section [General]; the last counts where it is there twice, as for Qt."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # what Qt 5 takes a file for that was written without a codec
    found, section = None, "general"  # keys before any section count as [General]'s
    for line in re.split(r"[\r\n]+", text):
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped[1:].partition("]")[0].strip().casefold()
        elif section == "general":
            key, _equals, value = stripped.partition("=")
            if key.strip() == _KEY:
                found = _unescaped(value.strip())
    return found or None


_QT_ESCAPE = re.compile(r'\\x([0-9a-fA-F]+)|\\([0-7]+)|\\(.)|(")|([^\\"]+|\\$)')
_QT_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _unescaped(value: str) -> str:
    r"""A value as QSettings writes it (Qt, qsettings.cpp, iniUnescapedStringList): quotes come off, backslashes are
    doubled, \x526a is one UTF-16 unit, and "@" at the beginning is doubled or says that it is no text at all."""
    text, quoted = "", False
    for found in _QT_ESCAPE.finditer(value):
        hexadecimal, octal, letter, quote, plain = found.groups()
        if hexadecimal:
            text += chr(int(hexadecimal[-4:], 16))
        elif octal:
            text += chr(int(octal, 8) & 0xFFFF)
        elif letter:
            text += _QT_LETTERS.get(letter, letter)
        elif quote:
            quoted = not quoted
        elif not quoted and ";" in plain:  # a comment
            text += plain.partition(";")[0].rstrip()
            break
        else:
            text += plain
    if text.startswith("@") and not text.startswith("@@"):
        return ""
    text = text.removeprefix("@")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # two units may be one character


def _registry(key: str, name: str) -> str | None:
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
            value, _kind = winreg.QueryValueEx(opened, name)
    except OSError:
        return None
    return value.strip("\0 ") if isinstance(value, str) else None


def _expanded(path: str, env: Mapping[str, str]) -> str:
    """With %NAMES% replaced: the registry expands them for nobody, and a REG_SZ may hold them too."""
    values = {name.casefold(): value for name, value in env.items()}
    return re.sub(r"%([^%]+)%", lambda found: values.get(found[1].casefold(), found[0]), path)


@dataclass(frozen=True)
class Listed:
    """A draft of the drafts folder. Times in µs; what newer JianYing encrypts shows by its name and date only."""

    name: str
    path: Path
    draft_id: str
    duration_us: int
    modified_us: int


def drafts(root: Path) -> list[Listed]:
    """The drafts in `root`, newest first. Raises DraftError where the folder can't be read."""
    try:
        entries = [entry for entry in root.iterdir() if _is_draft(entry) and not entry.name.startswith(".")]
    except OSError as error:
        raise DraftError(
            _("The drafts folder {root} can't be read: {error}").format(root=root, error=error.strerror or error),
            _("Check the path, or set another drafts folder."),
        ) from None
    return sorted((_listed(entry) for entry in entries), key=lambda draft: draft.modified_us, reverse=True)


def _is_draft(entry: Path) -> bool:
    return os.path.isfile(entry / META)  # noqa: PTH113 - Path.is_file raises for one locked folder among the others


def _listed(path: Path) -> Listed:
    try:
        meta = json.loads((path / META).read_text("utf-8"))
        duration_us, modified_us = int(meta["tm_duration"]), int(meta["tm_draft_modified"])
        if 0 <= duration_us <= _LAST_US and 0 <= modified_us <= _LAST_US:
            return Listed(path.name, path, str(meta["draft_id"]), duration_us, modified_us)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass
    return Listed(path.name, path, "", 0, round(path.stat().st_mtime * 1e6))
