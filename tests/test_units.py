"""In which unit an export wrote its times."""

from __future__ import annotations

import pytest

from tray.draft.units import Timed, settle

S = 1_000_000


def unit(*segments: Timed) -> str:
    return settle(segments, fps=30).unit


@pytest.mark.parametrize(
    ("end", "length_s", "said"),
    [(10_000_000, 10, "us"), (10_000, 10, "ms"), (10, 10, "s"), (3, 3.24, "s"), (3200, 3.24, "ms"), (3_200_000, 3.24, "us"),
     (5000, 60, "ms"), (5_000_000, 60, "us"), (5, 60, "s"), (60_000, 30, "ms")],
)  # fmt: skip
def test_the_media_s_length_tells_the_unit(end, length_s, said):
    assert unit(Timed(0, end, length_us=round(length_s * S))) == said


def test_the_source_range_tells_before_the_time_on_the_timeline():
    assert unit(Timed(0, 4_000_000, source_end=8_000_000, length_us=8 * S)) == "us"


def test_pictures_and_text_follow_the_sounds():
    settled = settle([Timed(0, 5_000_000, length_us=5 * S), Timed(0, 2_500_000), Timed(2_500_000, 5_000_000)], fps=30)
    assert settled.units == ["us"] * 3
    assert "1 media file" in settled.reason


def test_one_draft_may_mix_units():
    settled = settle([Timed(0, 5_000_000, length_us=5 * S), Timed(0, 4000, length_us=4 * S), Timed(0, 5000)], fps=30)
    assert settled.units == ["us", "ms", "ms"]
    assert settled.unit == "mixed"
    assert "us" in settled.reason and "ms" in settled.reason


def test_where_nothing_tells_it_is_milliseconds_as_documented():
    settled = settle([Timed(0, 3000), Timed(3000, 6000)], fps=30)
    assert settled.unit == "ms"
    assert "documented" in settled.reason


def test_milliseconds_too_short_for_a_frame_are_seconds():
    assert unit(Timed(0, 3), Timed(3, 6)) == "s"


def test_microseconds_that_would_be_far_too_long_are_seen_without_media_too():
    assert unit(Timed(0, 3_000_000), Timed(3_000_000, 6_000_000)) == "us"


def test_music_asked_for_longer_than_it_is_does_not_shrink_the_draft():
    music, pictures = Timed(0, 120_000, length_us=30 * S), (Timed(0, 60_000), Timed(60_000, 120_000))
    assert unit(music, *pictures) == "ms"
    speech = Timed(0, 5000, length_us=5 * S)
    assert unit(speech, music, Timed(0, 120_000)) == "ms"
    assert unit(speech, Timed(0, 180_000)) == "ms"


def test_a_short_part_of_a_long_media_file_in_microseconds():
    assert unit(Timed(0, 5_000_000, length_us=600 * S), Timed(0, 5_000_000)) == "us"


def test_where_no_reading_makes_sense_it_is_milliseconds():
    assert unit(Timed(0, 2000, speed=100, length_us=2 * S)) == "ms"


def test_a_length_that_fits_two_units_tells_nothing():
    assert unit(Timed(0, 5000, length_us=7200 * S)) == "ms"
