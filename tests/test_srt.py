"""Subtitles as files really hold them."""

from __future__ import annotations

import itertools
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tray.draft import spec, srt
from tray.draft.problems import DraftError
from tray.draft.srt import Cue

PLAIN = "1\n00:00:01,000 --> 00:00:02,500\n你好\n\n2\n00:00:03,000 --> 00:00:04,000\n再见\n世界\n"
CUES = [Cue(1_000_000, 2_500_000, "你好"), Cue(3_000_000, 4_000_000, "再见\n世界")]


def parsed(text: str) -> tuple[list[Cue], str]:
    warnings: list[str] = []
    return srt.parse(text, warnings), " / ".join(warnings)


def test_a_plain_file_is_read_and_written_alike():
    assert parsed(PLAIN) == (CUES, "")
    assert srt.format(CUES) == PLAIN + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace(",", "."),
        PLAIN.replace("00:00:", "00:"),
        PLAIN.replace("00:00:", "0:00:"),
        PLAIN.replace("1\n00", "00").replace("2\n00", "00"),
        PLAIN.replace(" --> ", "-->"),
        PLAIN.replace("-->", "-- >"),
        PLAIN.replace("你好", "<i>你好</i>").replace("再见", '{\\an8}<font color="#fff">再见</font>'),
        PLAIN.replace("再见\n世界", "再见\n\n世界") + "\n3\n00:00:05,000 --> 00:00:06,000\nx\n",
        PLAIN.replace("再见\n世界", "再见<br/>世界"),
        PLAIN.replace(",000", ",00").replace(",500", ",5"),
        PLAIN.replace("\n\n", "\n"),
        PLAIN + "\n\n3\n",
        PLAIN + "\x00\x1a",
        PLAIN + "```\n".replace("```", "\n```"),
        "WEBVTT - a title\n\nNOTE\nsaid by nobody\n\n" + PLAIN.replace(",", "."),
        "WEBVTT\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.000 --> 00:02.500 align:left position:10%\n"
        "<v 小明>你好</v>\n\nNOTE x\n\n00:00:03.000 --> 00:00:04.000\n<c.yellow>再见</c>\n<00:00:03.500>世界\n",
    ],
)
def test_what_real_files_do_differently_makes_no_difference(text):
    cues, warnings = parsed(text)
    assert cues[:2] == CUES
    assert not warnings


def test_a_number_that_is_said_is_not_taken_for_the_next_cues_number():
    text = "00:01,000 --> 00:02,000\n还有\n42\n\n00:03,000 --> 00:04,000\n7\n"
    assert [cue.text for cue in srt.parse(text)] == ["还有\n42", "7"]
    numbered = "1\n00:00:01,000 --> 00:00:02,000\n倒数\n10\n\n2\n00:00:03,000 --> 00:00:04,000\n9\n"
    assert [cue.text for cue in srt.parse(numbered)] == ["倒数\n10", "9"]


def test_less_and_greater_are_not_mark_up():
    text = "1\n00:00:01,000 --> 00:00:02,000\na <b and c> d, 3 < 4 &amp; 5 &gt; 2, AT&T\n"
    assert srt.parse(text)[0].text == "a <b and c> d, 3 < 4 & 5 > 2, AT&T"


@pytest.mark.parametrize(
    ("text", "said", "shown"),
    [
        ("1\n00:00:xx,000 --> 00:00:02,000\nlost\n\n" + PLAIN, "cue 1: left out, the times", CUES),
        (PLAIN.replace("你好", "<i> </i>"), "cue 1: left out, there is no text", CUES[1:]),
        (PLAIN.replace("02,500", "01,000"), "cue 1: shown for up to 2 s", [Cue(1_000_000, 3_000_000, "你好"), CUES[1]]),
        (PLAIN.replace("02,500", "00,000"), "cue 1: shown for up to 2 s", [Cue(1_000_000, 3_000_000, "你好"), CUES[1]]),
        (
            PLAIN.replace("00:00:01,000", "-00:00:01,000"),
            "cue 1: the time before",
            [Cue(0, 2_500_000, "你好"), CUES[1]],
        ),
        ("Downloaded from nowhere\n\n" + PLAIN, "Downloaded from nowhere", CUES),
        (PLAIN + "\n希望对您有帮助！", "希望对您有帮助", CUES),
        (
            "2\n00:00:03,000 --> 00:00:04,000\n再见\n世界\n\n1\n00:00:01,000 --> 00:00:02,500\n你好\n",
            "cue 2: not in the order",
            CUES,
        ),
    ],
)
def test_what_is_mended_or_left_out_is_said_of_its_cue(text, said, shown):
    cues, warnings = parsed(text)
    assert cues == shown
    assert said in warnings


def test_many_cues_alike_are_told_in_one_sentence():
    text = "".join(f"{n}\n00:00:{n:02d},000 --> 00:00:{n + 1:02d},000\n\n\n" for n in range(1, 41)) + PLAIN
    assert parsed(text)[1] == "cues 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 30 more: left out, there is no text"


@pytest.mark.parametrize("text", ["", "hello", "-->", "1\n2\n3", "{}", "\x00"])
def test_what_is_no_srt_has_no_cues(text):
    assert srt.parse(text) == []


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("0123:,.->\n \r<>ib/{}\\N&;你好W"), max_size=200))
def test_nothing_makes_it_crash(text):
    for cue in srt.parse(text):
        assert 0 <= cue.start_us < cue.end_us and cue.text


def test_a_long_cue_is_split_at_punctuation_and_its_time_shared_by_length():
    cue = Cue(1_000_000, 4_000_000, "今天天气很好。我们去公园玩，那里有花。")
    assert srt.split(cue, 8) == [
        Cue(1_000_000, 2_105_263, "今天天气很好。"),
        Cue(2_105_263, 3_210_526, "我们去公园玩，"),
        Cue(3_210_526, 4_000_000, "那里有花。"),
    ]


@pytest.mark.parametrize(
    ("text", "most", "pieces"),
    [
        ("short", 10, ["short"]),
        ("Pi is 3.14, they say. It is 10:30 in the U.S.A. now!", 22, ["Pi is 3.14, they say.", "It is 10:30 in the", "U.S.A. now!"]),
        ("他说：“走吧！”我们就走了。", 9, ["他说：“走吧！”", "我们就走了。"]),
        ("一二三四五六七八九十一二三四五", 6, ["一二三四五六", "七八九十一二", "三四五"]),
        ("wait...what…… 真的吗？？好", 9, ["wait...wh", "at……", "真的吗？？好"]),
        ("第一行\n第二行字数多", 6, ["第一行", "第二行字数多"]),
        ("👨‍👩‍👧👨‍👩‍👧", 7, ["👨‍👩‍👧", "👨‍👩‍👧"]),
        ("好。行。可以。真的不错啊。", 7, ["好。行。可以。", "真的不错啊。"]),
    ],
)  # fmt: skip
def test_captions_are_cut_where_one_would_breathe(text, most, pieces):
    assert [cue.text for cue in srt.split(Cue(0, 10_000_000, text), most)] == pieces


@settings(deadline=None)
@given(st.text(min_size=1, max_size=300), st.integers(4, 40), st.integers(1, 10_000_000))
def test_splitting_loses_nothing(text, most, lasting_us):
    cues = srt.split(Cue(5, 5 + lasting_us, text), most)
    assert re.sub(r"\s", "", "".join(cue.text for cue in cues)) == re.sub(r"\s", "", text)
    assert (cues[0].start_us, cues[-1].end_us) == (5, 5 + lasting_us)
    assert all(a.end_us == b.start_us for a, b in itertools.pairwise(cues))
    assert all(cue.start_us < cue.end_us for cue in cues)
    if len(cues) > 1:
        assert all(0 < len(cue.text) <= most for cue in cues)


def test_a_track_has_the_style_offset_and_place_of_its_captions():
    captions = spec.Captions(srt="x", offset_us=500_000, place=spec.Place(draft=1, path="drafts[0].captions[0]"))
    track, warnings = srt.to_track(captions, PLAIN)
    first, second = track.segments
    assert isinstance(first, spec.TextSegment) and not warnings
    assert (first.text, first.target, first.style, first.clip) == (
        "你好", spec.Span(1_500_000, 1_500_000), captions.style, captions.clip,
    )  # fmt: skip
    assert second.place.path == "drafts[0].captions[0].cues[1]"


def test_overlapping_cues_become_captions_side_by_side_and_no_text_is_lost():
    text = (
        "1\n00:00:01,000 --> 00:00:04,000\n甲\n\n2\n00:00:03,000 --> 00:00:05,000\n乙\n\n"
        "3\n00:00:03,200 --> 00:00:06,000\n丙\n"
    )
    track, warnings = srt.to_track(spec.Captions(srt=text), text)
    assert [(s.text, s.target.start_us, s.target.end_us) for s in track.segments] == [
        ("甲", 1_000_000, 3_000_000),
        ("乙\n丙", 3_000_000, 6_000_000),
    ]
    assert "cue 1: shortened" in warnings[0] and "cue 3: shown together" in warnings[1]


def test_captions_are_split_to_their_limit():
    captions = spec.Captions(srt="x", max_chars=4)
    track, _warnings = srt.to_track(captions, "00:00 --> 00:02\n一二三，四五六。\n")
    assert [(s.text, s.target.duration_us) for s in track.segments] == [
        ("一二三，", 1_000_000),
        ("四五六。", 1_000_000),
    ]


@pytest.mark.parametrize("text", ["<html>404</html>", "", "1\n00:00:01,000 --> 00:00:02,000\n\n"])
def test_captions_without_a_cue_are_an_error_with_advice(text):
    with pytest.raises(DraftError, match="no captions") as error:
        srt.to_track(spec.Captions(url="u"), text)
    assert error.value.advice


def test_a_cue_after_a_day_is_left_out_and_named():
    text = PLAIN.replace("2\n00:00:03,000 --> 00:00:04", "2\n30:00:03,000 --> 30:00:04")
    track, warnings = srt.to_track(spec.Captions(srt=text), text)
    assert len(track.segments) == 1 and "cue 2" in warnings[0]


def test_ten_thousand_captions_take_no_time():
    text = srt.format([Cue(n * 1_000_000, n * 1_000_000 + 900_000, f"第{n}句，话。") for n in range(10_000)])
    start = time.process_time()
    track, _warnings = srt.to_track(spec.Captions(srt=text, max_chars=5), text)
    assert time.process_time() - start < 5  # 0.3 s alone; this catches quadratic work, not a busy machine
    assert len(track.segments) > 10_000


def test_a_hundred_thousand_cues_are_refused():
    with pytest.raises(DraftError, match="100001"):
        srt.parse("00:00 --> 00:01\na\n\n" * 100_001)


def test_ten_thousand_cues_at_the_same_time_are_no_quadratic_work():
    text = "00:00 --> 00:01\n同时说话\n\n" * 10_000
    start = time.process_time()
    track, _warnings = srt.to_track(spec.Captions(srt=text), text)
    assert time.process_time() - start < 5
    assert sum(s.text.count("同时") for s in track.segments) == 10_000


def test_no_text_is_lost_of_a_cue_that_is_longer_than_a_caption_may_be_and_too_short_to_be_split():
    cue = Cue(0, 2, "字" * 50_000)
    track, warnings = srt.to_track(spec.Captions(srt="x"), srt.format([cue]).replace("00,000\n", "00,000002\n"))
    assert "".join(segment.text for segment in track.segments) == cue.text or warnings
