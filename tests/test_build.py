"""From an export to a draft on the disk, with real HTTP and real files."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from factory import DATA, cut_off, draft, drop, export, png, segment, send, track, wav


def nothing_new(root: Path) -> bool:
    """The drafts folder and its parent are as the fixture made them."""
    return not list(root.iterdir()) and [p.name for p in root.parent.iterdir()] == [root.name]


@pytest.mark.parametrize("name", ["complete_draft_export", "batch_draft_export"])
def test_a_sample_export_builds_and_every_segment_is_accounted_for(name, sample_exports, media, build, content):
    text = (sample_exports / f"{name}.json").read_text("utf-8").replace("https://example.com", media.url)
    for url in set(re.findall(rf"{media.url}(/[^\"]+)", text)):
        video = (DATA / "video-180s.mp4").read_bytes()
        media.serve(url, video if url.endswith("mp4") else png() if url.endswith("png") else wav(180, 1000))

    built = build(text)

    said = json.loads(text)["drafts"]
    assert [r.name for r in built.receipts] == [d["project"]["name"] for d in said]
    assert not built.problems
    for receipt, one in zip(built.receipts, said, strict=True):
        wanted = sum(len(t["segments"]) for t in one["tracks"])
        left_out = sum(": the effect “" in warning for warning in receipt.warnings)
        assert sum(receipt.segments.values()) + left_out == wanted
        assert receipt.time_unit == "ms"
        assert receipt.duration_us == one["total_duration_ms"] * 1000
        made = content(receipt.path)
        assert sum(len(t["segments"]) for t in made["tracks"]) == sum(receipt.segments.values())
        assert made["duration"] == receipt.duration_us


def test_a_draft_has_everything_that_makes_jianying_list_it(media, build, root, content):
    url = media.serve("/a.png", png(size=(640, 360)))
    sound = media.serve("/s", wav(2.0))
    receipt = build(
        export(draft(track(segment("image", 0, 2000, url=url)), track(segment("audio", 0, 2000, url=sound))))
    ).receipts[0]

    path = root / "测试"
    assert receipt.path == str(path)
    main = content(path)
    meta = json.loads((path / "draft_meta_info.json").read_text("utf-8"))
    assert meta["draft_name"] == "测试"
    assert meta["draft_id"] == receipt.draft_id != main["id"]
    assert meta["draft_fold_path"] == path.as_posix()
    assert meta["draft_root_path"] == root.as_posix()
    assert meta["tm_duration"] == 2_000_000
    assert meta["draft_timeline_materials_size_"] == receipt.media_bytes == len(png(size=(640, 360))) + len(wav(2.0))
    assert meta["tm_draft_create"] > 1_700_000_000_000_000  # microseconds
    by_id = {entry["id"]: entry for entry in meta["draft_materials"][0]["value"]}
    for material in [*main["materials"]["videos"], *main["materials"]["audios"]]:
        entry = by_id[material["local_material_id"]]
        assert entry["file_Path"] == material["path"]
        assert Path(material["path"]).is_file()
        assert Path(material["path"]).parent == path / "Resources" / "local"
    assert {entry["metetype"] for entry in by_id.values()} == {"photo", "music"}
    from PIL import Image

    with Image.open(path / "draft_cover.jpg") as cover:
        assert cover.size == (1080, 1920)


def test_no_reference_in_a_draft_dangles(media, build, content):
    url = media.serve("/a.png", png())
    receipt = build(export(draft(track(segment("image", url=url)), track(segment("text"))))).receipts[0]
    made = content(receipt.path)
    known = {m["id"] for group in made["materials"].values() for m in group}
    used = {r for t in made["tracks"] for s in t["segments"] for r in (s["material_id"], *s["extra_material_refs"])}
    assert used <= known


def test_two_drafts_of_one_program_have_ids_of_their_own(build, content):
    built = build(export(draft(track(segment()), name="a"), draft(track(segment()), name="b")))
    contents = [content(receipt.path)["id"] for receipt in built.receipts]
    assert len({*contents, *(receipt.draft_id for receipt in built.receipts)}) == 4


def test_two_urls_with_the_same_file_name_stay_two_files(media, build, content):
    one, two = media.serve("/1/x.png", png("red")), media.serve("/2/x.png", png("blue"))
    receipt = build(
        export(draft(track(segment("image", 0, 1000, url=one), segment("image", 1000, 2000, url=two))))
    ).receipts[0]
    paths = {video["path"] for video in content(receipt.path)["materials"]["videos"]}
    assert {Path(path).read_bytes() for path in paths} == {png("red"), png("blue")}


def test_a_link_without_an_extension_gets_the_right_one_from_its_content(media, build, content):
    urls = [media.serve("/t/a", png()), media.serve("/t/b", (DATA / "video-180s.mp4").read_bytes())]
    sounds = [media.serve("/t/c.png", wav(2.0)), media.serve("/t/d", (DATA / "sound-3.2s.mp3").read_bytes())]
    visuals = [
        segment(kind, n * 2000, (n + 1) * 2000, url=u)
        for n, (kind, u) in enumerate(zip(("image", "video"), urls, strict=True))
    ]
    audios = [segment("audio", n * 2000, (n + 1) * 2000, url=u) for n, u in enumerate(sounds)]
    made = content(build(export(draft(track(*visuals), track(*audios)))).receipts[0].path)["materials"]
    assert [Path(m["path"]).suffix for m in made["videos"]] == [".png", ".mp4"]
    assert [Path(m["path"]).suffix for m in made["audios"]] == [".wav", ".mp3"]


def test_a_webp_picture_becomes_a_png_without_loss(media, build, content):
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.effect_noise((32, 32), 90).convert("RGB").save(data, "WEBP", lossless=True)
    receipt = build(export(draft(track(segment("image", url=media.serve("/a.webp", data.getvalue())))))).receipts[0]
    path = content(receipt.path)["materials"]["videos"][0]["path"]
    assert path.endswith(".png")
    with Image.open(path) as made, Image.open(data) as said:
        assert made.convert("RGB").tobytes() == said.convert("RGB").tobytes()


def test_transform_volume_speed_and_style_reach_the_draft(media, build, content):
    video = media.serve("/v.mp4", (DATA / "video-180s.mp4").read_bytes())
    look = {"position_x": 0.5, "position_y": -0.25, "scale_x": 0.8, "scale_y": 0.6, "rotation": 30, "opacity": 0.5}
    shot = segment(
        "video", 0, 4000, url=video, material_range={"start": 10_000, "end": 18_000}, transform=look,
        speed={"speed": 2.0}, audio={"volume": 0.3},
    )  # fmt: skip
    style = {"font_size": 48, "font_weight": "bold", "font_style": "italic", "color": "#FF8000",
             "stroke": {"enabled": True, "color": "#000000", "width": 3}}  # fmt: skip
    made = content(build(export(draft(track(shot), track(segment("text", style=style))))).receipts[0].path)

    placed = made["tracks"][0]["segments"][0]
    assert placed["target_timerange"] == {"start": 0, "duration": 4_000_000}
    assert placed["source_timerange"] == {"start": 10_000_000, "duration": 8_000_000}
    assert placed["speed"] == 2.0
    assert placed["volume"] == 0.3
    assert placed["clip"]["transform"] == {"x": 0.5, "y": -0.25}
    assert placed["clip"]["scale"] == {"x": 0.8, "y": 0.6}
    assert (placed["clip"]["rotation"], placed["clip"]["alpha"]) == (30, 0.5)
    text = json.loads(made["materials"]["texts"][0]["content"])
    assert text["text"] == "你好"
    style = text["styles"][0]
    assert (style["size"], style["bold"], style["italic"]) == (8.0, True, True)
    assert style["fill"]["content"]["solid"]["color"] == pytest.approx([1.0, 128 / 255, 0.0])
    assert style["strokes"]


def test_a_main_track_with_a_gap_turns_the_magnet_off(media, build, content):
    url = media.serve("/a.png", png())
    close = build(export(draft(track(segment("image", 0, 1000, url=url), segment("image", 1000, 2000, url=url)))))
    apart = build(export(draft(track(segment("image", 0, 1000, url=url), segment("image", 1500, 2000, url=url)))))
    assert content(close.receipts[0].path)["config"]["maintrack_adsorb"] is True
    assert content(apart.receipts[0].path)["config"]["maintrack_adsorb"] is False


def test_names_are_never_taken_twice_and_never_leave_the_folder(build, root):
    names = [
        "名称",
        "名称",
        "../../evil",
        "a/b\\c:d?",
        "CON",
        "  . ",
        "",
        "123e4567-e89b-12d3-a456-426614174000",
        "x" * 300,
    ]
    built = build(export(*(draft(track(segment("text", content=f"{n}")), name=name) for n, name in enumerate(names))))
    got = [receipt.name for receipt in built.receipts]
    assert got[:2] == ["名称", "名称 (2)"]
    assert sorted(p.name for p in root.iterdir()) == sorted(got)
    assert got[3] == "a／b＼c：d？"
    assert got[4].upper() != "CON"
    assert got[7].startswith("Coze ")
    assert all(len(name) <= 70 and name == name.strip(" .") for name in got)


def test_an_existing_draft_is_not_overwritten(build, root):
    (root / "测试").mkdir()
    (root / "测试" / "mine").write_text("mine")
    assert build(export(draft(track(segment())))).receipts[0].name == "测试 (2)"
    assert [p.name for p in (root / "测试").iterdir()] == ["mine"]


def test_of_a_batch_the_good_ones_are_built_and_the_others_reported(media, build, root):
    good = draft(track(segment()), name="good")
    bad = draft(track(segment("image", url=media.url + "/none")), name="bad")
    empty = draft(name="empty")
    built = build(export(bad, good, empty))
    assert [r.name for r in built.receipts] == ["good"]
    assert [(p.place.draft, p.place.track, p.place.segment) for p in built.problems] == [(1, 1, 1)]
    assert any("empty" in warning for warning in built.warnings)
    assert [p.name for p in root.iterdir()] == ["good"]
    assert [p.name for p in root.parent.iterdir()] == [root.name]


def test_nothing_but_empty_drafts_is_an_error(build, root):
    built = build(export(draft(), {"draft_id": "x", "project": {"name": "no tracks"}}))
    assert built.problems and not built.receipts
    assert nothing_new(root)


def test_all_failures_are_named_at_once_and_nothing_is_written(media, build, root):
    urls = {
        "gone": media.url + "/none",
        "page": media.serve("/page", send(b"<!DOCTYPE html><p>Sorry</p>", Content_Type="image/png")),
        "empty": media.serve("/empty", b""),
        "circle": media.serve("/circle", send(b"", 302, Location="/circle")),
        "text": media.serve("/text", b'{"error": "quota"}'),
        "inside": media.serve("/inside", send(b"", 302, Location="http://169.254.169.254/latest")),
        "half": media.serve("/half", png(size=(400, 400))[:100]),
    }
    images = track(
        *(
            segment("image", n * 1000, (n + 1) * 1000, url=url, id=f"id-{key}")
            for n, (key, url) in enumerate(urls.items())
        )
    )
    times = track(
        segment("text", -1000, 1000), segment("text", 1000, 1000), {"type": "text", "content": "x"}
    )  # the last follows
    missing = track({"type": "audio", "time_range": {"start": 0, "end": 1}})

    built = build(export(draft(images, times, missing)))

    said = {(p.place.track, p.place.segment): p.message for p in built.problems}
    assert len(built.problems) == len(said) == 10
    wanted = [(1, 1, "404"), (1, 2, "web page"), (1, 3, "empty"), (1, 4, "redirects"), (1, 5, "quota"), (1, 6, "169.254"),
              (1, 7, "cut off|broken"), (2, 1, "negative"), (2, 2, "no length"), (3, 1, "material_url")]  # fmt: skip
    for track_no, number, words in wanted:
        assert re.search(words, said[track_no, number]), said[track_no, number]
    assert {p.place.id for p in built.problems} >= {f"id-{key}" for key in urls}
    assert [p.place.url for p in built.problems if p.place.track == 1] == list(urls.values())
    assert nothing_new(root)


def test_a_draft_without_any_of_its_thousands_of_media_tells_of_a_thousand(build):
    segments = [segment("image", n * 1000, (n + 1) * 1000, url="http://192.168.0.1/x.png") for n in range(1500)]
    built = build(export(draft(track(*segments))))
    assert len(built.problems) == 1001
    assert "500 more" in str(built.problems[-1])


def test_a_link_that_has_expired_is_called_expired(media, build):
    media.replies["/old"] = send(b"", 403)
    url = f"{media.url}/old?x-expires=1700000000&x-signature=abc"
    tos = f"{media.url}/old?X-Tos-Date=20240101T000000Z&X-Tos-Expires=3600"
    built = build(export(draft(track(segment("image", 0, 1000, url=url), segment("image", 1000, 2000, url=tos)))))
    assert ["expired" in problem.message for problem in built.problems] == [True, True]


@pytest.mark.parametrize("fault", [send(b"", 429, Retry_After="0"), send(b"", 503), drop, cut_off(b"\x89PNG", 5000)])
def test_a_fault_that_passes_is_tried_at_least_four_times(fault, media, build):
    url = media.serve("/busy", fault, fault, fault, png())
    assert build(export(draft(track(segment("image", url=url))))).receipts
    assert media.hits["/busy"] == 4


def test_a_fault_that_stays_ends_in_a_message_that_says_so(media, build, root):
    url = media.serve("/busy", send(b"", 500, Retry_After="0"))
    built = build(export(draft(track(segment("image", url=url)))))
    assert "500" in built.problems[0].message
    assert media.hits["/busy"] >= 4
    assert nothing_new(root)


def test_a_stalled_download_is_tried_again(media, build, monkeypatch):
    import threading

    monkeypatch.setattr("tray.draft.download.STALLED_S", 0.3)
    release = threading.Event()
    url = media.serve("/stall", lambda _handler: release.wait(10), png())
    assert build(export(draft(track(segment("image", url=url))))).receipts
    release.set()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "0x7f.1",
                                  "2130706433", "[::ffff:127.0.0.1]", "100.64.0.1", "0.0.0.0", "printer.local"])  # fmt: skip
def test_media_may_not_come_from_the_private_network(host, build, root):
    built = build(export(draft(track(segment("image", url=f"http://{host}:9/x.png")))), allow=())
    assert "refused" in built.problems[0].message
    assert nothing_new(root)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "/etc/hostname", "C:\\Windows\\win.ini", "\\\\evil\\share\\a.png",
                                 "//evil/share/a.png", "file://evil/share/a.png", "ftp://example.com/a.png", "a.png"])  # fmt: skip
def test_local_and_unc_paths_are_refused(url, build, tmp_path, root):
    for folders in ((), (tmp_path / "home",)):
        built = build(export(draft(track(segment("image", url=url)))), allow_folders=folders)
        assert built.problems[0].place.segment == 1
    assert nothing_new(root)


def test_a_file_of_an_allowed_folder_is_used_but_not_one_that_a_link_leads_out_of_it(build, tmp_path):
    allowed, outside = tmp_path / "pictures", tmp_path / "private.png"
    allowed.mkdir()
    (allowed / "a.png").write_bytes(png())
    outside.write_bytes(png())
    (allowed / "link.png").symlink_to(outside)
    policy = {"allow_folders": (allowed,)}
    assert build(export(draft(track(segment("image", url=str(allowed / "a.png"))))), **policy).receipts
    assert build(export(draft(track(segment("image", url=(allowed / "a.png").as_uri())))), **policy).receipts
    for url in (str(outside), str(allowed / "link.png"), str(allowed / ".." / "private.png")):
        assert build(export(draft(track(segment("image", url=url)))), **policy).problems


def test_a_data_url_is_media_too(build):
    import base64

    url = "data:image/png;base64," + base64.b64encode(png()).decode()
    assert build(export(draft(track(segment("image", url=url))))).receipts


def test_a_file_larger_than_the_limit_is_refused(media, build, root):
    urls = [media.serve("/said", png(size=(300, 300)))]

    def unsaid(handler):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"x" * 5000)
        handler.close_connection = True

    urls.append(media.serve("/unsaid", unsaid))
    segments = [segment("image", n * 1000, (n + 1) * 1000, url=url) for n, url in enumerate(urls)]
    built = build(export(draft(track(*segments))), max_bytes=200)
    assert ["max_media_bytes" in problem.message for problem in built.problems] == [True, True]
    assert nothing_new(root)


def test_the_registry_lists_the_draft_where_there_is_one(build, root):
    registry = root / "root_meta_info.json"
    registry.write_text(json.dumps({"all_draft_store": [{"draft_name": "old"}], "root_path": "x"}))
    receipt = build(export(draft(track(segment())))).receipts[0]
    written = registry.read_text("utf-8")
    assert "\n" not in written
    assert [entry["draft_name"] for entry in json.loads(written)["all_draft_store"]] == ["测试", "old"]
    assert json.loads(written)["all_draft_store"][0]["draft_id"] == receipt.draft_id
    assert json.loads(written)["root_path"] == "x"
    assert json.loads((root / "root_meta_info.json.bak").read_text())["all_draft_store"] == [{"draft_name": "old"}]


def test_a_registry_is_never_made_and_a_broken_one_is_left_alone(build, root):
    assert build(export(draft(track(segment())))).receipts
    assert not (root / "root_meta_info.json").exists()
    (root / "root_meta_info.json").write_text("{half")
    receipt = build(export(draft(track(segment())))).receipts[0]
    assert any("root_meta_info.json" in warning for warning in receipt.warnings)
    assert (root / "root_meta_info.json").read_text() == "{half"


@pytest.mark.skipif(
    sys.platform == "win32" or not os.path.ismount("/dev/shm"),
    reason="needs a folder whose parent is on another volume",
)
def test_a_drafts_folder_that_is_a_volume_of_its_own_is_staged_inside_itself(build):
    root = Path("/dev/shm")
    before = set(root.iterdir())
    try:
        built = build(export(draft(track(segment()), name="coze-tray test")), folder=root)
        assert [r.path for r in built.receipts] == [str(root / "coze-tray test")]
        assert set(root.iterdir()) - before == {root / "coze-tray test"}
    finally:
        shutil.rmtree(root / "coze-tray test", ignore_errors=True)


def test_what_a_crashed_build_left_is_swept_but_not_what_another_builds_on(root):
    from tray.draft import publish

    left = root.parent / ".coze-tray-dead"
    (left / "draft").mkdir(parents=True)
    (left / "lock").touch()
    with publish.staging(root) as alive:
        publish.sweep(root)
        assert alive.exists()
        assert not left.exists()
    assert not alive.exists()


def test_the_drafts_folder_is_made_where_its_parent_exists_and_not_for_nothing(build, root):
    fresh = root.parent / "new"
    assert build(export(draft(track(segment("image", url="http://192.168.0.1/x")))), folder=fresh).problems
    assert not fresh.exists()
    assert build(export(draft(track(segment()))), folder=fresh).receipts


@pytest.mark.parametrize(
    "url",
    [
        "http://[abc/x",
        "http://127.0.0.1:99999/x",
        "http://",
        "https:///x",
        "http://\u0000/",
        "nonsense",
        "data:image/png",
    ],
)
def test_an_odd_link_is_one_segment_s_problem(url, build, root):
    good = draft(track(segment()), name="good")
    built = build(export(draft(track(segment("image", url=url))), good))
    assert [(p.place.draft, p.place.segment) for p in built.problems] == [(1, 1)]
    assert [r.name for r in built.receipts] == ["good"]


@pytest.mark.parametrize(
    "reply", [send(b"", 304), send(b"", 300), send(b"", 302, Location="http://[x/"), send(b"", 429, Retry_After="²")]
)
def test_an_odd_answer_is_one_segment_s_problem(reply, media, build, monkeypatch):
    monkeypatch.setattr("tray.draft.fetch.ATTEMPTS", 1)
    built = build(export(draft(track(segment("image", url=media.serve("/odd", reply))))))
    assert [p.place.segment for p in built.problems] == [1]


def test_problems_of_every_kind_are_named_at_once_in_their_order(media, build):
    sound, picture = media.serve("/s", wav(2.0)), media.serve("/p", png())
    visuals = track(segment("image", 0, 2000, url=media.url + "/none"), segment("image", 2000, 4000, url=sound))
    late = segment("audio", 0, 2000, url=sound, material_range={"start": 9000, "end": 11_000})
    audios = track(late, segment("audio", 2000, 4000, url=picture), segment("text", 0, 90_000_000_000))
    built = build(export(draft(visuals, audios)))
    assert [(p.place.track, p.place.segment) for p in built.problems] == [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]


def test_text_lies_above_pictures_whatever_is_said_first(media, build, content):
    url = media.serve("/a.png", png())
    made = content(build(export(draft(track(segment("text")), track(segment("image", url=url))))).receipts[0].path)
    layers = [(t["type"], t["segments"][0]["track_render_index"]) for t in made["tracks"]]
    assert layers == [("video", 0), ("text", 1)]


def test_a_trickling_download_is_called_stalled(media, build, monkeypatch):
    import time

    monkeypatch.setattr("tray.draft.download.STALLED_S", 0.4)
    monkeypatch.setattr("tray.draft.fetch.ATTEMPTS", 1)

    def trickle(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for _n in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    built = build(export(draft(track(segment("image", url=media.serve("/slow", trickle))))))
    assert "stalled" in built.problems[0].message


def test_a_broken_picture_does_not_get_into_a_draft(media, build):
    whole = bytearray(png(size=(300, 300)))
    whole[len(whole) // 2] ^= 0xFF
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    huge = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (50_000).to_bytes(4, "big") * 2 + bytes(5) + bytes(4)
    segments = [
        segment("image", n * 1000, (n + 1) * 1000, url=media.serve(f"/{n}", body))
        for n, body in enumerate((bytes(whole), eps, huge))
    ]
    built = build(export(draft(track(*segments))))
    assert [p.place.segment for p in built.problems] == [1, 2, 3]


@pytest.mark.parametrize("text", ["null", "5", "[1]", '{"all_draft_store": 5}'])
def test_an_odd_registry_is_a_warning_and_the_draft_is_there(text, build, root):
    (root / "root_meta_info.json").write_text(text)
    receipt = build(export(draft(track(segment())))).receipts[0]
    assert any("root_meta_info.json" in warning for warning in receipt.warnings)
    assert Path(receipt.path).is_dir()


def test_a_draft_that_can_t_be_moved_in_is_its_own_problem(build, root, monkeypatch):
    from tray.draft import publish

    real = publish.move_in

    def refuse(staged: Path, final: Path) -> bool:
        if final.name == "b":
            raise PermissionError(13, "in use")
        return real(staged, final)

    monkeypatch.setattr(publish, "move_in", refuse)
    built = build(export(*(draft(track(segment()), name=name) for name in "abc")))
    assert [r.name for r in built.receipts] == ["a", "c"]
    assert [p.place.draft for p in built.problems] == [2]
    assert sorted(p.name for p in root.iterdir()) == ["a", "c"]


def test_a_bench_that_is_just_being_made_is_not_swept(root):
    from tray.draft import publish

    fresh = root.parent / ".coze-tray-fresh"
    fresh.mkdir()
    publish.sweep(root)
    assert fresh.exists()


def test_the_length_of_a_sound_is_read_in_whatever_way_it_was_written(tmp_path):
    """A WAV written to a pipe says 0xFFFFFFFF bytes; a cut one says more than there is."""
    from tray.draft.probe import ProbeError, probe

    whole = wav(2.0)
    piped = bytearray(whole)
    piped[4:8] = piped[40:44] = b"\xff" * 4
    for number, body in enumerate((whole, bytes(piped))):
        (tmp_path / str(number)).write_bytes(body)
        found = probe(tmp_path / str(number))
        assert (found.kind, found.length_us, found.path.suffix) == ("audio", 2_000_000, ".wav")
    (tmp_path / "short").write_bytes(bytes(piped[:4044]))
    assert probe(tmp_path / "short").length_us == 500_000
    (tmp_path / "cut").write_bytes(whole[:4044])
    with pytest.raises(ProbeError, match="cut off"):
        probe(tmp_path / "cut")
