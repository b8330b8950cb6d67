"""What is said to a bot or chatflow, and what it says, between the wire's JSON and the neutral run.

Everything that is read here is untrusted: any field may be missing or of another type. Shapes: docs.coze.cn, chat_v3
and workflow_chat (documented), and the recorded responses that the tests replay.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tray.asked import Asked
from tray.coze.errors import CODES, advice, may_succeed, said
from tray.coze.run import Failed, Output, ToolCall
from tray.coze.wire import parsed, refusal, text_of
from tray.locale import _
from tray.text import whole_characters

USER_ID = "coze-tray"
"""Whom the bot talks to: it keeps its memory of a user under this name."""
MOST_CALLS = 100
"""Of one action; more than that no bot means."""


def message(text: str, files: Sequence[tuple[str, bool]] = ()) -> dict[str, str]:
    """What the user says; `files` are ids of uploaded files, each with whether it is an image."""
    text = whole_characters(text)
    said_by = {"role": "user", "type": "question"}
    if not files:
        return {**said_by, "content": text, "content_type": "text"}
    parts: list[dict[str, str]] = [{"type": "text", "text": text}]
    parts += [{"type": "image" if is_image else "file", "file_id": file_id} for file_id, is_image in files]
    return {**said_by, "content": json.dumps(parts, ensure_ascii=False), "content_type": "object_string"}


def request(asked: Asked, conversation_id: str, said: dict[str, str]) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The path, the query and the body that say `said` in a conversation ("" for a new one)."""
    if asked.kind == "chatflow":
        body: dict[str, Any] = {
            "workflow_id": asked.target_id,
            "additional_messages": [said],
            "parameters": dict(asked.parameters),  # must be there, even if there are none
        }
        named = {"app_id": asked.app_id, "bot_id": asked.bot_id, "conversation_id": conversation_id}
        return "/v1/workflows/chat", {}, body | {key: value for key, value in named.items() if value}
    body = {
        "bot_id": asked.target_id,
        "user_id": USER_ID,
        "additional_messages": [said],
        "stream": True,
        "auto_save_history": True,  # submitting outputs fails with 5000 without it
    }
    if asked.variables:
        body["custom_variables"] = dict(asked.variables)
    if asked.parameters:  # only bots in chatflow mode know these
        body["parameters"] = dict(asked.parameters)
    return "/v3/chat", {"conversation_id": conversation_id} if conversation_id else {}, body


def output(said: dict[str, Any]) -> Output:
    """An answer, from its message."""
    text = text_of(said.get("content"))
    return Output(str(said.get("id") or text), text)


def answers(listed: Any) -> list[Output]:
    """The answers in a list of messages."""
    found = listed if isinstance(listed, list) else []
    return [output(one) for one in found if isinstance(one, dict) and one.get("type") == "answer"]


def is_interrupt(said: dict[str, Any]) -> bool:
    """Whether a message says that the chat now waits: a "verbose" one with the "msg_type" "interrupt" (recorded)."""
    if said.get("type") != "verbose":
        return False
    content = parsed(text_of(said.get("content")))
    return isinstance(content, dict) and content.get("msg_type") == "interrupt"


def tool_calls(chat: dict[str, Any]) -> tuple[ToolCall, ...]:
    """What a chat waits for, () where it can't be read. A call without a name is a question: the node of a chatflow
    that asks back has the type "reply_message", no id and no function (documented)."""
    try:
        calls = chat["required_action"]["submit_tool_outputs"]["tool_calls"]
        return tuple(_tool_call(call) for call in calls) if len(calls) <= MOST_CALLS else ()
    except (KeyError, TypeError, AttributeError):
        return ()


def _tool_call(call: dict[str, Any]) -> ToolCall:
    function = call.get("function") or {}
    arguments = text_of(function.get("arguments") or "")
    return ToolCall(str(call["id"]), str(function.get("name") or ""), arguments)


def token_count(chat: dict[str, Any]) -> int:
    usage = chat.get("usage")
    count = usage.get("token_count") if isinstance(usage, dict) else 0
    return count if isinstance(count, int) else 0


def debug_url(done: Any) -> str:
    """Where Coze shows how a chatflow ran, "" where it says nothing of it."""
    url = done.get("debug_url") if isinstance(done, dict) else ""
    return url if isinstance(url, str) and url.startswith("https://") and len(url) < 2000 else ""


def error(data: Any) -> tuple[str, str]:
    """Code and message of a failure, from `last_error` of a chat or the bare {"code", "msg"} that some come with; ""
    for none."""
    told: dict[str, Any] = data if isinstance(data, dict) else {}
    last = told.get("last_error")
    return refusal(last if isinstance(last, dict) and last.get("code") else told)


def failed(code: str, message: str, logid: str) -> Failed:
    """A chat that failed by itself. It is over: only a new one may do better."""
    reason = said(code, message or _("no reason given")) if code else message or _("Coze gave no reason.")
    unknown = _("Run it again. If it fails again, see in Coze what the bot does.")
    what_next = advice(code) if code in CODES else unknown
    text = _("The chat failed: {reason}").format(reason=reason)
    return Failed(code or "failed", text, what_next, logid, again=may_succeed(code))
