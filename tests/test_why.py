"""Why a connection was not made, in the user's words."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import aiohttp
import httpx
import pytest

from tray.network import why


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def by_httpx(url: str) -> None:
    httpx.get(url, trust_env=False)


def by_httpx_async(url: str) -> None:
    async def get() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(url)

    asyncio.run(get())


def by_aiohttp(url: str) -> None:
    async def get() -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(url)

    asyncio.run(get())


@pytest.mark.parametrize("get", [by_httpx, by_httpx_async, by_aiohttp])
def test_it_is_said_without_the_library_s_words(get: Callable[[str], None]):
    for url, words in (
        (f"http://127.0.0.1:{free_port()}/", "the connection was refused"),
        (f"http://localhost:{free_port()}/", "the connection was refused"),
        ("http://nowhere.invalid/", "its name is not known; is this computer online?"),
    ):
        with pytest.raises((httpx.TransportError, aiohttp.ClientError)) as error:
            get(url)
        assert why(error.value) == words


def test_what_is_not_known_stays_as_it_is():
    assert why(ValueError("odd")) == "odd" and why(ValueError()) == "ValueError"
