"""Text in, drafts out: import -> fetch -> probe -> resolve -> build -> publish. No cloud is needed."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tray.draft import media, publish
from tray.draft.cache import Cache, CachePolicy
from tray.draft.compose import Found, Options, Outline, compose, outlines
from tray.draft.copies import Copies
from tray.draft.fetch import FetchPolicy, Progress
from tray.draft.problems import DraftError, Problem, name_of
from tray.draft.source import TimeUnit
from tray.draft.spec import Place
from tray.draft.threads import to_its_end
from tray.draft.worker import Worker, WorkerDiedError
from tray.errors import JournalError
from tray.events import Receipt
from tray.locale import _

log = logging.getLogger(__name__)
T = TypeVar("T")


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
    options: Options
    time_unit: TimeUnit = "auto"
    unnamed: str = ""
    """What a draft is called that has no name."""


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
    """Build every draft that `text` holds: an export, a spec, a recipe. Each is written whole or not at all.

    Raises DraftError where nothing can be built at all: no JSON, no draft in it, a drafts folder that can't be written.
    Cancelling it leaves nothing behind.
    """
    built = Built()
    async with Worker(language) as worker:
        drafts = await worker.run(outlines, text, workshop.time_unit)
        wanted: list[Outline] = []
        keys: set[str] = set()
        for draft in drafts:
            done = done_before(draft.key, ledger)
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
            await _build(text, wanted, built, _Shop(workshop, worker, ledger), progress)
    return built


@dataclass(frozen=True)
class _Shop:
    """Who builds one text's drafts, and for whom."""

    workshop: Workshop
    worker: Worker
    ledger: Ledger | None


async def _build(text: str, wanted: list[Outline], built: Built, shop: _Shop, progress: Progress) -> None:
    root = shop.workshop.root
    for draft in wanted:
        # A path that is too long is said before anything is fetched.
        publish.free_name(root, draft.name or shop.workshop.unnamed)
    made_root = await to_its_end(_made, root)
    try:
        with publish.staging(root) as folder:
            # What is taken from the cache stays in it until it is in the drafts.
            async with Cache(shop.workshop.cache) as cache, Copies(folder / "media") as ready:
                found = await _found(wanted, folder, shop, cache, ready, progress)
                for draft in wanted:
                    outcome = await _write(text, draft, found, _Bench(folder, ready), shop)
                    if isinstance(outcome, Receipt):
                        built.receipts.append(outcome)
                    else:
                        built.problems.extend(outcome)
    finally:
        if made_root and not built.receipts:
            with contextlib.suppress(OSError):
                root.rmdir()


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


def done_before(key: str, ledger: Ledger | None) -> Receipt | None:
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


async def _found(
    wanted: list[Outline], folder: Path, shop: _Shop, cache: Cache, ready: Copies, progress: Progress
) -> Found:
    """All media and captions of the drafts."""
    policy = shop.workshop.policy
    urls = [url for draft in wanted for url in draft.urls]
    probes, faults = await media.gather(urls, policy, cache, shop.worker, progress, ready)
    srt_urls = [url for draft in wanted for url in draft.caption_urls]
    srt_texts, srt_faults = await media.captions(srt_urls, folder / "captions", policy)
    return Found(probes, srt_texts, {**faults, **srt_faults})


@dataclass(frozen=True)
class _Bench:
    """Where drafts are put together, and the copies of media that lie ready for them."""

    folder: Path
    ready: Copies


async def _write(text: str, draft: Outline, found: Found, bench: _Bench, shop: _Shop) -> Receipt | list[Problem]:
    """Build the draft and move it in; whatever goes wrong with it is its problem alone."""
    place = Place(draft=draft.number)
    try:
        return await _written(text, draft, found, bench, shop)
    except WorkerDiedError:
        return [Problem(place, _("the builder crashed; please report this export"))]
    except DraftError as error:
        return [Problem(place, str(error))]
    except JournalError:  # what can't be remembered is not done, and is no fault of the draft
        raise
    except OSError as error:
        return [Problem(place, _("it can't be written: {error}").format(error=error.strerror or error))]
    except Exception as error:
        log.exception("draft %d could not be built", draft.number)
        message = _("it can't be built ({error}); please report this export")
        return [Problem(place, message.format(error=f"{type(error).__name__}: {error}"))]


async def _written(text: str, draft: Outline, found: Found, bench: _Bench, shop: _Shop) -> Receipt | list[Problem]:
    workshop, ledger = shop.workshop, shop.ledger
    own = Found(
        _only(found.probes, draft.urls),
        _only(found.srt_texts, draft.caption_urls),
        _only(found.faults, [*draft.urls, *draft.caption_urls]),
    )
    while True:
        final = workshop.root / publish.free_name(workshop.root, draft.name or workshop.unnamed)
        staged = bench.folder / f"draft-{uuid.uuid4().hex[:8]}"
        outcome = await shop.worker.run(
            compose, text, workshop.time_unit, draft.number, own, workshop.options, staged, final
        )
        if isinstance(outcome, list):
            return outcome
        await to_its_end(bench.ready.place, outcome.files, staged)
        if ledger:
            ledger.about_to_write(draft.key, outcome.receipt)
        warning = await to_its_end(_in_place, staged, final, outcome.registry_entry, workshop.locks)
        if warning is not None:
            break
        await to_its_end(shutil.rmtree, staged)
    receipt = outcome.receipt
    if warning:
        receipt = replace(receipt, warnings=[*receipt.warnings, warning])
    if ledger:
        ledger.written(draft.key, receipt)
    return receipt


def _in_place(staged: Path, final: Path, entry: dict[str, Any], locks: Path) -> str | None:
    """Move the draft in and list it, with a warning or "". None where its name has been taken meanwhile."""
    if not publish.move_in(staged, final):
        return None
    return publish.register(final.parent, entry, locks / "registry.lock")


def _only(known: Mapping[str, T], urls: list[str]) -> dict[str, T]:
    return {url: known[url] for url in urls if url in known}
