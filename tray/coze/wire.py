"""What comes over the wire, made safe to read: the events of a stream, and the JSON of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from tray.coze.errors import CozeError, code_of
from tray.locale import _
from tray.text import whole_characters

LARGEST_BYTES = 64 * 1024 * 1024
"""Of one event, or of one answer. Coze takes requests of up to 20 MB; what it says is never near this."""

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class WireEvent:
    """One event of a stream: its name, and its data as parsed JSON (a str where it is none)."""

    name: str
    data: Any
    logid: str


async def events(first: bytes, rest: AsyncIterator[bytes], logid: str) -> AsyncGenerator[WireEvent, None]:
    """The events in the bytes of a stream. Raises CozeError "too_big" for one that does not end."""
    import httpx
    from httpx_sse import EventSource

    size = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal size
        size += len(first)
        yield first.removeprefix(_BOM)
        async for chunk in rest:
            size += len(chunk)
            if size > LARGEST_BYTES:
                raise too_big(logid)
            yield chunk
        yield b"\n\n"  # some streams end without the blank line that ends their last event

    headers = {"content-type": "text/event-stream; charset=utf-8"}  # httpx-sse refuses to read without one
    async for sse in EventSource(httpx.Response(200, headers=headers, content=body())).aiter_sse():
        size = 0
        if sse.data or sse.event != "message":  # comments and blank lines yield empty messages
            yield WireEvent(sse.event, parsed(sse.data), logid)


async def whole(chunks: AsyncIterator[bytes], logid: str) -> bytes:
    """All bytes of an answer. Raises CozeError "too_big"."""
    pieces, size = [], 0
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > LARGEST_BYTES:
            raise too_big(logid)
    return b"".join(pieces)


def parsed(text: str) -> Any:
    """`text` as JSON, without halves of characters; `text` itself where it is none."""
    try:
        value = json.loads(text)
        if _HALF.search(text):
            value = json.loads(whole_characters(json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return text
    return value


def text_of(value: Any) -> str:
    """A text as it is, any other value as JSON text, "" for none."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


def json_value(text: str) -> Any:
    """The JSON value of `text`, None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def refusal(said: dict[str, Any]) -> tuple[str, str]:
    """The code and the message of what reports an error; the code is "" where it reports none."""
    code = said.get("code")
    known = isinstance(code, (int, str)) and not isinstance(code, bool)
    found = str(code)[:40] if known else "unknown" if code else ""
    message = str(said.get("msg") or said.get("message") or "")[:1000]
    return "" if found == "0" else code_of(found, message), message


def too_big(logid: str) -> CozeError:
    megabytes = LARGEST_BYTES // 1024**2
    return CozeError("too_big", _("more than {megabytes} MB without an end").format(megabytes=megabytes), logid)
