"""A file on its way to Coze: checked first, then read piece by piece beside the event loop.

Up to 512 MB in multipart/form-data under the name "file": documented (docs.coze.cn, upload_files).
"""

from __future__ import annotations

import mimetypes
import stat
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import anyio

from tray.errors import TrayError
from tray.locale import _

LARGEST_BYTES = 512 * 1024 * 1024
PIECE_BYTES = 256 * 1024


class UploadError(TrayError):
    """A file can't be uploaded as it is."""


def size_bytes(path: Path) -> int:
    """The size of the file to upload. Raises UploadError for what can't be uploaded. Blocks."""
    try:
        found = path.stat()
        with path.open("rb"):
            pass
    except OSError as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(found.st_mode):
        raise UploadError(_("{path} is no file.").format(path=path), _("Give the path of a file."))
    if found.st_size > LARGEST_BYTES:
        raise UploadError(
            _("{path} is too large: {megabytes} MB.").format(path=path, megabytes=found.st_size // 1024**2),
            _("Coze takes files of up to {megabytes} MB. Give a smaller one.").format(
                megabytes=LARGEST_BYTES // 1024**2
            ),
        )
    return found.st_size


def multipart(path: Path, size: int) -> tuple[dict[str, str], AsyncIterator[bytes]]:
    """The headers and the body that upload the `size` bytes at `path`. The body raises UploadError when the file
    fails it."""
    boundary = uuid.uuid4().hex
    # As browsers write it: docs of HTML, multipart/form-data.
    name = path.name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    said = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}'
    head = f"--{boundary}\r\n{said}\r\n\r\n".encode("utf-8", "replace")
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + size + len(tail)),
    }

    async def body() -> AsyncIterator[bytes]:
        yield head
        async for piece in _pieces(path, size):
            yield piece
        yield tail

    return headers, body()


def is_image(path: Path) -> bool:
    """Whether a bot gets it as an image, not as a file."""
    kind = mimetypes.guess_type(path.name)[0] or ""
    return kind.startswith("image/") or path.suffix.lower() in (".heic", ".heif", ".webp")


async def _pieces(path: Path, size: int) -> AsyncIterator[bytes]:
    left = size
    try:
        async with await anyio.open_file(path, "rb") as file:
            while left:
                piece = await file.read(min(PIECE_BYTES, left))
                if not piece:
                    raise UploadError(
                        _("{path} became shorter while it was uploaded.").format(path=path),
                        _("Run it again once the file is finished."),
                    )
                left -= len(piece)
                yield piece
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> UploadError:
    why = error.strerror or type(error).__name__
    return UploadError(
        _("{path} can't be read: {error}").format(path=path, error=why),
        _("Is the path right, and may this user read it?"),
    )
