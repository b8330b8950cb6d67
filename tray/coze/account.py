"""Whose account a token belongs to, and what it may do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tray.coze.client import Client
from tray.coze.errors import SIGN_IN, CozeError
from tray.text import for_terminal

SCOPES = (
    "chat",
    "submitToolChat",
    "getChat",
    "listMessage",
    "cancelChat",
    "createConversation",
    "listConversation",
    "retrieveConversation",
    "uploadFile",
    "getMetadata",
    "run",
    "listRunHistory",
)
"""The scopes that a token needs."""

_PROBES = {
    "getChat": ("GET", "/v3/chat/retrieve", {"conversation_id": "1", "chat_id": "1"}),
    "listMessage": ("GET", "/v3/chat/message/list", {"conversation_id": "1", "chat_id": "1"}),
    "retrieveConversation": ("GET", "/v1/conversation/retrieve", {"conversation_id": "1"}),
    "listConversation": ("GET", "/v1/conversations", {"bot_id": "1", "page_size": "1"}),
    "getMetadata": ("GET", "/v1/bot/get_online_info", {"bot_id": "1"}),
    "listRunHistory": ("GET", "/v1/workflows/1/run_histories/1", {}),
}
"""For each scope that can be asked after without making or changing anything: a question about what can't exist."""


@dataclass(frozen=True)
class Account:
    name: str
    id: str


async def account(client: Client) -> Account | None:
    """Whose token it is (`/v1/users/me`, as cozepy reads it), None where it may not ask that. Raises CozeError
    with a code in SIGN_IN where Coze does not take the token, and NetworkAwayError."""
    try:
        data, _logid = await client.call("GET", "/v1/users/me", {})
    except CozeError as error:
        if error.code in SIGN_IN:
            raise
        return None
    if not isinstance(data, dict):
        return None
    name = str(data.get("nick_name") or data.get("user_name") or "")
    return Account(for_terminal(name)[:100], for_terminal(str(data.get("user_id") or ""))[:40])


async def missing_scopes(client: Client) -> list[str]:
    """The scopes of SCOPES that the token turns out to lack, of those in `checked_scopes`. Each costs a call. Raises as
    `account`.

    Plausible, not recorded: that Coze looks at the scope before it looks for the thing. Field reports say 4101 for a
    missing scope, naming it ("… does not have permission to access space_id=… createBot"), but also for a thing that is
    not the account's, naming that ("… to access workflow_id = …"), which tells nothing about the scope.
    """
    return [scope for scope in _PROBES if await lacks(client, scope)]


async def lacks(client: Client, scope: str) -> bool:
    """Whether the token turns out to lack one of `checked_scopes`. Raises as `account`."""
    method, path, params = _PROBES[scope]
    try:
        await client.call(method, path, params)
    except CozeError as error:
        if error.code in SIGN_IN:
            raise
        return error.code in ("4101", "403") and not _names_a_thing_only(error)
    return False


def checked_scopes() -> tuple[str, ...]:
    """Those that `missing_scopes` asks after."""
    return tuple(_PROBES)


def _names_a_thing_only(error: CozeError) -> bool:
    said = re.search(r"permission to access\s+(.*?)\.(?:\s|$)", error.message)
    return bool(said and re.fullmatch(r"(resource|\w+_id\s*=\s*\S+)", said[1].strip()))
