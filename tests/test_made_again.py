"""Making a draft again: from what its request's tool was called with, beside the old one."""

from __future__ import annotations

import json

import pytest

from factory import draft, export, png, segment, track
from listening import Listening
from tray import app, events, made
from tray.draft import read, source
from tray.draft.library import Draft, Library
from tray.draft.problems import DraftError
from tray.simulator.server import Simulator


@pytest.fixture
def one(listen, root) -> Listening:
    with Simulator() as cloud:
        pass
    return listen(cloud, token=None)


def called(one: Listening, text: str) -> str:
    request_id = app.call(one.app, "generate_draft", json.dumps({"content": text}), "clips.json")
    one.until(events.RequestDone, request_id=request_id)
    return request_id


def test_a_draft_is_made_again_beside_the_old_one_with_media_that_was_gone(one, media, root):
    url = media.serve("/a.png", png())
    request_id = called(one, export(draft(track(segment("image", url=url)), name="早餐")))
    (first,) = Library(root).drafts()
    for file in (first.path / "Resources" / "local").iterdir():
        file.unlink()
    found = made.by_draft(one.app.journal, [first.draft_id])[first.draft_id]
    assert found.request_id == request_id and found.asked.target == "clips.json"
    again = app.begin(one.app, app.NewRequest(made.again(one.app.journal, found), None))
    one.until(events.RequestDone, request_id=again)
    second = next(draft for draft in Library(root).drafts() if draft != first)
    assert second.name == "早餐 (2)" and first.path.is_dir()
    spec = read.read(second.path).spec
    assert (second.path / spec.tracks[0].segments[0].media).is_file()
    assert made.by_draft(one.app.journal, [second.draft_id])[second.draft_id].request_id == again


def test_making_it_again_asks_for_its_media_again(one, media, root):
    url = media.serve("/a.png", png())
    called(one, export(draft(track(segment("image", url=url)), name="早餐")))
    better = png(size=(64, 48))
    media.serve("/a.png", better)
    called(one, export(draft(track(segment("image", url=url)), name="午餐")))  # as the cache has it
    first, second = sorted(Library(root).drafts(), key=lambda one: one.name == "午餐")
    assert media_of(first) == media_of(second) == png()
    found = made.by_draft(one.app.journal, [first.draft_id])[first.draft_id]
    one.until(
        events.RequestDone, request_id=app.begin(one.app, app.NewRequest(made.again(one.app.journal, found), None))
    )
    called(one, export(draft(track(segment("image", url=url)), name="晚餐")))  # which the cache has now
    by_name = {draft.name: media_of(draft) for draft in Library(root).drafts()}
    assert by_name == {"早餐": png(), "午餐": png(), "早餐 (2)": better, "晚餐": better}


def media_of(draft: Draft) -> bytes:
    (file,) = (draft.path / "Resources" / "local").iterdir()
    return file.read_bytes()


def test_of_several_drafts_only_the_one_that_is_wanted_is_made_again(one, root):
    called(one, export(*(draft(track(segment(content=name)), name=name) for name in "abc")))
    wanted = next(draft for draft in Library(root).drafts() if draft.name == "b")
    asked = made.again(one.app.journal, *made.by_draft(one.app.journal, [wanted.draft_id]).values())
    one.until(events.RequestDone, request_id=app.begin(one.app, app.NewRequest(asked, None)))
    assert sorted(draft.name for draft in Library(root).drafts()) == ["a", "b", "b (2)", "c"]


def test_what_was_let_go_is_said(one, root, monkeypatch):
    called(one, export(draft(track(segment()))))
    (found,) = one.app.journal.made(draft.draft_id for draft in Library(root).drafts())
    monkeypatch.setattr(one.app.journal, "calls_of", lambda _id: [("generate_draft", "", "{}")])
    with pytest.raises(DraftError, match="30 days"):
        made.again(one.app.journal, found)


@pytest.mark.parametrize("form", ["specs", "recipes", "nested", "one"])
def test_one_draft_of_a_text_stands_alone_in_every_form(form):
    spec = {"version": 1, "name": "{}", "tracks": [{"kind": "text", "segments": [{"kind": "text", "text": "x"}]}]}
    text = {
        "specs": json.dumps([{**spec, "name": name} for name in "abc"]),
        "recipes": json.dumps([{"recipe": [{"text": name}], "name": name} for name in "abc"]),
        "nested": json.dumps({"out": export(*(draft(track(segment()), name=name) for name in "abc"))}),
        "one": export(draft(track(segment()), name="b")),
    }[form]
    key = next(draft.key for draft in source.read(text) if draft.name == "b")
    (left,) = source.read(source.alone(text, key))
    assert (left.key, left.name) == (key, "b")
    assert source.alone(text, "no such key") == text
