"""Trying an export: what it would make, told without fetching anything."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from factory import draft, export, segment, track
from tray.draft import trial
from tray.draft.library import counts
from tray.draft.problems import DraftError
from tray.draft.trial import TrialDraft, try_text

S = 1_000_000
LINK = "https://cdn.example.com/{}"


def tried(*tracks: dict[str, Any], **project: Any) -> TrialDraft:
    (one,) = try_text(export(draft(*tracks, **project))).drafts
    return one


def test_it_tells_name_canvas_length_tracks_and_segments_by_kind():
    one = tried(
        track(
            segment("image", 0, 3000, url=LINK.format("一.png")), segment("video", 3000, 5000, url=LINK.format("b.mp4"))
        ),
        track(segment("text", 0, 5000)),
        name="早餐",
    )
    assert (one.name, one.spec.width, one.spec.height, one.spec.length_us) == ("早餐", 1080, 1920, 5 * S)
    assert counts(one.spec) == {"image": 1, "video": 1, "text": 1} and one.links == 2
    assert [one.kind for one in one.spec.tracks] == ["video", "text"]
    assert "一.png" in one.spec.tracks[0].segments[0].media
    assert not one.problems and not one.notes[1:]


def test_it_tells_the_unit_of_time_and_why_and_that_the_media_may_tell_another():
    one = tried(track(segment("text", 0, 3_000_000_000)))
    assert one.time_unit == "us" and "ten minutes" in one.time_unit_reason
    assert any("another one" in note for note in one.notes)


def test_every_problem_names_its_segment_and_the_good_segments_are_shown():
    one = tried(track(segment("image", 0, 1000), segment("image", 1000, 2000, url=LINK.format("a.png"))),
                track(segment("text", 500, 100)))  # fmt: skip
    assert [(problem.place.track, problem.place.segment) for problem in one.problems] == [(1, 1), (2, 1)]
    assert counts(one.spec) == {"image": 1}


def test_a_warning_is_placed_where_its_segment_lies_in_the_draft():
    """The export's third track, with nothing before it that is drawn, is the draft's second."""
    one = tried(
        track(segment("image", 0, 1000, url=LINK.format("a.png"))),
        {"track_type": "video", "segments": []},
        track(segment("text", 0, 1000), segment("text", 1000, 2000, odd=1)),
    )
    ((line, place),) = [pair for pair in zip(one.warnings, one.warned, strict=True) if "odd" in pair[0]]
    assert "track 3, segment 2" in line and place == [2, 2]


def test_a_sound_of_which_nobody_knows_the_length_is_assumed_and_that_is_said():
    spec = {"version": 1, "tracks": [{"kind": "audio", "segments": [{"kind": "audio", "media": LINK.format("a.mp3")}]}]}
    (one,) = try_text(json.dumps(spec)).drafts
    assert one.spec.length_us == trial.ASSUMED_US and "length of 1 video or sound" in one.notes[0]
    said = {**spec, "tracks": [{"kind": "audio", "segments": [
        {"kind": "audio", "media": LINK.format("a.mp3"), "source_start": "2s", "duration": "4s"}]}]}  # fmt: skip
    (one,) = try_text(json.dumps(said)).drafts
    assert one.spec.length_us == 4 * S and one.notes == [] and one.warnings == []


def test_a_recipe_s_speech_lasts_as_long_as_one_reads_it():
    lines = [{"text": "你好" * 8, "image": LINK.format("a.png"), "audio": LINK.format(f"{n}.mp3")} for n in range(3)]
    (one,) = try_text(json.dumps({"recipe": lines})).drafts
    assert counts(one.spec)["audio"] == 3 and one.spec.length_us == 12 * S
    assert [len(track.segments) for track in one.spec.tracks if track.kind == "audio"] == [3]
    assert one.warnings == []


def test_srt_alone_and_srt_by_link():
    (one,) = try_text("1\n00:00:00,000 --> 00:00:02,000\n你好\n").drafts
    assert counts(one.spec) == {"text": 1}
    (one,) = try_text(json.dumps({"srt": LINK.format("a.srt"), "images": [LINK.format("a.png")]})).drafts
    assert any("as a link" in note for note in one.notes)


def test_several_drafts_and_empty_ones():
    found = try_text(export(draft(track(segment()), name="a"), draft(name="b"), draft(track(segment()), name="c")))
    assert [one.name for one in found.drafts] == ["a", "c"] and found.empty == 1
    assert not any(one.problems for one in found.drafts)


@pytest.mark.parametrize(
    "text", ["", "hello", "{", "[]", "{}", "[" * 100_000, '{"tracks": 5}', "\0", '{"drafts": [1]}']
)
def test_what_is_no_draft_is_an_error_in_words_or_a_problem(text):
    try:
        found = try_text(text)
    except DraftError as error:
        assert str(error)
    else:
        assert all(one.problems for one in found.drafts)


def test_the_sample_exports_of_real_flows_are_tried(sample_exports):
    files = sorted(sample_exports.rglob("*.json"))
    assert files
    for file in files:
        try:
            found = try_text(file.read_text("utf-8"))
        except DraftError:
            continue
        assert all(one.spec.length_us >= 0 and len(one.warned) == len(one.warnings) for one in found.drafts)


def test_an_export_of_ten_megabytes_is_tried_in_seconds():
    segments = [segment("text", n * 1000, n * 1000 + 900, content="话" * 60, odd="x" * 200) for n in range(20_000)]
    text = export(draft(track(*segments)))
    assert len(text.encode()) > 9_000_000
    began = time.perf_counter()
    (one,) = try_text(text).drafts
    assert counts(one.spec) == {"text": 20_000} and time.perf_counter() - began < 30
