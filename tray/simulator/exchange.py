"""One request to the simulated cloud, and the ways to answer it."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from itertools import islice
from typing import Any

from tray.simulator.faults import Fault, Faults

MOST_UNHEARD = 200
LOGID = "20260101000000SIMULATED"

Frames = Iterable[bytes]
"""A stream's bytes, a piece at a time. Ending it by raising ConnectionError cuts the connection."""

DONE = b'event:done\ndata:"[DONE]"\n\n'


def frame(event: str, data: Any) -> bytes:
    """One event as Coze writes it: no space after the colon, no id."""
    return f"event:{event}\ndata:{json.dumps(data, ensure_ascii=False)}\n\n".encode()


class GoneError(ConnectionError):
    """A fault ends the connection here."""


@dataclass
class Exchange:
    """`body` is parsed JSON, None for none, bytes for anything else. Each way to answer is used once."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: Mapping[str, str]
    handler: BaseHTTPRequestHandler
    fault: Fault | None
    faults: Faults
    pace_s: float

    def data(self, value: Any) -> None:
        """Coze's usual answer."""
        self.json({"code": 0, "msg": "", "data": value})

    def refuse(self, code: int, message: str) -> None:
        """Coze's usual refusal: with HTTP 200."""
        self.json({"code": code, "msg": message})

    def json(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.whole(json.dumps(value, ensure_ascii=False).encode(), "application/json; charset=utf-8", status, headers)

    def whole(self, body: bytes, kind: str, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Any answer that is no stream."""
        self._after_effect()
        if "Date" in (headers or {}):
            self.handler.send_response_only(status)
        else:
            self.handler.send_response(status)
        said = {"Content-Type": kind, "x-tt-logid": LOGID, "Content-Length": str(len(body)), **(headers or {})}
        for name, value in said.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def stream(self, frames: Frames) -> None:
        pieces = iter(frames)
        try:
            self._after_effect()
            self.handler.send_response(200)
            self.handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.handler.send_header("x-tt-logid", LOGID)
            self.handler.send_header("Transfer-Encoding", "chunked")
            self.handler.end_headers()
            for piece in self._cut(pieces):
                self.handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.handler.wfile.flush()
                time.sleep(self.pace_s)
            self.handler.wfile.write(b"0\r\n\r\n")
        except ConnectionError:  # the client left, a fault, or the script cuts the line
            self.handler.close_connection = True
            for _piece in islice(pieces, MOST_UNHEARD):  # the cloud goes on all the same
                pass
            raise

    def reset(self) -> None:
        """End the connection with a TCP reset, without an answer."""
        self.handler.close_connection = True
        with suppress(OSError):
            self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.connection.close()

    def _after_effect(self) -> None:
        if self.fault is not None and self.fault.kind == "reset_after":
            raise GoneError

    def _cut(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces up to where a fault ends them."""
        if self.fault is None or self.fault.kind not in ("cut", "stall"):
            yield from pieces
            return
        left = self.fault.at_bytes
        for piece in pieces:
            if len(piece) >= left:
                if left:
                    yield piece[:left]
                if self.fault.kind == "stall":
                    for _piece in islice(pieces, MOST_UNHEARD):
                        pass
                    self.faults.ended.wait()
                raise GoneError
            left -= len(piece)
            yield piece
