"""Where drafts go on this machine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tray.draft import folders
from tray.draft.folders import Machine
from tray.draft.problems import DraftError

HISTORY = r"Software\Bytedance\{}\GlobalSettings\History"
Make = Callable[..., Machine]


@pytest.fixture
def windows(tmp_path: Path) -> Make:
    """A made-up Windows: %LOCALAPPDATA% is a folder here; `registry` by application."""

    def make(env: dict[str, str] | None = None, **registry: str) -> Machine:
        values = {(HISTORY.format(app), "currentCustomDraftPath"): path for app, path in registry.items()}
        variables = {"LOCALAPPDATA": str(tmp_path / "Local")} if env is None else env
        return Machine("win32", tmp_path / "user", variables, lambda key, name: values.get((key, name)))

    return make


@pytest.fixture
def mac(tmp_path: Path) -> Machine:
    def registry(key: str, name: str) -> str:
        raise AssertionError("a Mac has no registry")

    return Machine("darwin", tmp_path / "user", {}, registry)


def write_ini(base: Path, *lines: str | bytes, newline: bytes = b"\r\n") -> Path:
    """globalSetting of the application whose folder is `base`."""
    ini = base / "User Data" / "Config" / "globalSetting"
    ini.parent.mkdir(parents=True, exist_ok=True)
    ini.write_bytes(b"".join((line.encode() if isinstance(line, str) else line) + newline for line in lines))
    return ini


def make(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def usual(base: Path) -> Path:
    return base / "User Data" / "Projects" / "com.lveditor.draft"


def said(machine: Machine) -> list[tuple[str, str, str]]:
    return [(found.app, found.said_by, str(found.path)) for found in folders.candidates(machine)]


def test_the_user_s_choice_comes_first(windows, tmp_path):
    make(usual(tmp_path / "Local" / "JianyingPro"))
    assert folders.drafts_folder(tmp_path / "mine", windows()) == tmp_path / "mine"


def test_then_the_ini_file_then_the_registry_then_the_usual_place(windows, tmp_path):
    base = tmp_path / "Local" / "JianyingPro"
    places = [make(tmp_path / "by ini"), make(tmp_path / "by registry"), make(usual(base))]
    write_ini(base, "[General]", f"currentCustomDraftPath={places[0].as_posix()}")
    machine = windows(JianyingPro=str(places[1]))
    assert said(machine)[:3] == [
        ("jianying", said_by, str(place)) for said_by, place in zip(("ini", "registry", "default"), places, strict=True)
    ]
    for place in places:
        assert folders.drafts_folder(None, machine) == place
        place.rmdir()


def test_jianying_s_folders_come_before_capcut_s(windows, tmp_path):
    custom = make(tmp_path / "CapCut Drafts")
    capcut = tmp_path / "Local" / "CapCut"
    write_ini(capcut, "[General]", f"currentCustomDraftPath={custom.as_posix()}")
    assert folders.drafts_folder(None, windows()) == custom
    jianying = make(usual(tmp_path / "Local" / "JianyingPro"))
    assert folders.drafts_folder(None, windows()) == jianying
    assert said(windows()) == [
        ("jianying", "default", str(jianying)),
        ("capcut", "ini", str(custom)),
        ("capcut", "default", str(usual(capcut))),
    ]


def test_only_a_folder_that_is_there_and_can_be_written_is_taken(windows, tmp_path):
    with pytest.raises(DraftError, match="No drafts folder"):
        folders.drafts_folder(None, windows())
    (tmp_path / "a file").write_text("")
    there = make(usual(tmp_path / "Local" / "CapCut"))
    machine = windows(JianyingPro=str(tmp_path / "a file"))
    assert folders.drafts_folder(None, machine) == there
    assert [found.usable for found in folders.candidates(machine)] == [False, False, True]


def test_a_folder_that_can_t_be_written_is_passed_over(windows, tmp_path, monkeypatch):
    locked, usable = make(tmp_path / "locked"), make(usual(tmp_path / "Local" / "JianyingPro"))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != locked)  # root may write everywhere
    assert folders.drafts_folder(None, windows(JianyingPro=str(locked))) == usable


@pytest.mark.parametrize("path", ["drafts", ".", "/\0", "C:drafts"])
def test_a_path_that_means_no_certain_folder_is_passed_over(path, windows, tmp_path, monkeypatch):
    monkeypatch.chdir(make(tmp_path / "here"))
    make(tmp_path / "here" / "drafts")
    assert not folders.candidates(windows(JianyingPro=path))[0].usable


@pytest.mark.parametrize(
    "line",
    [
        r"currentCustomDraftPath=E:\\剪映 drafts\\com",
        r'currentCustomDraftPath="E:\\剪映 drafts\\com"',
        r"currentCustomDraftPath=E:\\\x526a\x6620 drafts\\com",
        r'currentCustomDraftPath="E:\\\x526a\x6620 drafts\\\x63om"',
        r'  currentCustomDraftPath = "E:\\\x526a\x6620 drafts\\com"  ',
        r"currentCustomDraftPath=E:\\剪映 drafts\\com ; said by hand",
    ],
)
@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_the_ini_file_is_read_as_qt_writes_it(line, newline, windows, tmp_path):
    base = tmp_path / "Local" / "JianyingPro"
    ini = write_ini(base, "[General]", "other=1", line, "last=2", newline=newline)
    first = folders.candidates(windows())[0]
    assert str(first.path) == "E:\\剪映 drafts\\com"
    assert (first.source, first.said_by, first.app) == (str(ini), "ini", "jianying")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("E:/JianyingPro Drafts", "E:/JianyingPro Drafts"),
        (r"\\\\nas\\drafts", r"\\nas\drafts"),
        (r'"D:\\a;b, c"', r"D:\a;b, c"),
        (r'"D:\\\"a\""', r'D:\"a"'),
        (r"D:\\\xd83d\xde00", "D:\\\U0001f600"),
        (r"D:\\\xd83d", "D:\\\ufffd"),
        (r"@@home\\x", r"@home\x"),
    ],
)
def test_what_qt_escapes_is_read_back(value, path, windows, tmp_path):
    write_ini(tmp_path / "Local" / "JianyingPro", "[General]", f"currentCustomDraftPath={value}")
    assert str(folders.candidates(windows())[0].path) == str(Path(path))


@pytest.mark.parametrize(
    "lines",
    [
        ["[Other]", "currentCustomDraftPath=D:/x"],
        ["[General]", "a=1", "[%General]", "currentCustomDraftPath=D:/x"],
        ["[General]", "currentCustomDraftPath="],
        ["[General]", 'currentCustomDraftPath=""'],
        ["[General]", "currentCustomDraftPath=@Invalid()"],
        ["[General]", "currentCustomDraftPathOld=D:/x", ";currentCustomDraftPath=D:/x", "currentCustomDraftPath"],
        [],
        [b"\x00\xff" * 1000],
    ],
)
def test_an_ini_file_that_names_no_folder_is_passed_over(lines, windows, tmp_path):
    write_ini(tmp_path / "Local" / "JianyingPro", *lines)
    assert [found.said_by for found in folders.candidates(windows())] == ["default", "default"]


@pytest.mark.parametrize(
    "lines",
    [
        [b"\xef\xbb\xbf[General]", "currentCustomDraftPath=D:/x"],
        ["currentCustomDraftPath=D:/x", "[Other]", "currentCustomDraftPath=D:/y"],
        ["[general]", "currentCustomDraftPath=D:/old", "[Other]", "a=1", "[General]", "currentCustomDraftPath=D:/x"],
        ["[General]", b"name=caf\xe9", "currentCustomDraftPath=D:/x"],
    ],
)
def test_sections_and_encodings_are_taken_as_qt_takes_them(lines, windows, tmp_path):
    write_ini(tmp_path / "Local" / "JianyingPro", *lines)
    assert folders.candidates(windows())[0].path == Path("D:/x")


def test_variables_in_the_registry_are_filled_in(windows, tmp_path):
    env = {"LOCALAPPDATA": str(tmp_path / "Local"), "UserProfile": str(tmp_path / "user")}
    machine = windows(env, JianyingPro="%USERPROFILE%/100%/%NOBODY% drafts")
    assert folders.candidates(machine)[0].path == tmp_path / "user" / "100%" / "%NOBODY% drafts"


def test_without_localappdata_windows_usual_folder_for_it_is_looked_in(windows, tmp_path):
    there = make(usual(tmp_path / "user" / "AppData" / "Local" / "JianyingPro"))
    assert folders.drafts_folder(None, windows(env={})) == there


def test_a_mac_has_the_same_ini_file_in_its_movies_folder(mac, tmp_path):
    base = tmp_path / "user" / "Movies" / "JianyingPro"
    there = make(usual(base))
    assert folders.drafts_folder(None, mac) == there
    moved = make(tmp_path / "Volumes" / "剪映" / "JianyingPro Drafts")
    write_ini(base, "[General]", f"currentCustomDraftPath={moved.as_posix()}", newline=b"\n")
    assert folders.drafts_folder(None, mac) == moved


def test_linux_has_no_usual_place(tmp_path):
    assert folders.candidates(Machine("linux", tmp_path, {}, lambda key, name: "D:/x")) == []


def test_an_ini_file_and_a_registry_that_disagree_are_told_apart(windows, tmp_path):
    write_ini(tmp_path / "Local" / "JianyingPro", "[General]", r"currentCustomDraftPath=D:\\Drafts")
    write_ini(tmp_path / "Local" / "CapCut", "[General]", r"currentCustomDraftPath=D:\\CapCut Drafts\\")
    found = folders.candidates(windows(JianyingPro=r"E:\Drafts", CapCut="d:/capcut drafts"))
    assert folders.disagreeing(found) == ["jianying"]


@pytest.mark.parametrize(
    ("path", "profile"),
    [
        ("D:/CapCut Drafts", "capcut"),
        ("D:/capcut drafts/x", "capcut"),
        ("Local/CapCut/User Data/Projects/com.lveditor.draft", "capcut"),
        ("Local/JianyingPro/User Data/Projects/com.lveditor.draft", "jianying"),
        ("CapCut/JianyingPro Drafts", "jianying"),
        ("D:/my drafts", "jianying"),
        ("D:/CapCutter", "jianying"),
    ],
)
def test_a_folder_s_name_tells_whose_drafts_it_holds(path, profile):
    assert folders.profile_of(Path(path), []) == profile


def test_the_application_that_names_a_folder_owns_it_whatever_it_is_called(windows, tmp_path):
    folder, named = make(tmp_path / "videos"), make(tmp_path / "CapCut Drafts")
    found = folders.candidates(windows(CapCut=str(folder), JianyingPro=str(named)))
    assert folders.profile_of(tmp_path / "videos" / ".." / "videos", found) == "capcut"
    assert folders.profile_of(named, found) == "jianying"


@pytest.mark.parametrize(
    ("xml", "version"),
    [
        (
            b'<?xml version="1.0"?>\r\n<packet><appver value="5.9" /><full_appver value="5.9.0.11632" /></packet>',
            "5.9.0.11632",
        ),
        (b"<packet><full_appver  value = '10.8.0.1'/></packet>", "10.8.0.1"),
        (b'<!DOCTYPE x [<!ENTITY v "5.9">]><packet><full_appver value="&v;"/></packet>', None),
        (b'<full_appver value="5.9\x1b[31m"/>', None),
        (b"\xff\xfe\x00" * 100, None),
        (b"", None),
    ],
)
def test_the_installed_version_is_read_and_nothing_else(xml, version, windows, tmp_path):
    packet = make(tmp_path / "Local" / "JianyingPro" / "Apps") / "JianyingProPacket.xml"
    packet.write_bytes(xml)
    assert folders.version_of("jianying", windows()) == version
    assert folders.version_of("capcut", windows()) is None


def test_a_settings_file_that_can_t_be_read_is_known(windows, tmp_path):
    ini = tmp_path / "Local" / "JianyingPro" / "User Data" / "Config" / "globalSetting"
    make(ini)  # a folder instead of a file
    assert [file for file, _error in folders.unreadable(windows())] == [ini]
    assert [found.said_by for found in folders.candidates(windows())] == ["default", "default"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an application may be installed")
def test_this_machine_is_asked_where_no_other_is_given():
    assert folders.candidates() == []
    assert folders.profile_of(Path("/drafts")) == "jianying"


def test_drafts_of_other_programs_are_listed_even_where_their_meta_can_t_be_read(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "draft_meta_info.json").write_bytes(b"\x00encrypted")
    (tmp_path / "no draft").mkdir()
    assert [draft.name for draft in folders.drafts(tmp_path)] == ["mine"]


@pytest.mark.parametrize(
    "meta",
    [
        '{"draft_id": "x", "tm_duration": 1e999, "tm_draft_modified": 1}',
        '{"draft_id": "x", "tm_duration": 1, "tm_draft_modified": 1e300}',
        '{"draft_id": "x", "tm_duration": 1, "tm_draft_modified": -100000000000000000}',
        "[" * 100_000,
    ],
)
def test_a_draft_whose_meta_is_absurd_is_listed_by_its_name_and_date(meta, tmp_path):
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / folders.META).write_text(meta)
    (found,) = folders.drafts(tmp_path)
    assert (found.name, found.duration_us) == ("odd", 0)
    assert time.strftime("%Y", time.localtime(found.modified_us / 1e6)) >= "2025"


@pytest.mark.skipif(sys.platform == "win32" or not os.geteuid(), reason="no folder can be locked here")
def test_a_locked_folder_does_not_hide_the_drafts_beside_it(tmp_path):
    for name in ("mine", "locked"):
        (tmp_path / name).mkdir()
        (tmp_path / name / folders.META).write_text("{}")
    (tmp_path / "locked").chmod(0)
    try:
        assert [draft.name for draft in folders.drafts(tmp_path)] == ["mine"]
    finally:
        (tmp_path / "locked").chmod(0o700)
