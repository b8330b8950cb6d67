"""All the media of a build: from the cache, or fetched, told what it is, and kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from tray.draft.cache import Cache
from tray.draft.copies import Copies
from tray.draft.coze_json import text_of
from tray.draft.fetch import Fetcher, FetchPolicy, Media, Progress, is_http
from tray.draft.probe import Probe, probe_all
from tray.draft.threads import to_its_end
from tray.draft.worker import Worker, WorkerDiedError
from tray.locale import _

log = logging.getLogger(__name__)

LARGEST_SRT_BYTES = 20_000_000
LONGEST_S = 300.0
"""For what the worker is handed at once: a sound of hours that is converted takes a minute."""


async def gather(
    urls: Iterable[str], policy: FetchPolicy, cache: Cache, worker: Worker, progress: Progress, ready: Copies
) -> tuple[dict[str, Probe], dict[str, str]]:
    """By URL: what each file is, and why the others can't be used. Each is probed, and a copy for the draft laid
    `ready`, while others still come."""
    wanted = list(dict.fromkeys(urls))
    probes = await cache.find(url for url in wanted if is_http(url))
    ready.lay_ready(probe.path for probe in probes.values())
    faults: dict[str, str] = {}
    missing = [url for url in wanted if url not in probes]
    if not missing:
        progress(len(wanted), len(wanted), 0)
        return probes, faults
    fetcher, told = Fetcher(cache.parts, policy), dict[str, Probe | str]()
    async with aclosing(fetcher.all(missing)) as arriving:
        done = len(probes)
        async for batch in arriving:
            if batch:
                media = [one for one in batch if isinstance(one, Media)]
                faults.update((one[0], str(one[1])) for one in batch if not isinstance(one, Media))
                await _tell(media, told, cache, worker)
                for one in media:
                    what = told[one.sha256]
                    if isinstance(what, str):
                        faults[one.url] = what
                    else:
                        probes[one.url] = what
                ready.lay_ready(probes[one.url].path for one in media if one.url in probes)
                done += len(batch)
            progress(done, len(wanted), fetcher.received_bytes)
    return probes, faults


async def captions(
    urls: Iterable[str], into: Path, policy: FetchPolicy
) -> tuple[dict[str, str], dict[str, str]]:  # fmt: skip
    """By URL: the text that each link to captions gives, and why the others can't be had. `into`: a folder to be made
    for them."""
    texts: dict[str, str] = {}
    faults: dict[str, str] = {}
    wanted = list(dict.fromkeys(urls))
    if not wanted:
        return texts, faults
    await to_its_end(into.mkdir)
    fetcher = Fetcher(into, replace(policy, max_bytes=min(policy.max_bytes, LARGEST_SRT_BYTES)))
    async with aclosing(fetcher.all(wanted)) as arriving:
        async for batch in arriving:
            for one in batch:
                if not isinstance(one, Media):
                    faults[one[0]] = str(one[1])
                    continue
                try:
                    texts[one.url] = text_of(one.path.read_bytes())
                except UnicodeDecodeError:
                    faults[one.url] = _("it is no text, so no captions")
    return texts, faults


async def _tell(media: list[Media], told: dict[str, Probe | str], cache: Cache, worker: Worker) -> None:
    """Put into `told`, by hash, what these files are, or why they can't be used. The good ones are in the cache then,
    the others gone."""
    new = {one.sha256: one.path for one in media if one.sha256 not in told}
    told.update(await cache.known(new))
    told.update(await _new({sha256: path for sha256, path in new.items() if sha256 not in told}, cache, worker))
    good = [one for one in media if isinstance(told[one.sha256], Probe)]
    await cache.remember({one.url: one.sha256 for one in good if is_http(one.url)})
    for one in media:  # a content that came twice, or that is refused
        one.path.unlink(missing_ok=True)


async def _new(paths: dict[str, Path], cache: Cache, worker: Worker) -> dict[str, Probe | str]:
    """By hash, of contents that were never seen: what they are, and in the cache; or why they can't be used."""
    probed = dict(zip(paths, await _probed(list(paths.values()), worker), strict=True)) if paths else {}
    kept = await cache.keep({sha256: one for sha256, one in probed.items() if isinstance(one, Probe)})
    return {**probed, **kept}


async def _probed(paths: list[Path], worker: Worker) -> list[Probe | str]:
    try:
        return await asyncio.wait_for(worker.run(probe_all, paths), LONGEST_S)
    except (WorkerDiedError, asyncio.TimeoutError):
        if len(paths) == 1:
            return [_("the file makes the media reader crash; it is broken")]
    one_by_one: list[Probe | str] = []
    for path in paths:  # one of them is to blame
        named = path if path.exists() else next(path.parent.glob(f"{path.name}.*"), path)
        one_by_one += await _probed([named], worker)
    return one_by_one
