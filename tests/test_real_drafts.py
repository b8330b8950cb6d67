"""Every key that drafts of the applications themselves have, for each kind of object that this program writes.

`../shared/fixtures/real-drafts` inventories what JianYing 5.4.5 to 5.9.0 and CapCut 6.9.0 to 9.1.0 wrote. A key counts
that all inventories of an application that show the kind of object have, with one type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from factory import SHARED
from specs import FILES, resolved
from tray.draft import build, meta, names
from tray.draft.spec import DraftSpec

FOLDER = SHARED / "fixtures" / "real-drafts"
by_profile = pytest.mark.parametrize("profile", ["jianying", "capcut"])
IMAGE, _other, VIDEO, SOUND, _sound = FILES
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the inventories of real drafts are not here ({FOLDER})")


def inventories(pattern: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob(f"{pattern}-*.json"))]


def first(kind: names.Kind) -> str:
    return names.search(kind)[0].key


def everything(profile: str) -> DraftSpec:
    """A spec with each kind of object that this program writes for an application."""
    moves = [{"time": 0, "value": 0.5}]
    shot: dict[str, Any] = {"source_duration": 2_000_000, "duration": 2_000_000, "speed": 1.0, "keyframes": {"position_x": moves}}  # fmt: skip
    picture = {**shot, "kind": "image", "media": IMAGE, "start": 0, "fill": {"blur": 0.375}}
    video = {
        **shot,
        "kind": "video",
        "media": VIDEO,
        "start": 2_000_000,
        "fade_in": 1000,
        "fill": {"colour": "#FF0000"},
    }
    text: dict[str, Any] = {
        "kind": "text", "text": "你好", "start": 0, "duration": 1_000_000, "keyframes": {"rotation": moves},
        "style": {"border": {}, "shadow": {}, "background": {}}, "ranges": [{"start": 0, "end": 1, "size": 9}],
    }  # fmt: skip
    title = {**text, "start": 1_000_000, "style": {"auto_wrap": False}}
    if profile == "jianying":
        picture |= {"mask": {"name": first("mask")}, "filters": [{"name": first("filter")}], "mix_mode": first("mix_mode"),
                    "intro": {"name": first("video_intro"), "duration": 1000}}  # fmt: skip
        text |= {"loop": {"name": first("text_loop"), "duration": 1000}, "flower": "123", "ranges": [],
                 "bubble": {"effect_id": "1", "resource_id": "2"}, "style": {"font": first("font")}}  # fmt: skip
    sticker = {"kind": "sticker", "sticker": "123", "start": 0, "duration": 1_000_000, "keyframes": {"scale": moves}}
    sound = {**shot, "kind": "audio", "media": SOUND, "start": 0, "fade_out": 1000, "keyframes": {"volume": moves}}
    of_kind = {"video": [picture, video], "audio": [sound], "text": [text, title], "sticker": [sticker]}
    return DraftSpec.model_validate({"tracks": [{"kind": kind, "segments": s} for kind, s in of_kind.items()]})


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def agreed(shown: list[dict[str, Any]]) -> dict[str, Any]:
    """By key the type that all of `shown` have it with: a name, a dict of the same, or None for any (one is null)."""
    found: dict[str, Any] = {}
    for key in shown[0]:
        values = [one[key] for one in shown if key in one]
        kinds = {kind_of(value) for value in values if value is not None}
        if len(values) < len(shown) or len(kinds) > 1:
            continue
        if any(value is None for value in values):
            found[key] = None
        else:
            found[key] = agreed(values) if kinds == {"dict"} else kinds.pop()
    return found


def missing(wanted: dict[str, Any], made: Any, path: str) -> Iterator[str]:
    for key, kind in wanted.items():
        if key not in made:
            yield f"{path}.{key} is missing"
        elif isinstance(kind, dict):
            if isinstance(made[key], dict):
                yield from missing(kind, made[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is {made[key]!r}, not an object"
        elif kind not in (None, kind_of(made[key])):
            yield f"{path}.{key} is {made[key]!r}, not a {kind}"


def built(profile: Any) -> dict[str, Any]:
    spec = everything(profile)
    return dict(json.loads(b"".join(build.encoded(build.content(resolved(spec), profile, "/d")))))


def listed(value: Any) -> Any:
    return [] if value == "<list>" else value


@by_profile
def test_the_main_file_and_its_tracks_have_every_key_that_the_application_writes(profile):
    shown, made = inventories(profile), built(profile)
    tops = [{key: listed(value) for key, value in one["top"].items() if key != "materials"} for one in shown]
    assert list(missing(agreed(tops), made, "top")) == []
    groups = set.intersection(*[set(one["top"]["materials"]) for one in shown])
    assert groups <= made["materials"].keys()
    tracks = [segment["track"] for one in shown for segment in one["segments"].values()]
    for track in made["tracks"]:
        assert list(missing(agreed(tracks), track, track["type"])) == []
    version = {key: made["platform"][key] for key in ("app_id", "app_source")}
    assert version in [{key: one["top"]["platform"][key] for key in version} for one in shown]


@by_profile
def test_segments_have_every_key_that_the_application_writes(profile):
    shown, made = inventories(profile), built(profile)
    for track in made["tracks"]:
        alike = [s["segment"] for one in shown for kind, s in one["segments"].items() if kind.startswith(track["type"])]
        alike = alike or [s["segment"] for one in shown for s in one["segments"].values()]
        for segment in track["segments"]:
            assert list(missing(agreed(alike), segment, track["type"])) == []
        keyframes = [k for one in shown for s in one["segments"].values() for k in s["segment"]["common_keyframes"]]
        for found in track["segments"][0]["common_keyframes"]:
            assert list(missing(agreed(keyframes), found, "keyframes")) == []
            alike = [key for one in keyframes for key in one["keyframe_list"]]
            assert list(missing(agreed(alike), found["keyframe_list"][0], "keyframe")) == []


@by_profile
def test_materials_have_every_key_that_the_application_writes(profile):
    shown, made = inventories(profile), built(profile)
    seen = set()
    for group, materials in made["materials"].items():
        alike = [material for one in shown for material in one["materials"].get(group, {}).values()]
        for material in materials if alike else []:
            seen.add(group)
            assert list(missing(agreed(alike), material, group)) == []
            for key in ("animations", "fonts"):
                inner = [one for material in alike for one in material.get(key, ())]
                for one in material.get(key, ()):
                    assert list(missing(agreed(inner), one, f"{group}.{key}")) == []
    every = {group for one in shown for group in one["materials"]}
    left = {"drafts"} if profile == "jianying" else {"effects"}  # compound clips, glowing text: no spec says them
    assert every - seen <= left


@by_profile
def test_a_segment_refers_to_the_companions_that_the_application_gives_it(profile):
    shown, made = inventories(profile), built(profile)
    group_of = {m["id"]: group for group, materials in made["materials"].items() for m in materials}
    for track in made["tracks"]:
        alike = [set(s["segment"]["extra_material_refs"]) for one in shown for kind, s in one["segments"].items()
                 if kind.startswith(track["type"])]  # fmt: skip
        for segment in track["segments"]:
            refs = {group_of[ref] for ref in segment["extra_material_refs"]}
            assert not alike or set.intersection(*alike) <= refs


@by_profile
def test_meta_has_every_key_that_the_application_writes(profile):
    shown = inventories(f"meta-{profile}")
    content = build.content(resolved(everything(profile)), profile, "/drafts/d")
    facts = meta.Facts("d", "ID", "/drafts/d", "/drafts", content["duration"], 3, 1_700_000_000_000_000)
    made = meta.meta(facts, content["materials"], {Path(path).name: 1 for path in FILES}, profile)
    assert list(missing(agreed(shown), made, "meta")) == []
    assert [group["type"] for group in made["draft_materials"]] == [g["type"] for g in shown[0]["draft_materials"]]
    entries = [entry for one in shown for entry in one["draft_materials"][0]["value"]]
    assert len(made["draft_materials"][0]["value"]) == 3
    for entry in made["draft_materials"][0]["value"]:
        assert list(missing(agreed(entries), entry, "entry")) == []
    registered = [entry for one in inventories("root-meta") for entry in one["all_draft_store"]]
    assert list(missing(agreed(registered), meta.registry_entry(facts), "registry")) == []


@by_profile
def test_a_template_holds_only_what_the_inventories_agree_on(profile):
    """And nothing that was somebody's: no id, path or text of theirs."""
    shown = inventories(profile)
    own = {"keyframe", "keyframe-list", "animation", "font", "meta", "meta-material", "registry", "track", "top"}
    for file in sorted((Path(build.__file__).parent / "templates" / profile).glob("*.json")):
        template = json.loads(file.read_text("utf-8"))
        assert template.get("id", "") == template.get("path", "") == ""
        if file.stem in own or file.stem.startswith("segment-"):
            continue
        alike = [material for one in shown for material in one["materials"].get(file.stem, {}).values()]
        assert template.keys() <= agreed(alike).keys(), file.name
