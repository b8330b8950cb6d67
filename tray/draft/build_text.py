"""Texts as materials: their content with a style for each range, and the same again in keys of the material's own.

JianYing draws a text by the `styles` in its `content`, whose ranges count UTF-16 code units, and shows the material's
own keys in its panels, so both say the same. How the scales of JianYing's sliders are written is taken from
pyJianYingDraft (text_segment.py); what only the own keys have, from the inventories of JianYing 5.4.5 and 5.9.0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pyJianYingDraft import TextBackground, TextBorder, TextShadow

from tray.draft.attached import meta_of
from tray.draft.materials import Materials
from tray.draft.shapes import new_id, shape
from tray.draft.spec import Background, Border, Shadow, TextSegment, TextStyle

ALIGN = {"left": 0, "center": 1, "right": 2}
SPACING = 0.05
"""One step of JianYing's sliders for letter and line spacing."""
LINE_SPACING = 0.02
"""What JianYing writes for a line spacing of 0."""
BOLD_WIDTH, ITALIC_DEG = 0.008, 10
"""How much JianYing thickens and slants."""
SMOOTHING = 18
"""A shadow's `shadow_smoothing` is this times its `feather`: 0.45 and 0.025, 1.0 and 0.0556."""
POINT = 0.18
"""A shadow's `shadow_point` is this times its distance: 0.636, -0.636 for 5 at -45°."""
_BORDER, _BACKGROUND, _SHADOW = 8, 16, 32
_FONT_PATH, _FLOWER_PATH = "D:", "C:"
"""Nothing lies there; JianYing fetches what has an id and any path (pyJianYingDraft, text_segment.py)."""

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Texts:
    """Makes text materials. What they have by their style is made once for each style."""

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        self._known: dict[tuple[TextStyle, str | None, bool], tuple[Mapping[str, Any], str]] = {}

    def add(self, segment: TextSegment) -> str:
        """The id of the segment's material."""
        key = (segment.style, segment.flower, bool(segment.ranges))
        known = self._known.get(key)
        if known is None:
            look = _json(_look(segment.style, segment.flower))[:-1]
            own_keys = {**shape(self._materials.profile, "texts"), **_own_keys(segment.style), "is_rich_text": key[2]}
            known = self._known[key] = (own_keys, look)
        template, look = known
        text = segment.text
        if segment.ranges:
            styles = _json(_styles(segment))
        else:
            styles = f'[{look},"range":[0,{len(text) if text.isascii() else _utf16_length(text)}]}}]'
        own: dict[str, Any] = {"content": f'{{"styles":{styles},"text":{_json(text)}}}'}
        if segment.style.font:
            own["fonts"] = [_font_entry(segment.style.font, self._materials)]
        return self._materials.add("texts", own, template)


def _utf16_length(text: str) -> int:
    """In code units, as JianYing counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def _styles(segment: TextSegment) -> list[dict[str, Any]]:
    """One for each stretch of text, whether a range or what lies between two."""
    text, made, at = segment.text, [], 0
    for one in segment.ranges:
        said = {key: value for key, value in one if key not in ("start", "end") and value is not None}
        stretches = ((at, one.start, segment.style), (one.start, one.end, segment.style.model_copy(update=said)))
        made += [(start, end, style) for start, end, style in stretches if end > start]
        at = one.end
    if at < len(text):
        made.append((at, len(text), segment.style))
    styles, units = [], 0
    for start, end, style in made:
        after = units + _utf16_length(text[start:end])
        styles.append({**_look(style, segment.flower), "range": [units, after]})
        units = after
    return styles


def _look(style: TextStyle, flower: str | None) -> dict[str, Any]:
    """An entry of the content's `styles`, without its range."""
    solid = {"alpha": 1.0, "color": _rgb(style.colour)}
    look: dict[str, Any] = {
        "fill": {"alpha": 1.0, "content": {"render_type": "solid", "solid": solid}},
        "size": style.size,
        "bold": style.bold,
        "italic": style.italic,
        "underline": style.underline,
        "strokes": [_border(style.border).export_json()] if style.border else [],
    }
    if style.font:
        look["font"] = {"id": meta_of("font", style.font).value.resource_id, "path": _FONT_PATH}
    if flower:
        look["effectStyle"] = {"id": flower, "path": _FLOWER_PATH}
    if style.shadow:
        shadow = _shadow(style.shadow).export_json()
        look["shadows"] = [{**shadow, "feather": shadow["diffuse"]}]  # the older and the newer name of the same
    return look


def _own_keys(style: TextStyle) -> dict[str, Any]:
    """What the material itself says of its style."""
    flags = 7 | (_BORDER if style.border else 0) | (_BACKGROUND if style.background else 0)
    keys: dict[str, Any] = {
        "type": "subtitle" if style.auto_wrap else "text",
        "check_flag": flags | (_SHADOW if style.shadow else 0),
        "alignment": ALIGN[style.align],
        "typesetting": int(style.vertical),
        "letter_spacing": style.letter_spacing * SPACING,
        "line_spacing": LINE_SPACING + style.line_spacing * SPACING,
        "line_max_width": style.max_line_width,
        "global_alpha": style.opacity,
        "font_size": style.size,
        "text_color": style.colour,
        "bold_width": BOLD_WIDTH if style.bold else 0.0,
        "italic_degree": ITALIC_DEG if style.italic else 0,
        "underline": style.underline,
    }
    if style.font:
        meta = meta_of("font", style.font).value
        keys |= {"font_resource_id": meta.resource_id, "font_title": meta.name, "font_path": _FONT_PATH}
    if style.border:
        border = _border(style.border)
        keys |= {"border_color": style.border.colour, "border_width": border.width, "border_alpha": border.alpha}
    if style.background:
        keys |= _background(style.background).export_json()
    if style.shadow:
        keys |= _shadow_keys(style.shadow)
    return keys


def _shadow_keys(said: Shadow) -> dict[str, Any]:
    angle = math.radians(said.angle_deg)
    return {
        "has_shadow": True,
        "shadow_alpha": said.opacity,
        "shadow_angle": said.angle_deg,
        "shadow_color": said.colour,
        "shadow_distance": said.distance,
        "shadow_smoothing": _shadow(said).export_json()["diffuse"] * SMOOTHING,
        "shadow_point": {"x": POINT * said.distance * math.cos(angle), "y": POINT * said.distance * math.sin(angle)},
    }


def _font_entry(key: str, materials: Materials) -> dict[str, Any]:
    meta = meta_of("font", key).value
    own = {"id": new_id(), "effect_id": meta.resource_id, "resource_id": meta.resource_id, "title": meta.name}
    return {**shape(materials.profile, "font"), **own, "path": _FONT_PATH}


def _border(said: Border) -> TextBorder:
    return TextBorder(alpha=said.opacity, color=_rgb(said.colour), width=said.width)


def _shadow(said: Shadow) -> TextShadow:
    return TextShadow(
        alpha=said.opacity,
        color=_rgb(said.colour),
        diffuse=said.diffuse,
        distance=said.distance,
        angle=said.angle_deg,
    )


def _background(said: Background) -> TextBackground:
    return TextBackground(
        color=said.colour,
        style=said.style,
        alpha=said.opacity,
        round_radius=said.round_radius,
        height=said.height,
        width=said.width,
        horizontal_offset=said.horizontal_offset,
        vertical_offset=said.vertical_offset,
    )


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue
