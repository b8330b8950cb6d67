"""Turns what JianYing does not take into what it takes, without loss.

Nobody publishes what it takes. MP4, MOV, MP3, M4A (AAC), WAV, FLAC, JPEG, PNG and GIF are everyday; OGG is refused by
CapCut (issue 758 of JordanSantiagoYT/FNF-JS-Engine). So pictures become PNG; animations MOV with QuickTime Animation,
which is how editors hand on clips with an alpha channel; sounds WAV; and videos whose streams an MP4 can hold, MP4.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tray.draft.probe import LONGEST_US, ProbeError, check_size
from tray.locale import _

if TYPE_CHECKING:
    from PIL import Image

OPENING = {
    "format_whitelist": "mp4,matroska,mp3,aac,flac,ogg,wav,aiff,caf,amr,asf,avi,flv,mpegts,mpeg",
    "protocol_whitelist": "file",
}
"""How FFmpeg opens what a bot sent. No other demuxers: a playlist's would open the addresses and files it names."""
MOST_ANIMATION_PIXELS = 500_000_000
"""Of all frames together: 240 of full HD. QuickTime Animation hardly makes a photo smaller."""
MOST_WAV_BYTES = 2 * 1000**3
"""A WAV can't be larger than 4 GB; ten minutes of stereo are 0.1 GB."""
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


def to_png(image: Image.Image, target: Path) -> tuple[int, int]:
    """Write a still picture upright. Returns its width and height in pixels."""
    from PIL import ImageOps

    image.load()
    check_size(*image.size)  # an icon's header may have said another
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "F" or upright.mode.startswith("I"):
        upright = _in_16_bits(upright, str(image.format))
    elif upright.mode not in _PNG_MODES:
        upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    upright.save(target, "PNG", compress_level=3)
    return upright.size


def _in_16_bits(image: Image.Image, name: str) -> Image.Image:
    whole = image.convert("I")
    extremes: Any = whole.getextrema()
    if image.mode == "F" or extremes[0] < 0 or extremes[1] > 65_535:  # measurements: what is white, nobody says
        raise ProbeError(_("the picture ({name}) is brighter than a PNG can say. Save it as PNG.").format(name=name))
    return whole.convert("I;16")


def to_mov(image: Image.Image, target: Path) -> tuple[Path, int]:
    """Write an animation, each frame for as long as it is shown, once. Returns `target` and its length in µs."""
    import av

    frames = getattr(image, "n_frames", 1)
    width, height = image.size
    if frames * max(width * height, 10_000) > MOST_ANIMATION_PIXELS:  # a tiny one's frames take their time, too
        raise ProbeError(
            _("the animation ({name}, {n} frames of {width}×{height}) is too large to be converted. "
              "Make it an MP4 or a GIF.").format(name=image.format, n=frames, width=width, height=height)
        )  # fmt: skip
    mode = "argb" if image.has_transparency_data else "rgb24"
    at_ms = 0
    with av.open(str(target), "w", format="mov") as media:
        stream = media.add_stream("qtrle", rate=1000)
        stream.width, stream.height, stream.pix_fmt = width, height, mode
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(frames):
            image.seek(number)
            image.load()  # sets how long this frame is shown
            shown_ms = round(float(image.info.get("duration") or 0)) or 100  # as browsers do
            frame = av.VideoFrame.from_bytes(image.convert("RGBA").tobytes(), width, height, "rgba")
            frame.pts, frame.time_base = at_ms, Fraction(1, 1000)
            for packet in stream.encode(frame.reformat(format=mode)):
                packet.duration = shown_ms
                media.mux(packet)
            at_ms += shown_ms
        media.mux(stream.encode(None))
    if at_ms * 1000 > LONGEST_US:
        raise ProbeError(_("the animation is longer than a day"))
    return target, at_ms * 1000


def to_wav(source: Path, target: Path) -> int:
    """Decode a sound: 16 bits, or 24 where there are more. Returns its length in µs."""
    import av

    samples = 0
    with av.open(str(source), options=OPENING) as media, av.open(str(target), "w", format="wav") as made:
        sound = media.streams.audio[0]
        rate = int(sound.rate)
        is_deep = sound.codec_context.format.name.startswith("s32")
        out: Any = made.add_stream("pcm_s24le" if is_deep else "pcm_s16le", rate=rate, layout=sound.layout)
        resampler = av.AudioResampler("s32" if is_deep else "s16", sound.layout, rate)
        most = MOST_WAV_BYTES // ((3 if is_deep else 2) * sound.layout.nb_channels)
        for frame in media.decode(sound):
            for plain in resampler.resample(frame):
                plain.pts, plain.time_base = samples, Fraction(1, rate)
                samples += plain.samples
                if samples > most:
                    raise ProbeError(
                        _("the sound ({name}) is too long to be converted. Make it an MP3 or M4A.").format(
                            name=sound.codec_context.name
                        )
                    )
                made.mux(out.encode(plain))
        made.mux(out.encode(None))
    return round(samples * 1_000_000 / rate)


def to_mp4(source: Path, target: Path) -> None:
    """Put the streams of a video, as they are, into an MP4."""
    import av

    with av.open(str(source), options=OPENING) as media, av.open(str(target), "w", format="mp4") as made:
        streams = [media.streams.video[0], *media.streams.audio]
        copies = {stream.index: made.add_stream_from_template(stream) for stream in streams}
        undated: dict[int, list[Any]] = {stream.index: [] for stream in streams}
        for packet in media.demux(streams):
            if not packet.size:
                continue
            early = undated[packet.stream_index]
            if packet.dts is None:  # Matroska says when frames are shown, not when decoded; FFmpeg catches up later
                early.append(packet)
                continue
            for number, one in enumerate(early):
                one.dts = packet.dts - (packet.duration or 1) * (len(early) - number)
            for one in (*early, packet):
                one.stream = copies[packet.stream_index]
                made.mux(one)
            early.clear()
        if any(undated.values()):
            raise ValueError("packets without a time")
