"""What is sent with a question: its conversation, variables, parameters and files."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chats import bodies, bot, chatflow, client_of, no_outputs, of, paths, run, say
from program import coze_tray, environment
from tray.coze import upload
from tray.coze.run import Away, Failed, Finished, Notice, Started
from tray.simulator.chats import SimulatedChat
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator

CREATE, UPLOAD = "/v3/chat", "/v1/files/upload"


@pytest.fixture
def cloud() -> Iterator[Simulator]:
    with Simulator(say, no_outputs) as simulator:
        yield simulator


def test_a_conversation_is_continued(cloud):
    run(cloud, bot(conversation_id="77"))
    assert paths(cloud) == [CREATE]
    assert cloud.received[0].query == {"conversation_id": "77"}


def test_a_conversation_is_cleared_once_before_it_is_continued(cloud):
    cloud.faults.add(Fault("answer", CREATE, body={"code": 4020, "msg": "rpm"}))
    events = run(cloud, bot(conversation_id="7/7", clear=True))
    assert isinstance(events[-1], Finished)
    assert paths(cloud) == ["/v1/conversations/7%2F7/clear", CREATE, CREATE]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file's name is whole text")
def test_a_file_whose_name_is_no_text_is_sent_all_the_same(cloud, tmp_path):
    file = tmp_path / os.fsdecode(b"\xff\xe4.png")
    file.write_bytes(b"x")
    env = environment(tmp_path / "home", COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t", COZE_BOT_ID="7")
    done = coze_tray("ask", "hi", "--file", str(file), env=env)
    assert (done.returncode, done.stdout) == (0, "好\n")
    assert UPLOAD in paths(cloud)


def test_there_is_nothing_to_clear_without_a_conversation(cloud):
    run(cloud, bot(clear=True))
    assert paths(cloud) == [CREATE]


@pytest.mark.parametrize("asked", [bot(conversation_id="7"), chatflow(conversation_id="7")], ids=["bot", "chatflow"])
def test_a_busy_conversation_is_left_for_a_new_one_and_the_user_is_told(asked, cloud):
    cloud.chats["1"] = SimulatedChat("1", "7", "bot", "still at work")
    events = run(cloud, asked)
    assert "still runs" in of(events, Notice)[0].text
    assert isinstance(events[-1], Finished)
    assert of(events, Started)[0].run["conversation_id"] != "7"
    sent = [{**r.body, **r.query}.get("conversation_id") for r in cloud.received]
    assert sent == ["7", None]


@pytest.mark.parametrize("path", [CREATE, "/v1/conversations/7/clear"])
def test_a_conversation_that_is_gone_is_left_for_a_new_one(path, cloud):
    cloud.faults.add(Fault("answer", path, body={"code": 4002, "msg": "no such conversation"}))
    events = run(cloud, bot(conversation_id="7", clear=True))
    assert "no longer there" in of(events, Notice)[0].text
    assert isinstance(events[-1], Finished)
    assert [r.query for r in cloud.received if r.path == CREATE][-1] == {}


def test_a_busy_cloud_without_a_conversation_to_leave_is_a_failure(cloud):
    cloud.faults.add(Fault("answer", CREATE, body={"code": 4016, "msg": "busy"}))
    failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and (failed.code, failed.again) == ("4016", True)


def test_variables_and_parameters_are_sent_where_there_are_some(cloud):
    run(cloud, bot(variables={"tone": "warm"}, parameters={"length": 3}))
    run(cloud, bot())
    with_some, without = bodies(cloud, CREATE)
    assert (with_some["custom_variables"], with_some["parameters"]) == ({"tone": "warm"}, {"length": 3})
    assert not {"custom_variables", "parameters"} & set(without)


def test_half_an_emoji_in_what_is_asked_is_replaced(cloud):
    run(cloud, bot("a\ud83d"))
    assert cloud.received[0].body["additional_messages"][0]["content"] == "a�"


def test_what_can_t_be_sent_is_a_clear_failure(cloud):
    failed = run(cloud, bot(variables={"a": "\ud83d"}))[-1]
    assert isinstance(failed, Failed) and failed.code == "request" and failed.advice
    assert not cloud.received


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A picture with a name that needs care, and a document of some size."""
    picture, document = tmp_path / '截图 "1".png', tmp_path / "a.pdf"
    picture.write_bytes(b"\x89PNG\r\n--x\r\n")
    document.write_bytes(os.urandom(700_000))
    return [str(picture), str(document)]


def test_files_are_uploaded_first_and_said_with_the_text(files, cloud):
    events = run(cloud, bot("看看", files=tuple(files)))
    assert isinstance(events[-1], Finished)
    assert paths(cloud) == [UPLOAD, UPLOAD, CREATE]
    (picture_id, picture), (document_id, document) = cloud.files.stored.items()
    assert [picture[1], document[1]] == [Path(file).read_bytes() for file in files]
    assert document[0] == "a.pdf" and picture[0].startswith("截图")
    (message,) = cloud.received[-1].body["additional_messages"]
    assert message["content_type"] == "object_string"
    assert json.loads(message["content"]) == [
        {"type": "text", "text": "看看"},
        {"type": "image", "file_id": picture_id},
        {"type": "file", "file_id": document_id},
    ]
    assert cloud.received[0].headers["Content-Type"].startswith("multipart/form-data; boundary=")


def test_an_upload_that_fails_is_done_again_and_nothing_is_uploaded_twice(files, cloud):
    cloud.faults.add(Fault("reset_before", UPLOAD, skip=1))
    cloud.faults.add(Fault("answer", UPLOAD, skip=1, body={"code": 4020, "msg": "rpm"}))
    cloud.faults.add(Fault("answer", CREATE, body={"code": 4020, "msg": "rpm"}))
    events = run(cloud, bot(files=tuple(files)))
    assert isinstance(events[-1], Finished)
    assert len(of(events, Away)) == 3
    assert len(cloud.files.stored) == 2
    assert len(cloud.chats) == 1


def test_an_upload_whose_answer_is_lost_leaves_the_chat_unasked_not_unknown(files, cloud):
    cloud.faults.add(Fault("reset_after", UPLOAD))
    assert isinstance(run(cloud, bot(files=tuple(files)))[-1], Finished)
    assert len(cloud.chats) == 1


@pytest.mark.parametrize("which", ["missing", "folder", "too large", "unreadable"])
def test_a_file_that_can_t_be_uploaded_fails_before_anything_is_sent(which, files, tmp_path, cloud, monkeypatch):
    bad = tmp_path / "bad.bin"
    if which == "folder":
        bad.mkdir()
    elif which == "too large":
        with bad.open("wb") as file:
            file.truncate(upload.LARGEST_BYTES + 1)
    elif which == "unreadable":
        bad.touch()
        bad.chmod(0)
        if os.access(bad, os.R_OK):
            pytest.skip("this user may read everything")
    failed = run(cloud, bot(files=(*files, str(bad))))[-1]
    assert isinstance(failed, Failed) and failed.code == "file"
    assert str(bad) in failed.message and failed.advice
    assert not cloud.received


def test_a_file_that_shrinks_while_it_is_uploaded_is_a_clear_failure(tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"12")

    async def all_of() -> list[bytes]:
        return [piece async for piece in upload.multipart(file, 3)[1]]

    with pytest.raises(upload.UploadError, match="shorter"):
        asyncio.run(all_of())


def test_an_upload_does_not_block_what_runs_beside_it(tmp_path, cloud):
    """A file that keeps its reader waiting: a pipe that nobody writes to yet."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    pipe = tmp_path / "a.bin"
    os.mkfifo(pipe)

    async def beside() -> None:
        async def drain() -> None:
            async for _piece in upload.multipart(pipe, 1)[1]:
                pass

        task = asyncio.ensure_future(drain())
        await asyncio.sleep(0.05)  # would not come back
        threading.Thread(target=lambda: pipe.write_bytes(b"x"), daemon=True).start()
        await asyncio.wait_for(task, 5)

    asyncio.run(beside())


def test_a_plain_call_may_have_a_body(cloud):
    cloud.routes["/v1/x"] = lambda exchange: exchange.data(exchange.body)

    async def ask() -> object:
        async with client_of(cloud) as client:
            return (await client.call("POST", "/v1/x", {}, {"a": [1]}))[0]

    assert asyncio.run(ask()) == {"a": [1]}
