"""The pages and the API of drafts, over real HTTP."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import opentimelineio
import pytest

from factory import draft, export, png, segment, track
from listening import Listening
from samples import video
from test_gallery import shelf
from tray import app, events
from tray.desktop import opener
from tray.draft import publish, removal
from tray.draft.library import Library
from tray.simulator.server import Simulator
from web import visit


@pytest.fixture
def one(listen: Callable[..., Listening]) -> Listening:
    with Simulator() as cloud:
        pass
    return listen(cloud, token=None)


@pytest.fixture
def page(one: Listening) -> Iterator[httpx.Client]:
    with visit(one.app) as client:
        yield client


def build(one: Listening, text: str) -> str:
    request_id = app.call(one.app, "generate_draft", json.dumps({"content": text}), "clips.json")
    one.until(events.RequestDone, request_id=request_id)
    return request_id


@pytest.fixture
def made(one: Listening, media: Any) -> str:
    """The key of a draft with a picture, a video and a warning."""
    image, film = media.serve("/a.png", png()), media.serve("/b.mp4", video("mp4", "mpeg4"))
    tracks = (
        track(segment("image", 0, 2000, url=image), segment("video", 2000, 4000, url=film)),
        track(segment("text", 0, 4000, content="<script>alert(1)</script>", odd=1)),
    )
    build(one, export(draft(*tracks, name="早餐 <b>&'\"")))
    return Library(one.settings.drafts_dir).drafts()[0].key


def test_the_gallery_shows_each_draft_with_its_facts_and_request(page, made):
    html = page.get("drafts").text
    (card,) = re.findall(r'<li class="draft-card".*?</li>', html, re.DOTALL)
    assert "早餐" in card and "<b>" not in card and "1080×1920" in card and "0:04" in card
    assert "1 warning" in card and "Draft from clips.json" in card and f"drafts/{made}/cover" in card
    (request_id,) = re.findall(r'href="\?request=(\w+)"', card)
    assert page.get(f"api/v1/requests/{request_id}").json()["title"] == "Draft from clips.json"
    assert f'href="?request={request_id}"' in page.get(f"drafts/{made}").text
    cover = page.get(f"drafts/{made}/cover")
    assert cover.headers["content-type"] == "image/jpeg" and "immutable" in cover.headers["cache-control"]


def test_the_draft_s_page_shows_timeline_table_warnings_and_small_pictures(page, made, root):
    html = page.get(f"drafts/{made}").text
    assert 'role="img"' in html and "track 2, segment 1" in html and "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert" not in html and 'class="tl-mark"' in html
    pictures = re.findall(r'href="(drafts/[0-9a-f]+/picture[^"]*)"', html)
    assert len(set(pictures)) == 2
    for address in pictures:
        assert page.get(address).headers["content-type"] == "image/jpeg"
    for file in (root / Library(root).drafts()[0].name / "Resources" / "local").glob("*.png"):
        file.unlink()
    assert "1 segment&#39;s file is not there" in page.get(f"drafts/{made}").text


@pytest.mark.parametrize("file", ["..%2f..%2fhome%2fjournal.db", "%2Fetc%2Fpasswd", "draft_content.json/x", "", "%00", "Resources"])  # fmt: skip
def test_no_address_leads_out_of_a_draft(file, page, made):
    assert page.get(f"drafts/{made}/picture?media={file}").status_code in (404, 422)


@pytest.mark.parametrize(
    "key", ["..", "%2e%2e", "..%2f..", "%2fetc", "none", "%00", ".deleted-by-coze-tray", "x" * 3000]
)
def test_what_is_no_draft_is_not_found_and_nothing_is_deleted(key, page, made, root):
    before = sorted(root.rglob("*"))
    for answer in (page.get(f"drafts/{key}/cover"), page.get(f"api/v1/drafts/{key}"), page.delete(f"api/v1/drafts/{key}"),
                   page.post(f"api/v1/drafts/{key}/open", json={"what": "folder"})):  # fmt: skip
        assert answer.status_code in (404, 405, 409), answer.url
    assert sorted(root.rglob("*")) == before


def test_a_folder_s_own_name_leads_to_its_draft_as_links_from_requests_say_it(page, made, one):
    from urllib.parse import quote

    name = Library(one.settings.drafts_dir).drafts()[0].name
    assert "早餐" in page.get(f"drafts/{quote(name, safe='')}").text


def test_its_folder_and_its_application_are_opened(page, made, root, monkeypatch):
    opened: list[Any] = []
    monkeypatch.setattr(opener, "open_folder", opened.append)
    monkeypatch.setattr(opener, "start", opened.append)
    assert page.post(f"api/v1/drafts/{made}/open", json={"what": "folder"}).json() == {"opened": True}
    assert opened == [Library(root).find(made).path]
    assert page.post(f"api/v1/drafts/{made}/open", json={"what": "application"}).json() == {"opened": False}
    found = opener.Application("jianying", Path("JianyingPro.exe"))
    monkeypatch.setattr(opener, "application_for", lambda drafts: found if drafts == root else None)
    assert page.post(f"api/v1/drafts/{made}/open", json={"what": "application"}).json() == {"opened": True}
    assert opened[1:] == [found]


def test_it_is_exported_as_srt_otio_and_spec_under_its_name(page, made):
    srt = page.get(f"api/v1/drafts/{made}/srt")
    assert "alert(1)" in srt.text and "00:00:04,000" in srt.text
    assert (
        "attachment" in srt.headers["content-disposition"]
        and "%E6%97%A9%E9%A4%90" in srt.headers["content-disposition"]
    )
    timeline: Any = opentimelineio.adapters.read_from_string(page.get(f"api/v1/drafts/{made}/otio").text, "otio_json")
    assert len(timeline.tracks) == 2
    spec = page.get(f"api/v1/drafts/{made}/spec").json()
    assert Path(spec["tracks"][0]["segments"][0]["media"]).is_absolute()


def test_it_is_deleted_shown_as_deleted_and_had_back(page, made, root):
    name = Library(root).drafts()[0].name
    gone = page.delete(f"api/v1/drafts/{made}").json()
    assert gone["name"] == name and gone["undo_until_us"] > time.time_ns() // 1000
    html = page.get("drafts").text
    assert 'class="draft-card"' not in html and gone["id"] in html
    assert [one["id"] for one in page.get("api/v1/deleted-drafts").json()] == [gone["id"]]
    assert page.get(f"api/v1/drafts/{made}").status_code == 409
    assert page.post(f"api/v1/deleted-drafts/{gone['id']}/undo").json() == {"key": made, "name": name}
    assert page.get(f"api/v1/drafts/{made}").json()["name"] == name
    assert page.post(f"api/v1/deleted-drafts/{gone['id']}/undo").status_code == 409


def test_what_was_deleted_long_ago_goes_to_the_bin_when_the_page_opens(one, made, root, monkeypatch):
    binned: list[str] = []
    from tray.draft import recycle

    gone = removal.delete(Library(root).find(made), one.app.home / "locks")
    about = root / publish.HELD / gone.id / ".about.json"
    about.write_text(json.dumps({**json.loads(about.read_text("utf-8")), "deleted_us": 0}), "utf-8")
    monkeypatch.setattr(recycle, "to_bin", lambda path: binned.append(path.name) or path.rename(root.parent / "bin"))
    with visit(one.app):
        end = time.monotonic() + 5
        while not binned and time.monotonic() < end:
            time.sleep(0.02)
    assert binned == [gone.name]


def test_it_is_built_again_as_a_request(page, made, one, root):
    again = page.post(f"api/v1/drafts/{made}/rebuild")
    assert again.status_code == 201
    one.until(events.RequestDone, request_id=again.json()["id"])
    assert len(Library(root).drafts()) == 2


def test_a_draft_of_nobody_knows_whom_can_t_be_built_again(page, root):
    shelf(root, 1)
    key = Library(root).drafts()[0].key
    answer = page.post(f"api/v1/drafts/{key}/rebuild")
    assert answer.status_code == 409 and "Nothing is known" in answer.json()["error"]
    html = page.get(f"drafts/{key}").text  # its main file is broken
    assert "encrypted or broken" in html and 'id="rebuild"' not in html


def test_a_thousand_drafts_come_in_parts_and_quickly(page, root):
    shelf(root, 1000)
    page.get("drafts")
    began = time.perf_counter()
    html = page.get("drafts").text
    assert time.perf_counter() - began < 1.0
    seen = re.findall(r'data-key="(\w+)"', html)
    while found := re.search(r'class="button" href="(drafts\?[^"]+)"', html):
        html = page.get(found[1].replace("&amp;", "&") + "&part=true").text
        assert "<html" not in html
        seen += re.findall(r'data-key="(\w+)"', html)
    assert len(seen) == len(set(seen)) == 1000
    assert page.get("api/v1/drafts?search=DRAFT 01&limit=3").json()["total"] == 100


def test_drafts_of_further_folders_are_there_too_and_one_is_not_taken_for_another(listen, root, tmp_path, monkeypatch):
    """A bot may choose the folder, and both may have a draft of that name."""
    client_folder, gone = tmp_path / "客户", tmp_path / "unplugged"
    client_folder.mkdir()
    with Simulator() as cloud:
        pass
    one = listen(cloud, token=None, settings={"folders": {"客户": client_folder, "外置": gone, "again": root}})
    said = {"content": export(draft(track(segment()), name="早餐"))}
    ids = []
    for more in ({}, {"output_folder": "客户"}):
        ids.append(app.call(one.app, "generate_draft", json.dumps({**said, **more}), "x"))
        one.until(events.RequestDone, request_id=ids[-1])
    opened: list[Path] = []
    monkeypatch.setattr(opener, "open_folder", opened.append)
    with visit(one.app) as page:
        listed = page.get("api/v1/drafts").json()
        assert listed["total"] == 2 and [one["folder"] for one in listed["drafts"]] == ["客户", ""]
        card = next(card for card in page.get("drafts").text.split("</li>") if "客户" in card)
        keys = [page.get(f"api/v1/requests/{request_id}").json()["drafts"][0]["key"] for request_id in ids]
        assert f'href="drafts/{keys[1]}"' in card and keys[0] != keys[1]
        for key in keys:
            page.post(f"api/v1/drafts/{key}/open", json={"what": "folder"})
            assert "早餐" in page.get(f"drafts/{key}").text and page.get(f"drafts/{key}/cover").status_code == 200
        assert opened == [root / "早餐", client_folder / "早餐"]
        deleted = [page.delete(f"api/v1/drafts/{key}").json()["id"] for key in reversed(keys)]
        assert page.get("api/v1/drafts").json()["total"] == 0
        assert [one["id"] for one in page.get("api/v1/deleted-drafts").json()] == deleted[::-1]
        assert page.post(f"api/v1/deleted-drafts/{deleted[0]}/undo").json() == {"key": keys[1], "name": "早餐"}
        assert (client_folder / "早餐").is_dir() and not (root / "早餐").exists()


def test_a_drafts_folder_that_is_not_there_is_said(page, root):
    root.rmdir()
    answer = page.get("drafts")
    assert answer.status_code == 409 and "can&#39;t be read" in answer.text
    assert page.get("api/v1/drafts").json()["error"]


# Trying


TEXT = export(draft(track(segment("text", 0, 2000, odd=1), segment("image", 0, 2000)), name="<i>试"))


def test_an_export_is_checked_without_anything_being_written(page, root):
    said = page.post("api/v1/exports/check", content=TEXT.encode()).json()
    (one,) = said["drafts"]
    assert one["name"] == "<i>试" and one["segments"] == {"text": 1} and one["time_unit"] == "ms"
    assert one["problems"][0]["path"] == "drafts[0].tracks[0].segments[1].material_url"
    html = page.post("try/preview", content=TEXT.encode()).text
    assert (
        "&lt;i&gt;试" in html and "<i>试" not in html and 'class="tl-mark"' in html and 'data-can-be-built="no"' in html
    )
    assert list(root.iterdir()) == []


def test_a_text_of_a_chinese_windows_is_read(page):
    text = export(draft(track(segment()), name="早餐")).encode("gb18030")
    assert page.post("api/v1/exports/check", content=text).json()["drafts"][0]["name"] == "早餐"


@pytest.mark.parametrize("body", [b"", b"hello", b"{}", b"\xff\xff\xff", b"[" * 50_000, b"\0"])
def test_what_is_no_export_is_said_in_words(body, page):
    answer = page.post("api/v1/exports/check", content=body)
    assert answer.status_code in (409, 422) and answer.json()["error"]
    assert page.post("try/preview", content=body).status_code < 400 or answer.status_code == 422


def test_what_was_tried_is_built_as_a_request(page, one, root):
    text = export(draft(track(segment()), name="早餐"))
    made = page.post("api/v1/builds?source=clips.json", content=text.encode())
    assert made.status_code == 202 and made.json()["title"] == "Draft from clips.json"
    one.until(events.RequestDone, request_id=made.json()["id"])
    assert (root / "早餐").is_dir()


def test_the_reader_ends_when_the_page_does(page, one):
    import multiprocessing

    page.post("api/v1/exports/check", content=TEXT.encode())
    assert multiprocessing.active_children()
    one.app.page.close()
    end = time.monotonic() + 5
    while multiprocessing.active_children() and time.monotonic() < end:
        time.sleep(0.02)
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are whole characters")
def test_a_folder_whose_name_is_no_text_is_listed_deleted_and_had_back(page, made, root):
    odd = root / os.fsdecode(b"odd \xff\xfe")
    Library(root).find(made).path.rename(odd)
    assert "odd �" in page.get("drafts").text
    [listed] = page.get("api/v1/drafts").json()["drafts"]
    assert page.get(f"drafts/{listed['key']}").status_code == 200
    assert page.get(f"drafts/{listed['key']}/cover").status_code == 200
    deleted = page.delete(f"api/v1/drafts/{listed['key']}").json()
    assert "odd �" in page.get("drafts").text and not odd.exists()
    assert page.post(f"api/v1/deleted-drafts/{deleted['id']}/undo").status_code == 200 and odd.is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")
def test_a_draft_whose_file_is_a_link_to_nothing_is_said_to_be_broken(page, root):
    (root / "x").mkdir()
    (root / "x" / "draft_meta_info.json").write_text("{}")
    (root / "x" / "draft_info.json").symlink_to(root / "nothing")
    assert page.get("drafts/x").status_code == 200
