"""A recipe: what is said and shown, its times from the speech's real length."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tray.draft import source, spec

S = 1_000_000


def made(value: object, **lengths_s: float | None) -> source.Imported:
    """The spec of a recipe whose media have these lengths; None for a picture."""
    (draft,) = source.read(json.dumps(value, ensure_ascii=False))
    return draft.to_spec({url: None if s is None else round(s * S) for url, s in lengths_s.items()})


def recipe(*lines: dict, **more: object) -> dict:
    return {"recipe": list(lines), **more}


def laid(imported: source.Imported, kind: str) -> list[tuple]:
    """Media or text, start and duration in seconds, of the segments of that kind of track."""
    return [
        (
            getattr(one, "text", None) or one.media,
            one.start_us if one.start_us is None else one.start_us / S,
            one.duration_us if one.duration_us is None else one.duration_us / S,
        )
        for track in imported.spec.tracks
        if track.kind == kind
        for one in track.segments
    ]


def test_lines_follow_each_other_by_the_real_length_of_their_speech():
    imported = made(
        recipe({"text": "第一", "image": "i1", "audio": "a1"}, {"text": "第二", "image": "i2", "audio": "a2"}, name="片"),
        i1=None, i2=None, a1=3.2, a2=1.5,
    )  # fmt: skip
    assert imported.spec.name == "片" and not imported.problems and not imported.warnings
    assert laid(imported, "video") == [("i1", 0, 3.2), ("i2", 3.2, 1.5)]
    assert laid(imported, "audio") == [("a1", 0, None), ("a2", 3.2, None)]
    assert laid(imported, "text") == [("第一", 0, 3.2), ("第二", 3.2, 1.5)]


def test_without_a_picture_the_one_before_goes_on():
    imported = made(recipe({"audio": "a"}, {"image": "i", "audio": "a"}, {"text": "x", "audio": "a"}), i=None, a=2)
    assert laid(imported, "video") == [("i", 0, 6)]


def test_without_speech_a_line_lasts_as_long_as_one_reads():
    imported = made(
        recipe({"text": "十个字十个字十个字啊", "image": "i"}, {"image": "j"}, {"text": "ok"}), i=None, j=None
    )
    assert laid(imported, "video") == [("i", 0, 2.5), ("j", 2.5, 6.5)]
    assert laid(imported, "text")[1] == ("ok", 7.5, 1.5)


def test_a_duration_that_is_said_counts_and_cuts_the_speech():
    imported = made(recipe({"text": "x", "audio": "a", "duration": "2s"}, {"audio": "a", "duration": "9s"}), a=5)
    assert laid(imported, "audio") == [("a", 0, 2), ("a", 2, None)]


def test_a_video_gives_the_time_where_nothing_is_said_and_keeps_its_sound():
    imported = made(recipe({"video": "v"}, {"video": "v", "audio": "a"}), v=4, a=3)
    assert laid(imported, "video") == [("v", 0, 4), ("v", 4, 3)]
    assert [one.volume for one in imported.spec.tracks[0].segments] == [1.0, 0.0]


def test_a_video_that_is_too_short_plays_slower_or_again():
    imported = made(recipe({"video": "v", "audio": "a"}, {"video": "v", "audio": "b"}), v=4, a=4.4, b=10)
    first, *others = imported.spec.tracks[0].segments
    assert (first.duration_us, first.source_duration_us) == (4_400_000, 4_000_000)
    assert [one.duration_us for one in others] == [3_333_333, 3_333_333, 3_333_334]
    assert all(one.source_duration_us is None and one.source_start_us == 0 for one in others)


def test_captions_are_split_by_their_punctuation_within_the_lines_time():
    imported = made(
        recipe({"text": "今天天气很好，我们去公园玩。", "audio": "a"}, max_chars=8, style={"bold": True}), a=2.8
    )
    assert laid(imported, "text") == [("今天天气很好，", 0, 1.4), ("我们去公园玩。", 1.4, 1.4)]
    first = imported.spec.tracks[-1].segments[0]
    assert (first.style.bold, first.style.size, first.clip.y) == (True, 5.0, -0.8)


def test_music_plays_under_it_all_again_where_it_is_shorter():
    imported = made(recipe({"audio": "a", "text": "x"}, music="m", music_volume=0.1), a=7, m=3)
    assert laid(imported, "audio")[1:] == [("m", 0, 3), ("m", 3, 3), ("m", 6, 1)]
    music = imported.spec.tracks[1].segments
    assert [one.fade_out_us for one in music] == [0, 0, S] and music[0].volume == 0.1


def test_speech_that_cant_be_had_does_not_keep_the_rest_from_being_made():
    imported = made(
        recipe({"text": "你好", "image": "i", "audio": "gone"}, {"text": "再见", "audio": "a"}), i=None, a=2
    )
    assert laid(imported, "text") == [("你好", 0, 1.5), ("再见", 1.5, 2)]
    assert ("gone", 0, None) in laid(imported, "audio")


def test_every_link_is_asked_for_with_its_place():
    (draft,) = source.read(json.dumps(recipe({"image": "i", "audio": "a"}, {"video": "v"}, music="m")))
    assert [(url, place.path, place.segment) for url, place in draft.urls()] == [
        ("i", "recipe[0]", 1), ("a", "recipe[0]", 1), ("v", "recipe[1]", 2), ("m", "music", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ({}, "recipe[1]"),
        ({"text": "", "image": None}, "recipe[1]"),
        ({"text": "x", "img": "i"}, "recipe[1].img"),
        ({"text": 5}, "recipe[1].text"),
        ({"text": "x", "duration": -1}, "recipe[1].duration"),
        ({"image": "i", "video": "v"}, "recipe[1]"),
        (5, "recipe[1]"),
    ],
)
def test_a_line_that_is_wrong_is_told_with_its_place(line, path):
    (draft,) = source.read(json.dumps(recipe({"text": "x"}, line)))
    assert [problem.to_json()["path"] for problem in draft.problems] == [path]
    assert str(draft.problems[0]).startswith("draft 1, segment 2: ")


def test_what_a_flow_says_beside_the_recipe_is_left_off_and_told():
    imported = made(recipe({"text": "x"}, code=0, msg="success"))
    assert not imported.problems and "msg" in imported.warnings[0] and "code" not in imported.warnings[0]


def test_lines_and_lists_may_be_json_strings():
    imported = made({"recipe": json.dumps([json.dumps({"text": "x", "image": "i"})])}, i=None)
    assert laid(imported, "text") == [("x", 0, 1.5)]


SRT = "1\n00:00:01,000 --> 00:00:02,000\n甲\n\n2\n00:00:03,000 --> 00:00:04,000\n乙\n"


def test_as_many_pictures_and_sounds_as_cues_begin_with_them():
    imported = made({"srt": SRT, "images": ["i", "j"], "audios": ["a", "b"]}, i=None, j=None, a=1, b=2.5)
    assert laid(imported, "video") == [("i", 0, 3), ("j", 3, 2.5)]
    assert laid(imported, "audio") == [("a", 1, None), ("b", 3, None)]
    assert imported.spec.captions[0].srt == SRT.strip()


def test_other_pictures_share_the_time_equally_and_sounds_follow_each_other():
    imported = made({"srt": SRT, "images": ["i", "j", "k"], "audios": ["a"]}, i=None, j=None, k=None, a=6)
    assert laid(imported, "video") == [("i", 0, 2), ("j", 2, 2), ("k", 4, 2)]
    assert laid(imported, "audio") == [("a", 0, None)]


def test_a_picture_left_out_of_the_list_lets_the_one_before_go_on():
    imported = made({"srt": SRT, "images": ["i", ""]}, i=None)
    assert laid(imported, "video") == [("i", 0, 4)]


def test_srt_by_link_is_fetched_later():
    (draft,) = source.read(json.dumps({"srt": "https://x.example/a.srt", "images": ["i", "j"], "audios": ["a"]}))
    assert [url for url, _place in draft.caption_urls()] == ["https://x.example/a.srt"]
    assert laid(draft.to_spec({"a": 8 * S, "i": None}), "video") == [("i", 0, 4), ("j", 4, 4)]
    assert laid(draft.to_spec({}), "video") == [("i", 0, 5), ("j", 5, 5)]


def test_srt_without_a_cue_is_a_problem():
    (draft,) = source.read(json.dumps({"srt": "no times", "images": ["i"]}))
    assert draft.problems[0].to_json()["path"] == "srt"


@pytest.mark.parametrize("images", [5, {"a": 1}, [5]])
def test_lists_of_anything_but_links_are_a_problem(images):
    (draft,) = source.read(json.dumps({"srt": SRT, "images": images}))
    assert "images" in draft.problems[0].to_json()["path"]


def test_a_recipe_longer_than_a_day_is_a_problem():
    imported = made(recipe(*[{"text": "x", "duration": "10h"}] * 3))
    assert "day" in str(imported.problems[0]) and not imported.spec.tracks


Length = st.none() | st.integers(1, 100_000_000)


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "text": st.text(max_size=60),
                "image": st.sampled_from("ijk"),
                "audio": st.sampled_from("abc"),
                "duration": st.integers(1, 10_000_000),
            },
        ),
        max_size=12,
    ),
    st.dictionaries(st.sampled_from("ijkabcm"), Length),
)
def test_no_recipe_makes_gaps_overlaps_or_a_crash(lines, lengths):
    (draft,) = source.read(json.dumps(recipe(*lines, music="m")))
    tracks = draft.to_spec(lengths).spec.tracks
    shown = [one for track in tracks if track.kind == "video" for one in track.segments]
    assert not shown or shown[0].start_us == 0
    for before, after in itertools.pairwise(shown):
        assert before.target.end_us == after.start_us
    texts = [one for track in tracks if track.kind == "text" for one in track.segments]
    for before, after in itertools.pairwise(texts):
        assert before.target.end_us <= after.start_us
    assert all(isinstance(track, spec.Track) and track.segments for track in tracks)


def test_a_recipe_becomes_a_draft(build, media, content):
    """From links to the finished draft: pictures, speech and captions lie where the speech's length puts them."""
    from factory import png, wav

    lines = [
        {"text": "今天天气很好。", "image": media.serve("/1.png", png()), "audio": media.serve("/1.wav", wav(2.0))},
        {"text": "再见。", "image": media.serve("/2.png", png("red")), "audio": media.serve("/2.wav", wav(1.2))},
    ]
    built = build(json.dumps(recipe(*lines, name="成片", music=media.serve("/m.wav", wav(1.5)))))
    assert not built.problems and built.receipts[0].duration_us == 3_200_000
    tracks = {track["type"]: track for track in reversed(content(built.receipts[0].path)["tracks"])}
    for kind in ("video", "text"):
        times = [segment["target_timerange"] for segment in tracks[kind]["segments"]]
        assert times == [{"start": 0, "duration": 2 * S}, {"start": 2 * S, "duration": 1_200_000}]


def test_an_srt_file_becomes_a_draft(build, content):
    built = build(SRT)
    assert not built.problems and built.receipts[0].segments == {"text": 2}


def test_srt_by_link_becomes_captions(build, media, content):
    from factory import png

    said = {"srt": media.serve("/a.srt", SRT.encode()), "images": [media.serve("/1.png", png())]}
    built = build(json.dumps(said))
    assert not built.problems and built.receipts[0].segments == {"image": 1, "text": 2}


def test_speech_that_cant_be_fetched_is_told_with_its_line(build, media):
    built = build(json.dumps(recipe({"text": "x", "audio": f"{media.url}/gone.mp3"})))
    assert not built.receipts and [problem.to_json()["path"] for problem in built.problems] == ["recipe[0]"]
