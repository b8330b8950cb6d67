"""What a person pastes for an id: the address of a bot or workflow in Coze."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urlsplit

_SITES: dict[str, Literal["cn", "com"]] = {"coze.cn": "cn", "coze.com": "com"}
_PATHS: tuple[tuple[str, Literal["bot", "workflow"]], ...] = (
    (r"/space/\d+/bot/(\d+)", "bot"),
    (r"/space/\d+/agent/(\d+)", "bot"),
    (r"/store/(?:bot|agent)/(\d+)", "bot"),
    (r"/space/\d+/project-ide/\d+/workflow/(\d+)", "workflow"),
)
"""The forms of addresses that Coze's own pages have; of a workflow by itself the id is in the query:
/work_flow?space_id=…&workflow_id=…."""


@dataclass(frozen=True)
class Pasted:
    """`kind` and `region` None: the text does not say."""

    id: str
    kind: Literal["bot", "workflow"] | None = None
    region: Literal["cn", "com"] | None = None


def pasted(text: str) -> Pasted:
    """What the text means; what is no address of Coze is an id as it stands."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = parts.hostname or ""
    except ValueError:
        return Pasted(text)
    region = next((region for site, region in _SITES.items() if host == site or host.endswith(f".{site}")), None)
    if region is None:
        return Pasted(text)
    if found := parse_qs(parts.query).get("workflow_id"):
        return Pasted(found[0], "workflow", region)
    for path, kind in _PATHS:
        if match := re.match(path, parts.path):
            return Pasted(match[1], kind, region)
    return Pasted(text, None, region)
