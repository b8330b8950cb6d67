"""Reads back a text material: its text, its style and where that differs (the reverse of build_text)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tray.draft import names
from tray.draft.build_text import ALIGN, LINE_SPACING, SMOOTHING, SPACING
from tray.draft.read_attached import UNKNOWN, flag, number, whole

_WIDTH = 0.2 / 100
"""A border's width in a draft for each of JianYing's hundred steps (pyJianYingDraft, text_segment.py)."""
_FEATHER = 1 / 600
"""The same of a shadow's diffusion."""
_OPTIONAL = ("font", "border", "shadow")
"""What a styled range can add and not take away."""
_TAG = re.compile(r"<[^<>]*>|^\[|\]$")
"""Around the text in drafts older than its styles."""
_BORDER, _BACKGROUND = 8, 16


def of_material(material: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields `text`, `style` and `ranges` of a TextSegment."""
    text, styles = _content(str(material["content"]))
    for what in sorted({what for style in styles for what in _unknown(style)}):
        yield UNKNOWN, what
    flags = whole(material.get("check_flag"), 0)
    looks = _looks(text, styles)
    own = _own_look(material, flags)
    is_told = bool(material.get("text_color")) and (flag(material.get("is_rich_text")) or len(looks) > 1)
    base = dict(own if is_told or not looks else looks[0][2])
    for key in _OPTIONAL:
        if any(look[key] is None for _start, _end, look in looks):
            base[key] = None
    ranges = []
    for start, end, look in looks:
        differs = {key: value for key, value in look.items() if not _same(value, base[key])}
        if differs:
            ranges.append({"start": start, "end": end, **differs})
    yield "text", text
    yield "style", base | _shared(material, flags)
    yield "ranges", tuple(ranges)


def _content(said: str) -> tuple[str, list[dict[str, Any]]]:
    try:
        content = json.loads(said)
        return str(content["text"]), [style for style in content.get("styles") or () if isinstance(style, dict)]
    except (ValueError, KeyError, TypeError):
        return _TAG.sub("", said), []


def _looks(text: str, styles: list[dict[str, Any]]) -> list[tuple[int, int, dict[str, Any]]]:
    """Each stretch of the text with its look, in order; stretches that look the same are one."""
    index_of, units = {}, 0
    for index, character in enumerate(text):
        index_of[units] = index
        units += 2 if character > "\uffff" else 1
    merged: list[tuple[int, int, dict[str, Any]]] = []
    for style in sorted(styles, key=lambda style: style["range"][0]):
        first, last = style["range"][0], style["range"][-1]
        start, end = index_of.get(first, len(text)), index_of.get(last, len(text))
        look = _look(style)
        if merged and merged[-1][1] == start and merged[-1][2] == look:
            merged[-1] = (merged[-1][0], end, look)
        elif end > start:
            merged.append((start, end, look))
    return merged


def _look(style: Mapping[str, Any]) -> dict[str, Any]:
    stroke, shadow = next(iter(style.get("strokes") or ()), None), next(iter(style.get("shadows") or ()), None)
    return {
        "size": number(style.get("size"), 8.0),
        "colour": _colour(style.get("fill")),
        "bold": flag(style.get("bold")),
        "italic": flag(style.get("italic")),
        "underline": flag(style.get("underline")),
        "font": _font(style.get("font")),
        "border": stroke and _border(_colour(stroke), number(stroke.get("width"), 0.08), _alpha(stroke)),
        "shadow": shadow
        and _shadow(
            _colour(shadow),
            number(shadow.get("alpha"), 1.0),
            number(shadow.get("distance"), 5.0),
            number(shadow.get("angle"), -45.0),
            number(shadow.get("feather", shadow.get("diffuse")), 0.025),
        ),
    }


def _unknown(style: Mapping[str, Any]) -> Iterator[str]:
    """What of a look a spec has no word for: fills that are no plain colour, and more than one of a kind."""
    kind = (style["fill"].get("content") or {}).get("render_type") if style.get("fill") else None
    if kind not in (None, "", "solid"):
        yield str(kind)
    yield from (key for key in ("strokes", "shadows") if len(style.get(key) or ()) > 1)


def _own_look(material: Mapping[str, Any], flags: int) -> dict[str, Any]:
    """The same as the material's own keys say it."""

    def own(key: str, otherwise: float) -> float:
        return number(material.get(key), otherwise)

    font = {"id": material.get("font_resource_id"), "path": material.get("font_path")}
    border = shadow = None
    if flags & _BORDER and material.get("border_color"):
        border = _border(material["border_color"], own("border_width", 0.08), own("border_alpha", 1.0))
    if flag(material.get("has_shadow")) and material.get("shadow_color"):
        shadow = _shadow(
            material["shadow_color"],
            own("shadow_alpha", 1.0),
            own("shadow_distance", 5.0),
            own("shadow_angle", -45.0),
            own("shadow_smoothing", 0.45) / SMOOTHING,
        )
    return {
        "size": own("font_size", 8.0),
        "colour": str(material.get("text_color") or "#FFFFFF")[:7].upper(),
        "bold": own("bold_width", 0.0) > 0,
        "italic": own("italic_degree", 0) > 0,
        "underline": flag(material.get("underline")),
        "font": _font(font),
        "border": border,
        "shadow": shadow,
    }


def _shared(material: Mapping[str, Any], flags: int) -> dict[str, Any]:
    """What of the style holds for the whole text."""
    align = {value: key for key, value in ALIGN.items()}

    def own(key: str, otherwise: float) -> float:
        return number(material.get(key), otherwise)

    shared: dict[str, Any] = {
        "opacity": own("global_alpha", 1.0),
        "align": align.get(whole(material.get("alignment"), 1), "center"),
        "vertical": whole(material.get("typesetting"), 0) == 1,
        "letter_spacing": _tidy(own("letter_spacing", 0.0) / SPACING),
        "line_spacing": _tidy((own("line_spacing", LINE_SPACING) - LINE_SPACING) / SPACING),
        "auto_wrap": material.get("type") == "subtitle",
        "max_line_width": own("line_max_width", 0.82),
    }
    if flags & _BACKGROUND and material.get("background_color"):
        shared["background"] = {
            "colour": str(material["background_color"])[:7].upper(),
            "opacity": own("background_alpha", 1.0),
            "style": whole(material.get("background_style"), 1),
            "round_radius": own("background_round_radius", 0.0),
            "width": own("background_width", 0.14),
            "height": own("background_height", 0.14),
            "horizontal_offset": _tidy((own("background_horizontal_offset", 0.0) + 1) / 2),
            "vertical_offset": _tidy((own("background_vertical_offset", 0.0) + 1) / 2),
        }
    return shared


def _border(colour: str, width: float, opacity: float) -> dict[str, Any]:
    return {"colour": colour[:7].upper(), "width": min(_tidy(width / _WIDTH), 100), "opacity": opacity}


def _shadow(colour: str, opacity: float, distance: float, angle: float, feather: float) -> dict[str, Any]:
    diffuse = min(_tidy(feather / _FEATHER), 100)
    return {
        "colour": colour[:7].upper(), "opacity": opacity, "distance": distance, "angle": angle, "diffuse": diffuse,
    }  # fmt: skip


def _font(said: Any) -> str | None:
    """The catalogue's key; None for the system's font and for one that only its file tells."""
    resource_id = said.get("id") if isinstance(said, dict) else None
    if not resource_id:
        return None
    entry = names.by_resource("font", str(resource_id))
    return entry.key if entry else str(resource_id)[:100]


def _colour(said: Any) -> str:
    """Of a fill, a stroke or a shadow; white where it is no plain colour."""
    try:
        red, green, blue = said["content"]["solid"]["color"][:3]
        return f"#{round(red * 255):02X}{round(green * 255):02X}{round(blue * 255):02X}"
    except (KeyError, TypeError, ValueError):
        return "#FFFFFF"


def _alpha(said: Mapping[str, Any]) -> float:
    return number(((said.get("content") or {}).get("solid") or {}).get("alpha"), 1.0)


def _same(one: Any, other: Any) -> bool:
    """But for what the application rounds in one place and not in the other."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    return bool(one == other)


def _tidy(value: float) -> float:
    """Without what the way through the draft's own scale adds."""
    return round(value, 6)
