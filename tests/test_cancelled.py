"""A build that is cancelled at its worst moments: while a thread of it is writing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from factory import content_of, draft, export, png, segment, track, wav
from tray.draft import pipeline
from tray.draft.cache import CachePolicy
from tray.draft.compose import Options
from tray.draft.fetch import FetchPolicy


@pytest.mark.parametrize(("step", "skipped"), [
    ("pipeline._made", 0), ("worker.Worker._ask", 0), ("worker.Worker._ask", 1), ("worker.Worker._ask", 3),
    ("cache.Cache._find", 0), ("fetch.Fetcher._keep_data", 0), ("fetch.Fetcher._keep_local", 0), ("fetch._stored", 0),
    ("fetch._stored", 1), ("cache.Cache._known", 0), ("cache.Cache._keep", 0), ("cache.Cache._remember", 0),
    ("copies.copy", 0), ("copies.Copies.place", 0), ("publish.move_in", 0), ("publish.move_in", 1), ("publish.register", 0),
    ("cache.Cache._close", 0),
])  # fmt: skip
def test_a_build_cancelled_in_the_middle_of_a_step_leaves_no_half(step, skipped, media, tmp_path, root, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "local.png").write_bytes(png("green", (900, 900)))
    urls = [media.serve("/a", png("red")), media.serve("/large", wav(60.0, 48000)), str(tmp_path / "own" / "local.png"),
            "data:image/png;base64," + base64.b64encode(png("blue")).decode()]  # fmt: skip
    pictures = [segment("image", n * 1000, (n + 1) * 1000, url=u) for n, u in enumerate([urls[0], *urls[2:]])]
    said = draft(track(*pictures), track(segment("audio", 0, 3000, url=urls[1])), name="cancelled")

    registry = root / "root_meta_info.json"
    registry.write_text('{"all_draft_store": []}', "utf-8")
    over, is_done = threading.Event(), threading.Event()
    cancel: list[Any] = []
    owner_path, _dot, name = step.rpartition(".")
    module, _dot, class_name = owner_path.partition(".")
    owner: Any = importlib.import_module(f"tray.draft.{module}")
    owner = getattr(owner, class_name) if class_name else owner
    real, calls = getattr(owner, name), 0

    def at_that_moment(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == skipped + 1:
            cancel[0]()
            over.wait(0.5)
        try:
            return real(*args)
        finally:
            if calls > skipped:
                is_done.set()

    def sweep(folder: Path, **_more: object) -> None:
        """As shutil.rmtree does it: what is there is listed, then removed; what comes meanwhile stays."""
        listed = sorted(Path(folder).rglob("*"), reverse=True)
        for path in listed[: len(listed) // 2]:
            if path.is_file():
                path.unlink()
        if Path(folder).name.startswith(".coze-tray-") or not module.startswith(("copies", "publish")):
            over.set()
            is_done.wait(0.5)
        for path in listed:
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        with contextlib.suppress(OSError):
            Path(folder).rmdir()

    monkeypatch.setattr(owner, name, at_that_moment)
    monkeypatch.setattr("shutil.rmtree", sweep)
    shop = pipeline.Workshop(
        root, FetchPolicy(frozenset({"127.0.0.1"}), (tmp_path / "own",)), tmp_path / "locks", CachePolicy(tmp_path / "cache"),
        Options(),
    )  # fmt: skip

    async def run() -> None:
        building = asyncio.ensure_future(
            pipeline.build(export(said, {**said, "draft_id": "x"}), shop, "en", progress=lambda *_args: None)
        )
        loop = asyncio.get_running_loop()
        cancel.append(lambda: loop.call_soon_threadsafe(building.cancel))
        await asyncio.gather(building, return_exceptions=True)
        over.set()

    asyncio.run(run())
    assert calls, "the step is taken"
    assert list(root.parent.iterdir()) == [root]
    drafts = [path for path in root.iterdir() if path.is_dir()]
    listed = json.loads(registry.read_text("utf-8"))["all_draft_store"]
    assert [one["draft_name"] for one in listed] == [path.name for path in drafts]
    for made in drafts:
        materials = content_of(made)["materials"]
        assert all(Path(one["path"]).is_file() for one in materials["videos"] + materials["audios"])
        assert len(list((made / "Resources" / "local").iterdir())) == 4
    builds = tmp_path / "cache" / "builds"
    assert not builds.exists() or list(builds.iterdir()) == []
