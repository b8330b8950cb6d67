"""What media are, told by their content, and what becomes of those that JianYing does not take."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

import samples
from factory import DATA, png, wav
from tray.draft.probe import Probe, ProbeError, probe, probe_all


@pytest.fixture
def told(tmp_path: Path):
    """Probe bytes as a file without a name that would help."""

    def run(data: bytes) -> Probe:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}x"
        path.write_bytes(data)
        found = probe(path)
        assert found.path.is_file() and not path.exists(), "the original is replaced"
        return found

    return run


@pytest.mark.parametrize(("container", "codec", "extension", "options"), [
    ("mp3", "libmp3lame", ".mp3", {}),
    ("mp3", "libmp3lame", ".mp3", {"write_xing": "0"}),
    ("ipod", "aac", ".m4a", {}),
    ("ipod", "aac", ".m4a", {"movflags": "frag_keyframe+empty_moov"}),
    ("adts", "aac", ".aac", {}),
    ("flac", "flac", ".flac", {}),
    ("wav", "pcm_s16le", ".wav", {}),
    ("wav", "pcm_s24le", ".wav", {}),
    ("wav", "pcm_f32le", ".wav", {}),
    ("wav", "adpcm_ima_wav", ".wav", {}),
    ("ogg", "libopus", ".wav", {}),
    ("webm", "libopus", ".wav", {}),
    ("mp4", "libopus", ".wav", {}),
    ("ipod", "alac", ".wav", {}),
    ("matroska", "flac", ".wav", {}),
    ("aiff", "pcm_s16be", ".wav", {}),
])  # fmt: skip
def test_a_sound_is_told_its_length_and_taken_or_made_a_wav(container, codec, extension, options, told):
    found = told(samples.sound(container, codec, **options))
    assert (found.kind, found.path.suffix, found.has_audio) == ("audio", extension, True)
    assert found.length_us == pytest.approx(3_200_000, abs=50_000)  # encoders pad their last frame


def test_the_length_of_an_mp3_of_variable_rate_is_counted_where_its_header_does_not_say_it(told):
    """A quarter of loud noise after silence: a guess from the first frames would be far off."""
    import random

    import av

    data = io.BytesIO()
    with av.open(data, "w", format="mp3", options={"write_xing": "0"}) as media:
        stream = media.add_stream("libmp3lame", rate=44100, layout="mono")
        stream.codec_context.qscale = True
        stream.codec_context.global_quality = 9 * 118
        for number in range(100):
            frame = av.AudioFrame("s16", "mono", 1152)
            loud = random.Random(number).randbytes(2304) if number > 75 else bytes(2304)
            frame.planes[0].update(loud.ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate, frame.pts = 44100, number * 1152
            media.mux(stream.encode(frame))
        media.mux(stream.encode(None))
    assert told(data.getvalue()).length_us == pytest.approx(100 * 1152 / 44100 * 1e6, rel=0.03)


def test_what_is_decoded_is_the_very_sound(told):
    import av

    data = samples.sound("matroska", "flac")
    with av.open(io.BytesIO(data)) as media:
        original = b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in media.decode(audio=0))
    assert told(data).path.read_bytes().endswith(original)


@pytest.mark.parametrize(("container", "codec", "heard", "extension"), [
    ("mp4", "libx264", "aac", ".mp4"),
    ("mp4", "libx264", "", ".mp4"),
    ("mov", "libx264", "aac", ".mov"),
    ("webm", "libvpx", "libopus", ".webm"),
    ("webm", "libvpx-vp9", "", ".webm"),
    ("matroska", "libx264", "aac", ".mp4"),
    ("matroska", "libx264", "libopus", ".mkv"),
    ("flv", "libx264", "aac", ".mp4"),
    ("mpegts", "libx264", "aac", ".mp4"),
    ("avi", "mpeg4", "libmp3lame", ".avi"),
])  # fmt: skip
def test_a_video_is_told_its_size_length_and_whether_it_is_heard(container, codec, heard, extension, told):
    found = told(samples.video(container, codec, heard))
    assert (found.kind, found.path.suffix, found.has_audio) == ("video", extension, bool(heard))
    assert (found.width, found.height) == (64, 48)
    assert found.length_us == pytest.approx(3_000_000, abs=100_001)


def test_a_video_put_into_an_mp4_has_every_frame_at_its_time(told):
    import av

    def frames(data: bytes) -> list[tuple[float, bytes]]:
        with av.open(io.BytesIO(data)) as media:
            return [(round(frame.time, 2), bytes(frame.planes[0])) for frame in media.decode(video=0)]

    data = samples.video("matroska", "libx264", "aac")
    assert frames(told(data).path.read_bytes()) == frames(data)


def test_a_video_filmed_with_the_phone_upright_is_as_wide_as_it_is_shown(told):
    found = told(samples.video("mp4", "libx264", turned=90))
    assert (found.width, found.height) == (48, 64)


def test_a_sound_with_a_cover_picture_is_a_sound(told):
    import av

    data = io.BytesIO()
    with av.open(data, "w", format="mp3") as media:
        cover = media.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 8, 8, "rgb24"
        heard = media.add_stream("libmp3lame", rate=48000, layout="mono")
        cover.disposition = av.stream.Disposition.attached_pic
        media.mux(cover.encode(av.VideoFrame(8, 8, "rgb24")))
        media.mux(cover.encode(None))
        samples._tone(media, heard, 1.0, 48000)
    assert told(data.getvalue()).kind == "audio"


@pytest.mark.parametrize(("name", "extension"), [("JPEG", ".jpg"), ("PNG", ".png"), ("BMP", ".bmp"), ("WEBP", ".png"),
                                                 ("AVIF", ".png"), ("HEIF", ".png"), ("TIFF", ".png"), ("GIF", ".png"),
                                                 ("ICO", ".png")])  # fmt: skip
def test_a_still_picture_is_taken_or_made_a_png(name, extension, told):
    found = told(samples.picture(name, size=(32, 32)))
    assert (found.kind, found.path.suffix, found.length_us, found.has_audio) == ("image", extension, None, False)
    with Image.open(found.path) as made:
        assert made.size == (found.width, found.height) == (32, 32)


def test_a_picture_keeps_its_alpha_and_its_sixteen_bits(told):
    with Image.open(told(samples.picture("WEBP", "#ff000080", mode="RGBA", lossless=True)).path) as made:
        assert made.getpixel((0, 0)) == (255, 0, 0, 128)
    deep = io.BytesIO()
    Image.new("I;16", (8, 8), 40_000).save(deep, "TIFF")
    with Image.open(told(deep.getvalue()).path) as made:
        assert made.getpixel((0, 0)) == 40_000


@pytest.mark.parametrize("order", ["<", ">"])
def test_of_sixteen_bits_none_is_lost_whichever_comes_first(order, told):
    values = [40_000, 1, 300, 65_535]
    tags = [(256, 2), (257, 2), (258, 16), (259, 1), (262, 1), (273, 122), (277, 1), (278, 2), (279, 8)]
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    data += b"".join(struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    tiff = data + bytes(4) + struct.pack(f"{order}4H", *values)
    for picture in (tiff, b"P5 2 2 65535\n" + struct.pack(">4H", *values)):
        with Image.open(told(picture).path) as made:
            assert list(struct.unpack("<4H", made.convert("I;16").tobytes())) == values


@pytest.mark.parametrize("mode", ["F", "I"])
def test_a_picture_of_measurements_is_refused_and_not_made_white(mode, told):
    with pytest.raises(ProbeError, match="TIFF"):
        told(samples.picture("TIFF", 70_000, mode=mode))


@pytest.mark.parametrize("name", ["AVIF", "HEIF"])
def test_a_picture_that_is_not_read_as_one_is_not_called_a_video(name, told):
    data = samples.picture(name, size=(64, 64))
    with pytest.raises(ProbeError, match="picture"):
        told(data[:8] + b"miaf" + data[12:])


def test_a_photo_that_lies_on_its_side_is_as_wide_as_it_is_shown(told):
    turned = Image.Exif()
    turned[0x0112] = 6
    for name in ("JPEG", "WEBP"):
        found = told(samples.picture(name, exif=turned.tobytes()))
        assert (found.width, found.height) == (30, 40)


def test_a_gif_that_moves_stays_a_gif_and_is_as_long_as_its_frames(told):
    found = told(samples.picture("GIF", "red", "blue", "green"))
    assert (found.kind, found.path.suffix, found.length_us) == ("video", ".gif", 300_000)
    assert not found.has_audio


@pytest.mark.parametrize("name", ["WEBP", "PNG", "AVIF"])
def test_an_animation_becomes_a_mov_with_every_frame_for_its_time(name, told):
    import av

    data = samples.picture(name, "red", "blue", "#20c04080", mode="RGBA", duration=[100, 200, 300])
    found = told(data)
    assert (found.kind, found.path.suffix, found.length_us) == ("video", ".mov", 600_000)
    with av.open(str(found.path)) as media, Image.open(io.BytesIO(data)) as said:
        frames = list(media.decode(video=0))
        assert [round(frame.time, 3) for frame in frames] == [0, 0.1, 0.3]
        assert media.duration == 600_000
        for number, frame in enumerate(frames):
            said.seek(number)
            assert bytes(frame.reformat(format="rgba").planes[0]) == said.convert("RGBA").tobytes()


def test_a_name_does_not_make_a_sound_a_picture(tmp_path: Path):
    (tmp_path / "speech.png").write_bytes((DATA / "sound-3.2s.mp3").read_bytes())
    assert probe(tmp_path / "speech.png").path == tmp_path / "speech.mp3"


@pytest.mark.parametrize(("data", "words"), [
    (b"%PDF-1.7\n\x00\x01", "but PDF"),
    (b"PK\x03\x04\x14\x00\x00\x00", "but ZIP"),
    (b"\xff\x0a\x00\x01\x02", "but JPEG XL"),
    (b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n", "playlist"),
    (b"ffconcat version 1.0\nfile a.mp3\n\x00", "neither"),
    (b'{"error": "quota"}', "quota"),
    (b"\x00\x00\x00\x18ftypmp42" + bytes(40), "MPEG-4"),
    (bytes(5000), "neither"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n\x01", "PostScript"),
    (b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00" + bytes(8) + b"\x01\x00\x08\x00data\0\0\0\0", "Wave|RIFF"),
    (samples.picture("TIFF", "red", "blue"), "2 pictures"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_what_can_t_be_used_is_refused_by_name(data, words, told):
    with pytest.raises(ProbeError, match=words):
        told(data)


@pytest.mark.parametrize("data", [
    samples.video("mp4", "libx264"), samples.video("matroska", "libvpx-vp9"),
    samples.sound("flac", "flac"), samples.sound("mp3", "libmp3lame"), samples.picture("JPEG", size=(300, 300)),
    samples.picture("GIF", "red", "blue", size=(300, 300)), samples.picture("WEBP", size=(300, 300)), png(size=(300, 300)),
    wav(2.0),
], ids=["mp4", "webm", "flac", "mp3", "jpeg", "gif", "webp", "png", "wav"])  # fmt: skip
def test_what_was_cut_off_is_refused(data, told):
    with pytest.raises(ProbeError, match=r"cut off|broken"):
        told(data[: len(data) * 6 // 10])


def test_an_mp4_whose_index_came_first_is_refused_when_its_end_is_missing(told):
    whole = samples.video("mp4", "libx264")
    told(whole + struct.pack(">I4s", 108, b"free") + bytes(100))
    with pytest.raises(ProbeError, match="cut off"):
        told(whole + struct.pack(">I4s", 5000, b"mdat") + bytes(100))


def test_a_wav_of_which_a_chunk_is_longer_than_the_file_is_told_or_refused_in_a_sentence(tmp_path):
    data = wav(1.0)
    (tmp_path / "a").write_bytes(data[:36] + b"LIST" + struct.pack("<I", 2**31 - 1) + bytes(40))
    (said,) = probe_all([tmp_path / "a"])
    assert isinstance(said, str) and "broken" in said and "()" not in said


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bombs() -> dict[str, bytes]:
    """Small files that would unpack to very much."""
    signature = b"\x89PNG\r\n\x1a\n"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0))
    huge = signature + header + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    icon = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(huge), 22) + huge
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(10**8)))
    small = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    text = signature + small + profile * 20 + chunk(b"IDAT", zlib.compress(bytes(72))) + chunk(b"IEND", b"")
    gif = bytearray(samples.picture("GIF", "red", "blue"))
    gif[6:10] = b"\xff\xff\xff\xff"
    rate = bytearray(wav(1.0))
    rate[24:28] = b"\x01\0\0\0"
    rate[40:44] = rate[4:8] = b"\xff\xff\xff\x7f"
    return {"pixels": huge, "icon": bytes(icon), "profiles": text, "gif": bytes(gif), "wav": bytes(rate)}


@pytest.mark.parametrize(("name", "data"), bombs().items(), ids=bombs())
def test_a_small_file_that_would_become_very_large_costs_little(name, data, told):
    resource = pytest.importorskip("resource", reason="this system does not tell a process's peak")
    import time

    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    try:
        found = told(data)
    except ProbeError:
        found = None
    assert found is None or found.path.stat().st_size < 1_000_000
    assert time.monotonic() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_an_animation_that_is_too_large_says_so(told, monkeypatch):
    monkeypatch.setattr("tray.draft.convert.MOST_ANIMATION_PIXELS", 29_999)
    with pytest.raises(ProbeError, match=r"WEBP, 3 frames of 40×30.*MP4"):
        told(samples.picture("WEBP", "red", "blue", "green"))


def test_a_sound_that_would_be_too_large_a_wav_says_so(told, monkeypatch):
    monkeypatch.setattr("tray.draft.convert.MOST_WAV_BYTES", 100_000)
    with pytest.raises(ProbeError, match=r"opus.*MP3"):
        told(samples.sound("ogg", "libopus"))


def test_of_many_files_each_is_told_or_refused(tmp_path: Path):
    (tmp_path / "a").write_bytes(png())
    (tmp_path / "b").write_bytes(b"nothing")
    (tmp_path / "c").write_bytes(wav(1.0))
    first, second, third = probe_all([tmp_path / name for name in "abc"])
    assert isinstance(first, Probe) and isinstance(third, Probe)
    assert isinstance(second, str) and "nothing" in second


def test_a_playlist_opens_nothing(told, media):
    """FFmpeg's own demuxers for playlists would fetch what they name, from wherever it is."""
    url = media.serve("/inside.ts", samples.video("mpegts", "libx264"))
    for text in (f"#EXTM3U\n#EXTINF:3,\n{url}\n#EXT-X-ENDLIST\n", f"ffconcat version 1.0\nfile '{url}'\n",
                 f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{url}\n"):  # fmt: skip
        with pytest.raises(ProbeError):
            told(text.encode())
    assert not media.hits
