"""Deletes drafts so that it can be undone, and never for good.

A draft that is deleted is moved at once into a hidden folder in the drafts folder: one rename on the same volume, which
undo turns back. When undo is offered no longer, it goes from there to the system's recycle bin (see recycle); where
that can't take it, it stays in the hidden folder. This program deletes no draft itself.

    <drafts folder>/.deleted-by-coze-tray/<random>/about.json   its name, when, its entries in the registry
    <drafts folder>/.deleted-by-coze-tray/<random>/<name>/      the draft
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from tray.draft import publish, recycle
from tray.draft.library import Draft, is_link
from tray.draft.problems import DraftError
from tray.draft.publish import HELD
from tray.locale import _

log = logging.getLogger(__name__)

ABOUT = "about.json"
UNDO_S = 600.0
"""For so long undo is offered."""


@dataclass(frozen=True)
class Deleted:
    """A draft that is deleted and can be had back. `entries`: its own in the folder's registry."""

    id: str
    name: str
    deleted_us: int
    entries: list[publish.Entry] = field(default_factory=list)


def delete(draft: Draft, locks: Path) -> Deleted:
    """Delete the draft, which lies in the drafts folder itself. `locks`: a folder for lock files. Raises DraftError."""
    root = draft.path.parent
    with _alone(locks):
        try:
            if is_link(draft.path):
                raise DraftError(
                    _("“{name}” is a link to a folder elsewhere and is not deleted.").format(name=draft.name),
                    _("Delete it in the file manager."),
                )
            entries = publish.listed(root, _its(draft))
            held = _made(root)
            deleted = Deleted(held.name, draft.name, time.time_ns() // 1000, entries)
            (held / ABOUT).write_text(json.dumps(asdict(deleted), ensure_ascii=False), "utf-8")
        except OSError as error:
            raise _refused(draft.name, error) from None
        try:
            publish.move_in(draft.path, held / draft.name)
        except OSError as error:
            _drop(held)
            raise _refused(draft.name, error) from None
        if warning := publish.unlist(root, _its(draft), locks / "registry.lock"):
            log.warning("%s", warning)
    log.info("deleted, to be undone for %.0f s: %s", UNDO_S, draft.name)
    return deleted


def undo(root: Path, deleted_id: str, locks: Path) -> Path:
    """Put a deleted draft back. Returns where it is. `deleted_id` is compared alone. Raises DraftError."""
    with _alone(locks):
        deleted = next((one for one in _held(root) if one.id == deleted_id), None)
        if deleted is None:
            raise DraftError(
                _("This draft can't be had back here any more."), _("Look for it in the computer's recycle bin.")
            )
        final = root / deleted.name
        try:
            if not os.path.lexists(final) and publish.move_in(_folder(root, deleted), final):
                _list_again(root, deleted, locks)
                _drop(root / HELD / deleted.id)
                return final
        except OSError as error:
            raise DraftError(
                _("“{name}” can't be put back: {error}").format(name=deleted.name, error=error.strerror or error),
                _("Close what has it open, then try again."),
            ) from None
    raise DraftError(
        _("Another draft is called “{name}” now.").format(name=deleted.name),
        _("Rename that one in JianYing, then undo again."),
    )


def pending(root: Path) -> list[Deleted]:
    """What was deleted and can be had back, newest first."""
    return sorted(_held(root), key=lambda one: one.deleted_us, reverse=True)


def send(root: Path, locks: Path, *, older_s: float = UNDO_S) -> list[str]:
    """Put into the recycle bin what was deleted longer ago. Returns why it can't be for what can't. Takes as long as
    the system takes."""
    told = []
    until_us = time.time_ns() // 1000 - round(older_s * 1e6)
    for deleted in pending(root):
        if deleted.deleted_us > until_us:
            continue
        try:
            with _alone(locks):
                _send(root, deleted)
        except DraftError as error:
            log.warning("%s", error)
            told.append(str(error))
    return told


def send_later(root: Path, locks: Path, *, after_s: float = UNDO_S) -> threading.Timer:
    """As `send`, when undo of what is deleted now is offered no longer. What is not sent when the program ends, the
    next one sends at its start."""
    timer = threading.Timer(after_s + 0.1, send, (root, locks), {"older_s": after_s})
    timer.daemon = True
    timer.name = "recycle-bin"
    timer.start()
    return timer


def _send(root: Path, deleted: Deleted) -> None:
    """From its own place, so that the recycle bin puts it back there; from where it is held where that is taken."""
    held, final = _folder(root, deleted), root / deleted.name
    if not held.is_dir():  # had back meanwhile, or sent by another
        return
    try:
        at_home = not os.path.lexists(final) and publish.move_in(held, final)
        try:
            recycle.to_bin(final if at_home else held)
        except DraftError:
            if at_home:
                publish.move_in(final, held)
            raise
    except OSError as error:
        raise _refused(deleted.name, error) from None
    _drop(root / HELD / deleted.id)


def _held(root: Path) -> Iterator[Deleted]:
    """What is there and can be understood: nothing in it is more than a name."""
    with contextlib.suppress(OSError):
        for held in (root / HELD).iterdir():
            try:
                said = json.loads((held / ABOUT).read_text("utf-8"))
                deleted = Deleted(held.name, str(said["name"]), int(said["deleted_us"]), list(said["entries"]))
                is_whole = any(inside.name == deleted.name and inside.is_dir() for inside in held.iterdir())
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if is_whole:
                yield deleted


def _made(root: Path) -> Path:
    parent = root / HELD
    if not parent.is_dir():
        parent.mkdir()
        publish.hide(parent)
    held = parent / uuid.uuid4().hex[:12]
    held.mkdir()
    return held


def _folder(root: Path, deleted: Deleted) -> Path:
    return root / HELD / deleted.id / deleted.name


def _drop(held: Path) -> None:
    """Remove what is left of a draft that isn't held any more: its note, and folders that are empty."""
    with contextlib.suppress(OSError):
        (held / ABOUT).unlink(missing_ok=True)
        held.rmdir()
        held.parent.rmdir()


def _its(draft: Draft) -> Callable[[publish.Entry], bool]:
    """Whether an entry of the registry is this draft's. A folder that was copied by hand has the other's id."""
    folder = draft.path.as_posix()

    def is_its(entry: publish.Entry) -> bool:
        said = str(entry.get("draft_fold_path", "")).replace("\\", "/").rstrip("/")
        has_its_name = said.rpartition("/")[2] == draft.name
        return said == folder or (has_its_name and bool(draft.draft_id) and entry.get("draft_id") == draft.draft_id)

    return is_its


def _list_again(root: Path, deleted: Deleted, locks: Path) -> None:
    for entry in reversed(deleted.entries):
        if publish.listed(root, entry.__eq__):
            continue
        if warning := publish.register(root, entry, locks / "registry.lock"):
            log.warning("%s", warning)


def _refused(name: str, error: OSError) -> DraftError:
    if isinstance(error, PermissionError):
        return DraftError(
            _("“{name}” can't be deleted: it is open in another program, or write-protected.").format(name=name),
            _("Close it in JianYing, then try again."),
        )
    return DraftError(
        _("“{name}” can't be deleted: {error}").format(name=name, error=error.strerror or error),
        _("Look whether the disk is there."),
    )


@contextlib.contextmanager
def _alone(locks: Path) -> Iterator[None]:
    """One deletion, undo or sending at a time, of all processes."""
    lock = FileLock(locks / "deleted.lock", timeout=30)
    try:
        locks.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except (OSError, Timeout) as error:
        raise DraftError(_("Drafts can't be deleted just now: {error}").format(error=error)) from None
    try:
        yield
    finally:
        lock.release()
