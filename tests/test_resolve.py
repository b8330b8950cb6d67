"""Settling what a spec leaves open: times, fits, names, keyframes, captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tray.draft.names import find
from tray.draft.probe import Probe
from tray.draft.resolve import Resolved, resolve
from tray.draft.spec import DraftSpec

S = 1_000_000
FRAME = 33_333
FILES = {
    "sound": Probe(Path("s" * 32 + ".wav"), "audio", 0, 0, 100 * S, has_audio=True),
    "short": Probe(Path("t" * 32 + ".wav"), "audio", 0, 0, 4 * S, has_audio=True),
    "video": Probe(Path("v" * 32 + ".mp4"), "video", 1280, 720, 10 * S, has_audio=True),
    "picture": Probe(Path("p" * 32 + ".png"), "image", 1000, 500, None, has_audio=False),
}


def resolved(*tracks: dict[str, Any], srt_texts: dict[str, str] | None = None, **more: Any) -> Resolved:
    options = {key: more.pop(key) for key in ("profile", "strict") if key in more}
    counted = []
    for t, track in enumerate(tracks, 1):
        segments = [
            {"kind": track["kind"], "place": {"draft": 1, "track": t, "segment": n}, **segment}
            for n, segment in enumerate(track["segments"], 1)
        ]
        counted.append({**track, "segments": segments})
    spec = DraftSpec.model_validate({"width": 1000, "height": 1000, "tracks": counted, **more})
    return resolve(spec, FILES, srt_texts or {}, **options)


def sounds(*segments: dict[str, Any], **more: Any) -> Resolved:
    return resolved({"kind": "audio", "segments": [{"media": "sound", **one} for one in segments], **more})


def pictures(*segments: dict[str, Any], **more: Any) -> Resolved:
    return resolved({"kind": "video", "segments": [{"media": "picture", **one} for one in segments]}, **more)


def texts(*segments: dict[str, Any], **more: Any) -> Resolved:
    return resolved({"kind": "text", "segments": [{"text": "你好", **one} for one in segments]}, **more)


def times(result: Resolved) -> list[list[tuple[int, int]]]:
    return [[(s.target.start_us, s.target.end_us) for s in track.segments] for track in result.spec.tracks]


def first(result: Resolved) -> Any:
    return result.spec.tracks[0].segments[0]


def test_neighbours_that_overlap_by_up_to_two_frames_are_trimmed():
    result = sounds({"start": 0, "duration": S + 2 * FRAME}, {"start": S, "duration": S})
    assert times(result) == [[(0, S), (S, 2 * S)]]
    assert first(result).source.duration_us == S
    assert "segment 1" in result.warnings[0] and "trimmed" in result.warnings[0]


def test_more_of_an_overlap_moves_the_segment_to_a_track_of_its_own():
    result = sounds(
        {"start": 0, "duration": S + 3 * FRAME}, {"start": S, "duration": S}, {"start": 2 * S, "duration": S}
    )
    assert times(result) == [[(0, S + 3 * FRAME), (2 * S, 3 * S)], [(S, 2 * S)]]
    assert len(result.warnings) == 1 and "segment 2" in result.warnings[0]


def test_no_segment_is_lost_however_many_overlap():
    result = sounds(*({"start": n * 10, "duration": 5 * S} for n in range(1, 30)))
    assert sum(len(track.segments) for track in result.spec.tracks) == 29


def test_more_segments_at_the_same_time_than_anybody_can_work_with_are_problems():
    result = texts(*({"start": n, "duration": 5 * S} for n in range(20_000)))
    assert len(result.spec.tracks) == 100
    assert len(result.problems) == 19_900
    assert (result.problems[0].place.segment, result.problems[0].at) == (101, "start")


def test_a_segment_with_a_hundred_thousand_keyframes_is_refused():
    keys = [{"time": n, "value": 0.5} for n in range(100_000)]
    with pytest.raises(ValidationError, match="at most 10000"):
        pictures({"keyframes": {"opacity": keys}})


def test_a_sound_shorter_than_asked_by_rounding_is_taken_as_it_is():
    result = sounds({"media": "short", "start": 0, "duration": 4 * S + 500})
    assert times(result) == [[(0, 4 * S)]]
    assert not result.warnings


def test_a_sound_much_shorter_than_asked_ends_earlier_with_a_warning():
    result = sounds({"media": "short", "start": 0, "duration": 10 * S})
    assert times(result) == [[(0, 4 * S)]]
    assert "4.00 s" in result.warnings[0]


def test_source_and_target_without_a_speed_imply_it():
    result = sounds({"start": 0, "duration": 2 * S, "source_start": S, "source_duration": 4 * S})
    assert first(result).speed == 2.0
    assert first(result).source == (S, 4 * S)


def test_a_stated_speed_wins_over_a_longer_source():
    result = sounds({"start": 0, "duration": 2 * S, "source_duration": 9 * S, "speed": 1.0})
    assert first(result).source.duration_us == 2 * S
    assert "cut" in result.warnings[0]


def test_a_stated_speed_and_a_shorter_source_end_the_segment_earlier():
    result = sounds({"start": 0, "duration": 4 * S, "source_duration": S, "speed": 1.0})
    assert times(result) == [[(0, S)]]
    assert "earlier" in result.warnings[0]


def test_playing_from_behind_the_media_s_end_is_an_error_that_names_the_field():
    result = sounds({"start": 0, "duration": S, "source_start": 200 * S})
    assert [(p.place.segment, p.at) for p in result.problems] == [(1, "source_start")]


def test_segments_without_times_follow_each_other_and_play_all_of_their_media():
    result = resolved({
        "kind": "video",
        "segments": [{"media": "video"}, {"media": "picture"}, {"media": "video", "speed": 2, "source_start": "2s"}],
    })  # fmt: skip
    assert times(result) == [[(0, 10 * S), (10 * S, 15 * S), (15 * S, 19 * S)]]
    assert not result.warnings


def test_a_segment_that_would_end_after_a_day_is_an_error():
    assert "hours" in texts({"start": "23.9h", "duration": "1h"}).problems[0].message


def test_media_of_the_wrong_kind_is_an_error():
    assert "a picture" in sounds({"media": "picture"}).problems[0].message


def test_a_track_s_volume_multiplies_its_segments_and_their_keyframes():
    result = sounds({"volume": 0.5, "duration": S, "keyframes": {"volume": [{"time": 0, "value": 1}]}}, volume=0.5)
    assert first(result).volume == 0.25
    assert first(result).keyframes["volume"][0].value == 0.5
    assert result.spec.tracks[0].volume == 1


@pytest.mark.parametrize(
    ("fit", "crop", "scale"),
    [
        ("fit", None, (1, 1)),
        ("fill", None, (2, 2)),
        ("stretch", None, (1, 2)),
        ("fill", {"left": 0.25, "right": 0.75}, (1, 1)),
        ("stretch", {"bottom": 0.5}, (1, 4)),
    ],
)
def test_fit_becomes_a_scale_of_what_the_crop_shows(fit, crop, scale):
    result = pictures({"fit": fit, "crop": crop})  # 1000×500 on a canvas of 1000×1000
    assert (first(result).clip.scale_x, first(result).clip.scale_y) == pytest.approx(scale)
    assert first(result).fit == "fit"


def test_keyframes_of_a_scale_are_scaled_with_the_picture():
    keys = {"scale": [{"time": "1s", "value": 2}, {"time": 0, "value": 1}]}
    fill = first(pictures({"fit": "fill", "keyframes": keys}))
    assert [(key.time_us, key.value) for key in fill.keyframes["scale"]] == [(0, 2), (S, 4)]
    stretched = first(pictures({"fit": "stretch", "keyframes": keys}))
    assert [key.value for key in stretched.keyframes["scale_y"]] == [2, 4]
    assert "scale" not in stretched.keyframes


def test_keyframes_past_the_end_become_the_value_reached_there():
    keys = {"opacity": [{"time": 0, "value": 0}, {"time": "10s", "value": 1}]}
    kept = first(pictures({"duration": "5s", "keyframes": keys})).keyframes["opacity"]
    assert [(key.time_us, key.value) for key in kept] == [(0, 0), (5 * S, 0.5)]


def test_a_track_without_sound_can_t_be_muted_or_louder():
    result = resolved({"kind": "text", "muted": True, "volume": 0.5, "segments": [{"text": "x"}, {"text": "y"}]})
    assert result.spec.tracks[0].muted is False
    assert len(result.warnings) == 1 and "track 1:" in result.warnings[0] and "no sound" in result.warnings[0]


def test_nothing_lies_below_the_main_track_whatever_is_listed_first():
    result = resolved(
        {"kind": "text", "segments": [{"text": "x"}]},
        {"kind": "audio", "segments": [{"media": "sound"}]},
        {"kind": "video", "segments": [{"media": "picture"}]},
        {"kind": "sticker", "segments": [{"sticker": "1"}]},
    )
    assert [track.kind for track in result.spec.tracks] == ["audio", "video", "text", "sticker"]
    assert len(result.warnings) == 1 and "track 1" in result.warnings[0] and "main" in result.warnings[0]


def test_the_background_fills_the_main_track_alone():
    result = resolved(
        {"kind": "video", "segments": [{"media": "picture"}, {"media": "picture", "fill": {"colour": "#102030"}}]},
        {"kind": "video", "segments": [{"media": "picture", "fill": {"blur": 0.75}}]},
        background={"blur": 0.375},
    )
    fills = [segment.fill for track in result.spec.tracks for segment in track.segments]
    assert [fill and (fill.blur, fill.colour) for fill in fills] == [(0.375, None), (None, "#102030"), None]
    assert result.spec.background is None
    assert len(result.warnings) == 1 and "track 2" in result.warnings[0]


def test_names_become_the_catalogue_s_and_lengths_their_own():
    shot = {"duration": "3s", "transition": {"name": "叠化"}, "intro": {"name": "渐显"}, "filters": [{"name": "冷蓝"}]}
    made = first(pictures(shot, {"duration": "3s"}))
    assert made.transition.name == "叠化" and made.transition.duration_us
    assert made.intro.duration_us


def test_a_filter_that_jianying_does_not_have_is_left_off_with_near_names_and_strict_makes_it_an_error():
    shot = {"filters": [{"name": "暖冬"}], "transition": {"name": "叠画"}}
    loose = pictures(shot, {})
    assert first(loose).filters == () and first(loose).transition is None
    assert len(loose.warnings) == 2 and all("near names" in warning for warning in loose.warnings)
    strict = pictures(shot, {}, strict=True)
    assert [problem.at for problem in strict.problems] == ["filters", "transition.name"]
    assert not [problem for problem in strict.problems if "left off" in problem.message]


def test_five_names_are_listed_and_each_is_one_of_jianying_s():
    said = pictures({"filters": [{"name": "暖冬"}, {"name": "商务"}]}, {}).warnings
    for warning in said:
        listed = warning.partition("near names: ")[2].split(", ")
        assert len(listed) == 5 and all(find("filter", name) for name in listed)
    assert "晴冬暖阳" in said[0]


def test_the_same_about_many_segments_of_a_track_is_said_once_and_no_more_than_a_thousand_things_are_listed():
    alike = pictures(*({"start": n * S, "duration": S, "filters": [{"name": "没有的滤镜"}]} for n in range(3000)))
    assert len(alike.warnings) == 1 and "2999 more" in alike.warnings[0]
    trimmed = sounds(*({"start": n * S, "duration": S + n + 1} for n in range(2000)))
    assert len(trimmed.warnings) == 1 and "1998 more" in trimmed.warnings[0]
    unlike = pictures(*({"start": n * S, "duration": S, "filters": [{"name": f"没有{n}"}]} for n in range(3000)))
    assert unlike.warnings[1000:] == ["2000 more warnings are not listed"]


def test_an_effect_segment_whose_effect_is_unknown_is_left_off_as_a_whole_and_said():
    result = resolved({"kind": "effect", "segments": [{"effect": {"name": "没有的特效"}}]})
    assert result.spec.tracks == ()
    assert "track 1, segment 1" in result.warnings[0]


@pytest.mark.parametrize(
    "segment", [{"kind": "effect", "effect": {"name": "none"}}, {"kind": "filter", "filter": {"name": "无"}}]
)
def test_a_segment_of_no_effect_at_all_is_left_off_and_said(segment):
    result = resolved({"kind": segment["kind"], "segments": [segment]})
    assert result.spec.tracks == ()
    assert len(result.warnings) == 1 and "left off" in result.warnings[0]


def test_capcut_gets_no_effect_of_jianying():
    result = pictures({"filters": [{"name": "暖阳"}]}, profile="capcut")
    assert first(result).filters == ()
    assert "CapCut" in result.warnings[0]


def test_a_transition_needs_a_segment_that_begins_where_this_one_ends():
    shot = {"duration": "1s", "transition": {"name": "叠化", "duration": "0.5s"}}
    result = pictures(shot, {"start": "2s", **shot}, shot)
    assert [bool(segment.transition) for segment in result.spec.tracks[0].segments] == [False, True, False]
    assert ["segment 1" in warning and "1 more of its track" in warning for warning in result.warnings] == [True]


def test_a_transition_is_no_longer_than_the_segments_beside_it():
    result = pictures({"duration": "1s", "transition": {"name": "叠化", "duration": "9s"}}, {"duration": "0.5s"})
    assert first(result).transition.duration_us == S // 2
    assert "longer" in result.warnings[0]


def test_intro_and_outro_share_the_segment_and_a_group_excludes_them():
    both = {"intro": {"name": "渐显", "duration": "2s"}, "outro": {"name": "渐隐", "duration": "2s"}, "duration": "1s"}
    made = first(pictures(both))
    assert made.intro.duration_us + made.outro.duration_us == S
    result = pictures({**both, "group": {"name": "不存在"}})
    assert first(result).group is None
    assert any("group" in warning for warning in result.warnings)


def test_fades_that_are_longer_than_the_sound_are_shortened():
    made = first(sounds({"duration": "1s", "fade_in": "3s", "fade_out": "1s"}))
    assert (made.fade_in_us, made.fade_out_us) == (750_000, 250_000)


def test_styled_ranges_lie_inside_the_text_side_by_side_and_say_only_what_differs():
    result = texts({
        "text": "0123456789",
        "style": {"size": 8, "colour": "#FFFFFF"},
        "ranges": [
            {"start": 0, "end": 6, "colour": "#FF0000", "size": 8},
            {"start": 4, "end": 20, "bold": True},
            {"start": 8, "end": 9, "colour": "#FFFFFF", "bold": False},
        ],
    })  # fmt: skip
    ranges = [one.model_dump(exclude_none=True) for one in first(result).ranges]
    assert ranges == [
        {"start": 0, "end": 4, "colour": "#FF0000"},
        {"start": 4, "end": 6, "colour": "#FF0000", "bold": True},
        {"start": 6, "end": 8, "bold": True},
        {"start": 9, "end": 10, "bold": True},
    ]
    assert "past the end" in result.warnings[0]


def test_ten_thousand_ranges_over_each_other_are_settled_character_by_character_and_no_more_are_taken():
    text = "字" * 20_000
    said = [{"start": n, "end": 20_000 - n, "size": n / 10 + 100} for n in range(1000)]
    made = first(texts({"text": text, "ranges": said * 10})).ranges
    assert [(one.start, one.end, one.size) for one in made[:2]] == [(0, 1, 100), (1, 2, 100.1)]
    assert (made[999].start, made[999].end, made[999].size) == (999, 19_001, 199.9) and len(made) == 1999
    with pytest.raises(ValidationError, match="at most 10000"):
        texts({"text": text, "ranges": said * 11})


def test_a_range_of_another_font_that_is_missing_keeps_what_else_it_says():
    ranges = [{"start": 0, "end": 1, "font": "没有的字体", "bold": True}]
    result = texts({"ranges": ranges})
    assert [one.model_dump(exclude_none=True) for one in first(result).ranges] == [{"start": 0, "end": 1, "bold": True}]
    assert len(result.warnings) == 1


def test_captions_become_a_text_track_from_text_and_from_a_link():
    srt = "1\n00:00:01,000 --> 00:00:02,500\n你好\n\n2\n00:00:03,000 --> 00:00:04,000\n世界\n"
    captions = [{"srt": srt, "offset": "1s"}, {"url": "https://x/y.srt", "style": {"size": 12}}]
    result = resolved(captions=captions, srt_texts={"https://x/y.srt": srt})
    assert times(result) == [
        [(2 * S, 3_500_000), (4 * S, 5 * S)],
        [(S, 2_500_000), (3 * S, 4 * S)],
    ]
    assert [segment.text for segment in result.spec.tracks[1].segments] == ["你好", "世界"]
    assert result.spec.tracks[1].segments[0].style.size == 12
    assert result.spec.captions == ()


def test_captions_without_a_cue_are_a_problem_of_their_own():
    result = resolved({"kind": "text", "segments": [{"text": "x"}]}, captions=[{"srt": " "}])
    assert [problem.at for problem in result.problems] == ["srt"]
    assert len(result.spec.tracks) == 1


def test_a_font_that_is_missing_everywhere_is_said_once():
    result = texts(*({"style": {"font": "没有的字体"}} for _n in range(50)))
    assert len(result.warnings) == 1
    assert all(segment.style.font is None for segment in result.spec.tracks[0].segments)


def test_a_sound_effect_of_each_kind_is_kept_and_a_parameter_too_many_is_said():
    made = sounds({"effects": [{"name": "电音"}, {"name": "不是音效"}]})
    assert any("不是音效" in warning for warning in made.warnings)


@pytest.mark.parametrize("speed", [0.3, 0.7, 1.1, 1.23, 3.7, 7.3])
def test_resolving_a_resolved_speed_changes_nothing(speed):
    once = sounds({"media": "short", "speed": speed}, {"media": "short", "speed": speed, "duration": "20s"})
    again = resolve(once.spec, dict(once.files), {})
    assert again.spec == once.spec and not again.warnings


def test_resolving_a_resolved_spec_changes_nothing():
    result = resolved(
        {"kind": "video", "segments": [{"media": "video", "speed": 1.5}, {"media": "picture", "fit": "fill"}]},
        {"kind": "text", "segments": [{"text": "x", "ranges": [{"start": 0, "end": 1, "bold": True}]}]},
        background={"colour": "#000000"},
    )
    again = resolve(result.spec, dict(result.files), {})
    assert again.spec == result.spec
