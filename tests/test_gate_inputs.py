"""Whatever is put into any parameter of any page or operation: no answer is a crash, tells a secret, or opens a file
that is none of ours. What there is to try is found in the site itself, so that what comes later is tried, too."""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import keyring
import pytest
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from keyring.backends import fail

from listening import Listening
from tray import app as app_module
from tray.asked import Asked
from tray.desktop import opener
from tray.simulator.server import Simulator
from tray.web.docs import operations
from tray.web.pages import Pages
from tray.web.site import site
from web import visit

TOKEN = "pat_never-to-be-seen-0123456789"
CANARY = "what lies outside"

NAMES_A_FOLDER = ("/api/v1/settings", "/api/v1/drafts-folder", "/api/v1/drafts-folder/test")
"""Here the user says which folder of this computer is to be used: it is looked at and tried, whichever it is."""

_touched: list[tuple[str, str, bool, str]] = []
"""What the program does to files while it is watched: the event, the path, whether it changes something, and what was
called last."""
_called = [""]
_watched = threading.Event()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched.is_set() or not event.startswith(("open", "os.", "shutil.", "subprocess.")) or not arguments:
        return
    if event == "open":
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        changes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
    else:
        changes = event not in ("os.listdir", "os.scandir", "os.walk", "os.stat")
    for one in arguments[:2] if event in ("os.rename", "os.link", "os.symlink") else arguments[:1]:
        if isinstance(one, str | bytes | os.PathLike):
            _touched.append((event, os.fsdecode(one), changes, _called[0]))


sys.addaudithook(_audit)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that nothing has a right to."""
    path = tmp_path / "outside" / "canary.txt"
    path.parent.mkdir()
    path.write_text(CANARY, "utf-8")
    return path


@pytest.fixture
def program(
    listen: Callable[..., Listening], cloud: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Listening]:
    """It runs nothing of what it is asked, opens nothing on the desktop, and has a home and no keyring of its own."""
    for name in (
        "HOME",
        "USERPROFILE",
        "APPDATA",
        "LOCALAPPDATA",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
    ):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    listening = listen(cloud, token=TOKEN, settings={"bot_id": "demo"})
    monkeypatch.setattr(listening.app.listener, "go_on", lambda *_arguments: None)
    monkeypatch.setattr(opener, "_open", lambda path: None)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield listening
    keyring.set_keyring(before)


def hostile(outside: Path) -> list[str]:
    up = str(outside)[1:]
    return [
        str(outside), "../" * 15 + up, "..%2f" * 15 + quote(up, safe=""), "%2e%2e/" * 15 + up, "..\\" * 15 + up, "....//" * 15 + up,
        f"x/../../../../../../../../../../../{up}", f"file://{outside}", f"{outside}\0.json", "\0", ".", "..", "", " ", "/",
        "x" * 10_000, "9" * 5_000, "C:\\Windows\\win.ini", "C:win.ini", "\\\\127.0.0.1\\share\\x", "\\\\?\\C:\\x",
        "//127.0.0.1/share/x", "CON", "~root/x", "--help", "$(touch touched)", "{{7*7}}<script>alert(1)</script>",
        "'; DROP TABLE requests; --", "%s%n%(x)s{0}{x!r}", "\ud800", "\u202e\x1b[31m", "x\r\nSet-Cookie: a=b", "nan", "-1", "1e999",
    ]  # fmt: skip


def everything(program: Listening) -> dict[str, Any]:
    """OpenAPI of all that can be called, the pages too."""
    found: list[APIRoute] = []

    def walk(routes: list[Any]) -> None:
        for route in routes:
            if isinstance(route, APIRoute):
                route.include_in_schema = True
                found.append(route)
            elif inner := getattr(route, "original_router", None):
                walk(inner.routes)

    walk(list(site(program.app, Pages(program.app)).router.routes))
    return get_openapi(title="all", version="1", routes=found)


def sample(schema: dict[str, Any], schemas: dict[str, Any], depth: int = 0) -> Any:
    """A value that the schema takes."""
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return sample(schema[key][0], schemas, depth + 1)
    if "default" in schema or "const" in schema or "enum" in schema:
        return schema.get("default", schema.get("const", (schema.get("enum") or [None])[0]))
    kind = schema.get("type")
    if kind == "object":
        return {key: sample(one, schemas, depth + 1) for key, one in schema.get("properties", {}).items() if depth < 5}
    if kind == "array":
        return [sample(schema.get("items", {}), schemas, depth + 1)] if depth < 5 else []
    values = {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1), "boolean": False, "null": None}
    return values.get(str(kind), "x")


def with_each_text(value: Any, new: Any) -> Iterator[Any]:
    """`value`, each time with another of its texts replaced, the keys of objects too; and replaced as a whole."""
    yield new
    if isinstance(value, dict):
        for key, one in value.items():
            for changed in with_each_text(one, new):
                yield {**value, key: changed}
        yield {**value, str(new): new}
    elif isinstance(value, list):
        for n, one in enumerate(value):
            for changed in with_each_text(one, new):
                yield [*value[:n], changed, *value[n + 1 :]]


class Caller:
    """The browser's connection, for requests that no browser would send."""

    def __init__(self, program: Listening) -> None:
        with visit(program.app) as client:
            parts = urlsplit(str(client.base_url))
            self.cookie = client.cookies["coze-tray"]
        self.root, self.netloc = parts.path.rstrip("/"), parts.netloc
        self._connection = http.client.HTTPConnection(self.netloc, timeout=20)
        self.calls = 0

    def call(self, method: str, path: str, body: bytes | None, kind: str, *, streams: bool) -> tuple[int, str, str]:
        headers = {"Cookie": f"coze-tray={self.cookie}", "Origin": f"http://{self.netloc}"}
        if body is not None:
            headers["Content-Type"] = kind
        self.calls += 1
        try:
            self._connection.request(method, f"{self.root}{path}", body, headers)
            answer = self._connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):  # after a crash, which has been told
            self._connection.close()
            self._connection.request(method, f"{self.root}{path}", body, headers)
            answer = self._connection.getresponse()
        ends = not (streams and answer.status == 200)
        text = answer.read().decode("utf-8", "replace") if ends else ""
        if not ends:
            self._connection.close()
        return answer.status, str(answer.headers), text


def bodies(operation: dict[str, Any], schemas: dict[str, Any], value: str) -> Iterator[tuple[bytes, str]]:
    """What to send with `value` in it."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == "multipart/form-data":
            name = value.encode("utf-8", "replace")
            for part in (b'name="file"; filename="%s"' % name, b'name="%s"; filename="x.txt"' % name, b'name="file"'):
                head = b"--b\r\nContent-Disposition: form-data; %s\r\nContent-Type: text/plain\r\n\r\n" % part
                yield head + name + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"
        elif kind == "application/x-www-form-urlencoded":
            fields = sample(content["schema"], schemas)
            for changed in with_each_text(fields, value):
                if isinstance(changed, dict):
                    yield urlencode(changed, errors="replace").encode(), kind
        elif kind == "application/json":
            for changed in with_each_text(sample(content.get("schema", {}), schemas), value):
                yield json.dumps(changed).encode(), kind
        else:
            yield value.encode("utf-8", "surrogatepass"), kind


def requests_with(
    path: str, operation: dict[str, Any], schemas: dict[str, Any], value: str, known: str
) -> Iterator[Any]:
    """Each place of the operation in turn with `value` in it: path and query, body, type of the body."""
    usual = {one["name"]: known for one in operation.get("parameters", []) if one["in"] == "path"}

    def at(changed: dict[str, str]) -> str:
        filled = path
        for name, one in {**usual, **changed}.items():
            filled = filled.replace(f"{{{name}}}", one).replace(f"{{{name}:path}}", one)
        return filled

    [*plain] = [(b"", "")] if "requestBody" not in operation else list(bodies(operation, schemas, "x"))[:1]
    body, kind = plain[0] if plain else (b"", "")
    for one in operation.get("parameters", []):
        if one["in"] == "path":
            for said in dict.fromkeys(
                (quote(value, safe="", errors="replace"), quote(value, safe="/%", errors="replace"))
            ):
                yield at({one["name"]: said}), body, kind
        elif one["in"] == "query":
            yield f"{at({})}?{urlencode({one['name']: value}, errors='replace')}", body, kind
    for body, kind in bodies(operation, schemas, value):
        yield at({}), body, kind


def test_nothing_that_is_put_in_anywhere_opens_what_is_not_ours(
    program: Listening, outside: Path, tmp_path: Path
) -> None:
    schema = everything(program)
    schemas = schema.get("components", {}).get("schemas", {})
    known = app_module.NewRequest(Asked("", "call", "", parameters={"tool": "generate_draft", "arguments": "{}"}), None)
    app_module.begin(program.app, known)
    caller = Caller(program)
    wrong: list[str] = []
    _touched.clear()
    _watched.set()
    try:
        for path, method, operation in operations(schema):
            streams = "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
            _called[0] = path
            for value in hostile(outside):
                for target, body, kind in requests_with(path, operation, schemas, value, known.request_id):
                    status, headers, text = caller.call(
                        method.upper(), target, body if "requestBody" in operation else None, kind, streams=streams
                    )
                    for secret in (CANARY, TOKEN, caller.cookie, "Traceback (most", 'File "/', "root:x:0:0"):
                        if secret in text or secret in headers:
                            wrong.append(f"{method} {target[:80]} {body[:80]!r}: told {secret}")
                    if (
                        status >= 500
                        or "content-security-policy" not in headers.lower()
                        or "set-cookie" in headers.lower()
                    ):
                        wrong.append(f"{method} {target[:80]} {body[:80]!r}: {status} {text[:200]}")
    finally:
        _watched.clear()
    assert not wrong, f"{len(wrong)} of {caller.calls}: " + "\n".join(wrong[:20])
    own = (str(tmp_path), tempfile.gettempdir() + os.sep + "tmp")
    for event, path, changes, called in _touched:
        whole = os.path.abspath(path)  # noqa: PTH100 - as the system would take it
        if called in NAMES_A_FOLDER:
            continue
        assert not whole.startswith(str(outside.parent)), (event, path, called)
        assert whole not in ("/etc/passwd", "C:\\Windows\\win.ini"), (event, path, called)
        assert not changes or whole.startswith(own) or whole == os.devnull or "__pycache__" in whole, (
            event,
            path,
            called,
        )
    assert list(outside.parent.iterdir()) == [outside]
    assert outside.read_text("utf-8") == CANARY
    assert [one.name for one in (tmp_path / "here").iterdir()] == []
    assert caller.calls > 500


def test_json_that_is_made_to_exhaust_is_refused(program: Listening) -> None:
    caller = Caller(program)
    for body in (b"[" * 100_000, b'{"a":' * 100_000, b'{"prompt": ' + b"9" * 100_000 + b"}", b"nan", b"\xff\xfe", b'{"files": ["x"' + b',"x"' * 100_000 + b"]}",
                 b'{"prompt": "' + b"x" * 300_000 + b'"}', json.dumps({"parameters": {str(n): n for n in range(10)}, "kind": "workflow"}).encode()):  # fmt: skip
        status, _headers, text = caller.call("POST", "/api/v1/requests", body, "application/json", streams=False)
        assert 400 <= status < 500, (body[:20], status)
        assert len(text) < 20_000, "who is refused is not told it all again"
    assert program.app.journal.recent_requests(5) == []
