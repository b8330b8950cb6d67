"""Writes one whole draft folder. Runs in the worker process."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tray.draft.folders import Profile
from tray.draft.probe import Probe
from tray.draft.problems import Problem
from tray.draft.source import Source
from tray.draft.spec import MEDIA, DraftSpec
from tray.events import Receipt

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
class Materials:
    """What of a draft's media is here. By URL what each file is, and what each link to captions gave; and the problems
    of those that can't be had."""

    probes: Mapping[str, Probe]
    srt_texts: Mapping[str, str]
    missing: list[Problem]


@dataclass(frozen=True)
class Composed:
    receipt: Receipt
    registry_entry: dict[str, Any]


def compose(
    draft: Source, materials: Materials, options: Options, staged: Path, final: Path
) -> Composed | list[Problem]:
    """Write the whole draft folder at `staged`, as it will lie at `final`.

    Returns the problems instead where there are any, in the order of their places. Raises OSError where it can't be
    written.
    """
    from tray.draft import build, cover, meta, resolve  # heavy, and wanted in the worker process alone

    imported = draft.to_spec({url: one.length_us for url, one in materials.probes.items()})
    resolved = resolve.resolve(
        imported.spec, materials.probes, materials.srt_texts, profile=options.profile, strict=options.strict
    )
    problems = [*materials.missing, *imported.problems, *resolved.problems]
    if problems:
        return sorted(problems, key=lambda problem: (problem.place.track or 0, problem.place.segment or 0))
    spec = resolved.spec
    path = final.as_posix()
    content = build.content(resolved, options.profile, PLACEHOLDER if options.portable else path)

    sizes = _place_media(resolved.files, staged)
    facts = meta.Facts(
        name=final.name,
        draft_id=str(uuid.uuid4()).upper(),
        path=path,
        root=final.parent.as_posix(),
        duration_us=content["duration"],
        media_bytes=sum(sizes.values()),
        created_us=time.time_ns() // 1000,
    )
    chosen = materials.probes.get(imported.spec.cover or "")
    cover.write_cover(
        staged / meta.COVER, spec, {name: probe.path for name, probe in resolved.files.items()}, chosen and chosen.path
    )
    _write_json(staged / meta.MAIN, content)
    _write_json(staged / meta.META, meta.meta(facts, content["materials"], sizes, options.profile))
    receipt = Receipt(
        path=str(final),
        name=final.name,
        draft_id=facts.draft_id,
        segments=_counts(spec),
        duration_us=facts.duration_us,
        media_bytes=facts.media_bytes,
        time_unit=imported.time_unit,
        time_unit_reason=imported.time_unit_reason,
        warnings=[*imported.warnings, *resolved.warnings],
    )
    return Composed(receipt, meta.registry_entry(facts))


def _place_media(files: Mapping[str, Probe], staged: Path) -> dict[str, int]:
    """Put each file, by its path inside the draft, into the draft. Returns bytes by file name."""
    (staged / MEDIA).mkdir(parents=True)
    sizes: dict[str, int] = {}
    for path, one in files.items():
        target = staged / path
        try:
            os.link(one.path, target)  # the bench is on the same volume and goes away: nothing is copied
        except OSError:
            shutil.copyfile(one.path, target)
        sizes[target.name] = one.size_bytes
    return sizes


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Compact, on one line, on the disk when this returns: the rename that follows must not overtake it."""
    with path.open("wb") as file:
        file.write(orjson.dumps(value))
        file.flush()
        os.fsync(file.fileno())


def _counts(spec: DraftSpec) -> dict[str, int]:
    """How many segments of each kind; those that there are."""
    counts: dict[str, int] = {}
    for track in spec.tracks:
        for segment in track.segments:
            counts[segment.kind] = counts.get(segment.kind, 0) + 1
    return counts
