"""Takes the README's pictures: the real icon with its menu and a real notification of the demo, in a private desktop,
and the icon in all its states.

Run it where the desktop tests run:  python tests/desktop/screenshot.py
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from PIL import Image, ImageChops, ImageDraw, ImageFont

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from real_desktop import COZE_TRAY, Desktop, desktop_session, eventually
from real_program import program, working_for
from tray import locale
from tray.desktop.images import Picture, picture
from tray.events import State
from tray.simulator import demo

FOLDER = Path(__file__).parents[1] / "screenshots"
PANELS = ("#f3f3f3", "#202020")
SIZES = (16, 20, 22, 24, 32, 40, 48, 64)
OPENED = "最近的草稿"
"""The submenu that is shown open, as far as there is one."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    icon_states().save(FOLDER / "icons.png", optimize=True)
    with desktop_session("--panel") as desktop, demo_home() as variables, program(desktop, **variables):
        desktop.python("-c", BACKGROUND)
        eventually(desktop.labels_by_now, "the icon")
        desktop.run(*COZE_TRAY, "ask", "做一个关于一天的短视频", "--bot", "1", **variables)
        eventually(lambda: "草稿已生成" in desktop.notifications(), "the notification")
        eventually(lambda: has_item(desktop, OPENED), "the draft in the menu")
        open_menu(desktop, OPENED)
        shoot(desktop, FOLDER / "tray.png")


@contextmanager
def demo_home(language: str = "zh_CN") -> Iterator[dict[str, str]]:
    """The variables of a program that has just been installed and is signed in to a simulated Coze, whose bot speaks
    the language too."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        home.mkdir()
        (home / "settings.toml").write_text(f'language = "{language}"\nbot_id = "1"\n', "utf-8")
        locale.use(language)
        with demo.simulator(pace_s=0.02) as cloud:
            yield working_for(cloud.base_url, Path(folder))


def icon_states() -> Image.Image:
    """Every state in every size, as drawn, on a light and on a dark panel."""
    states: list[tuple[str, Picture]] = []
    for state in get_args(State):
        states.append((state, Picture(state)))
        if state == "working":
            states.append(("working 3/7", picture("working", 3, 7)))
    gap, row, label = 12, max(SIZES) + 12, 110
    half = sum(SIZES) + gap * (len(SIZES) + 1)
    sheet = Image.new("RGB", (label + half * len(PANELS), row * len(states)), "#ffffff")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, panel in enumerate(PANELS):
        left = label + number * half
        pen.rectangle((left, 0, left + half, sheet.height), fill=panel)
    for line, (name, shown) in enumerate(states):
        middle = line * row + row // 2
        pen.text((8, middle), name, "#202020", font, anchor="lm")
        x = label
        for _panel in PANELS:
            x += gap
            for size in SIZES:
                drawn = shown.image(size)
                sheet.paste(drawn, (x, middle - size // 2), drawn)
                x += size + gap
    return sheet


def has_item(desktop: Desktop, label: str) -> bool:
    """Whether what is in that submenu can be clicked; so where there is no such submenu."""
    found = [entry for entry in desktop.menu()[-1]["menu"] if entry.get("label", "").replace("_", "") == label]
    return not found or any(item.get("enabled", True) and item.get("label") for item in found[0]["items"])


def open_menu(desktop: Desktop, label: str) -> None:
    """Click the icon, the first thing in the panel, and walk down to the entry and into it, as far as there is one."""
    desktop.run("xdotool", "mousemove", "16", "16", "click", "1")
    time.sleep(1)  # a menu has no event that tells that it is drawn
    # The keys pass over separators and what can't be clicked.
    entries = [entry for entry in desktop.menu()[-1]["menu"] if entry.get("label") and entry.get("enabled", True)]
    steps = next((n for n, entry in enumerate(entries, 1) if entry["label"].replace("_", "") == label), 0)
    if steps:
        desktop.run("xdotool", "key", "--delay", "150", *["Down"] * steps, "Right")
        time.sleep(1)


def shoot(desktop: Desktop, target: Path, height: int = 560) -> None:
    """The screen's upper part, without the empty rest of it."""
    desktop.run("import", "-window", "root", "-crop", f"1280x{height}+0+0", "+repage", "-strip", str(target))
    with Image.open(target) as taken:
        shot = taken.convert("RGB")
    ground = Image.new("RGB", shot.size, shot.getpixel((shot.width // 2, shot.height - 1)))
    used = ImageChops.difference(shot, ground).crop((0, 40, *shot.size)).getbbox() or (0, 0, 0, 160)
    shot.crop((0, 0, shot.width, min(shot.height, 40 + used[3] + 24))).save(target, optimize=True)


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
