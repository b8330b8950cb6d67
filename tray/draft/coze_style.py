"""The text style of the Coze2JianYing export, turned into the program's own."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Literal

from tray.draft import spec
from tray.draft.coze_said import Style
from tray.draft.problems import Notes
from tray.locale import _

PIXELS_PER_SIZE = 6
"""Font sizes above 20 are pixels; JianYing's 8 is about 48 px (Coze2JianYing, DraftGenerator/converter.py)."""

# Ten thousand captions have a handful of styles between them, and the spec's values are frozen.
_shared_style, _shared_border = lru_cache(1024)(spec.TextStyle), lru_cache(1024)(spec.Border)
_shared_shadow, _shared_background = lru_cache(1024)(spec.Shadow), lru_cache(1024)(spec.Background)

_ALIGNMENTS: dict[str, Literal["left", "center", "right"]] = {
    "left": "left", "start": "left", "0": "left", "左": "left", "左对齐": "left", "居左": "left",
    "center": "center", "centre": "center", "middle": "center", "1": "center", "中": "center", "居中": "center",
    "居中对齐": "center",
    "right": "right", "end": "right", "2": "right", "右": "right", "右对齐": "right", "居右": "right",
}  # fmt: skip
"""The numbers are JianYing's own (pyJianYingDraft, text_segment.py, TextStyle.align)."""
_BOLD = ("bold", "bolder", "600", "700", "800", "900", "粗体", "加粗")
_ITALIC = ("italic", "oblique", "斜体")
_NO_FONT = ("", "默认", "默认字体", "default", "system")
"""The plugin writes 默认 for no font in particular."""


def text_style(said: Style, alignment: str | None, opacity: float, place: spec.Place, notes: Notes) -> spec.TextStyle:
    """The style in this program's own terms; what can't be honoured, and every guess, goes to `notes`."""
    size = said.get("font_size") or 8.0
    if size > 20:
        text = _("the font size {size:g} was taken for pixels ({own:.3g} in JianYing's scale)")
        notes.warn(place, text.format(size=size, own=size / PIXELS_PER_SIZE), "font pixels")
        size /= PIXELS_PER_SIZE
    font = (said.get("font_family") or "").strip()
    colour_said = said.get("color")
    return _shared_style(
        size=size,
        font=None if font.lower() in _NO_FONT else font,
        bold=(said.get("font_weight") or "").strip().lower() in _BOLD,
        italic=(said.get("font_style") or "").strip().lower() in _ITALIC,
        underline=bool(said.get("underline")),
        colour=colour(colour_said, "#FFFFFF", place, notes) if colour_said else "#FFFFFF",
        opacity=opacity,
        align=_align(alignment or said.get("alignment"), place, notes),
        letter_spacing=said.get("letter_spacing") or 0.0,
        line_spacing=said.get("line_spacing") or 0.0,
        border=_border(said, size * PIXELS_PER_SIZE, place, notes),
        shadow=_shadow(said, size * PIXELS_PER_SIZE, place, notes),
        background=_background(said, place, notes),
    )


def colour(said: str, instead: str, place: spec.Place, notes: Notes) -> str:
    """`said` as #RRGGBB; where it is no colour, `instead`, with a note. How transparent it is doesn't count."""
    text = said.strip()
    if found := re.fullmatch(r"(?:#|0x)?([0-9a-fA-F]{6})(?:[0-9a-fA-F]{2})?", text):
        return f"#{found[1].upper()}"
    if found := re.fullmatch(r"#?([0-9a-fA-F]{3})", text):
        return "#" + "".join(digit * 2 for digit in found[1]).upper()
    if found := re.fullmatch(r"rgba? *\( *([0-9]{1,3}) *, *([0-9]{1,3}) *, *([0-9]{1,3}) *(?:, *[0-9.%]+ *)?\)", text):
        return "#" + "".join(f"{min(255, int(part)):02X}" for part in found.groups())
    template = _("“{value}” is no colour like #RRGGBB, {instead} is used")
    notes.warn(place, template.format(value=said, instead=instead))
    return instead


def _border(said: Style, em_px: float, place: spec.Place, notes: Notes) -> spec.Border | None:
    stroke = said.get("stroke")
    if not stroke or not _is_wanted(stroke.get("enabled"), stroke.get("color"), stroke.get("width")):
        return None
    width = stroke.get("width")
    # JianYing's 100 is a stroke of a fifth of the letter (pyJianYingDraft, text_segment.py, TextBorder).
    return _shared_border(
        colour=colour(stroke.get("color") or "#000000", "#000000", place, notes),
        width=min(100.0, (2.0 if width is None else width) / em_px / 0.2 * 100),
    )


def _shadow(said: Style, em_px: float, place: spec.Place, notes: Notes) -> spec.Shadow | None:
    shadow = said.get("shadow")
    if not shadow or not _is_wanted(
        shadow.get("enabled"), shadow.get("color"), shadow.get("blur"), shadow.get("offset_x"), shadow.get("offset_y")
    ):
        return None
    x, y, blur = shadow.get("offset_x"), shadow.get("offset_y"), shadow.get("blur")
    x, y = 2.0 if x is None else x, 2.0 if y is None else y
    return _shared_shadow(
        colour=colour(shadow.get("color") or "#000000", "#000000", place, notes),
        distance=min(100.0, math.hypot(x, y) / em_px * 100),
        angle_deg=math.degrees(math.atan2(-y, x)) if x or y else 0.0,
        diffuse=min(100.0, (4.0 if blur is None else blur) / em_px * 100),
    )


def _background(said: Style, place: spec.Place, notes: Notes) -> spec.Background | None:
    box = said.get("background")
    if not box or not _is_wanted(box.get("enabled"), box.get("color"), box.get("opacity")):
        return None
    opacity = box.get("opacity")
    return _shared_background(
        colour=colour(box.get("color") or "#000000", "#000000", place, notes),
        opacity=0.5 if opacity is None else opacity,
    )


def _is_wanted(enabled: bool | None, *members: object) -> bool:
    """A group that does not say whether it is enabled is wanted where it says anything else."""
    return enabled if enabled is not None else any(members)


def _align(said: str | None, place: spec.Place, notes: Notes) -> Literal["left", "center", "right"]:
    if not said or said == "center":
        return "center"
    found = _ALIGNMENTS.get(said.strip().lower())
    if found is None:
        notes.warn(place, _("the alignment “{value}” is not left, center or right; it is centred").format(value=said))
    return found or "center"
