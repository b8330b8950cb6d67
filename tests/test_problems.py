"""What is wrong with what was given, as the user is told it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tray.draft.problems import in_words, short
from tray.draft.spec import DraftSpec, VisualSegment


def said(**spec: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as error:
        DraftSpec.model_validate(spec)
    return dict(in_words(error.value))


def segment(**more: Any) -> dict[str, Any]:
    return {"tracks": [{"kind": "video", "segments": [{"kind": "video", "media": "u", **more}]}]}


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        ({"clip": {"opacity": 7}}, "clip.opacity", "7 is too much, the most is 1"),
        ({"clip": {"opacity": "full"}}, "clip.opacity", "full is not a number"),
        ({"clip": 5}, "clip", "5 is not an object"),
        ({"speed": 0.01}, "speed", "0.01 is too little, the least is 0.1"),
        ({"media": 5}, "media", "5 is not text"),
        ({"media": ""}, "media", "it is shorter than 1 characters"),
        ({"sped": 2}, "sped", "no such field is known"),
        ({"chroma": {}}, "chroma.colour", "it is missing"),
        ({"chroma": {"colour": "red"}}, "chroma.colour", "red is no colour, which is written like #FFAA00"),
        ({"fit": "cover"}, "fit", "cover is not known; it can be fit, fill, stretch"),
        ({"reverse": "maybe"}, "reverse", "maybe is not true or false"),
        ({"filters": "warm"}, "filters", "warm is not a list"),
        ({"start": 1.5}, "start", "a time is microseconds"),
        ({"keyframes": {"colour": []}}, "keyframes.colour", "colour is not known"),
        ({"keyframes": {"opacity": [{"time": 0, "value": float("inf")}]}}, "keyframes.opacity[0].value", "Infinity is not a number"),
        ({"fill": {}}, "fill", "a background fill is either “blur” or “colour”"),
        ({"start": "soon"}, "start", "a time is microseconds"),
    ],
)  # fmt: skip
def test_each_mistake_is_said_with_its_field(wrong, field, message):
    found = said(**segment(**wrong))
    assert list(found) == [f"tracks[0].segments[0].{field}"]
    assert found[f"tracks[0].segments[0].{field}"].startswith(message)


def test_a_kind_of_segment_that_is_not_known_is_said_with_those_that_are():
    found = said(tracks=[{"kind": "video", "segments": [{"kind": "movie"}, {}, 5]}])
    assert "movie" in found["tracks[0].segments[0]"] and "image, audio, text, sticker" in found["tracks[0].segments[0]"]
    assert found["tracks[0].segments[1]"] == "'kind' is missing"
    assert found["tracks[0].segments[2]"] == "5 is not an object"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ({"durration": 1}, "duration"),
        ({"clip": {"rotate": 1}}, "rotation"),
        ({"fill": {"color": "#000000"}}, "colour"),
        ({"filters": [{"name": "x", "intencity": 1}]}, "intensity"),
        ({"keyframes": {"scale": [{"tyme": 0, "value": 1}]}}, "time"),
    ],
)
def test_a_field_that_is_not_known_is_said_with_the_one_that_is_meant(wrong, meant):
    with pytest.raises(ValidationError) as error:
        VisualSegment.model_validate({"media": "u", **wrong})
    assert f"no such field is known; is “{meant}” meant?" in dict(in_words(error.value, VisualSegment)).values()


@pytest.mark.parametrize("wrong", [{"url": "u"}, {"place_": {}}, {"clip": {"text": 1}}, {"duration_us_": 1}])
def test_no_field_is_offered_that_is_far_from_what_was_said_or_belongs_elsewhere(wrong):
    with pytest.raises(ValidationError) as error:
        VisualSegment.model_validate({"media": "u", **wrong})
    assert [m for m in dict(in_words(error.value, VisualSegment)).values() if "place" in m or "_us" in m] == []


def test_a_value_in_a_message_is_short_however_large_or_deep_it_is():
    deep = json.loads("[" * 900 + "]" * 900)
    assert short(deep) == "[" * 60 + "…"
    assert short([1, None, "文"]) == '[1, null, "文"]'
    assert short("x" * 1_000_000) == "x" * 60 + "…"
