"""Addresses and proxies, as far as they can be seen without the internet."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from factory import draft, export, png, segment, send, track
from tray.draft.addresses import AddressBook, RefusedError
from tray.network import proxy_for


def addresses(host: str, monkeypatch: pytest.MonkeyPatch, *found: str) -> list[str]:
    async def resolve() -> list[str]:
        loop = asyncio.get_running_loop()

        async def getaddrinfo(*_args: object, **_more: object) -> list[tuple[object, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in found]

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        return await AddressBook().addresses(host, 443)

    return asyncio.run(resolve())


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "198.18.0.7", "198.19.255.1"])
def test_public_and_proxies_fake_addresses_are_let_through(address, monkeypatch):
    assert addresses("cdn.example.com", monkeypatch, address) == [address]


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "169.254.169.254", "::1", "fe80::1", "fc00::1", "224.0.0.1",
                                     "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"])  # fmt: skip
def test_a_public_name_with_a_private_address_is_refused(address, monkeypatch):
    with pytest.raises(RefusedError):
        addresses("evil.example.com", monkeypatch, "8.8.8.8", address)


def test_the_connection_goes_to_the_address_that_was_checked(media, build, monkeypatch):
    """A name that resolves differently the second time must not lead elsewhere."""
    url = media.serve("/a.png", png()).replace("127.0.0.1", "media.test")
    looked_up = []
    real = asyncio.base_events.BaseEventLoop.getaddrinfo

    async def getaddrinfo(loop: asyncio.AbstractEventLoop, host: str, port: int, **more: int) -> object:
        if host == "media.test":
            looked_up.append(host)
            host = "127.0.0.1" if len(looked_up) == 1 else "203.0.113.1"
        return await real(loop, host, port, **more)

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
    assert build(export(draft(track(segment("image", url=url)))), allow=("media.test",)).receipts
    assert looked_up == ["media.test"]


def test_each_redirect_is_checked(media, build):
    inside = media.serve("/inside.png", png()).replace("127.0.0.1", "localhost")
    url = media.serve("/away", send(b"", 302, Location=inside))
    built = build(export(draft(track(segment("image", url=url)))))
    assert "refused" in built.problems[0].message
    assert not media.hits["/inside.png"]


@contextmanager
def answering(connected: Callable[[socket.socket], None]) -> Iterator[str]:
    """A proxy that answers every request with a picture, after what `connected` does. Its address."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = server.accept()
            except OSError:
                return
            with connection:
                connected(connection)
                body = png()
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
                )

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    server.close()


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that answers every request with a picture, and what it was asked for."""
    asked: list[str] = []
    with answering(lambda connection: asked.append(connection.recv(4096).split(b"\r\n")[0].decode())) as address:
        yield f"http://{address}", asked


def test_with_a_proxy_the_proxy_resolves_and_private_addresses_are_still_refused(proxy, build, monkeypatch):
    url, asked = proxy
    monkeypatch.setenv("http_proxy", url)
    good = segment("image", 0, 1000, url="http://no-such-host.invalid/a.png")
    assert build(export(draft(track(good))), allow=()).receipts
    assert asked == ["GET http://no-such-host.invalid/a.png HTTP/1.1"]
    assert build(export(draft(track(segment("image", url="http://192.168.1.1/a.png")))), allow=()).problems
    assert len(asked) == 1


@pytest.fixture
def socks() -> Iterator[tuple[str, list[str]]]:
    """A SOCKS5 proxy that answers every request itself, with a picture, and the names it was asked to connect to."""
    asked: list[str] = []

    def connect(connection: socket.socket) -> None:
        connection.recv(2 + connection.recv(2)[1])  # its ways to sign in
        connection.sendall(b"\x05\x00")
        head = connection.recv(5)
        asked.append(connection.recv(head[4] + 2)[:-2].decode() if head[3] == 3 else f"address kind {head[3]}")
        connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
        connection.recv(4096)

    with answering(connect) as address:
        yield address, asked


@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
def test_a_socks_proxy_resolves_the_names_too(scheme, socks, build, monkeypatch):
    address, asked = socks
    monkeypatch.setenv("all_proxy", f"{scheme}://{address}")
    assert build(export(draft(track(segment("image", url="http://no-such-host.invalid/a.png")))), allow=()).receipts
    assert asked == ["no-such-host.invalid"]
    built = build(export(draft(track(segment("image", url="http://192.168.1.1/a.png")))), allow=())
    assert "refused" in built.problems[0].message
    assert len(asked) == 1


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_not_there_is_said(scheme, build, monkeypatch):
    monkeypatch.setattr("tray.draft.fetch.ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("all_proxy", f"{scheme}://127.0.0.1:{port}")
    monkeypatch.setenv("http_proxy", f"{scheme}://127.0.0.1:{port}")
    built = build(export(draft(track(segment("image", url="http://media.example.com/a.png")))), allow=())
    assert "media.example.com can't be reached" in built.problems[0].message


def test_https_goes_through_an_http_proxy_as_a_tunnel(proxy, build, monkeypatch):
    monkeypatch.setattr("tray.draft.fetch.ATTEMPTS", 1)
    url, asked = proxy
    monkeypatch.setenv("https_proxy", url)
    assert build(export(draft(track(segment("image", url="https://media.example.com/a.png")))), allow=()).problems
    assert asked[0] == "CONNECT media.example.com:443 HTTP/1.1"


def test_a_server_that_speaks_no_tls_is_no_https_server(build, monkeypatch):
    monkeypatch.setattr("tray.draft.fetch.ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"HTTP/1.1 200 OK\r\n\r\n"), daemon=True).start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}/a.png"
        built = build(export(draft(track(segment("image", url=url)))))
    assert "127.0.0.1" in built.problems[0].message


def test_a_link_is_asked_for_letter_by_letter(media, build):
    """A signature is over its very spelling."""
    paths = []

    def note(handler) -> None:
        paths.append(handler.path)
        send(png())(handler)

    for path in ("/a%2Fb/%E5%9B%BE", "/%E5%9B%BE%20%E7%89%87.png"):
        media.serve(path, note)
    asked = ["/a%2Fb/%E5%9B%BE?sign=a%2Bb/c+d==&x=%7e", "/图 片.png?名=值"]
    urls = [media.url + path for path in asked]
    assert build(
        export(draft(track(*(segment("image", n * 1000, (n + 1) * 1000, url=u) for n, u in enumerate(urls)))))
    ).receipts
    assert sorted(paths) == sorted([asked[0], "/%E5%9B%BE%20%E7%89%87.png?%E5%90%8D=%E5%80%BC"])


def test_no_more_at_once_to_one_host_than_allowed(media, build, monkeypatch):
    monkeypatch.setattr("tray.draft.download.PER_HOST", 3)
    lock, full, at_once = threading.Lock(), threading.Event(), []
    now = 0

    def count(handler) -> None:
        nonlocal now
        with lock:
            now += 1
            at_once.append(now)
            if now == 3:
                full.set()
        full.wait(10)
        with lock:
            now -= 1
        send(png(size=(10, 10 + len(at_once))))(handler)

    urls = [media.serve(f"/{n}", count) for n in range(12)]
    assert build(
        export(draft(track(*(segment("image", n * 1000, (n + 1) * 1000, url=u) for n, u in enumerate(urls)))))
    ).receipts
    assert max(at_once) == 3


def test_a_slow_host_does_not_hold_up_another(media, build, monkeypatch):
    """Files of the slow one come first in the export, more than may come from one host at once."""
    monkeypatch.setattr("tray.draft.download.PER_HOST", 2)
    quick_is_done = threading.Event()

    def slow(handler) -> None:
        quick_is_done.wait(10)
        send(png())(handler)

    def quick(handler) -> None:
        quick_is_done.set()
        send(png())(handler)

    urls = [media.serve(f"/slow{n}", slow) for n in range(6)]
    urls.append(media.serve("/quick", quick).replace("127.0.0.1", "localhost"))
    text = export(draft(track(*(segment("image", n * 1000, (n + 1) * 1000, url=u) for n, u in enumerate(urls)))))
    assert build(text, allow=("127.0.0.1", "localhost")).receipts
    assert quick_is_done.is_set()


def test_the_proxy_is_the_environment_s_but_never_for_loopback(monkeypatch):
    monkeypatch.setenv("all_proxy", "socks://127.0.0.1:7890")
    monkeypatch.setenv("no_proxy", "intern.example.com")
    assert proxy_for("https://cdn.example.com/x") == "socks5://127.0.0.1:7890"
    assert proxy_for("https://intern.example.com/x") is None
    assert proxy_for("http://127.0.0.1:1/x") is None
