"""`coze-tray drafts`: the drafts in the drafts folder, listed, shown and exported."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tray import settings as settings_module
from tray import terminal, words
from tray.draft import folders, library
from tray.draft.folders import Listed
from tray.draft.problems import DraftError
from tray.draft.spec import DraftSpec
from tray.locale import _, ngettext
from tray.text import for_terminal

_MISSING_NAMED = 3


@dataclass(frozen=True)
class Exports:
    """The files to write a draft to; None: not wanted."""

    otio: Path | None = None
    srt: Path | None = None
    spec: Path | None = None


def list_all(drafts_dir: Path | None) -> list[dict[str, Any]]:
    """List the drafts in the drafts folder."""
    root = _root(drafts_dir)
    found = folders.drafts(root)
    terminal.out.print(for_terminal(str(root)), style="dim", markup=False)
    for draft in found:
        changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(draft.modified_us / 1e6))
        terminal.out.print(
            f"  {changed}  {words.clock(draft.duration_us):>8}  {for_terminal(draft.name)}", markup=False
        )
    if not found:
        terminal.out.print(_("  (no drafts yet)"))
    return [
        {
            "name": d.name,
            "path": str(d.path),
            "draft_id": d.draft_id,
            "duration_us": d.duration_us,
            "modified_us": d.modified_us,
        }
        for d in found
    ]


def show(name: str, drafts_dir: Path | None, exports: Exports, *, whole: bool) -> dict[str, Any]:
    """Show a draft's timeline, and write the files that are wanted. Raises DraftError where there is no such draft or
    it can't be read."""
    from tray.draft import read

    draft = find(name, folders.drafts(_root(drafts_dir)))
    got = read.read(draft.path)
    media_bytes, missing = _media(got.spec, draft.path)
    warnings = [*got.warnings, *missing]
    _show(draft, got.spec, media_bytes, whole=whole)
    for warning in warnings:
        terminal.show_warning(warning)
    written = _export(draft, got.spec, exports)
    return {
        "status": "done",
        "name": draft.name,
        "path": str(draft.path),
        "duration_us": got.spec.length_us,
        "media_bytes": media_bytes,
        "spec": library.with_whole_paths(got.spec, draft.path).model_dump(mode="json", exclude_none=True),
        "warnings": warnings,
        "files": written,
    }


def find(name: str, drafts: Sequence[Listed]) -> Listed:
    """The draft of that name, else the only one whose name begins so. Raises DraftError, with near names, for none and
    for several. `name` is compared alone, never opened: no path leads out of the drafts folder."""
    wanted = library.plain(name)
    exact = [draft for draft in drafts if draft.name == name] or [d for d in drafts if library.plain(d.name) == wanted]
    found = exact or [draft for draft in drafts if wanted and library.plain(draft.name).startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        names = _(", ").join(draft.name for draft in found[:5])
        raise DraftError(
            _("{n} drafts are called “{name}…”: {names}").format(n=len(found), name=name, names=names),
            _("Say more of the name."),
        )
    near = [draft.name for draft in drafts if wanted and wanted in library.plain(draft.name)]
    near += difflib.get_close_matches(name, [draft.name for draft in drafts if draft.name not in near], 5, 0.4)
    if near:
        advice = _("Is it one of these? {names}").format(names=_(", ").join(near[:5]))
    else:
        advice = _("coze-tray drafts lists the drafts that there are.")
    raise DraftError(_("There is no draft called “{name}”.").format(name=name), advice)


def _root(drafts_dir: Path | None) -> Path:
    return folders.drafts_folder(drafts_dir or settings_module.load_for_people().drafts_dir)


def _show(draft: Listed, spec: DraftSpec, media_bytes: int, *, whole: bool) -> None:
    from tray.draft import timeline

    out = terminal.out
    facts = (
        f"{spec.width}×{spec.height}",
        _("{n} frames a second").format(n=spec.fps),
        timeline.clock(spec.length_us),
        words.size(media_bytes),
    )
    out.print(for_terminal(draft.name), style="bold", markup=False, end="  ")
    out.print("  ".join(facts), markup=False)
    out.print(for_terminal(str(draft.path)), style="dim", markup=False)
    if not spec.tracks:
        out.print(_("  (nothing is in it)"))
        return
    narrow = out.legacy_windows or out.options.ascii_only
    out.print()
    for line in timeline.picture(spec, out.width, timeline.PLAIN if narrow else timeline.BLOCKS):
        out.print(line)
    out.print()
    for line in timeline.table(spec, out.width, whole=whole):
        out.print(line)


def _media(spec: DraftSpec, folder: Path) -> tuple[int, list[str]]:
    """The bytes of the media that the draft plays, and a warning where some of it is not there."""
    total = library.media_bytes(spec, folder)
    missing = sorted({one.media for one in library.missing_media(spec, folder)})
    if not missing:
        return total, []
    text = ngettext("{n} media file is not there: {files}", "{n} media files are not there: {files}", len(missing))
    names = _(", ").join(missing[:_MISSING_NAMED]) + ("…" if len(missing) > _MISSING_NAMED else "")
    return total, [text.format(n=len(missing), files=names)]


def _export(draft: Listed, spec: DraftSpec, exports: Exports) -> dict[str, str]:
    """Write the files. Returns their paths by format."""
    from tray.draft import saving, srt

    written: dict[str, str] = {}
    if exports.otio:
        from tray.draft import otio

        saving.save(exports.otio, otio.text_of(otio.timeline(spec, draft.path, draft.name)))
        written["otio"] = str(exports.otio)
    if exports.srt:
        text = srt.of_texts(spec)
        if not text:
            terminal.show_warning(_("The draft has no texts: {file} is empty.").format(file=exports.srt))
        saving.save(exports.srt, text)
        written["srt"] = str(exports.srt)
    if exports.spec:
        text = library.with_whole_paths(spec, draft.path).model_dump_json(indent=2, exclude_none=True)
        saving.save(exports.spec, text + "\n")
        written["spec"] = str(exports.spec)
    for file in written.values():
        terminal.err.print(_("Written: {file}").format(file=file), style="dim", markup=False)
    return written
