"""How a picture of an export looks: where it lies, what is cut off, its filter, transition, animations and fill."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from tray.draft import spec
from tray.draft.coze_said import Crop, Segment, Transform
from tray.draft.coze_style import colour
from tray.draft.coze_times import short_us
from tray.draft.problems import Notes
from tray.draft.units import Unit
from tray.locale import _

BLUR = 0.0625
"""A blur without a strength is JianYing's first level, pyJianYingDraft's default (video_segment.py,
add_background_filling)."""
_NO_NAME = ("", "none", "null", "无", "没有", "默认", "default")
_FITS: dict[str, Literal["fit", "fill", "stretch"]] = {
    "fit": "fit", "contain": "fit", "fill": "fill", "cover": "fill", "stretch": "stretch",
}  # fmt: skip


# Ten thousand segments have a handful of looks between them, and the spec's values are frozen.
_shared_clip, _shared_filter = lru_cache(4096)(spec.Clip), lru_cache(4096)(spec.Filter)
_shared_transition, _shared_animation = lru_cache(4096)(spec.Transition), lru_cache(4096)(spec.Animation)
_PLAIN = spec.Clip()


class Times(NamedTuple):
    """The unit of a segment's own times, its length, and whether another unit may be guessed."""

    unit: Unit
    whole_us: int | None
    may_guess: bool


def name_said(said: str | None) -> str | None:
    """A name, or None where there is none in particular."""
    name = (said or "").strip()
    return None if name.lower() in _NO_NAME else name


def length_us(said: float | None, what: str, times: Times, place: spec.Place, notes: Notes) -> int | None:
    """A transition's, an animation's or a fade's length; None where none is said."""
    if not said:
        return None
    made_us, unit = short_us(said, times.unit, times.whole_us, times.may_guess)
    if unit != times.unit:
        text = _("{what} was taken for {value:g} {unit}; the segment's own times are {own}")
        notes.warn(place, text.format(what=what, value=said, unit=unit, own=times.unit), f"unit of {what}")
    return made_us or None


def clip(said: Transform | None, canvas: tuple[int, int], place: spec.Place, notes: Notes) -> spec.Clip:
    if not said:
        return _PLAIN
    x, y = said.get("position_x") or 0.0, said.get("position_y") or 0.0
    if max(abs(x), abs(y)) > 5:  # half canvases; nobody places a picture five screens away
        notes.warn(place, _("position {x:g}, {y:g} was taken for pixels").format(x=x, y=y), "pixels")
        x, y = x / (canvas[0] / 2), y / (canvas[1] / 2)
    scale, scale_x, scale_y = said.get("scale"), said.get("scale_x"), said.get("scale_y")
    both = 1.0 if scale is None else scale
    opacity = said.get("opacity")
    return _shared_clip(
        x=x,
        y=y,
        scale_x=both if scale_x is None else scale_x,
        scale_y=both if scale_y is None else scale_y,
        rotation_deg=said.get("rotation") or 0.0,
        opacity=1.0 if opacity is None else opacity,
        flip_horizontal=bool(said.get("flip_horizontal")),
        flip_vertical=bool(said.get("flip_vertical")),
    )


def crop(said: Crop | None) -> spec.Crop | None:
    """None for all of the picture. Raises pydantic's ValidationError where nothing is left of it."""
    if not said or said.get("enabled") is False:
        return None
    left, top, right, bottom = said.get("left"), said.get("top"), said.get("right"), said.get("bottom")
    if not left and not top and right in (None, 1) and bottom in (None, 1):
        return None
    return spec.Crop(
        left=left or 0.0,
        top=top or 0.0,
        right=1.0 if right is None else right,
        bottom=1.0 if bottom is None else bottom,
    )


def transition(said: Segment, times: Times, place: spec.Place, notes: Notes) -> spec.Transition | None:
    effects = said.get("effects") or {}
    name = name_said(effects.get("transition_type"))
    if name is None:
        return None
    duration_us = length_us(effects.get("transition_duration"), "transition_duration", times, place, notes)
    return _shared_transition(name=name, duration_us=duration_us)


def filter_(said: Segment, place: spec.Place, notes: Notes) -> spec.Filter | None:
    effects = said.get("effects") or {}
    name = name_said(effects.get("filter_type"))
    if name is None:
        return None
    intensity = effects.get("filter_intensity")
    if intensity is None:
        intensity = said.get("intensity")
    return _shared_filter(name=name, intensity=share("filter_intensity", intensity, place, notes))


def share(what: str, said: float | None, place: spec.Place, notes: Notes) -> float:
    """A strength from 0 to 1; above, it was meant in percent."""
    if said is None:
        return 1.0
    if said <= 1:
        return said
    notes.warn(place, _("{what} {value:g} was taken for percent").format(what=what, value=said), f"percent of {what}")
    return said / 100


def animations(said: Segment, times: Times, place: spec.Place, notes: Notes) -> dict[str, spec.Animation]:
    """By intro, outro and loop those that are said."""
    group = said.get("animations")
    if not group:
        return {}
    said_ones: tuple[tuple[str, str | None, float | None], ...] = (
        ("intro", group.get("intro"), group.get("intro_duration")),
        ("outro", group.get("outro"), group.get("outro_duration")),
        ("loop", group.get("loop"), group.get("loop_duration")),
    )
    made: dict[str, spec.Animation] = {}
    for kind, said_name, said_length in said_ones:
        name = name_said(said_name)
        if name is not None:
            duration_us = length_us(said_length, f"{kind}_duration", times, place, notes)
            made[kind] = _shared_animation(name=name, duration_us=duration_us)
    return made


def fill(said: Segment, place: spec.Place, notes: Notes) -> spec.Fill | None:
    """What is seen beside the picture; where both are asked for, it is blurred."""
    group = said.get("background")
    if not group:
        return None
    blur, said_colour = group.get("blur"), (group.get("color") or "").strip()
    if blur:
        if said_colour:
            notes.warn(
                place, _("its background is blurred; the colour {colour} is left off").format(colour=said_colour)
            )
        return spec.Fill(blur=BLUR if blur == 1 else share("blur", blur, place, notes))
    if not said_colour:
        return None
    return spec.Fill(colour=colour(said_colour, "#000000", place, notes))


def fit(said: Segment, place: spec.Place, notes: Notes) -> Literal["fit", "fill", "stretch"]:
    mode = ((said.get("background") or {}).get("fit_mode") or "fit").strip().lower()
    found = _FITS.get(mode)
    if found is None:
        notes.warn(place, _("fit_mode “{value}” is not fit, fill or stretch; all of it is shown").format(value=mode))
    return found or "fit"


def canvas(said: str, draft: int, notes: Notes) -> spec.Fill | None:
    """The fill of the whole draft. Black, which every export says, is what JianYing has anyway."""
    if not said:
        return None
    made = colour(said, "#000000", spec.Place(draft=draft), notes)
    return None if made == "#000000" else spec.Fill(colour=made)
