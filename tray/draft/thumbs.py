"""Small pictures of a draft's media and cover, for a page. Runs in the worker process only: it decodes media."""

from __future__ import annotations

import logging
from pathlib import Path

from tray.draft import cover

log = logging.getLogger(__name__)


def make(file: Path, made: Path, side: int) -> bool:
    """Write a JPEG of `file`, a picture or video, at most `side` pixels wide and high. False where it can't be made of
    that."""
    from PIL import Image

    size = (side, side)
    try:
        is_still = file.suffix.lower() in cover.STILLS
        image = cover.picture(file, size) if is_still else cover.frame(file, 0, size)
        image.thumbnail(size)
        flat = Image.new("RGB", image.size, "#808080")
        flat.paste(image, mask=image.getchannel("A"))
        fresh = made.with_suffix(".new")
        flat.save(fresh, "JPEG", quality=80)
        fresh.replace(made)
    except Exception as error:  # noqa: BLE001 - as in cover: the media libraries raise anything for a broken file
        log.info("no small picture of %s: %s", file.name, error)
        return False
    return True
