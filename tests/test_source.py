"""Whatever a draft is said in, it is found; and what is none is refused with advice."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import draft as export_draft
from factory import export, segment, track
from tray.draft import coze_export, coze_infos, own_spec, recipe, source
from tray.draft.problems import DraftError

OWN = {"version": 1, "name": "own", "tracks": [{"kind": "text", "segments": [{"text": "你好"}]}]}
RECIPE = {"recipe": [{"text": "你好", "image": "i", "audio": "a"}], "name": "recipe"}
INFOS = {"image_infos": [json.dumps({"image_url": "i", "start": 0, "end": 3000})], "name": "infos"}
EXPORT = json.loads(export(export_draft(track(segment()), name="export")))
SRT = "1\n00:00:01,000 --> 00:00:02,000\n你好\n"
SUBTITLED = {"srt": SRT, "images": ["i"], "name": "srt"}

FORMS = [
    (OWN, own_spec.OwnDraft),
    (RECIPE, recipe.Recipe),
    (SUBTITLED, recipe.Recipe),
    (INFOS, coze_infos.InfosDraft),
    (EXPORT, coze_export.CozeDraft),
]


@pytest.mark.parametrize(("value", "form"), FORMS)
@pytest.mark.parametrize(
    "wrap",
    [
        json.dumps,
        lambda value: json.dumps([value]),
        lambda value: json.dumps({"output": json.dumps(value)}),
        lambda value: json.dumps({"data": {"result": [json.dumps(value)]}}),
        lambda value: json.dumps(json.dumps(value)),
        lambda value: f"Here it is:\n```json\n{json.dumps(value)}\n```",
        lambda value: json.dumps({"output": f"Here it is:\n```json\n{json.dumps(value)}\n```"}),
        lambda value: "\ufeff" + json.dumps(value),
    ],
)
def test_every_form_is_found_in_every_wrapper(value, form, wrap):
    (draft,) = source.read(wrap(value))
    assert isinstance(draft, form) and not draft.problems
    assert draft.key == source.read(json.dumps(value))[0].key
    assert source.holds_draft(wrap(value))


@pytest.mark.parametrize(
    "text", [SRT, "\ufeff" + SRT, f"```srt\n{SRT}```", f"Here:\n\n```\n{SRT}\n```\nBye!", "WEBVTT\n\n" + SRT]
)
def test_an_srt_file_is_a_draft_of_captions(text):
    (draft,) = source.read(text)
    imported = draft.to_spec({})
    assert draft.said == 1 and not draft.problems and imported.spec.captions[0].srt


def test_a_bot_that_writes_subtitles_is_not_asking_for_a_draft():
    assert not source.holds_draft(SRT)


@pytest.mark.parametrize(
    "text", ["", "hello", "{", "[1, 2]", '{"a": 1}', "null", '{"x": NaN}', "[" * 100_000, '{"recipe": 5}']
)
def test_what_is_no_draft_is_refused_with_advice(text):
    with pytest.raises(DraftError) as error:
        source.read(text)
    assert error.value.advice
    assert not source.holds_draft(text)


@pytest.mark.parametrize("text", ["A recipe has tracks.", "my captions: {}", '{"tracks": ', '{"srt": 5}'])
def test_ordinary_prose_holds_no_draft(text):
    assert not source.holds_draft(text)


def test_drafts_of_two_forms_in_one_list_are_both_read():
    own, other, none = source.read(json.dumps([OWN, RECIPE, "quota exceeded"]))
    assert [(draft.number, draft.name) for draft in (own, other, none)] == [(1, "own"), (2, "recipe"), (3, "")]
    assert "quota exceeded" in str(none.problems[0]) and none.problems[0].place.draft == 3


def test_what_an_export_was_made_of_is_not_built_twice_and_that_is_told():
    (draft,) = source.read(json.dumps({"output": json.dumps(EXPORT), **INFOS}))
    assert draft.name == "export" and "another form" in " ".join(draft.warnings)


def test_the_users_unit_reaches_the_export():
    said = json.dumps(INFOS)
    assert source.read(said, "s")[0].to_spec({"i": None}).spec.tracks[0].segments[0].duration_us == 3_000_000_000


def test_more_drafts_than_anybody_makes_are_refused():
    with pytest.raises(DraftError, match="1001"):
        source.read(json.dumps([OWN] * 1001))


Json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.sampled_from(["text", "u", SRT, "video"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["tracks", "kind", "segments", "version", "text", "media", "recipe", "image", "audio", "srt", "images",
                         "image_infos", "caption_infos", "keyframes_infos", "start", "end", "captions", "spec", "music",
                         "style", "clip", "name", "id", "segment_id", "offset", "property", "duration", "drafts"]) | st.text(max_size=3),
        inner, max_size=5),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(Json)
def test_nothing_makes_it_crash(value):
    try:
        drafts = source.read(json.dumps(value))
    except DraftError:
        return
    for number, draft in enumerate(drafts, 1):
        assert draft.number == number
        assert list(draft.urls()) is not None and list(draft.caption_urls()) is not None
        draft.to_spec({})


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([OWN, RECIPE, INFOS, SUBTITLED]), st.data())
def test_one_member_changed_to_anything_makes_no_crash(value, data):
    made = json.loads(json.dumps(value))
    if value is INFOS:
        made["image_infos"] = [json.loads(made["image_infos"][0])]
    inner = made
    while True:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(inner[key], (dict, list)) and inner[key] and data.draw(st.booleans()):
            inner = inner[key]
        else:
            inner[key] = data.draw(Json)
            break
    try:
        for draft in source.read(json.dumps(made)):
            draft.to_spec({"i": None, "a": 2_000_000})
    except DraftError:
        pass


def test_ten_thousand_infos_and_lines_take_no_time():
    infos = {
        "image_infos": [json.dumps({"image_url": "i", "start": n * 1000, "end": n * 1000 + 900}) for n in range(10_000)]
    }
    lines = {"recipe": [{"text": f"第{n}句，就是这样。", "image": f"i{n}", "audio": "a"} for n in range(10_000)]}
    for value in (infos, lines):
        start = time.process_time()
        (draft,) = source.read(json.dumps(value))
        imported = draft.to_spec({"i": None, "a": 2_000_000})
        assert time.process_time() - start < 5  # well under one alone; this catches quadratic work
        assert not imported.problems
