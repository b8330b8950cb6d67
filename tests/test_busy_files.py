"""Files that somebody else has open, which Windows does not replace."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from tray import home
from tray.home import write_private


@pytest.mark.skipif(sys.platform == "win32", reason="there it is the system that refuses: see below")
def test_a_file_that_a_virus_scanner_holds_for_a_moment_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(home, "BUSY_S", (0.0, 0.0))
    replace, left = Path.replace, [2]

    def refuses(path: Path, target: Path) -> Path:
        if left[0]:
            left[0] -= 1
            raise PermissionError(13, "Access is denied")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuses)
    write_private(tmp_path / "x.json", "海")
    assert (tmp_path / "x.json").read_text("utf-8") == "海"
    left[0] = 9
    with pytest.raises(PermissionError):
        write_private(tmp_path / "x.json", "other")
    assert {path.name for path in tmp_path.iterdir()} == {"x.json"}
    assert (tmp_path / "x.json").read_text("utf-8") == "海"


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere a file that is open is replaced")
def test_a_file_that_is_open_for_a_moment_is_replaced_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_private(path, "before")
    scanner = path.open("rb")
    threading.Timer(0.3, scanner.close).start()
    write_private(path, "海")
    assert path.read_text("utf-8") == "海"
