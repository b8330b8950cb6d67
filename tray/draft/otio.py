"""A draft as an OpenTimelineIO timeline, for DaVinci Resolve, Premiere Pro, Kdenlive, Blender and others that read it.

Every time has the canvas's frame rate and is a whole number of frames. OpenTimelineIO allows fractions, but those who
read it don't all: Kdenlive takes its own rate from the timeline's and rounds each clip's start and length apart, so
that with fractions clips overlap by a frame and are left out (KDE/kdenlive, otioimport.cpp), and DaVinci
Resolve's scripting refuses them (tmoroney/auto-subs, issue 745). So each edge goes to its nearest frame, neighbours
stay neighbours, and nothing drifts; what is shorter than a frame gets one. The exact microseconds, and everything that
OpenTimelineIO has no word for, are in the metadata: `metadata["coze_tray"]` of the timeline, of its tracks and of its
clips together are the whole spec.

A retimed clip has, as is usual, the length it has on the timeline and a LinearTimeWarp (AcademySoftwareFoundation/
OpenTimelineIO, pull request 842). Texts are clips of a generator, as Resolve writes its titles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tray.draft import folders
from tray.draft.read import file_of
from tray.draft.spec import (
    AudioSegment,
    DraftSpec,
    EffectSegment,
    FilterSegment,
    Segment,
    StickerSegment,
    TextSegment,
    Track,
    VisualSegment,
)

if TYPE_CHECKING:  # opentimelineio is imported where it is needed: few commands do
    import opentimelineio as otio

KEY = "coze_tray"
"""Where the metadata of this program is."""
_DISSOLVE = "叠化"
"""JianYing's name of the one transition that every program has."""


def timeline(spec: DraftSpec, folder: Path, name: str) -> otio.schema.Timeline:
    """The timeline of a resolved spec whose media is in `folder`, the draft's own. Media is linked to, not copied."""
    import opentimelineio as otio

    made = otio.schema.Timeline(name=name, global_start_time=otio.opentime.RationalTime(0, spec.fps))
    made.metadata[KEY] = spec.model_dump(mode="json", exclude={"tracks"}, exclude_defaults=True) | {
        "version": spec.version, "width": spec.width, "height": spec.height, "fps": spec.fps,
    }  # fmt: skip
    lengths_us = _media_lengths(spec, folder)
    for number, track in enumerate(spec.tracks, 1):
        made.tracks.append(_track(track, number, spec.fps, folder, lengths_us))
    return made


def text_of(made: otio.schema.Timeline) -> str:
    """What an .otio file says of it."""
    return str(made.to_json_string(indent=2)) + "\n"


def _track(
    track: Track, number: int, fps: int, folder: Path, lengths_us: Mapping[str, int]
) -> otio.schema.Track:  # fmt: skip
    import opentimelineio as otio

    sounds = track.kind == "audio"
    exact = track.model_dump(mode="json", exclude={"segments"}, exclude_defaults=True)
    made = otio.schema.Track(
        name=f"{number} {track.kind}",
        kind=otio.schema.TrackKind.Audio if sounds else otio.schema.TrackKind.Video,
        metadata={KEY: {**exact, "kind": track.kind}},
    )
    made.enabled = not (sounds and track.muted)  # a muted video track is still seen
    end = 0
    waiting: otio.schema.Transition | None = None
    for segment, start, frames in _framed(track, fps):
        if start > end:
            made.append(otio.schema.Gap(source_range=_range(0, start - end, fps)))
            waiting = None
        if waiting is not None:
            waiting.out_offset = otio.opentime.RationalTime(min(waiting.out_offset.value, frames), fps)
            made.append(waiting)
        made.append(_clip(segment, frames, fps, folder, lengths_us))
        waiting = _transition(segment, frames - (round(waiting.out_offset.value) if waiting else 0), fps)
        end = start + frames
    return made


def _framed(track: Track, fps: int) -> Iterator[tuple[Segment, int, int]]:
    """Each segment with its first frame and how many it has; they follow each other without overlap."""
    end = 0
    for segment in track.segments:
        start = max(_frames(segment.target.start_us, fps), end)
        end = max(_frames(segment.target.end_us, fps), start + 1)
        yield segment, start, end - start


def _frames(time_us: int, fps: int) -> int:
    """The frame nearest to a time, halves upwards: the same for the end of one segment and the start of the next."""
    return (2 * time_us * fps + 1_000_000) // 2_000_000


def _range(start: int, frames: int, fps: int) -> otio.opentime.TimeRange:
    import opentimelineio as otio

    return otio.opentime.TimeRange(otio.opentime.RationalTime(start, fps), otio.opentime.RationalTime(frames, fps))


def _clip(
    segment: Segment, frames: int, fps: int, folder: Path, lengths_us: Mapping[str, int]
) -> otio.schema.Clip:  # fmt: skip
    import opentimelineio as otio

    if isinstance(segment, TextSegment) and "\0" in segment.text:  # the library would end the text there
        segment = segment.model_copy(update={"text": segment.text.replace("\0", "\ufffd")})
    exact = segment.model_dump(mode="json", exclude_defaults=True)
    exact |= {"kind": segment.kind, "start": segment.start_us, "duration": segment.duration_us}
    made = otio.schema.Clip(source_range=_range(0, frames, fps), metadata={KEY: exact})
    if isinstance(segment, (VisualSegment, AudioSegment)):
        made.name = segment.media.rpartition("/")[2]
        source_start = _frames(segment.source.start_us, fps)
        made.source_range = _range(source_start, frames, fps)
        held = max(_frames(lengths_us[segment.media], fps), 1) if segment.kind != "image" else source_start + frames
        made.media_reference = otio.schema.ExternalReference(
            target_url=_url(folder, segment.media), available_range=_range(0, held, fps)
        )
        made.media_reference.name = made.name
        speed = segment.speed or 1.0
        if segment.reverse or speed != 1.0:
            made.effects.append(
                otio.schema.LinearTimeWarp(name="speed", time_scalar=-speed if segment.reverse else speed)
            )
    elif isinstance(segment, TextSegment):
        made.name = " ".join(segment.text.split())[:60]
        style = segment.style
        said = {"text": segment.text, "font": style.font or "", "size": style.size, "colour": style.colour}
        made.media_reference = _generator("text", said)
    elif isinstance(segment, StickerSegment):
        made.name = segment.sticker
        made.media_reference = _generator("sticker", {"sticker": segment.sticker})
    else:
        made.name = segment.effect.name if isinstance(segment, EffectSegment) else segment.filter.name
        made.media_reference = _generator("adjustment", {})
    # What only JianYing can draw must not hide, as a missing clip, what is below it.
    made.enabled = not isinstance(segment, (StickerSegment, EffectSegment, FilterSegment))
    made.effects.extend(_effects(segment))
    return made


def _generator(kind: Literal["text", "sticker", "adjustment"], parameters: dict[str, Any]) -> Any:
    import opentimelineio as otio

    return otio.schema.GeneratorReference(name=kind, generator_kind=kind, parameters=parameters)


def _effects(segment: Segment) -> Iterator[otio.schema.Effect]:
    """Its filters, effects and animations by name; their numbers are in the clip's metadata too."""
    import opentimelineio as otio

    said: list[tuple[str, Any]] = []
    if isinstance(segment, VisualSegment):
        said += [("filter", one) for one in segment.filters]
    if isinstance(segment, (VisualSegment, AudioSegment)):
        said += [(one.kind or "effect", one) for one in segment.effects]
    if isinstance(segment, EffectSegment):
        said.append((segment.effect.kind or "effect", segment.effect))
    if isinstance(segment, FilterSegment):
        said.append(("filter", segment.filter))
    for kind in ("intro", "outro", "group", "loop", "mask"):
        one = getattr(segment, kind, None)
        if one is not None:
            said.append((kind, one))
    for kind, one in said:
        yield otio.schema.Effect(
            name=one.name,
            effect_name=f"JianYing {kind}",
            metadata={KEY: one.model_dump(mode="json", exclude_none=True)},
        )


def _transition(segment: Segment, most: int, fps: int) -> otio.schema.Transition | None:
    """The transition to the next clip, half of it on either side of the cut. `most`: the frames that the clip has for
    it, beside the transition before."""
    import opentimelineio as otio

    said = segment.transition if isinstance(segment, VisualSegment) else None
    if said is None:
        return None
    whole = max(_frames(said.duration_us or 0, fps), 1)
    before = min(whole // 2, most)
    kinds = otio.schema.TransitionTypes
    return otio.schema.Transition(
        name=said.name,
        transition_type=kinds.SMPTE_Dissolve if said.name == _DISSOLVE else kinds.Custom,
        in_offset=otio.opentime.RationalTime(before, fps),
        out_offset=otio.opentime.RationalTime(whole - before, fps),
        metadata={KEY: said.model_dump(mode="json", exclude_none=True)},
    )


def _url(folder: Path, media: str) -> str:
    """A file: URL of the media; what is a link already stays one."""
    return media if "://" in media else file_of(folder, media).as_uri()


def _media_lengths(spec: DraftSpec, folder: Path) -> dict[str, int]:
    """By media how long it is: as the draft's meta says, and at least as much as is played of it."""
    said = _lengths_in_meta(folder)
    lengths: dict[str, int] = {}
    for track in spec.tracks:
        for segment in track.segments:
            if isinstance(segment, (VisualSegment, AudioSegment)):
                known = lengths.get(segment.media, said.get(segment.media.rpartition("/")[2], 0))
                lengths[segment.media] = max(known, segment.source.end_us)
    return lengths


def _lengths_in_meta(folder: Path) -> dict[str, int]:
    """By file name. Whatever is not as it should be is not there: the lengths are a nicety."""
    try:
        groups = json.loads((folder / folders.META).read_text("utf-8"))["draft_materials"]
        entries = [entry for group in groups for entry in group["value"]]
        return {
            str(entry["file_Path"]).replace("\\", "/").rpartition("/")[2]: int(entry["duration"]) for entry in entries
        }
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return {}
