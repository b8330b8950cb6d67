"""The system's recycle bin, for what may go into it: nothing is deleted for good.

On Windows, Send2Trash (legacy.py, its way without pywin32) asks the shell to delete with FOF_ALLOWUNDO and without a
question, and the shell then deletes for good what the bin can't take: what lies on a network drive or a USB stick, what
is larger than the bin, and everything where the user has switched the bin off (Microsoft, SHFILEOPSTRUCT and its
FOF_WANTNUKEWARNING). So it is asked for what the bin takes alone. macOS and Linux refuse by themselves.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tray.draft.problems import DraftError
from tray.locale import _


def to_bin(path: Path) -> None:
    """Put the folder into the recycle bin. Raises DraftError, and it is where it was, where that can't be."""
    try:
        why = _why_not(path)
        if not why:
            from send2trash import send2trash  # type: ignore[import-untyped]

            send2trash(str(path))
            return
    except OSError as error:  # TrashPermissionError is one
        why = str(error.strerror or error) or _("the system refuses it")
    raise DraftError(
        _("“{name}” can't go to the recycle bin: {why}.").format(name=path.name, why=why),
        _("It is kept in the folder {folder}. Delete it there if you need the room.").format(folder=path.parent),
    )


def _why_not(path: Path) -> str:
    """Why the bin would not take it, though the system would not say so; "" where it does."""
    if sys.platform != "win32":
        return ""
    import ctypes
    import shutil

    fixed = 3  # DRIVE_FIXED (Microsoft, GetDriveTypeW)
    drive = path.absolute().anchor
    if ctypes.windll.kernel32.GetDriveTypeW(drive) != fixed:
        return _("its drive has none")
    said = _bin_of(drive)
    if said.get("NukeOnDelete"):
        return _("it is switched off for this drive")
    total = shutil.disk_usage(drive).total
    most = said.get("MaxCapacity", total // 20 // 1_000_000) * 1_000_000
    return _("it is larger than the bin") if _bytes_in(path) > most else ""


def _bin_of(drive: str) -> dict[str, int]:
    """How the user has set the bin of a drive: NukeOnDelete, MaxCapacity in MB."""
    if sys.platform != "win32":
        return {}
    import ctypes
    import winreg

    volume = ctypes.create_unicode_buffer(64)
    if not ctypes.windll.kernel32.GetVolumeNameForVolumeMountPointW(drive, volume, 64):
        return {}
    guid = volume.value.partition("Volume")[2].rstrip("\\")
    key = rf"Software\Microsoft\Windows\CurrentVersion\Explorer\BitBucket\Volume\{guid}"
    said = {}
    for name in ("NukeOnDelete", "MaxCapacity"):
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
                value, _kind = winreg.QueryValueEx(opened, name)
        except OSError:
            continue
        if isinstance(value, int):
            said[name] = value
    return said


def _bytes_in(folder: Path) -> int:
    return sum(
        (Path(parent) / name).lstat().st_size for parent, _folders, names in os.walk(folder) for name in names
    )  # fmt: skip
