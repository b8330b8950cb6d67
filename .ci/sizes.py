"""`sizes.py FOLDER MB MB_ZIPPED`: what takes the room in a packaged program; exit code 1 where it is too much."""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

SHOWN = 12
ABOUT = {"av": "PyAV: FFmpeg", "pillow": "Pillow", "pillow_heif": "HEIC pictures", "PIL": "Pillow"}


def main(folder: Path, most: float, most_zipped: float) -> int:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    parts: Counter[str] = Counter()
    for path in files:
        parts[part(path.relative_to(folder))] += path.stat().st_size
    size, zipped = sum(parts.values()) / 1e6, zipped_bytes(folder, files) / 1e6
    found = f"{size:.0f} MB in {len(files)} files (at most {most:.0f})"
    print(f"{folder}: {found}, zipped {zipped:.0f} MB (at most {most_zipped:.0f})")
    for name, taken in parts.most_common(SHOWN):
        print(f"  {taken / 1e6:6.1f} MB  {name}")
    print(f"  {size - sum(taken for _name, taken in parts.most_common(SHOWN)) / 1e6:6.1f} MB  all else")
    return 0 if size <= most and zipped <= most_zipped else 1


def part(path: Path) -> str:
    """The package that a file belongs to; a library beside them by its own name."""
    names = path.parts[1:] if path.parts[0] == "_internal" else path.parts
    name = names[0].removesuffix(".libs").split(".cpython", 1)[0].split(".cp3", 1)[0]
    return f"{name} ({ABOUT[name]})" if name in ABOUT else name


def zipped_bytes(folder: Path, files: list[Path]) -> int:
    with tempfile.TemporaryFile(dir=folder.parent) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for path in files:
                archive.write(path, path.relative_to(folder))
        return file.seek(0, os.SEEK_END)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
