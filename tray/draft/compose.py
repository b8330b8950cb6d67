"""What the worker process does for a draft: read what was said, and write the whole draft folder."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tray.draft import source
from tray.draft.folders import MAIN, META, Profile
from tray.draft.library import counts
from tray.draft.probe import Probe
from tray.draft.problems import Problem, few, named_in
from tray.draft.source import Source, TimeUnit
from tray.draft.spec import MEDIA, DraftSpec, Place
from tray.events import Receipt

if TYPE_CHECKING:
    from tray.draft.resolve import Resolved

PLACEHOLDER = "##_draftpath_placeholder_0E685133-18CE-45ED-8CB8-2904A212EC80_##"
"""What the application writes for the draft's own folder; the same constant in every file seen (JianYing for macOS
5.4.5, CapCut 1.5 to 7.8)."""


@dataclass(frozen=True)
class Options:
    """How drafts are made. `profile`: for which application. `strict`: an effect that JianYing doesn't have keeps the
    draft from being built. `portable`: media paths that hold wherever the draft's folder is put."""

    profile: Profile = "jianying"
    strict: bool = False
    portable: bool = False


@dataclass(frozen=True)
class Outline:
    """What of a draft must be known to get its media. `number` counts from 1; `key` is the same for the same draft said
    twice; `is_empty`: it says no segments, and nothing is wrong (real exports hold such drafts)."""

    number: int
    key: str
    name: str
    is_empty: bool
    warnings: list[str]
    urls: list[str]
    caption_urls: list[str]


@dataclass(frozen=True)
class Found:
    """By URL what each media file is, what each link to captions gave, and why the others can't be had."""

    probes: Mapping[str, Probe]
    srt_texts: Mapping[str, str]
    faults: Mapping[str, str]


@dataclass(frozen=True)
class Composed:
    """`files`: by path inside the draft the media that is still to be put there."""

    receipt: Receipt
    registry_entry: dict[str, Any]
    files: dict[str, Path]


def outlines(text: str, time_unit: TimeUnit) -> list[Outline]:
    """The drafts that `text` holds. Raises DraftError for none."""
    return [
        Outline(
            number=draft.number,
            key=draft.key,
            name=draft.name,
            is_empty=not draft.said and not draft.problems,
            warnings=draft.warnings,
            urls=list(dict.fromkeys(url for url, _place in draft.urls())),
            caption_urls=list(dict.fromkeys(url for url, _place in draft.caption_urls())),
        )
        for draft in _sources(text, time_unit)
    ]


def compose(
    text: str, time_unit: TimeUnit, number: int, found: Found, options: Options, staged: Path, final: Path
) -> Composed | list[Problem]:
    """Write the folder of draft `number` of `text` at `staged`, as it will lie at `final`, but for its media.

    Returns the problems instead where there are any, in the order of their places. Raises OSError where it can't be
    written.
    """
    from tray.draft import build, cover, meta  # heavy, and wanted in the worker process alone

    settled = _settled(text, time_unit, number, found, options)
    resolved = settled.resolved
    problems = [*settled.problems, *resolved.problems]
    if problems:
        problems.sort(key=lambda problem: (problem.place.track or 0, problem.place.segment or 0))
        return few(problems, Place(draft=number))
    path = final.as_posix()
    files = {path: probe.path for path, probe in resolved.files.items()}
    sizes = {file.name: file.stat().st_size for file in files.values()}
    (staged / MEDIA).mkdir(parents=True)
    cover.write_cover(staged / meta.COVER, resolved.spec, files, settled.cover)
    content = build.content(resolved, options.profile, PLACEHOLDER if options.portable else path)
    _write(staged / MAIN, build.encoded(content))
    facts = meta.Facts(
        name=final.name,
        draft_id=str(uuid.uuid4()).upper(),
        path=path,
        root=final.parent.as_posix(),
        duration_us=content["duration"],
        media_bytes=sum(sizes.values()),
        created_us=time.time_ns() // 1000,
    )
    media = {group: content["materials"][group] for group in ("videos", "audios")}
    del content  # a draft of 30,000 segments takes 80 MB in each of its forms
    _write(staged / META, [orjson.dumps(meta.meta(facts, media, sizes, options.profile))])
    warnings = [*settled.warnings, *resolved.warnings]
    receipt = Receipt(
        path=str(final),
        name=final.name,
        draft_id=facts.draft_id,
        segments=counts(resolved.spec),
        duration_us=facts.duration_us,
        media_bytes=facts.media_bytes,
        time_unit=settled.time_unit,
        time_unit_reason=settled.time_unit_reason,
        warnings=warnings,
        warned=warned(warnings, resolved.spec),
    )
    return Composed(receipt, meta.registry_entry(facts), files)


def warned(warnings: Sequence[str], spec: DraftSpec) -> list[list[int]]:
    """Of each warning, which names where its segment was said, where that is in the draft: track and segment from 1."""
    placed: dict[tuple[int | None, int | None], list[int]] = {}
    for number, track in enumerate(spec.tracks, 1):
        for index, segment in enumerate(track.segments, 1):
            placed.setdefault((segment.place.track, segment.place.segment), [number, index])
    return [placed.get(named_in(line) or (0, 0), []) for line in warnings]


@dataclass(frozen=True)
class _Settled:
    """A draft that is resolved, and what was found on the way there. `cover`: the picture chosen for it."""

    resolved: Resolved
    cover: Path | None
    time_unit: str
    time_unit_reason: str
    problems: list[Problem]
    warnings: list[str]


def _settled(text: str, time_unit: TimeUnit, number: int, found: Found, options: Options) -> _Settled:
    from tray.draft import resolve

    drafts = _sources(text, time_unit)
    draft = drafts[number - 1]
    imported = draft.to_spec({url: one.length_us for url, one in found.probes.items()})
    wanted = [*draft.urls(), *draft.caption_urls()]
    missing = [Problem(place, found.faults[url]) for url, place in wanted if url in found.faults]
    if len(drafts) == 1:  # it takes as much memory as what is made of it now
        _sources.cache_clear()
    del drafts, draft, wanted
    cover = found.probes.get(imported.spec.cover or "")
    return _Settled(
        resolve.resolve(imported.spec, found.probes, found.srt_texts, profile=options.profile, strict=options.strict),
        cover.path if cover else None,
        imported.time_unit,
        imported.time_unit_reason,
        [*missing, *imported.problems],
        imported.warnings,
    )


@lru_cache(maxsize=1)
def _sources(text: str, time_unit: TimeUnit) -> list[Source]:
    """What `text` holds, read once in the life of the worker, and again in that of the next if it crashes."""
    return source.read(text, time_unit)


def _write(path: Path, parts: Iterable[bytes]) -> None:
    """On the disk when this returns: the rename that follows must not overtake it."""
    with path.open("wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
