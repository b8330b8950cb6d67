"""Which hosts and files media may not come from, in the spellings that would slip through."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from factory import draft, export, png, segment, track
from tray.draft.addresses import AddressBook, RefusedError
from tray.draft.download import parsed
from tray.draft.faults import FetchError


@pytest.mark.parametrize("host", ["localhost.", "127.0.0.1.", "printer.local.", "metadata.google.internal.", "nas.lan",
                                  "router", "router.home.arpa", "::7f00:1", "::ffff:0:7f00:1", "fec0::1", "64:ff9b:1::a00:1",
                                  "5f00::1", "ff0e::1", "64:ff9b::a00:1", "fe80::1%eth0", "127.1"])  # fmt: skip
def test_a_private_name_or_address_is_refused_by_how_it_is_spelt(host):
    """With a proxy the name is all there is to go by."""
    with pytest.raises(RefusedError):
        AddressBook().check_name(host, 80)


@pytest.mark.parametrize(
    "host", ["cdn.example.com", "cdn.example.com.", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"]
)
def test_a_public_name_or_address_is_let_through(host):
    AddressBook().check_name(host, 80)


def test_a_host_that_the_user_allowed_may_be_private_with_a_dot_at_its_end_too():
    AddressBook(frozenset({"nas"})).check_name("nas", 80)
    AddressBook(frozenset({"nas:81"})).check_name("nas.", 81)
    with pytest.raises(RefusedError):
        AddressBook(frozenset({"nas:81"})).check_name("nas", 82)


@pytest.mark.parametrize(
    "url", ["http://xn--a.com%25eth0/", "http://xn--/a", "http://xn--800x7f.1%2e/", "http://[::1/"]
)
def test_what_no_host_can_be_called_is_no_link(url):
    with pytest.raises(FetchError, match="is not a link"):
        parsed(url)


@pytest.mark.parametrize("url", ["/\\evil\\share\\a.png", "file:///\\evil\\share\\a.png",
                                 "file:////evil/share/a.png", "file:///%5C%5Cevil/a.png"])  # fmt: skip
def test_a_path_that_windows_would_ask_another_host_for_is_not_looked_at(url, build, monkeypatch):
    def look(self: Path, *_args: object) -> Path:
        assert "evil" not in str(self)
        return self

    monkeypatch.setattr(Path, "resolve", look)
    built = build(export(draft(track(segment("image", url=url)))), allow_folders=(Path("/"),))
    assert "media_folders" in built.problems[0].message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_what_is_no_file_is_not_opened(build, tmp_path):
    """A named pipe would be waited for for ever, a device never end."""
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for name in ("pipe.png", "folder.png", "loop.png", "gone.png", "x" * 300, "\0"):
        url = str(tmp_path / name)
        built = build(export(draft(track(segment("image", url=url)))), allow_folders=(tmp_path,))
        assert "can't be read" in built.problems[0].message, built.problems[0].message


@pytest.mark.skipif(sys.platform == "win32", reason="a file of Windows can't be longer than it is when it is opened")
def test_a_file_that_does_not_end_is_refused_at_the_limit(build, tmp_path):
    (tmp_path / "a.png").write_bytes(png(size=(300, 300)) + bytes(5000))
    built = build(
        export(draft(track(segment("image", url=str(tmp_path / "a.png"))))), allow_folders=(tmp_path,), max_bytes=4000
    )
    assert "max_media_bytes" in built.problems[0].message


@pytest.fixture
def tls_server(tmp_path: Path):
    """A server with a certificate that nobody signed but itself, and what it was asked."""
    import shutil
    import ssl
    import subprocess

    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("needs openssl to make a certificate")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key", "-out", tmp_path / "certificate"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    asked: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = server.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as safe:
                    asked.append(safe.recv(4096))
                    safe.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(png()), png()))
            except OSError:
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.1:{server.getsockname()[1]}", asked
    server.close()


def test_a_server_whose_certificate_nobody_vouches_for_is_asked_nothing(tls_server, build, monkeypatch):
    monkeypatch.setattr("tray.draft.fetch.ATTEMPTS", 1)
    url, asked = tls_server
    built = build(export(draft(track(segment("image", url=f"{url}/a.png?x-signature=1")))))
    assert "certificate" in built.problems[0].message
    assert asked == []
