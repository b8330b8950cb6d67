"""Export in, drafts out: import -> fetch -> probe -> build -> publish. No cloud is needed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from tray.draft import coze_export, media, publish
from tray.draft.cache import Cache, CachePolicy
from tray.draft.coze_export import CozeDraft
from tray.draft.fetch import FetchPolicy, Progress
from tray.draft.probe import Probe
from tray.draft.problems import DraftError, Problem, name_of
from tray.draft.spec import Place
from tray.draft.worker import Worker, WorkerDiedError
from tray.events import Receipt
from tray.locale import _

log = logging.getLogger(__name__)


class Ledger(Protocol):
    """Who remembers which drafts were written, so that the same one, said again, is not written twice."""

    def find(self, key: str) -> Receipt | None:
        """The receipt of the draft with this key, if it was written or about to be."""

    def about_to_write(self, key: str, receipt: Receipt) -> None:
        """The draft is finished, and the very next step puts it in place."""

    def written(self, key: str, receipt: Receipt) -> None:
        """The draft is in place."""


@dataclass(frozen=True)
class Workshop:
    """Where drafts are built and what may go into them. `root`: the drafts folder. `locks`: a folder for lock files."""

    root: Path
    policy: FetchPolicy
    locks: Path
    cache: CachePolicy


@dataclass
class Built:
    """What became of an export: `receipts` of the drafts written (or found written before), in order; `problems` of
    those that were not; `warnings` of drafts that were skipped."""

    receipts: list[Receipt] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The line that `build --json` ends with."""
        return {
            "status": "failed" if self.problems else "done",
            "drafts": [asdict(receipt) for receipt in self.receipts],
            "errors": [problem.to_json() for problem in self.problems],
            "warnings": self.warnings,
        }


async def build(
    text: str, workshop: Workshop, language: str, *, progress: Progress, ledger: Ledger | None = None
) -> Built:
    """Build every draft that the export `text` holds. Each is written whole or not at all.

    Raises DraftError where nothing can be built at all: no JSON, no draft in it, a drafts folder that can't be written.
    Cancelling it leaves nothing behind.
    """
    drafts = await asyncio.to_thread(coze_export.read, text)
    built = Built()
    wanted: list[CozeDraft] = []
    keys: set[str] = set()
    for draft in drafts:
        done = _done_before(draft.key, ledger)
        if done:
            built.receipts.append(done)
        elif draft.is_empty:
            built.warnings.append(_("{draft} ({name}) has no segments and is skipped").format(
                draft=name_of(Place(draft=draft.number)), name=draft.name or "?"))  # fmt: skip
            built.warnings.extend(draft.warnings)
        elif draft.key not in keys:
            keys.add(draft.key)
            wanted.append(draft)
    if not wanted and not built.receipts:
        built.problems.append(Problem(Place(), _("No draft in this export has any segments.")))
    if wanted:
        await _build(wanted, built, workshop, language, progress, ledger)
    return built


@dataclass(frozen=True)
class _Bench:
    """Where one export's drafts are put together, and with what."""

    folder: Path
    workshop: Workshop
    worker: Worker
    ledger: Ledger | None

    @property
    def media(self) -> Path:
        """Where copies of the media lie ready for the drafts."""
        return self.folder / "media"


async def _build(
    wanted: list[CozeDraft],
    built: Built,
    workshop: Workshop,
    language: str,
    progress: Progress,
    ledger: Ledger | None,
) -> None:
    for draft in wanted:
        publish.free_name(workshop.root, draft.name)  # a path that is too long is said before anything is fetched
    made_root = await asyncio.to_thread(_made, workshop.root)
    try:
        with publish.staging(workshop.root) as folder:
            async with Worker(language) as worker, Cache(workshop.cache) as cache:
                bench = _Bench(folder, workshop, worker, ledger)
                bench.media.mkdir()
                urls = [url for draft in wanted for url, _place in draft.urls()]
                probes, faults = await media.gather(urls, workshop.policy, cache, worker, progress, bench.media)
                for draft in wanted:
                    outcome = await _write(draft, probes, faults, bench)
                    if isinstance(outcome, Receipt):
                        built.receipts.append(outcome)
                    else:
                        built.problems.extend(outcome)
    finally:
        if made_root and not built.receipts:
            with contextlib.suppress(OSError):
                workshop.root.rmdir()


def _made(root: Path) -> bool:
    """Make the drafts folder where only its last part is missing. Whether it was made."""
    if root.is_dir():
        return False
    try:
        root.mkdir()
    except OSError as error:
        raise DraftError(
            _("The drafts folder {root} is not there and can't be made: {error}").format(
                root=root, error=error.strerror or error
            ),
            _("Check the path, or set another drafts folder."),
        ) from None
    return True


def _done_before(key: str, ledger: Ledger | None) -> Receipt | None:
    """The receipt of a draft that this run has written already, even if the program was killed right after."""
    receipt = ledger.find(key) if ledger else None
    if receipt is None or ledger is None:
        return None
    try:
        meta = json.loads((Path(receipt.path) / "draft_meta_info.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if meta.get("draft_id") != receipt.draft_id:
        return None
    ledger.written(key, receipt)
    return receipt


async def _write(
    draft: CozeDraft, probes: Mapping[str, Probe], faults: Mapping[str, str], bench: _Bench
) -> Receipt | list[Problem]:
    """Build the draft and move it in; whatever goes wrong with it is its problem alone."""
    place = Place(draft=draft.number)
    try:
        return await _written(draft, probes, faults, bench)
    except WorkerDiedError:
        return [Problem(place, _("the builder crashed; please report this export"))]
    except DraftError as error:
        return [Problem(place, str(error))]
    except OSError as error:
        return [Problem(place, _("it can't be written: {error}").format(error=error.strerror or error))]
    except Exception as error:
        log.exception("draft %d could not be built", draft.number)
        text = _("it can't be built ({error}); please report this export")
        return [Problem(place, text.format(error=f"{type(error).__name__}: {error}"))]


async def _written(
    draft: CozeDraft, probes: Mapping[str, Probe], faults: Mapping[str, str], bench: _Bench
) -> Receipt | list[Problem]:
    root, ledger = bench.workshop.root, bench.ledger
    used = {url: probes[url] for url, _place in draft.urls() if url in probes}
    missing = [Problem(place, faults[url]) for url, place in draft.urls() if url in faults]
    while True:
        final = root / publish.free_name(root, draft.name)
        staged = bench.folder / f"draft-{uuid.uuid4().hex[:8]}"
        outcome = await bench.worker.run(compose, draft, used, missing, staged, final)
        if isinstance(outcome, list):
            return outcome
        if ledger:
            ledger.about_to_write(draft.key, outcome.receipt)
        if await asyncio.to_thread(publish.move_in, staged, final):
            break
        await asyncio.to_thread(shutil.rmtree, staged)
    lock = bench.workshop.locks / "registry.lock"
    warning = await asyncio.to_thread(publish.register, root, outcome.registry_entry, lock)
    receipt = outcome.receipt
    if warning:
        receipt = replace(receipt, warnings=[*receipt.warnings, warning])
    if ledger:
        ledger.written(draft.key, receipt)
    return receipt


@dataclass(frozen=True)
class Composed:
    receipt: Receipt
    registry_entry: dict[str, Any]


def compose(
    draft: CozeDraft, probes: Mapping[str, Probe], missing: list[Problem], staged: Path, final: Path
) -> Composed | list[Problem]:
    """Write the whole draft folder at `staged`, as it will lie at `final`. Runs in the worker process.

    Returns the problems instead where there are any, those of its `missing` media among them, in the order of their
    places. Raises OSError where it can't be written.
    """
    from tray.draft import arrange, build, copies, coze_spec, meta

    imported = coze_spec.to_spec(draft, {url: one.length_us for url, one in probes.items()})
    spec = imported.spec
    arranged = arrange.arrange(spec, probes)
    problems = [*missing, *imported.problems, *arranged.problems]
    if problems:
        return sorted(problems, key=lambda problem: (problem.place.track or 0, problem.place.segment or 0))
    warnings = [*imported.warnings, *arranged.warnings]
    path = final.as_posix()
    content = build.content(spec, arranged, path, warnings)

    sizes = copies.place(probes.values(), staged / "Resources" / "local", staged.parent / "media")
    facts = meta.Facts(
        name=final.name,
        draft_id=str(uuid.uuid4()).upper(),
        path=path,
        root=final.parent.as_posix(),
        duration_us=content["duration"],
        media_bytes=sum(sizes.values()),
        created_us=time.time_ns() // 1000,
    )
    placed = [one for lane in arranged.lanes if lane.kind == "visual" for one in lane.placed]
    first = min(
        (one for one in placed if one.probe and one.probe.kind == "image"),
        key=lambda one: one.target.start_us,
        default=None,
    )
    meta.write_cover(staged / meta.COVER, spec, first.probe.path if first and first.probe else None)
    _write_json(staged / meta.MAIN, content)
    _write_json(staged / meta.META, meta.meta(facts, content["materials"], sizes))
    receipt = Receipt(
        path=str(final),
        name=final.name,
        draft_id=facts.draft_id,
        segments=_counts(arranged.lanes),
        duration_us=facts.duration_us,
        media_bytes=facts.media_bytes,
        time_unit=imported.time_unit,
        time_unit_reason=imported.time_unit_reason,
        warnings=warnings,
    )
    return Composed(receipt, meta.registry_entry(facts))


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Compact, on one line, on the disk when this returns: the rename that follows must not overtake it."""
    with path.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())


def _counts(lanes: Iterable[Any]) -> dict[str, int]:
    """How many segments of each kind: image, video, audio, text; those that there are."""
    counts: dict[str, int] = {}
    for lane in lanes:
        for placed in lane.placed:
            kind = placed.probe.kind if placed.probe else "text"
            counts[kind] = counts.get(kind, 0) + 1
    return counts
