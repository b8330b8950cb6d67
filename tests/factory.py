"""Small makers of input for the tests: exports, media, and servers that misbehave as told."""

from __future__ import annotations

import io
import json
import sys
import threading
import wave
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

SHARED = Path(__file__).parents[2] / "shared"
DATA = Path(__file__).parent / "data"

Reply = Callable[[BaseHTTPRequestHandler], None]


def png(colour: str = "teal", size: tuple[int, int] = (64, 36)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG")
    return data.getvalue()


def wav(length_s: float, rate: int = 8000) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(b"\x80" * round(length_s * rate))
    return data.getvalue()


def segment(kind: str = "text", start: float = 0, end: float = 2000, **more: Any) -> dict[str, Any]:
    """A segment of an export; `url` is short for material_url."""
    made: dict[str, Any] = {"type": kind, "time_range": {"start": start, "end": end}}
    if kind == "text":
        made["content"] = "你好"
    if "url" in more:
        made["material_url"] = more.pop("url")
    return {**made, **more}


def track(*segments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"track_type": segments[0]["type"] if segments else "video", "segments": list(segments), **more}


def draft(*tracks: dict[str, Any], name: str = "测试", **project: Any) -> dict[str, Any]:
    project = {"name": name, "width": 1080, "height": 1920, "fps": 30, **project}
    return {"draft_id": "123e4567-e89b-12d3-a456-426614174000", "project": project, "tracks": list(tracks)}


def export(*drafts: dict[str, Any]) -> str:
    return json.dumps({"format_version": "1.0", "draft_count": len(drafts), "drafts": list(drafts)}, ensure_ascii=False)


def send(body: bytes, status: int = 200, **headers: str) -> Reply:
    """A plain answer; header names with _ for -."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **named}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def drop(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def cut_off(body: bytes, announced: int) -> Reply:
    """Announce more bytes than are sent."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        send(body, Content_Length=str(announced))(handler)
        handler.close_connection = True

    return reply


def content_of(path: str | Path) -> dict[str, Any]:
    """A built draft's main file."""
    name = "draft_info.json" if sys.platform == "darwin" else "draft_content.json"
    return dict(json.loads((Path(path) / name).read_text("utf-8")))


class MediaServer:
    """Serves `replies` by path on 127.0.0.1; a list is answered one by one, its last for ever."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply | list[Reply]] = {}
        self.hits: Counter[str] = Counter()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                with server._lock:
                    reply = server.replies.get(path, send(b"", 404))
                    if isinstance(reply, list):
                        reply = reply[min(server.hits[path], len(reply) - 1)]
                    server.hits[path] += 1
                try:
                    reply(self)
                except ConnectionError:
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def serve(self, path: str, *replies: bytes | Reply) -> str:
        """Answer `path` with these, one by one. Returns its URL."""
        made = [send(reply) if isinstance(reply, bytes) else reply for reply in replies]
        self.replies[path] = made
        return f"{self.url}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
