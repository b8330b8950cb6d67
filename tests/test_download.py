"""Servers that lie, dawdle, or send more than was asked for."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
import zlib
from pathlib import Path

import pytest

from factory import draft, export, png, segment, send, track
from tray.draft.fetch import Fetcher, FetchError, FetchPolicy, Media


@pytest.fixture
def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Fetch links, one try each: what came of each, and the folder it came into."""
    monkeypatch.setattr("tray.draft.fetch.ATTEMPTS", 1)
    (tmp_path / "into").mkdir()

    def run(*urls: str, **policy: object) -> list[bytes | str]:
        async def all_of_them() -> dict[str, bytes | str]:
            fetcher = Fetcher(tmp_path / "into", FetchPolicy(frozenset({"127.0.0.1", "localhost"}), **policy))
            found: dict[str, bytes | str] = {}
            async for batch in fetcher.all(urls):
                for one in batch:
                    if isinstance(one, Media):
                        found[one.url] = one.path.read_bytes()
                    else:
                        assert isinstance(one[1], FetchError)
                        found[one[0]] = str(one[1])
            return found

        found = asyncio.run(all_of_them())
        return [found[url] for url in urls]

    return run


@pytest.mark.parametrize(("encoding", "squeezed"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_what_comes_compressed_though_it_was_not_asked_for_so_is_unpacked(encoding, squeezed, media, fetch):
    assert fetch(media.serve("/a", send(squeezed(png()), Content_Encoding=encoding))) == [png()]


def test_of_a_bomb_no_more_is_unpacked_than_a_file_may_be_large(media, fetch, tmp_path):
    bomb = gzip.compress(bytes(200_000_000), 1)
    (said,) = fetch(media.serve("/a", send(bomb, Content_Encoding="gzip")), max_bytes=3_000_000)
    assert "max_media_bytes" in said
    assert list((tmp_path / "into").iterdir()) == []


def test_chunks_without_an_end_are_refused_at_the_limit(media, fetch, tmp_path):
    def for_ever(handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    (said,) = fetch(media.serve("/a", for_ever), max_bytes=3_000_000)
    assert "max_media_bytes" in said
    assert list((tmp_path / "into").iterdir()) == []


@pytest.mark.parametrize(("status", "headers", "words"), [
    (206, {"Content-Range": "bytes 0-9/100"}, "cut the file off"),
    (206, {}, "cut the file off"),
    (204, {}, "empty"),
    (304, {}, "304"),
    (301, {}, "301"),
    (300, {}, "300"),
])  # fmt: skip
def test_an_answer_that_is_no_whole_file_is_none(status, headers, words, media, fetch):
    body = b"" if status in (204, 304) else png()[:10]
    (said,) = fetch(media.serve("/a", send(body, status, **headers)))
    assert isinstance(said, str)
    assert words in said


def test_a_part_that_is_the_whole_is_taken(media, fetch):
    whole = {"Content-Range": f"bytes 0-{len(png()) - 1}/{len(png())}"}
    assert fetch(media.serve("/a", send(png(), 206, **whole))) == [png()]


@pytest.mark.parametrize("announced", ["9" * 30, "9" * 5000, "-1", "x", "5, 6"])
def test_a_length_that_is_a_lie_is_said_in_a_sentence(announced, media, fetch, caplog):
    (said,) = fetch(media.serve("/a", send(png(), Content_Length=announced)))
    assert isinstance(said, str) and len(said) < 500
    assert not caplog.records


@pytest.mark.parametrize("wait", ["9" * 400, "9" * 5000, "-5", "never", "Mon, 99 Foo 9999 00:00:00 GMT"])
def test_a_wait_that_makes_no_sense_is_none(wait, media, fetch, caplog):
    (said,) = fetch(media.serve("/a", send(b"", 503, Retry_After=wait)))
    assert "503" in said
    assert not caplog.records


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch):
    """There the first moment of all is before the year 1."""
    if not hasattr(time, "tzset"):
        pytest.skip("Windows sets its zone otherwise")
    with monkeypatch.context() as there:
        there.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("moment", ["-62135596800", "9" * 5000, "-9" * 20, "253402300799", "x"])
def test_a_link_that_says_an_odd_moment_of_its_end_is_refused_in_a_sentence(moment, media, fetch, caplog, in_new_york):
    (said,) = fetch(media.serve("/a", send(b"", 403)) + f"?x-expires={moment}")
    assert "403" in said
    assert not caplog.records


def test_a_host_that_leads_one_of_its_links_nowhere_is_still_asked_for_the_others(media, build, monkeypatch):
    monkeypatch.setattr("tray.draft.fetch.ATTEMPTS", 1)
    monkeypatch.setattr("tray.draft.fetch.AT_ONCE", 1)
    away = media.serve("/away", send(b"", 302, Location="http://127.0.0.1:9/x.png"))
    good = media.serve("/good", png())
    built = build(export(draft(track(segment("image", 0, 1000, url=away), segment("image", 1000, 2000, url=good)))))
    assert [problem.place.segment for problem in built.problems] == [1]


def test_who_signs_in_to_one_host_is_not_known_to_the_next(media, fetch):
    """Neither what a link says before its @, nor a cookie, goes where the link leads."""
    seen = []

    def note(handler) -> None:
        seen.append(
            (handler.headers.get("Authorization"), handler.headers.get("Cookie"), handler.headers.get("Referer"))
        )
        send(png())(handler)

    there = media.serve("/there", note).replace("127.0.0.1", "localhost")
    url = media.serve("/here", send(b"", 302, Location=there, Set_Cookie="a=b")).replace("//", "//user:secret@")
    assert fetch(url) == [png()]
    assert seen == [(None, None, None)]


def test_a_percent_encoded_data_url_is_read_whole_and_takes_little_memory(fetch):
    resource = pytest.importorskip("resource", reason="this system does not tell a process's peak")

    data = bytes(range(256)) * 20_000
    url = "data:image/png,%25" + "".join(f"%{byte:02x}" for byte in range(256)) * 20_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert fetch(url) == [b"%" + data]
    assert fetch("data:," + "a" * 65_535 + "%41%4") == [b"a" * 65_535 + b"A%4"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_progress_is_told_while_one_large_file_comes(media, build, tmp_path, root, monkeypatch):
    from tray.draft import pipeline
    from tray.draft.cache import CachePolicy
    from tray.draft.compose import Options

    monkeypatch.setattr("tray.draft.fetch.TOLD_EVERY_S", 0.01)
    said: list[tuple[int, int, int]] = []
    picture = png(size=(300, 300))
    half, told = len(picture) // 2, threading.Event()

    def in_halves(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(picture)))
        handler.end_headers()
        handler.wfile.write(picture[:half])
        told.wait(10)
        handler.wfile.write(picture[half:])

    def progress(*now: int) -> None:
        said.append(now)
        if now[2] == half:
            told.set()

    shop = pipeline.Workshop(
        root, FetchPolicy(frozenset({"127.0.0.1"})), tmp_path / "locks", CachePolicy(tmp_path / "cache"), Options()
    )
    text = export(draft(track(segment("image", url=media.serve("/large", in_halves)))))
    assert asyncio.run(pipeline.build(text, shop, "en", progress=progress)).receipts
    assert (0, 1, half) in said
    assert said == sorted(said), "never backwards"
    assert said[-1] == (1, 1, len(picture))
