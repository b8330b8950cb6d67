"""The page as a browser's user has it, for tests over real HTTP without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tray.app import App

TYPES = {
    ".css": ("text/css",),
    ".js": ("text/javascript", "application/javascript"),
    ".svg": ("image/svg+xml",),
}


def visit(app: App, path: str = "") -> httpx.Client:
    """A client that has opened the page: it has the cookie, and its base is the site's beginning."""
    return enter(app.page.url(app, path))


def enter(address: str) -> httpx.Client:
    """The same, with an address that was made elsewhere."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    entered = httpx.get(address)
    base = f"{origin}/{entered.headers['location'].split('/')[1]}/"
    return httpx.Client(base_url=base, cookies=entered.cookies, headers={"Origin": origin}, timeout=20)


def told(client: httpx.Client, path: str = "api/v1/events") -> Iterator[tuple[str, Any]]:
    """What the stream says: each event's name and its data."""
    with client.stream("GET", path) as stream:
        name = ""
        for line in stream.iter_lines():
            kind, _colon, said = line.partition(": ")
            if kind == "event":
                name = said
            elif kind == "data":
                yield name, json.loads(said)


def site_is_whole(client: httpx.Client) -> None:
    """Every page that the first one leads to answers, and every script, style and picture there is."""
    first = client.get("")
    assert first.status_code == 200
    for path in re.findall(r'<a href="([^"]*)"', first.text):
        assert client.get(path).status_code == 200, path
    for file in (Path(__file__).parents[1] / "tray" / "web" / "static").iterdir():
        sent = client.get(f"static/{file.name}")
        assert (sent.status_code, sent.content) == (200, file.read_bytes()), file.name
        assert sent.headers["content-type"].split(";")[0] in TYPES[file.suffix], file.name
