"""Text from elsewhere, made fit to be stored and shown."""

from __future__ import annotations

import json
import re
from typing import Any

from tray.locale import _

UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, which move a terminal's cursor or worse
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # these turn text around (Unicode UAX #9)
    "\u2028\u2029"  # ends of lines, for some
    "\ud800-\udfff]"  # halves of characters, which can't be written
)
"""What nobody is shown."""


def whole_characters(text: str) -> str:
    """Without halves of characters: a model that cuts an emoji in two leaves one, and it can't be written as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def fit_json(values: dict[str, Any]) -> dict[str, Any]:
    """JSON values as they can be stored, sent and shown. Raises ValueError for what is no number, and for what is
    nested so deeply that it would be written and could not be read again."""
    for name, value in values.items():
        if _is_deeper(value, _DEEPEST):
            raise ValueError(_("{name}: it is nested too deeply").format(name=whole_characters(name)))
        try:
            json.dumps(value, allow_nan=False)
        except (ValueError, TypeError) as error:
            text = _("{name}: it can't be said in JSON ({error})")
            raise ValueError(text.format(name=whole_characters(name), error=error)) from None
    fit: dict[str, Any] = json.loads(whole_characters(json.dumps(values, ensure_ascii=False)))
    return fit


_DEEPEST = 50
"""tomlkit reads inline tables about 100 deep, pydantic writes JSON 255 deep."""


def _is_deeper(value: Any, most: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return most == 0 or any(_is_deeper(one, most - 1) for one in inside)


def for_terminal(text: str) -> str:
    """Without what is unfit to be shown, in a terminal, a window or a log. Lines and tabs stay."""
    return UNFIT.sub("", text)


def json_text(value: Any) -> str:
    """JSON text that can be written and shown anywhere: what is unfit to be shown stands in it as an escape."""
    return UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
