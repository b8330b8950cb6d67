"""Lists of infos as plugins' tools make them."""

from __future__ import annotations

import json

import pytest

from tray.draft import coze_infos, source

IMAGE = {"image_url": "i", "start": 0, "end": 3000}
CAPTION = {"content": "你好", "start": 0, "end": 3000}
AUDIO = {"audio_url": "a", "start": 0, "end": 3000, "volume": 0.5, "fade_in": 500}
LENGTHS = {"i": None, "a": 3_000_000, "v": 5_000_000}


def read(**lists: object) -> source.Source:
    (draft,) = source.read(json.dumps(lists, ensure_ascii=False))
    assert isinstance(draft, coze_infos.InfosDraft)
    return draft


def made(**lists: object) -> source.Imported:
    return read(**lists).to_spec(LENGTHS)


def segments(imported: source.Imported, kind: str) -> list:
    return [one for track in imported.spec.tracks if track.kind == kind for one in track.segments]


@pytest.mark.parametrize(
    "infos",
    [[IMAGE], [json.dumps(IMAGE)], json.dumps([IMAGE]), json.dumps([json.dumps(IMAGE)])],
)
def test_a_list_may_be_a_string_and_so_may_its_members(infos):
    imported = made(image_infos=infos)
    (image,) = segments(imported, "video")
    assert not imported.problems and (image.media, image.target.duration_us) == ("i", 3_000_000)


def test_each_list_becomes_a_track():
    imported = made(
        draft_name="片子", width=1080, height=1920, fps=25,
        image_infos=[IMAGE], video_infos=[{"video_url": "v", "start": 3000, "end": 8000, "speed": 1.0}],
        audio_infos=[AUDIO], caption_infos=[CAPTION], bgm_audio_infos=[{**AUDIO, "volume": 0.1}],
        effect_infos=[{"effect_type": "雪花", "start": 0, "end": 1000}],
    )  # fmt: skip
    whole = imported.spec
    assert (whole.name, whole.width, whole.height, whole.fps) == ("片子", 1080, 1920, 25)
    assert sorted(track.kind for track in whole.tracks) == ["audio", "audio", "effect", "text", "video", "video"]
    assert [one.volume for one in segments(imported, "audio")] == [0.5, 0.1]
    assert segments(imported, "audio")[0].fade_in_us == 500_000
    assert not imported.problems


def test_the_plugins_flat_fields_are_honoured():
    info = {
        **IMAGE, "position_x": 0.5, "scale_x": 1.2, "rotation": 5, "opacity": 0.8, "crop_enabled": True, "crop_left": 0.1,
        "crop_top": 0.0, "crop_right": 0.9, "crop_bottom": 1.0, "filter_type": "1980", "filter_intensity": 0.6,
        "transition_type": "叠化", "transition_duration": 800, "fit_mode": "fill", "in_animation": "轻微放大",
        "in_animation_duration": 700, "outro_animation": "渐隐",
    }  # fmt: skip
    (image,) = segments(made(image_infos=[info]), "video")
    assert (image.clip.x, image.clip.scale_x, image.clip.opacity, image.crop.left) == (0.5, 1.2, 0.8, 0.1)
    assert (image.filters[0].name, image.filters[0].intensity) == ("1980", 0.6)
    assert (image.transition.name, image.transition.duration_us) == ("叠化", 800_000)
    assert (image.intro.duration_us, image.outro.name, image.fit) == (700_000, "渐隐", "fill")


def test_capcut_mates_infos_are_microseconds_with_names_of_their_own():
    imported = made(
        imgs_infos=[{"image_url": "i", "start": 0, "end": 500_000, "width": 100, "height": 50, "alpha": 0.5,
                     "out_animation": "渐隐", "out_animation_duration": 200_000, "transition": "叠化"}],
        caption_infos=[{"text": "字", "start": 0, "end": 400_000, "font_size": 12}],
        effect_infos=[{"effect_title": "雪花", "start": 0, "end": 500_000}],
        filter_infos=[{"filter_title": "1980", "start": 0, "end": 500_000, "intensity": 80}],
        audio_infos=[{"audio_url": "a", "start": 0, "end": 3_000_000, "duration": 3_000_000, "volume": 1.5}],
    )  # fmt: skip
    assert imported.time_unit == "us" and not imported.problems and not imported.warnings
    (image,) = segments(imported, "video")
    assert (image.target.duration_us, image.clip.opacity, image.outro.duration_us) == (500_000, 0.5, 200_000)
    assert image.transition.name == "叠化"
    assert segments(imported, "text")[0].text == "字"
    assert segments(imported, "effect")[0].effect.name == "雪花"
    assert segments(imported, "filter")[0].filter.intensity == pytest.approx(0.8)


def test_keyframes_move_the_segment_whose_id_they_name():
    imported = made(
        imgs_infos=[{"image_url": "i", "start": 2_000_000, "end": 6_000_000, "id": "s1"}],
        keyframes_infos=json.dumps(
            [{"segment_id": "s1", "property": "KFTypeAlpha", "offset": offset, "value": value}
             for offset, value in ((0, 1), (3_000_000, 0.5))]
            + [{"segment_id": "s9", "property": "KFTypeAlpha", "offset": 0, "value": 1}]
        ),
    )  # fmt: skip
    (image,) = segments(imported, "video")
    assert [(one.time_us, one.value) for one in image.keyframes["opacity"]] == [(0, 1.0), (3_000_000, 0.5)]
    assert any("s9" in warning for warning in imported.warnings)


@pytest.mark.parametrize("offsets", [(0, 3_000_000, 4_000_000), (2_000_000, 5_000_000, 6_000_000), (0, 0.75, 1)])
def test_the_times_of_keyframes_count_from_the_segment_or_the_timeline_or_are_shares(offsets):
    keys = [{"segment_id": "s1", "property": "KFTypeAlpha", "offset": one, "value": 1} for one in offsets]
    imported = made(
        imgs_infos=[{"image_url": "i", "start": 2_000_000, "end": 6_000_000, "id": "s1"}], keyframes_infos=keys
    )
    (image,) = segments(imported, "video")
    assert [one.time_us for one in image.keyframes["opacity"]] == [0, 3_000_000, 4_000_000]


@pytest.mark.parametrize(
    ("lists", "path"),
    [
        ({"image_infos": [IMAGE, {**IMAGE, "opacity": 7}]}, "image_infos[1].opacity"),
        ({"image_infos": [IMAGE, {**IMAGE, "crop_left": 7}]}, "image_infos[1].crop_left"),
        ({"image_infos": [IMAGE, {"start": 0, "end": 1}]}, "image_infos[1].material_url"),
        ({"image_infos": [IMAGE, {**IMAGE, "end": "soon"}]}, "image_infos[1].end"),
        ({"image_infos": [IMAGE, 5]}, "image_infos[1]"),
        ({"image_infos": [IMAGE, "{broken"]}, "image_infos[1]"),
        ({"image_infos": [IMAGE], "caption_infos": [{**CAPTION, "font_size": -1}]}, "caption_infos[0].font_size"),
        ({"image_infos": [IMAGE], "audio_infos": [{**AUDIO, "volume": -1}]}, "audio_infos[0].volume"),
        ({"image_infos": [IMAGE], "width": 1}, "width"),
    ],
)
def test_a_mistake_is_told_with_its_list_and_field(lists, path):
    draft = read(**lists)
    assert [problem.to_json()["path"] for problem in draft.problems] == [path]
    field = path.partition("].")[2]
    assert not field or f"{field}: " in str(draft.problems[0])


def test_links_are_asked_for_with_the_place_in_their_list():
    url, place = next(read(image_infos=[IMAGE]).urls())
    assert (url, place.path, place.track, place.segment) == ("i", "image_infos[0]", 1, 1)


def test_what_stands_beside_the_lists_is_left_off_and_told():
    imported = made(image_infos=[IMAGE], bot_mood="good")
    assert "bot_mood" in " ".join(imported.warnings)


@pytest.mark.parametrize(
    "value", [{"image_infos": []}, {"image_infos": "soon"}, {"infos": [IMAGE]}, {"keyframes_infos": [{}]}]
)
def test_objects_without_a_list_of_infos_are_none(value):
    assert not coze_infos.is_infos(value)


def test_infos_become_a_draft(build, media):
    from factory import png, wav

    said = {
        "image_infos": [json.dumps({**IMAGE, "image_url": media.serve("/1.png", png())})],
        "audio_infos": [json.dumps({**AUDIO, "audio_url": media.serve("/1.wav", wav(3.0))})],
        "caption_infos": [json.dumps(CAPTION)],
    }
    built = build(json.dumps(said))
    assert not built.problems and built.receipts[0].segments == {"image": 1, "audio": 1, "text": 1}
    assert built.receipts[0].duration_us == 3_000_000
