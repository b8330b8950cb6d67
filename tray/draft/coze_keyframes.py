"""The keyframes of an export: `{"position": [{"time": 0, "value": {"x": 0, "y": 0}}], "opacity": [...]}`.

Values are numbers, pairs or `{"x", "y"}` (Gardene-el/Coze2JianYing, data_structures/draft_generator_interface); a list
of `{"property", "time_offset", "value"}` occurs too (its app's add_keyframes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast, get_args

from tray.draft import spec
from tray.draft.coze_times import keyframes_us
from tray.draft.problems import Notes, short
from tray.draft.spec import KEYFRAMES_OF, Keyframe, KeyframeProperty, Keyframes
from tray.draft.units import Unit
from tray.locale import _

MOST = 10_000
"""Keyframes of one segment."""
_OTHER_NAMES = {"alpha": "opacity", "uniform_scale": "scale", "x": "position_x", "y": "position_y"}
_PAIRS: dict[str, tuple[KeyframeProperty, KeyframeProperty]] = {
    "position": ("position_x", "position_y"), "scale": ("scale_x", "scale_y"),
}  # fmt: skip
_LIMITS = {"opacity": (0.0, 1.0), "volume": (0.0, 1000.0), "saturation": (-1.0, 1.0), "contrast": (-1.0, 1.0),
           "brightness": (-1.0, 1.0)}  # fmt: skip
_PROPERTIES = frozenset(get_args(KeyframeProperty))


class Said(NamedTuple):
    """One keyframe of one property in the export's own time; `y` None for a single number."""

    time: float
    x: float
    y: float | None


class KeyframeError(ValueError):
    """A keyframe can't be read. `field` says which."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def read(value: Any) -> dict[str, list[Said]]:
    """By property (of the spec, or a pair: position, scale) what `value` says. Raises KeyframeError."""
    if not value:
        return {}
    if isinstance(value, list):
        listed: dict[str, list[Any]] = {}
        for index, one in enumerate(value):
            of = one.get("property") if isinstance(one, dict) else None
            if not isinstance(of, str):
                raise KeyframeError(f"keyframes[{index}].property", _("it is missing"))
            listed.setdefault(of, []).append(one)
        value = listed
    if not isinstance(value, dict):
        raise KeyframeError("keyframes", _("{value} is not an object").format(value=short(value)))
    said: dict[str, list[Said]] = {}
    count = 0
    for name, entries in value.items():
        if not entries:
            continue
        field = f"keyframes.{short(name)}"
        if not isinstance(entries, list):
            raise KeyframeError(field, _("{value} is not a list").format(value=short(entries)))
        count += len(entries)
        if count > MOST:
            raise KeyframeError("keyframes", _("it has {n} keyframes, the most is {most}").format(n=count, most=MOST))
        settled = str(_OTHER_NAMES.get(name, name))
        if settled in _PROPERTIES or settled in _PAIRS:
            said[settled] = [_entry(f"{field}[{index}]", settled, one) for index, one in enumerate(entries)]
        else:
            said[name] = []  # nothing is known of it, which is said where the rest is
    return said


def keyframes(
    said: dict[str, list[Said]], kind: str, place: spec.Place, times: Times, canvas: tuple[int, int], notes: Notes
) -> Keyframes:
    """The keyframes of a segment of `kind`, those that it can have. Every guess goes to `notes`."""
    wanted = {name: entries for name, entries in said.items() if _has(kind, name)}
    if not wanted:
        return {}
    # All of a segment's are in one unit and count from one moment.
    at_us, unit, on_timeline = keyframes_us([one.time for entries in wanted.values() for one in entries], *times)
    _say_times(times, unit, on_timeline, place, notes)
    made: dict[KeyframeProperty, tuple[Keyframe, ...]] = {}
    taken = 0
    for name, entries in wanted.items():
        own_us = at_us[taken : taken + len(entries)]
        taken += len(entries)
        for part, values in _values(name, entries, canvas, place, notes).items():
            by_time = dict(zip(own_us, values, strict=True))  # the last of those said for one moment counts
            made[part] = tuple(Keyframe(time_us=time, value=by_time[time]) for time in sorted(by_time))
    return made


def without_effect(kind: str, said: dict[str, list[Said]]) -> list[str]:
    """The properties that segments of `kind` have no keyframes of, or that nothing is known of."""
    return [f"keyframes.{short(name)}" for name in said if not _has(kind, name)]


def _has(kind: str, name: str) -> bool:
    return KEYFRAMES_OF[kind].issuperset(_PAIRS.get(name, (name,)))


class Times(NamedTuple):
    """What is known of the segment's own times: as keyframes_us takes it."""

    unit: Unit
    start_us: int | None
    whole_us: int | None
    may_guess: bool


def _say_times(times: Times, unit: Unit, on_timeline: bool, place: spec.Place, notes: Notes) -> None:
    if unit != times.unit:
        text = _("the times of its keyframes were taken for {unit}, its own are {own}")
        notes.warn(place, text.format(unit=unit, own=times.unit), "keyframe unit")
    elif times.start_us and on_timeline:
        notes.warn(place, _("the times of its keyframes were taken for times on the timeline"), "keyframe times")
    elif times.start_us:
        notes.warn(place, _("the times of its keyframes were taken to count from its start"), "keyframe times")


def _values(
    name: str, entries: Sequence[Said], canvas: tuple[int, int], place: spec.Place, notes: Notes
) -> dict[KeyframeProperty, list[float]]:
    """By property of the spec the values in its own unit."""
    xs = [one.x for one in entries]
    if name not in _PAIRS:
        values = {cast(KeyframeProperty, name): xs}
    else:
        ys = [one.x if one.y is None else one.y for one in entries]
        values = {"scale": xs} if name == "scale" and xs == ys else dict(zip(_PAIRS[name], (xs, ys), strict=True))
    if name.startswith("position") and any(abs(value) > 5 for each in values.values() for value in each):
        notes.warn(place, _("the positions of its keyframes were taken for pixels"), "keyframe pixels")
        return {part: [one / (canvas[part == "position_y"] / 2) for one in each] for part, each in values.items()}
    if name == "volume" and max(xs) > spec.LOUDEST:
        notes.warn(place, _("the volumes of its keyframes were taken for percent"), "keyframe percent")
        return {"volume": [one / 100 for one in xs]}
    return values


def _entry(field: str, name: str, entry: Any) -> Said:
    if not isinstance(entry, dict):
        raise KeyframeError(field, _("{value} is not an object").format(value=short(entry)))
    time = entry.get("time")
    if time is None:
        time = entry.get("time_offset")
    if time is None:
        raise KeyframeError(f"{field}.time", _("it is missing"))
    at = _number(f"{field}.time", time, 0.0, 1e15)
    value = entry.get("value")
    if isinstance(value, dict):
        value = [value.get("x"), value.get("y")]
    where = f"{field}.value"
    least, most = _LIMITS.get(name, (-1e6, 1e6))
    if isinstance(value, list) and name in _PAIRS and len(value) == 2:
        return Said(at, _number(where, value[0], least, most), _number(where, value[1], least, most))
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if name == "position":
        raise KeyframeError(where, _("{value} is no position; it is written {example}").format(
            value=short(entry.get("value")), example='{"x": 0.5, "y": 0}'))  # fmt: skip
    return Said(at, _number(where, value, least, most), None)


def _number(field: str, value: Any, least: float, most: float) -> float:
    if type(value) is float and least <= value <= most:
        return value
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isnan(number):
        raise KeyframeError(field, _("{value} is not a number").format(value=short(value)))
    if number < least:
        raise KeyframeError(field, _("{value} is too little, the least is {ge}").format(value=short(value), ge=least))
    if number > most:
        raise KeyframeError(field, _("{value} is too much, the most is {le}").format(value=short(value), le=most))
    return number
