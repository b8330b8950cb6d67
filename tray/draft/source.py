"""What a draft is made from: an export of a Coze flow, this program's own spec, or a recipe. All become DraftSpecs.

Two steps, because some things can only be told once the media is here (an export's unit of time, the length of a
recipe's speech): `read` finds and checks the drafts that a text holds, `to_spec` makes each a DraftSpec.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tray.draft import units
from tray.draft.collecting import paused
from tray.draft.coze_json import DEEPEST, broken, fenced, parsed
from tray.draft.problems import DraftError, Problem, name_of, said_of, short
from tray.draft.spec import DraftSpec, Place
from tray.locale import _, ngettext

TimeUnit = units.TimeUnit
MOST_CHARS = 200_000_000
MOST_DRAFTS = 1_000


@dataclass(frozen=True)
class Imported:
    """A draft as a spec, without the segments that have problems; and what was guessed or left off on the way.

    `time_unit`: "us", "ms", "s" or "mixed", and the reason for it in words, "" where no unit had to be found.
    """

    spec: DraftSpec
    time_unit: str
    time_unit_reason: str
    problems: list[Problem]
    warnings: list[str]


class Source(Protocol):
    """One draft of what was given, checked as far as it can be without its media.

    `number` counts from 1; `key` is the same for the same draft said twice; `said` counts the segments it says.
    """

    @property
    def number(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def said(self) -> int: ...
    @property
    def problems(self) -> list[Problem]: ...
    @property
    def warnings(self) -> list[str]: ...

    def urls(self) -> Iterator[tuple[str, Place]]:
        """Each media URL and the place that asks for it, in order."""

    def caption_urls(self) -> Iterator[tuple[str, Place]]:
        """Each link to SRT captions and the place that asks for it."""

    def to_spec(self, lengths_us: Mapping[str, int | None]) -> Imported:
        """The draft as a spec. `lengths_us`: by URL the real length of its media, None for a picture; media that can't
        be had is not there."""


def read(text: str, time_unit: TimeUnit = "auto") -> list[Source]:
    """Every draft that `text` holds, numbered from 1: this program's own specs (own_spec), recipes (recipe), Coze
    exports (coze_export), SRT with media (recipe), lists of infos (coze_infos), and SRT as it is.

    They may stand in lists, in objects under any key, in JSON strings and in Markdown fences. Where a text holds drafts
    of several kinds, the first of these counts, and a warning tells of the others: a flow that exports a draft often
    puts out what it was made of as well. Raises DraftError where there is none.
    """
    if len(text) > MOST_CHARS:
        raise DraftError(_("This is too long to be a draft ({n} characters).").format(n=len(text)))
    try:
        value = parsed(text)
    except (ValueError, RecursionError) as error:
        return [_captions(text, error)]
    try:
        with paused():
            return _read(text, list(_find(value, DEEPEST)), time_unit)
    except RecursionError:
        raise DraftError(_("This JSON is nested too deeply to be a draft.")) from None


def alone(text: str, key: str) -> str:
    """`text` with no other draft than the one of that key; as it is where that can't be told. Raises DraftError."""
    drafts = read(text)
    number = next((draft.number for draft in drafts if draft.key == key), None)
    if len(drafts) == 1 or number is None:
        return text
    found = list(_find(parsed(text), DEEPEST))
    wanted = _wanted(found)
    if "export" in wanted:
        from tray.draft.coze_json import drafts_in

        value: Any = {"drafts": drafts_in(text)[number - 1 : number]}
    else:
        value = [one.value for one in found if one.kind in wanted or one.kind == "none"][number - 1]
    return json.dumps(value, ensure_ascii=False)


def holds_draft(text: str) -> bool:
    """Whether `text` as a whole is a draft in any form but plain SRT (a bot's answer may be one). Cheap for ordinary
    prose."""
    if not _may_hold(text) or "{" not in text:
        return False
    try:
        parsed(text)
        return any(draft.said or draft.problems for draft in read(text))
    except (DraftError, ValueError, RecursionError):
        return False


@dataclass(frozen=True)
class _Found:
    """An object that is a draft of that kind, or, of kind none, an element of a list of drafts that is no draft."""

    kind: Literal["own", "recipe", "export", "srt", "infos", "none"]
    value: Any


@dataclass(frozen=True)
class _None:
    """An element of a list of drafts that is none."""

    number: int
    key: str
    problems: list[Problem]
    warnings: list[str]
    name: str = ""
    said: int = 0

    def urls(self) -> Iterator[tuple[str, Place]]:
        return iter(())

    def caption_urls(self) -> Iterator[tuple[str, Place]]:
        return iter(())

    def to_spec(self, lengths_us: Mapping[str, int | None]) -> Imported:  # noqa: ARG002 - there is none
        return Imported(DraftSpec(), "us", "", self.problems, self.warnings)


_ORDER: tuple[frozenset[str], ...] = (frozenset(("own", "recipe")), frozenset(("export",)), frozenset(("srt", "infos")))


def _read(text: str, found: Sequence[_Found], time_unit: TimeUnit) -> list[Source]:
    from tray.draft import coze_export

    wanted = _wanted(found)
    if "export" in wanted:
        drafts: list[Source] = list(coze_export.read(text, time_unit))
    else:
        chosen = [one for one in found if one.kind in wanted or one.kind == "none"]
        if len(chosen) > MOST_DRAFTS:
            raise DraftError(
                _("This JSON holds {n} drafts, more than {most}.").format(n=len(chosen), most=MOST_DRAFTS),
                _("Give them a few at a time."),
            )
        drafts = [_draft(one, number, len(chosen), time_unit) for number, one in enumerate(chosen, 1)]
    others = sum(one.kind not in wanted and one.kind != "none" for one in found)
    if others:
        note = ngettext(
            "{n} draft in another form stands beside it and is not read",
            "{n} drafts in other forms stand beside it and are not read",
            others,
        )
        drafts[0].warnings.append(said_of(name_of(Place(draft=1)), note.format(n=others)))
    return drafts


def _wanted(found: Sequence[_Found]) -> frozenset[str]:
    """The kinds of drafts that count."""
    kinds = {one.kind for one in found}
    return next((order for order in _ORDER if order & kinds), frozenset(("export",)))


def _draft(found: _Found, number: int, of: int, time_unit: TimeUnit) -> Source:
    from tray.draft import coze_infos, own_spec, recipe

    prefix = f"drafts[{number - 1}]" if of > 1 else ""
    if found.kind == "own":
        return own_spec.read(found.value, number, prefix)
    if found.kind == "recipe":
        return recipe.read(found.value, number, prefix)
    if found.kind == "srt":
        return recipe.read_srt(found.value, number, prefix)
    if found.kind == "infos":
        return coze_infos.read(found.value, number, prefix, time_unit)
    message = _("this is no draft: {value}").format(value=short(found.value))
    return _None(number, f"none {number}", [Problem(Place(draft=number, path=prefix), message)], [])


def _captions(text: str, error: Exception) -> Source:
    """`text`, which is no JSON, as captions. Raises DraftError where it is no SRT either."""
    from tray.draft import recipe, srt

    plain = fenced(text) or text
    if not plain.strip():
        raise DraftError(_("There is nothing in it."), _("Give the JSON of a draft, or SRT."))
    if not srt.parse(plain):
        advice = _("Give the JSON that the Coze flow's export step produced, unchanged.")
        if plain.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
            raise DraftError(_("This is not JSON: {error}").format(error=broken(error)), advice) from None
        raise DraftError(_("This is neither JSON nor SRT."), advice) from None
    return recipe.read_srt({"srt": plain}, 1)


def _find(value: Any, depth: int) -> Iterator[_Found]:
    """The drafts in `value`, in order."""
    if depth == 0:
        return
    if isinstance(value, str):
        if _may_hold(value):
            try:
                inner = parsed(value)
            except ValueError:
                return
            yield from _find(inner, depth - 1)
    elif isinstance(value, list):
        found = [list(_find(item, depth - 1)) for item in value]
        is_of_drafts = any(one.kind in _ORDER[0] for each in found for one in each)
        for item, each in zip(value, found, strict=True):
            yield from each or ([_Found("none", item)] if is_of_drafts else [])
    elif isinstance(value, dict):
        yield from _in_object(value, depth)


def _in_object(value: dict[str, Any], depth: int) -> Iterator[_Found]:
    from tray.draft import coze_infos, own_spec, recipe

    if own_spec.is_own(value):
        yield _Found("own", value)
    elif recipe.is_recipe(value):
        yield _Found("recipe", value)
    elif value.get("tracks"):
        yield _Found("export", value)
    else:
        if recipe.is_srt_recipe(value):
            yield _Found("srt", value)
        elif coze_infos.is_infos(value):
            yield _Found("infos", value)
        for name, item in value.items():
            if not coze_infos.kind_of(name):
                yield from _find(item, depth - 1)


_MARKS = ("tracks", "recipe", "captions", "srt", "_info")


def _may_hold(text: str) -> bool:
    """Whether a draft may be in this JSON; that it names one of the keys can be told without reading it."""
    return any(mark in text for mark in _MARKS)
