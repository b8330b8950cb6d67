"""Where a picture lies on its canvas, and how that changes: fitting, cropping, keyframes."""

from __future__ import annotations

from collections.abc import Sequence

from tray.draft.arrange import Placed
from tray.draft.probe import Probe
from tray.draft.problems import Notes
from tray.draft.spec import KEYFRAMES_OF, Clip, Crop, DraftSpec, Keyframe, KeyframeProperty, Keyframes, VisualSegment
from tray.locale import _


def crop(said: Crop | None) -> Crop | None:
    """None for one that cuts nothing away."""
    return None if said == Crop() else said


def fitted(segment: VisualSegment, probe: Probe, spec: DraftSpec) -> tuple[Clip, tuple[float, float]]:
    """The segment's clip with `fit` folded into its scale, and the two factors by which that scales.

    JianYing itself scales media to lie wholly within the canvas; that is scale 1.
    """
    factors = (1.0, 1.0)
    if segment.fit != "fit" and probe.width and probe.height:
        shown = segment.crop or Crop()
        across = spec.width / (probe.width * (shown.right - shown.left))
        down = spec.height / (probe.height * (shown.bottom - shown.top))
        within = min(across, down)
        factors = (max(across, down) / within,) * 2 if segment.fit == "fill" else (across / within, down / within)
    clip = segment.clip
    if factors == (1.0, 1.0):
        return clip, factors
    scales = {"scale_x": clip.scale_x * factors[0], "scale_y": clip.scale_y * factors[1]}
    return clip.model_copy(update=scales), factors


def keyframes(
    one: Placed, clip: Clip, notes: Notes, factors: tuple[float, float] = (1.0, 1.0), volume: float = 1.0
) -> Keyframes:
    """The segment's keyframes in time order and within its time; `factors` and `volume` multiply what they scale."""
    said: Keyframes = getattr(one.segment, "keyframes")  # noqa: B009 - the segments that have some share no class
    made: Keyframes = {}
    place, kind = one.segment.place, one.changes.get("kind", one.segment.kind)
    for name, keys in said.items():
        if name not in KEYFRAMES_OF[kind]:
            text = _("keyframes of “{name}” are left off, {kind} segments have none")
            notes.warn(place, text.format(name=name, kind=kind))
        elif keys:
            made[name] = tuple(_within(keys, one, notes))
    if "scale" in made and ("scale_x" in made or "scale_y" in made):
        notes.warn(place, _("keyframes of “scale” can't be together with “scale_x” or “scale_y”; these are left off"))
        made.pop("scale_x", None)
        made.pop("scale_y", None)
    if "scale" in made and (factors[0] != factors[1] or clip.scale_x != clip.scale_y):
        both = made.pop("scale")
        made["scale_x"] = made["scale_y"] = both
    return {name: _times(keys, _factor(name, factors, volume)) for name, keys in made.items()}


def _factor(name: KeyframeProperty, factors: tuple[float, float], volume: float) -> float:
    if name == "volume":
        return volume
    if name in ("scale", "scale_x"):
        return factors[0]
    return factors[1] if name == "scale_y" else 1.0


def _times(keys: Sequence[Keyframe], factor: float) -> tuple[Keyframe, ...]:
    if factor == 1.0:
        return tuple(keys)
    return tuple(key.model_copy(update={"value": key.value * factor}) for key in keys)


def _within(said: Sequence[Keyframe], one: Placed, notes: Notes) -> list[Keyframe]:
    """In time order, one at a time; what lies past the segment's end becomes the value that is reached there."""
    by_time = {key.time_us: key for key in said}
    if len(by_time) < len(said):
        notes.warn(one.segment.place, _("of several keyframes at the same time the last one counts"))
    keys = [by_time[time_us] for time_us in sorted(by_time)]
    inside = [key for key in keys if key.time_us <= one.duration_us]
    if len(inside) == len(keys):
        return keys
    past = keys[len(inside)]
    if not inside:
        notes.warn(one.segment.place, _("its keyframes lie past its end; the first one's value holds throughout"))
        return [past.model_copy(update={"time_us": 0})]
    before = inside[-1]
    if before.time_us < one.duration_us:
        share = (one.duration_us - before.time_us) / (past.time_us - before.time_us)
        value = before.value + (past.value - before.value) * share
        inside.append(Keyframe.model_construct(time_us=one.duration_us, value=value))
    return inside
