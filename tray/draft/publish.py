"""Puts a finished draft into the drafts folder: built off it on the same volume, moved in with one rename."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pathvalidate import sanitize_filename

from tray.draft.problems import DraftError
from tray.locale import _

log = logging.getLogger(__name__)

STAGING = ".coze-tray-"
HELD = ".deleted-by-coze-tray"
"""Where deleted drafts wait in the drafts folder (see removal). It does not begin with STAGING: what does is swept
away."""
REGISTRY = "root_meta_info.json"
LONGEST_NAME = 60
LONGEST_PATH = 240
"""JianYing on Windows can't read media behind longer paths."""
_INSIDE = len("/Resources/local/") + 32 + len(".jpeg")
_TAKEN = {REGISTRY, "conin$", "conout$"}
_FULL_WIDTH = str.maketrans(':?"<>|*/\\', "：？＂＜＞｜＊／＼")
"""What Windows refuses in a name, in the spelling that Chinese text has anyway."""
_UUID = re.compile(r"[{(]?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}[)}]?", re.IGNORECASE)


@contextlib.contextmanager
def staging(root: Path) -> Iterator[Path]:
    """A folder to build in, gone afterwards: in the drafts folder's parent if that is on the same volume and can be
    written, else hidden in the drafts folder. Raises DraftError where neither can be written."""
    made, errors = None, []
    for parent in _staging_parents(root):
        try:
            made = parent / f"{STAGING}{uuid.uuid4().hex[:12]}"
            made.mkdir()
            if parent == root:
                hide(made)
            break
        except OSError as error:
            made = None
            errors.append(f"{parent}: {error.strerror or error}")
    if made is None:
        raise DraftError(
            _("The drafts folder {root} can't be written ({errors}).").format(root=root, errors="; ".join(errors)),
            _("Check that the disk is there, not full and not write-protected, or set another drafts folder."),
        )
    lock = FileLock(made / "lock")  # held while this process lives: what a crash leaves is known by its free lock
    lock.acquire()
    try:
        yield made
    finally:
        lock.release()
        shutil.rmtree(made, ignore_errors=True)


def sweep(root: Path) -> None:
    """Remove what crashed builds left beside and inside the drafts folder."""
    for parent in (root.parent, root):
        for left in parent.glob(f"{STAGING}*"):
            with contextlib.suppress(OSError, Timeout):  # in use by another build, or not ours to remove
                if left.is_file():
                    left.unlink()
                    continue
                lock = left / "lock"
                if not lock.exists() and time.time() - left.stat().st_mtime < 60:
                    continue  # another build has only just made it
                with FileLock(lock, timeout=0):
                    for inside in left.iterdir():
                        if inside.is_dir():
                            shutil.rmtree(inside, ignore_errors=True)
                shutil.rmtree(left, ignore_errors=True)
                log.info("removed what an interrupted build left: %s", left.name)


def free_name(root: Path, wanted: str) -> str:
    """`wanted` as a folder name that is safe on Windows too and not taken in `root`: 名称, 名称 (2), …"""
    room = LONGEST_PATH - len(str(root)) - 1 - _INSIDE - len(" (999)")
    if room < 8:
        raise DraftError(
            _("The path of the drafts folder is too long for JianYing: {root}").format(root=root),
            _("Choose a drafts folder with a shorter path."),
        )
    visible = "".join(c if c.isprintable() else " " for c in wanted).translate(_FULL_WIDTH)
    short = " ".join(visible.split()).strip(" .")[: min(LONGEST_NAME, room)].strip(" .")
    name = str(sanitize_filename(short, platform="universal", replacement_text="_"))
    if not name.strip("_"):
        name = _("Coze draft")
    if _UUID.fullmatch(name) or name.lower() in _TAKEN:
        name = f"Coze {name}"  # JianYing renames a folder whose name is a bare UUID
    numbered = name
    for number in range(2, 100_000):
        if not os.path.lexists(root / numbered):
            break
        numbered = f"{name} ({number})"
    return numbered


def move_in(staged: Path, final: Path) -> bool:
    """Rename the finished folder into the drafts folder. False if a draft of that name has come up meanwhile."""
    for attempt in range(20):
        try:
            staged.rename(final)
        except PermissionError:  # on Windows a virus scanner or the indexer still looks at a new file
            if attempt == 19:
                raise
            time.sleep(0.1)
        except OSError:
            if os.path.lexists(final):
                return False
            raise
        else:
            return True
    return False


def register(root: Path, entry: dict[str, Any], lock: Path) -> str:
    """List the draft in the folder's registry, where there is one: CapCut shows nothing else. Never makes one.

    `lock` is held meanwhile, so that two builds don't lose each other's entry. Returns "" or a warning: the draft
    itself is in place whatever becomes of its entry.
    """
    text = _("the list of drafts ({file}) can't be changed: {error}; CapCut may not show the draft")
    return _relisted(root, lock, lambda entries: [entry, *entries], text)


Entry = dict[str, Any]


def listed(root: Path, is_its: Callable[[Entry], bool]) -> list[Entry]:
    """A draft's entries in the folder's registry; none where that can't be read."""
    try:
        return [entry for entry in _read_registry(root / REGISTRY)["all_draft_store"] if is_its(dict(entry))]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def unlist(root: Path, is_its: Callable[[Entry], bool], lock: Path) -> str:
    """Take a draft out of the folder's registry, where there is one. Returns "" or a warning. `lock` as in register."""
    text = _("the list of drafts ({file}) can't be changed: {error}; CapCut may still show the draft")
    return _relisted(root, lock, lambda entries: [entry for entry in entries if not is_its(dict(entry))], text)


def _relisted(root: Path, lock: Path, change: Callable[[list[Any]], list[Any]], text: str) -> str:
    """Change what the registry lists. Returns "" or `text` as a warning."""
    path = root / REGISTRY
    if not path.is_file():
        return ""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=10):
            _rewrite(path, change)
    except (OSError, Timeout, ValueError, KeyError, TypeError, AttributeError) as error:
        return text.format(file=REGISTRY, error=error)
    return ""


def _rewrite(path: Path, change: Callable[[list[Any]], list[Any]]) -> None:
    registry = _read_registry(path)
    before = registry["all_draft_store"]
    if not isinstance(before, list):
        raise TypeError("all_draft_store")
    after = change(before)
    if after == before:
        return
    registry["all_draft_store"] = after
    shutil.copy2(path, path.with_suffix(".json.bak"))
    fresh = path.with_name(f"{STAGING}{uuid.uuid4().hex[:12]}.json")
    try:
        fresh.write_text(json.dumps(registry, ensure_ascii=False, separators=(",", ":")), "utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _read_registry(path: Path) -> dict[str, Any]:
    """The registry; while the application rewrites it, it may be half there, so it is read again for a second."""
    for _attempt in range(10):
        with contextlib.suppress(ValueError):
            return dict(json.loads(path.read_text("utf-8-sig")))
        time.sleep(0.1)
    return dict(json.loads(path.read_text("utf-8-sig")))


def _staging_parents(root: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        if root.parent.stat().st_dev == root.stat().st_dev and os.access(root.parent, os.W_OK):
            yield root.parent
    yield root


def hide(path: Path) -> None:
    """Hide a folder from Windows' Explorer; elsewhere the dot in its name does."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetFileAttributesW(str(path), 2)
