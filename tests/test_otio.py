"""A draft as OpenTimelineIO: what another program reads of it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

import opentimelineio as otio
import pytest

from tray.draft import otio as exporter
from tray.draft.spec import (
    Animation,
    AudioSegment,
    Clip,
    DraftSpec,
    Effect,
    EffectSegment,
    Filter,
    FilterSegment,
    Keyframe,
    Mask,
    StickerSegment,
    TextSegment,
    Track,
    Transition,
    VisualSegment,
)

FPS = 30
FRAME_US = 1_000_000 / FPS


def video(start: int, duration: int, media: str = "Resources/local/a.mp4", **more: Any) -> VisualSegment:
    speed = more.setdefault("speed", 1.0)
    return VisualSegment(
        start=start, duration=duration, media=media, source_duration=round(duration * speed), **more
    )  # fmt: skip


def image(start: int, duration: int, media: str = "Resources/local/a.png", **more: Any) -> VisualSegment:
    return video(start, duration, media, kind="image", **more)


def sound(start: int, duration: int, media: str = "Resources/local/a.mp3", **more: Any) -> AudioSegment:
    speed = more.setdefault("speed", 1.0)
    return AudioSegment(start=start, duration=duration, media=media, source_duration=round(duration * speed), **more)


def text(start: int, duration: int, words: str = "你好", **more: Any) -> TextSegment:
    return TextSegment(start=start, duration=duration, text=words, **more)


def spec(*tracks: tuple[Any, ...], **more: Any) -> DraftSpec:
    kinds = [{"image": "video"}.get(segments[0].kind, segments[0].kind) for segments in tracks]
    return DraftSpec(
        name="测试", fps=FPS, width=1080, height=1920,
        tracks=tuple(Track(kind=kind, segments=segments) for kind, segments in zip(kinds, tracks, strict=True)), **more,
    )  # fmt: skip


def read_back(made: DraftSpec, folder: Path) -> Any:
    """The timeline as another program has it: written to a file, and read from it by the library."""
    file = folder / "x.otio"
    file.write_text(exporter.text_of(exporter.timeline(made, folder, "测试")), "utf-8")
    return otio.adapters.read_from_file(str(file))


def spec_of(timeline: Any) -> DraftSpec:
    """The spec that the metadata of the timeline, its tracks and its clips is."""
    tracks = [
        plain(track.metadata["coze_tray"])
        | {"segments": [plain(clip.metadata["coze_tray"]) for clip in track.find_clips()]}
        for track in timeline.tracks
    ]
    return DraftSpec.model_validate(plain(timeline.metadata["coze_tray"]) | {"tracks": tracks})


def plain(value: Any) -> Any:
    """Metadata as dictionaries and lists."""
    if hasattr(value, "items"):
        return {key: plain(one) for key, one in value.items()}
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return [plain(one) for one in value]
    return value


def times_us(track: Any) -> list[tuple[int, int]]:
    found = [track.range_of_child(clip) for clip in track.find_clips()]
    return [(round(r.start_time.to_seconds() * 1e6), round(r.duration.to_seconds() * 1e6)) for r in found]


def test_pictures_sounds_and_texts_lie_where_they_lay_in_the_draft(tmp_path):
    timeline = read_back(
        spec(
            (image(0, 2_000_000), video(2_000_000, 3_000_000), image(6_000_000, 1_000_000)),
            (sound(500_000, 4_500_000),),
            (text(0, 1_000_000), text(1_000_000, 1_000_000)),
        ),
        tmp_path,
    )
    assert timeline.name == "测试"
    assert [track.kind for track in timeline.tracks] == ["Video", "Audio", "Video"]
    assert [times_us(track) for track in timeline.tracks] == [
        [(0, 2_000_000), (2_000_000, 3_000_000), (6_000_000, 1_000_000)],
        [(500_000, 4_500_000)],
        [(0, 1_000_000), (1_000_000, 1_000_000)],
    ]
    assert timeline.duration().to_seconds() == 7


def test_media_is_found_by_its_url_even_in_a_folder_with_a_chinese_name(tmp_path):
    folder = tmp_path / "草稿 #1"
    local = folder / "Resources" / "local"
    local.mkdir(parents=True)
    (local / "a.png").write_bytes(b"picture")
    clip = next(iter(read_back(spec((image(0, 1_000_000),)), folder).find_clips()))
    path = Path(url2pathname(urlparse(clip.media_reference.target_url).path))
    assert path.read_bytes() == b"picture"
    assert unquote(clip.media_reference.target_url).startswith("file://")


def test_media_outside_the_draft_keeps_its_own_place(tmp_path):
    made = spec((video(0, 1_000_000, "C:/影片/a b.mp4"), video(1_000_000, 1_000_000, "https://example.com/a.mp4")))
    urls = [clip.media_reference.target_url for clip in read_back(made, tmp_path).find_clips()]
    assert [unquote(url) for url in urls] == ["file:///C:/影片/a b.mp4", "https://example.com/a.mp4"]


def test_every_time_is_a_whole_number_of_frames_at_the_canvas_s_rate(tmp_path):
    track = read_back(
        spec((sound(0, 3_217_000), sound(3_217_000, 1_111_111), sound(4_328_111, 777_777))), tmp_path
    ).tracks[0]
    times = [time for clip in track for time in (clip.source_range.start_time, clip.source_range.duration)]
    assert {time.rate for time in times} == {FPS}
    assert all(time.value == int(time.value) for time in times)


def test_edges_go_to_the_nearest_frame_without_drift_overlap_or_gaps(tmp_path):
    chance = random.Random(1)
    starts, end = [], 0
    for _ in range(2000):
        length = chance.randint(50_000, 4_000_000)
        starts.append((end, length))
        end += length
    track = read_back(spec(tuple(text(*one) for one in starts)), tmp_path).tracks[0]
    assert len(track) == 2000
    for said, (start, length) in zip(starts, times_us(track), strict=True):
        assert abs(start - said[0]) <= FRAME_US / 2 + 1
        assert abs(start + length - sum(said)) <= FRAME_US / 2 + 1


def test_what_is_shorter_than_a_frame_is_there_all_the_same(tmp_path):
    track = read_back(spec(tuple(text(n * 1000, 1000, str(n)) for n in range(5))), tmp_path).tracks[0]
    assert [clip.name for clip in track] == list("01234")
    assert {length for _start, length in times_us(track)} == {round(FRAME_US)}


def test_a_part_of_a_video_keeps_its_place_in_the_media_and_the_media_its_length(tmp_path):
    entries = [{"file_Path": r"C:\x\Resources\local\a.mp4", "duration": 60_000_000}]
    (tmp_path / "draft_meta_info.json").write_text(json.dumps({"draft_materials": [{"type": 0, "value": entries}]}))
    clip = next(iter(read_back(spec((video(0, 2_000_000, source_start=10_000_000),)), tmp_path).find_clips()))
    assert clip.source_range.start_time.to_seconds() == 10
    assert clip.available_range().duration.to_seconds() == 60


@pytest.mark.parametrize("meta", ["", "[]", '{"draft_materials": [{"value": [{"file_Path": 3, "duration": null}]}]}'])
def test_a_broken_meta_costs_nothing_but_the_length_of_the_media(meta, tmp_path):
    (tmp_path / "draft_meta_info.json").write_text(meta)
    clip = next(iter(read_back(spec((video(0, 2_000_000, source_start=1_000_000),)), tmp_path).find_clips()))
    assert clip.available_range().duration.to_seconds() == 3


def test_speed_is_a_time_warp_over_the_length_on_the_timeline(tmp_path):
    track = read_back(
        spec((video(0, 2_000_000, speed=2.0), video(2_000_000, 1_000_000, reverse=True))), tmp_path
    ).tracks[0]
    assert [clip.effects[0].time_scalar for clip in track] == [2.0, -1.0]
    assert times_us(track) == [(0, 2_000_000), (2_000_000, 1_000_000)]


def test_a_transition_lies_on_the_cut_under_its_own_name(tmp_path):
    track = read_back(
        spec(
            (
                image(0, 2_000_000, transition=Transition(name="叠化", duration=500_000)),
                image(2_000_000, 2_000_000, transition=Transition(name="推近", duration=466_666)),
                image(4_000_000, 2_000_000),
            )
        ),
        tmp_path,
    ).tracks[0]
    found = [one for one in track if isinstance(one, otio.schema.Transition)]
    assert [(one.name, one.transition_type) for one in found] == [
        ("叠化", "SMPTE_Dissolve"),
        ("推近", "Custom_Transition"),
    ]
    assert [one.duration().value for one in found] == [15, 14]
    assert times_us(track)[1] == (2_000_000, 2_000_000)


def test_transitions_at_both_ends_of_a_short_clip_share_it(tmp_path):
    cut = {"transition": Transition(name="叠化", duration=1_000_000)}
    made = spec((image(0, 2_000_000, **cut), image(2_000_000, 500_000, **cut), image(2_500_000, 2_000_000)))
    track = read_back(made, tmp_path).tracks[0]
    first, second = (one for one in track if isinstance(one, otio.schema.Transition))
    assert first.out_offset.value + second.in_offset.value <= 0.5 * FPS


def test_texts_are_generators_that_say_their_words(tmp_path):
    clip = next(iter(read_back(spec((text(0, 1_000_000, "第一行\n第二行"),)), tmp_path).find_clips()))
    assert clip.name == "第一行 第二行"
    assert clip.media_reference.generator_kind == "text"
    assert clip.media_reference.parameters["text"] == "第一行\n第二行"


def test_what_only_jianying_draws_hides_nothing_elsewhere(tmp_path):
    timeline = read_back(
        spec(
            (EffectSegment(start=0, duration=1_000_000, effect=Effect(name="星火", kind="scene")),),
            (FilterSegment(start=0, duration=1_000_000, filter=Filter(name="暖冬", intensity=0.5)),),
            (StickerSegment(start=0, duration=1_000_000, sticker="123"),),
        ),
        tmp_path,
    )
    assert [clip.enabled for clip in timeline.find_clips()] == [False, False, False]
    assert [[one.name for one in clip.effects] for clip in timeline.find_clips()] == [["星火"], ["暖冬"], []]


def test_a_muted_sound_track_is_off_and_a_muted_video_track_is_still_seen(tmp_path):
    tracks = (
        Track(kind="video", muted=True, segments=(video(0, 1_000_000),)),
        Track(kind="audio", muted=True, segments=(sound(0, 1_000_000),)),
    )
    timeline = read_back(DraftSpec(tracks=tracks), tmp_path)
    assert [track.enabled for track in timeline.tracks] == [True, False]


def test_the_whole_spec_comes_back_from_the_file_to_the_microsecond(tmp_path):
    made = spec(
        (
            video(
                7, 1_234_567, speed=1.5, volume=0.5, fade_in=99_999, filters=(Filter(name="暖冬", intensity=0.25),),
                intro=Animation(name="放大", duration=300_001), mask=Mask(name="圆形", x=0.1), clip=Clip(x=0.25, scale=1.5),
                keyframes={"opacity": (Keyframe(time=0, value=0.5), Keyframe(time=1_000_001, value=1.0))},
                transition=Transition(name="叠化", duration=500_000),
            ),
            image(1_234_574, 1_000_000, effects=(Effect(name="星火", kind="scene", params=(50.0, None)),)),
        ),
        (sound(1, 3_333_333, volume=2.0, fade_out=1),),
        (text(5, 999_999, "a\n“b”\t🎬", flower="7"),),
        (StickerSegment(start=3, duration=1, sticker="123"),),
        (EffectSegment(start=0, duration=1_000_000, effect=Effect(name="星火", kind="scene")),),
    )  # fmt: skip
    assert spec_of(read_back(made, tmp_path)) == made


def test_no_character_ends_a_text_early(tmp_path):
    clip = next(iter(read_back(spec((text(0, 1_000_000, "a\0b"),)), tmp_path).find_clips()))
    assert clip.media_reference.parameters["text"] == "a\ufffdb"


def test_a_draft_without_tracks_is_an_empty_timeline(tmp_path):
    assert len(read_back(DraftSpec(), tmp_path).tracks) == 0
