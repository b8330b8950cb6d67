"""The files that were uploaded to the simulated cloud."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP

from tray.simulator.exchange import Exchange


@dataclass
class Files:
    """The endpoint `/v1/files/upload`. `stored`: name and content by id."""

    stored: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def upload(self, exchange: Exchange) -> None:
        head = f"Content-Type: {exchange.headers.get('Content-Type', '')}\r\n\r\n".encode()
        body = exchange.body if isinstance(exchange.body, bytes) else b""
        for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
            content = part.get_payload(decode=True)
            if part.get_param("name", header="content-disposition") == "file" and isinstance(content, bytes):
                name = str(part.get_filename()).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                file_id = uuid.uuid4().hex[:19]
                self.stored[file_id] = name, content
                exchange.data({"id": file_id, "bytes": len(content), "file_name": name, "created_at": 1715847583})
                return
        exchange.refuse(4000, "no file in the request")
