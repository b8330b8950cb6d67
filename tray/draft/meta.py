"""The files around the main file that make JianYing and CapCut list a draft: its meta and its registry entry.

Their templates (shapes) have what a JianYing 5.6.0, a CapCut 6.9.0 and a CapCut 8.1.1 draft folder and a CapCut
root_meta_info.json agree on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any

from tray.draft.folders import MAIN, Profile
from tray.draft.shapes import shape

COVER = "draft_cover.jpg"
PHOTO_META_LENGTH_US = 5_000_000

_METETYPES = {"photo": "photo", "video": "video", "audio": "music"}


@dataclass(frozen=True)
class Facts:
    """What meta and registry say of a draft. Paths with forward slashes; times in µs since 1970."""

    name: str
    draft_id: str
    path: str
    root: str
    duration_us: int
    media_bytes: int
    created_us: int


def meta(
    facts: Facts, materials: Mapping[str, Any], sizes: Mapping[str, int], profile: Profile = "jianying"
) -> dict[str, Any]:
    """draft_meta_info.json. `materials`: the main file's; `sizes`: bytes by media file name."""
    template = shape(profile, "meta")
    entries = list(_entries(facts, materials, sizes, profile))
    return {
        **template,
        "draft_materials": [
            {**group, "value": entries if group["type"] == 0 else []} for group in template["draft_materials"]
        ],
        "draft_name": facts.name,
        "draft_id": facts.draft_id,
        "draft_fold_path": facts.path,
        "draft_root_path": facts.root,
        "draft_removable_storage_device": _removable_device(facts.path),
        "draft_cover": COVER,
        "draft_timeline_materials_size_": facts.media_bytes,
        "tm_draft_create": facts.created_us,
        "tm_draft_modified": facts.created_us,
        "tm_duration": facts.duration_us,
    }


def registry_entry(facts: Facts) -> dict[str, Any]:
    """The draft's entry in root_meta_info.json, all_draft_store[]. Only CapCut's has been seen."""
    return {
        **shape("capcut", "registry"),
        "draft_cover": f"{facts.path}/{COVER}",
        "draft_fold_path": facts.path,
        "draft_id": facts.draft_id,
        "draft_json_file": f"{facts.path}/{MAIN}",
        "draft_name": facts.name,
        "draft_root_path": facts.root,
        "draft_timeline_materials_size": facts.media_bytes,
        "tm_draft_create": facts.created_us,
        "tm_draft_modified": facts.created_us,
        "tm_duration": facts.duration_us,
    }


def _entries(
    facts: Facts, materials: Mapping[str, Any], sizes: Mapping[str, int], profile: Profile
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """One for each media file, however many materials are made of it."""
    seen: set[str] = set()
    for group in ("videos", "audios"):
        for material in materials[group]:
            if material["local_material_id"] not in seen:
                seen.add(material["local_material_id"])
                yield _entry(material, "audio" if group == "audios" else material["type"], facts, sizes, profile)


def _entry(
    material: Mapping[str, Any], kind: str, facts: Facts, sizes: Mapping[str, int], profile: Profile
) -> dict[str, Any]:  # fmt: skip
    name = material["path"].rpartition("/")[2]
    length_us = material["duration"]
    return {
        **shape(profile, "meta-material"),
        "create_time": facts.created_us // 1_000_000,
        "duration": PHOTO_META_LENGTH_US if kind == "photo" else length_us,
        "extra_info": name,
        "file_Path": material["path"],
        "height": material.get("height", 0),
        "id": material["local_material_id"],
        "import_time": facts.created_us // 1_000_000,
        "import_time_ms": facts.created_us,
        "metetype": _METETYPES[kind],
        "roughcut_time_range": {"duration": -1, "start": -1}
        if kind == "photo"
        else {"duration": length_us, "start": 0},
        "size": sizes[name],
        "width": material.get("width", 0),
    }


def _removable_device(path: str) -> str:
    """ "" on C: (and off Windows), else the drive as "E:"."""
    drive = PureWindowsPath(path).drive.upper()
    return "" if drive in ("", "C:") or not drive.endswith(":") else drive
