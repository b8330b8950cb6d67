"""Text from elsewhere, made fit to be stored and shown."""

from __future__ import annotations


def whole_characters(text: str) -> str:
    """Without halves of characters: a model that cuts an emoji in two leaves one, and it can't be written as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def for_terminal(text: str) -> str:
    """Without control characters, which would move the cursor or worse."""
    return "".join(c for c in text if c in "\n\t" or (ord(c) >= 32 and not 127 <= ord(c) < 160))
