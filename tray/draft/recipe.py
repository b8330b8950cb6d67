"""A recipe: what is said and shown, without times; the speech's real length gives them.

    {"recipe": [{"text": "…", "image": "https://…", "audio": "https://…"}, …],
     "name": "…", "width": 1080, "height": 1920, "fps": 30, "background": {"blur": 0.75},
     "music": "https://…", "music_volume": 0.2, "max_chars": 20, "style": {…}, "clip": {…}}

Lines follow each other. A line lasts for its `duration`, else as long as its speech, else its video, else as one needs
to read it. `image` (or `video`; the file itself tells which it is) is shown until the next one begins; a video plays
again where it is shorter, and without its sound where there is speech. `text` is the caption, split at its punctuation
into at most `max_chars`. `style` and `clip` are a text segment's. `music` plays under it all.

The other way round, SRT says what is said when:

    {"srt": "1\\n00:00:00,000 --> …" or a link, "images": ["https://…", …], "audios": ["https://…", …], "name": …}

As many pictures or sounds as cues: each begins with its cue ("" or null: the one before goes on). Otherwise sounds
follow each other from the start, and pictures share the time equally.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from tray.draft import spec, srt
from tray.draft.collecting import paused
from tray.draft.coze_json import key_of, parsed_inside
from tray.draft.own_spec import MOST_SEGMENTS, check, join, shown_url
from tray.draft.problems import Notes, Problem, few, said_of, short
from tray.draft.shots import Shot, pictures
from tray.draft.source import Imported
from tray.draft.spec import Clip, DraftSpec, Fill, Length, Place, TextStyle
from tray.draft.spec_values import Value
from tray.locale import _

WIDE_US, NARROW_US, SHORTEST_US = 250_000, 70_000, 1_500_000
"""How long one needs to read a Chinese character, a letter, and anything at all: four characters a second is the usual
measure of subtitles."""
SILENT_US = 5_000_000
"""How long a picture without any words is shown, as in JianYing."""
FADED_US = 2_000_000
"""How long the music takes to end."""
USUAL_CHARS = 20
"""A caption of a recipe's line, unless it says otherwise; the cues of SRT are as long as they are."""
MOST_PIECES = 1_000
"""Music that had to be played more often than this is played once."""


def _with(defaults: Mapping[str, Any]) -> BeforeValidator:
    """Fill in what an object leaves out."""
    return BeforeValidator(lambda value: {**defaults, **value} if isinstance(value, dict) else value)


Style = Annotated[TextStyle, _with({"size": 5.0})]
Lie = Annotated[Clip, _with({"y": -0.8})]


class Line(Value):
    """One line of a recipe."""

    text: str = Field(default="", max_length=20_000)
    image: str | None = None
    video: str | None = None
    audio: str | None = None
    duration_us: Length | None = Field(default=None, alias="duration")

    @model_validator(mode="before")
    @classmethod
    def _said(cls, value: Any) -> Any:
        """Flows write "" for what they have not got."""
        if not isinstance(value, dict):
            return value
        said = {name: one for name, one in value.items() if one is not None and one != ""}
        if not said:
            raise ValueError(_("it says nothing; give it a text, a picture or speech"))
        if "image" in said and "video" in said:
            raise ValueError(_("give it an “image” or a “video”, not both"))
        return said

    @property
    def picture(self) -> str | None:
        return self.image or self.video


class Head(Value):
    """What a recipe says of the whole."""

    name: str = Field(default="", max_length=1000)
    width: int = Field(default=1920, ge=16, le=16384)
    height: int = Field(default=1080, ge=16, le=16384)
    fps: int = Field(default=30, ge=1, le=240)
    background: Fill | None = None
    music: str | None = Field(default=None, min_length=1)
    music_volume: float = Field(default=0.2, ge=0, le=spec.LOUDEST)
    max_chars: int | None = Field(default=None, ge=4, le=1000)
    style: Style = TextStyle(size=5.0)
    clip: Lie = Clip(y=-0.8)


@dataclass(frozen=True)
class Recipe:
    """A draft said as a recipe. `lines` are those with nothing wrong, `captions` the SRT that takes the place of their
    texts: its cues' times are theirs. `cues` are None for SRT that is yet to be fetched."""

    number: int
    key: str
    head: Head
    said: int
    lines: list[tuple[Place, Line]]
    captions: spec.Captions | None = None
    cues: list[srt.Cue] | None = None
    images: list[tuple[Place, str | None]] = field(default_factory=list)
    audios: list[tuple[Place, str | None]] = field(default_factory=list)
    prefix: str = ""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.head.name

    def urls(self) -> Iterator[tuple[str, Place]]:
        for place, line in self.lines:
            for url in (line.picture, line.audio):
                if url:
                    yield url, _at(place, url)
        for place, one in (*self.images, *self.audios):
            if one:
                yield one, _at(place, one)
        if self.head.music:
            yield self.head.music, self._music_place

    def caption_urls(self) -> Iterator[tuple[str, Place]]:
        if self.captions and self.captions.url:
            yield self.captions.url, self.captions.place

    def supposed_us(self) -> dict[str, int]:
        """By link how long speech is likely to be, before it is here: as long as one needs to read what is said."""
        supposed = {line.audio: line.duration_us or _reading_us(line.text) for _place, line in self.lines if line.audio}
        cues = self.cues or []
        for index, (_place, url) in enumerate(self.audios):
            if url and len(self.audios) == len(cues):
                supposed[url] = cues[index].end_us - cues[index].start_us
            elif url and cues:
                supposed[url] = max(cue.end_us for cue in cues) // len(self.audios)
        return {url: length_us for url, length_us in supposed.items() if length_us > 0}

    @property
    def _music_place(self) -> Place:
        return Place(draft=self.number, url=shown_url(self.head.music or ""), path=join(self.prefix, "music"))

    @paused()
    def to_spec(self, lengths_us: Mapping[str, int | None]) -> Imported:
        problems = list(self.problems)
        shots, sounds, texts, end_us = (
            _of_lines(self, lengths_us) if self.captions is None else _of_srt(self, lengths_us)
        )
        if end_us > spec.LONGEST_US:
            text = _("it ends after {hours:.0f} hours; a timeline can be a day long")
            problems.append(Problem(Place(draft=self.number), text.format(hours=end_us / 3600e6)))
            shots, sounds, texts, end_us = [], [], [], 0
        music = self._music(end_us, lengths_us) if self.head.music and end_us else []
        tracks = [
            spec.Track(kind="video", segments=tuple(pictures(shots, lengths_us))),
            spec.Track(kind="audio", segments=tuple(sounds)),
            spec.Track(kind="audio", segments=tuple(music)),
            spec.Track(kind="text", segments=tuple(texts)),
        ]
        head = self.head
        whole = DraftSpec(
            name=head.name,
            width=head.width,
            height=head.height,
            fps=head.fps,
            background=head.background,
            tracks=tuple(track for track in tracks if track.segments),
            captions=(self.captions,) if self.captions else (),
        )
        return Imported(whole, "us", "", problems, self.warnings)

    def _music(self, end_us: int, lengths_us: Mapping[str, int | None]) -> list[spec.AudioSegment]:
        """The music from the start to `end_us`, again and again where it is shorter, its end faded."""
        url = self.head.music or ""
        length_us = lengths_us.get(url) or end_us
        if end_us > length_us * MOST_PIECES:
            end_us = length_us
        starts = range(0, end_us, length_us)
        return [
            spec.AudioSegment(
                place=self._music_place,
                media=url,
                start_us=start_us,
                duration_us=min(length_us, end_us - start_us),
                volume=self.head.music_volume,
                fade_out_us=min(FADED_US, end_us - start_us) if start_us == starts[-1] else 0,
            )
            for start_us in starts
        ]


_Made = tuple[list[Shot], list[spec.AudioSegment], list[spec.TextSegment], int]


def is_recipe(value: Mapping[str, Any]) -> bool:
    return isinstance(parsed_inside(value.get("recipe")), list)


def is_srt_recipe(value: Mapping[str, Any]) -> bool:
    said = value.get("srt")
    return isinstance(said, str) and bool(said.strip()) and "tracks" not in value


def read(value: Mapping[str, Any], number: int, prefix: str = "") -> Recipe:
    """The draft of which `value` is the recipe. `prefix` is where it stands in a list, as `drafts[1]`."""
    notes = Notes()
    place = Place(draft=number, path=prefix)
    said = parsed_inside(value["recipe"])
    if len(said) > MOST_SEGMENTS:
        notes.fail(place, _("it has {n} lines, the most is {most}").format(n=len(said), most=MOST_SEGMENTS), "recipe")
        said = []
    lines: list[tuple[Place, Line]] = []
    for index, one in enumerate(said):
        where = Place(draft=number, segment=index + 1, path=join(prefix, f"recipe[{index}]"))
        if not isinstance(parsed := parsed_inside(one), dict):
            notes.fail(where, _("this is no line of a recipe: {value}").format(value=short(one)))
        elif line := check(Line, parsed, where, notes):
            lines.append((where, line))
    head = _head(value, {"recipe"}, place, notes)
    problems = few(notes.problems, place)
    return Recipe(
        number, key_of(value), head, len(said), lines, prefix=prefix, problems=problems, warnings=notes.warnings
    )


def read_srt(value: Mapping[str, Any], number: int, prefix: str = "") -> Recipe:
    """The draft of SRT and lists of media. Raises DraftError for more cues than a timeline may have."""
    notes = Notes()
    place = Place(draft=number, path=prefix)
    text = value["srt"].strip()
    is_link = text.startswith(("http://", "https://", "data:")) and "\n" not in text
    head = _head(value, {"srt", "images", "audios"}, place, notes)
    at = Place(draft=number, url=shown_url(text) if is_link else None, path=join(prefix, "srt"))
    said = {"url": text} if is_link else {"srt": text}
    captions = check(
        spec.Captions,
        {**said, "max_chars": head.max_chars, "style": head.style, "clip": head.clip, "place": at},
        at,
        notes,
    )
    cues = None if is_link else srt.parse(text)
    if cues == []:
        notes.fail(at, _("there is no caption in it, with times like 00:00:01,000 --> 00:00:02,500"))
        captions = None
    images = _links(value, "images", place, notes)
    audios = _links(value, "audios", place, notes)
    count = len(cues or [None]) + len(images) + len(audios)
    problems = few(notes.problems, place)
    return Recipe(
        number, key_of(value), head, count, [], captions, cues, images, audios, prefix, problems, notes.warnings
    )


def _head(value: Mapping[str, Any], others: set[str], place: Place, notes: Notes) -> Head:
    """What `value` says of the whole. Beside it may stand what a flow says of itself, which is told and left."""
    said = {name: one for name, one in value.items() if name in Head.model_fields and one is not None and one != ""}
    unknown = sorted(name for name in value.keys() - Head.model_fields.keys() - others if value[name])
    if unknown:
        text = _("left off, nothing is known of it: {names}")
        notes.warn(place, text.format(names=short(_(", ").join(unknown), 300)))
    return check(Head, said, place, notes) or Head()


def _links(value: Mapping[str, Any], name: str, place: Place, notes: Notes) -> list[tuple[Place, str | None]]:
    said = parsed_inside(value.get(name))
    if said is None or said == "":
        return []
    said = [said] if isinstance(said, str) else said
    if not isinstance(said, list) or len(said) > MOST_SEGMENTS:
        notes.fail(place, said_of(name, _("this is no list of links: {value}").format(value=short(said))), name)
        return []
    links: list[tuple[Place, str | None]] = []
    for index, one in enumerate(said):
        where = Place(draft=place.draft, segment=index + 1, path=join(place.path, f"{name}[{index}]"))
        if one is not None and not isinstance(one, str):
            notes.fail(where, _("this is no link: {value}").format(value=short(one)))
        else:
            links.append((where, one or None))
    return links


def _of_lines(recipe: Recipe, lengths_us: Mapping[str, int | None]) -> _Made:
    shots: list[Shot] = []
    sounds: list[spec.AudioSegment] = []
    texts: list[spec.TextSegment] = []
    start_us = 0
    for place, line in recipe.lines:
        speech_us = lengths_us.get(line.audio) if line.audio else None
        video_us = lengths_us.get(line.picture) if line.picture else None
        lasting_us = line.duration_us or speech_us or video_us or _reading_us(line.text)
        end_us = start_us + lasting_us
        if end_us > spec.LONGEST_US:
            return shots, sounds, texts, end_us
        if line.picture:
            shots.append(Shot(_at(place, line.picture), line.picture, start_us, end_us, is_silent=bool(line.audio)))
        elif shots:
            shots[-1].go_on(end_us, is_silent=bool(line.audio))
        if line.audio:
            cut_us = lasting_us if speech_us and speech_us > lasting_us else None
            sounds.append(
                spec.AudioSegment(place=_at(place, line.audio), media=line.audio, start_us=start_us, duration_us=cut_us)
            )
        if line.text.strip():
            said = srt.Cue(start_us, start_us + min(speech_us or lasting_us, lasting_us), line.text)
            texts += [
                spec.TextSegment(
                    place=place,
                    text=cue.text,
                    start_us=cue.start_us,
                    duration_us=cue.end_us - cue.start_us,
                    style=recipe.head.style,
                    clip=recipe.head.clip,
                )
                for cue in srt.split(said, recipe.head.max_chars or USUAL_CHARS)
            ]
        start_us = end_us
    if shots:
        shots[0].start_us = 0  # nobody wants to begin with a black screen
    return shots, sounds, texts, start_us


def _of_srt(recipe: Recipe, lengths_us: Mapping[str, int | None]) -> _Made:
    cues = recipe.cues or []
    starts = [cue.start_us for cue in cues]
    end_us = max((cue.end_us for cue in cues), default=0)
    sounds: list[spec.AudioSegment] = []
    at_us = 0
    for index, (place, url) in enumerate(recipe.audios):
        if url:
            start_us = starts[index] if len(recipe.audios) == len(starts) else at_us
            sounds.append(spec.AudioSegment(place=_at(place, url), media=url, start_us=start_us))
            at_us = start_us + (lengths_us.get(url) or 0)
            end_us = max(end_us, at_us)
    shots: list[Shot] = []
    silent = bool(sounds)
    with_cues = len(recipe.images) == len(starts) and all(a < b for a, b in itertools.pairwise(starts))
    images = [(place, url) for place, url in recipe.images if url or with_cues]
    end_us = end_us or SILENT_US * len(images)
    for index, (place, url) in enumerate(images):
        begin_us = starts[index] if with_cues else end_us * index // len(images)
        if shots:
            shots[-1].go_on(begin_us, is_silent=silent)
        if url:
            shots.append(Shot(_at(place, url), url, begin_us if shots else 0, end_us, is_silent=silent))
    if shots:
        shots[-1].go_on(end_us, is_silent=silent)
    return shots, sounds, [], end_us


def _reading_us(text: str) -> int:
    """How long one needs to read `text`."""
    plain = "".join(text.split())
    if not plain:
        return SILENT_US
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in plain)
    return max(SHORTEST_US, wide * WIDE_US + (len(plain) - wide) * NARROW_US)


def _at(place: Place, url: str) -> Place:
    return place.model_copy(update={"url": shown_url(url)})
