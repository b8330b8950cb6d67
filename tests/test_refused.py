"""What Coze refuses, and the bot's own failures: told once, with their code, advice and logid, or mended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from chats import bot, call, client_of, finish, heard_of, no_outputs, of, paths, run, say
from tray import locale
from tray.coze.chat import Chat
from tray.coze.credential import FixedToken
from tray.coze.errors import CODES, NEW_CONVERSATION, RETRIED, SIGN_IN, CozeError, advice
from tray.coze.run import Away, Failed, Finished, RunEvent, Started, ToolCalls
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import frame
from tray.simulator.faults import Fault
from tray.simulator.server import Simulator

LOGID = "20260101000000SIMULATED"
CREATE, SUBMIT, RETRIEVE, UPLOAD = "/v3/chat", "/v3/chat/submit_tool_outputs", "/v3/chat/retrieve", "/v1/files/upload"


class Renewing:
    """A token that can be renewed `times`."""

    def __init__(self, times: int = 1) -> None:
        self.left, self.number, self.asked = times, 0, []

    async def token(self) -> str:
        return f"token-{self.number}"

    async def renew(self, refused: str) -> bool:
        self.asked.append(refused)
        if refused == f"token-{self.number}" and self.left:
            self.left -= 1
            self.number += 1
        return refused != f"token-{self.number}"


def test_a_token_that_an_answer_repeats_is_not_told():
    said = "no such header: Bearer token-VerySecretIndeed-0"
    for body in (said.encode(), {"code": 4000, "msg": said}):
        with Simulator(say, no_outputs) as cloud:
            cloud.faults.add(Fault("answer", CREATE, status=400, body=body))
            failed = run(cloud, bot(), token=FixedToken("token-VerySecretIndeed-0"))[-1]
        assert isinstance(failed, Failed) and "no such header: Bearer …" in failed.message


@pytest.mark.parametrize("path", [CREATE, SUBMIT, RETRIEVE, UPLOAD])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("answer", body={"code": 4100, "msg": "expired"}),
        Fault("answer", body={"code": 700012006, "msg": "login please"}),
        Fault("answer", body={"code": 4101, "msg": "The token you entered is incorrect. Please check it."}),
        Fault("answer", status=401, body=b"<html>401</html>"),
    ],
    ids=["4100", "700012006", "4101 for the token", "401"],
)
def test_a_token_that_expires_is_renewed_once_and_nothing_is_lost(fault, path, tmp_path: Path):
    file = tmp_path / "a.png"
    file.write_bytes(b"x" * 100_000)
    token = Renewing()
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("answer", path, status=fault.status, body=fault.body))
        cloud.faults.add(Fault("cut", CREATE, at_bytes=400))
        events = run(cloud, bot(files=(str(file),)), token=token)
    assert isinstance(events[-1], Finished)
    assert token.asked == ["token-0"]
    assert cloud.received[-1].headers["Authorization"] == "Bearer token-1"
    assert len(cloud.chats) == 1 and len(cloud.files.stored) == 1


@pytest.mark.parametrize("times", [0, 1])
@pytest.mark.parametrize("path", [CREATE, SUBMIT, RETRIEVE])
def test_a_token_that_can_t_be_renewed_leaves_the_run_to_be_taken_up_again(path, times):
    heard: list[RunEvent] = []
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("answer", path, times=times + 1, body={"code": 4100, "msg": "expired"}))
        cloud.faults.add(Fault("cut", CREATE, at_bytes=400))
        with pytest.raises(CozeError) as raised:
            run(cloud, token=Renewing(times), heard=heard)
        assert raised.value.code in SIGN_IN and raised.value.logid == LOGID
        assert "coze-tray login" in raised.value.advice
        assert not of(heard, Failed)
        started = of(heard, Started)
        again = run(cloud, known=started[-1].run if started else None)
    assert isinstance(again[-1], Finished)
    assert len(cloud.chats) == 1


@pytest.mark.parametrize("times", [0, 1])
def test_a_token_that_the_stream_refuses_instead_of_beginning_is_renewed_too(times):
    refusals = iter([True])

    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        if next(refusals, False):
            yield frame("error", {"code": 4100, "msg": "expired"})
        else:
            yield from say(chat)

    token = Renewing(times)
    with Simulator(on_chat, no_outputs) as cloud:
        if times:
            assert isinstance(run(cloud, token=token)[-1], Finished)
        else:
            with pytest.raises(CozeError) as raised:
                run(cloud, token=token)
            assert raised.value.code == "4100"


def test_a_chat_that_failed_for_its_token_waits_for_signing_in_and_then_fails():
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        yield chat.failed(4100, "expired")

    heard: list[RunEvent] = []
    with Simulator(on_chat, no_outputs) as cloud:
        with pytest.raises(CozeError):
            run(cloud, heard=heard)
        failed = run(cloud, known=of(heard, Started)[-1].run)[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again) == ("4100", True)
    assert len(cloud.chats) == 1


@pytest.mark.parametrize(
    ("code", "again"), [(5000, True), (4013, True), (720702204, True), (0, True), (4011, False), (4008, False)]
)
@pytest.mark.parametrize("over", ["the stream", "retrieve", "an error event"])
def test_the_bot_s_own_failure_is_told_and_never_run_again_by_itself(over, code, again):
    def on_chat(chat: SimulatedChat) -> Iterator[bytes]:
        yield chat.created()
        failed = chat.failed(code, "the model is away")
        if over == "the stream":
            yield failed
        elif over == "an error event":
            yield frame("error", {"code": code, "msg": "the model is away"})
            chat.last_error = (0, "")  # retrieve does not say why
        else:
            raise ConnectionError

    with Simulator(on_chat, no_outputs) as cloud:
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again, failed.logid) == (str(code or "failed"), again, LOGID)
    assert failed.advice
    assert "the model is away" in failed.message or not code
    assert paths(cloud).count(CREATE) == 1


def test_a_model_s_error_before_there_is_a_chat_is_tried_again():
    with Simulator(say, no_outputs) as cloud:
        cloud.faults.add(Fault("answer", CREATE, body={"code": 4013, "msg": "model"}))
        events = run(cloud)
    assert len(of(events, Away)) == 1
    assert isinstance(events[-1], Finished)


def test_a_model_s_error_once_there_is_a_chat_is_a_failure():
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("answer", SUBMIT, body={"code": 4013, "msg": "model"}))
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed) and (failed.code, failed.again) == ("4013", True)
    assert paths(cloud) == [CREATE, SUBMIT]


def test_a_chat_that_is_gone_is_a_failure_that_may_be_run_again():
    with Simulator(say, no_outputs) as cloud:
        failed = run(cloud, known={"conversation_id": "1", "chat_id": "2"})[-1]
    assert isinstance(failed, Failed) and (failed.code, failed.again, failed.logid) == ("4001", True, LOGID)
    assert paths(cloud) == [RETRIEVE]


def test_an_output_of_a_tool_is_submitted_as_it_is_stored_each_time():
    """What a tool said is sent again, whatever made the first try fail; the tool is asked for by the same id."""
    with Simulator(call, finish) as cloud:
        cloud.faults.add(Fault("answer", SUBMIT, times=3, body={"code": 5000, "msg": "internal"}))
        events = run(cloud)
    assert len({calls.calls[0].id for calls in of(events, ToolCalls)}) == 1
    sent = [r.body["tool_outputs"] for r in cloud.received if r.path == SUBMIT]
    assert len(sent) == 4 and all(each == sent[0] for each in sent)


@pytest.mark.parametrize("code", [True, [1], {"a": 1}, 4.5, "x" * 5000])
def test_a_code_of_an_odd_type_is_a_failure_of_a_sane_size(code):
    with Simulator(say, no_outputs) as cloud:
        cloud.faults.add(Fault("answer", CREATE, body={"code": code, "msg": {"deep": ["x" * 9999]}}))
        failed = run(cloud)[-1]
    assert isinstance(failed, Failed)
    assert len(failed.code) <= 40 and len(failed.message) < 1200
    assert failed.logid == LOGID


FACTS = {
    "fail": "4000 4008 4011 4015 4019 4022 4101 4104 4200 403",
    "retry": "4009 4020 4102 5000 429 503",
    "retry_unless_begun": "4013",
    "sign_in": "401 4100 700012006",
    "new_conversation": "4002 4016",
    "gone": "4001 4314 4315",
}


def test_every_known_code_is_in_the_table_with_what_is_done_about_it():
    for deed, codes in FACTS.items():
        assert {CODES[code].deed for code in codes.split()} == {deed}
    assert set(FACTS["sign_in"].split()) == SIGN_IN
    assert set(FACTS["retry"].split()) <= RETRIED
    assert set(FACTS["new_conversation"].split()) == NEW_CONVERSATION


def test_every_code_says_what_it_means_and_what_to_do():
    assert all(known.meaning and known.advice for known in CODES.values())
    error = CozeError("4008", "quota")
    assert "quota" in error.message and "Today's quota" in error.message and "4008" in error.message


def test_advice_is_in_the_language_in_use(monkeypatch):
    class Shouting:
        def gettext(self, message: str) -> str:
            return message.upper()

    monkeypatch.setattr(locale, "_catalogue", Shouting())
    assert advice("4015").startswith("PUBLISH THE BOT")


def test_a_run_that_was_named_is_named_the_same_to_every_driver():
    with Simulator(call, finish) as cloud:

        async def scopes() -> tuple[str, str]:
            async with client_of(cloud) as client:
                first = Chat(client, bot(), None, 5.0)
                assert first.scope == ""
                heard = await heard_of(first)
                return first.scope, Chat(client, bot(), of(heard, Started)[-1].run, 5.0).scope

        first, again = asyncio.run(scopes())
    assert first == again == next(iter(cloud.chats))
