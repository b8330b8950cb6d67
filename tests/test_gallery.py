"""The drafts folder as a gallery reads it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from factory import draft, export, png, segment, track
from samples import video
from tray import drafts_command
from tray.draft import library, read, showing
from tray.draft.folders import MAIN
from tray.draft.library import Library
from tray.draft.problems import DraftError
from tray.draft.spec import TextSegment


@pytest.fixture
def made(build, media, root) -> library.Draft:
    image, film = media.serve("/a.png", png()), media.serve("/b.mp4", video("mp4", "mpeg4"))
    tracks = (
        track(segment("image", 0, 2000, url=image), segment("video", 2000, 4000, url=film)),
        track(segment("text", 0, 4000, odd=1)),
    )
    assert build(export(draft(*tracks, name="早餐"))).receipts
    return Library(root).drafts()[0]


def shelf(root: Path, n: int) -> None:
    """So many drafts, with meta files as long as real ones and main files that are not to be read."""
    for number in range(n):
        folder = root / f"draft {number:04}"
        folder.mkdir()
        meta = {"draft_id": str(number), "tm_duration": 1_000_000, "tm_draft_modified": 10**15 + number,
                "draft_timeline_materials_size_": 5, "draft_materials": [{"value": ["x" * 3000]}]}  # fmt: skip
        (folder / "draft_meta_info.json").write_text(json.dumps(meta))
        (folder / "draft_content.json").write_text("{")


def test_a_draft_has_its_name_length_size_canvas_and_cover(made, root):
    assert (made.name, made.path, made.duration_us) == ("早餐", root / "早餐", 4_000_000)
    assert made.media_bytes == library.media_bytes(read.read(made.path).spec, made.path) > 0
    assert Library(root).canvas(made) == (1080, 1920)
    assert library.cover(made) == (made.path / "draft_cover.jpg").resolve()
    assert abs(made.modified_us / 1e6 - time.time()) < 60


def test_a_thousand_drafts_are_listed_in_half_a_second_and_what_changes_is_seen(root):
    shelf(root, 1000)
    drafts = Library(root)
    assert [draft.name for draft in drafts.drafts()[:2]] == ["draft 0999", "draft 0998"]
    began = time.perf_counter()
    assert len(drafts.drafts()) == 1000
    assert time.perf_counter() - began < 0.5
    assert [draft.name for draft in drafts.drafts("DRAFT 01")][-1] == "draft 0100"
    changed = root / "draft 0005" / "draft_meta_info.json"
    changed.write_text(json.dumps({"draft_id": "x", "tm_duration": 7, "tm_draft_modified": 2 * 10**15}))
    assert drafts.drafts()[0].duration_us == 7
    changed.unlink()
    assert len(drafts.drafts()) == 999


def test_a_draft_is_found_by_its_key_or_its_name_alone(made, root):
    drafts = Library(root)
    assert drafts.find(made.key) == made and made.key == library.key_of(root / "早餐")
    assert Library(root).find("早餐") == made
    for key in ("", ".", "..", "../早餐", made.key.upper() + " ", "\0", "x" * 10_000):
        with pytest.raises(DraftError, match="not in the drafts folder any more"):
            drafts.find(key)


def test_broken_and_encrypted_drafts_are_listed_by_name(root):
    for name, text in {"a": "{", "b": "[]", "c": '{"tm_duration": "x"}', "d": '{"tm_duration": 1e400}'}.items():
        (root / name).mkdir()
        (root / name / "draft_meta_info.json").write_text(text)
        (root / name / "draft_content.json").write_bytes(b"\x9f" * 100)
    found = Library(root).drafts()
    assert sorted(draft.name for draft in found) == ["a", "b", "c", "d"]
    assert all(Library(root).canvas(draft) is None and library.cover(draft) is None for draft in found)


def test_folders_that_are_no_drafts_and_hidden_ones_are_not_listed(made, root):
    (root / "x").mkdir()
    (root / "file").touch()
    (root / ".hidden").mkdir()
    (root / ".hidden" / "draft_meta_info.json").write_text("{}")
    assert Library(root).drafts() == [made]


def test_a_drafts_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DraftError, match="can't be read"):
        Library(tmp_path / "none").drafts()


def test_media_that_is_gone_is_told_by_segment(made):
    spec = read.read(made.path).spec
    assert library.missing_media(spec, made.path) == []
    gone = spec.tracks[0].segments[1].media
    (made.path / gone).unlink()
    assert library.missing_media(spec, made.path) == [library.Missing(1, 2, gone)]


@pytest.mark.parametrize("name", ["../other.txt", "/etc/passwd", "C:\\x", "a\0b", "x" * 5000, "", "no.jpg"])
def test_no_file_outside_of_a_draft_is_given_away(name, made, root):
    (root / "other.txt").write_text("secret")
    assert library.inside(made.path, name) is None


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")
def test_no_link_leads_out_of_a_draft(made, root):
    (root / "other.jpg").write_text("secret")
    (made.path / "draft_cover.jpg").unlink()
    (made.path / "draft_cover.jpg").symlink_to(root / "other.jpg")
    assert library.cover(made) is None
    (made.path / "loop").symlink_to(made.path / "loop")
    assert library.inside(made.path, "loop") is None


def test_the_receipt_says_where_in_the_draft_each_warning_is(build, root):
    text = export(draft(track(segment("text", 0, 1000), segment("text", 1000, 2000, odd=1))))
    (receipt,) = build(text).receipts
    where = dict(zip(receipt.warnings, receipt.warned, strict=True))
    ((number, index),) = [place for line, place in where.items() if "odd" in line]
    found = read.read(Path(receipt.path)).spec.tracks[number - 1].segments[index - 1]
    assert isinstance(found, TextSegment) and found.start_us == 1_000_000


UNC = ("\\\\evil\\share\\a.jpg", "//evil/share/a.jpg", "\\/evil/share/a.jpg", "/\\evil/a.jpg", "\\\\?\\UNC\\evil\\a.jpg",
       "\\\\.\\UNC\\evil\\a.jpg")  # fmt: skip


@pytest.mark.parametrize("path", [*UNC, "##_draftpath_placeholder_0E685133-18CE-45ED-8CB8-2904A212EC80_##/" + UNC[0]])
def test_a_foreign_draft_s_media_on_another_computer_is_missing_and_never_looked_for(path, made, monkeypatch):
    """Windows would send the user's login to that computer."""
    main = made.path / MAIN
    content = json.loads(main.read_text())
    for material in content["materials"]["videos"]:
        material["path"] = path
    main.write_text(json.dumps(content))
    real_stat, real_lstat = os.stat, os.lstat

    def seen(look: Any) -> Any:
        def looked(file: Any, *args: Any, **kwargs: Any) -> Any:
            assert "evil" not in str(file)
            return look(file, *args, **kwargs)

        return looked

    monkeypatch.setattr(os, "stat", seen(real_stat))
    monkeypatch.setattr(os, "lstat", seen(real_lstat))
    shown = showing.of_folder(made.path, None, "picture?media=", 1.0)
    assert (shown.missing, shown.media_bytes) == (2, 0)
    assert drafts_command._media(read.read(made.path).spec, made.path)[0] == 0
    assert library.inside(made.path, path.rpartition("##/")[2]) is None
