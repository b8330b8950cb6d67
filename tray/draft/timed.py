"""Videos and sounds: what they are and how long, as FFmpeg's demuxers (PyAV) tell. Little is decoded.

Headers lie: a WAV written to a pipe says 0xFFFFFFFF bytes, a raw AAC says nothing, an MP3 of variable rate guesses. So
what has no index is read to its end, and what ends before its header says is called cut off.
"""

from __future__ import annotations

import contextlib
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tray.draft import convert
from tray.draft.probe import LONGEST_US, MOST_PIXELS, Probe, ProbeError, check_size, renamed
from tray.locale import _

if TYPE_CHECKING:
    import av.container

_SOUNDS = {("mp3", "mp3"): "mp3", ("mov", "aac"): "m4a", ("aac", "aac"): "aac", ("flac", "flac"): "flac",
           ("wav", "pcm_s16le"): "wav", ("wav", "pcm_s24le"): "wav", ("wav", "pcm_s32le"): "wav",
           ("wav", "pcm_f32le"): "wav", ("wav", "pcm_u8"): "wav"}  # fmt: skip
"""The sounds that JianYing takes as they are, by demuxer and codec. The rest becomes WAV."""
_VIDEOS = {"mov": "mp4", "matroska": "mkv", "avi": "avi", "flv": "flv", "mpegts": "ts", "mpeg": "mpg", "asf": "wmv",
           "ogg": "ogv"}  # fmt: skip
_REMUXED = ("matroska", "flv", "mpegts")
"""Whose streams become an MP4's where it can hold them: JianYing's cutting through these is the poorest."""
_IN_MP4 = (("h264", "hevc"), ("aac", "mp3"))
_READ_TO_THEIR_END = ("mp3", "aac", "amr", "flac", "wav", "matroska", "avi", "flv")
_GUESSED = ("aac", "amr")
"""Raw: they say no length, and FFmpeg's is a guess from the first bytes."""
_NAMES = {"mov": "MPEG-4", "matroska": "Matroska", "mp3": "MP3", "flac": "FLAC", "ogg": "Ogg", "wav": "Wave",
          "avi": "AVI", "flv": "Flash Video", "mpegts": "MPEG-TS"}  # fmt: skip


def plain_wav(path: Path) -> Probe | None:
    """The WAV in `path`, None if it is none or not plain PCM: ten times as fast as opening it with FFmpeg."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                return None
            file.seek(0)
            with wave.open(file) as sound:
                frame_bytes = sound.getnchannels() * sound.getsampwidth()
                said, rate = sound.getnframes(), sound.getframerate()
    except (wave.Error, EOFError, RuntimeError):  # the last for a chunk that reaches beyond the file's end
        return None
    held = (path.stat().st_size - 44) // frame_bytes
    # One that was written to a pipe says 0xFFFFFFFF bytes (or none), and is whole all the same.
    if held < 0.99 * said and head[4:8] not in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        raise _cut_off("Wave")
    length_us = round(min(said or held, held) * 1_000_000 / rate) if rate else 0
    return Probe(renamed(path, "wav"), "audio", 0, 0, length_us, True) if 0 < length_us <= LONGEST_US else None


@dataclass(frozen=True)
class _Found:
    """What the demuxer says. `codecs` of the video (if there is one) and its sounds, or of the sounds."""

    name: str
    demuxer: str
    kind: Literal["video", "audio"]
    video_codec: str
    sound_codecs: tuple[str, ...]
    width: int
    height: int
    length_us: int


def timed(path: Path) -> Probe:
    """The video or sound in `path`."""
    import av

    try:
        with av.open(str(path), options=convert.OPENING, metadata_errors="replace") as media:
            found = _found(media, path)
    except av.FFmpegError:
        raise ProbeError(_not_media(path)) from None
    return _video(found, path) if found.kind == "video" else _sound(found, path)


def _video(found: _Found, path: Path) -> Probe:
    import av

    videos, sounds = _IN_MP4
    if found.demuxer in _REMUXED and found.video_codec in videos and set(found.sound_codecs) <= set(sounds):
        made = path.with_suffix(".mp4")
        with contextlib.suppress(av.FFmpegError, ValueError, ProbeError):
            convert.to_mp4(path, made)
            told = timed(made)
            if abs((told.length_us or 0) - found.length_us) < 100_000:
                path.unlink()
                return told
        made.unlink(missing_ok=True)  # it stays as it is
    with path.open("rb") as file:
        head = file.read(64)
    extension = _VIDEOS.get(found.demuxer, "mp4")
    if found.demuxer == "mov" and head[8:12] == b"qt  ":
        extension = "mov"
    if found.demuxer == "matroska" and b"webm" in head:
        extension = "webm"
    made = renamed(path, extension)
    return Probe(made, "video", found.width, found.height, found.length_us, bool(found.sound_codecs))


def _sound(found: _Found, path: Path) -> Probe:
    import av

    if extension := _SOUNDS.get((found.demuxer, found.sound_codecs[0])):
        return Probe(renamed(path, extension), "audio", 0, 0, found.length_us, True)
    made = path.with_name(f"{path.name}.wav.new")
    try:
        length_us = convert.to_wav(path, made)
    except (av.FFmpegError, ValueError) as error:
        text = _("the sound ({name}) can't be converted ({error}). Make it an MP3 or M4A.")
        raise ProbeError(text.format(name=found.sound_codecs[0] or found.name, error=error)) from None
    path.unlink()
    return Probe(made.replace(path.with_suffix(".wav")), "audio", 0, 0, length_us, True)


def _found(media: av.container.InputContainer, path: Path) -> _Found:
    from av.stream import Disposition

    demuxer = media.format.name.partition(",")[0]
    name = _NAMES.get(demuxer, demuxer.upper())
    if demuxer == "mov":
        kinds, is_cut = _boxes(path)
        if is_cut:
            raise _cut_off(name)
        if b"meta" in kinds and b"moov" not in kinds:  # FFmpeg calls a HEIF's picture a video
            raise ProbeError(_("the picture (HEIF) can't be read. Save it as PNG or JPEG."))
    video = next((one for one in media.streams.video if not one.disposition & Disposition.attached_pic), None)
    stream: Any = video or next(iter(media.streams.audio), None)
    if not len(media.streams) or (stream is not None and stream.codec_context is None):
        raise ProbeError(_("it can't be read ({name}): it is broken or cut off").format(name=name))
    if stream is None:
        raise ProbeError(_("it is neither a picture, a video nor a sound, but {name}").format(name=name))
    length_us = _length_us(media, stream, demuxer, path)
    if not length_us or length_us > LONGEST_US:
        raise ProbeError(_("its length can't be read ({name}): it is broken or cut off").format(name=name))
    width, height = _size(media, video, name) if video else (0, 0)
    return _Found(
        name,
        demuxer,
        "video" if video else "audio",
        _codec(video) if video else "",
        tuple(_codec(one) for one in media.streams.audio),
        width,
        height,
        length_us,
    )


def _codec(stream: Any) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else ""


def _size(media: av.container.InputContainer, video: Any, name: str) -> tuple[int, int]:
    """As it is shown: a phone held upright films lying pictures and says so."""
    import av

    width, height = video.codec_context.width, video.codec_context.height
    if not (width and height):
        raise ProbeError(_("the size of the video ({name}) can't be read").format(name=name))
    check_size(width, height)
    if "mov" in media.format.name:
        video.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        with contextlib.suppress(av.FFmpegError, StopIteration):
            if next(media.decode(video)).rotation % 180:
                return height, width
    return width, height


def _length_us(media: av.container.InputContainer, stream: Any, demuxer: str, path: Path) -> int:
    """How long `stream` is. Raises ProbeError where the file ends before its header says."""
    said_us = media.duration or 0
    if stream.duration and demuxer != "mpeg":  # which knows a frame's
        of_stream_us = int(stream.duration * stream.time_base * 1_000_000)
    else:
        of_stream_us = said_us
    if demuxer not in _READ_TO_THEIR_END and of_stream_us > 0:
        return of_stream_us
    held_us, end_us = _held_us(media, stream)
    if demuxer in _GUESSED or (demuxer == "mp3" and not _has_xing(path)):
        return held_us
    if end_us < 0.98 * said_us - 100_000:
        raise _cut_off(_NAMES.get(demuxer, demuxer))
    return min(held_us, said_us) if demuxer == "mp3" else held_us


def _held_us(media: av.container.InputContainer, stream: Any) -> tuple[int, int]:
    """How long `stream` is, and when the last one ends, by the packets that are there."""
    import av

    first: dict[int, float] = {}
    last: dict[int, float] = {}
    with contextlib.suppress(av.FFmpegError):  # it ends here
        for packet in media.demux():
            at = packet.pts if packet.pts is not None else packet.dts
            if at is None or not packet.size:
                continue
            scale = float(packet.time_base) * 1_000_000
            number = packet.stream_index
            first[number] = min(first.get(number, at * scale), at * scale)
            last[number] = max(last.get(number, 0.0), (at + (packet.duration or 0)) * scale)
    number = stream.index
    return round(last[number] - first[number]) if number in last else 0, round(max(last.values(), default=0))


def _has_xing(path: Path) -> bool:
    """Whether an MP3's first frame says how long it is (Xing, Info or VBRI; after an ID3 tag if there is one)."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
            file.seek(10 + size)
        else:
            file.seek(0)
        frame = file.read(256)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))


def _boxes(path: Path) -> tuple[set[bytes], bool]:
    """What boxes an MP4 has on its outermost level, and whether one of them reaches beyond the file's end."""
    size, kinds, head = path.stat().st_size, set[bytes](), bytes(16)
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            kinds.add(head[4:8])
            box = int.from_bytes(head[:4], "big")
            if box == 1:
                box = int.from_bytes(head[8:16], "big")
            if box < 8:  # 0: to the end
                return kinds, False
            at += box
    return kinds, at > size and head[4:8].isalnum()


def _cut_off(name: str) -> ProbeError:
    return ProbeError(_("the file ({name}) is cut off").format(name=name))


_MARKS = {
    b"%PDF": "PDF", b"PK\x03\x04": "ZIP", b"8BPS": "Photoshop", b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL",
    b"Rar!": "RAR", b"MZ": "EXE", b"\x7fELF": "ELF", b"%!PS": "PostScript", b"\x1f\x8b": "gzip", b"\0asm": "WASM",
}  # fmt: skip
_BROKEN = {b"\x1aE\xdf\xa3": "Matroska", b"RIFF": "RIFF", b"OggS": "Ogg", b"fLaC": "FLAC", b"FLV": "Flash Video",
           b"ID3": "MP3", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF"}  # fmt: skip


def _not_media(path: Path) -> str:
    """What FFmpeg can't read, by name where it is known."""
    with path.open("rb") as file:
        start = file.read(200)
    if start.startswith(b"#EXTM3U"):
        return _("it is a playlist, not a video. Use the link of the video itself (MP4).")
    text = start.decode("utf-8", "replace").strip()
    if text.isprintable() or start.lstrip()[:1] in (b"{", b"[", b"<"):
        return _("the server sent a message instead of media: {text}").format(text=text)
    for mark, name in _MARKS.items():
        if start.startswith(mark):
            return _("it is neither a picture, a video nor a sound, but {name}").format(name=name)
    name = "MPEG-4" if start[4:8] == b"ftyp" else next((n for mark, n in _BROKEN.items() if start.startswith(mark)), "")
    if name:
        return _("it can't be read ({name}): it is broken or cut off").format(name=name)
    return _("it is neither a picture, a video nor a sound (or it is broken)")
