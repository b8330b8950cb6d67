"""Every field of an export, in every spelling, and what of it reaches the spec."""

from __future__ import annotations

from typing import Any

import pytest

from factory import draft, export, segment, track
from tray.draft import coze_export
from tray.draft.source import Imported
from tray.draft.spec import Animation, Clip, Crop, Effect, Fill, Filter, Keyframe, Transition

S = 1_000_000


def imported(
    *said: dict[str, Any], lengths: dict[str, int | None] | None = None, unit: Any = "auto", **project: Any
) -> Imported:
    [found] = coze_export.read(export(draft(track(*said), **project)), unit)
    return found.to_spec(lengths or {})


def one(said: dict[str, Any], **more: Any) -> Any:
    """The one segment, which needs no word."""
    made = imported(said, **more)
    assert not made.problems and not made.warnings, (made.problems, made.warnings)
    return made.spec.tracks[0].segments[0]


def warned(said: dict[str, Any], **more: Any) -> tuple[Any, str]:
    """The one segment, and the one warning about it."""
    made = imported(said, **more)
    assert not made.problems, made.problems
    [warning] = made.warnings
    return made.spec.tracks[0].segments[0], warning


def picture(**more: Any) -> dict[str, Any]:
    return segment("image", 0, 4000, url="u", **more)


def test_a_video_with_everything():
    said = segment(
        "video", 1000, 5000, url="u", material_range={"start": 500, "end": 8500},
        transform={"position_x": 0.5, "position_y": -0.9, "scale_x": 2, "scale_y": 0.5, "rotation": 30, "opacity": 0.7,
                   "flip_horizontal": True, "flip_vertical": False},
        crop={"enabled": True, "left": 0.1, "top": 0.2, "right": 0.9, "bottom": 0.8},
        effects={"filter_type": "暖冬", "filter_intensity": 0.8, "transition_type": "淡化", "transition_duration": 500},
        speed={"speed": 2.0, "reverse": True}, audio={"volume": 0.5, "fade_in": 300, "fade_out": 400, "change_pitch": True},
        background={"blur": True}, animations={"intro": "轻微放大", "intro_duration": 700, "outro": "飞出"},
    )  # fmt: skip
    video = one(said)
    assert video.kind == "video" and video.media == "u"
    assert (video.start_us, video.duration_us) == (1 * S, 4 * S)
    assert (video.source_start_us, video.source_duration_us) == (500_000, 8 * S)
    assert video.clip == Clip(x=0.5, y=-0.9, scale_x=2, scale_y=0.5, rotation_deg=30, opacity=0.7, flip_horizontal=True)
    assert video.crop == Crop(left=0.1, top=0.2, right=0.9, bottom=0.8)
    assert video.filters == (Filter(name="暖冬", intensity=0.8),)
    assert video.transition == Transition(name="淡化", duration_us=500_000)
    assert (video.speed, video.reverse, video.change_pitch) == (2.0, True, True)
    assert (video.volume, video.fade_in_us, video.fade_out_us) == (0.5, 300_000, 400_000)
    assert video.fill == Fill(blur=0.0625)
    assert video.intro == Animation(name="轻微放大", duration_us=700_000)
    assert video.outro == Animation(name="飞出")


def test_a_sound_with_everything():
    said = segment("audio", 0, 2000, url="u", audio={"volume": 0.3, "fade_in": 100, "fade_out": 200, "effect_type": "降噪",
                   "effect_intensity": 1.0, "speed": 1.5, "change_pitch": True},
                   keyframes={"volume": [{"time": 0, "value": 0}, {"time": 1000, "value": 0.3}]})  # fmt: skip
    sound = one(said)
    assert (sound.volume, sound.fade_in_us, sound.fade_out_us, sound.speed) == (0.3, 100_000, 200_000, 1.5)
    assert sound.change_pitch and sound.effects == (Effect(name="降噪"),)
    assert sound.keyframes["volume"] == (Keyframe(time_us=0, value=0), Keyframe(time_us=S, value=0.3))


def test_a_text_with_everything():
    said = segment(
        "text", content="你好", alignment="right",
        transform={"position_x": 0.5, "position_y": 0.2, "scale": 1.2, "rotation": 5, "opacity": 0.4},
        style={"font_family": "思源黑体", "font_size": 8, "font_weight": "bold", "font_style": "italic", "underline": True,
               "color": "#ffd700", "letter_spacing": 2, "line_spacing": 3,
               "stroke": {"enabled": True, "color": "#102030", "width": 4.8},
               "shadow": {"enabled": True, "color": "#000", "offset_x": 4.8, "offset_y": 0, "blur": 9.6},
               "background": {"enabled": True, "color": "#AABBCC80"}},
        animations={"intro": "飞入", "outro": "飞出", "loop": "闪烁", "loop_duration": 500},
    )  # fmt: skip
    text = one(said)
    assert text.text == "你好"
    assert (text.clip.x, text.clip.y, text.clip.scale_x, text.clip.scale_y) == (0.5, 0.2, 1.2, 1.2)
    assert text.clip.opacity == 1 and text.style.opacity == 0.4
    style = text.style
    assert (style.font, style.size, style.bold, style.italic, style.underline) == ("思源黑体", 8, True, True, True)
    assert (style.colour, style.align, style.letter_spacing, style.line_spacing) == ("#FFD700", "right", 2, 3)
    assert style.border.colour == "#102030" and style.border.width == pytest.approx(50)
    assert style.shadow.colour == "#000000"
    assert (style.shadow.distance, style.shadow.angle_deg, style.shadow.diffuse) == (
        pytest.approx(10),
        0,
        pytest.approx(20),
    )
    assert style.background.colour == "#AABBCC" and style.background.opacity == 0.5
    assert text.intro == Animation(name="飞入") and text.outro == Animation(name="飞出")
    assert text.loop == Animation(name="闪烁", duration_us=500_000)


def test_a_sticker_by_its_id():
    sticker = one(segment("sticker", resource_id="7132097333274823968", transform={"scale": 0.5}))
    assert sticker.sticker == "7132097333274823968" and sticker.clip.scale_x == 0.5
    assert one(segment("sticker", url="7132097333274823968")).sticker == "7132097333274823968"


def test_a_sticker_given_as_a_link_becomes_a_picture_above_the_others():
    film = track(segment("video", url="f"))
    stuck = track(segment("sticker", url="https://x/s.png"))
    [found] = coze_export.read(export(draft(stuck, film)))
    assert [url for url, _place in found.urls()] == ["https://x/s.png", "f"]
    made = found.to_spec({"f": 2 * S, "https://x/s.png": None})
    assert [t.segments[0].kind for t in made.spec.tracks] == ["video", "image"]
    assert "as a picture" in made.warnings[0]


def test_effects_and_filters_have_tracks_of_their_own():
    effect = {"type": "effect", "effect_type": "光晕", "time_range": {"start": 0, "end": 3000}}
    filtered = {
        "type": "filter",
        "filter_type": "暖冬",
        "filter_intensity": 0.5,
        "time_range": {"start": 0, "end": 3000},
    }
    assert one(effect).effect == Effect(name="光晕")
    assert one(filtered).filter == Filter(name="暖冬", intensity=0.5)
    assert one({**filtered, "filter_intensity": None, "intensity": 0.4}).filter.intensity == 0.4


def test_settings_of_an_effect_are_left_off_with_a_word():
    said = {"type": "effect", "effect_type": "粒子", "time_range": {"start": 0, "end": 3000},
            "properties": {"intensity": 0.6, "position_x": None, "scale": 1.0, "particle_count": 50}}  # fmt: skip
    effect, warning = warned(said)
    assert effect.effect == Effect(name="粒子")
    assert warning.endswith("intensity, particle_count")


def test_tracks_are_listed_from_below():
    kinds = ("text", "sticker", "filter", "effect", "audio", "video")
    said = {"content": "你好", "resource_id": "1", "filter_type": "a", "effect_type": "a", "material_url": "u"}
    tracks = [track({"type": kind, **said, "time_range": {"start": 0, "end": 2000}}) for kind in kinds]
    [found] = coze_export.read(export(draft(*tracks)))
    made = found.to_spec({"u": 2 * S})
    assert [t.kind for t in made.spec.tracks] == ["video", "audio", "effect", "filter", "sticker", "text"]


@pytest.mark.parametrize(
    "said",
    [{"intro": "放大", "intro_duration": 500}, {"in_animation": "放大", "in_animation_duration": 500},
     {"intro_animation": "放大", "intro_animation_duration": 500}, {"in": "放大", "in_duration": 500}],
)  # fmt: skip
def test_animations_are_spelt_in_many_ways(said):
    assert one(picture(animations=said)).intro == Animation(name="放大", duration_us=500_000)
    if "intro" not in said and "in" not in said:
        assert one(picture(**said)).intro == Animation(name="放大", duration_us=500_000)


def test_a_loop_of_a_picture_is_a_group_animation():
    assert one(picture(animations={"loop_animation": "缩放"})).group == Animation(name="缩放")


def test_fields_said_flat_on_the_segment_count_as_in_their_groups():
    flat = {"type": "video", "video_url": "u", "start": 0, "end": 2000, "material_start": 1000, "material_end": 3000,
            "position_x": 0.3, "crop_enabled": True, "crop_left": 0.5, "filter_type": "a", "transition_type": "b",
            "speed": 1.0, "reverse": True, "fade_in": 100, "background_color": "#112233", "fit_mode": "cover"}  # fmt: skip
    video = one(flat)
    assert (video.media, video.source_start_us, video.clip.x, video.crop.left) == ("u", S, 0.3, 0.5)
    assert (video.filters[0].name, video.transition.name, video.speed, video.reverse) == ("a", "b", 1.0, True)
    assert (video.fade_in_us, video.fill, video.fit) == (100_000, Fill(colour="#112233"), "fill")
    text = one({"type": "text", "text": "字", "start": 0, "end": 2000, "font_size": 10, "color": "#FF0000",
                "stroke_enabled": True, "stroke_color": "#00FF00", "background_enabled": True, "background_opacity": 1})  # fmt: skip
    assert (text.style.size, text.style.colour, text.style.border.colour) == (10, "#FF0000", "#00FF00")
    assert text.style.background.opacity == 1


@pytest.mark.parametrize(
    ("said", "fill"),
    [({"blur": False, "color": None}, None), ({"blur": 0.375}, Fill(blur=0.375)), ({"color": "#fff"}, Fill(colour="#FFFFFF"))],
)  # fmt: skip
def test_the_fill_beside_a_picture(said, fill):
    assert one(picture(background=said)).fill == fill


def test_a_blur_wins_over_a_colour_with_a_word():
    made, warning = warned(picture(background={"blur": True, "color": "#123456"}))
    assert made.fill == Fill(blur=0.0625) and "#123456" in warning


def test_the_draft_s_background_is_the_fill_of_all():
    assert imported(picture(), background_color="#f5f5f5").spec.background == Fill(colour="#F5F5F5")
    assert imported(picture(), background_color="#000000").spec.background is None


def test_a_crop_that_leaves_nothing_is_a_problem():
    made = imported(picture(crop={"enabled": True, "left": 0.6, "right": 0.4}))
    assert str(made.problems[0]).startswith("draft 1, track 1, segment 1: crop: nothing is left of the picture")
    assert made.problems[0].at == "crop"


def test_a_position_a_thousand_canvases_away_is_a_problem():
    made = imported(picture(transform={"position_x": 1e9}))
    assert made.problems[0].at == "transform" and not made.spec.tracks


def test_a_crop_that_is_not_enabled_counts_for_nothing():
    assert one(picture(crop={"enabled": False, "left": 0.6, "right": 0.4})).crop is None


@pytest.mark.parametrize("name", ["", "none", "无", "  "])
def test_a_name_that_says_none_is_none(name):
    made = one(picture(effects={"filter_type": name, "transition_type": name}, animations={"intro": name}))
    assert (made.filters, made.transition, made.intro) == ((), None, None)


@pytest.mark.parametrize(
    ("end", "said", "unit", "us"),
    [(4_000_000, 500, "us", 500_000), (4000, 500_000, "ms", 500_000), (4, 500, "s", 500_000), (4000, 1, "ms", S)],
)
def test_a_transition_in_another_unit_than_the_draft_is_a_guess(end, said, unit, us):
    one_said = segment("audio", 0, end, url="a")
    shown = segment("image", 0, end, url="u", effects={"transition_type": "叠化", "transition_duration": said})
    [found] = coze_export.read(export(draft(track(shown), track(one_said))))
    made = found.to_spec({"a": 4 * S, "u": None})
    assert made.time_unit == unit
    assert made.spec.tracks[0].segments[0].transition.duration_us == us
    assert "transition_duration was taken for" in made.warnings[0]


def test_a_setting_of_the_unit_leaves_nothing_to_guess():
    said = segment("audio", 0, 4000, url="u", audio={"fade_in": 5000})
    made = imported(said, lengths={"u": 4 * S}, unit="us")
    assert made.time_unit == "us" and "time_unit" in made.time_unit_reason
    sound = made.spec.tracks[0].segments[0]
    assert (sound.duration_us, sound.fade_in_us) == (4000, 5000)
    assert not made.warnings


def moved(kind: str, start: float, end: float, **keyframes: Any) -> Imported:
    extra = {"url": "u"} if kind != "text" else {}
    return imported(segment(kind, start, end, keyframes=keyframes, **extra))


def test_keyframe_times_in_the_segment_s_range_are_on_the_timeline():
    made = moved("text", 20_000, 25_000, opacity=[{"time": 20_000, "value": 0}, {"time": 25_000, "value": 1}])
    frames = made.spec.tracks[0].segments[0].keyframes["opacity"]
    assert [(frame.time_us, frame.value) for frame in frames] == [(0, 0), (5 * S, 1)]
    assert "on the timeline" in made.warnings[0]


def test_keyframe_times_before_the_segment_count_from_its_start():
    made = moved("text", 20_000, 25_000, opacity=[{"time": 0, "value": 0}, {"time": 5000, "value": 1}])
    assert [frame.time_us for frame in made.spec.tracks[0].segments[0].keyframes["opacity"]] == [0, 5 * S]
    assert "from its start" in made.warnings[0]


def test_the_keyframes_of_a_segment_count_from_one_moment():
    made = moved("text", 2000, 12_000, opacity=[{"time": 0, "value": 0}], rotation=[{"time": 3000, "value": 9}])
    frames = made.spec.tracks[0].segments[0].keyframes
    assert (frames["opacity"][0].time_us, frames["rotation"][0].time_us) == (0, 3 * S)
    assert len(made.warnings) == 1


def test_keyframe_times_in_milliseconds_in_a_draft_in_microseconds_are_seen():
    made = moved("text", 0, 700_000_000, opacity=[{"time": 0, "value": 0}, {"time": 5000, "value": 1}])
    assert made.time_unit == "us"
    assert [frame.time_us for frame in made.spec.tracks[0].segments[0].keyframes["opacity"]] == [0, 5 * S]
    assert "taken for ms" in made.warnings[0]


@pytest.mark.parametrize("value", [{"x": 0.5, "y": -0.5}, [0.5, -0.5], {"x": "0.5", "y": "-0.5"}])
def test_a_position_is_a_pair(value):
    made = moved("image", 0, 4000, position=[{"time": 0, "value": value}])
    frames = made.spec.tracks[0].segments[0].keyframes
    assert frames["position_x"][0].value == 0.5 and frames["position_y"][0].value == -0.5


def test_positions_of_keyframes_beyond_the_canvas_are_pixels():
    made = moved(
        "image", 0, 4000, position=[{"time": 0, "value": {"x": -54, "y": 96}}, {"time": 1000, "value": [0, 0]}]
    )
    frames = made.spec.tracks[0].segments[0].keyframes
    assert (frames["position_x"][0].value, frames["position_y"][0].value) == (pytest.approx(-0.1), pytest.approx(0.1))
    assert "pixels" in made.warnings[0]


def test_a_scale_is_one_number_or_two():
    frames = moved("image", 0, 4000, scale=[{"time": 0, "value": 1.2}, {"time": 9, "value": {"x": 1, "y": 1}}])
    assert [frame.value for frame in frames.spec.tracks[0].segments[0].keyframes["scale"]] == [1.2, 1]
    frames = moved("image", 0, 4000, scale=[{"time": 0, "value": 1.2}, {"time": 9, "value": {"x": 1, "y": 2}}])
    assert set(frames.spec.tracks[0].segments[0].keyframes) == {"scale_x", "scale_y"}


def test_keyframes_in_a_list_with_their_property():
    said = [
        {"property": "alpha", "time_offset": 0, "value": 0.5},
        {"property": "rotation", "time_offset": 100, "value": 90},
    ]
    made = one(picture(keyframes=said))
    assert made.keyframes["opacity"][0].value == 0.5 and made.keyframes["rotation"][0].time_us == 100_000


def test_the_last_keyframe_of_a_moment_counts():
    made = one(picture(keyframes={"rotation": [{"time": 0, "value": 1}, {"time": 0, "value": 2}]}))
    assert [frame.value for frame in made.keyframes["rotation"]] == [2]


def test_keyframes_that_its_kind_has_not_got_are_left_off_with_a_word():
    made, warning = warned(picture(keyframes={"volume": [{"time": 0, "value": 1}], "glow": [{"time": 0, "value": 1}]}))
    assert not made.keyframes
    assert warning.endswith("image segments have no keyframes.glow, keyframes.volume")


def test_what_its_kind_has_not_got_is_left_off_with_a_word():
    _made, warning = warned(segment("text", effects={"filter_type": "暖冬"}))
    assert warning.endswith("text segments have no effects.filter_type")
    _made, warning = warned(segment("video", url="u", audio={"effect_type": "降噪"}))
    assert warning.endswith("video segments have no audio.effect_type")


def test_segments_without_times_follow_each_other():
    bare = {"type": "audio", "material_url": "u"}
    made = imported(
        bare, {**bare, "time_range": {"start": 5000}}, {**bare, "time_range": {"start": 0, "duration": 2000}}
    )
    first, second, third = made.spec.tracks[0].segments
    assert (first.start_us, first.duration_us) == (None, None)
    assert (second.start_us, second.duration_us) == (5 * S, None)
    assert (third.start_us, third.duration_us) == (0, 2 * S)
    assert not made.problems and made.time_unit == "ms"


def test_a_part_of_the_media_may_be_open():
    sound = one({"type": "audio", "material_url": "u", "material_range": {"start": 1500, "end": None}})
    assert (sound.source_start_us, sound.source_duration_us) == (1_500_000, None)


@pytest.mark.parametrize(
    ("said", "meant"), [("居中", "center"), ("左对齐", "left"), (2, "right"), ("END", "right"), ("middle", "center")]
)
def test_alignments_are_spelt_in_many_ways(said, meant):
    assert one(segment("text", alignment=said)).style.align == meant


def test_a_colour_or_alignment_that_is_none_is_said():
    made = imported(segment("text", alignment="justify", style={"color": "sunset"}))
    assert any("justify" in warning for warning in made.warnings)
    assert any("sunset" in warning for warning in made.warnings)


@pytest.mark.parametrize("said", ["#FF8000", "FF8000", "#ff8000CC", "rgb(255, 128, 0)", "rgba(255,128,0,0.5)"])
def test_colours_are_written_in_many_ways(said):
    assert one(segment("text", style={"color": said})).style.colour == "#FF8000"


def test_a_muted_track_and_its_loudness():
    [found] = coze_export.read(export(draft(track(segment("audio", url="u"), muted=True, volume=0.4))))
    [made] = found.to_spec({"u": 2 * S}).spec.tracks
    assert made.muted and made.segments[0].volume == 0.4
    [found] = coze_export.read(export(draft(track(segment("audio", url="u"), muted="maybe", volume="loud"))))
    assert found.problems[0].at == "muted" and found.problems[0].place.path == "drafts[0].tracks[0]"


def test_the_samples_lose_nothing_but_what_is_said(sample_exports):
    for path in sorted(sample_exports.glob("*.json")):
        for found in coze_export.read(path.read_text("utf-8")):
            made = found.to_spec({})
            assert not made.problems
            assert sum(len(t.segments) for t in made.spec.tracks) == found.said
            for warning in made.warnings:
                assert any(word in warning for word in (
                    "font size", "keyframes", "effect_intensity", "the effect's own settings", "background is blurred"))  # fmt: skip
