"""The page as a browser's user has it, for tests over real HTTP without a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from tray.app import App


def visit(app: App, path: str = "") -> httpx.Client:
    """A client that has opened the page: it has the cookie, and its base is the site's beginning."""
    address = app.page.url(app, path)
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
