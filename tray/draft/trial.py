"""What a text would make, told before anything is built: without its media, and so without any network.

What only the media can tell is assumed, and said to be: speech lasts as long as one reads what it says, any other video
or sound whose part isn't said five seconds; pictures have the canvas's shape. It runs in the worker process: a text of
10 MB takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from tray.draft import source
from tray.draft.compose import warned
from tray.draft.cover import STILLS
from tray.draft.folders import Profile
from tray.draft.probe import Probe
from tray.draft.problems import Problem, few
from tray.draft.recipe import Recipe
from tray.draft.source import Source, TimeUnit
from tray.draft.spec import AudioSegment, DraftSpec, Place, VisualSegment
from tray.locale import _, ngettext

MOST_CHARS = 20_000_000
"""Of a text that is tried; longer ones are built, not looked at."""
ASSUMED_US = 5_000_000
_LONGEST_US = 24 * 3600 * 1_000_000


@dataclass(frozen=True)
class TrialDraft:
    """One draft as it would be. `spec` is resolved; its media has names made up of its links. `time_unit`: "us", "ms",
    "s", "mixed", and why, "" where the draft says its units itself. `warned` as in events.Receipt. `notes`: what was
    assumed."""

    number: int
    name: str
    spec: DraftSpec
    links: int
    time_unit: str
    time_unit_reason: str
    problems: list[Problem]
    warnings: list[str]
    warned: list[list[int]]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """Every draft of a text, in order; those that say nothing are left out, `empty` of them."""

    drafts: list[TrialDraft]
    empty: int


def try_text(text: str, time_unit: TimeUnit = "auto", profile: Profile = "jianying", *, strict: bool = False) -> Trial:
    """What `text` would make: an export, a spec, a recipe. Raises DraftError where it holds no draft at all."""
    drafts = source.read(text, time_unit)
    said = [draft for draft in drafts if draft.said or draft.problems]
    return Trial([_tried(draft, profile, strict=strict) for draft in said], len(drafts) - len(said))


def _tried(draft: Source, profile: Profile, *, strict: bool) -> TrialDraft:
    from tray.draft import resolve  # heavy, and wanted in the worker process alone

    speech_us = draft.supposed_us() if isinstance(draft, Recipe) else {}
    imported = draft.to_spec(speech_us)
    supposed, unsaid = _supposed(imported.spec, speech_us)
    resolved = resolve.resolve(imported.spec, supposed, {}, profile=profile, strict=strict)
    warnings = [*imported.warnings, *resolved.warnings]
    problems = sorted(
        [*imported.problems, *resolved.problems],
        key=lambda problem: (problem.place.track or 0, problem.place.segment or 0),
    )
    captions = sum(1 for _url in draft.caption_urls())
    return TrialDraft(
        number=draft.number,
        name=draft.name,
        spec=resolved.spec,
        links=len({url for url, _place in draft.urls()}),
        time_unit=imported.time_unit,
        time_unit_reason=imported.time_unit_reason,
        problems=few(problems, Place(draft=draft.number)),
        warnings=warnings,
        warned=warned(warnings, resolved.spec),
        notes=list(_notes(unsaid, captions, imported.time_unit_reason)),
    )


def _notes(unsaid: int, captions: int, reason: str) -> Iterator[str]:
    if unsaid:
        yield ngettext(
            "The length of {n} video or sound is only known once it is fetched; here it is assumed.",
            "The lengths of {n} videos and sounds are only known once they are fetched; here they are assumed.",
            unsaid,
        ).format(n=unsaid)
    if reason:
        yield _("The unit of time may turn out to be another one when the media's real lengths are known.")
    if captions:
        yield _("Captions that are given as a link are not shown here: nothing is fetched.")


def _supposed(spec: DraftSpec, speech_us: Mapping[str, int]) -> tuple[dict[str, Probe], int]:
    """By link what its media is taken for; and of how many the length is known by nobody."""
    needed: dict[str, int] = {}
    kinds: dict[str, Literal["image", "video", "audio"]] = {}
    unsaid: set[str] = set()
    for track in spec.tracks:
        for segment in track.segments:
            if not isinstance(segment, (VisualSegment, AudioSegment)):
                continue
            kind = kinds.setdefault(segment.media, _kind(segment))
            length_us = speech_us.get(segment.media) or _needed(segment)
            if (segment.media in speech_us or length_us is None) and kind != "image":
                unsaid.add(segment.media)
            needed[segment.media] = max(needed.get(segment.media, 0), length_us or 0)
    probes = {}
    for number, (url, kind) in enumerate(kinds.items(), 1):
        length_us = None if kind == "image" else min(needed[url] or ASSUMED_US, _LONGEST_US)
        size = (0, 0) if kind == "audio" else (spec.width, spec.height)
        probes[url] = Probe(Path(_name(number, url)), kind, *size, length_us, has_audio=kind != "image")
    return probes, len(unsaid)


def _kind(segment: VisualSegment | AudioSegment) -> Literal["image", "video", "audio"]:
    """What its media is taken for: a spec calls a picture a video as well, and its link tells."""
    looks_like_one = segment.media.partition("?")[0].lower().endswith(STILLS)
    is_picture = looks_like_one or segment.media.startswith("data:image/")
    return "image" if segment.kind == "video" and is_picture else segment.kind


def _needed(segment: VisualSegment | AudioSegment) -> int | None:
    """How far into its media it plays; None where only the media can tell."""
    if segment.source_duration_us is not None:
        return segment.source_start_us + segment.source_duration_us
    if segment.duration_us is not None:
        return segment.source_start_us + round(segment.duration_us * (segment.speed or 1.0))
    return None


def _name(number: int, url: str) -> str:
    """A name that is its own, and says what the link says."""
    tail = "" if url.startswith("data:") else unquote(url.partition("?")[0]).rpartition("/")[2]
    return f"{number}-{re.sub('[^0-9A-Za-z._一-鿿-]', '_', tail)[-40:]}" if tail else str(number)
