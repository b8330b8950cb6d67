"""Random and mutated input through every stage that runs before anything is written: whatever is given, it ends in
drafts, problems and warnings, or in a DraftError.

`COZE_TRAY_FUZZ=500000 pytest tests/test_fuzz.py` is the long run. A case that fails is named by its number, and
`COZE_TRAY_FUZZ_FROM=1234 COZE_TRAY_FUZZ=1` runs that one alone.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory import SHARED, draft, segment, track
from tray.draft import build, source
from tray.draft.coze_export import CozeDraft
from tray.draft.probe import Probe
from tray.draft.problems import DraftError, Problem
from tray.draft.resolve import resolve
from tray.draft.source import Imported, Source
from tray.draft.spec import DraftSpec

COUNT = int(os.environ.get("COZE_TRAY_FUZZ", "4000"))
FIRST = int(os.environ.get("COZE_TRAY_FUZZ_FROM", "0"))
UNITS = ("auto", "auto", "auto", "ms", "us", "s")
LENGTHS_US = (None, 40_000, 3_240_000, 180_000_000)


def test_whatever_is_given_it_ends_in_drafts_or_in_words():
    corpus = [orjson.dumps(value) for value in _corpus()]
    for number in range(FIRST, FIRST + COUNT):
        rng = random.Random(number)
        text = _mutated(orjson.loads(rng.choice(corpus)), rng)
        try:
            through(text, rng)
        except Exception as error:
            error.add_note(f"case {number}: {text[:5000]!r}") if hasattr(error, "add_note") else None
            raise


def through(text: str, rng: random.Random) -> None:
    """One input through all stages."""
    try:
        sources = source.read(text, rng.choice(UNITS))
    except DraftError as error:
        _check_words(str(error))
        return
    for one in sources:
        _check_said(one.problems, one.warnings)
        lengths = {url: rng.choice(LENGTHS_US) for url, _place in one.urls() if rng.random() < 0.9}
        list(one.caption_urls())
        imported = one.to_spec(lengths)
        for stage in STAGES:
            stage(one, imported, lengths, rng)


def _words(_source: Source, imported: Imported, _lengths: Mapping[str, int | None], _rng: random.Random) -> None:
    _check_said(imported.problems, imported.warnings)
    if imported.time_unit_reason:  # what says its unit needs none
        _check_words(imported.time_unit_reason)


def _nothing_is_dropped(
    source: Source, imported: Imported, _lengths: Mapping[str, int | None], _rng: random.Random
) -> None:
    made = sum(len(track.segments) for track in imported.spec.tracks)
    if isinstance(source, CozeDraft):  # a recipe's line is several segments
        assert made <= source.said
    if made < source.said and not imported.spec.captions:
        assert imported.problems or any("left out" in warning for warning in imported.warnings)


def _is_a_spec(_source: Source, imported: Imported, _lengths: Mapping[str, int | None], rng: random.Random) -> None:
    if rng.random() < 0.05:  # it takes as long as all the rest
        again = DraftSpec.model_validate_json(imported.spec.model_dump_json())
        assert again.model_dump() == imported.spec.model_dump()


def _resolves(
    _source: Source, imported: Imported, lengths: Mapping[str, int | None], rng: random.Random
) -> None:  # fmt: skip
    """Everything that can be placed is, in time order and side by side; all else is said. One in twenty is built."""
    sounds = {s.media for track in imported.spec.tracks if track.kind == "audio" for s in track.segments}
    probes = {url: _probe(url, length_us, url in sounds) for url, length_us in lengths.items()}
    profile = rng.choice(("jianying", "capcut"))
    srt_texts = {
        captions.url: "1\n00:00:01,000 --> 00:00:02,000\nx" for captions in imported.spec.captions if captions.url
    }
    found = resolve(imported.spec, probes, srt_texts, profile=profile, strict=rng.random() < 0.1)
    _check_said(found.problems, found.warnings)
    for lane in found.spec.tracks:
        assert lane.segments
        spans = [segment.target for segment in lane.segments]
        assert all(span.start_us >= 0 and span.duration_us > 0 for span in spans)
        assert all(a.end_us <= b.start_us for a, b in pairwise(spans))
    said = [segment for track in imported.spec.tracks for segment in track.segments]
    placed = sum(len(track.segments) for track in found.spec.tracks)
    here = sum(1 for segment in said if getattr(segment, "media", None) is None or segment.media in probes)
    assert placed >= here or found.problems or any("is left off" in warning for warning in found.warnings)
    if rng.random() < 0.05 and not found.problems:
        b"".join(build.encoded(build.content(found, profile, "/x")))


def _probe(url: str, length_us: int | None, is_sound: bool) -> Probe:
    name = f"{abs(hash(url)):032x}"[-32:]
    if length_us is None:
        return Probe(Path(f"{name}.png"), "image", 640, 360, None, has_audio=False)
    if is_sound:
        return Probe(Path(f"{name}.wav"), "audio", 0, 0, length_us, has_audio=True)
    return Probe(Path(f"{name}.mp4"), "video", 640, 360, length_us, has_audio=True)


STAGES: tuple[Callable[[Source, Imported, Mapping[str, int | None], random.Random], None], ...] = (
    _words,
    _nothing_is_dropped,
    _is_a_spec,
    _resolves,
)
"""What each imported draft goes through; add a stage here."""


def _check_said(problems: list[Problem], warnings: list[str]) -> None:
    for problem in problems:
        assert isinstance(problem, Problem)
        _check_words(str(problem))
        json.dumps(problem.to_json(), ensure_ascii=False).encode()
    for warning in warnings:
        _check_words(warning)


def _check_words(text: str) -> None:
    assert isinstance(text, str) and text.strip()
    assert len(text) < 5000
    text.encode()


# What is mutated.


def _corpus() -> list[Any]:
    """Small drafts that say everything there is, and the published samples where they are."""
    found: list[Any] = [
        json.loads(path.read_text("utf-8")) for path in sorted((SHARED / "fixtures" / "exports").glob("*.json"))
    ]
    pieces = [_video(), _image(), _audio(), _text(), _sticker(), _effect(), _filter(), _flat()]
    found += [draft(track(piece)) for piece in pieces]
    found += [draft(track(*pieces[:4]), track(*pieces[4:], muted=True, volume=0.5), background_color="#F5F5F5")]
    found += [
        {"drafts": [draft(track(_text())), draft(track(_audio()), track(_image()))], "export_type": "batch_draft"}
    ]
    found += [*_own_specs(), *_recipes(), _infos()]
    found += [{"output": json.dumps({"draft_data": json.dumps(draft(track(_video(), _image())))})}, draft(), [], {}]
    return found


def _own_specs() -> list[Any]:
    shot = {
        "media": "v", "start": "1s", "duration": "2s", "source_start": "500ms", "speed": 1.5, "fit": "fill", "volume": 0.5,
        "clip": {"x": 0.5, "scale": 2}, "crop": {"left": 0.1}, "intro": {"name": "渐显"}, "outro": {"name": "渐隐", "duration": "1s"},
        "transition": {"name": "叠化"}, "filters": [{"name": "清晰", "intensity": 0.5}], "effects": [{"name": "光晕", "params": [50, None]}],
        "mask": {"name": "矩形", "width": 0.5}, "mix_mode": "正片叠底", "chroma": {"colour": "#00FF00"}, "fill": {"blur": 0.5},
        "keyframes": {"scale": [{"time": 0, "value": 1}, {"time": "1s", "value": 2}], "volume": [{"time": 0, "value": 0}]},
    }  # fmt: skip
    words = {
        "text": "秋天 a😀", "style": {"size": 9, "font": "思源黑体", "border": {}, "shadow": {}, "background": {}}, "loop": {"name": "闪烁"},
        "ranges": [{"start": 0, "end": 1, "colour": "#FF0000"}, {"start": 0, "end": 9, "bold": True}], "flower": "1", "keyframes": {},
    }  # fmt: skip
    tracks = [
        {"kind": "video", "segments": [shot, {"media": "i", "kind": "image"}], "volume": 2},
        {"kind": "audio", "segments": [{"media": "a", "effects": [{"name": "电音"}], "fade_in": "1s"}], "muted": True},
        {"kind": "text", "segments": [words]},
        {"kind": "sticker", "segments": [{"sticker": "7", "clip": {}}]},
        {"kind": "effect", "segments": [{"effect": {"name": "光晕"}}]},
        {"kind": "filter", "segments": [{"filter": {"name": "清晰"}}]},
    ]
    srt = "1\n00:00:01,000 --> 00:00:02,500\n你好，世界\n\n2\n00:00:02,000 --> 00:00:04,000\n<i>x</i>\n"
    whole = {"version": 1, "name": "x", "background": {"colour": "#000000"}, "tracks": tracks, "cover": "i"}
    return [
        whole,
        {"version": 1, "tracks": [], "captions": [{"srt": srt, "max_chars": 4}, {"url": "u", "offset": "1s"}]},
    ]


def _recipes() -> list[Any]:
    lines = [{"text": "秋天来了，树叶变黄。", "image": "i", "audio": "a"}, {"text": "b", "video": "v"}, {"audio": "a2"}]
    srt = "1\n00:00:00,000 --> 00:00:01,000\na\n\n2\n00:00:01,000 --> 00:00:02,000\nb"
    return [{"recipe": lines, "music": "m", "max_chars": 8}, {"srt": srt, "images": ["i", "i2"], "audios": ["a", ""]}]


def _infos() -> Any:
    return {
        "image_infos": json.dumps([{"image_url": "i", "start": 0, "end": 5_000_000, "in_animation": "渐显"}]),
        "audio_infos": [json.dumps({"audio_url": "a", "start": 0, "end": 3000, "volume": 0.5})],
        "caption_infos": [{"content": "你好", "start": 0, "end": 3000, "font_size": 48}],
        "keyframe_infos": "[]",
        "name": "x",
    }


def _frames(*values: Any) -> list[dict[str, Any]]:
    return [{"time": index * 500, "value": value} for index, value in enumerate(values)]


def _video() -> dict[str, Any]:
    return segment(
        "video", 0, 4_000_000, url="v", id="1", material_range={"start": 0, "end": 8_000_000},
        transform={"position_x": -54, "position_y": 0.5, "scale_x": 1.0, "scale_y": 2, "rotation": 9, "opacity": 0.5},
        crop={"enabled": True, "left": 0.1, "top": 0, "right": 0.9, "bottom": 1},
        effects={"filter_type": "暖冬", "filter_intensity": 0.8, "transition_type": "淡化", "transition_duration": 500},
        speed={"speed": 2.0, "reverse": True}, background={"blur": True, "color": "#FFFFFF"},
        audio={"volume": 80, "fade_in": 200, "fade_out": 3},
        keyframes={"position": _frames({"x": -50, "y": 0}, [0, 0]), "scale": _frames(1, [1, 2])},
    )  # fmt: skip


def _image() -> dict[str, Any]:
    return segment(
        "image", 0, 5000, url="i", animations={"intro": "放大", "intro_duration": 500, "loop": "缩放"},
        background={"fit_mode": "fill", "blur": 0.5}, dimensions={"width": 5, "height": 5},
        keyframes={"opacity": _frames(0, 1), "rotation": _frames(0, 360)},
    )  # fmt: skip


def _audio() -> dict[str, Any]:
    return segment(
        "audio", 0, 3240, url="a", alignment=None,
        audio={"volume": 0.3, "fade_in": 2000, "fade_out": 100, "effect_type": "降噪", "effect_intensity": 0.5, "speed": 1,
               "change_pitch": False},
        keyframes={"volume": _frames(0, 0.3)},
    )  # fmt: skip


def _text() -> dict[str, Any]:
    return segment(
        "text", 20_000, 25_000, content="欢迎🎬", alignment="居中",
        transform={"position_x": 0.5, "position_y": -0.9, "scale": 1.2, "rotation": 0.0, "opacity": 0.9},
        style={"font_family": "思源黑体", "font_size": 56, "font_weight": "bold", "font_style": "normal", "color": "#FFD700",
               "stroke": {"enabled": True, "color": "#000000", "width": 3}, "shadow_enabled": True, "shadow_blur": 4,
               "background": {"enabled": True, "color": "rgba(0,0,0,.5)", "opacity": 0.5}, "line_spacing": 2},
        animations={"in_animation": "飞入", "outro": "飞出", "loop": "闪烁"},
        keyframes={"scale": [{"time": 20_000, "value": 0.8}, {"time": 23_000, "value": 1.2}]},
    )  # fmt: skip


def _sticker() -> dict[str, Any]:
    return segment("sticker", url="https://x/s.png", resource_id="7132097333274823968", transform={"scale": 0.5})


def _effect() -> dict[str, Any]:
    return segment("effect", effect_type="光晕", properties={"intensity": 0.6, "color": "#FFFF00"})


def _filter() -> dict[str, Any]:
    return segment("filter", filter_type="暖冬", filter_intensity=80)


def _flat() -> dict[str, Any]:
    return {"type": "video", "video_url": "v", "start": 0, "end": 2000, "material_start": 0, "speed": 1.5, "reverse": True,
            "crop_enabled": True, "crop_left": 0.5, "in_animation": "放大", "keyframes": [
                {"property": "alpha", "time_offset": 0, "value": 1}]}  # fmt: skip


# How it is mutated.

_ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 0.5, -0.0, 5, 21, 100, 500, 1e3, 3240, 4_000_000, 1e9, 2**31, 2**63, 2**64, 10**30,
    1e15, 1e16, 1e300, -1e300, 1e-300, 10**400, "", " ", "0", "5", "1e5", "-3", "nan", "inf", "true", "none", "无", "text", "video",
    "image", "audio", "sticker", "effect", "filter", "#FFF", "#12345678", "rgb(1,2,3)", "{}", "{0}", "%s", "\0", "\ud83d",
    "\udc00", "é\u0301", "\u202e左", "👩‍👩‍👧", "x" * 101, "字" * 20_001, "https://x/y.png", "data:,x", "../../etc", [], {}, [[]],
    [{}], [None], [0, 0], [1, 2, 3], {"x": 1, "y": 2}, {"x": None}, {"start": 0, "end": 1}, {"time": 0, "value": 1},
    [{"time": 0, "value": 1}], [{"property": "scale", "time": 1e15, "value": [1, 2]}], {"enabled": True}, {"": 0},
)  # fmt: skip
_DEEP = "lists in lists"
_KEYS = (
    "tracks", "segments", "time_range", "material_range", "transform", "effects", "keyframes", "audio", "speed", "style",
    "start", "end", "duration", "volume", "opacity", "position", "scale", "stroke", "background", "blur", "loop", "type",
    "id", "material_url", "content", "in_animation", "loop_animation_duration", "stroke_width", "shadow_color", "drafts",
    "project", "output", "properties", "intensity", "unheard_of", "", "\ud83d", "{0}", "name", "fps", "font_size", "alignment",
)  # fmt: skip


def _mutated(value: Any, rng: random.Random) -> str:
    for _n in range(rng.choice((0, 1, 1, 1, 2, 3, 6))):
        value = _changed(value, rng)
    depth = rng.choice((5, 50, 200, 300, 900, 3000))
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5).replace(f'"{_DEEP}"', "[" * depth + "]" * depth)
    for _n in range(rng.choice((0, 0, 0, 0, 1, 2))):
        text = _damaged(text, rng)
    return text


def _changed(value: Any, rng: random.Random) -> Any:
    """`value` with one thing in it changed."""
    spots = _spots(value)
    if not spots:
        return _odd(rng)
    holder, key = rng.choice(spots)
    how = rng.randrange(10)
    if how < 4:
        holder[key] = _odd(rng)
    elif how == 4:
        del holder[key]
    elif how == 5:
        other, other_key = rng.choice(spots)
        holder[key] = json.loads(json.dumps(other[other_key]))  # two of the same, one in another's place
    elif how == 6 and isinstance(holder, dict):
        holder[rng.choice(_KEYS)] = _odd(rng)
    elif how == 7 and isinstance(holder, dict):
        holder[rng.choice(_KEYS)] = holder.pop(key)
    elif how == 8 and isinstance(holder[key], (int, float)) and abs(holder[key]) < 1e200:
        holder[key] = holder[key] * rng.choice((1000, 0.001, 1_000_000, -1, 10**12, 0.37))
    elif isinstance(holder, list):
        holder.extend(holder[key : key + 1] * rng.choice((1, 2, 30)))
    else:
        holder[key] = rng.choice((str, json.dumps, lambda one: [one], lambda one: {"value": one}))(holder[key])
    return value


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """Every place in `value` that holds something."""
    spots: list[tuple[Any, Any]] = []
    holders = [value]
    while holders:
        holder = holders.pop()
        keys: Any = holder if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            spots.append((holder, key))
            if isinstance(holder[key], (dict, list)):
                holders.append(holder[key])
    return spots


def _odd(rng: random.Random) -> Any:
    return _DEEP if rng.random() < 0.02 else json.loads(json.dumps(rng.choice(_ODD)))


def _damaged(text: str, rng: random.Random) -> str:
    """`text` cut, doubled, wrapped, or with a character changed."""
    at, to = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
    how = rng.randrange(9)
    if how == 0:
        return text[:at]
    if how == 1:
        return text[:at] + text[to:]
    if how == 2:
        return text[:to] + text[at:]
    if how == 3:
        return text[:at] + rng.choice('{}[]",:\\0eE+-.nNtu\ud83d字\0 ') + text[at + 1 :]
    if how == 4:
        return text.replace(
            rng.choice(("0", "1", "null", "end", ":", '"')), rng.choice(("9" * 30, "NaN", "Infinity", "1e999", "")), 1
        )
    if how == 5:
        return f"Here it is:\n```json\n{text}\n```\nEnjoy!"
    if how == 6:
        return json.dumps({"output": text})
    if how == 7:
        return "\ufeff" + text
    return "[" * 2000 + text if rng.random() < 0.2 else json.dumps({"drafts": [text, text[:at]]})


# The same with hypothesis, which finds the smallest case, for values of every shape.

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
_FIELDS = tuple({key: None for piece in (_video(), _image(), _audio(), _text(), _effect(), _flat()) for key in piece})
_KINDS = ("video", "image", "audio", "text", "sticker", "effect", "filter")


@settings(max_examples=max(60, COUNT // 40), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(_KINDS), st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=4), st.randoms())
def test_a_segment_may_say_anything(kind, fields, rng):
    text = json.dumps(draft(track({**segment(kind, url="u", effect_type="光晕"), **fields})))
    through(text, rng)
