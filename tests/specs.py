"""Random specs: resolved ones, as `resolve` makes them, and ones as people write them, with all that they leave open.

Their media is a small pool of files; `place_media` writes it into a draft, `PROBES` has it by link.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from factory import DATA, png, wav
from tray.draft import names
from tray.draft.probe import Probe
from tray.draft.resolve import Resolved
from tray.draft.spec import (
    MEDIA,
    Animation,
    AudioSegment,
    Background,
    Border,
    Bubble,
    Captions,
    Chroma,
    Clip,
    Crop,
    DraftSpec,
    Effect,
    EffectSegment,
    Fill,
    Filter,
    FilterSegment,
    Keyframe,
    Mask,
    Shadow,
    StickerSegment,
    StyledRange,
    TextSegment,
    TextStyle,
    Track,
    Transition,
    VisualSegment,
)

S = 1_000_000
SHORTEST_US = 40_000
RECTANGLE = "矩形"


def _probe(letter: str, suffix: str, kind: Any, size: tuple[int, int], length_us: int | None, **more: Any) -> Probe:
    return Probe(Path(f"{letter * 32}.{suffix}"), kind, *size, length_us, **more)


_POOL = [
    _probe("a", "png", "image", (64, 36), None),
    _probe("b", "png", "image", (30, 90), None),
    _probe("c", "mp4", "video", (64, 36), 180 * S),
    _probe("d", "wav", "audio", (0, 0), 60 * S),
    _probe("e", "mp3", "audio", (0, 0), 3_200_000),
]
FILES: dict[str, Probe] = {f"{MEDIA}/{probe.path.name}": probe for probe in _POOL}
"""The pool by path inside the draft."""
PROBES: dict[str, Probe] = {f"https://cdn.example.com/{probe.path.name}": probe for probe in _POOL}
"""The pool by link."""


def place_media(folder: Path, used: Iterable[str] = tuple(FILES)) -> dict[str, int]:
    """Write real files of the pool into a draft folder. Returns bytes by file name."""
    (folder / MEDIA).mkdir(parents=True)
    sizes = {}
    for path in used:
        probe = FILES[path]
        if probe.kind == "image":
            data = png(size=(probe.width, probe.height))
        elif probe.kind == "video":
            data = (DATA / "video-180s.mp4").read_bytes()
        else:
            data = wav(60, 1000) if probe.path.suffix == ".wav" else (DATA / "sound-3.2s.mp3").read_bytes()
        (folder / path).write_bytes(data)
        sizes[probe.path.name] = len(data)
    return sizes


def resolved(spec: DraftSpec) -> Resolved:
    """What `resolve` returns for a spec that is resolved already. `spec`'s media is of the pool."""
    used = {segment.media for track in spec.tracks for segment in track.segments if hasattr(segment, "media")}
    files = {path: FILES[path] for path in FILES if path in used}
    main = next((track.segments for track in spec.tracks if track.kind == "video"), ())
    ends = [0, *(segment.target.end_us for segment in main)]
    gaps = any(segment.start_us > end for segment, end in zip(main, ends, strict=False))
    return Resolved(spec, files, {path: Path(path).name for path in files}, gaps, [], [])


# --- values -----------------------------------------------------------------------------------------------------------


def decimals(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers with three decimals: what people write, and no two so alike that a draft can't tell them apart."""
    return st.integers(round(low * 1000), round(high * 1000)).map(lambda n: n / 1000)


@cache
def keys(kind: names.Kind) -> st.SearchStrategy[str]:
    """The catalogue's keys of a kind, but for those that share their resource with another."""
    entries = [entry for entry in names.search(kind) if names.by_resource(kind, entry.resource_id) is entry]
    return st.sampled_from(entries).map(lambda entry: entry.key)


def lengths(low_us: int, high_us: int) -> st.SearchStrategy[int]:
    return st.integers(low_us, max(low_us, high_us))


booleans = st.booleans()
share = decimals(0, 1)
percent = decimals(0, 100)
angle = decimals(-360, 360)
colours = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06X}")
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("你好，\n🎬a "), min_size=1, max_size=30
)
clips = st.builds(
    Clip, x=decimals(-2, 2), y=decimals(-0.85, 0.85), scale_x=decimals(-3, 3), scale_y=decimals(-3, 3),
    rotation_deg=angle, opacity=share, flip_horizontal=booleans, flip_vertical=booleans,
) | st.builds(lambda scale: Clip(scale=scale), decimals(0.01, 3)) | st.just(Clip())  # fmt: skip
borders = st.builds(Border, colour=colours, width=percent, opacity=share)
shadows = st.builds(
    Shadow, colour=colours, opacity=share, distance=percent, angle_deg=decimals(-180, 180), diffuse=percent
)  # fmt: skip
backgrounds = st.builds(
    Background, colour=colours, opacity=share, style=st.sampled_from([1, 2]), round_radius=share, width=share,
    height=share, horizontal_offset=share, vertical_offset=share,
)  # fmt: skip
fills = st.builds(Fill, blur=share) | st.builds(Fill, colour=colours)
filters = st.builds(Filter, name=keys("filter"), intensity=share)
ids = st.integers(10**15, 10**19).map(str)


@st.composite
def crops(draw: st.DrawFn) -> Crop:
    left, top = draw(decimals(0, 0.9)), draw(decimals(0, 0.9))
    return Crop(left=left, top=top, right=draw(decimals(left + 0.01, 1)), bottom=draw(decimals(top + 0.01, 0.99)))


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    name, size = draw(keys("mask")), draw(decimals(0.01, 2))
    own = {"width": draw(decimals(0.01, 2)), "round_corner": draw(percent)} if name == RECTANGLE else {}
    where = {"x": draw(decimals(-2, 2)), "y": draw(decimals(-2, 2)), "rotation_deg": draw(angle)}
    return Mask(name=name, size=size, feather=draw(percent), invert=draw(booleans), **where, **own)


@st.composite
def effects(draw: st.DrawFn, kinds: tuple[names.Kind, ...] = ("scene", "character")) -> Effect:
    kind = draw(st.sampled_from(kinds))
    name = draw(keys(kind))
    entry = names.find(kind, name)
    assert entry is not None
    params: list[float | None] = []
    for param in entry.params:
        value = draw(st.none() | percent)
        params.append(None if value is None or abs(value - param.default) < 0.1 else value)
    while params and params[-1] is None:
        params.pop()
    return Effect(name=name, kind=kind, params=tuple(params))


def chromas() -> st.SearchStrategy[Chroma]:
    return st.builds(Chroma, colour=colours, intensity=percent, shadow=percent, edge_smooth=percent, spill=percent)


@st.composite
def keyframes(draw: st.DrawFn, properties: list[str], length_us: int, clip: Clip) -> dict[str, Any]:
    chosen = draw(st.sets(st.sampled_from(properties), max_size=3)) if draw(booleans) else set()
    if "scale" in chosen and (clip.scale_x != clip.scale_y or chosen & {"scale_x", "scale_y"}):
        chosen -= {"scale"}
    made = {}
    for name in sorted(chosen):
        times = sorted(draw(st.sets(st.integers(0, length_us), min_size=1, max_size=3)))
        low = 0 if name in ("volume", "opacity") else -1
        made[name] = tuple(Keyframe(time_us=time_us, value=draw(decimals(low, 1))) for time_us in times)
    return made


_MOVES = ["position_x", "position_y", "rotation", "scale", "scale_x", "scale_y", "opacity"]
_COLOURS = ["saturation", "contrast", "brightness"]


def maybe(draw: st.DrawFn, strategy: st.SearchStrategy[Any]) -> Any:
    return draw(strategy) if draw(st.integers(0, 3)) == 3 else None


# --- resolved segments ------------------------------------------------------------------------------------------------


@st.composite
def moves(draw: st.DrawFn, what: str, length_us: int) -> dict[str, Animation | None]:
    """Intro and outro that fit into `length_us`."""
    intro_us = draw(lengths(1, length_us - 1))
    intro = maybe(draw, st.builds(Animation, name=keys(f"{what}_intro"), duration_us=st.just(intro_us)))
    left_us = length_us - (intro_us if intro else 0)
    outro = maybe(draw, st.builds(Animation, name=keys(f"{what}_outro"), duration_us=lengths(1, left_us)))
    return {"intro": intro, "outro": outro}


@st.composite
def played(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Which media is played, how long and how fast."""
    media = draw(st.sampled_from([path for path, probe in FILES.items() if probe.kind == kind]))
    length_us = FILES[media].length_us
    if length_us is None:
        duration_us = draw(lengths(SHORTEST_US, 20 * S))
        return {"media": media, "duration_us": duration_us, "source_duration_us": duration_us, "speed": 1.0}
    speed = draw(st.sampled_from([1.0, 1.0, 0.5, 2.0]) | decimals(0.1, 8))
    duration_us = draw(lengths(SHORTEST_US, min(20 * S, int(length_us / speed))))
    source_us = min(round(duration_us * speed), length_us)
    fade_in_us = draw(st.just(0) | lengths(0, duration_us))
    return {
        "media": media,
        "duration_us": duration_us,
        "speed": speed,
        "source_start_us": draw(lengths(0, length_us - source_us)),
        "source_duration_us": source_us,
        "volume": draw(decimals(0, 10)),
        "change_pitch": draw(booleans),
        "fade_in_us": fade_in_us,
        "fade_out_us": draw(st.just(0) | lengths(0, duration_us - fade_in_us)),
    }


@st.composite
def visuals(draw: st.DrawFn, named: bool = True, filled: bool = True) -> VisualSegment:
    """At 0, with a transition that the track takes away where it can't be. `named`: with JianYing's own effects."""
    kind = draw(st.sampled_from(["image", "video"]))
    base = draw(played(kind))
    length_us, clip = base["duration_us"], draw(clips)
    properties = [*_MOVES, *_COLOURS, *(["volume"] if kind == "video" else [])]
    more: dict[str, Any] = {"chroma": maybe(draw, chromas()), "crop": maybe(draw, crops())}
    if filled:
        more["fill"] = maybe(draw, fills)
    if kind == "video":
        more["reverse"] = draw(booleans)
    if named:
        group = maybe(draw, st.builds(Animation, name=keys("video_group"), duration_us=lengths(1, length_us)))
        more |= {"group": group} if group else draw(moves("video", length_us))
        more |= {
            "filters": draw(st.lists(filters, max_size=2).map(tuple)) if draw(booleans) else (),
            "effects": draw(st.lists(effects(), max_size=2).map(tuple)) if draw(booleans) else (),
            "mask": maybe(draw, masks()),
            "mix_mode": maybe(draw, keys("mix_mode")),
            "transition": maybe(
                draw, st.builds(Transition, name=keys("transition"), duration_us=lengths(1, length_us))
            ),
        }
    keyframed = draw(keyframes(properties, length_us, clip))
    return VisualSegment(kind=kind, start_us=0, **base, clip=clip, keyframes=keyframed, **more)


@st.composite
def sounds(draw: st.DrawFn, named: bool = True) -> AudioSegment:
    base = draw(played("audio"))
    made: tuple[Effect, ...] = ()
    if named and draw(booleans):
        kinds = draw(st.lists(st.sampled_from(["audio_scene", "tone", "speech_to_song"]), unique=True, max_size=3))
        made = tuple(draw(effects((kind,))) for kind in kinds)
    keyframed = draw(keyframes(["volume"], base["duration_us"], Clip()))
    return AudioSegment(start_us=0, **base, effects=made, keyframes=keyframed)


@st.composite
def styles(draw: st.DrawFn, named: bool = True) -> TextStyle:
    return TextStyle(
        size=draw(decimals(0.1, 100)),
        font=maybe(draw, keys("font")) if named else None,
        bold=draw(booleans),
        italic=draw(booleans),
        underline=draw(booleans),
        colour=draw(colours),
        opacity=draw(share),
        align=draw(st.sampled_from(["left", "center", "right"])),
        vertical=draw(booleans),
        letter_spacing=draw(decimals(-10, 100)),
        line_spacing=draw(decimals(-10, 100)),
        auto_wrap=draw(booleans),
        max_line_width=draw(share),
        border=maybe(draw, borders),
        shadow=maybe(draw, shadows),
        background=maybe(draw, backgrounds),
    )


@st.composite
def ranges(draw: st.DrawFn, text: str, style: TextStyle, named: bool = True) -> tuple[StyledRange, ...]:
    """In order, none over another, saying only what differs from `style`; neighbours are not alike."""
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    made: list[StyledRange] = []
    for start, end in pairwise(cuts):
        said = {
            "size": maybe(draw, decimals(0.1, 100)),
            "colour": maybe(draw, colours),
            "bold": maybe(draw, booleans),
            "italic": maybe(draw, booleans),
            "underline": maybe(draw, booleans),
            "font": maybe(draw, keys("font")) if named else None,
            "border": maybe(draw, borders),
            "shadow": maybe(draw, shadows),
        }
        differs = {key: value for key, value in said.items() if value not in (None, getattr(style, key))}
        one = StyledRange(start=start, end=end, **differs)
        before = made[-1] if made else None
        if differs and not (before and before.end == start and before.model_copy(update={"start": start, "end": end}) == one):  # fmt: skip
            made.append(one)
    return tuple(made)


@st.composite
def captions(draw: st.DrawFn, named: bool = True) -> TextSegment:
    duration_us, text, clip, style = draw(lengths(SHORTEST_US, 20 * S)), draw(texts), draw(clips), draw(styles(named))
    more: dict[str, Any] = {}
    if named:
        more = draw(moves("text", duration_us))
        left_us = duration_us - sum(one.duration_us or 0 for one in more.values() if one)
        if left_us:
            more["loop"] = maybe(draw, st.builds(Animation, name=keys("text_loop"), duration_us=st.just(left_us)))
        more["bubble"] = maybe(draw, st.builds(Bubble, effect_id=ids, resource_id=ids))
        more["flower"] = maybe(draw, ids)
    return TextSegment(
        start_us=0,
        duration_us=duration_us,
        text=text,
        clip=clip,
        style=style,
        ranges=draw(ranges(text, style, named)),
        keyframes=draw(keyframes(_MOVES, duration_us, clip)),
        **more,
    )


@st.composite
def stickers(draw: st.DrawFn) -> StickerSegment:
    duration_us, clip = draw(lengths(SHORTEST_US, 20 * S)), draw(clips)
    keyframed = draw(keyframes(_MOVES, duration_us, clip))
    return StickerSegment(start_us=0, duration_us=duration_us, sticker=draw(ids), clip=clip, keyframes=keyframed)


@st.composite
def tracks(draw: st.DrawFn, kind: str, named: bool, is_main: bool) -> Track:
    times = {"start_us": st.just(0), "duration_us": lengths(SHORTEST_US, 20 * S)}
    of_kind: dict[str, Any] = {
        "video": visuals(named, is_main),
        "audio": sounds(named),
        "text": captions(named),
        "sticker": stickers(),
        "effect": st.builds(EffectSegment, effect=effects(), **times),
        "filter": st.builds(FilterSegment, filter=filters, **times),
    }
    made: list[Any] = []
    start_us = 0
    for segment in draw(st.lists(of_kind[kind], min_size=1, max_size=4)):
        gap_us = draw(st.just(0) | lengths(0, 5 * S))
        if gap_us and made and getattr(made[-1], "transition", None):
            made[-1] = made[-1].model_copy(update={"transition": None})
        start_us += gap_us
        made.append(segment.model_copy(update={"start_us": start_us}))
        start_us += segment.duration_us
    if getattr(made[-1], "transition", None):
        made[-1] = made[-1].model_copy(update={"transition": None})
    return Track(kind=kind, segments=tuple(made), muted=draw(booleans))


@st.composite
def resolved_specs(draw: st.DrawFn, named: bool = True) -> DraftSpec:
    """As `resolve` makes them. `named`: with what only JianYing has."""
    kinds = ["video", "audio", "text", "sticker", *(["effect", "filter"] if named else [])]
    made: list[Track] = []
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=4)):
        made.append(draw(tracks(kind, named, all(track.kind != "video" for track in made))))
    return DraftSpec(
        width=draw(st.integers(16, 16384)),
        height=draw(st.integers(16, 16384)),
        fps=draw(st.integers(1, 240)),
        tracks=tuple(made),
    )


# --- specs as people write them ---------------------------------------------------------------------------------------

_BY_PATH = {path: url for url, path in zip(PROBES, FILES, strict=True)}


@st.composite
def _said(draw: st.DrawFn, segment: Any) -> Any:
    """The segment as somebody says it: without times, with odd names, cut from more than the media holds."""
    changes: dict[str, Any] = {}
    if draw(booleans):
        changes["start_us"] = draw(st.none() | lengths(0, 60 * S))
    if draw(booleans):
        changes["duration_us"] = draw(st.none() | lengths(1, 60 * S))
    if hasattr(segment, "media"):
        changes["media"] = _BY_PATH[segment.media]
        if draw(booleans):
            changes |= {"source_start_us": draw(lengths(0, 200 * S)), "source_duration_us": draw(st.none() | lengths(1, 300 * S))}  # fmt: skip
        if draw(booleans):
            changes["speed"] = None
    if isinstance(segment, VisualSegment):
        changes["fit"] = draw(st.sampled_from(["fit", "fill", "stretch"]))
        if draw(booleans):
            changes["transition"] = Transition(name=draw(_names("transition")))
            changes["intro"] = Animation(name=draw(_names("video_intro")))
        if draw(booleans):
            changes["filters"] = (Filter(name=draw(_names("filter"))),)
    if isinstance(segment, TextSegment) and draw(booleans):
        changes["loop"] = Animation(name=draw(_names("text_loop")), duration_us=draw(st.none() | lengths(1, 60 * S)))
        changes["style"] = segment.style.model_copy(update={"font": draw(_names("font"))})
    return segment.model_copy(update=changes)


def _names(kind: names.Kind) -> st.SearchStrategy[str]:
    titles = st.sampled_from(names.search(kind)).map(lambda entry: entry.title)
    return titles | st.sampled_from(["暖冬", "fade in", "渐隐", "？"]) | st.text(min_size=1, max_size=20)


@st.composite
def unresolved_specs(draw: st.DrawFn) -> DraftSpec:
    """As people write them: valid, but open. Their media is `PROBES`, their captions are given as text."""
    spec = draw(resolved_specs())
    said = tuple(
        track.model_copy(
            update={
                "segments": tuple(draw(_said(segment)) for segment in track.segments),
                "volume": draw(decimals(0, 2)),
            }
        )
        for track in spec.tracks
    )
    cues = draw(st.lists(texts, max_size=3))
    srt = "\n\n".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n + 2:02},500\n{text}" for n, text in enumerate(cues, 1))
    more = (Captions(srt=srt, max_chars=draw(st.none() | st.integers(4, 20))),) if cues else ()
    return spec.model_copy(update={"tracks": said, "captions": more, "background": maybe(draw, fills)})
