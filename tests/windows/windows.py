"""The Windows program under Wine, on a real desktop: run, seen and clicked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from real_desktop import Desktop, eventually

CHECKOUT = Path(__file__).parents[2]
WINE = CHECKOUT / ".ci" / "windows" / "wine"
LIMIT_S = 120
"""For one run of the program. The self-test takes 20 s on a quiet machine."""


def missing() -> str | None:
    """What keeps the Windows program from being run here, or None."""
    for name in ("COZE_TRAY_WINE", "COZE_TRAY_WINDOWS_PROGRAM"):
        if not os.environ.get(name):
            return f"{name} is not set (.ci/run makes a Windows Python under Wine and builds the program with it)"
    absent = [name for name in ("wine", "xdotool", "import") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


@dataclass(frozen=True)
class Box:
    x: int
    y: int
    width: int
    height: int


class Windows:
    """The packaged program in a Wine prefix, shown on a desktop."""

    def __init__(self, desktop: Desktop, program: Path) -> None:
        self.desktop, self.program = desktop, program
        # The prefix' desktop belongs to the first display that it was used on.
        self._wine_environment = {**desktop.environment, "WINEPREFIX": f"{os.environ['COZE_TRAY_WINE']}/prefix"}
        self.end()

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a Windows program to its end; standard error is in standard output."""
        return subprocess.run(
            self._line(*command), env=self._environment(variables), capture_output=True, text=True, check=False
        )

    def coze_tray(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command, as in a terminal."""
        return self.run(str(self.program / "coze-tray.com"), *arguments, **variables)

    @contextmanager
    def icon(self, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """The program as a double click starts it, for as long as the block runs."""
        running = subprocess.Popen(
            self._line(str(self.program / "coze-tray.exe")),
            env=self._environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield running
        finally:
            if running.poll() is None:
                self.end()
            running.communicate()

    def docked(self) -> Box | None:
        """Where the icon is in the panel: Wine's explorer puts it there, in a window as large as an icon."""
        return next(
            (box for box in self._windows("explorer.exe") if 16 <= box.width <= 64 and 16 <= box.height <= 64), None
        )

    def menu(self) -> Box | None:
        """Where the open menu is."""
        return next((box for box in self._windows("coze-tray.exe") if box.width > 1), None)

    def open_menu(self) -> Box:
        """Right-click the icon. Where its picture is transparent Wine lets the click through, so its frame is hit."""
        icon = eventually(self.docked, "the icon")
        self.click(icon.x + icon.width // 2 - 6, icon.y + icon.height // 2 - 6, button=3)
        return eventually(self.menu, "the menu", 20)

    def click(self, x: int, y: int, button: int = 1) -> None:
        # Wine's explorer looks at the mouse now and then: what comes and goes at once it does not see.
        self.desktop.run("xdotool", "mousemove", str(x), str(y), "sleep", "0.3",
                         "mousedown", str(button), "sleep", "0.3", "mouseup", str(button))  # fmt: skip

    def end(self) -> None:
        """End every process in the prefix."""
        subprocess.run(["wineserver", "-k"], env=self._wine_environment, check=False, timeout=30)
        subprocess.run(["wineserver", "-w"], env=self._wine_environment, check=False, timeout=30)

    def _windows(self, name: str) -> list[Box]:
        tree = self.desktop.run("xwininfo", "-root", "-tree")
        found = re.findall(rf'"{re.escape(name)}"\)\s+(\d+)x(\d+)\+-?\d+\+-?\d+\s+\+(\d+)\+(\d+)', tree)
        return [Box(int(x), int(y), int(width), int(height)) for width, height, x, y in found]

    def _line(self, *command: str) -> list[str]:
        return [str(WINE), os.environ["COZE_TRAY_WINE"], str(LIMIT_S), *command]

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        return {**self._wine_environment, "LANG": "C.UTF-8", **variables}


def windows_path(path: Path) -> str:
    """As Windows programs see it: Wine's drive Z: is the root."""
    return "Z:" + str(path).replace("/", "\\")
