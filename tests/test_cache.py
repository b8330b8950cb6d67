"""Media kept between builds: what is not asked for again, what is, and what leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

import samples
from factory import draft, export, png, segment, track, wav
from program import DEADLINE_S, coze_tray, environment, last_line, start
from tray import commands
from tray.draft import copies, pipeline
from tray.draft.cache import Cache, CachePolicy
from tray.draft.compose import Options
from tray.draft.fetch import FetchPolicy
from tray.draft.probe import probe
from tray.errors import SettingsError


def shown(*urls: str, name: str = "测试") -> str:
    """An export that shows these pictures one after the other."""
    return export(
        draft(track(*(segment("image", n * 1000, (n + 1) * 1000, url=u) for n, u in enumerate(urls))), name=name)
    )


def placed(receipt) -> list[bytes]:
    """The media of a draft."""
    return sorted(path.read_bytes() for path in (Path(receipt.path) / "Resources" / "local").iterdir())


@pytest.fixture
def cached(tmp_path: Path):
    """What the cache of the `build` fixture holds."""
    return lambda: sorted((tmp_path / "cache" / "files").iterdir())


def test_a_link_is_asked_for_once(media, build):
    url = media.serve("/a", png())
    first, second = build(shown(url)), build(shown(url))
    assert media.hits["/a"] == 1
    assert placed(first.receipts[0]) == placed(second.receipts[0]) == [png()]


def test_a_link_is_asked_for_again_after_a_day_or_where_the_user_wants_that(media, build, monkeypatch):
    import time

    url = media.serve("/a", png("red"), png("blue"), png("green"))
    build(shown(url))
    assert placed(build(shown(url), cache_hours=0).receipts[0]) == [png("blue")]
    now = time.time()
    monkeypatch.setattr("tray.draft.cache.time.time", lambda: now + 25 * 3600)
    assert placed(build(shown(url)).receipts[0]) == [png("green")]
    assert media.hits["/a"] == 3


def test_a_clock_that_was_set_back_makes_no_link_fresh_for_ever(media, build, monkeypatch):
    import time

    url, now = media.serve("/a", png()), time.time()
    build(shown(url))
    monkeypatch.setattr("tray.draft.cache.time.time", lambda: now - 30 * 24 * 3600)
    build(shown(url))
    assert media.hits["/a"] == 2


def test_of_a_signed_link_the_signature_is_part(media, build):
    url = media.serve("/a", png())
    build(shown(f"{url}?x-signature=1"))
    build(shown(f"{url}?x-signature=2"))
    assert media.hits["/a"] == 2


def test_the_links_themselves_are_not_written_down(media, build, tmp_path):
    build(shown(media.serve("/a", png()) + "?x-signature=secret"))
    for path in (tmp_path / "cache").glob("index.db*"):
        assert b"secret" not in path.read_bytes()


def test_what_can_t_be_used_is_asked_for_again(media, build):
    url = media.serve("/a", b'{"error": "busy"}', png())
    assert build(shown(url)).problems
    assert build(shown(url)).receipts


def test_what_was_converted_is_converted_once(media, build, monkeypatch):
    url = media.serve("/a.webp", samples.picture("WEBP"))
    first = build(shown(url))

    async def nothing_to_probe(*_args: object) -> object:
        raise AssertionError("it was probed again")

    monkeypatch.setattr("tray.draft.media._probed", nothing_to_probe)
    second = build(shown(url), cache_hours=0)
    assert placed(first.receipts[0]) == placed(second.receipts[0])
    assert placed(first.receipts[0])[0].startswith(b"\x89PNG")


@pytest.mark.parametrize("harm", [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[:-1]),
    lambda path: path.write_bytes(b"x" * path.stat().st_size),
    lambda path: path.unlink(),
], ids=["emptied", "cut", "overwritten", "deleted"])  # fmt: skip
def test_a_file_that_was_harmed_in_the_cache_is_fetched_again(harm, media, build, cached):
    url = media.serve("/a", png())
    build(shown(url))
    harm(cached()[0])
    assert placed(build(shown(url)).receipts[0]) == [png()]
    assert media.hits["/a"] == 2


def test_an_edit_in_one_draft_reaches_no_other_and_not_the_cache(media, build):
    url = media.serve("/a", png())
    one, two = json.loads(shown(url, name="one"))["drafts"][0], json.loads(shown(url, name="two"))["drafts"][0]
    first, second = build(export(one, two)).receipts
    with next((Path(first.path) / "Resources" / "local").iterdir()).open("r+b") as file:
        file.write(b"edited")
    assert placed(second) == [png()]
    assert placed(build(shown(url, name="three")).receipts[0]) == [png()]
    assert media.hits["/a"] == 1


def test_above_its_limit_the_cache_drops_what_was_not_used_for_longest(media, build, cached):
    urls = [media.serve(f"/{colour}", png(colour, (300, 300))) for colour in ("red", "blue", "green")]
    size = len(png("red", (300, 300)))
    for url in (urls[0], urls[1], urls[0]):
        build(shown(url), cache_max_bytes=2.5 * size)
    build(shown(urls[2]), cache_max_bytes=2.5 * size)
    assert sorted(path.read_bytes() for path in cached()) == sorted(png(c, (300, 300)) for c in ("red", "green"))
    build(shown(urls[1]), cache_max_bytes=2.5 * size)
    assert media.hits == {"/red": 1, "/blue": 2, "/green": 1}


def test_a_build_larger_than_the_limit_is_built_and_leaves_nothing(media, build, cached):
    urls = [media.serve(f"/{colour}", png(colour)) for colour in ("red", "blue")]
    assert len(placed(build(shown(*urls), cache_max_bytes=0).receipts[0])) == 2
    assert cached() == []


async def kept(cache: Cache, data: bytes) -> Path:
    path = cache.parts / "x"
    path.write_bytes(data)
    return (await cache.keep({f"{hash(data):064x}": probe(path)})).popitem()[1].path


def test_what_a_running_build_uses_is_never_dropped(tmp_path):
    async def run() -> None:
        policy = CachePolicy(tmp_path / "cache", max_bytes=0)
        async with Cache(policy) as running:
            path = await kept(running, png())
            async with Cache(policy) as another:
                theirs = await kept(another, wav(1.0))
            assert path.read_bytes() == png()
            assert theirs.exists(), "it is newer than the running build, which may have come upon it"
            async with Cache(policy) as third:
                assert await third.known([f"{hash(png()):064x}"])
        assert list((tmp_path / "cache" / "files").iterdir()) == []

    asyncio.run(run())


def test_two_processes_build_with_one_cache_at_once(tmp_path, media):
    urls = [media.serve(f"/{n}", png(size=(10 + n, 10))) for n in range(60)]
    env = environment(tmp_path / "home", COZE_TRAY_ALLOW_HOSTS="127.0.0.1")
    running = []
    for number in range(3):
        (tmp_path / f"{number}.json").write_text(shown(*urls), "utf-8")
        (tmp_path / f"drafts-{number}").mkdir()
        running.append(start("build", str(tmp_path / f"{number}.json"), "--drafts-dir", str(tmp_path / f"drafts-{number}"),
                             "--json", env=env))  # fmt: skip
    for process in running:
        out, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, err
        assert json.loads(out.splitlines()[-1])["drafts"][0]["segments"] == {"image": 60}
    assert len(list((tmp_path / "home" / "cache" / "files").iterdir())) == 60
    assert list((tmp_path / "home" / "cache" / "builds").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_what_a_killed_build_had_half_is_swept_by_the_next(tmp_path, root, media):
    begun, release = threading.Event(), threading.Event()

    def half(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "2000000")
        handler.end_headers()
        handler.wfile.write(bytes(1_000_000))
        begun.set()
        release.wait(DEADLINE_S)

    home, file = tmp_path / "home", tmp_path / "export.json"
    file.write_text(shown(media.serve("/good", png()), media.serve("/half", half)), "utf-8")
    env = environment(home, COZE_TRAY_ALLOW_HOSTS="127.0.0.1")
    building = start("build", str(file), "--drafts-dir", str(root), env=env)
    assert begun.wait(DEADLINE_S)
    os.kill(building.pid, signal.SIGKILL)
    building.communicate()
    release.set()
    (home / "cache" / "files" / "moved-in-but-not-in-the-index").write_bytes(b"x")

    file.write_text(shown(media.url + "/good"), "utf-8")
    done = coze_tray("build", str(file), "--drafts-dir", str(root), "--json", env=env)
    assert last_line(done)["status"] == "done"
    assert list((home / "cache" / "builds").iterdir()) == []
    assert [path.read_bytes() for path in (home / "cache" / "files").iterdir()] == [png()]


def test_an_index_that_is_broken_or_of_another_version_is_begun_anew(media, build, tmp_path, cached):
    url, index = media.serve("/a", png()), tmp_path / "cache" / "index.db"
    build(shown(url))
    with closing(sqlite3.connect(index)) as db, db:
        db.execute("PRAGMA user_version = 999")
    assert build(shown(url)).receipts
    index.write_bytes(b"no database" * 1000)
    for name in ("index.db-wal", "index.db-shm"):
        index.with_name(name).unlink(missing_ok=True)
    assert build(shown(url)).receipts
    assert media.hits["/a"] == 3
    assert len(cached()) == 1


def test_a_cache_that_can_t_be_written_says_which(media, build, tmp_path, root):
    from tray.draft.problems import DraftError

    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(DraftError, match=r"media cache .*cache can't be used"):
        build(shown(media.serve("/a", png())))
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_the_settings_say_how_long_a_link_counts(tmp_path, root, media, monkeypatch):
    home, file = tmp_path / "home", tmp_path / "export.json"
    home.mkdir()
    file.write_text(shown(media.serve("/a", png())), "utf-8")
    monkeypatch.setenv("COZE_TRAY_ALLOW_HOSTS", "127.0.0.1")
    options = commands.BuildOptions(drafts_dir=root)
    for text, hits in (("", 1), ("", 1), ("cache_hours = 0", 2), ("cache_max_bytes = 0", 3), ("", 4)):
        (home / "settings.toml").write_text(text, "utf-8")
        assert not commands.build(file, options).problems
        assert media.hits["/a"] == hits, text
    (home / "settings.toml").write_text("cache_hours = -1", "utf-8")
    with pytest.raises(SettingsError, match="cache_hours"):
        commands.build(file, options)


def test_a_cancelled_build_leaves_nothing_half(media, tmp_path, root):
    release = threading.Event()
    url = media.serve("/slow", lambda _handler: release.wait(DEADLINE_S))
    shop = pipeline.Workshop(
        root, FetchPolicy(frozenset({"127.0.0.1"})), tmp_path / "locks", CachePolicy(tmp_path / "cache"), Options()
    )

    async def run() -> None:
        building = asyncio.ensure_future(pipeline.build(shown(url), shop, "en", progress=lambda *_args: None))
        while not media.hits["/slow"]:
            await asyncio.sleep(0.01)
        building.cancel()
        await asyncio.gather(building, return_exceptions=True)

    asyncio.run(run())
    release.set()
    assert list((tmp_path / "cache" / "builds").iterdir()) == []
    assert list(root.iterdir()) == []


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="needs two volumes")
def test_a_file_is_copied_to_another_volume_too(tmp_path):
    (tmp_path / "a").write_bytes(bytes(3_000_000))
    target = Path("/dev/shm/coze-tray-test-copy")
    try:
        copies.copy(tmp_path / "a", target)
        assert target.read_bytes() == bytes(3_000_000)
    finally:
        target.unlink(missing_ok=True)


def test_a_copy_is_a_file_of_its_own(tmp_path):
    (tmp_path / "a").write_bytes(b"whole")
    copies.copy(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a").write_bytes(b"other")
    assert (tmp_path / "b").read_bytes() == b"whole"


def test_where_the_kernel_can_t_copy_the_bytes_are(tmp_path, monkeypatch):
    def refuse(*_args: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    (tmp_path / "a").write_bytes(b"whole")
    copies.copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"whole"


def test_where_the_kernel_copies_nothing_the_bytes_are(tmp_path, monkeypatch):
    """Some file systems say that they have copied none, and no more."""
    monkeypatch.setattr(os, "copy_file_range", lambda *_args: 0, raising=False)
    (tmp_path / "a").write_bytes(b"whole")
    copies.copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"whole"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for files")
@pytest.mark.parametrize("kernel", [True, False])
def test_a_copy_that_does_not_fit_is_none(kernel, tmp_path, monkeypatch):
    """On a disk that fills up, a write takes what it can and says how much: the last one of a file says it to nobody."""
    import resource

    if not kernel:
        monkeypatch.setattr(os, "copy_file_range", lambda *_args: 0, raising=False)
    (tmp_path / "a").write_bytes(bytes(600_000))
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
        with pytest.raises(OSError, match="too large"):
            copies.copy(tmp_path / "a", tmp_path / "b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not (tmp_path / "b").exists()


def test_a_build_that_could_not_say_that_it_ended_does_not_keep_the_cache_from_being_tidied(
    media, build, cached, monkeypatch
):
    """As on a full disk: its folder is gone, its number still in the index."""
    url = media.serve("/red", png("red", (300, 300)))
    with monkeypatch.context() as full_disk:
        full_disk.setattr(
            Cache, "_drop_oldest", lambda *_args: (_ for _ in ()).throw(sqlite3.OperationalError("disk full"))
        )
        build(shown(url), cache_max_bytes=0)
    assert len(cached()) == 1
    build(shown(media.serve("/blue", png("blue"))), cache_max_bytes=0)
    assert cached() == []


def test_a_full_disk_is_called_a_full_disk(media, build, root, tmp_path, monkeypatch):
    """SQLite takes back by itself what it could not write."""
    from tray.draft.problems import DraftError

    def fill(self: Cache, *_args: object) -> None:
        with self._writing() as db:
            db.execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Cache, "_keep", fill)
    with pytest.raises(DraftError, match="disk is full"):
        build(shown(media.serve("/a", png())))
    assert list(root.iterdir()) == []
    assert list((tmp_path / "cache" / "builds").iterdir()) == []
