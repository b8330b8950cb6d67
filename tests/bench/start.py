"""How long it takes from the start of the process to the icon on the screen. Linux, in a private desktop with a panel;
not a test by itself.

    python tests/bench/start.py [--times 7]     prints a table and adds its figures to history.json beside it

The icon is there when the panel's pixels change where it goes; they are looked at every 5 ms. Beside it, each in a
process of its own and in the same run: Python that does nothing; Python that imports what comes before the icon; and a
bare icon of pystray and Pillow. The median of several starts counts, after one that nobody measures, which reads the
files from the disk.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "desktop"), str(HERE.parents[1])]

import history
from memory import BARE

from real_desktop import Desktop, desktop_session, eventually

MOST_S = 0.6
LOOK_S = 0.005


def pixels_of(screen: Any) -> bytes:
    """The panel's first 16 pixels, 32 high: where an icon goes; without one, where its clock begins."""
    from Xlib import X

    data: bytes = screen.root.get_image(0, 0, 16, 32, X.ZPixmap, 0xFFFFFFFF).data
    return data


def to_icon_s(desktop: Desktop, screen: Any, *arguments: str, **variables: str) -> float:
    """From the start of a Python program to its icon on the screen; then it is ended."""
    before = pixels_of(screen)
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], env={**desktop.environment, **variables})
    try:
        while pixels_of(screen) == before:
            time.sleep(LOOK_S)
            assert time.perf_counter() - began < 30, "there is no icon"
        return time.perf_counter() - began
    finally:
        time.sleep(0.5)  # it is still opening what is behind the icon
        process.terminate()
        process.wait(20)
        eventually(lambda: pixels_of(screen) == before, "the icon to go")


def to_end_s(desktop: Desktop, *arguments: str) -> float:
    """How long a Python program takes that ends by itself."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=desktop.environment, check=True)
    return time.perf_counter() - began


def rows(times: int, folder: Path) -> dict[str, dict[str, float]]:
    """Every figure, by the row's name."""
    from Xlib.display import Display

    made: dict[str, dict[str, float]] = {}

    def several(name: str, once: Callable[[], float]) -> None:
        once()
        taken = [once() for _time in range(times)]
        made[name] = {"median_s": statistics.median(taken), "least_s": min(taken), "most_s": max(taken)}

    with desktop_session("--panel") as desktop:
        screen = Display(desktop.environment["DISPLAY"]).screen()
        home = {"COZE_TRAY_HOME": str(folder / "home"), "XDG_CONFIG_HOME": str(folder / "config")}
        several("Python, nothing", lambda: to_end_s(desktop, "-c", "pass"))
        several("Python, imports before the icon", lambda: to_end_s(desktop, "-c", "import tray.desktop.start"))
        several("a bare icon", lambda: to_icon_s(desktop, screen, "-c", BARE))
        several("the icon", lambda: to_icon_s(desktop, screen, "-m", "tray", **home))
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=7)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = rows(told.times, Path(folder))
    print(f"{'':40} median s  least s   most s")
    for name, row in made.items():
        print(f"{name:40}{row['median_s']:>9.3f}{row['least_s']:>9.3f}{row['most_s']:>9.3f}")
    value = made["the icon"]["median_s"]
    print(f"\n{'the icon, median':40}{value:>9.3f}  must be at most {MOST_S:g}{'' if value <= MOST_S else '  NOT MET'}")
    history.add(made)
    return 0 if value <= MOST_S else 1


if __name__ == "__main__":
    sys.exit(main())
