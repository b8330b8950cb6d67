"""All the media of a build: from the cache, or fetched, told what it is, and kept."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path

from tray.draft.cache import Cache
from tray.draft.fetch import Fetcher, FetchPolicy, Media, Progress, is_http
from tray.draft.probe import Probe, probe_all
from tray.draft.worker import Worker, WorkerDiedError
from tray.locale import _

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Files that the worker is handed at once: asking it costs as much as telling what a small picture is."""
LONGEST_S = 300.0
"""For what it is handed at once: a sound of hours that is converted takes a minute."""


async def gather(
    urls: Iterable[str], policy: FetchPolicy, cache: Cache, worker: Worker, progress: Progress
) -> tuple[dict[str, Probe], dict[str, str]]:
    """By URL: what each file is, and why the others can't be used. Each is probed while others still come."""
    wanted = list(dict.fromkeys(urls))
    probes = await cache.find(url for url in wanted if is_http(url))
    faults: dict[str, str] = {}
    missing = [url for url in wanted if url not in probes]
    if not missing:
        progress(len(wanted), len(wanted), 0)
        return probes, faults
    arrived: asyncio.Queue[Media | None] = asyncio.Queue()
    telling = asyncio.ensure_future(_tell(arrived, cache, worker))
    fetcher = Fetcher(cache.parts, policy)
    try:
        async with aclosing(fetcher.all(missing)) as arriving:
            done = len(probes)
            async for got in arriving:
                done += 1
                progress(done, len(wanted), fetcher.received_bytes)
                if isinstance(got, Media):
                    arrived.put_nowait(got)
                else:
                    faults[got[0]] = str(got[1])
        arrived.put_nowait(None)
        for url, told in (await telling).items():
            if isinstance(told, str):
                faults[url] = told
            else:
                probes[url] = told
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
    return probes, faults


async def _tell(arrived: asyncio.Queue[Media | None], cache: Cache, worker: Worker) -> dict[str, Probe | str]:
    """By URL what each file that arrives is, or why it can't be used; until None arrives."""
    hashes: dict[str, str] = {}
    told: dict[str, Probe | str] = {}
    is_over = False
    while not is_over:
        batch = [await arrived.get()]
        while len(batch) < AT_ONCE and not arrived.empty():
            batch.append(arrived.get_nowait())
        is_over = batch[-1] is None
        media = [one for one in batch if one is not None]
        new = {one.sha256: one.path for one in media if one.sha256 not in told}
        told.update(await cache.known(new))
        told.update(await _new({sha256: path for sha256, path in new.items() if sha256 not in told}, cache, worker))
        hashes.update((one.url, one.sha256) for one in media)
        good = {one.url: one.sha256 for one in media if is_http(one.url) and isinstance(told[one.sha256], Probe)}
        await cache.remember(good)
        for one in media:  # a content that came twice, or that is refused
            one.path.unlink(missing_ok=True)
    return {url: told[sha256] for url, sha256 in hashes.items()}


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
