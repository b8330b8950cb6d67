"""Who is kept out of the page, over real sockets: other web pages, other programs, other users."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from listening import Listening
from tray.simulator.server import Simulator
from tray.web import gate, server
from web import visit

NEEDS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)
NEEDS_PROC = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells whose a connection is")


@pytest.fixture
def program(listen: Callable[..., Listening], cloud: Simulator) -> Listening:
    listening = listen(cloud, settings={"bot_id": "demo"})
    listening.app.listener.start()
    return listening


class Door:
    """The page as a program knows it that has its address and its cookie: the browser, or who has stolen both."""

    def __init__(self, program: Listening) -> None:
        with visit(program.app) as client:
            self.url = str(client.base_url)
            self.cookie = client.cookies["coze-tray"]
        parts = urlsplit(self.url)
        self.host, self.root = parts.netloc, parts.path.rstrip("/")
        self.address = (parts.hostname or "", parts.port or 0)

    def head(self, line: str = "GET {root}/api/v1/status HTTP/1.1", *more: str, host: bool = True) -> bytes:
        """A request that is let in, but for what is said here."""
        hosts = [f"Host: {self.host}"] if host else []
        lines = [
            line.replace("{root}", self.root),
            *hosts,
            f"Cookie: coze-tray={self.cookie}",
            "Connection: close",
            *more,
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    def knock(self, *pieces: bytes) -> str:
        """What is answered, to the end of the connection."""
        with socket.create_connection(self.address, timeout=15) as connection:
            for piece in pieces:
                connection.sendall(piece)
            return received(connection)

    def status(self, *pieces: bytes) -> int:
        """The status of the answer; what comes after its first line is not waited for."""
        with socket.create_connection(self.address, timeout=15) as connection:
            for piece in pieces:
                connection.sendall(piece)
            with connection.makefile("rb") as answer:
                return int(answer.readline().split()[1])


def received(connection: socket.socket) -> str:
    """All that comes until the other side ends it."""
    whole = b""
    try:
        while piece := connection.recv(65536):
            whole += piece
    except ConnectionResetError:
        pass
    return whole.decode()


@pytest.fixture
def door(program: Listening) -> Door:
    return Door(program)


def test_the_door_opens_for_who_says_all_that_is_right(door: Door) -> None:
    assert door.status(door.head()) == 200


# Names that were bound to this computer (DNS rebinding)


def test_any_other_name_of_this_computer_is_refused(door: Door) -> None:
    port = door.address[1]
    for name in ("evil.example", f"evil.example:{port}", f"localhost:{port}", f"[::1]:{port}", f"127.1:{port}", "",
                 f"127.0.0.1:{port}.evil.example", f"127.0.0.1.:{port}", f"evil@127.0.0.1:{port}", f"0x7f000001:{port}",
                 f"127.0.0.1:0{port}", "127.0.0.1"):  # fmt: skip
        assert door.status(door.head("GET {root}/ HTTP/1.1", f"Host: {name}", host=False)) in (400, 421), name


def test_a_second_host_and_none_are_refused(door: Door) -> None:
    assert door.status(door.head("GET {root}/ HTTP/1.1", "Host: evil.example")) == 400
    assert door.status(door.head("GET {root}/ HTTP/1.1", f"Host: {door.host}")) == 400
    assert door.status(door.head("GET {root}/ HTTP/1.1", host=False)) == 400
    assert door.status(door.head("GET {root}/ HTTP/1.0", host=False)) == 421


def test_a_target_that_names_a_host_is_no_page_of_ours(door: Door) -> None:
    for target in ("http://evil.example{root}/", f"http://{door.host}{{root}}/", "//evil.example{root}/", "*"):
        assert door.status(door.head(f"GET {target} HTTP/1.1")) == 404, target
    assert door.status(door.head("CONNECT evil.example:443 HTTP/1.1")) == 404


# Other pages of the user's browser (CSRF)


def test_a_form_of_another_page_asks_nothing(door: Door, program: Listening) -> None:
    body = b'{"prompt": "x", "a": "="}'
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json",
    ):
        for origin in ("Origin: https://evil.example", "Origin: null", f"Origin: http://{door.host}.evil.example",
                       "Origin: http://127.0.0.1", "Origin: http://127.0.0.1:1", f"Origin: https://{door.host}",
                       f"Origin: http://{door.host}/", f"Origin: http://{door.host}\r\nOrigin: null", "Origin: ",
                       "X-Nothing: x"):  # fmt: skip
            head = door.head("POST {root}/api/v1/requests HTTP/1.1", f"Content-Type: {kind}", origin,
                             f"Content-Length: {len(body)}")  # fmt: skip
            assert door.status(head, body) == 403, (kind, origin)
    assert program.app.journal.recent_requests(5) == []


@pytest.mark.parametrize(
    "site", ["same-site", "cross-site", "Same-Origin", "same-origin\r\nSec-Fetch-Site: cross-site"]
)
def test_a_page_of_another_port_reads_nothing(door: Door, site: str) -> None:
    assert door.status(door.head("GET {root}/api/v1/status HTTP/1.1", f"Sec-Fetch-Site: {site}")) == 403
    own = f"Origin: http://{door.host}"
    assert door.status(door.head("POST {root}/api/v1/requests HTTP/1.1", own, f"Sec-Fetch-Site: {site}")) == 403


def test_no_other_page_is_allowed_to_read(door: Door) -> None:
    asked = door.head("OPTIONS {root}/api/v1/requests HTTP/1.1", "Origin: https://evil.example",
                      "Access-Control-Request-Method: POST")  # fmt: skip
    answer = door.knock(asked)
    assert answer.split()[1] == "403" and "access-control" not in answer.lower()
    assert "access-control" not in door.knock(door.head()).lower()


def test_a_method_that_nobody_knows_changes_nothing(door: Door) -> None:
    for method in ("TRACE", "PUT", "get", "FOO"):
        assert door.status(door.head(f"{method} {{root}}/api/v1/status HTTP/1.1")) == 403, method


# The cookie and the address


def test_the_cookie_goes_to_no_other_server_of_this_computer(program: Listening) -> None:
    answer = httpx.get(program.app.page.url(program.app))
    [cookie] = answer.cookies.jar
    assert cookie.path == answer.headers["location"] and len(cookie.path) > 30 and not cookie.domain_specified
    with httpx.Client(cookies=answer.cookies) as other:
        assert "cookie" not in other.build_request("GET", "http://127.0.0.1:9/").headers


def test_what_another_server_has_set_keeps_nobody_out_and_lets_nobody_in(door: Door) -> None:
    def with_cookies(*cookies: str) -> int:
        lines = [
            f"GET {door.root}/ HTTP/1.1",
            f"Host: {door.host}",
            "Connection: close",
            *(f"Cookie: {one}" for one in cookies),
            "",
            "",
        ]
        return door.status("\r\n".join(lines).encode())

    own = f"coze-tray={door.cookie}"
    assert with_cookies(f"{own}; coze-tray=evil") == with_cookies(f"coze-tray=evil; {own}") == 200
    assert with_cookies(f'a="b; {own}', "x=[];;;") == with_cookies("coze-tray=evil", own) == 200
    for wrong in ("coze-tray=", "coze-tray", "", f"coze-tray={door.cookie[:-1]}", f"Coze-Tray={door.cookie}",
                  f"coze-tray={door.cookie}x", "coze-tray=\xff"):  # fmt: skip
        assert with_cookies(wrong) == 403, wrong


def test_an_address_is_good_once_and_soon(program: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    address = program.app.page.url(program.app)
    assert [httpx.get(address).status_code for _time in range(3)] == [303, 403, 403]
    monkeypatch.setattr(gate, "TICKET_S", 0.05)
    late = program.app.page.url(program.app)
    time.sleep(0.1)
    assert httpx.get(late).status_code == 403
    assert httpx.get(f"{late.partition('?')[0]}?ticket=").status_code == 403
    assert httpx.get(late.partition("?")[0]).status_code == 403


def test_an_address_keeps_a_prompt_whatever_that_says(program: Listening) -> None:
    to = "?prompt=Make%20a%20video...%20of%20../a,%20//b%20and%20c://d"
    assert httpx.get(program.app.page.url(program.app, to)).headers["location"].partition("?")[2] == to[1:]


def test_only_one_of_many_at_once_has_the_address(program: Listening) -> None:
    address = program.app.page.url(program.app)
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(httpx.get(address).status_code)) for _one in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [303] + [403] * 7


@pytest.mark.parametrize(
    "to",
    ["//evil.example", "/\\evil.example", "\\\\evil.example", "%2f%2fevil.example", "https://evil.example", "https:evil",
     "javascript:alert(1)", "x\r\nSet-Cookie: a=b", "x\r\n\r\n<script>", "../../x", "..\\..\\x", "http://[", "//[",
     "\t//evil.example", "/%09/evil.example", "@evil.example", ".evil.example", "\x00", "ü" * 3000, "?x=//evil.example",
     "#//evil.example"],
)  # fmt: skip
def test_an_address_leads_nowhere_else(program: Listening, to: str) -> None:
    answer = httpx.get(program.app.page.url(program.app, to))
    location = answer.headers["location"]
    root = urlsplit(str(answer.url)).path.removesuffix("enter")
    assert answer.status_code == 303 and location.startswith(root) and ".." not in location
    assert not {"\r", "\n", "\\", "\t"} & set(location)
    assert answer.next_request is not None and answer.next_request.url.netloc == answer.url.netloc
    assert list(answer.headers).count("set-cookie") == 1 and "a=b" not in answer.headers["set-cookie"]


# Bytes that are no HTTP, or two kinds of it (request smuggling)


def test_a_body_whose_end_is_told_in_two_ways_is_refused(door: Door) -> None:
    post, own = "POST {root}/api/v1/requests HTTP/1.1", f"Origin: http://{door.host}"
    smuggled = b"0\r\n\r\n" + door.head("GET {root}/ HTTP/1.1")
    for lengths in (("Content-Length: 4", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 4"),
                    ("Content-Length: 4", "Content-Length: 5"), ("Transfer-Encoding: chunked, identity",),
                    ("Transfer-Encoding: xchunked",), ("Transfer-Encoding : chunked",), ("Content-Length: -1",),
                    ("Content-Length: +4",), ("Content-Length: 4, 5",), (f"Content-Length: {'9' * 5000}",)):  # fmt: skip
        status = door.status(door.head(post, own, *lengths), smuggled)
        assert status in (400, 413, 501), lengths


def test_what_is_no_request_is_refused_and_the_page_goes_on(door: Door) -> None:
    for junk in (b"\x16\x03\x01\x00\xa5\x01", b"GET\r\n\r\n", b"\x00" * 100, b"GET / HTTP/9.9\r\nConnection: close\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: x\r\n y\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.1\nHost: x\rX: y\n\n", b"A" * 100_000):  # fmt: skip
        assert door.knock(junk)[:12] in ("HTTP/1.1 400", "HTTP/1.1 421"), junk[:20]
    upgrade = (
        "Connection: Upgrade, close",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: eA==",
    )
    assert door.status(door.head("GET {root}/ HTTP/1.1", *upgrade)) == 200, "no WebSocket is spoken"
    assert door.status(door.head()) == 200


# Too much, and too slow


def test_a_body_that_is_too_big_is_refused_before_it_comes_and_while_it_comes(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"Origin: http://{door.host}"
    post = "POST {root}/api/v1/builds HTTP/1.1"

    def head(length: str) -> bytes:
        """Of a browser, which sends all of it before it reads."""
        return door.head(post, own, length).replace(b"Connection: close", b"Connection: keep-alive")

    assert door.status(head(f"Content-Length: {gate.MOST_BODY_BYTES + 1}")) == 413
    chunk = b"%x\r\n%s\r\n" % (4_000_000, b"x" * 4_000_000)
    assert door.status(head("Transfer-Encoding: chunked"), *([chunk] * 17), b"0\r\n\r\n") == 413


def test_a_body_that_does_not_come_is_given_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_S", 0.3)
    head = door.head("POST {root}/api/v1/builds HTTP/1.1", f"Origin: http://{door.host}", "Content-Length: 10")
    with socket.create_connection(door.address, timeout=10) as connection:
        connection.sendall(head + b"{")
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def hangs_up(connection: socket.socket, drip: bytes) -> bool:
    """Whether the other side ends the connection within 3 s, in which `drip` is sent again and again."""
    connection.settimeout(0.1)
    for _time in range(30):
        try:
            connection.sendall(drip)
            if not connection.recv(1000):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_who_says_nothing_or_drips_is_hung_up_on(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.3)
    refused = door.head("POST {root}/api/v1/x HTTP/1.1", "Origin: null", "Content-Length: 1000000")
    for first, drip in ((b"", b""), (b"GET / HT", b"x"), (refused.replace(b"close", b"keep-alive"), b"x")):
        with socket.create_connection(door.address, timeout=10) as connection:
            connection.sendall(first)
            assert hangs_up(connection, drip), first
    assert door.status(door.head()) == 200


def test_a_stream_lasts_longer_than_a_silent_caller(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.2)
    monkeypatch.setattr(gate, "BODY_S", 0.2)
    with socket.create_connection(door.address, timeout=0.8) as connection:
        connection.sendall(door.head("GET {root}/api/v1/events HTTP/1.1"))
        with pytest.raises(TimeoutError):
            while piece := connection.recv(65536):
                assert piece
            pytest.fail("it was hung up on")


def test_who_takes_all_connections_is_cut_off(program: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 10)
    monkeypatch.setattr(server, "HEAD_S", 1.0)
    door = Door(program)
    many = [socket.create_connection(door.address, timeout=10) for _one in range(30)]
    cut = [one for one in many[10:] if one.recv(1) == b""]
    assert len(cut) >= 19
    for one in many[:10]:
        assert one.recv(1) == b"", "it had its time"
    for one in many:
        one.close()
    assert door.status(door.head()) == 200


# Other users of this computer

KNOCK = """
import socket, struct, sys
family, address, port, head, how = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET)
s.settimeout(10)
try:
    s.connect((address, int(port)))
except OSError as error:
    sys.exit(f"no route: {error}")
s.sendall(bytes.fromhex(head))
if how == "run":  # the answer does not matter: it is done when it is read
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
else:
    print(s.recv(1000).decode().split()[1])
"""


def knock_as(user: int | None, door: Door, head: bytes, family: str = "4", how: str = "stay") -> str:
    address = "127.0.0.1" if family == "4" else "::ffff:127.0.0.1"
    command = [
        "python3" if user else sys.executable,
        "-c",
        KNOCK,
        family,
        address,
        str(door.address[1]),
        head.hex(),
        how,
    ]
    said = subprocess.run(command, check=False, user=user, capture_output=True, text=True, timeout=30, cwd="/")
    if "no route" in said.stderr:
        pytest.skip(f"no such address here: {said.stderr}")
    assert said.returncode == 0, said.stderr
    return said.stdout.strip()


@NEEDS_PROC
@pytest.mark.parametrize("family", ["4", "6"])
def test_the_own_user_is_let_in_by_either_kind_of_socket(door: Door, family: str) -> None:
    assert knock_as(None, door, door.head(), family) == "200"


@NEEDS_PROC
@NEEDS_ROOT
@pytest.mark.parametrize("family", ["4", "6"])
def test_another_user_is_refused_even_with_the_cookie(door: Door, family: str) -> None:
    assert knock_as(65534, door, door.head(), family) == "403"
    lied = door.head("GET {root}/api/v1/status HTTP/1.1", "X-Forwarded-For: 10.1.2.3", "Forwarded: for=10.1.2.3")
    assert knock_as(65534, door, lied, family) == "403"


@NEEDS_PROC
@NEEDS_ROOT
def test_another_user_who_does_not_wait_for_the_answer_is_refused_too(door: Door, program: Listening) -> None:
    body = b'{"prompt": "x"}'
    head = door.head("POST {root}/api/v1/requests HTTP/1.1", f"Origin: http://{door.host}",
                     "Content-Type: application/json", f"Content-Length: {len(body)}")  # fmt: skip
    for _time in range(20):
        knock_as(65534, door, head + body, how="run")
    assert door.status(door.head()) == 200, "whatever came before is over"
    assert program.app.journal.recent_requests(5) == []


@NEEDS_PROC
def test_a_connection_that_nobody_holds_any_more_is_nobody_s(door: Door) -> None:
    assert gate.uid_of_connection(("127.0.0.1", 1), door.address) == gate.NOBODY
    assert gate.uid_of_connection(("127.0.0.1", 1), ("127.0.0.1", 1)) is None, (
        "where no server listens, it can't be told"
    )


# What every answer says


def test_every_answer_keeps_the_browser_to_this_page(door: Door, program: Listening) -> None:
    own = f"Origin: http://{door.host}"
    for head in (door.head("GET {root}/ HTTP/1.1"), door.head("GET {root}/nowhere HTTP/1.1"), door.head("GET / HTTP/1.1"),
                 door.head("GET {root}/static/page.js HTTP/1.1"), door.head("GET {root}/static/nothing HTTP/1.1"),
                 door.head("POST {root}/api/v1/requests HTTP/1.1", own, "Content-Length: 0"),
                 door.head("POST {root}/api/v1/requests HTTP/1.1"), door.head("GET {root}/api/v1/requests/x HTTP/1.1"),
                 door.head("GET {root}/api/v1/openapi.json HTTP/1.1"), door.head("GET {root}/enter HTTP/1.1"),
                 door.head("PUT {root}/ HTTP/1.1", own), door.head("HEAD {root}/ HTTP/1.1"),
                 door.head("GET {root}/static HTTP/1.1"), b"GET / HTTP/1.1\r\n\r\n"):  # fmt: skip
        said = door.knock(head).partition("\r\n\r\n")[0].lower()
        for needed in ("content-security-policy: default-src 'none'", "x-content-type-options: nosniff",
                       "referrer-policy: no-referrer", "x-frame-options: deny", "cache-control: "):  # fmt: skip
            assert needed in said, (head.splitlines()[0], said)
        assert "server:" not in said and "unsafe" not in said


def test_the_log_holds_nothing_that_opens_the_page(door: Door, program: Listening) -> None:
    address = program.app.page.url(program.app)
    for path in ("/", "/x%0aINFO%20forged%20line", "/api/v1/status"):
        lines = [
            f"GET {door.root}{path} HTTP/1.1",
            f"Host: {door.host}",
            "Connection: close",
            "Cookie: coze-tray=wrong",
            "",
            "",
        ]
        assert door.status("\r\n".join(lines).encode()) == 403
    assert [httpx.get(address).status_code for _time in range(2)] == [303, 403]
    log = "".join(path.read_text("utf-8") for path in program.app.home.glob("*.log*"))
    assert "refused (403)" in log
    for secret in (door.root[1:], door.cookie, address.partition("ticket=")[2].partition("&")[0]):
        assert secret not in log
    assert not [line for line in log.splitlines() if line.startswith("INFO forged")]
