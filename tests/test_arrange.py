"""Fitting segments to their media and to each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tray.draft.arrange import arrange
from tray.draft.probe import Probe
from tray.draft.spec import AudioSegment, DraftSpec, Place, Span, Track

S = 1_000_000
FRAME = 33_333


def sound(number: int, start_us: int, end_us: int, **more: Any) -> AudioSegment:
    target = Span(start_us=start_us, duration_us=end_us - start_us)
    return AudioSegment(place=Place(draft=1, track=1, segment=number), url="u", target=target, **more)


def arranged(*segments: AudioSegment, length_us: int = 100 * S) -> Any:
    spec = DraftSpec(name="x", width=16, height=16, fps=30, tracks=(Track(kind="audio", segments=segments),))
    return arrange(spec, {"u": Probe(Path("u.wav"), "audio", 0, 0, length_us)})


def times(result: Any) -> list[list[tuple[int, int]]]:
    return [[(p.target.start_us, p.target.end_us) for p in lane.placed] for lane in result.lanes]


def test_neighbours_that_overlap_by_up_to_two_frames_are_trimmed():
    result = arranged(sound(1, 0, S + 2 * FRAME), sound(2, S, 2 * S))
    assert times(result) == [[(0, S), (S, 2 * S)]]
    assert result.lanes[0].placed[0].source.duration_us == S
    assert "segment 1" in result.warnings[0] and "trimmed" in result.warnings[0]


def test_more_of_an_overlap_moves_the_segment_to_a_track_of_its_own():
    result = arranged(sound(1, 0, S + 3 * FRAME), sound(2, S, 2 * S), sound(3, 2 * S, 3 * S))
    assert times(result) == [[(0, S + 3 * FRAME), (2 * S, 3 * S)], [(S, 2 * S)]]
    assert len(result.warnings) == 1 and "segment 2" in result.warnings[0]


def test_no_segment_is_lost_however_many_overlap():
    result = arranged(*(sound(n, n * 10, 5 * S) for n in range(1, 30)))
    assert sum(len(lane.placed) for lane in result.lanes) == 29


def test_a_sound_shorter_than_asked_by_rounding_is_taken_as_it_is():
    result = arranged(sound(1, 0, 3_200_000), length_us=3_199_500)
    assert times(result) == [[(0, 3_199_500)]]
    assert not result.warnings


def test_a_sound_much_shorter_than_asked_ends_earlier_with_a_warning():
    result = arranged(sound(1, 0, 10 * S), length_us=4 * S)
    assert times(result) == [[(0, 4 * S)]]
    assert "4.00 s" in result.warnings[0]


def test_source_and_target_without_a_speed_imply_it():
    result = arranged(sound(1, 0, 2 * S, source=Span(start_us=S, duration_us=4 * S)))
    placed = result.lanes[0].placed[0]
    assert placed.speed == 2.0
    assert placed.source.duration_us == 4 * S


def test_a_stated_speed_wins_over_a_longer_source():
    result = arranged(sound(1, 0, 2 * S, source=Span(start_us=0, duration_us=9 * S), speed=1.0))
    assert result.lanes[0].placed[0].source.duration_us == 2 * S
    assert "cut" in result.warnings[0]


def test_a_stated_speed_and_a_shorter_source_end_the_segment_earlier():
    result = arranged(sound(1, 0, 4 * S, source=Span(start_us=0, duration_us=S), speed=1.0))
    assert times(result) == [[(0, S)]]
    assert "earlier" in result.warnings[0]


def test_playing_from_behind_the_media_s_end_is_an_error():
    result = arranged(sound(7, 0, S, source=Span(start_us=200 * S, duration_us=S)))
    assert [p.place.segment for p in result.problems] == [7]
