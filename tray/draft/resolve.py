"""Settles all that a spec leaves open: times, lengths, overlaps, names, captions. What comes out says everything.

In a resolved spec every segment has its start and duration; the segments of a track are in time order and don't
overlap; media is named by its path inside the draft; names are the catalogue's keys; `fit`, `background`, `captions`
and the tracks' volumes are folded into the segments. What can't be kept as said is a warning or a problem that names
the segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from tray.draft import srt
from tray.draft.arrange import Placed, has_gaps, in_time, lanes
from tray.draft.folders import Profile
from tray.draft.looks import Looks, Neighbourhood
from tray.draft.probe import Probe
from tray.draft.problems import DraftError, Notes, Problem
from tray.draft.spec import MEDIA, DraftSpec, Place, Segment, Track
from tray.locale import _

_WITH_SOUND = ("video", "audio")


@dataclass(frozen=True)
class Resolved:
    """`files`: by path inside the draft what each media file is; `shown_names`: by the same path its name in JianYing's
    media list."""

    spec: DraftSpec
    files: Mapping[str, Probe]
    shown_names: Mapping[str, str]
    main_track_has_gaps: bool
    problems: list[Problem]
    warnings: list[str]


def resolve(
    spec: DraftSpec,
    probes: Mapping[str, Probe],
    srt_texts: Mapping[str, str],
    *,
    profile: Profile = "jianying",
    strict: bool = False,
) -> Resolved:
    """`spec` with everything settled, but for the segments whose media is not in `probes`: why, was said where it was
    fetched. `probes` and `srt_texts`: by URL what each media file is and what each link to captions gave. `strict`: a
    name that JianYing doesn't have is a problem, not a warning."""
    notes = Notes()
    looks = Looks(notes, profile, strict=strict)
    frame_us = round(1_000_000 / spec.fps)
    tracks: list[Track] = []
    files: dict[str, Probe] = {}
    shown: dict[str, str] = {}
    main: list[Placed] | None = None
    for track in (*_from_main_up(spec.tracks, notes), *_captioned(spec, srt_texts, notes)):
        for lane in lanes(in_time(track, probes, frame_us, notes), frame_us, notes):
            if main is None and track.kind == "video":
                main = lane
            for one, following in zip(lane, [*lane[1:], None], strict=True):
                next_us = following.duration_us if following and following.start_us == one.end_us else None
                looks.settle(one, Neighbourhood(spec, track, is_main=lane is main, next_us=next_us))
                if one.probe:
                    path = f"{MEDIA}/{one.probe.path.name}"
                    files[path] = one.probe
                    shown.setdefault(path, _shown_name(one))
            segments = tuple(_resolved(one) for one in lane if not one.is_left_off)
            if segments:
                muted = track.muted and track.kind in _WITH_SOUND
                tracks.append(Track.model_construct(kind=track.kind, segments=segments, muted=muted, volume=1.0))
    whole = spec.model_copy(update={"tracks": tuple(tracks), "captions": (), "background": None, "cover": None})
    return Resolved(whole, files, shown, main is not None and has_gaps(main), notes.problems, notes.warnings)


def _from_main_up(tracks: Sequence[Track], notes: Notes) -> list[Track]:
    """With nothing visible below the first video track: JianYing's main track is its lowest."""
    main = next((number for number, track in enumerate(tracks) if track.kind == "video" and track.segments), 0)
    below = [track for track in tracks[:main] if track.kind != "audio"]
    for track in below:
        notes.warn(_place_of(track), _("it is placed above the main track, JianYing's lowest"))
    for track in tracks:
        if track.kind not in _WITH_SOUND and (track.muted or track.volume != 1):
            notes.warn(_place_of(track), _("its volume is left off: it has no sound"))
    return [
        *(track for track in tracks[:main] if track.kind == "audio"),
        *tracks[main : main + 1],
        *below,
        *tracks[main + 1 :],
    ]


def _place_of(track: Track) -> Place:
    place = track.segments[0].place if track.segments else Place()
    return place.model_copy(update={"segment": None, "id": None, "url": None})


def _captioned(spec: DraftSpec, srt_texts: Mapping[str, str], notes: Notes) -> Iterator[Track]:
    for captions in spec.captions:
        text = captions.srt if captions.url is None else srt_texts.get(captions.url)
        if text is None:
            continue  # why it can't be had was said where it was fetched
        try:
            track, warnings = srt.to_track(captions, text)
        except DraftError as error:
            notes.fail(captions.place, str(error), "srt" if captions.url is None else "url")
            continue
        for warning in warnings:
            notes.warn(captions.place, warning)
        yield track


def _resolved(one: Placed) -> Segment:
    times: dict[str, object] = {"start_us": one.start_us, "duration_us": one.duration_us}
    if one.probe:
        times |= {
            "media": f"{MEDIA}/{one.probe.path.name}",
            "source_start_us": one.source_start_us,
            "source_duration_us": one.source_duration_us,
            "speed": one.speed,
        }
    return one.segment.model_copy(update={**one.changes, **times})


def _shown_name(one: Placed) -> str:
    """The link's own file name where it has one, else the file's."""
    url = getattr(one.segment, "media", "")
    own = one.probe.path.name if one.probe else ""
    name = unquote(url.partition("?")[0]).rpartition("/")[2]
    return name[-60:] if "." in name and not url.startswith("data:") else own
