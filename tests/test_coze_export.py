"""What Coze flows produce, in all its wrappers and with all its mistakes."""

from __future__ import annotations

import json

import pytest

from factory import draft, export, segment, track
from tray.draft import coze_export, coze_spec
from tray.draft.problems import DraftError

ONE = draft(track(segment()))


@pytest.mark.parametrize(
    "wrapped",
    [
        {"output": export(ONE)},
        {"output": json.dumps({"output": export(ONE)})},
        json.loads(export(ONE)),
        ONE,
        [ONE],
        {"anything": [ONE]},
        {"draft_data": json.dumps(ONE)},
        {"data": {"result": {"drafts": [ONE]}}},
        json.dumps({"output": export(ONE)}),
    ],
)
def test_a_draft_is_found_in_every_wrapper(wrapped):
    drafts = coze_export.read(json.dumps(wrapped))
    assert [d.name for d in drafts] == ["测试"]
    assert len({d.key for d in drafts} | {coze_export.read(export(ONE))[0].key}) == 1


def test_a_markdown_fence_around_it_does_no_harm():
    assert coze_export.read(f"```json\n{export(ONE)}\n```")[0].name == "测试"


@pytest.mark.parametrize(
    "text", ["", "hello", "{", "[1, 2]", '{"a": 1}', "null", '{"x": NaN}', "[" * 100_000, '"{\\"a\\": 1}"']
)
def test_what_is_no_draft_is_refused_with_advice(text):
    with pytest.raises(DraftError) as error:
        coze_export.read(text)
    assert error.value.advice


@pytest.mark.parametrize("text", ["Here is the draft: it has tracks.", '{"tracks": ', export(draft())])
def test_ordinary_prose_holds_no_draft(text):
    assert not coze_export.holds_draft(text)


def test_groups_may_be_null_and_have_null_members():
    said = segment("text", transform=None, style={"font_size": None, "color": None, "stroke": None}, keyframes=None,
                   animations={"intro": None}, effects=None, audio={"volume": None})  # fmt: skip
    imported = coze_spec.to_spec(coze_export.read(export(draft(track(said))))[0], {})
    assert imported.spec and not imported.warnings


def test_bad_values_name_the_segment_and_the_field():
    bad = track(
        segment("text", transform={"opacity": 7}), segment("text", id="s2", audio={"volume": -1}), 5, segment("shape")
    )
    found = coze_export.read(export(draft(bad, "no track", width="wide")))[0]
    said = {(p.place.track, p.place.segment): p.message for p in found.problems}
    assert "transform.opacity" in said[1, 1]
    assert "audio.volume" in said[1, 2]
    assert (1, 3) in said
    assert "shape" in said[1, 4]
    assert (2, None) in said
    assert "width" in said[None, None]


def test_positions_far_beyond_the_canvas_are_pixels():
    found = coze_export.read(export(draft(track(segment("text", transform={"position_x": -54, "position_y": 96})))))[0]
    imported = coze_spec.to_spec(found, {})
    clip = imported.spec.tracks[0].segments[0].clip
    assert (clip.x, clip.y) == (pytest.approx(-0.1), pytest.approx(0.1))
    assert "pixels" in imported.warnings[0]


def test_a_lone_surrogate_does_not_keep_a_draft_from_being_written():
    text = export(draft(track(segment("text", content="X")))).replace("X", "a\\ud83d!")
    imported = coze_spec.to_spec(coze_export.read(text)[0], {})
    imported.spec.tracks[0].segments[0].text.encode("utf-8")


def test_a_mixed_track_becomes_a_track_of_each_kind_in_their_order():
    found = coze_export.read(export(draft(track(segment("image", url="u"), segment("text")))))[0]
    assert [t.kind for t in coze_spec.to_spec(found, {"u": None}).spec.tracks] == ["video", "text"]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"output": f"```json\n{export(ONE)}\n```"}),
        f"Here it is:\n```json\n{export(ONE)}\n```\nEnjoy!",
        f"````\n{export(ONE)}\n````",
        json.dumps({"output": "\ufeff" + export(ONE)}),
        json.dumps({"tracks": [], "output": export(ONE)}),
        json.dumps({**ONE, "tracks": json.dumps(ONE["tracks"])}),
    ],
)
def test_bots_wrap_it_in_other_ways_too(text):
    assert [d.name for d in coze_export.read(text)] == ["测试"]
    assert coze_export.holds_draft(text)


@pytest.mark.parametrize("odd", ["not json", None, 5, {"error": "quota"}])
def test_an_element_of_a_batch_that_is_no_draft_is_named(odd):
    drafts = coze_export.read(json.dumps({"drafts": [ONE, odd]}))
    assert [len(d.problems) for d in drafts] == [0, 1]
    assert drafts[1].problems[0].place.draft == 2


@pytest.mark.parametrize(
    "said",
    [
        segment("text", end=1e308),
        segment("audio", url="u", audio={"speed": 1e308}),
        segment("audio", url="u", audio={"speed": 0.01}),
        segment("video", url="u", transform={"scale": 1e300}),
    ],
)
def test_numbers_beyond_all_bounds_are_a_problem_of_their_segment(said):
    found = coze_export.read(export(draft(track(said))))[0]
    assert [p.place.segment for p in found.problems] == [1]


def test_tracks_that_are_no_list_are_a_problem():
    assert coze_export.read(json.dumps({**ONE, "tracks": 5}))[0].problems


def test_what_is_empty_may_be_of_any_shape():
    said = segment("text", effects=[], animations="", crop={}, keyframes={"opacity": []}, style={"font_size": ""})
    found = coze_export.read(export(draft(track(said))))[0]
    assert not found.problems


def test_what_is_of_the_wrong_shape_is_named():
    said = segment("text", animations="飞入", keyframes={"opacity": 5}, speed=[1])
    found = coze_export.read(export(draft(track(said))))[0]
    assert {p.at for p in found.problems} == {"animations", "speed"}
    said = segment("text", keyframes={"opacity": [{"time": 0, "value": 0}, {"time": 5, "value": "much"}]})
    found = coze_export.read(export(draft(track(segment(), said))))[0]
    [problem] = found.problems
    assert problem.to_json()["path"] == "drafts[0].tracks[0].segments[1].keyframes.opacity[1].value"
    assert str(problem) == "draft 1, track 1, segment 2: keyframes.opacity[1].value: much is not a number"


def test_a_draft_nested_beyond_all_bounds_is_a_problem():
    text = export(draft(track(segment("text", crop="X")))).replace('"X"', "[" * 900 + "]" * 900)
    assert coze_export.read(text)[0].problems


def test_a_draft_of_stickers_alone_is_not_called_empty():
    found = coze_export.read(export(draft(track({"type": "sticker", "time_range": {"start": 0, "end": 1}}))))[0]
    assert not found.is_empty and found.problems[0].at == "resource_id"


def test_where_one_loudness_is_in_percent_all_that_are_more_than_whole_are():
    sounds = [segment("audio", n, n + 1, url="u", audio={"volume": volume}) for n, volume in enumerate((5, 80, 1, 0.5))]
    [found] = coze_export.read(export(draft(track(*sounds))))
    imported = found.to_spec({"u": 9_000_000})
    assert [one.volume for one in imported.spec.tracks[0].segments] == [0.05, 0.8, 1, 0.5]
    assert len(imported.warnings) == 1 and "percent" in imported.warnings[0]


def test_a_loudness_in_percent_is_understood():
    found = coze_export.read(export(draft(track(segment("audio", url="u", volume=80)))))[0]
    imported = coze_spec.to_spec(found, {"u": 2_000_000})
    assert imported.spec.tracks[0].segments[0].volume == 0.8
    assert "percent" in imported.warnings[0]


def test_a_source_range_in_another_unit_than_the_time_plays_at_normal_speed():
    said = segment("audio", 0, 4_000_000, url="u", material_range={"start": 0, "end": 4000})
    imported = coze_spec.to_spec(coze_export.read(export(draft(track(said))))[0], {"u": 4_000_000})
    sound = imported.spec.tracks[0].segments[0]
    assert (sound.duration_us, sound.source_duration_us) == (4_000_000, 4_000_000)
    assert any("another unit" in warning for warning in imported.warnings)


def test_a_track_whose_segments_are_misspelt_is_a_problem_not_an_empty_track():
    wrong = {"track_type": "audio", "segment": [segment("audio", url="u")]}
    assert coze_export.read(export(draft(track(segment()), wrong)))[0].problems[0].place.track == 2
    assert not coze_export.read(export(draft(track(segment()), {"track_type": "audio", "segments": None})))[0].problems


def test_too_many_drafts_tracks_or_segments_are_refused_at_once():
    with pytest.raises(DraftError, match="more than 1000"):
        coze_export.read(json.dumps([ONE] * 1001))
    [found] = coze_export.read(json.dumps(draft(*[track()] * 10_001)))
    assert "10001 tracks" in found.problems[0].message
    [found] = coze_export.read(json.dumps(draft({"segments": [5] * 100_001})))
    assert len(found.problems) == 1 and "100001 segments" in found.problems[0].message


def test_a_thousand_problems_are_enough():
    [found] = coze_export.read(export(draft(track(*[segment("shape")] * 5000))))
    assert len(found.problems) == 1001
    assert "4000 more things are wrong" in str(found.problems[-1])


def test_a_text_too_long_for_a_caption_is_a_problem():
    [found] = coze_export.read(export(draft(track(segment(content="字" * 20_001)))))
    assert str(found.problems[0]).endswith("content: it is longer than 20000 characters")


def test_what_is_not_known_is_named_once_for_a_segment():
    said = segment("video", url="u", transform={"skew": 5, "tilt": 0.5}, glow={"radius": 3}, transparent=False)
    [found] = coze_export.read(export(draft(track(said, blend="screen"), mood="calm", codec="h264")))
    [of_project, of_track, of_segment] = found.warnings
    assert of_project.startswith("draft 1: ") and "project.codec, project.mood" in of_project
    assert of_track.startswith("draft 1, track 1: ") and "blend" in of_track
    assert of_segment.startswith("draft 1, track 1, segment 1: ")
    assert of_segment.endswith("glow, transform.skew, transform.tilt")


def test_the_same_warning_for_many_captions_is_said_once():
    texts = [segment("text", n * 1000, n * 1000 + 1000, style={"font_size": 48 + n % 3}) for n in range(500)]
    imported = coze_export.read(export(draft(track(*texts))))[0].to_spec({})
    [warning] = imported.warnings
    assert warning == ("draft 1, track 1, segment 1: the font size 48 was taken for pixels (8 in JianYing's scale) "
                       "(and so for 499 more of its track)")  # fmt: skip


def test_a_thousand_warnings_are_enough():
    [found] = coze_export.read(export(draft(track(*[segment(**{f"mood{n}": 1}) for n in range(1200)]))))
    assert found.warnings[1000:] == ["200 more warnings are not listed"]


def test_a_draft_can_be_sent_to_another_process():
    import pickle

    [found] = coze_export.read(export(ONE))
    assert pickle.loads(pickle.dumps(found)).to_spec({}) == found.to_spec({})
