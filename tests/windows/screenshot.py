"""Takes the README's picture of the Windows program: `python tests/windows/screenshot.py` (variables: see windows.py).

Wine's windows are not drawn as Windows draws them; what is in them is the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "desktop"), str(HERE.parents[1])]

from real_desktop import desktop_session, eventually
from windows import Windows, missing, windows_path

OUT = HERE.parent / "screenshots" / "windows.png"


def main() -> None:
    if why := missing():
        sys.exit(why)
    with tempfile.TemporaryDirectory() as folder, desktop_session("--panel") as desktop:
        windows = Windows(desktop, Path(os.environ["COZE_TRAY_WINDOWS_PROGRAM"]).absolute())
        home = Path(folder, "home")
        drafts = Path(folder, "drafts")
        drafts.mkdir()
        variables = {
            "COZE_TRAY_HOME": windows_path(home),
            "COZE_TRAY_DRAFTS_DIR": windows_path(drafts),
            "COZE_BOT_ID": "1",
            "COZE_API_TOKEN": "t",
            "COZE_API_BASE": "http://127.0.0.1:9",
        }
        home.mkdir()
        (home / "settings.toml").write_text('language = "zh_CN"\n', "utf-8")
        with windows.icon(**variables):
            eventually((home / "running.json").exists, "the listener")
            menu = windows.open_menu()
            time.sleep(1)  # until it is drawn
            OUT.parent.mkdir(exist_ok=True)
            area = f"{menu.x + menu.width + 40}x{menu.y + menu.height + 20}+0+0"
            desktop.run("import", "-window", "root", "-crop", area, "+repage", str(OUT))
        windows.end()
    print(OUT)


if __name__ == "__main__":
    main()
