"""Chats to test with: bots of the simulated cloud, and everything a driver says about them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from tray.asked import Asked
from tray.coze.chat import Chat
from tray.coze.client import Client
from tray.coze.credential import Credential, FixedToken
from tray.coze.run import Question, RunEvent, ToolCalls, ToolOutput
from tray.coze.tries import Pace
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator

OUTPUT = json.dumps({"probability": 0.5})


def once_open(gate: threading.Event) -> Callable[[SimulatedChat], Frames]:
    """A bot that goes on when the gate is open, and says what it was asked; it fails at what has 坏 in it."""

    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        while not gate.wait(0.02):
            yield b": ping\n\n"
        if "坏" in chat.prompt:
            yield chat.failed(4008, "quota")
        else:
            yield from chat.says(f"答：{chat.prompt}")
            yield from chat.completed()

    return on_chat


def quick() -> Pace:
    """Polls and back-off without the waiting."""
    return Pace(poll_s=0.002, first_pause_s=0.001)


@asynccontextmanager
async def client_of(
    cloud: Simulator | str, token: Credential | None = None, silent_s: float = 30.0
) -> AsyncIterator[Client]:
    base_url = cloud if isinstance(cloud, str) else cloud.base_url
    async with Client(base_url, token or FixedToken("token"), silent_s, quick()) as client:
        yield client


async def heard_of(chat: Chat, replies: Sequence[str] = (), heard: list[RunEvent] | None = None) -> list[RunEvent]:
    """Everything `chat` says, its tool calls answered with OUTPUT and its questions with `replies`; up to the first
    question that has none."""
    heard = [] if heard is None else heard
    left = iter(replies)
    async with aclosing(chat.events()) as events:
        async for event in events:
            heard.append(event)
            if isinstance(event, ToolCalls):
                chat.answer([ToolOutput(call.id, OUTPUT) for call in event.calls])
            if isinstance(event, Question):
                if (reply := next(left, None)) is None:
                    break
                chat.reply(reply)
    return heard


def run(
    cloud: Simulator | str,
    asked: Asked | None = None,
    known: dict[str, Any] | None = None,
    *,
    patience_s: float | None = 30.0,
    replies: Sequence[str] = (),
    token: Credential | None = None,
    silent_s: float = 30.0,
    heard: list[RunEvent] | None = None,
) -> list[RunEvent]:
    """Everything a chat says: a new one, or the `known` one. `heard` has it even where it ends by raising."""

    async def collect() -> list[RunEvent]:
        async with client_of(cloud, token, silent_s) as client:
            return await heard_of(Chat(client, asked or bot(), known, patience_s), replies, heard)

    return asyncio.run(collect())


def bot(prompt: str = "问", **more: Any) -> Asked:
    return Asked("http://coze.test", "bot", "bot", prompt, **more)


def chatflow(prompt: str = "问", **more: Any) -> Asked:
    return Asked("http://coze.test", "chatflow", "flow", prompt, **more)


def of(events: list[RunEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def paths(cloud: Simulator) -> list[str]:
    return [received.path for received in cloud.received]


def bodies(cloud: Simulator, path: str) -> list[Any]:
    return [received.body for received in cloud.received if received.path == path]


def say(chat: SimulatedChat, text: str = "好") -> Iterator[bytes]:
    """A bot that says `text` and no more."""
    yield chat.created()
    yield chat.in_progress()
    yield from chat.says(text)
    yield from chat.completed()


def call(chat: SimulatedChat) -> Iterator[bytes]:
    """A bot that says something and calls a tool."""
    yield chat.created()
    yield chat.in_progress()
    yield from chat.says("稍等")
    yield chat.calls_tool("generate_draft", {"content": "草稿"})


def finish(chat: SimulatedChat, outputs: dict[str, str]) -> Iterator[bytes]:
    """What a bot does with the outputs of its tools."""
    yield chat.in_progress()
    yield from chat.says(f"收到 {len(outputs)}")
    yield from chat.completed()


def no_outputs(_chat: SimulatedChat, _outputs: dict[str, str]) -> Frames:
    raise AssertionError("no outputs were asked for")


def cloud_of(
    on_chat: Callable[[SimulatedChat], Frames], on_outputs: Callable[..., Frames] = no_outputs, **more: Any
) -> Simulator:
    return Simulator(on_chat, on_outputs, **more)
