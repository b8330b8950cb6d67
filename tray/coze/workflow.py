"""Workflows."""

from __future__ import annotations

from typing import Any


def plain(text: str) -> str:
    return text


class Workflow:
    def __init__(self, *args: Any) -> None:
        raise NotImplementedError
