"""Gathering a build's media: what happens around the worker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory import png, wav
from tray.draft import media as gathering
from tray.draft.cache import Cache, CachePolicy
from tray.draft.copies import Copies
from tray.draft.fetch import FetchPolicy
from tray.draft.probe import Probe
from tray.draft.worker import Worker, WorkerDiedError

POLICY = FetchPolicy(frozenset({"127.0.0.1"}))


class Fragile(Worker):
    """A worker that dies of a file that says so, and that may have renamed others before."""

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        paths: list[Path] = args[0]
        for number, path in enumerate(paths):
            if path.read_bytes() == b"deadly":
                await super().run(function, paths[:number])
                raise WorkerDiedError
        return await super().run(function, *args, **kwargs)


Gathered = tuple[dict[str, Probe], dict[str, str]]


@pytest.fixture
def gather(tmp_path: Path) -> Callable[..., Gathered]:
    def run(*urls: str, worker: type[Worker] = Worker, progress: Any = lambda *_args: None) -> Gathered:
        async def inside() -> Gathered:
            cache_policy, ready_folder = CachePolicy(tmp_path / "cache"), tmp_path / f"ready-{os.urandom(4).hex()}"
            async with worker("en") as working, Cache(cache_policy) as cache, Copies(ready_folder) as ready:
                return await gathering.gather(urls, POLICY, cache, working, progress, ready)

        return asyncio.run(inside())

    return run


def test_a_file_that_crashes_the_reader_is_the_only_one_that_can_t_be_used(media, gather):
    good = [media.serve(f"/{n}", png(size=(10 + n, 10))) for n in range(20)]
    deadly = media.serve("/deadly", b"deadly")
    probes, faults = gather(*good[:10], deadly, *good[10:], worker=Fragile)
    assert set(probes) == set(good)
    assert list(faults) == [deadly] and "crash" in faults[deadly]


def test_links_with_the_same_content_share_one_file(media, gather):
    first, second = media.serve("/1", wav(1.0)), media.serve("/2", wav(1.0))
    probes, _faults = gather(first, second)
    assert probes[first] == probes[second]


def test_a_bad_content_is_refused_under_each_of_its_links(media, gather):
    urls = [media.serve(f"/{n}", b"quota exceeded") for n in range(2)]
    assert set(gather(*urls)[1]) == set(urls)


def test_progress_counts_what_is_cached_too(media, gather):
    one, two, three = (media.serve(f"/{n}", png(size=(10 + n, 10))) for n in range(3))
    gather(one)
    said: list[tuple[int, int, int]] = []
    gather(one, two, three, three, progress=lambda *now: said.append(now))
    assert said[-1][:2] == (3, 3)
    assert said[-1][2] == len(png(size=(11, 10))) + len(png(size=(12, 10)))
    gather(one, two, progress=lambda *now: said.append(now))
    assert said[-1] == (2, 2, 0)
    assert media.hits["/0"] == 1


def test_copies_lie_ready_and_what_could_not_be_copied_is_said_when_it_is_wanted(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "draft").mkdir()

    async def run() -> None:
        async with Copies(tmp_path / "ready") as ready:
            ready.lay_ready([tmp_path / "a", tmp_path / "gone", tmp_path / "a"])
            ready.place({"x": tmp_path / "a"}, tmp_path / "draft")
            ready.place({"y": tmp_path / "a"}, tmp_path / "draft")  # another draft of the build
            with pytest.raises(FileNotFoundError):
                ready.place({"z": tmp_path / "gone"}, tmp_path / "draft")

    asyncio.run(run())
    assert {file.name: file.read_bytes() for file in (tmp_path / "draft").iterdir()} == {"x": b"one", "y": b"one"}
    assert not list((tmp_path / "ready").iterdir())
