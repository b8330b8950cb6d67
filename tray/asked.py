"""What is asked of a target: the part of a request that never changes. No package is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tray.text import whole_characters

Kind = Literal["bot", "workflow", "chatflow", "item", "call"]
"""item: one tool call that a mailbox workflow delivered. call: one that began on this computer; no cloud has a
part in it, and it has neither `base_url` nor `target_id`."""


@dataclass(frozen=True)
class Asked:
    """`target_id` is the bot's, the workflow's or the chatflow's id (of an item: its mailbox's); `target` the name that
    the user has given it, "" for none (of a call: where it comes from, in words, such as the name of a file).
    `parameters` are a workflow's inputs (of an item: `id`, `tool`, `arguments`; of a call: `tool`, `arguments`,
    `fresh`), `variables` the user variables of a bot. `conversation_id`: the conversation to continue, "" for a new
    one; `clear`: its context is cleared before. `files`: absolute paths, uploaded with the prompt. `bot_id`, `app_id`:
    the bot or application that a workflow or chatflow runs for. `background`: nobody waits for it, so it leaves a place
    free to what the user asks meanwhile."""

    base_url: str
    kind: Kind
    target_id: str
    prompt: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    conversation_id: str = ""
    clear: bool = False
    files: tuple[str, ...] = ()
    bot_id: str = ""
    app_id: str = ""
    target: str = ""
    background: bool = False

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` turns it back."""
        return {**asdict(self), "files": list(self.files)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Asked:
        return cls(**{**value, "files": tuple(value["files"])})


def call_of(tool: str, arguments: str, source: str = "", *, fresh: bool = False) -> Asked:
    """What a tool call asks that begins on this computer. `arguments`: JSON text of an object; `source`: where they
    come from, in words; `fresh`: links are asked for again that are in the media cache."""
    parameters: dict[str, Any] = {
        "tool": whole_characters(tool), "arguments": whole_characters(arguments).strip() or "{}",
    }  # fmt: skip
    if fresh:
        parameters["fresh"] = True
    return Asked("", "call", "", parameters=parameters, target=whole_characters(source))
