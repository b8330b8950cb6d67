"""Where drafts go on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tray.draft import folders
from tray.draft.problems import DraftError


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A made-up Windows home without a registry: %LOCALAPPDATA%."""
    monkeypatch.setattr(folders, "_base", lambda app: tmp_path / app)
    return tmp_path


def test_the_user_s_choice_comes_first(windows, tmp_path):
    assert folders.drafts_folder(tmp_path / "mine") == tmp_path / "mine"


@pytest.mark.parametrize(
    "said", ["C:\\\\剪映 drafts\\\\com", '"C:\\\\剪映 drafts\\\\com"', r"C:\\\x526a\x6620 drafts\\com"]
)
def test_the_ini_file_is_read_as_qt_writes_it(said, windows):
    ini = windows / "JianyingPro" / "User Data" / "Config" / "globalSetting"
    ini.parent.mkdir(parents=True)
    ini.write_bytes(f"[General]\r\nother=1\r\ncurrentCustomDraftPath={said}\r\n".encode())
    assert str(folders.candidates()[0].path) == "C:\\剪映 drafts\\com"
    assert folders.candidates()[0].source == str(ini)


def test_only_a_folder_that_is_there_is_taken(windows):
    with pytest.raises(DraftError, match="No drafts folder"):
        folders.drafts_folder(None)
    usual = windows / "CapCut" / "User Data" / "Projects" / "com.lveditor.draft"
    usual.mkdir(parents=True)
    assert folders.drafts_folder(None) == usual


@pytest.mark.skipif(sys.platform != "linux", reason="neither application runs on Linux")
def test_linux_has_no_usual_place():
    assert folders.candidates() == []


def test_drafts_of_other_programs_are_listed_even_where_their_meta_can_t_be_read(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "draft_meta_info.json").write_bytes(b"\x00encrypted")
    (tmp_path / "no draft").mkdir()
    assert [draft.name for draft in folders.drafts(tmp_path)] == ["mine"]
