"""`coze-tray drafts show`: a draft as a picture for the terminal, as subtitles, as files."""

from __future__ import annotations

import itertools
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from rich.cells import cell_len

from factory import draft, export, png, segment, track, wav
from program import coze_tray, environment, last_line
from tray import drafts_command
from tray.draft import read, saving, srt, timeline
from tray.draft.folders import Listed
from tray.draft.problems import DraftError
from tray.draft.spec import (
    Animation,
    AudioSegment,
    DraftSpec,
    Effect,
    EffectSegment,
    Filter,
    FilterSegment,
    Keyframe,
    StickerSegment,
    TextSegment,
    Track,
    Transition,
    VisualSegment,
)

S = 1_000_000


def text(start: int, duration: int, words: str = "你好", **more: Any) -> TextSegment:
    return TextSegment(start=start, duration=duration, text=words, **more)


def texts(*segments: TextSegment) -> Track:
    return Track(kind="text", segments=segments)


def image(start: int, duration: int, **more: Any) -> VisualSegment:
    media = "Resources/local/0123456789abcdef0123456789abcdef.png"
    return VisualSegment(
        kind="image", media=media, start=start, duration=duration, source_duration=duration, speed=1, **more
    )  # fmt: skip


def sound(start: int, duration: int, **more: Any) -> AudioSegment:
    return AudioSegment(media="Resources/local/a.mp3", start=start, duration=duration, source_duration=duration, **more)


def bars(spec: DraftSpec, width: int = 60) -> list[str]:
    """The bar of each track, topmost first."""
    return [line.plain.rpartition(" ")[2] for line in timeline.picture(spec, width, timeline.PLAIN)][1:]


def rows(spec: DraftSpec, width: int = 100, *, whole: bool = False) -> list[str]:
    return [line.plain for line in timeline.table(spec, width, whole=whole)]


# The picture


def test_a_bar_shows_where_segments_lie_and_where_one_ends_and_the_next_begins():
    (bar,) = bars(DraftSpec(tracks=(texts(text(0, 2 * S), text(2 * S, 2 * S), text(6 * S, 4 * S)),)))
    drawn = "".join(f"{mark}{round(len(list(run)) / len(bar) * 10)}" for mark, run in itertools.groupby(bar))
    assert drawn == "#2=2.2#4"


def test_the_topmost_track_stands_first_and_all_have_one_scale():
    spec = DraftSpec(tracks=(Track(kind="video", segments=(image(0, 4 * S),)), texts(text(2 * S, 2 * S))))
    above, below = bars(spec)
    assert len(above) == len(below)
    assert above[: len(above) // 2] == "." * (len(above) // 2) and "." not in below


def test_no_segment_is_too_short_to_be_seen():
    (bar,) = bars(DraftSpec(tracks=(texts(text(0, 1), text(500 * S, 1), text(1000 * S - 1, 1)),)))
    assert bar[0] != "." and bar[-1] != "." and len(bar.replace(".", "")) == 3


def test_every_line_fits_and_chinese_labels_align():
    spec = DraftSpec(tracks=(texts(text(0, S)), Track(kind="audio", muted=True, segments=(sound(0, S),))))
    lines = [line.plain for line in timeline.picture(spec, 70, timeline.BLOCKS)]
    assert {cell_len(line) for line in lines[1:]} == {70}
    assert all(cell_len(line) <= 70 for line in lines)
    assert "muted" in lines[1] and "0:00" in lines[0]


@pytest.mark.parametrize("length", [1, 1000, S, 59 * S, 3600 * S, 24 * 3600 * S])
def test_the_ruler_has_times_at_every_length(length):
    ruler = next(timeline.picture(DraftSpec(tracks=(texts(text(0, length)),)), 100, timeline.BLOCKS)).plain
    assert "0:00" in ruler and cell_len(ruler) <= 100


def test_the_table_says_of_each_segment_when_what_and_what_is_done_to_it():
    spec = DraftSpec(
        tracks=(
            Track(
                kind="video",
                segments=(
                    image(
                        0, 3_217_000, filters=(Filter(name="暖冬", intensity=0.5),),
                        intro=Animation(name="放大", duration=500_000),
                        transition=Transition(name="叠化", duration=S), keyframes={"opacity": (Keyframe(time=0, value=1),)},
                    ),
                ),
            ),
            Track(kind="audio", segments=(sound(5 * S, 30 * S, speed=2.0, volume=0.5, fade_in=S, source_start=S),)),
            texts(text(3_217_000, S, "第一行\n第二行")),
            Track(kind="effect", segments=(EffectSegment(start=0, duration=S, effect=Effect(name="星火")),)),
            Track(kind="filter", segments=(FilterSegment(start=0, duration=S, filter=Filter(name="冷白")),)),
            Track(kind="sticker", segments=(StickerSegment(start=0, duration=S, sticker="777"),)),
        )
    )  # fmt: skip
    said = "\n".join(rows(spec))
    for words in ("0:03.217", "01234567….png", "filter 暖冬 50%", "intro 放大 0:00.500", "then transition 叠化 0:01.000",
                  "1 keyframe", "0:05.000", "0:30.000", "speed 2×", "volume 50%", "fades in 0:01.000", "from 0:01.000",
                  "第一行 第二行", "星火", "冷白", "sticker 777"):  # fmt: skip
        assert words in said


def test_the_columns_of_the_table_align_whatever_its_texts_are():
    spec = DraftSpec(
        tracks=(
            texts(*(text(n * S, S, words, keyframes={"opacity": (Keyframe(time=0, value=1),)}) for n, words in
                    enumerate(("短", "a", "今天天气真好我们去公园玩吧" * 9, "🎬 mixed 混合")))),
        )
    )  # fmt: skip
    starts = {cell_len(row[: row.index("1 keyframe")]) for row in rows(spec)[1:]}
    assert len(starts) == 1


def test_a_text_has_the_whole_line_where_nothing_else_is_said():
    words = "今天天气真好，我们去公园玩吧，好不好呀？"
    (_, row) = rows(DraftSpec(tracks=(texts(text(0, S, words)),)), 70)
    assert row.endswith(words)


def test_a_long_track_is_shortened_unless_all_is_asked_for():
    spec = DraftSpec(tracks=(texts(*(text(n * S, S, f"line {n}") for n in range(50))),))
    assert len(rows(spec)) == 1 + timeline.ROWS + 1
    assert "40 more" in rows(spec)[-1] and "--all" in rows(spec)[-1]
    assert len(rows(spec, whole=True)) == 51


def test_what_a_text_holds_does_not_move_the_cursor():
    (_, row) = rows(DraftSpec(tracks=(texts(text(0, S, "a\x1b[2J\x07\r\nb\tc")),)))
    assert row.isprintable() and "b c" in row


# Subtitles


def test_subtitles_are_all_texts_in_time_order():
    spec = DraftSpec(
        tracks=(
            Track(kind="video", segments=(image(0, 9 * S),)),
            texts(text(0, 2 * S, "一"), text(4 * S, 2 * S, "三")),
            texts(text(S, 4 * S, "二\n行")),
        )
    )
    assert srt.of_texts(spec) == (
        "1\n00:00:00,000 --> 00:00:02,000\n一\n\n"
        "2\n00:00:01,000 --> 00:00:05,000\n二\n行\n\n"
        "3\n00:00:04,000 --> 00:00:06,000\n三\n\n"
    )  # fmt: skip


def test_a_draft_without_texts_has_no_subtitles():
    assert srt.of_texts(DraftSpec(tracks=(Track(kind="video", segments=(image(0, S),)),))) == ""


def test_subtitles_read_again_as_the_texts_that_they_were():
    said = [(0, 300, "a"), (300, S, "两\n行"), (S, S, "2"), (3 * S, S, "x --> y")]
    spec = DraftSpec(tracks=(texts(*(text(*one) for one in said), text(5 * S, S, "  ")),))
    warnings: list[str] = []
    cues = srt.parse(srt.of_texts(spec), warnings)
    assert [cue.text for cue in cues] == ["a", "两\n行", "2", "x --> y"] and not warnings
    assert all(abs(cue.start_us - start) < 1000 for cue, (start, _length, _words) in zip(cues, said, strict=True))


# Finding a draft by its name


def listed(*names: str) -> list[Listed]:
    return [Listed(name, Path("/drafts") / name, "", 0, 0) for name in names]


@pytest.mark.parametrize(
    ("name", "found"),
    [("早餐", "早餐"), ("早餐 (", "早餐 (2)"), ("午", "午饭"), ("MY F", "My film"), ("cafe\u0301", "café")],
)
def test_a_draft_is_found_by_its_name_or_how_it_begins(name, found):
    assert drafts_command.find(name, listed("早餐", "早餐 (2)", "午饭", "My film", "café")).name == found


def test_a_beginning_that_several_share_is_not_enough():
    with pytest.raises(DraftError, match="早餐一, 早餐二"):
        drafts_command.find("早餐", listed("早餐一", "早餐二", "午饭"))


def test_a_name_that_is_not_there_is_answered_with_near_ones():
    with pytest.raises(DraftError) as raised:
        drafts_command.find("breakfest", listed("breakfast", "lunch"))
    assert "breakfast" in raised.value.advice and "lunch" not in raised.value.advice


@pytest.mark.parametrize("name", ["", "..", "../secret", "/etc", ".", "C:\\Windows"])
def test_a_name_is_never_a_path(name):
    with pytest.raises(DraftError, match="no draft"):
        drafts_command.find(name, listed("早餐"))


# Files


def test_a_file_is_replaced_whole(tmp_path):
    (tmp_path / "a.srt").write_text("old and longer")
    saving.save(tmp_path / "a.srt", "新\n")
    assert (tmp_path / "a.srt").read_bytes() == "新\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.srt"]


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path):
    with pytest.raises(DraftError, match=r"absent.a\.srt"):
        saving.save(tmp_path / "absent" / "a.srt", "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_what_a_link_leads_to_is_replaced_and_not_the_link(tmp_path):
    (tmp_path / "b.srt").write_text("old")
    (tmp_path / "a.srt").symlink_to(tmp_path / "b.srt")
    saving.save(tmp_path / "a.srt", "new")
    assert (tmp_path / "a.srt").is_symlink() and (tmp_path / "b.srt").read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_leads_nowhere_becomes_the_file(tmp_path):
    (tmp_path / "a.srt").symlink_to(tmp_path / "a.srt")
    saving.save(tmp_path / "a.srt", "new")
    assert (tmp_path / "a.srt").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    saving.save(tmp_path / "pipe", "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


# The command


@pytest.fixture
def env(tmp_path: Path, root: Path) -> dict[str, str]:
    return environment(tmp_path / "home", COZE_TRAY_DRAFTS_DIR=str(root), COLUMNS="100")


@pytest.fixture
def built(build, media) -> str:
    """The name of a draft with two pictures, a sound of 2.5 s and two captions."""
    picture, speech = media.serve("/a.png", png()), media.serve("/a.wav", wav(2.5))
    made = build(
        export(
            draft(
                track(segment("image", 0, 1000, url=picture), segment("image", 1000, 2500, url=picture)),
                track(segment("audio", 0, 2500, url=speech)),
                track(segment("text", 0, 1000, content="第一句"), segment("text", 1000, 2500, content="第二句")),
                name="早餐 视频",
            )
        )
    )
    assert not made.problems
    return made.receipts[0].name


def test_show_draws_a_draft_that_was_built(built, env):
    done = coze_tray("drafts", "show", "早餐", env=env)
    assert done.returncode == 0, done.stderr
    for words in (built, "1080×1920", "0:02.500", "text × 2", "第一句", "0:01.500"):
        assert words in done.stdout
    assert "Traceback" not in done.stderr and not done.stderr.strip()


def test_show_in_json_ends_with_the_whole_spec(built, env):
    said = last_line(coze_tray("drafts", "show", built, "--json", env=env))
    assert (said["status"], said["name"], said["duration_us"]) == ("done", built, 2_500_000)
    spec = DraftSpec.model_validate(said["spec"])
    assert [segment.target for segment in spec.tracks[0].segments] == [(0, 1_000_000), (1_000_000, 1_500_000)]
    assert said["media_bytes"] == len(png()) + len(wav(2.5))


def test_show_writes_what_is_asked_for(built, env, tmp_path):
    files = {kind: str(tmp_path / f"片.{kind}") for kind in ("otio", "srt", "spec")}
    arguments = [part for kind, file in files.items() for part in (f"--{kind}", file)]
    done = coze_tray("drafts", "show", built, *arguments, "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert last_line(done)["files"] == files
    made: Any = otio.adapters.read_from_file(files["otio"])
    clips = [clip for clip in made.find_clips() if isinstance(clip.media_reference, otio.schema.ExternalReference)]
    assert len(clips) == 3 and made.duration().to_seconds() == 2.5
    assert Path(files["srt"]).read_text("utf-8").count("-->") == 2
    spec = DraftSpec.model_validate(json.loads(Path(files["spec"]).read_text("utf-8")))
    assert all(Path(s.media).is_file() for t in spec.tracks for s in t.segments if isinstance(s, VisualSegment))


def test_a_spec_that_was_written_builds_an_equal_draft(built, env, root, build, tmp_path):
    coze_tray("drafts", "show", built, "--spec", str(tmp_path / "片.json"), env=env)
    said = (tmp_path / "片.json").read_text("utf-8")
    refused = build(said)
    assert not refused.receipts and all("media_folders" in problem.message for problem in refused.problems)
    again = build(said, allow_folders=(root,))
    assert not again.problems and not again.receipts[0].warnings
    assert read.read(Path(again.receipts[0].path)).spec.tracks == read.read(root / built).spec.tracks


def test_a_draft_s_media_of_windows_is_named_by_its_path_there(tmp_path):
    assert str(read.file_of(tmp_path, "D:/素材/a.png")) == "D:\\素材\\a.png"
    assert str(read.file_of(tmp_path, "Resources/local/a.png")) == str(tmp_path / "Resources" / "local" / "a.png")


def test_options_may_stand_before_the_command_too(built, env, root):
    del env["COZE_TRAY_DRAFTS_DIR"]
    done = coze_tray("drafts", "--drafts-dir", str(root), "--json", "show", built, env=env)
    assert last_line(done)["name"] == built


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_a_folder_s_name_does_not_move_the_cursor(built, env, root):
    (root / built).rename(root / "a\x1b[2J")
    done = coze_tray("drafts", "show", "a", env=env)
    assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr + coze_tray("drafts", env=env).stdout


def test_show_says_which_media_is_gone(built, env, root):
    for file in (root / built / "Resources" / "local").glob("*.png"):
        file.unlink()
    done = coze_tray("drafts", "show", built, env=env)
    assert done.returncode == 0 and "1 media file is not there" in done.stderr


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_show_of_no_draft_exits_1_and_offers_near_names(more, built, env):
    done = coze_tray("drafts", "show", "早餐 视頻", *more, env=env)
    assert done.returncode == 1 and built in done.stderr and "Traceback" not in done.stderr
    assert not more or last_line(done)["status"] == "failed"


def test_an_encrypted_draft_is_listed_and_show_says_what_it_is(built, env, root):
    for main in (root / built).glob("draft_*o*.json"):
        if main.name in ("draft_content.json", "draft_info.json"):
            main.write_bytes(b"QGFz" * 200)
    assert built in coze_tray("drafts", env=env).stdout
    done = coze_tray("drafts", "show", built, env=env)
    assert done.returncode == 1 and "encrypt" in done.stderr and "Traceback" not in done.stderr


def test_a_draft_that_is_no_draft_is_no_traceback(env, root):
    (root / "x").mkdir()
    (root / "x" / "draft_meta_info.json").write_text("{}")
    done = coze_tray("drafts", "show", "x", env=env)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "report" not in done.stderr
