"""Takes the README's screenshot: the real icon, its menu and a real notification of the demo, in a private desktop.

Run it where the desktop tests run:  python tests/desktop/screenshot.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from real_desktop import Desktop, desktop_session, eventually
from tray.simulator import demo

TARGET = Path(__file__).parents[1] / "screenshots" / "tray.png"
LANGUAGE = {"LANG": "zh_CN.UTF-8", "LC_ALL": "zh_CN.UTF-8", "LANGUAGE": "zh_CN"}


def main() -> None:
    with desktop_session("--panel") as desktop, tempfile.TemporaryDirectory() as folder:
        drafts = Path(folder, "com.lveditor.draft")
        drafts.mkdir()
        with demo.simulator(pace_s=0.02) as cloud:
            variables = {
                **LANGUAGE,
                "COZE_TRAY_HOME": str(Path(folder, "home")),
                "COZE_API_BASE": cloud.base_url,
                "COZE_API_TOKEN": "t",
                "COZE_TRAY_DRAFTS_DIR": str(drafts),
                "COZE_TRAY_ALLOW_HOSTS": "127.0.0.1",
            }
            running = subprocess.Popen([sys.executable, "-m", "tray"], env={**desktop.environment, **variables})
            try:
                eventually(lambda: _icon(desktop), "the icon")
                desktop.run(sys.executable, "-m", "tray", "ask", "做一个关于一天的短视频", "--bot", "1", **variables)
                eventually(lambda: "Notify" in desktop.notifications(), "the notification")
                _open_menu(desktop)
                TARGET.parent.mkdir(exist_ok=True)
                _shoot(desktop, TARGET)
            finally:
                running.terminate()
                running.wait(10)


def _icon(desktop: Desktop) -> bool:
    try:
        return bool(desktop.menu())
    except AssertionError:
        return False


def _open_menu(desktop: Desktop) -> None:
    """Click the icon in the panel: where it is, the panel's own picture shows."""
    x, y = json.loads(os.environ.get("ICON_AT", "[1262, 14]"))
    desktop.run("xdotool", "mousemove", str(x), str(y), "click", "1")
    time.sleep(1)  # a menu has no event that tells that it is drawn


def _shoot(desktop: Desktop, target: Path) -> None:
    desktop.run("import", "-window", "root", "-strip", str(target))


if __name__ == "__main__":
    main()
