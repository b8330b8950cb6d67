"""Media that the simulator makes itself: pictures with Pillow, tones with `wave`."""

from __future__ import annotations

import io
import math
import struct
import wave

from PIL import Image, ImageDraw

SAMPLE_RATE = 16_000
_PALETTES = (("#F4A259", "#BC4B51"), ("#5B8E7D", "#1D3B53"), ("#8CB369", "#2F6690"), ("#6D597A", "#E56B6F"))


def picture(number: int, width: int = 1080, height: int = 1920) -> bytes:
    """A PNG: hills under a sun, in colours and shapes that `number` chooses."""
    above, below = _PALETTES[number % len(_PALETTES)]
    sky = Image.linear_gradient("L").resize((width, height))
    image = Image.composite(Image.new("RGB", sky.size, below), Image.new("RGB", sky.size, above), sky)
    draw = ImageDraw.Draw(image)
    x, y, r = width * (0.25 + 0.17 * (number % 4)), height * 0.3, width * 0.13
    draw.ellipse((x - r, y - r, x + r, y + r), fill="#FFF3D6")
    for layer in range(3):
        shade = 60 - layer * 18
        top = height * (0.55 + 0.13 * layer)
        hills = [
            (px, top + height * 0.05 * math.sin(px / width * 5 + number * 1.7 + layer * 2))
            for px in range(0, width + 1, 8)
        ]
        draw.polygon([(0, height), *hills, (width, height)], fill=(shade, shade + 8, shade + 18))
    data = io.BytesIO()
    image.save(data, "PNG", compress_level=1)
    return data.getvalue()


def tone(number: int, length_s: float = 3.0) -> bytes:
    """A WAV, mono: a soft chord that `number` chooses."""
    root = 220 * 2 ** ([0, 5, 7, 3][number % 4] / 12)
    frames = bytearray()
    for index in range(round(length_s * SAMPLE_RATE)):
        at = index / SAMPLE_RATE
        fade = min(1.0, at / 0.1, (length_s - at) / 0.4)
        value = sum(math.sin(2 * math.pi * root * ratio * at) for ratio in (1, 1.26, 1.5)) / 3
        frames += struct.pack("<h", round(9000 * fade * value))
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(bytes(frames))
    return data.getvalue()
