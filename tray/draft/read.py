"""Reads a draft folder back into a resolved spec: this program's own drafts whole, others as far as a spec can say it.

What a spec has no word for is left out with a warning, and so is a segment that can't be understood; the others are
read all the same. Names are the catalogue's keys, or what the draft itself says for what the catalogue doesn't have.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

import orjson
from pydantic import ValidationError

from tray.draft import read_attached, read_text
from tray.draft.folders import MAIN, META
from tray.draft.problems import DraftError, Notes, in_words, said_of, short
from tray.draft.read_attached import Refs, flag, number, whole
from tray.draft.spec import (
    MEDIA,
    AudioSegment,
    DraftSpec,
    EffectSegment,
    FilterSegment,
    Place,
    Segment,
    Span,
    StickerSegment,
    TextSegment,
    Track,
    VisualSegment,
)
from tray.locale import _
from tray.text import whole_characters

_MAINS = (MAIN, "draft_content.json", "draft_info.json")
_PLACEHOLDER = re.compile(r"##_draftpath_placeholder_[^#]*_##/")
_KINDS = ("video", "audio", "text", "sticker", "effect", "filter")
_ODD = (ValidationError, LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What comes of a segment that isn't as any application writes it."""


@dataclass(frozen=True)
class ReadDraft:
    """A draft as a resolved spec, and what of it a spec can't say."""

    spec: DraftSpec
    warnings: list[str]


def read(folder: Path) -> ReadDraft:
    """The draft in `folder`. Media that lies inside it is named by its path there, other media by its absolute path.

    Raises DraftError for one that can't be read.
    """
    content = _content(folder)
    reading = _Reading(folder, _materials(content), _old_place(folder))
    canvas = reading.canvas(content)
    reading.count_timelines()
    tracks = []
    for number_of, said in enumerate(content["tracks"], 1):
        track = reading.track(said, Place(track=number_of))
        if track is not None and track.segments:
            tracks.append(track)
    return ReadDraft(
        DraftSpec(name=whole_characters(folder.name), tracks=tuple(tracks), **canvas), reading.notes.warnings
    )


def file_of(folder: Path, media: str) -> PurePath:
    """Where media of the draft in `folder` lies: a path of Windows stays one, wherever this runs."""
    elsewhere = PureWindowsPath(media)
    return elsewhere if elsewhere.is_absolute() else folder.absolute() / media


def _content(folder: Path) -> dict[str, Any]:
    file = next((folder / name for name in _MAINS if (folder / name).is_file()), None)
    if file is None:
        raise DraftError(
            _("{folder} is not a draft: there is no {file} in it.").format(folder=folder, file=MAIN),
            _("Give the name of a draft, or the folder of one."),
        )
    try:
        content = orjson.loads(file.read_bytes())
    except OSError as error:
        raise DraftError(
            _("The draft {name} can't be read: {error}").format(name=folder.name, error=error.strerror or error),
            _("Check that the disk is there and that you may read the folder."),
        ) from None
    except ValueError:
        raise DraftError(
            _("The draft {name} can't be read: its {file} is encrypted or broken.").format(
                name=folder.name, file=file.name
            ),
            _("JianYing 6 and later encrypt a draft when they save it. Read one that they have not saved yet."),
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("tracks"), list):
        raise DraftError(
            _("The draft {name} can't be read: its {file} holds no timeline.").format(name=folder.name, file=file.name),
            _("Give the folder of a draft that JianYing, CapCut or this program made."),
        )
    return content


def _materials(content: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """By id, then by group: a mask is in two groups under one id."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    groups = content.get("materials")
    for group, members in groups.items() if isinstance(groups, dict) else ():
        for member in members if isinstance(members, list) else ():
            if isinstance(member, dict) and isinstance(member.get("id"), str):
                found.setdefault(member["id"], {})[group] = member
    return found


def _old_place(folder: Path) -> str:
    """Where the draft's meta says it lies, with a slash at its end; "" where it says nothing."""
    try:
        said = orjson.loads((folder / META).read_bytes())["draft_fold_path"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f"{said.rstrip('/')}/" if isinstance(said, str) and said else ""


@dataclass
class _Reading:
    folder: Path
    materials: Mapping[str, Mapping[str, dict[str, Any]]]
    old_place: str
    notes: Notes = field(default_factory=Notes)

    def canvas(self, content: Mapping[str, Any]) -> dict[str, int]:
        """Width, height and frames a second, those that are said and can be."""
        canvas = content.get("canvas_config")
        sizes = {**(canvas if isinstance(canvas, dict) else {}), "fps": content.get("fps")}
        found = {}
        for key in ("width", "height", "fps"):
            size = whole(sizes.get(key), 0)
            with contextlib.suppress(ValidationError):
                DraftSpec.model_validate({key: size})
                found[key] = size
            used = found.get(key, DraftSpec.model_fields[key].default)
            if sizes.get(key) not in (None, used):
                text = _("the draft's “{key}” of {said} is read as {used}")
                self.notes.warn(Place(), text.format(key=key, said=short(sizes[key]), used=used))
        return found

    def count_timelines(self) -> None:
        """JianYing and CapCut keep more than one since their version 8."""
        n = len({file.parent for name in _MAINS for file in self.folder.glob(f"Timelines/*/{name}")})
        if n > 1:
            self.notes.warn(Place(), _("the draft has {n} timelines; only its main one is read").format(n=n))

    def track(self, said: Any, place: Place) -> Track | None:
        """None for one that no spec can say."""
        if not isinstance(said, dict) or said.get("type") not in _KINDS:
            kind = said.get("type") if isinstance(said, dict) else said
            self.notes.warn(place, _("it is of kind “{kind}”, which can't be read; it is left out").format(kind=kind))
            return None
        segments: list[Segment] = []
        listed = said.get("segments")
        for number_of, one in enumerate(listed if isinstance(listed, list) else (), 1):
            where = Place(track=place.track, segment=number_of)
            try:
                segments.append(self._segment(said["type"], one, where))
            except _ODD as error:
                self.notes.warn(where, _("it can't be read and is left out ({why})").format(why=_why(error)))
        segments.sort(key=lambda segment: segment.start_us or 0)
        muted = bool(whole(said.get("attribute"), 0) & 1)
        return Track(kind=said["type"], segments=tuple(segments), muted=muted)

    def _segment(self, kind: str, said: dict[str, Any], place: Place) -> Segment:
        target = _span(said["target_timerange"])
        times = {"start": target.start_us, "duration": target.duration_us}
        groups = self.materials[said["material_id"]]
        refs = self._refs(said)
        if said.get("visible") is False:
            self.notes.warn(place, _("it is hidden and is read as one that is shown"))
        if "drafts" in refs:
            self.notes.warn(place, _("it is a compound clip and is read as one video"))
        found: dict[str, Any]
        if kind in ("video", "audio"):
            material = groups["videos" if kind == "video" else "audios"]
            found = {**times, **self._played(said, material, refs, place)}
            if kind == "audio":
                found |= dict(self._said(read_attached.of_audio(refs), place))
                return AudioSegment.model_validate(found)
            found |= {"kind": "image" if material.get("type") == "photo" else "video"}
            found |= {"clip": _clip(said), "crop": read_attached.crop(material)}
            found |= dict(self._said(read_attached.of_visual(refs), place))
            return VisualSegment.model_validate(found)
        if kind in ("text", "sticker"):
            found = {**times, "clip": _clip(said), "keyframes": self._keyframes(said, place)}
            if kind == "sticker":
                material = groups["stickers"]
                found |= dict(self._said(read_attached.of_sticker(refs), place))
                return StickerSegment(**found, sticker=material.get("resource_id") or material["sticker_id"])
            found |= dict(self._said(read_text.of_material(groups["texts"]), place))
            found |= dict(self._said(read_attached.of_text(refs), place))
            return TextSegment.model_validate(found)
        if kind == "effect":
            return EffectSegment(**times, effect=read_attached.effect(groups["video_effects"]))
        return FilterSegment(**times, filter=read_attached.filter_of(groups["effects"]))

    def _refs(self, said: Mapping[str, Any]) -> Refs:
        """By group what the segment refers to, in its order."""
        refs: Refs = {}
        for ref in said.get("extra_material_refs") or ():
            for group, material in self.materials.get(ref, {}).items():
                refs.setdefault(group, []).append(material)
        return refs

    def _played(
        self, said: Mapping[str, Any], material: Mapping[str, Any], refs: Refs, place: Place
    ) -> dict[str, Any]:  # fmt: skip
        played = said.get("source_timerange")
        source = _span(played) if played else Span(0, _span(said["target_timerange"]).duration_us)
        if any(speed.get("curve_speed") for speed in refs.get("speeds", ())):
            self.notes.warn(place, _("its speed follows a curve and is read as one speed"))
        fades = next(iter(refs.get("audio_fades", ())), {})
        return {
            "media": self._media(str(material["path"])),
            "source_start": source.start_us,
            "source_duration": source.duration_us,
            "speed": number(said.get("speed"), 1.0),
            "volume": number(said.get("volume"), 1.0),
            "change_pitch": flag(said.get("is_tone_modify")),
            "reverse": flag(said.get("reverse")),
            "fade_in": whole(fades.get("fade_in_duration"), 0),
            "fade_out": whole(fades.get("fade_out_duration"), 0),
            "keyframes": self._keyframes(said, place),
        }

    def _media(self, path: str) -> str:
        slashed = path.replace("\\", "/")
        if held := _PLACEHOLDER.match(slashed):
            return slashed[held.end() :]
        for root in (f"{self.folder.as_posix()}/", self.old_place):
            if root and slashed.startswith(root):
                return slashed[len(root) :]
        name = slashed.rpartition("/")[2]
        if slashed.endswith(f"/{MEDIA}/{name}") and (self.folder / MEDIA / name).is_file():
            return f"{MEDIA}/{name}"  # the draft was moved
        return path

    def _keyframes(self, said: Mapping[str, Any], place: Place) -> dict[str, Any]:
        found, unknown = read_attached.keyframes(said)
        if unknown:
            text = _("its keyframes of {what} can't be read and are left out")
            self.notes.warn(place, text.format(what=_(", ").join(unknown)))
        if read_attached.are_curved(said):
            self.notes.warn(place, _("its keyframes follow curves and are read as straight lines"))
        return found

    def _said(self, found: Iterator[tuple[str, Any]], place: Place) -> Iterator[tuple[str, Any]]:
        """What was found but the materials that can't be read, which are warned of."""
        for key, value in found:
            if key == read_attached.UNKNOWN:
                self.notes.warn(place, _("its “{what}” can't be read and is left out").format(what=value))
            else:
                yield key, value


def _span(said: Mapping[str, Any]) -> Span:
    """A time range of a draft. Null would be, for a spec, a time that is yet to be found."""
    if said["start"] is None or said["duration"] is None:
        raise TypeError
    return Span(said["start"], said["duration"])


def _clip(said: Mapping[str, Any]) -> dict[str, Any]:
    clip = said.get("clip") or {}
    scale, at, flip = clip.get("scale") or {}, clip.get("transform") or {}, clip.get("flip") or {}
    return {
        "x": number(at.get("x"), 0.0),
        "y": number(at.get("y"), 0.0),
        "scale_x": number(scale.get("x"), 1.0),
        "scale_y": number(scale.get("y"), 1.0),
        "rotation": number(clip.get("rotation"), 0.0),
        "opacity": min(max(number(clip.get("alpha"), 1.0), 0.0), 1.0),
        "flip_horizontal": flag(flip.get("horizontal")),
        "flip_vertical": flag(flip.get("vertical")),
    }


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        field, text = next(in_words(error))
        return said_of(field, text) if field else text
    if isinstance(error, KeyError):
        return _("“{what}” is missing").format(what=error.args[0])
    return _("it is not as JianYing writes it")
