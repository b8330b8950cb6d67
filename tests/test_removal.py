"""Deleting a draft: at once out of sight, had back by undo, into the recycle bin later, and never for good."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from factory import draft, export, png, segment, track
from tray.draft import library, publish, read, recycle, removal
from tray.draft.library import Library
from tray.draft.problems import DraftError

IS_LINUX = sys.platform.startswith("linux")


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "locks"


@pytest.fixture
def made(build, media, root) -> library.Draft:
    url = media.serve("/a.png", png())
    built = build(export(draft(track(segment("image", url=url)), track(segment()), name="早餐")))
    assert built.receipts
    return Library(root).drafts()[0]


@pytest.fixture
def bin_of(tmp_path: Path, monkeypatch) -> Path:
    """A recycle bin of the tests' own, at the place that Send2Trash would use."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def take(path: str) -> None:
        Path(path).rename(folder / Path(path).name)

    import send2trash

    monkeypatch.setattr(send2trash, "send2trash", take)
    monkeypatch.setattr(recycle, "_why_not", lambda _path: "")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_deleted_draft_is_gone_at_once_and_undo_puts_every_byte_back(made, root, locks):
    before = files(made.path)
    deleted = removal.delete(made, locks)
    assert Library(root).drafts() == [] and not made.path.exists()
    assert [one.name for one in removal.pending(root)] == ["早餐"]
    assert removal.undo(root, deleted.id, locks) == made.path
    assert files(made.path) == before and read.read(made.path).spec.tracks
    assert removal.pending(root) == [] and not (root / publish.HELD).exists()


def test_jianying_s_list_loses_its_entry_and_undo_brings_it_back(made, root, locks):
    own = {"draft_name": "早餐", "draft_fold_path": made.path.as_posix(), "draft_id": made.draft_id, "odd": [1]}
    other = {"draft_name": "x", "draft_fold_path": f"{root.as_posix()}/x", "draft_id": made.draft_id}
    registry = root / publish.REGISTRY
    registry.write_text(json.dumps({"all_draft_store": [own, other], "root_path": "y"}))
    deleted = removal.delete(made, locks)
    assert json.loads(registry.read_text()) == {"all_draft_store": [other], "root_path": "y"}
    removal.undo(root, deleted.id, locks)
    assert json.loads(registry.read_text())["all_draft_store"] == [own, other]


def test_a_crash_right_after_the_move_leaves_what_undo_needs(made, root, locks, monkeypatch):
    own = {"draft_fold_path": made.path.as_posix()}
    (root / publish.REGISTRY).write_text(json.dumps({"all_draft_store": [own]}))
    monkeypatch.setattr(publish, "unlist", lambda *_args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        removal.delete(made, locks)
    (deleted,) = removal.pending(root)
    removal.undo(root, deleted.id, locks)
    assert json.loads((root / publish.REGISTRY).read_text())["all_draft_store"] == [own]


def test_sweeping_up_after_builds_leaves_deleted_drafts_alone(made, root, locks):
    deleted = removal.delete(made, locks)
    held = root / publish.HELD / deleted.id
    for path in (root / publish.HELD, held):
        os.utime(path, (1, 1))
    publish.sweep(root)
    assert removal.undo(root, deleted.id, locks).is_dir()


def test_undo_never_takes_another_draft_s_place(made, root, locks):
    deleted = removal.delete(made, locks)
    made.path.mkdir()
    with pytest.raises(DraftError, match="called “早餐” now"):
        removal.undo(root, deleted.id, locks)
    made.path.rmdir()
    assert removal.undo(root, deleted.id, locks) == made.path


@pytest.mark.parametrize("named", ["", ".", "..", "../x", "/etc", "早餐", "x" * 5000, "\0"])
def test_an_undo_of_what_was_never_deleted_changes_nothing(named, made, root, locks):
    removal.delete(made, locks)
    before = files(root)
    with pytest.raises(DraftError, match="recycle bin"):
        removal.undo(root, named, locks)
    assert files(root) == before


@pytest.mark.parametrize("name", ["..", "../out", "a/b", "", "."])
def test_a_note_that_was_changed_names_no_folder_elsewhere(name, made, root, locks):
    deleted = removal.delete(made, locks)
    about = root / publish.HELD / deleted.id / removal.ABOUT
    about.write_text(json.dumps({**json.loads(about.read_text()), "name": name}))
    assert removal.pending(root) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")
def test_a_draft_that_is_a_link_to_elsewhere_is_not_deleted(made, root, locks, tmp_path):
    made.path.rename(tmp_path / "elsewhere")
    made.path.symlink_to(tmp_path / "elsewhere")
    (linked,) = Library(root).drafts()
    with pytest.raises(DraftError, match="link"):
        removal.delete(linked, locks)
    assert (tmp_path / "elsewhere" / "draft_meta_info.json").is_file() and made.path.is_symlink()


def test_a_draft_that_another_program_has_open_stays(made, root, locks, monkeypatch):
    before = files(made.path)

    def refuse(*_args: Path) -> bool:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(publish, "move_in", refuse)
    with pytest.raises(DraftError, match="open in another program"):
        removal.delete(made, locks)
    assert files(made.path) == before and removal.pending(root) == [] and not (root / publish.HELD).exists()


def test_what_was_deleted_long_ago_goes_to_the_recycle_bin_from_its_own_place(made, root, locks, bin_of):
    before = files(made.path)
    removal.delete(made, locks)
    assert removal.send(root, locks) == [] and list(bin_of.iterdir()) == []  # undo is still offered
    assert removal.send(root, locks, older_s=0) == []
    assert files(bin_of / "早餐") == before
    assert not (root / publish.HELD).exists() and not made.path.exists()


def test_it_goes_to_the_recycle_bin_by_itself_once_undo_is_over(made, root, locks, bin_of):
    removal.delete(made, locks)
    timer = removal.send_later(root, locks, after_s=0.2)
    assert timer is not None and removal.send_later(root, locks, after_s=0.2) is timer  # one for all that is deleted
    timer.join(5)
    assert (bin_of / "早餐").is_dir()
    assert removal.send_later(root, locks) is None  # nothing waits any more


def test_what_was_deleted_shortly_before_the_program_ended_goes_when_its_time_has_come(made, root, locks, bin_of):
    removal.delete(made, locks)
    removal.keep_sending(root, locks, after_s=0.3)
    assert list(bin_of.iterdir()) == []
    timer = removal.send_later(root, locks, after_s=0.3)
    assert timer is not None
    timer.join(5)
    assert (bin_of / "早餐").is_dir()


@pytest.mark.parametrize("error", [OSError(5, "the disk is gone"), RuntimeError("a bug"), KeyboardInterrupt()])
def test_a_draft_that_can_t_be_sent_is_held_again_whatever_happens(error, made, root, locks, monkeypatch):
    def fail(_path: Path) -> str:
        raise error

    monkeypatch.setattr(recycle, "_why_not", fail)
    before = files(made.path)
    deleted = removal.delete(made, locks)
    with contextlib.suppress(RuntimeError, KeyboardInterrupt):
        removal.send(root, locks, older_s=0)
    assert not made.path.exists()
    assert files(removal.undo(root, deleted.id, locks)) == before


def killed_while_sending(root: Path, locks: Path) -> None:
    """In a process of its own, at the moment when the draft is back at its place and the bin has not taken it."""
    code = (
        "import os, sys; from pathlib import Path; from tray.draft import recycle, removal;"
        "recycle.to_bin = lambda path: os._exit(9);"
        "removal.send(Path(sys.argv[1]), Path(sys.argv[2]), older_s=0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root), str(locks)], check=False)
    assert done.returncode == 9


def test_a_draft_that_was_half_sent_when_the_program_was_killed_is_held_again(made, root, locks):
    own = {"draft_fold_path": made.path.as_posix(), "draft_id": made.draft_id}
    (root / publish.REGISTRY).write_text(json.dumps({"all_draft_store": [own]}))
    before = files(made.path)
    deleted = removal.delete(made, locks)
    killed_while_sending(root, locks)
    assert made.path.is_dir() and removal.pending(root) == []
    removal.send(root, locks)
    assert not made.path.exists() and [one.id for one in removal.pending(root)] == [deleted.id]
    assert files(removal.undo(root, deleted.id, locks)) == before
    assert json.loads((root / publish.REGISTRY).read_text())["all_draft_store"] == [own]
    removal.send(root, locks)
    assert made.path.is_dir()  # what was had back stays


def test_another_draft_of_that_name_is_not_taken_for_a_half_sent_one(made, root, locks):
    removal.delete(made, locks)
    killed_while_sending(root, locks)
    meta = made.path / "draft_meta_info.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "draft_id": "another"}))
    removal.send(root, locks)
    assert made.path.is_dir()


def test_a_note_of_what_the_bin_took_just_before_the_program_was_killed_is_forgotten(made, root, locks, tmp_path):
    removal.delete(made, locks)
    killed_while_sending(root, locks)
    made.path.rename(tmp_path / "bin")
    removal.send(root, locks)
    (tmp_path / "bin").rename(made.path)  # had back from the bin
    removal.send(root, locks)
    assert made.path.is_dir() and not (root / publish.HELD).exists()


def test_what_the_bin_refuses_is_kept_and_can_still_be_had_back(made, root, locks, monkeypatch):
    monkeypatch.setattr(recycle, "_why_not", lambda _path: "its drive has none")
    before = files(made.path)
    deleted = removal.delete(made, locks)
    (told,) = removal.send(root, locks, older_s=0)
    assert "早餐" in told and "its drive has none" in told
    assert not made.path.exists()
    assert files(removal.undo(root, deleted.id, locks)) == before


def test_a_new_draft_of_that_name_stays_when_the_old_one_goes_to_the_bin(made, root, locks, bin_of):
    removal.delete(made, locks)
    made.path.mkdir()
    (made.path / "new").touch()
    removal.send(root, locks, older_s=0)
    assert [file.name for file in made.path.iterdir()] == ["new"] and (bin_of / "早餐" / "draft_cover.jpg").is_file()


@pytest.mark.skipif(not IS_LINUX, reason="looks into the desktop's own bin")
def test_the_desktop_s_own_bin_has_it_and_knows_where_it_was(made, root, locks, tmp_path):
    """In a process of its own: who empties the bin is told by the environment at its start."""
    removal.delete(made, locks)
    home = tmp_path / "data"
    home.mkdir()
    code = "import sys; from pathlib import Path; from tray.draft import removal; print(removal.send(Path(sys.argv[1]), Path(sys.argv[2]), older_s=0))"
    env = {**os.environ, "XDG_DATA_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(root), str(locks)], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
    (info,) = home.glob("Trash/info/*.trashinfo")
    assert (home / "Trash" / "files" / info.stem / "draft_meta_info.json").is_file()
    from urllib.parse import unquote

    assert unquote(info.read_text()).split("Path=")[1].splitlines()[0] == str(made.path)


@pytest.mark.parametrize("name", ["about.json", "sending"])
def test_a_draft_named_like_a_note_is_deleted_and_had_back_like_any(name, made, root, locks):
    made.path.rename(root / name)
    [renamed] = Library(root).drafts()
    before = files(renamed.path)
    deleted = removal.delete(renamed, locks)
    assert Library(root).drafts() == [] and [one.name for one in removal.pending(root)] == [name]
    assert files(removal.undo(root, deleted.id, locks)) == before
