"""Cuts a line of speech into captions: at the ends of sentences, else at commas, else between words, else anywhere."""

from __future__ import annotations

import re
import unicodedata

# Western marks end something only before white space (3.14, 10:30, U.S.A), Chinese ones always. What closes a quotation
# or a bracket belongs to what it closes.
_CLOSERS = r"[”’」』）》】〉\"')\]]*"
# A full stop before a small letter is an abbreviation's.
_STOP = r"(?<!\.)\.+(?=[\s”’」』）\"')\]]|$)(?!\s+[a-z])"
_SENTENCE = re.compile(rf"(?:[。！？!?…]+|[；;]|{_STOP}){_CLOSERS}\s*")
_CLAUSE = re.compile(rf"(?:[，、：—]+|[,:](?=\s|$)|\n){_CLOSERS}\s*")
_SPACE = re.compile(r"\s+")


def pieces_of(text: str, max_chars: int) -> list[str]:
    """`text` in pieces of at most `max_chars`; joined they are `text` again, but for white space at the cuts.

    A text short enough is one piece. Neighbouring whole sentences share a piece where they fit.
    """
    text = text.strip()
    if len(text) <= max_chars:
        return [text] if text else []
    pieces: list[str] = []
    for sentence in _packed(_cut_after(_SENTENCE, text), max_chars):
        if len(sentence.rstrip()) <= max_chars:
            pieces.append(sentence)
            continue
        for clause in _packed(_cut_after(_CLAUSE, sentence), max_chars):
            pieces += [clause] if len(clause.rstrip()) <= max_chars else _by_length(clause, max_chars)
    return [piece.strip() for piece in pieces if piece.strip()]


def _cut_after(mark: re.Pattern[str], text: str) -> list[str]:
    ends = [found.end() for found in mark.finditer(text)]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True) if start < end]


def _packed(parts: list[str], max_chars: int) -> list[str]:
    """Neighbours together where they fit."""
    packed: list[str] = []
    for part in parts:
        if packed and len(packed[-1]) + len(part.rstrip()) <= max_chars:
            packed[-1] += part
        else:
            packed.append(part)
    return packed


def _by_length(text: str, max_chars: int) -> list[str]:
    """Between words where there are any, else at the limit, but not inside a character of several code points."""
    pieces: list[str] = []
    start = 0
    while len(text) - start > max_chars:
        end = start + max_chars
        space = max((found.end() for found in _SPACE.finditer(text, start + max_chars // 3, end + 1)), default=0)
        end = space or next((at for at in range(end, max(start, end - 20), -1) if not _continues(text, at)), end)
        pieces.append(text[start:end])
        start = end
    pieces.append(text[start:])
    return pieces


def _continues(text: str, at: int) -> bool:
    """Whether the code point at `at` belongs to the character before: accents, emoji joined by U+200D, skin tones."""
    char = text[at]
    return (
        unicodedata.combining(char) != 0
        or char in "\u200d\ufe0e\ufe0f"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or text[at - 1] == "\u200d"
    )
