"""The texts of a draft as subtitles."""

from __future__ import annotations

from tray.draft import srt
from tray.draft.spec import DraftSpec, TextSegment


def srt_of(spec: DraftSpec) -> str:
    """SRT of all text tracks of a resolved spec in time order; "" without any. Texts that are shown at once are cues
    that overlap, the lower track's first."""
    cues = [
        srt.Cue(segment.target.start_us, segment.target.end_us, segment.text)
        for track in spec.tracks
        for segment in track.segments
        if isinstance(segment, TextSegment)
    ]
    return srt.format(sorted(cues, key=lambda cue: cue.start_us))
