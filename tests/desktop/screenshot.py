"""Takes the README's screenshot: the real icon, its menu and a real notification of the demo, in a private desktop.

Run it where the desktop tests run:  python tests/desktop/screenshot.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from real_desktop import Desktop, desktop_session, eventually
from tray import locale
from tray.simulator import demo

TARGET = Path(__file__).parents[1] / "screenshots" / "tray.png"


def main() -> None:
    with desktop_session("--panel") as desktop, tempfile.TemporaryDirectory() as folder:
        drafts = Path(folder, "com.lveditor.draft")
        drafts.mkdir()
        home = Path(folder, "home")
        home.mkdir()
        (home / "settings.toml").write_text('language = "zh_CN"\n', "utf-8")
        locale.use("zh_CN")  # the simulated bot speaks it too
        with demo.simulator(pace_s=0.02) as cloud:
            variables = {
                "COZE_TRAY_HOME": str(home),
                "COZE_API_BASE": cloud.base_url,
                "COZE_API_TOKEN": "t",
                "COZE_TRAY_DRAFTS_DIR": str(drafts),
                "COZE_TRAY_ALLOW_HOSTS": "127.0.0.1",
            }
            running = subprocess.Popen([sys.executable, "-m", "tray"], env={**desktop.environment, **variables})
            try:
                desktop.python("-c", BACKGROUND)
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
    """Click the icon, the first thing in the panel, and walk into the list of drafts."""
    desktop.run("xdotool", "mousemove", "16", "16", "click", "1")
    time.sleep(1)  # a menu has no event that tells that it is drawn
    desktop.run("xdotool", "key", "--delay", "200", "Down", "Down", "Right")
    time.sleep(1)


def _shoot(desktop: Desktop, target: Path) -> None:
    desktop.run("import", "-window", "root", "-crop", "1280x220+0+0", "+repage", "-strip", str(target))


BACKGROUND = """
from Xlib.display import Display
display = Display()
root = display.screen().root
root.change_attributes(background_pixel=0x3B4A5A)
root.clear_area(0, 0, 0, 0)
display.sync()
"""


if __name__ == "__main__":
    main()
