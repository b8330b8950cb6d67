"""What the main file of a draft says of the spec it is built of, as JianYing and CapCut read it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from specs import FILES, resolved
from tray.draft import build, meta, names
from tray.draft.spec import DraftSpec

IMAGE, OTHER, VIDEO, SOUND, _speech = FILES
S = 1_000_000


def spec(*tracks: tuple[str, list[dict[str, Any]]], **more: Any) -> DraftSpec:
    """Each segment lasts 2 s and follows the one before; what it says counts more."""
    made = []
    for kind, segments in tracks:
        base = {"kind": kind, "duration": 2 * S}
        played = {"source_duration": 2 * S, "speed": 1.0} if kind in ("video", "audio") else {}
        media = {"video": {"kind": "image", "media": IMAGE}, "audio": {"media": SOUND}, "text": {"text": "你好"},
                 "sticker": {"sticker": "7010558788675652900"}}.get(kind, {})  # fmt: skip
        said = [{**base, **played, **media, "start": 2 * S * n, **segment} for n, segment in enumerate(segments)]
        made.append({"kind": kind, "segments": said})
    return DraftSpec.model_validate({"tracks": made, **more})


def content_of(one: DraftSpec, profile: Any = "jianying", root: str = "/drafts/d") -> dict[str, Any]:
    return dict(json.loads(b"".join(build.encoded(build.content(resolved(one), profile, root)))))


def refs_of(content: dict[str, Any], segment: dict[str, Any], group: str) -> list[dict[str, Any]]:
    return [one for one in content["materials"][group] if one["id"] in segment["extra_material_refs"]]


def key(kind: names.Kind, number: int = 0) -> str:
    return names.search(kind)[number].key


def test_a_styled_range_is_counted_in_utf_16_units_so_that_emoji_before_it_shift_nothing():
    ranges = [{"start": 3, "end": 5, "colour": "#FF0000", "bold": True}]
    made = content_of(spec(("text", [{"text": "🎬🎬：红色。", "ranges": ranges}])))
    written = json.loads(made["materials"]["texts"][0]["content"])
    data = written["text"].encode("utf-16-le")
    parts = [data[2 * start : 2 * end].decode("utf-16-le") for start, end in (s["range"] for s in written["styles"])]
    assert parts == ["🎬🎬：", "红色", "。"]
    assert [s["fill"]["content"]["solid"]["color"] for s in written["styles"]] == [[1, 1, 1], [1, 0, 0], [1, 1, 1]]
    assert [s["bold"] for s in written["styles"]] == [False, True, False]


def test_what_a_text_says_in_its_own_keys_is_what_its_styles_say():
    style = {
        "size": 12, "colour": "#FF8000", "bold": True, "italic": True, "underline": True, "font": key("font"), "opacity": 0.5,
        "align": "right", "vertical": True, "letter_spacing": 4, "line_spacing": 6, "max_line_width": 0.5,
        "border": {"colour": "#000080", "width": 40, "opacity": 0.25},
        "shadow": {"colour": "#008000", "opacity": 0.75, "distance": 8, "angle": -45, "diffuse": 15},
        "background": {"colour": "#00FF00", "opacity": 0.5, "style": 2, "horizontal_offset": 0.75},
    }  # fmt: skip
    made = content_of(spec(("text", [{"style": style}])))["materials"]["texts"][0]
    look = json.loads(made["content"])["styles"][0]
    assert look["size"] == made["font_size"] == 12
    assert (look["bold"], look["italic"], look["underline"]) == (True, True, True)
    assert (made["bold_width"] > 0, made["italic_degree"] > 0, made["underline"]) == (True, True, True)
    assert look["fill"]["content"]["solid"]["color"] == pytest.approx([1, 128 / 255, 0])
    assert made["text_color"] == "#FF8000"
    assert look["strokes"][0]["width"] == made["border_width"] == pytest.approx(0.08)
    assert (made["border_color"], made["border_alpha"]) == ("#000080", 0.25)
    shadow = look["shadows"][0]
    assert shadow["feather"] == pytest.approx(0.025)  # a JianYing 5.9.0 draft has 0.45 in the own key for that
    assert made["shadow_smoothing"] == pytest.approx(0.45)
    assert (shadow["distance"], shadow["angle"], shadow["alpha"]) == (8, -45, 0.75)
    assert (made["shadow_distance"], made["shadow_angle"], made["shadow_alpha"]) == (8, -45, 0.75)
    assert made["shadow_point"] == pytest.approx({"x": 1.018233764908628, "y": -1.018233764908628})  # JianYing 5.4.5's
    assert look["font"]["id"] == made["font_resource_id"] == made["fonts"][0]["resource_id"]
    assert (made["background_color"], made["background_style"]) == ("#00FF00", 2)
    assert made["background_horizontal_offset"] == 0.5
    assert (made["alignment"], made["typesetting"], made["global_alpha"], made["line_max_width"]) == (2, 1, 0.5, 0.5)
    assert made["letter_spacing"] == pytest.approx(0.2)
    assert made["line_spacing"] == pytest.approx(0.32)
    assert made["check_flag"] == 7 + 8 + 16 + 32


def test_texts_and_stickers_refer_to_their_animations_and_to_nothing_else():
    made = content_of(spec(("text", [{}, {}]), ("sticker", [{}])))
    segments = [segment for track in made["tracks"] for segment in track["segments"]]
    animations = [one["id"] for one in made["materials"]["material_animations"]]
    assert [segment["extra_material_refs"] for segment in segments] == [[one] for one in animations]
    assert made["materials"]["speeds"] == []


def test_a_loop_plays_between_intro_and_outro():
    moves = {"intro": {"name": key("text_intro"), "duration": "0.5s"}, "outro": {"name": key("text_outro"), "duration": "0.4s"},
             "loop": {"name": key("text_loop"), "duration": "1.1s"}}  # fmt: skip
    made = content_of(spec(("text", [moves])))
    found = {
        one["type"]: (one["start"], one["duration"])
        for one in made["materials"]["material_animations"][0]["animations"]
    }
    assert found == {"in": (0, 500_000), "out": (1_600_000, 400_000), "loop": (500_000, 1_100_000)}


def test_a_mask_is_written_for_older_and_newer_versions_under_one_id():
    mask = {"name": "矩形", "size": 0.5, "width": 0.25, "x": 0.5, "feather": 20, "round_corner": 10, "rotation": 30}
    made = content_of(spec(("video", [{"mask": mask}])))
    old, new = made["materials"]["masks"][0], made["materials"]["common_mask"][0]
    assert old["id"] == new["id"]
    assert old["id"] in made["tracks"][0]["segments"][0]["extra_material_refs"]
    for one in (old, new):
        config = one["config"]
        assert (config["width"], config["height"], config["centerX"], config["rotation"]) == (0.25, 0.5, 0.5, 30)
        assert (config["feather"], config["roundCorner"]) == (0.2, 0.1)


def test_a_round_mask_is_round_on_a_wide_picture():
    made = content_of(spec(("video", [{"mask": {"name": "圆形", "size": 0.5}}])))
    config = made["materials"]["masks"][0]["config"]
    assert config["width"] * 64 == pytest.approx(config["height"] * 36)


def test_a_file_that_is_cropped_in_two_ways_is_two_materials_and_one_file():
    crop = {"left": 0.25, "right": 0.75}
    one = spec(("video", [{}, {"crop": crop}, {"crop": crop}]))
    made = content_of(one)
    whole, cropped = made["materials"]["videos"]
    used = [segment["material_id"] for segment in made["tracks"][0]["segments"]]
    assert used == [whole["id"], cropped["id"], cropped["id"]]
    assert (cropped["crop"]["upper_left_x"], cropped["crop"]["lower_right_x"], cropped["crop"]["lower_right_y"]) == (
        0.25,
        0.75,
        1,
    )
    facts = meta.Facts("d", "ID", "/drafts/d", "/drafts", 0, 1, 1)
    entries = meta.meta(facts, made["materials"], {Path(IMAGE).name: 1})["draft_materials"][0]["value"]
    assert [entry["id"] for entry in entries] == [whole["local_material_id"]] == [cropped["local_material_id"]]


def test_a_portable_draft_names_its_media_by_the_applications_placeholder():
    token = "##_draftpath_placeholder_0E685133-18CE-45ED-8CB8-2904A212EC80_##"
    made = content_of(spec(("video", [{}]), ("audio", [{}])), root=token)
    assert made["materials"]["videos"][0]["path"] == f"{token}/{IMAGE}"
    assert made["materials"]["audios"][0]["path"] == f"{token}/{SOUND}"


@pytest.mark.parametrize(("profile", "app"), [("jianying", (3704, "lv")), ("capcut", (359289, "cc"))])
def test_a_draft_says_which_application_it_is_for(profile, app):
    made = content_of(spec(("video", [{}])), profile)
    for platform in (made["platform"], made["last_modified_platform"]):
        assert (platform["app_id"], platform["app_source"]) == app


def test_visible_tracks_lie_over_each_other_as_they_are_listed_and_sounds_beside_them():
    made = content_of(spec(("video", [{}]), ("audio", [{}]), ("video", [{}]), ("text", [{}])))
    assert made["render_index_track_mode_on"] is True
    layers = [track["segments"][0]["track_render_index"] for track in made["tracks"]]
    assert layers == [0, 0, 1, 2]
    assert [track["segments"][0]["render_index"] for track in made["tracks"]] == [0, 0, 1, 14_002]


def test_a_muted_track_is_muted():
    one = spec(("video", [{}]), ("audio", [{}]))
    muted = one.model_copy(update={"tracks": (one.tracks[0], one.tracks[1].model_copy(update={"muted": True}))})
    made = content_of(muted)
    assert [track["attribute"] for track in made["tracks"]] == [0, 1]
    assert made["tracks"][1]["segments"][0]["track_attribute"] == 1


def test_a_main_track_with_gaps_is_not_magnetic():
    assert content_of(spec(("video", [{}, {}])))["config"]["maintrack_adsorb"] is True
    assert content_of(spec(("video", [{}, {"start": 9 * S}])))["config"]["maintrack_adsorb"] is False


def test_speed_source_volume_fades_and_pitch_are_as_said():
    shot = {"kind": "video", "media": VIDEO, "speed": 2.0, "source_start": 3 * S, "source_duration": 4 * S, "volume": 0.3,
            "fade_in": 100, "fade_out": 200, "change_pitch": True, "reverse": True}  # fmt: skip
    made = content_of(spec(("video", [shot])))
    segment = made["tracks"][0]["segments"][0]
    assert segment["source_timerange"] == {"start": 3 * S, "duration": 4 * S}
    assert segment["target_timerange"] == {"start": 0, "duration": 2 * S}
    assert (segment["speed"], segment["volume"], segment["is_tone_modify"], segment["reverse"]) == (
        2.0,
        0.3,
        True,
        True,
    )
    assert refs_of(made, segment, "speeds")[0]["speed"] == 2.0
    fade = refs_of(made, segment, "audio_fades")[0]
    assert (fade["fade_in_duration"], fade["fade_out_duration"]) == (100, 200)


def test_a_fill_is_the_segments_canvas_and_there_is_one_canvas_to_a_segment():
    made = content_of(spec(("video", [{"fill": {"blur": 0.375}}, {"fill": {"colour": "#112233"}}, {}])))
    canvases = [refs_of(made, segment, "canvases") for segment in made["tracks"][0]["segments"]]
    assert [(one["type"], one["blur"], one["color"]) for [one] in canvases] == [
        ("canvas_blur", 0.375, "#00000000"), ("canvas_color", 0.0, "#112233ff"), ("canvas_color", 0.0, "")
    ]  # fmt: skip


def test_an_effects_parameters_are_put_into_its_own_range():
    entry = next(one for one in names.search("scene") if len(one.params) > 1 and one.params[0].low != 0)
    said = {"name": entry.key, "kind": "scene", "params": [100]}
    made = content_of(spec(("video", [{"effects": [said]}]), ("effect", [{"effect": said}])))
    on_segment, on_all = made["materials"]["video_effects"]
    for one in (on_segment, on_all):
        params = one["adjust_params"]
        assert params[0]["value"] == entry.params[0].high
        assert params[1]["value"] == params[1]["default_value"]
    assert (on_segment["apply_target_type"], on_all["apply_target_type"]) == (0, 2)
    assert made["tracks"][1]["segments"][0]["material_id"] == on_all["id"]


def test_scale_keyframes_hold_for_both_axes_and_those_of_one_axis_free_it():
    keys = [{"time": 0, "value": 1.0}, {"time": S, "value": 1.5}]
    both, one = ({"keyframes": {name: keys}} for name in ("scale", "scale_x"))
    made = content_of(spec(("video", [both, one, {"clip": {"scale_x": 2}}])))["tracks"][0]["segments"]
    assert [segment["uniform_scale"]["on"] for segment in made] == [True, False, False]
    found = made[0]["common_keyframes"][0]
    assert found["property_type"] == "KFTypeScaleX"
    assert [(key["time_offset"], key["values"]) for key in found["keyframe_list"]] == [(0, [1.0]), (S, [1.5])]


def test_a_video_is_said_to_have_sound_if_it_has():
    made = content_of(spec(("video", [{"kind": "video", "media": VIDEO}, {}])))
    assert [video["has_audio"] for video in made["materials"]["videos"]] == [FILES[VIDEO].has_audio, False]


def test_two_builds_of_one_spec_share_no_id():
    one = spec(("video", [{}]), ("text", [{}]))
    first, second = content_of(one), content_of(one)
    assert first["id"] != second["id"]
    known = [{m["id"] for group in made["materials"].values() for m in group} for made in (first, second)]
    assert not known[0] & known[1]


def test_the_main_file_is_one_line_of_json():
    made = b"".join(build.encoded(build.content(resolved(spec(("text", [{"text": "一\n二"}]))), "jianying", "/d")))
    assert b"\n" not in made
    assert json.loads(json.loads(made)["materials"]["texts"][0]["content"])["text"] == "一\n二"


def test_an_empty_timeline_is_a_draft_too():
    made = content_of(DraftSpec(width=1080, height=1920, fps=25))
    assert (made["tracks"], made["duration"], made["fps"]) == ([], 0, 25.0)
    assert made["canvas_config"] == {"width": 1080, "height": 1920, "ratio": "original"}


_ON_A_MAC = """
import sys
from pathlib import Path
import zoneinfo, PIL.Image, pyJianYingDraft  # these ask for the real system
sys.platform = "darwin"
from tray.draft.compose import Found, Options, compose
spec = '{"version": 1, "tracks": [{"kind": "text", "segments": [{"text": "x"}]}]}'
compose(spec, "auto", 1, Found({}, {}, {}), Options(), Path(sys.argv[1]), Path("/drafts/x"))
"""


def test_on_a_mac_the_main_file_has_the_mac_s_name_and_says_its_system(tmp_path):
    subprocess.run([sys.executable, "-c", _ON_A_MAC, str(tmp_path / "x")], check=True)
    assert not (tmp_path / "x" / "draft_content.json").exists()
    made = json.loads((tmp_path / "x" / "draft_info.json").read_text("utf-8"))
    assert made["platform"]["os"] == made["last_modified_platform"]["os"] == "mac"
