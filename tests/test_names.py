"""The catalogue of names: what is found, what is not, and what is offered instead."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tray.draft import names
from tray.draft.names import KINDS, by_resource, find, near, normal, search

SYNONYMS = json.loads(
    Path(names.__file__).with_name("data").joinpath("synonyms.json").read_text("utf-8")
)  # by kind and key


def key(kind: names.Kind, said: str) -> str | None:
    entry = find(kind, said)
    return entry.key if entry else None


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_is_found_by_its_key_its_title_and_its_resource(kind):
    entries = search(kind)
    assert entries
    for entry in entries:
        assert find(kind, entry.key) is entry
        assert find(kind, entry.title).title == entry.title
        found = by_resource(kind, entry.resource_id)
        assert found is not None and found.resource_id == entry.resource_id


def test_an_entry_says_what_a_draft_needs():
    fade = find("video_intro", "渐显")
    assert (fade.key, fade.default_us, fade.is_vip, fade.params) == ("渐显", 500_000, False, ())
    assert fade.member.value.resource_id == fade.resource_id
    assert find("transition", "叠化").default_us > 0
    assert find("filter", "清晰").is_vip
    assert find("mask", "圆形").is_vip is False
    speed = next(param for param in find("character", "BOOM！").params if param.name == "effects_adjust_speed")
    assert (speed.default, speed.low, speed.high) == (33.0, 0.0, 1.0)


def test_a_default_outside_its_range_is_said_within_it():
    assert all(
        0 <= param.default <= 100
        for kind in ("scene", "character", "audio_scene")
        for entry in search(kind)
        for param in entry.params
    )


@pytest.mark.parametrize(
    ("kind", "said", "meant"),
    [
        ("transition", " 叠化 ", "叠化"),
        ("transition", "3d 空间", "_3D空间"),
        ("transition", "分割 ii", "分割_II"),
        ("transition", "分割Ⅱ", "分割_II"),
        ("transition", "分割2", "分割_II"),
        ("transition", "分割 ４", "分割_IV"),
        ("transition", "抖动-II", "抖动_II"),
        ("filter", "高清4K电影", "高清4K电影"),
        ("filter", "高清4k电影", "高清4k电影"),
        ("filter", "高清 4K 电影", "高清4K电影"),  # two are alike: the one that needs no VIP
        ("filter", "清晰II", "清晰ll"),  # the catalogue's own slip
        ("scene", "倒计时 II", "倒计时_II"),
        ("scene", "倒计时II", "倒计时II"),
        ("character", "boom", "BOOM"),
        ("text_intro", "卡拉ok", "卡拉OK"),
        ("text_intro", "打字机４", "打字机IV"),
        ("font", "ゴシック", "ゴシック"),
        ("font", "lexend tera regular", "Lexend_Tera_Regular"),
    ],
)
def test_a_name_is_found_however_its_case_width_spaces_and_numbers_are_written(kind, said, meant):
    assert key(kind, said) == meant


@pytest.mark.parametrize(
    ("kind", "said", "meant"),
    [
        ("transition", "叠化转场", "叠化"),
        ("transition", "雨刷", "雨刷转场"),
        ("transition", "Dissolve Transition", "叠化"),
        ("filter", "清晰 滤镜", "清晰"),
        ("mask", "圆形蒙版", "圆形"),
        ("mix_mode", "正片叠底模式", "正片叠底"),
        ("video_intro", "淡入动画", "渐显"),
        ("font", "Lora", "Lora_Regular"),  # a family's name means its regular cut
    ],
)
def test_a_word_that_only_says_the_kind_may_be_there_or_not(kind, said, meant):
    assert key(kind, said) == meant


@pytest.mark.parametrize(
    ("kind", "said", "meant"),
    [
        ("video_intro", "淡入", "渐显"),
        ("video_intro", "Fade In", "渐显"),
        ("video_intro", "fade_in", "渐显"),
        ("video_outro", "淡出", "渐隐"),
        ("text_intro", "typewriter", "打字机_I"),
        ("transition", "淡化", "叠化"),
        ("transition", "cross-dissolve", "叠化"),
        ("mask", "Circle", "圆形"),
        ("mix_mode", "multiply", "正片叠底"),
        ("mix_mode", "SCREEN", "滤色"),
        ("font", "思源黑体", "SourceHanSansCN_Regular"),
        ("font", "思源黑体 Bold", "SourceHanSansCN_Bold"),
        ("font", "思源宋体", "SourceHanSerifCN_Regular"),
        ("speech_to_song", "R&B", "节奏蓝调"),
    ],
)
def test_what_flows_write_means_the_entry_that_looks_so(kind, said, meant):
    assert key(kind, said) == meant


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("filter", "暖冬"),
        ("filter", "青春"),
        ("filter", "商务"),
        ("filter", "黑白"),
        ("transition", "推移"),
        ("transition", "淡入淡出"),
        ("font", "微软雅黑"),
        ("audio_scene", "降噪"),
        ("scene", "粒子"),
        ("scene", "科技氛围"),
        ("transition", "分割 9"),
        ("filter", ""),
        ("filter", " _-"),
        ("filter", "滤镜"),
        ("filter", "\ud83d\x00"),
        ("filter", "青" * 100_000),
        ("transition", "叠化" + " " * 200 + "青春"),
    ],
)
def test_never_another_look_for_a_name_that_is_not_jianying_s(kind, said):
    assert find(kind, said) is None


@pytest.mark.parametrize("kind", SYNONYMS)
def test_every_synonym_means_one_entry_that_is_there_and_is_no_name_itself(kind):
    assert kind in KINDS
    own = {normal(name) for entry in search(kind) for name in (entry.key, entry.title)}
    said = [normal(word) for words in SYNONYMS[kind].values() for word in words]
    assert len(said) == len(set(said))
    assert not own & set(said)
    for entry_key, words in SYNONYMS[kind].items():
        assert [key(kind, word) for word in words] == [entry_key] * len(words)


@pytest.mark.parametrize(
    ("kind", "said", "offered"),
    [
        ("filter", "青春", "青春胶片"),
        ("font", "微软雅黑", "雅酷黑简"),
        ("transition", "disolve", "叠化"),
        ("transition", "叠画", "叠化"),
        ("scene", "粒子", "粒子放射"),
        ("mask", "三角形", "圆形"),
        ("speech_to_song", "摇滚", "Lofi"),
    ],
)
def test_near_names_are_offered(kind, said, offered):
    assert offered in near(kind, said)


@pytest.mark.parametrize(("kind", "said"), [("filter", "商务"), ("scene", "zzz"), ("text_loop", "粒子"), ("font", "")])
def test_what_is_not_like_it_is_no_near_name(kind, said):
    assert near(kind, said) == []


def test_names_that_hold_what_was_said_come_first_and_there_are_five():
    found = near("filter", "电影")
    assert len(found) == 5
    assert all("电影" in name for name in found)


@pytest.mark.parametrize("said", ["高清4k", "倒计时", "ゴシック", "清晰", "\ud83d", "", "青" * 100_000])
def test_whatever_is_offered_is_found(said):
    for kind in KINDS:
        offered = [find(kind, name) for name in near(kind, said)]
        assert all(offered)
        assert len({entry.key for entry in offered if entry}) == len(offered)


def test_search_finds_every_name_with_the_words_in_it_and_the_one_that_is_meant_first():
    assert len(search("filter")) > 1000
    assert [entry.key for entry in search("transition", "dissolve")] == ["叠化"]
    assert [entry.key for entry in search("transition", "叠化")] == [
        "叠化",
        "叠化扭曲",
        "心形叠化",
        "星光叠化",
        "雪花叠化",
    ]
    assert {entry.key for entry in search("filter", "复古 电影")} == {"复古电影感", "暗调复古电影"}
    assert search("filter", "!!!") == []
    assert search("filter", "没有这种滤镜") == []


def test_the_catalogue_is_read_only_when_it_is_asked():
    code = "import sys; from tray.draft import names; print('pyJianYingDraft' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
