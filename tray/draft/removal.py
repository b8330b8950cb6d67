"""Deletes drafts so that it can be undone, and never for good.

A draft that is deleted is moved at once into a hidden folder in the drafts folder: one rename on the same volume, which
undo turns back. When undo is offered no longer, it goes from there to the system's recycle bin (see recycle); where
that can't take it, it stays in the hidden folder. This program deletes no draft itself.

    <drafts folder>/.deleted-by-coze-tray/<random>/.about.json  its name, id, when, its entries in the registry
    <drafts folder>/.deleted-by-coze-tray/<random>/<name>/      the draft
    <drafts folder>/.deleted-by-coze-tray/<random>/.sending     it may be back at its place, for the recycle bin to take
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
from tray.draft.library import Draft, Library, is_link
from tray.draft.problems import DraftError
from tray.draft.publish import HELD
from tray.locale import _
from tray.text import whole_characters

log = logging.getLogger(__name__)

ABOUT = ".about.json"
SENDING = ".sending"
"""Beside the draft, whose name begins with no dot (see library)."""
UNDO_S = 600.0
"""For so long undo is offered."""
_MARGIN_S = 0.1
_timers: dict[Path, threading.Timer] = {}
"""By drafts folder; none for a folder in which nothing waits."""
_arming = threading.Lock()


@dataclass(frozen=True)
class Deleted:
    """A draft that is deleted and can be had back. `entries`: its own in the folder's registry."""

    id: str
    name: str
    deleted_us: int
    entries: list[publish.Entry] = field(default_factory=list)
    draft_id: str = ""


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
            deleted = Deleted(held.name, draft.name, time.time_ns() // 1000, entries, draft.draft_id)
            (held / ABOUT).write_text(json.dumps(asdict(deleted)), "utf-8")
        except OSError as error:
            raise _refused(draft.name, error) from None
        try:
            publish.move_in(draft.path, held / draft.name)
        except OSError as error:
            _drop(held)
            raise _refused(draft.name, error) from None
        if warning := publish.unlist(root, _its(draft), locks / "registry.lock"):
            log.warning("%s", warning)
    log.info("deleted, to be undone for %.0f s: %s", UNDO_S, whole_characters(draft.name))
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
            (root / HELD / deleted.id / SENDING).unlink(missing_ok=True)
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
    if any((root / HELD).glob(f"*/{SENDING}")):
        try:
            with _alone(locks):
                _take_back(root)
        except DraftError as error:
            log.warning("%s", error)
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


def keep_sending(root: Path, locks: Path, *, after_s: float = UNDO_S) -> None:
    """As `send` now, for what earlier runs of the program left too, and as `send_later` for the rest."""
    try:
        send(root, locks, older_s=after_s)
    finally:
        send_later(root, locks, after_s=after_s)


def send_later(root: Path, locks: Path, *, after_s: float = UNDO_S) -> threading.Timer | None:
    """As `send`, whenever undo of something is offered no longer: by one timer for all of it, which is armed anew for
    what is deleted meanwhile. Returns it; None where nothing waits for its time. What is not sent when the program
    ends, `keep_sending` sees to at its next start."""

    def due() -> None:
        with _arming:
            _timers.pop(root, None)
        keep_sending(root, locks, after_s=after_s)

    with _arming:
        if root not in _timers:
            now_us = time.time_ns() // 1000
            waits_s = [after_s - (now_us - deleted.deleted_us) / 1e6 for deleted in pending(root)]
            waits_s = [wait_s for wait_s in waits_s if wait_s > -_MARGIN_S]  # the others can't be sent
            if not waits_s:
                return None
            # A clock that was set back makes nothing wait for years.
            timer = threading.Timer(min(*waits_s, after_s) + _MARGIN_S, due)
            timer.daemon = True
            timer.name = "recycle-bin"
            timer.start()
            _timers[root] = timer
        return _timers[root]


def _send(root: Path, deleted: Deleted) -> None:
    """From its own place, so that the recycle bin puts it back there; from where it is held where that is taken."""
    held, final = _folder(root, deleted), root / deleted.name
    if not held.is_dir():  # had back meanwhile, or sent by another
        return
    try:
        (held.parent / SENDING).touch()
        at_home = not os.path.lexists(final) and publish.move_in(held, final)
        try:
            recycle.to_bin(final if at_home else held)
        except BaseException:
            if at_home and os.path.lexists(final):
                publish.move_in(final, held)
            raise
    except OSError as error:
        raise _refused(deleted.name, error) from None
    _drop(root / HELD / deleted.id)


def _take_back(root: Path) -> None:
    """Hold again what is back at its place because the program ended before the recycle bin had it."""
    with contextlib.suppress(OSError):
        for sending in list((root / HELD).glob(f"*/{SENDING}")):
            deleted = _about(sending.parent)
            if deleted is None or _is_whole(sending.parent, deleted):
                continue
            there = next((draft for draft in Library(root).drafts() if draft.name == deleted.name), None)
            if there is None:  # the bin has it
                _drop(sending.parent)
            elif deleted.draft_id and there.draft_id == deleted.draft_id:
                publish.move_in(there.path, sending.parent / there.name)
                log.info("deleted, as before the program ended: %s", whole_characters(deleted.name))


def _held(root: Path) -> Iterator[Deleted]:
    """What is there and can be understood."""
    with contextlib.suppress(OSError):
        for held in (root / HELD).iterdir():
            deleted = _about(held)
            if deleted is not None and _is_whole(held, deleted):
                yield deleted


def _about(held: Path) -> Deleted | None:
    """What its note says; None where that can't be understood. Its name may still be anything."""
    try:
        said = json.loads((held / ABOUT).read_text("utf-8"))
        deleted_us, entries, draft_id = int(said["deleted_us"]), list(said["entries"]), str(said.get("draft_id", ""))
        return Deleted(held.name, str(said["name"]), deleted_us, entries, draft_id)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_whole(held: Path, deleted: Deleted) -> bool:
    """Whether the draft is there: what its note says is no more than a name."""
    try:
        return any(inside.name == deleted.name and inside.is_dir() for inside in held.iterdir())
    except OSError:
        return False


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
        (held / SENDING).unlink(missing_ok=True)
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
