"""Addresses and proxies, as far as they can be seen without the internet."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

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


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that answers every request with a picture, and what it was asked for."""
    asked: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = server.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(4096).split(b"\r\n")[0].decode())
                body = png()
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
                )

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
    server.close()


def test_with_a_proxy_the_proxy_resolves_and_private_addresses_are_still_refused(proxy, build, monkeypatch):
    url, asked = proxy
    monkeypatch.setenv("http_proxy", url)
    good = segment("image", 0, 1000, url="http://no-such-host.invalid/a.png")
    assert build(export(draft(track(good))), allow=()).receipts
    assert asked == ["GET http://no-such-host.invalid/a.png HTTP/1.1"]
    assert build(export(draft(track(segment("image", url="http://192.168.1.1/a.png")))), allow=()).problems
    assert len(asked) == 1


def test_the_proxy_is_the_environment_s_but_never_for_loopback(monkeypatch):
    monkeypatch.setenv("all_proxy", "socks://127.0.0.1:7890")
    monkeypatch.setenv("no_proxy", "intern.example.com")
    assert proxy_for("https://cdn.example.com/x") == "socks5://127.0.0.1:7890"
    assert proxy_for("https://intern.example.com/x") is None
    assert proxy_for("http://127.0.0.1:1/x") is None
