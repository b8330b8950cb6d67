"""The text style of the Coze2JianYing export, turned into the program's own."""

from __future__ import annotations

import math
import re
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tray.draft import spec
from tray.locale import _

PIXELS_PER_SIZE = 6
"""Font sizes above 20 are pixels; JianYing's 8 is about 48 px (Coze2JianYing, DraftGenerator/converter.py)."""


class Group(BaseModel):
    """A group of the export: its members, and the group itself, may be null."""

    model_config = ConfigDict(allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


class _Stroke(Group):
    enabled: bool = False
    color: str = "#000000"
    width: float = Field(default=2.0, ge=0)


class _Shadow(Group):
    enabled: bool = False
    color: str = "#000000"
    offset_x: float = 2.0
    offset_y: float = 2.0
    blur: float = Field(default=4.0, ge=0)


class _Background(Group):
    enabled: bool = False
    color: str = "#000000"
    opacity: float = Field(default=1.0, ge=0, le=1)


class Style(Group):
    """As said; lengths in pixels. The groups occur flat too (`stroke_enabled`, `stroke_color`, …)."""

    font_family: str | None = None
    font_size: float | None = Field(default=None, gt=0)
    font_weight: str | int = "normal"
    font_style: str = "normal"
    underline: bool = False
    color: str = "#FFFFFF"
    stroke: _Stroke = _Stroke()
    shadow: _Shadow = _Shadow()
    background: _Background = _Background()

    @model_validator(mode="before")
    @classmethod
    def _grouped(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        grouped = {k: v for k, v in value.items() if v is not None}
        for group in ("stroke", "shadow", "background"):
            flat = {k.removeprefix(f"{group}_"): v for k, v in grouped.items() if k.startswith(f"{group}_")}
            if flat and group not in grouped:
                grouped[group] = flat
        return grouped


def text_style(said: Style, alignment: str, warnings: list[str]) -> spec.TextStyle:
    """The style in this program's own terms; what can't be honoured goes to `warnings`."""
    size = 8.0 if said.font_size is None else said.font_size
    if size > 20:
        size /= PIXELS_PER_SIZE
    em_px = size * PIXELS_PER_SIZE

    def colour(value: str) -> str:
        found = re.fullmatch(r"#?([0-9a-fA-F]{6})([0-9a-fA-F]{2})?", value.strip())
        short = re.fullmatch(r"#?([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])", value.strip())
        if found:
            return f"#{found[1].upper()}"
        if short:
            return "#" + "".join(digit * 2 for digit in short.groups()).upper()
        warnings.append(_("colour “{value}” is not #RRGGBB, white is used").format(value=value))
        return "#FFFFFF"

    border = shadow = background = None
    if said.stroke.enabled:
        # JianYing's 100 is a stroke of a fifth of the letter (pyJianYingDraft, text_segment.py, TextBorder).
        border = spec.Border(colour=colour(said.stroke.color), width=min(100.0, said.stroke.width / em_px / 0.2 * 100))
    if said.shadow.enabled:
        x, y = said.shadow.offset_x, said.shadow.offset_y
        shadow = spec.Shadow(
            colour=colour(said.shadow.color),
            distance=min(100.0, math.hypot(x, y) / em_px * 100),
            angle_deg=math.degrees(math.atan2(-y, x)),
            diffuse=min(100.0, said.shadow.blur / em_px * 100),
        )
    if said.background.enabled:
        background = spec.Background(colour=colour(said.background.color), opacity=said.background.opacity)
    return spec.TextStyle(
        size=size,
        font=said.font_family,
        bold=str(said.font_weight).lower() in ("bold", "bolder", "600", "700", "800", "900"),
        italic=said.font_style.lower() in ("italic", "oblique"),
        underline=said.underline,
        colour=colour(said.color),
        align=_align(alignment, warnings),
        border=border,
        shadow=shadow,
        background=background,
    )


def _align(value: str, warnings: list[str]) -> Literal["left", "center", "right"]:
    if value in ("left", "center", "right"):
        return cast(Literal["left", "center", "right"], value)
    warnings.append(_("alignment “{value}” is not left, center or right; centred").format(value=value))
    return "center"
