"""Media with a few bytes changed, through the worker as in a build."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

import samples
from factory import png, wav
from tray.draft.probe import LONGEST_US, MOST_PIXELS, Probe, probe_all
from tray.draft.worker import Worker

HOW_MANY = 40
WHOLE = {
    "png": png(), "jpeg": samples.picture("JPEG"), "webp": samples.picture("WEBP", "red", "blue"),
    "avif": samples.picture("AVIF"), "heic": samples.picture("HEIF", size=(64, 64)), "gif": samples.picture("GIF", "red", "blue"),
    "tiff": samples.picture("TIFF"), "wav": wav(1.0), "mp3": samples.sound("mp3", "libmp3lame", 1.0),
    "m4a": samples.sound("ipod", "aac", 1.0), "flac": samples.sound("flac", "flac", 1.0),
    "opus": samples.sound("ogg", "libopus", 1.0), "mp4": samples.video("mp4", "libx264", "aac"),
    "webm": samples.video("webm", "libvpx", "libopus"),
}  # fmt: skip


def harmed(data: bytes, chance: random.Random) -> bytes:
    """Cut, or changed in a few places, most of them in its head."""
    if chance.random() < 0.15:
        return data[: chance.randrange(len(data))]
    made = bytearray(data)
    for _n in range(chance.choice([1, 1, 2, 4, 16])):
        at = chance.randrange(min(len(data), chance.choice([64, 400, 10**9])))
        wide = chance.choice([1, 2, 4])
        made[at : at + wide] = chance.choice([b"\xff" * wide, bytes(wide), chance.randbytes(wide)])
    return bytes(made)


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_with_bytes_changed_is_told_or_refused_in_a_sentence(name, tmp_path: Path, capfd):
    chance = random.Random(name)
    paths = [tmp_path / f"{number}x" for number in range(HOW_MANY)]
    for path in paths:
        path.write_bytes(harmed(WHOLE[name], chance))

    async def run() -> list[Probe | str]:
        async with Worker("en") as worker:
            return await asyncio.wait_for(worker.run(probe_all, paths), 60)

    for told in asyncio.run(run()):
        if isinstance(told, str):
            assert told and "()" not in told and len(told) < 400
        else:
            assert told.path.is_file() and told.path.parent == tmp_path
            assert told.length_us is None if told.kind == "image" else 0 < (told.length_us or 0) <= LONGEST_US
            assert told.kind == "audio" or 0 < told.width * told.height <= MOST_PIXELS
    assert capfd.readouterr().err == ""
