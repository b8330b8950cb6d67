"""The materials of a draft: media, and the companions that a segment refers to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pyJianYingDraft import CropSettings
from pyJianYingDraft.script_material import ScriptMaterial

from tray.draft.folders import Profile
from tray.draft.resolve import Resolved
from tray.draft.shapes import filled, new_id, shape
from tray.draft.spec import Crop

PHOTO_LENGTH_US = 10_800_000_000
"""JianYing lets a photo be drawn out to three hours (pyJianYingDraft, local_materials.py)."""

_COMPANIONS: Mapping[tuple[Profile, str], tuple[str, ...]] = {
    ("jianying", "video"): ("speeds", "canvases", "sound_channel_mappings", "vocal_separations"),
    ("jianying", "audio"): ("speeds", "beats", "sound_channel_mappings", "vocal_separations"),
    ("capcut", "video"): ("speeds", "placeholder_infos", "canvases", "sound_channel_mappings", "material_colors",
                          "loudnesses", "vocal_separations"),
    ("capcut", "audio"): ("speeds", "placeholder_infos", "beats", "sound_channel_mappings", "loudnesses",
                          "vocal_separations"),
}  # fmt: skip
"""What a segment of each kind refers to in the inventories, in their order."""


class Materials:
    """Collects a draft's materials by group. `media_root`: what stands before a file's path inside the draft."""

    def __init__(self, resolved: Resolved, profile: Profile, media_root: str) -> None:
        self.profile: Profile = profile
        said = (*ScriptMaterial().export_json(), *shape(profile, "top")["materials"])  # type: ignore[no-untyped-call]
        self.groups: dict[str, list[Mapping[str, Any]]] = {group: [] for group in said}
        self._resolved, self._media_root = resolved, media_root
        self._videos: dict[tuple[str, Crop | None], str] = {}
        self._audios: dict[str, str] = {}
        self._local_ids: dict[str, str] = {}

    def add(self, group: str, own: Mapping[str, Any], template: Mapping[str, Any] | None = None) -> str:
        """Put a material into its group. Returns its id: the one in `own`, else a new one."""
        made = own if "id" in own else {**own, "id": new_id()}
        self.groups[group].append(filled(shape(self.profile, group) if template is None else template, made))
        return str(made["id"])

    def companions(self, kind: str, own: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The ids of all that a segment of this kind has of its own. `own`: by group what is not as in its template."""
        return [self.add(group, own.get(group, {})) for group in _COMPANIONS[self.profile, kind]]

    def video(self, media: str, crop: Crop | None) -> str:
        """The id of the material of a video or picture, one for each way it is cropped."""
        known = self._videos.get((media, crop))
        if known is None:
            probe = self._resolved.files[media]
            own = {
                **self._file(media),
                "type": "photo" if probe.kind == "image" else "video",
                "material_name": self._resolved.shown_names[media],
                "duration": PHOTO_LENGTH_US if probe.length_us is None else probe.length_us,
                "width": probe.width,
                "height": probe.height,
                "has_audio": probe.has_audio,
            }
            if crop is not None:
                own["crop"] = _corners(crop).export_json()
            known = self._videos[media, crop] = self.add("videos", own)
        return known

    def audio(self, media: str) -> str:
        """The id of the material of a sound."""
        known = self._audios.get(media)
        if known is None:
            own = {
                **self._file(media),
                "name": self._resolved.shown_names[media],
                "duration": self._resolved.files[media].length_us,
                "music_id": str(uuid.uuid4()),
            }
            known = self._audios[media] = self.add("audios", own)
        return known

    def _file(self, media: str) -> dict[str, Any]:
        """`local_material_id` is the key of the file's entry in draft_meta_info.json, which has one for each file."""
        local_id = self._local_ids.setdefault(media, str(uuid.uuid4()))
        return {"path": f"{self._media_root}/{media}", "local_material_id": local_id}


def _corners(crop: Crop) -> CropSettings:
    return CropSettings(
        upper_left_x=crop.left,
        upper_left_y=crop.top,
        upper_right_x=crop.right,
        upper_right_y=crop.top,
        lower_left_x=crop.left,
        lower_left_y=crop.bottom,
        lower_right_x=crop.right,
        lower_right_y=crop.bottom,
    )
