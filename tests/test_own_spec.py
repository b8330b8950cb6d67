"""This program's own spec: what it says is built, and what is wrong with it is told with its place."""

from __future__ import annotations

import copy
import json
import time

import jsonschema
import pytest

from tray.draft import own_spec, source, spec
from tray.draft.problems import DraftError

FULL = {
    "version": 1,
    "name": "全部",
    "width": 1080,
    "height": 1920,
    "fps": 25,
    "background": {"blur": 0.375},
    "cover": "https://x.example/cover.jpg",
    "captions": [{"srt": "1\n00:00:01,000 --> 00:00:02,000\n你好", "max_chars": 12, "style": {"size": 6}}],
    "tracks": [
        {
            "kind": "video",
            "volume": 0.5,
            "segments": [
                {"media": "https://x.example/a.mp4", "start": 0, "duration": "2.5s", "source_start": "500ms", "speed": 1.5,
                 "clip": {"x": 0.1, "scale": 1.2, "rotation": 15, "opacity": 0.9}, "crop": {"left": 0.1, "right": 0.9},
                 "fit": "fill", "intro": {"name": "轻微放大", "duration": "0.5s"}, "transition": {"name": "叠化"},
                 "filters": [{"name": "1980", "intensity": 0.8}], "effects": [{"name": "1998", "params": [10, None]}],
                 "mask": {"name": "圆形", "size": 0.6}, "mix_mode": "滤色", "chroma": {"colour": "#00FF00"},
                 "keyframes": {"opacity": [{"time": 0, "value": 0}, {"time": "1s", "value": 1}]}},
                {"kind": "image", "media": "https://x.example/b.png", "group": {"name": "三分割"}},
            ],
        },
        {"kind": "audio", "muted": True, "segments": [{"media": "https://x.example/c.mp3", "fade_in": "1s", "change_pitch": True}]},
        {
            "kind": "text",
            "segments": [
                {"text": "标题", "style": {"bold": True, "border": {}, "shadow": {"angle": -30}, "background": {"round_radius": 0.2}},
                 "ranges": [{"start": 0, "end": 1, "colour": "#FF0000"}], "loop": {"name": "扫光"}, "clip": {"y": 0.5}},
            ],
        },
        {"kind": "sticker", "segments": [{"sticker": "7110045387131521310", "duration": "3s"}]},
        {"kind": "effect", "segments": [{"effect": {"name": "雪花", "kind": "scene"}, "start": "1s", "duration": "2s"}]},
        {"kind": "filter", "segments": [{"filter": {"name": "1980"}}]},
    ],
}  # fmt: skip


def read(value: object) -> list[source.Source]:
    return source.read(json.dumps(value, ensure_ascii=False))


def changed(path: str, to: object) -> dict:
    """FULL with one member changed, or added."""
    made = copy.deepcopy(FULL)
    *outer, last = path.replace("[", ".").replace("]", "").split(".")
    inner = made
    for part in outer:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[int(last) if last.isdigit() else last] = to
    return made


def test_everything_a_spec_can_say_is_read():
    (draft,) = read(FULL)
    made = draft.to_spec({})
    assert not made.problems and not made.warnings and made.time_unit == "us"
    assert (draft.number, draft.name, draft.said) == (1, "全部", 8)
    assert [track.kind for track in made.spec.tracks] == ["video", "audio", "text", "sticker", "effect", "filter"]
    video, image = made.spec.tracks[0].segments
    assert (video.kind, image.kind, video.start_us, video.duration_us) == ("video", "image", 0, 2_500_000)
    assert (video.clip.scale_x, video.clip.scale_y, video.speed) == (1.2, 1.2, 1.5)
    assert made.spec.background == spec.Fill(blur=0.375)
    assert [url.rpartition("/")[2] for url, _place in draft.urls()] == ["a.mp4", "b.png", "c.mp3", "cover.jpg"]


@pytest.mark.parametrize(
    "wrapped",
    [
        FULL,
        [FULL],
        {"spec": FULL},
        {"output": json.dumps({"spec": json.dumps(FULL)})},
        json.dumps(FULL),
        {**FULL, "tracks": json.dumps(FULL["tracks"])},
        {name: member for name, member in FULL.items() if name != "version"},
    ],
)
def test_a_spec_is_found_in_every_wrapper(wrapped):
    (draft,) = read(wrapped)
    assert isinstance(draft, own_spec.OwnDraft) and draft.name == "全部" and not draft.problems


def test_a_spec_is_found_in_a_markdown_fence():
    (draft,) = source.read(f"Here it is:\n```json\n{json.dumps(FULL)}\n```\nEnjoy!")
    assert draft.name == "全部"


def test_a_list_of_specs_is_as_many_drafts():
    first, second = read([FULL, changed("name", "第二")])
    assert [(d.number, d.name) for d in (first, second)] == [(1, "全部"), (2, "第二")]
    assert first.key != second.key
    assert next(second.urls())[1].path == "drafts[1].tracks[0].segments[0]"


def test_the_same_spec_has_the_same_key_however_it_is_written():
    turned = dict(reversed(FULL.items()))
    assert read(FULL)[0].key == source.read(json.dumps(turned, indent=2, ensure_ascii=True))[0].key


@pytest.mark.parametrize(
    ("path", "to", "told"),
    [
        ("tracks[0].segments[1].clip", {"opacity": 7}, "tracks[0].segments[1].clip.opacity"),
        ("tracks[0].segments[0].start", "soon", "tracks[0].segments[0].start"),
        ("tracks[0].segments[0].start", 1.5, "tracks[0].segments[0].start"),
        ("tracks[0].segments[0].keyframes", {"opacity": [{"time": 0}]}, "tracks[0].segments[0].keyframes.opacity[0].value"),
        ("tracks[0].segments[0].speeed", 2, "tracks[0].segments[0].speeed"),
        ("tracks[0].segments[0].place", {"draft": 9}, "tracks[0].segments[0].place"),
        ("tracks[0].segments[0].kind", "text", "tracks[0].segments[0].kind"),
        ("tracks[0].segments[0].kind", ["video"], "tracks[0].segments[0].kind"),
        ("tracks[0].segments[0]", 5, "tracks[0].segments[0]"),
        ("tracks[2].segments[0].text", "", "tracks[2].segments[0].text"),
        ("tracks[1].kind", "sound", "tracks[1].kind"),
        ("tracks[1].kind", None, "tracks[1].kind"),
        ("tracks[1].segments", "none", "tracks[1].segments"),
        ("tracks[1]", [], "tracks[1]"),
        ("captions[0].srt", None, "captions[0]"),
        ("captions[0].url", "u", "captions[0]"),
        ("captions[0]", "1", "captions[0]"),
        ("captions", {}, "captions"),
        ("width", 5, "width"),
        ("fps", "many", "fps"),
        ("version", 2, "version"),
        ("background", {"blur": 1, "colour": "#000000"}, "background"),
        ("musik", "x", "musik"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_field_and_path(path, to, told):
    (draft,) = read(changed(path, to))
    assert [problem.to_json()["path"] for problem in draft.problems] == [told]
    name = told.rpartition(".")[2].partition("[")[0]
    if told != path or name not in ("tracks", "segments", "captions"):
        assert name in str(draft.problems[0]) or "captions" in name or name == "background"


def test_every_bad_segment_is_told_and_the_good_ones_are_kept():
    bad = changed("tracks[0].segments", [{"media": "a"}, {"media": ""}, {"clip": 5}, {"media": "b", "volume": -1}])
    (draft,) = read(bad)
    assert [str(problem).partition(":")[0] for problem in draft.problems] == [
        "draft 1, track 1, segment 2",
        "draft 1, track 1, segment 3",
        "draft 1, track 1, segment 3",
        "draft 1, track 1, segment 4",
    ]
    assert next(url for url, _place in draft.urls()) == "a"
    assert draft.said == 10


def test_a_place_names_draft_track_segment_and_link():
    place = next(read(FULL)[0].urls())[1]
    assert (place.draft, place.track, place.segment, place.url) == (1, 1, 1, "https://x.example/a.mp4")
    assert place.path == "tracks[0].segments[0]"


def test_a_data_link_is_shown_short():
    (draft,) = read(changed("tracks[0].segments[0].media", "data:image/png;base64," + "A" * 1_000_000))
    url, place = next(draft.urls())
    assert len(url) > 1_000_000 and len(place.url or "") < 200


def test_captions_alone_are_a_spec():
    (draft,) = read({"version": 1, "captions": [{"url": "https://x.example/a.srt"}]})
    assert draft.said == 1 and [url for url, _place in draft.caption_urls()] == ["https://x.example/a.srt"]


@pytest.mark.parametrize(
    "value",
    [
        {"version": "1", "tracks": [{"track_type": "text", "segments": []}]},
        {"version": 360000, "tracks": [{"type": "video", "segments": []}]},
    ],
)
def test_an_export_and_jianyings_own_file_are_no_spec(value):
    assert not own_spec.is_own(value)


def test_too_many_segments_are_refused_at_once():
    (draft,) = read({"version": 1, "tracks": [{"kind": "text", "segments": [0] * 100_001}]})
    assert "100001" in str(draft.problems[0]) and len(draft.problems) == 1


def test_ten_thousand_mistakes_are_not_all_listed():
    (draft,) = read({"version": 1, "tracks": [{"kind": "text", "segments": [{}] * 10_000}]})
    assert len(draft.problems) == 1_001 and "9000 more" in str(draft.problems[-1])


def test_ten_thousand_segments_take_no_time():
    segments = [
        {"text": f"第{n}句", "start": n * 1_000_000, "duration": "0.9s", "clip": {"y": -0.8}} for n in range(10_000)
    ]
    text = json.dumps({"version": 1, "tracks": [{"kind": "text", "segments": segments}]})
    start = time.process_time()
    (draft,) = source.read(text)
    made = draft.to_spec({})
    assert time.process_time() - start < 5  # 0.3 s alone; this catches quadratic work, not a busy machine
    assert len(made.spec.tracks[0].segments) == 10_000 and not draft.problems


@pytest.mark.parametrize("depth", [50, 300, 700, 970, 5_000, 100_000])
@pytest.mark.parametrize("member", ["name", "tracks", "captions", "cover"])
def test_deep_nesting_is_told_in_words(member, depth):
    text = json.dumps({**FULL, member: "DEEP"}).replace('"DEEP"', "[" * depth + "]" * depth)
    try:
        assert source.read(text)[0].problems
    except DraftError as error:
        assert "nested" in str(error) or "JSON" in str(error)


def test_the_schema_is_of_draft_2020_12_and_says_what_fields_mean():
    schema = own_spec.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] and schema["version"] == 1
    assert "half canvases" in json.dumps(schema) or "Scale 1" in json.dumps(schema)
    assert "start" in schema["$defs"]["VisualSegment"]["properties"]
    assert "place" not in json.dumps(list(schema["$defs"]["VisualSegment"]["properties"]))


@pytest.mark.parametrize("value", [FULL, {"version": 1, "captions": [{"url": "u"}]}, {"tracks": []}])
def test_what_is_read_without_problems_fits_the_schema(value):
    jsonschema.validate(value, own_spec.schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("tracks[0].segments[1].clip", {"opacity": 7}),
        ("tracks[0].segments[0].start", "soon"),
        ("tracks[0].segments[0].speeed", 2),
        ("tracks[1].kind", "sound"),
        ("version", 2),
    ],
)
def test_what_has_problems_does_not_fit_the_schema(path, to):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(path, to), own_spec.schema(), jsonschema.Draft202012Validator)


def test_a_spec_becomes_a_draft(build, media, content):
    from factory import png, wav

    said = {
        "version": 1,
        "name": "自述",
        "tracks": [
            {"kind": "video", "segments": [{"media": media.serve("/1.png", png()), "duration": "2s"}]},
            {"kind": "audio", "segments": [{"media": media.serve("/1.wav", wav(1.0)), "start": "500ms"}]},
            {"kind": "text", "segments": [{"text": "标题"}]},
        ],
        "captions": [{"srt": FULL["captions"][0]["srt"]}],
    }
    built = build(json.dumps(said))
    assert not built.problems and built.receipts[0].segments == {"image": 1, "audio": 1, "text": 2}
    assert built.receipts[0].time_unit == "us"


def test_media_that_cant_be_fetched_is_told_with_its_path(build, media):
    built = build(json.dumps([asking_for_what_is_gone(media.url), asking_for_what_is_gone(media.url)]))
    assert [problem.to_json()["path"] for problem in built.problems] == ["drafts[0].tracks[0].segments[0]"]


def asking_for_what_is_gone(url: str) -> dict:
    return {"version": 1, "tracks": [{"kind": "video", "segments": [{"media": f"{url}/gone.png"}]}]}
