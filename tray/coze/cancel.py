"""Letting the cloud stop what it does for a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tray.coze.client import Client


async def cancel_chat(client: Client, run: Mapping[str, Any]) -> None:
    """Stop the chat that `run` (a chat's last `Started.run`) names: POST /v3/chat/cancel (documented: chat_cancel;
    cozepy, chat/__init__.py). One that waits for tools can't be (code 4104). For the runs of workflows nothing of the
    kind is documented. Raises CozeError, NetworkAwayError."""
    body = {"conversation_id": str(run["conversation_id"]), "chat_id": str(run["chat_id"])}
    await client.call("POST", "/v3/chat/cancel", {}, body)
