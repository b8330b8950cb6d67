"""The files around the main file that make JianYing list a draft: its meta, the registry entry, the cover.

Fields as real drafts have them (a JianYing 5.6.0 and a CapCut 6.9.0 draft folder and a CapCut root_meta_info.json).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from pyJianYingDraft import assets

from tray.draft.spec import DraftSpec

COVER = "draft_cover.jpg"
META = "draft_meta_info.json"
MAIN = "draft_info.json" if sys.platform == "darwin" else "draft_content.json"
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


def meta(facts: Facts, materials: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any]:
    """draft_meta_info.json. `materials`: the main file's; `sizes`: bytes by media file name."""
    template = json.loads(Path(assets.get_asset_path("DRAFT_META_TEMPLATE")).read_text("utf-8"))
    entries = [_entry(m, m["type"], m["local_material_id"], facts, sizes) for m in materials["videos"]]
    entries += [_entry(m, "audio", m["local_material_id"], facts, sizes) for m in materials["audios"]]
    template["draft_materials"][0]["value"] = entries
    template.update(
        draft_name=facts.name,
        draft_id=facts.draft_id,
        draft_fold_path=facts.path,
        draft_root_path=facts.root,
        draft_removable_storage_device=_removable_device(facts.path),
        draft_cover=COVER,
        draft_timeline_materials_size_=facts.media_bytes,
        tm_draft_create=facts.created_us,
        tm_draft_modified=facts.created_us,
        tm_duration=facts.duration_us,
    )
    return dict(template)


def registry_entry(facts: Facts) -> dict[str, Any]:
    """The draft's entry in root_meta_info.json, all_draft_store[]."""
    return {
        "cloud_draft_cover": False,
        "cloud_draft_sync": False,
        "draft_cloud_last_action_download": False,
        "draft_cloud_purchase_info": "",
        "draft_cloud_template_id": "",
        "draft_cloud_tutorial_info": "",
        "draft_cloud_videocut_purchase_info": "",
        "draft_cover": f"{facts.path}/{COVER}",
        "draft_fold_path": facts.path,
        "draft_id": facts.draft_id,
        "draft_is_ai_shorts": False,
        "draft_is_cloud_temp_draft": False,
        "draft_is_invisible": False,
        "draft_is_web_article_video": False,
        "draft_json_file": f"{facts.path}/{MAIN}",
        "draft_name": facts.name,
        "draft_new_version": "",
        "draft_root_path": facts.root,
        "draft_timeline_materials_size": facts.media_bytes,
        "draft_type": "",
        "draft_web_article_video_enter_from": "",
        "streaming_edit_draft_ready": True,
        "tm_draft_cloud_completed": "",
        "tm_draft_cloud_entry_id": -1,
        "tm_draft_cloud_modified": 0,
        "tm_draft_cloud_parent_entry_id": -1,
        "tm_draft_cloud_space_id": -1,
        "tm_draft_cloud_user_id": -1,
        "tm_draft_create": facts.created_us,
        "tm_draft_modified": facts.created_us,
        "tm_draft_removed": 0,
        "tm_duration": facts.duration_us,
    }


def write_cover(path: Path, spec: DraftSpec, picture: Path | None) -> None:
    """A JPEG with the canvas's aspect, its long side 720 to 1920 pixels: the first picture, or a plain play sign."""
    from PIL import Image, ImageDraw, ImageOps

    longest = max(spec.width, spec.height)
    scale = min(max(longest, 720), 1920) / longest
    size = (max(1, round(spec.width * scale)), max(1, round(spec.height * scale)))
    cover = Image.new("RGB", size, "#22252B")
    try:
        if picture is None:
            raise FileNotFoundError
        with Image.open(picture) as image:
            image.draft("RGB", size)  # a JPEG is decoded no larger than needed
            upright = ImageOps.exif_transpose(image)
            fitted = ImageOps.contain(upright.convert("RGB"), size)
            cover.paste(fitted, ((size[0] - fitted.width) // 2, (size[1] - fitted.height) // 2))
    except OSError:  # no picture, or one that only JianYing can read
        x, y, r = size[0] / 2, size[1] / 2, min(size) / 8
        ImageDraw.Draw(cover).polygon([(x - r * 0.7, y - r), (x - r * 0.7, y + r), (x + r, y)], fill="#E8EAED")
    cover.save(path, "JPEG", quality=88)


def _entry(
    material: dict[str, Any], kind: str, entry_id: str, facts: Facts, sizes: dict[str, int]
) -> dict[str, Any]:  # fmt: skip
    name = material["path"].rpartition("/")[2]
    return {
        "create_time": facts.created_us // 1_000_000,
        "duration": PHOTO_META_LENGTH_US if kind == "photo" else material["duration"],
        "extra_info": name,
        "file_Path": material["path"],
        "height": material.get("height", 0),
        "id": entry_id,
        "import_time": facts.created_us // 1_000_000,
        "import_time_ms": facts.created_us,
        "item_source": 1,
        "md5": "",
        "metetype": _METETYPES[kind],
        "roughcut_time_range": {"duration": -1 if kind == "photo" else material["duration"], "start": -1 if kind == "photo" else 0},  # noqa: E501
        "size": sizes[name],
        "sub_time_range": {"duration": -1, "start": -1},
        "type": 0,
        "width": material.get("width", 0),
    }  # fmt: skip


def _removable_device(path: str) -> str:
    """ "" on C: (and off Windows), else the drive as "E:"."""
    drive = PureWindowsPath(path).drive.upper()
    return "" if drive in ("", "C:") or not drive.endswith(":") else drive
