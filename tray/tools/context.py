"""What a tool is given besides its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what a build needs is imported when one begins
    from tray.draft.fetch import Progress
    from tray.draft.pipeline import Ledger, Workshop


@dataclass(frozen=True)
class ToolContext:
    """`workshop` gives the place to build in, by the name of one of the user's `folders` or None for the usual one;
    it raises DraftError where there is none. `progress` and `ledger` as in draft.pipeline."""

    workshop: Callable[[str | None], Workshop]
    folders: Mapping[str, Path]
    language: str
    progress: Progress
    ledger: Ledger
