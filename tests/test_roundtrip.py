"""What is built of a resolved spec reads back as that spec, and holds together in itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specs import FILES, PROBES, place_media, resolved, resolved_specs, unresolved_specs
from tray.draft import build, names, read
from tray.draft.problems import DraftError
from tray.draft.resolve import resolve
from tray.draft.spec import DraftSpec

PLACEHOLDER = "##_draftpath_placeholder_0E685133-18CE-45ED-8CB8-2904A212EC80_##"
by_profile = pytest.mark.parametrize("profile", ["jianying", "capcut"])
often = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def write(spec: DraftSpec, profile: Any, folder: Path, root: str | None = None) -> dict[str, Any]:
    """The draft on the disk, and its main file's content."""
    folder.mkdir(exist_ok=True)
    content = build.content(resolved(spec), profile, folder.as_posix() if root is None else root)
    whole = b"".join(build.encoded(content))
    (folder / "draft_content.json").write_bytes(whole)
    return dict(json.loads(whole))


def same(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Where two values differ, floats by more than a millionth."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from same(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            yield f"{path}: {one} is not {other}"
        for number, (left, right) in enumerate(zip(one, other, strict=False)):
            yield from same(left, right, f"{path}[{number}]")
    elif isinstance(one, float) and isinstance(other, float):
        if one != pytest.approx(other, rel=1e-6, abs=1e-6):
            yield f"{path}: {one} is not {other}"
    elif one != other:
        yield f"{path}: {one!r} is not {other!r}"


@by_profile
@pytest.mark.parametrize("portable", [False, True])
def test_a_draft_reads_back_as_the_spec_it_was_built_of(profile, portable, tmp_path):
    @often
    @given(resolved_specs(named=profile == "jianying"))
    def check(spec: DraftSpec) -> None:
        write(spec, profile, tmp_path / "d", PLACEHOLDER if portable else None)
        found = read.read(tmp_path / "d")
        assert found.warnings == []
        wanted = spec.model_dump(exclude={"name"})
        assert list(same(found.spec.model_dump(exclude={"name"}), wanted)) == []

    check()


@by_profile
def test_what_people_write_is_resolved_built_and_reads_back_as_it_was_resolved(profile, tmp_path):
    @often
    @given(unresolved_specs())
    def check(said: DraftSpec) -> None:
        one = resolve(said, PROBES, {}, profile=profile)
        assert list(same(resolve(one.spec, one.files, {}).spec.model_dump(), one.spec.model_dump())) == []
        (tmp_path / "d").mkdir(exist_ok=True)
        content = build.content(one, profile, (tmp_path / "d").as_posix())
        (tmp_path / "d" / "draft_content.json").write_bytes(b"".join(build.encoded(content)))
        found = read.read(tmp_path / "d")
        assert found.warnings == []
        wanted = one.spec.model_dump(exclude={"name"})
        assert list(same(found.spec.model_dump(exclude={"name"}), wanted)) == []

    check()


@by_profile
def test_a_draft_holds_together(profile, tmp_path):
    @often
    @given(resolved_specs(named=profile == "jianying"))
    def check(spec: DraftSpec) -> None:
        content = write(spec, profile, tmp_path / "d")
        materials = content["materials"]
        known = {material["id"] for group in materials.values() for material in group}
        for track, said in zip(content["tracks"], spec.tracks, strict=True):
            assert len(track["segments"]) == len(said.segments)
            end = 0
            for segment, wanted in zip(track["segments"], said.segments, strict=True):
                target = segment["target_timerange"]
                assert (target["start"], target["duration"]) == wanted.target
                assert target["start"] >= end
                end = target["start"] + target["duration"]
                assert {segment["material_id"], *segment.get("extra_material_refs", ())} <= known
        # The same mask is in two groups, for older and newer applications, under the one id that its segment refers to.
        once = {group: members for group, members in materials.items() if group != "common_mask"}
        assert [name for name, count in Counter(ids({**content, "materials": once})).items() if count > 1] == []
        root = (tmp_path / "d").as_posix()
        for material in [*materials["videos"], *materials["audios"]]:
            assert material["path"].removeprefix(f"{root}/") in FILES
        assert content["duration"] == max((s.target.end_us for t in spec.tracks for s in t.segments), default=0)

    check()


def ids(content: dict[str, Any]) -> Iterator[str]:
    """Of everything that the draft itself makes; an animation's is JianYing's."""
    yield content["id"]
    for members in content["materials"].values():
        for member in members:
            yield member["id"]
            yield from (font["id"] for font in member.get("fonts", ()))
    for track in content["tracks"]:
        yield track["id"]
        for segment in track["segments"]:
            yield segment["id"]
            for listed in segment["common_keyframes"]:
                yield listed["id"]
                yield from (key["id"] for key in listed["keyframe_list"])


IMAGE, _image, _video, SOUND, _sound = FILES
SHOT = {"start": 0, "duration": 2_000_000, "source_duration": 2_000_000, "speed": 1.0}


def one_picture() -> DraftSpec:
    shot = {**SHOT, "kind": "image", "media": next(iter(FILES))}
    return DraftSpec.model_validate({"tracks": [{"kind": "video", "segments": [shot]}]})


def media_of(found: read.ReadDraft) -> str:
    return str(found.spec.tracks[0].segments[0].model_dump()["media"])


def test_a_draft_that_was_moved_names_its_media_by_its_place_inside(tmp_path):
    write(one_picture(), "jianying", tmp_path / "d")
    place_media(tmp_path / "d")
    (tmp_path / "d").rename(tmp_path / "e")
    assert media_of(read.read(tmp_path / "e")) == next(iter(FILES))


def test_media_outside_the_draft_is_named_by_where_it_is(tmp_path):
    write(one_picture(), "jianying", tmp_path / "d", root="D:/素材")
    assert media_of(read.read(tmp_path / "d")) == f"D:/素材/{next(iter(FILES))}"


def test_a_mac_draft_reads_by_its_own_file_name(tmp_path):
    write(one_picture(), "jianying", tmp_path / "d")
    (tmp_path / "d" / "draft_content.json").rename(tmp_path / "d" / "draft_info.json")
    assert read.read(tmp_path / "d").spec.tracks == one_picture().tracks


def test_a_folder_without_a_draft_is_named(tmp_path):
    with pytest.raises(DraftError, match=r"is not a draft: there is no draft_\w+.json in it") as caught:
        read.read(tmp_path)
    assert caught.value.advice


@pytest.mark.parametrize("data", [b"\x8f\x00\xffencrypted", b"", b'{"tracks": ['])
def test_an_encrypted_or_broken_draft_says_so_and_what_to_do(data, tmp_path):
    (tmp_path / "draft_content.json").write_bytes(data)
    with pytest.raises(DraftError, match="encrypted or broken") as caught:
        read.read(tmp_path)
    assert "JianYing 6" in caught.value.advice


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"tracks": 3}', b"null"])
def test_json_that_is_no_draft_says_so(data, tmp_path):
    (tmp_path / "draft_content.json").write_bytes(data)
    with pytest.raises(DraftError, match="no timeline"):
        read.read(tmp_path)


def test_what_a_spec_has_no_word_for_is_left_out_and_said_and_the_rest_is_read(tmp_path):
    content = write(one_picture(), "jianying", tmp_path / "d")
    segment = content["tracks"][0]["segments"][0]
    glow = {"id": "glow", "type": "smart_color_adjust", "name": "智能调色"}
    content["materials"]["effects"].append(glow)
    curve = {"id": "c", "type": "speed", "speed": 1.0, "curve_speed": {"points": []}}
    content["materials"]["speeds"].append({**curve, "curve_speed": {"points": [1]}})
    segment["extra_material_refs"] += ["glow", "c", "gone", None]
    segment["common_keyframes"] = [{"property_type": "KFTypeSharpen", "keyframe_list": []}]
    odd = {**segment, "id": "odd", "material_id": "gone"}
    content["tracks"][0]["segments"] += [odd, 7, {**segment, "speed": 1e9}]
    content["tracks"] += [{"type": "adjust", "segments": []}, {"type": "text", "segments": None}]
    (tmp_path / "d" / "draft_content.json").write_text(json.dumps(content), "utf-8")

    found = read.read(tmp_path / "d")

    assert found.spec.tracks == one_picture().tracks
    said = "\n".join(found.warnings)
    for words in ("track 1, segment 1: its “智能调色” can't be read", "track 1, segment 1: its speed follows a curve",
                  "track 1, segment 1: its keyframes of KFTypeSharpen", "track 1, segment 2: it can't be read and is left out (“gone” is missing)",
                  "track 1, segment 3: it can't be read and is left out (it is not as JianYing writes it)",
                  "track 1, segment 4: it can't be read and is left out (speed: 1000000000.0 is too much",
                  "track 2: it is of kind “adjust”"):  # fmt: skip
        assert words in said


def everything() -> DraftSpec:
    """A picture, a sound, a text and a sticker; the picture moves."""
    return DraftSpec.model_validate(
        {
            "tracks": [
                {"kind": "video", "segments": [{**SHOT, "kind": "image", "media": IMAGE, "keyframes": {"opacity": [{"time": 0, "value": 1}]}}]},
                {"kind": "audio", "segments": [{**SHOT, "kind": "audio", "media": SOUND}]},
                {"kind": "text", "segments": [{"kind": "text", "text": "你好", "start": 0, "duration": 1000}]},
                {"kind": "sticker", "segments": [{"kind": "sticker", "sticker": "1", "start": 0, "duration": 1000}]},
            ]
        }
    )  # fmt: skip


def changed(folder: Path, change: Callable[[dict[str, Any]], Any]) -> read.ReadDraft:
    """A draft of everything, as it reads after a change."""
    content = write(everything(), "jianying", folder)
    change(content)
    (folder / "draft_content.json").write_text(json.dumps(content), "utf-8")
    return read.read(folder)


def carrying(track: int, group: str, **material: Any) -> Callable[[dict[str, Any]], None]:
    """A change: the first segment of a track refers to a material more."""

    def change(content: dict[str, Any]) -> None:
        content["materials"].setdefault(group, []).append({"id": "more", **material})
        content["tracks"][track]["segments"][0]["extra_material_refs"].append("more")

    return change


def with_look(**look: Any) -> Callable[[dict[str, Any]], None]:
    """A change: the text looks so."""
    said = json.dumps({"text": "你好", "styles": [{"range": [0, 2], "size": 8, **look}]})
    return lambda content: content["materials"]["texts"][0].update(content=said)


def on_segment(track: int, **members: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["tracks"][track]["segments"][0].update(members)


INTRO = {"type": "in", "name": "放大", "duration": 1000}
CURVED = [{"property_type": "KFTypeAlpha", "keyframe_list": [{"time_offset": 0, "values": [1.0], "curveType": "FreeCurve"}]}]  # fmt: skip
EARLY = [{"property_type": "KFTypeAlpha", "keyframe_list": [{"time_offset": -5, "values": [1.0]}]}]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (carrying(1, "realtime_denoises", type="realtime_denoise"), "track 2, segment 1: its “realtime_denoise”"),
        (carrying(0, "loudnesses", enable=True), "track 1, segment 1: its “loudnesses”"),
        (carrying(0, "vocal_separations", choice=1), "track 1, segment 1: its “vocal_separations”"),
        (carrying(3, "material_animations", animations=[INTRO]), "track 4, segment 1: its “放大”"),
        (with_look(fill={"content": {"render_type": "gradient"}}), "track 3, segment 1: its “gradient”"),
        (with_look(strokes=[{"width": 0.1}, {"width": 0.2}]), "track 3, segment 1: its “strokes”"),
        (on_segment(0, visible=False), "track 1, segment 1: it is hidden"),
        (on_segment(0, common_keyframes=CURVED), "track 1, segment 1: its keyframes follow curves"),
        (on_segment(0, common_keyframes=EARLY), "track 1, segment 1: its keyframes of KFTypeAlpha can't be read"),
        (lambda content: content.update(fps=29.97), "“fps” of 29.97 is read as 30"),
        (lambda content: content["canvas_config"].update(width=0), "“width” of 0 is read as 1920"),
    ],
)
def test_what_a_spec_cannot_say_is_told_and_costs_no_segment(change, words, tmp_path):
    found = changed(tmp_path / "d", change)
    assert [len(track.segments) for track in found.spec.tracks] == [1, 1, 1, 1]
    assert len(found.warnings) == 1 and words in found.warnings[0]


@pytest.mark.parametrize(
    ("track", "change"),
    [
        (0, on_segment(0, target_timerange={"start": 0, "duration": None})),
        (1, on_segment(1, target_timerange={"start": None, "duration": 1000})),
        (1, on_segment(1, source_timerange={"start": 0, "duration": None})),
        (2, lambda content: content["materials"]["texts"][0].update(content="[" * 100_000)),
        (2, with_look(size=10**400)),
    ],
)
def test_a_segment_that_cannot_be_understood_is_left_out_and_told(track, change, tmp_path):
    found = changed(tmp_path / "d", change)
    assert len(found.spec.tracks) == 3
    assert [warning for warning in found.warnings if warning.startswith(f"track {track + 1}, segment 1:")]


def test_a_filter_without_a_name_does_not_cost_the_picture(tmp_path):
    found = changed(tmp_path / "d", carrying(0, "effects", type="filter", name="", resource_id=""))
    assert found.spec.tracks[0].segments[0].model_dump()["filters"] == ({"name": "filter", "intensity": 1.0},)


def test_what_many_segments_have_in_common_is_said_once(tmp_path):
    def change(content: dict[str, Any]) -> None:
        content["tracks"][0]["segments"] *= 50
        content["tracks"][0]["segments"][0]["visible"] = False  # they are one object

    assert len(changed(tmp_path / "d", change).warnings) == 1


def test_a_draft_of_several_timelines_reads_as_its_main_one(tmp_path):
    for name in ("1", "2"):
        (tmp_path / "d" / "Timelines" / name).mkdir(parents=True)
        (tmp_path / "d" / "Timelines" / name / "draft_content.json").write_text("{}")
    found = changed(tmp_path / "d", lambda _content: None)
    assert found.warnings == ["the draft has 2 timelines; only its main one is read"]


def test_an_effect_that_the_catalogue_has_not_is_read_by_the_name_the_draft_gives_it(tmp_path):
    content = write(one_picture(), "jianying", tmp_path / "d")
    content["materials"]["effects"].append(
        {"id": "f", "type": "filter", "name": "海底", "resource_id": "1", "value": 0.5}
    )
    content["tracks"][0]["segments"][0]["extra_material_refs"].append("f")
    (tmp_path / "d" / "draft_content.json").write_text(json.dumps(content), "utf-8")
    found = read.read(tmp_path / "d")
    assert found.spec.tracks[0].segments[0].model_dump()["filters"] == ({"name": "海底", "intensity": 0.5},)
    assert found.warnings == []


def test_an_effect_parameter_numbered_beyond_reason_takes_no_memory(tmp_path):
    shot = {
        **SHOT,
        "kind": "image",
        "media": next(iter(FILES)),
        "effects": [{"name": names.search("scene")[0].key, "kind": "scene"}],
    }
    spec = DraftSpec.model_validate({"tracks": [{"kind": "video", "segments": [shot]}]})
    content = write(spec, "jianying", tmp_path / "d")
    param = {"parameterIndex": 10**12, "value": 1, "default_value": 0, "min_value": 0, "max_value": 1}
    content["materials"]["video_effects"][0]["adjust_params"] = [param]
    (tmp_path / "d" / "draft_content.json").write_text(json.dumps(content), "utf-8")
    assert read.read(tmp_path / "d").spec.tracks == spec.tracks


junk = st.sampled_from([None, True, -1, 0, 1e308, "", "x", [], [[]], {}, {"x": 1}, "KFTypeAlpha", 10**30])


def test_no_odd_value_anywhere_in_a_draft_makes_reading_it_fail(tmp_path):
    @often
    @given(resolved_specs(), st.data())
    def check(spec: DraftSpec, data: st.DataObject) -> None:
        content = write(spec, "jianying", tmp_path / "d")
        places = [*holders({"tracks": content["tracks"]}), *holders({"materials": content["materials"]})]
        for _change in range(data.draw(st.integers(1, 5))):
            holder, key = data.draw(st.sampled_from(places))
            holder[key] = data.draw(junk)
        (tmp_path / "d" / "draft_content.json").write_text(json.dumps(content), "utf-8")
        try:
            read.read(tmp_path / "d")
        except DraftError as error:
            assert error.advice

    check()


def holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a JSON value where something can be put."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from holders(inner)
