"""Files that the user asked for by name."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from tray.draft.problems import DraftError
from tray.locale import _


def save(path: Path, text: str) -> None:
    """Write the file whole or not at all, in the place of one that is there. Raises DraftError where it can't be."""
    target = Path(os.path.realpath(path))  # what a link leads to, not the link; Path.resolve raises where they go round
    try:
        if target.exists() and not target.is_file():  # /dev/stdout, a pipe
            target.write_bytes(text.encode())
            return
        fresh = target.with_name(f".{uuid.uuid4().hex[:12]}.tmp")
        try:
            fresh.write_bytes(text.encode())
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise DraftError(
            _("{file} can't be written: {error}").format(file=path, error=error.strerror or error),
            _("Check the path, and that the folder is there and not write-protected."),
        ) from None
