"""Settles how a segment looks and sounds: names by the catalogue, what fits into its time, what its canvas makes of it.

A cosmetic name that JianYing doesn't have is left off with a warning that lists near ones; with `strict` it is a
problem. Another effect is never taken in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tray.draft import motion, names
from tray.draft.arrange import Placed
from tray.draft.folders import Profile
from tray.draft.names import Entry
from tray.draft.problems import Notes
from tray.draft.spec import (
    LOUDEST,
    Animation,
    AudioSegment,
    Clip,
    DraftSpec,
    Effect,
    EffectSegment,
    Fill,
    Filter,
    FilterSegment,
    Mask,
    Place,
    StyledRange,
    TextSegment,
    TextStyle,
    Track,
    Transition,
    VisualSegment,
)
from tray.locale import _

T = TypeVar("T")
TRANSITION_US = 500_000
"""For a transition whose own length is not known."""
RECTANGLE = "矩形"
"""The mask that has a width and round corners of its own (pyJianYingDraft, video_segment.py, add_mask)."""
_RANGED = tuple(StyledRange.model_fields.keys() - {"start", "end"})
"""What a range of a text can say otherwise than the whole."""
_NOTHING = frozenset(("", "无", "none", "null"))
"""What flows write for no effect at all."""
_EFFECTS: tuple[names.Kind, ...] = ("scene", "character")
_AUDIO_EFFECTS: tuple[names.Kind, ...] = ("audio_scene", "tone", "speech_to_song")


@dataclass(frozen=True)
class Neighbourhood:
    """Where a segment lies. `next_us`: the length of the segment that begins where this one ends, None for none."""

    spec: DraftSpec
    track: Track
    is_main: bool
    next_us: int | None


class Looks:
    """Settles one segment after the other; what it finds goes to `notes`."""

    def __init__(self, notes: Notes, profile: Profile, *, strict: bool) -> None:
        self._notes, self._profile, self._strict = notes, profile, strict
        self._said_fonts: set[str] = set()

    def settle(self, one: Placed, around: Neighbourhood) -> None:
        """Put into `one.changes` what of the segment is to be otherwise than said."""
        segment = one.segment
        if isinstance(segment, VisualSegment):
            self._visual(one, segment, around)
        elif isinstance(segment, AudioSegment):
            self._audio(one, segment, around)
        elif isinstance(segment, TextSegment):
            self._text(one, segment)
        elif isinstance(segment, EffectSegment):
            found = self._effects((segment.effect,), _EFFECTS, segment.place, "effect.name")
            self._whole(one, "effect", found, segment.effect.name)
        elif isinstance(segment, FilterSegment):
            found_filters = self._filters((segment.filter,), segment.place, "filter.name")
            self._whole(one, "filter", found_filters, segment.filter.name)
        if getattr(segment, "keyframes", None) and "keyframes" not in one.changes:
            one.changes["keyframes"] = motion.keyframes(one, getattr(segment, "clip", Clip()), self._notes)

    def _whole(self, one: Placed, field: str, found: tuple[object, ...], said: str) -> None:
        """A segment that is nothing but its effect or filter."""
        one.changes = {field: found[0]} if found else {}
        one.is_left_off = not found
        if _is_nothing(said):
            self._notes.warn(one.segment.place, _("it is left off: it names no effect"))

    def _visual(self, one: Placed, segment: VisualSegment, around: Neighbourhood) -> None:
        place, probe, changes = segment.place, one.probe, one.changes
        assert probe is not None  # noqa: S101 - arrange leaves out what has no media
        changes["kind"] = "image" if probe.kind == "image" else "video"
        if probe.kind == "image":
            changes |= {"volume": 1.0, "fade_in_us": 0, "fade_out_us": 0, "reverse": False, "change_pitch": False}
        else:
            self._sound(one, segment, around)
            if segment.reverse:
                self._notes.warn(
                    place,
                    _("it is marked to play backwards, which JianYing itself does; if it plays forwards there, choose "
                      "倒放 once"),
                )  # fmt: skip
        clip, factors = motion.fitted(segment, probe, around.spec)
        changes |= {"clip": clip, "fit": "fit", "crop": motion.crop(segment.crop)}
        if segment.keyframes:
            changes["keyframes"] = motion.keyframes(one, clip, self._notes, factors, around.track.volume)
        changes["filters"] = self._filters(segment.filters, place, "filters")
        changes["effects"] = self._effects(segment.effects, _EFFECTS, place, "effects")
        changes["mask"] = self._mask(segment.mask, place)
        changes["mix_mode"] = self._key("mix_mode", segment.mix_mode, place, "mix_mode")
        changes["fill"] = self._fill(segment.fill, around, place)
        changes["transition"] = self._transition(one, segment.transition, around, place)
        group = segment.group
        if group and (segment.intro or segment.outro):
            self._notes.warn(place, _("the group animation {name} is left off: it can't be together with an intro or outro").format(name=group.name))  # fmt: skip  # noqa: E501
            group = None
        changes["group"] = self._animation("video_group", group, one.duration_us, place)
        intro = self._animation("video_intro", segment.intro, one.duration_us, place)
        outro = self._animation("video_outro", segment.outro, one.duration_us, place)
        changes["intro"], changes["outro"] = self._both(intro, outro, one.duration_us, place)

    def _audio(self, one: Placed, segment: AudioSegment, around: Neighbourhood) -> None:
        self._sound(one, segment, around)
        if segment.reverse:
            self._notes.warn(segment.place, _("JianYing can't play a sound backwards; it plays forwards"))
            one.changes["reverse"] = False
        kept: dict[str | None, Effect] = {}
        for effect in self._effects(segment.effects, _AUDIO_EFFECTS, segment.place, "effects"):
            if effect.kind in kept:
                self._notes.warn(segment.place, _("the sound effect {name} is left off: a sound has one of each kind").format(name=effect.name))  # fmt: skip  # noqa: E501
            else:
                kept[effect.kind] = effect
        one.changes["effects"] = tuple(kept.values())
        if segment.keyframes:
            one.changes["keyframes"] = motion.keyframes(one, Clip(), self._notes, volume=around.track.volume)

    def _text(self, one: Placed, segment: TextSegment) -> None:
        place, changes = segment.place, one.changes
        font = self._font(segment.style.font, place)
        style = segment.style if font == segment.style.font else segment.style.model_copy(update={"font": font})
        changes["style"] = style
        if segment.ranges:
            changes["ranges"] = self._ranges(segment, style)
        if segment.intro or segment.outro:
            intro = self._animation("text_intro", segment.intro, one.duration_us, place)
            outro = self._animation("text_outro", segment.outro, one.duration_us, place)
            changes["intro"], changes["outro"] = self._both(intro, outro, one.duration_us, place)
        if segment.loop:
            taken_us = sum(a.duration_us or 0 for a in (changes.get("intro"), changes.get("outro")) if a)
            changes["loop"] = self._loop(segment.loop, one.duration_us - taken_us, place)

    def _sound(self, one: Placed, segment: VisualSegment | AudioSegment, around: Neighbourhood) -> None:
        volume = segment.volume * around.track.volume
        if volume > LOUDEST:
            text = _("the volume {value:g} is more than JianYing's loudest, {most:g}, which is taken")
            self._notes.warn(segment.place, text.format(value=volume, most=LOUDEST), "loudest")
        one.changes["volume"] = min(volume, LOUDEST)
        fade_in_us, fade_out_us = segment.fade_in_us, segment.fade_out_us
        if fade_in_us + fade_out_us > one.duration_us:
            share = one.duration_us / (fade_in_us + fade_out_us)
            fade_in_us, fade_out_us = int(fade_in_us * share), int(fade_out_us * share)
            self._notes.warn(segment.place, _("its fades are longer than itself; they are shortened"))
        one.changes |= {"fade_in_us": fade_in_us, "fade_out_us": fade_out_us}

    def _entry(self, kinds: Iterable[names.Kind], said: str, place: Place, at: str) -> Entry | None:
        """The entry that `said` names in the first of `kinds` that has it; None, and said so, where none has."""
        kinds = tuple(kinds)
        if _is_nothing(said):
            return None
        if self._profile == "capcut":
            text = _("the {what} “{name}” is left off: this program knows JianYing's alone, and CapCut has others")
            if self._strict:
                text = _(
                    "the {what} “{name}” can't be used: this program knows JianYing's alone, and CapCut has others"
                )
            self._miss(place, text.format(what=names.what(kinds[0]), name=said), at)
            return None
        for kind in kinds:
            if (entry := names.find(kind, said)) is not None:
                return entry
        near = names.five_near(kinds, said)
        text = _("the {what} “{name}” is not one of JianYing's and is left off; near names: {near}")
        if self._strict:
            text = _("the {what} “{name}” is not one of JianYing's; near names: {near}")
        self._miss(place, text.format(what=names.what(kinds[0]), name=said, near=_(", ").join(near)), at)
        return None

    def _miss(self, place: Place, text: str, at: str) -> None:
        if self._strict:
            self._notes.fail(place, text, at)
        else:
            self._notes.warn(place, text)

    def _key(self, kind: names.Kind, said: str | None, place: Place, at: str) -> str | None:
        entry = self._entry((kind,), said, place, at) if said else None
        return entry.key if entry else None

    def _font(self, said: str | None, place: Place) -> str | None:
        """The font's key. One that is missing is said once, not at every caption."""
        if said is None or said in self._said_fonts:
            return None
        entry = self._entry(("font",), said, place, "style.font")
        if entry is None:
            self._said_fonts.add(said)
            return None
        return entry.key

    def _filters(self, said: tuple[Filter, ...], place: Place, at: str) -> tuple[Filter, ...]:
        found = ((one, self._key("filter", one.name, place, at)) for one in said)
        return tuple(one.model_copy(update={"name": key}) for one, key in found if key)

    def _effects(
        self, said: tuple[Effect, ...], kinds: tuple[names.Kind, ...], place: Place, at: str
    ) -> tuple[Effect, ...]:  # fmt: skip
        made = []
        for effect in said:
            wanted: tuple[names.Kind, ...] = kinds
            if effect.kind is not None:
                wanted = tuple(kind for kind in kinds if kind == effect.kind)
                if not wanted:
                    text = _(
                        "the effect {name} has no place here: a segment of this kind has no effects of kind {kind}"
                    )
                    self._miss(place, text.format(name=effect.name, kind=effect.kind), at)
                    continue
            entry = self._entry(wanted, effect.name, place, at)
            if entry is None:
                continue
            params = effect.params
            if len(params) > len(entry.params):
                text = _("the effect {name} has {n} parameters; the {more} further ones are ignored")
                n = len(entry.params)
                self._notes.warn(place, text.format(name=entry.title, n=n, more=len(params) - n))
                params = params[:n]
            # A parameter that is left out is its default, whether it is said as None or not at all.
            while params and params[-1] is None:
                params = params[:-1]
            made.append(effect.model_copy(update={"name": entry.key, "kind": entry.kind, "params": params}))
        return tuple(made)

    def _mask(self, said: Mask | None, place: Place) -> Mask | None:
        key = self._key("mask", said.name, place, "mask.name") if said else None
        if said is None or key is None:
            return None
        changes: dict[str, Any] = {"name": key, "width": said.width or said.size}
        if key != RECTANGLE:
            if said.width is not None or said.round_corner:
                self._notes.warn(place, _("only a rectangular mask has a width and round corners; they are ignored"))
            changes |= {"width": None, "round_corner": 0.0}
        return said.model_copy(update=changes)

    def _fill(self, said: Fill | None, around: Neighbourhood, place: Place) -> Fill | None:
        if around.is_main:
            return said or around.spec.background
        if said is not None:
            self._notes.warn(place, _("its background fill is left off: JianYing fills beside the main track alone"))
        return None

    def _transition(
        self, one: Placed, said: Transition | None, around: Neighbourhood, place: Place
    ) -> Transition | None:  # fmt: skip
        if said is None:
            return None
        entry = self._entry(("transition",), said.name, place, "transition.name")
        if entry is None:
            return None
        if around.next_us is None:
            text = _("the transition {name} is left off: no segment begins where this one ends")
            self._notes.warn(place, text.format(name=entry.title))
            return None
        duration_us = said.duration_us or entry.default_us or TRANSITION_US
        most_us = min(one.duration_us, around.next_us)
        if duration_us > most_us:
            text = _("the transition {name} is longer than the segments beside it; it takes {now:.2f} s")
            self._notes.warn(place, text.format(name=entry.title, now=most_us / 1e6), f"{entry.key} is longer")
            duration_us = most_us
        return Transition.model_construct(name=entry.key, duration_us=duration_us)

    def _animation(
        self, kind: names.Kind, said: Animation | None, segment_us: int, place: Place
    ) -> Animation | None:  # fmt: skip
        entry = self._entry((kind,), said.name, place, kind.partition("_")[2]) if said else None
        if said is None or entry is None:
            return None
        usual_us = segment_us if kind == "video_group" else entry.default_us or segment_us
        duration_us = said.duration_us or usual_us
        if said.duration_us and said.duration_us > segment_us:
            text = _("the animation {name} is longer than the segment; it takes {now:.2f} s")
            self._notes.warn(place, text.format(name=entry.title, now=segment_us / 1e6), f"{entry.key} is longer")
        return Animation.model_construct(name=entry.key, duration_us=min(duration_us, segment_us))

    def _both(
        self, intro: Animation | None, outro: Animation | None, segment_us: int, place: Place
    ) -> tuple[Animation | None, Animation | None]:
        """Intro and outro, shortened in proportion where they don't fit one after the other."""
        if not intro or not outro or not intro.duration_us or not outro.duration_us:
            return intro, outro
        both_us = intro.duration_us + outro.duration_us
        if both_us <= segment_us:
            return intro, outro
        if segment_us < 2:
            return intro, None
        self._notes.warn(place, _("its intro and outro are longer than itself; they are shortened"))
        intro_us = min(max(1, intro.duration_us * segment_us // both_us), segment_us - 1)
        return (
            intro.model_copy(update={"duration_us": intro_us}),
            outro.model_copy(update={"duration_us": segment_us - intro_us}),
        )

    def _loop(self, said: Animation, room_us: int, place: Place) -> Animation | None:
        """A loop fills what intro and outro leave."""
        entry = self._entry(("text_loop",), said.name, place, "loop")
        if entry is None:
            return None
        if room_us <= 0:
            self._notes.warn(place, _("the loop animation {name} is left off: intro and outro leave no time").format(
                name=entry.title))  # fmt: skip
            return None
        if said.duration_us not in (None, room_us):
            text = _("the duration of the loop animation {name} is left off: it fills what intro and outro leave")
            self._notes.warn(place, text.format(name=entry.title))
        return Animation.model_construct(name=entry.key, duration_us=room_us)

    def _ranges(self, segment: TextSegment, style: TextStyle) -> tuple[StyledRange, ...]:
        """The ranges in order, none over another (the later one said wins), saying only what differs from `style`."""
        length = len(segment.text)
        if any(one.end > length for one in segment.ranges):
            self._notes.warn(segment.place, _("a styled range reaches past the end of the text; it is cut"))
        looks: list[dict[str, Any]] = [{} for _character in range(length)]
        for name in _RANGED:
            said = [(one.start, one.end, value) for one in segment.ranges if (value := getattr(one, name)) is not None]
            if name == "font":
                keys = {font: self._font(font, segment.place) for _start, _end, font in said}
                said = [(start, end, keys[font]) for start, end, font in said if keys[font]]
            for index, value in _last_said(said, length):
                looks[index][name] = value
        ranges: list[StyledRange] = []
        start = 0
        for index in range(1, length + 1):
            if index < length and looks[index] == looks[start]:
                continue
            differs = {key: value for key, value in looks[start].items() if value != getattr(style, key)}
            if differs:
                ranges.append(StyledRange(start=start, end=index, **differs))
            start = index
        return tuple(ranges)


def _is_nothing(name: str) -> bool:
    return name.strip().lower() in _NOTHING


def _last_said(said: Sequence[tuple[int, int, T]], length: int) -> Iterator[tuple[int, T]]:
    """For each character that one of `said` (start, end, value) covers, the value of the last one that does. It looks
    at each character once, however many cover it."""
    free = list(range(length + 1))
    """By character itself, or one after it that is nearer to the next without a value."""
    for start, end, value in reversed(said):
        at = min(start, length)
        while True:
            while free[at] != at:
                free[at] = free[free[at]]
                at = free[at]
            if at >= min(end, length):
                break
            yield at, value
            free[at] = at + 1
