"""The catalogue: what JianYing calls its filters, effects, transitions, animations, fonts, masks and sounds.

It is pyJianYingDraft's metadata (pyJianYingDraft/metadata), read when a kind is first asked for. People and bots write
a name in many ways; `find` takes those that can mean one entry only, and never gives another look for a name it does
not know. What else flows write, and which entry it means beyond doubt, is listed in `data/synonyms.json` by kind and
key.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args

from tray.locale import _

Kind = Literal[
    "filter", "scene", "character", "transition", "video_intro", "video_outro", "video_group", "text_intro",
    "text_outro", "text_loop", "font", "mask", "mix_mode", "audio_scene", "tone", "speech_to_song",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

_ENUMS: Mapping[Kind, str] = {
    "filter": "FilterType",
    "scene": "VideoSceneEffectType",
    "character": "VideoCharacterEffectType",
    "transition": "TransitionType",
    "video_intro": "IntroType",
    "video_outro": "OutroType",
    "video_group": "GroupAnimationType",
    "text_intro": "TextIntro",
    "text_outro": "TextOutro",
    "text_loop": "TextLoopAnim",
    "font": "FontType",
    "mask": "MaskType",
    "mix_mode": "MixModeType",
    "audio_scene": "AudioSceneEffectType",
    "tone": "ToneEffectType",
    "speech_to_song": "SpeechToSongType",
}
GROUPS: Mapping[str, tuple[Kind, ...]] = {
    "filter": ("filter",),
    "effect": ("scene", "character"),
    "scene-effect": ("scene",),
    "character-effect": ("character",),
    "transition": ("transition",),
    "animation": ("video_intro", "video_outro", "video_group", "text_intro", "text_outro", "text_loop"),
    "video-intro": ("video_intro",),
    "video-outro": ("video_outro",),
    "video-group": ("video_group",),
    "text-intro": ("text_intro",),
    "text-outro": ("text_outro",),
    "text-loop": ("text_loop",),
    "font": ("font",),
    "mask": ("mask",),
    "mix-mode": ("mix_mode",),
    "audio-scene": ("audio_scene",),
    "tone": ("tone",),
    "speech-to-song": ("speech_to_song",),
}
"""What the kinds are called on the command line, one by one and together."""

_FEW = 20
"""Masks, mix modes, sing-along styles: one of them is meant, whatever was said."""
_LONGEST = 100
"""More characters are no name; the longest entry has 25."""


@dataclass(frozen=True)
class Param:
    """A parameter of an effect. A draft holds `low` to `high`, people say 0 to 100; `default` is said, too."""

    name: str
    default: float
    low: float
    high: float


@dataclass(frozen=True)
class Entry:
    """One thing of the catalogue. `key` is the enum's member name, unique in its kind; `title` what JianYing shows.

    `default_us`: an animation's or a transition's own duration, None for what has none.
    """

    kind: Kind
    key: str
    title: str
    is_vip: bool
    resource_id: str
    effect_id: str
    member: Any = field(repr=False)
    default_us: int | None = None
    params: tuple[Param, ...] = ()


def find(kind: Kind, said: str) -> Entry | None:
    """The entry that `said` means beyond doubt, else None. In this order: its key or title to the letter; the same but
    for case, width, spaces and punctuation; a listed synonym; the same but for a word like “filter” at its end and for
    how its number is written (叠化 2, 叠化Ⅱ). Where two are left it is the one that needs no VIP, then the first."""
    if len(said) > _LONGEST:
        return None
    catalogue = _catalogue(kind)
    return catalogue.exact.get(said) or catalogue.alike.get(normal(said)) or catalogue.loose.get(_loose(kind, said))


def near(kind: Kind, said: str, n: int = 5) -> list[str]:
    """Up to `n` names that look like `said`, best first: those that hold it or that it holds, then those that share
    enough of its characters, the free ones before those that need VIP; of a kind that has but a few names, all of
    these count as near. Each is a name that `find` finds."""
    catalogue = _catalogue(kind)
    wanted = normal(said[:_LONGEST])
    grams = _grams(wanted)
    score = Counter(i for gram in grams for i in catalogue.by_gram.get(gram, ()))
    best: dict[str, tuple[float, int]] = {}
    for i, shared in score.items():
        name, entry, size = catalogue.said[i]
        alike = 2 * shared / (len(grams) + size)
        if alike < 0.2:
            continue
        rank = (alike + (name in wanted or wanted in name) - 0.01 * entry.is_vip, -i)
        best[entry.key] = max(rank, best.get(entry.key, rank))
    keys = sorted(best, key=lambda key: best[key], reverse=True)
    if len(catalogue.entries) <= _FEW:
        keys += [entry.key for entry in catalogue.entries if entry.key not in best]
    return [catalogue.name_of(catalogue.exact[key]) for key in keys[:n]]


@lru_cache(1024)  # ten thousand segments have a handful of names between them
def five_near(kinds: tuple[Kind, ...], said: str) -> list[str]:
    """Five names that look like `said`; where fewer do, what JianYing lists first shows what names are like."""
    alike = [name for kind in kinds for name in near(kind, said)]
    first = [entry.title for entry in search(kinds[0])[:5]]
    return list(dict.fromkeys([*alike, *first]))[:5]


def what(kind: Kind) -> str:
    """What an entry of this kind is called in a sentence."""
    return {
        "filter": _("filter"),
        "scene": _("effect"),
        "character": _("effect"),
        "transition": _("transition"),
        "video_intro": _("intro animation"),
        "video_outro": _("outro animation"),
        "video_group": _("group animation"),
        "text_intro": _("intro animation"),
        "text_outro": _("outro animation"),
        "text_loop": _("loop animation"),
        "font": _("font"),
        "mask": _("mask"),
        "mix_mode": _("mix mode"),
        "audio_scene": _("sound effect"),
        "tone": _("sound effect"),
        "speech_to_song": _("sound effect"),
    }[kind]


def by_resource(kind: Kind, resource_id: str) -> Entry | None:
    """The entry a draft made in JianYing means by this resource id."""
    return _catalogue(kind).by_resource.get(resource_id)


def search(kind: Kind, query: str = "") -> list[Entry]:
    """The entries whose names hold every word of `query`, the one that `find` finds first; all for none. In JianYing's
    order, which has what is free before what needs VIP."""
    words = [word for word in map(normal, query[:_LONGEST].split()) if word]
    entries = _catalogue(kind).entries
    if not words:
        return [] if query.strip() else list(entries)
    meant = find(kind, query)
    held = [
        entry for entry in entries
        if entry is not meant and all(word in normal(entry.key) or word in normal(entry.title) for word in words)
    ]  # fmt: skip
    return [meant, *held] if meant else held


def normal(name: str) -> str:
    """`name` without what people leave out or write differently: case, width, spaces, punctuation."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(c for c in text if unicodedata.category(c)[0] not in "PZC")


# What may follow a name without being part of it.
_SUFFIXES: Mapping[str, str] = {
    "filter": "滤镜|效果|filter",
    "scene": "特效|效果|effect",
    "character": "特效|效果|effect",
    "transition": "转场|转场效果|过渡|过渡效果|效果|transition|effect",
    "font": "字体|font",
    "mask": "蒙版|遮罩|mask",
    "mix_mode": "模式|混合|混合模式|mode|blend|blendmode|blendingmode",
    "audio_scene": "音效|效果|effect",
    "tone": "音色|声音|变声|voice",
    "": "动画|入场|出场|入场动画|出场动画|动画效果|效果|animation|effect",
}
_NUMBERS = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "ll": "2", "iiii": "4"}
_NUMBER = re.compile(r"(?:(?<=[^\W\da-z_])|(?<=\w)[\W_]+)(i{1,4}|iv|vi?|ll)$")
"""A Roman number (JianYing's own typing slips with them) that no Latin letter stands before."""


@cache
def _suffix(kind: Kind) -> re.Pattern[str]:
    return re.compile(rf"(?<=.)[\s_-]*(?:{_SUFFIXES.get(kind, _SUFFIXES[''])})$")


def _loose(kind: Kind, name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    text = _suffix(kind).sub("", text)
    return normal(_NUMBER.sub(lambda found: _NUMBERS[found[1]], text))


@dataclass
class _Catalogue:
    """One kind's entries and the ways to them. `said` holds every normal name with its entry and number of grams."""

    entries: list[Entry]
    exact: dict[str, Entry] = field(default_factory=dict)
    alike: dict[str, Entry] = field(default_factory=dict)
    loose: dict[str, Entry] = field(default_factory=dict)
    by_resource: dict[str, Entry] = field(default_factory=dict)
    said: list[tuple[str, Entry, int]] = field(default_factory=list)
    by_gram: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def name_of(self, entry: Entry) -> str:
        """Its title, or where another entry has that, its key."""
        return entry.title if self.exact[entry.title] is entry else entry.key


@cache
def _catalogue(kind: Kind) -> _Catalogue:
    members = getattr(import_module("pyJianYingDraft.metadata"), _ENUMS[kind])
    entries = [_entry(kind, member) for member in members]
    made = _Catalogue(entries)
    free_first = sorted(entries, key=lambda entry: entry.is_vip)
    by_key = {entry.key: entry for entry in entries}
    synonyms = [(word, by_key[key]) for key, words in _synonyms().get(kind, {}).items() for word in words]
    names = [(entry.key, entry) for entry in free_first] + [(entry.title, entry) for entry in free_first]
    made.exact = _first(names, str)
    made.alike = _first([*names, *synonyms], normal)
    made.loose = _only([*names, *synonyms], lambda name: _loose(kind, name))
    if kind == "font":  # a family's name means its regular cut
        families = [(name[: -len("regular")], entry) for name, entry in made.alike.items() if name.endswith("regular")]
        made.alike = _first([*made.alike.items(), *families], str)
    made.by_resource = _first([(entry.resource_id, entry) for entry in free_first], str)
    made.said = [(name, entry, len(_grams(name))) for name, entry in made.alike.items()]
    for i, (name, _entry_of, _size) in enumerate(made.said):
        for gram in _grams(name):
            made.by_gram[gram].append(i)
    return made


def _first(names: Iterable[tuple[str, Entry]], of: Callable[[str], str]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for name, entry in names:
        found.setdefault(of(name), entry)
    found.pop("", None)
    return found


def _only(names: Iterable[tuple[str, Entry]], of: Callable[[str], str]) -> dict[str, Entry]:
    """Without the names that two entries share."""
    found: dict[str, dict[str, Entry]] = defaultdict(dict)
    for name, entry in names:
        found[of(name)][entry.key] = entry
    return {name: entry for name, of_key in found.items() if name and len(of_key) == 1 for entry in of_key.values()}


def _entry(kind: Kind, member: Any) -> Entry:
    meta = member.value  # an EffectMeta, AnimationMeta, TransitionMeta or MaskMeta
    params = tuple(
        Param(param.name, _said(param), param.min_value, param.max_value) for param in getattr(meta, "params", ())
    )
    return Entry(
        kind=kind,
        key=member.name,
        title=meta.title if hasattr(meta, "title") else meta.name,
        is_vip=getattr(meta, "is_vip", False),
        resource_id=meta.resource_id,
        effect_id=meta.effect_id,
        member=member,
        default_us=getattr(meta, "duration", getattr(meta, "default_duration", None)),
        params=params,
    )


def _said(param: Any) -> float:
    """A default from 0 to 100; one entry's lies below its range (银杏飘落)."""
    share: float = (param.default_value - param.min_value) / (param.max_value - param.min_value)
    return round(min(max(share, 0.0), 1.0) * 100, 4)


def _grams(name: str) -> set[str]:
    """Its characters (Latin ones say nothing alone) and pairs of neighbours."""
    return {c for c in name if not c.isascii()} | {name[i : i + 2] for i in range(len(name) - 1)}


@cache
def _synonyms() -> dict[str, dict[str, list[str]]]:
    file = Path(__file__).with_name("data") / "synonyms.json"
    return dict(json.loads(file.read_text("utf-8")))
