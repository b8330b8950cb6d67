"""Small media of every kind, made when they are asked for."""

from __future__ import annotations

import io
import math
import struct
from fractions import Fraction
from typing import Any

import av
from PIL import Image


def picture(name: str, *colours: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    """A picture in the format that Pillow calls `name`; several colours make an animation, 100 ms each."""
    if name == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    mode = options.pop("mode", "RGB")
    first, *rest = [Image.new(mode, size, colour) for colour in colours or ("teal",)]
    if rest:
        options = {"save_all": True, "append_images": rest, "duration": 100, **options}
    data = io.BytesIO()
    first.save(data, name, **options)
    return data.getvalue()


def sound(container: str, codec: str, length_s: float = 3.2, rate: int = 48000, **options: str) -> bytes:
    """A tone, by the names that FFmpeg has for its formats."""
    data = io.BytesIO()
    with av.open(data, "w", format=container, options=options) as media:
        _tone(media, media.add_stream(codec, rate=rate, layout="mono"), length_s, rate)
    return data.getvalue()


def video(container: str, codec: str, sound_codec: str = "", *, turned: int = 0, **options: str) -> bytes:
    """Three seconds of 64×48, ten frames a second; `turned`: by how many degrees a player is told to turn it."""
    data = io.BytesIO()
    with av.open(data, "w", format=container, options=options) as media:
        stream = media.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        heard = media.add_stream(sound_codec, rate=48000, layout="mono") if sound_codec else None
        for number in range(30):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([number * 8]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            media.mux(stream.encode(frame))
        media.mux(stream.encode(None))
        if heard:
            _tone(media, heard, 3.0, 48000)
    return data.getvalue()


def _tone(media: Any, stream: Any, length_s: float, rate: int) -> None:
    count = round(length_s * rate)
    size = stream.codec_context.frame_size or 1024
    for at in range(0, count, size):
        frame = av.AudioFrame("s16", "mono", min(size, count - at))
        tone = (round(9000 * math.sin(n / 20)) for n in range(at, at + frame.samples))
        frame.planes[0].update(struct.pack(f"<{frame.samples}h", *tone).ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        media.mux(stream.encode(frame))
    media.mux(stream.encode(None))
