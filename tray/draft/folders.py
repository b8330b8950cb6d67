"""Where JianYing and CapCut look for drafts on this machine.

A place the user chose is recorded twice on Windows: in the INI file `User Data/Config/globalSetting` ([General]
currentCustomDraftPath, Qt's spelling) and in the registry (HKCU/Software/Bytedance/<app>/GlobalSettings/History);
macOS has the same INI. Their order is inferred: INI, registry, default.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tray.draft.problems import DraftError
from tray.locale import _

META = "draft_meta_info.json"
APPS = ("JianyingPro", "CapCut")
_DEFAULT = Path("User Data", "Projects", "com.lveditor.draft")
_INI = Path("User Data", "Config", "globalSetting")


@dataclass(frozen=True)
class Candidate:
    """A folder where drafts may belong, and what says so."""

    path: Path
    source: str

    @property
    def usable(self) -> bool:
        return self.path.is_dir() and os.access(self.path, os.W_OK)


def drafts_folder(chosen: Path | None) -> Path:
    """The drafts folder to write to: the user's own choice, else the first found. Raises DraftError for none."""
    if chosen is not None:
        return chosen.expanduser().absolute()
    found = next((candidate.path for candidate in candidates() if candidate.usable), None)
    if found is None:
        raise DraftError(
            _("No drafts folder of JianYing or CapCut was found on this computer."),
            _("Start JianYing once, or say where drafts go: --drafts-dir, COZE_TRAY_DRAFTS_DIR or drafts_dir in the "
              "settings. In JianYing the folder stands under 设置 → 草稿位置."),
        )  # fmt: skip
    return found


def candidates() -> list[Candidate]:
    """Every place that this machine names, best first."""
    return [candidate for app in APPS for candidate in _of(app)]


def _of(app: str) -> Iterator[Candidate]:
    base = _base(app)
    if base is None:
        return
    ini = base / _INI
    if path := _from_ini(ini):
        yield Candidate(path, str(ini))
    if path := _from_registry(app):
        yield Candidate(path, rf"HKCU\Software\Bytedance\{app}\GlobalSettings\History")
    yield Candidate(base / _DEFAULT, _("{app}'s usual place").format(app=app))


def _base(app: str) -> Path | None:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local, app) if local else None
    if sys.platform == "darwin":
        return Path.home() / "Movies" / app
    return None  # neither application runs on Linux


def _from_ini(ini: Path) -> Path | None:
    """currentCustomDraftPath as Qt writes it: backslashes doubled, CRLF, other text as \\xABCD."""
    try:
        lines = ini.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        key, _equals, value = line.partition("=")
        if key.strip() == "currentCustomDraftPath" and value.strip():
            return Path(_unquoted(value.strip()))
    return None


def _unquoted(value: str) -> str:
    value = value.strip('"')
    result, i = "", 0
    while i < len(value):
        if value[i] != "\\":
            result, i = result + value[i], i + 1
        elif value[i + 1 : i + 2] == "x":
            digits = ""
            i += 2
            while len(digits) < 4 and i < len(value) and value[i] in "0123456789abcdefABCDEF":
                digits, i = digits + value[i], i + 1
            result += chr(int(digits, 16)) if digits else "x"
        else:
            result, i = result + value[i + 1 : i + 2], i + 2
    return result


def _from_registry(app: str) -> Path | None:
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, rf"Software\Bytedance\{app}\GlobalSettings\History") as key:
            value = str(winreg.QueryValueEx(key, "currentCustomDraftPath")[0])
    except OSError:
        return None
    return Path(value) if value else None


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
        entries = [entry for entry in root.iterdir() if (entry / META).is_file() and not entry.name.startswith(".")]
    except OSError as error:
        raise DraftError(
            _("The drafts folder {root} can't be read: {error}").format(root=root, error=error.strerror or error),
            _("Check the path, or set another drafts folder."),
        ) from None
    return sorted((_listed(entry) for entry in entries), key=lambda draft: draft.modified_us, reverse=True)


def _listed(path: Path) -> Listed:
    try:
        meta = json.loads((path / META).read_text("utf-8"))
        return Listed(path.name, path, str(meta["draft_id"]), int(meta["tm_duration"]), int(meta["tm_draft_modified"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Listed(path.name, path, "", 0, round(path.stat().st_mtime * 1e6))
