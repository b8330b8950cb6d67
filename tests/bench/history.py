"""The figures of every benchmark that was run, in history.json beside it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FILE = HERE / "history.json"


def add(rows: dict[str, dict[str, float]], **more: Any) -> None:
    """Add what was measured: `rows` by name, and whatever else there is to say."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    record = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%MZ"),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "rows": {name: {key: round(value, 2) for key, value in row.items()} for name, row in rows.items()},
        **more,
    }
    before = json.loads(FILE.read_text("utf-8")) if FILE.exists() else []
    FILE.write_text("[\n" + ",\n".join(json.dumps(one) for one in [*before, record]) + "\n]\n", "utf-8")
