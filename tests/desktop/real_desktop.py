"""Real desktops for the tests: an X server, D-Bus, a panel, notifications and a Secret Service, from the folder
`shared` beside the checkout; and the icon shown in one."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

SHARED = Path(__file__).parents[3] / "shared" / "desktop"
CHECKOUT = Path(__file__).parents[2]
PROGRAMS = (
    "Xvfb",
    "dbus-run-session",
    "dbus-monitor",
    "dunst",
    "gnome-keyring-daemon",
    "xfce4-panel",
    "openbox",
    "trayer",
    "xwininfo",
)

COZE_TRAY = (os.environ["COZE_TRAY_PROGRAM"],) if "COZE_TRAY_PROGRAM" in os.environ else (sys.executable, "-m", "tray")
"""The program that the tests are about: the packaged one that COZE_TRAY_PROGRAM names, else this checkout's."""

T = TypeVar("T")


def missing() -> str | None:
    """What keeps a desktop from being run here, or None."""
    if not SHARED.is_dir():
        return "there is no folder shared/desktop beside the checkout"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if importlib.util.find_spec("gi") is None:
        return f"{sys.executable} has no PyGObject (python3-gi, and a venv with --system-site-packages)"
    return None


class Desktop:
    """A running desktop session; programs are run in it by its environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = {**environment, "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8", "COZE_TRAY_NO_GUIDE": "1"}
        self.logs = Path(environment["DESKTOP_LOGS"])

    def python(self, *arguments: str, **variables: str) -> str:
        """What this Python prints; fails with what it says when it fails."""
        return self.run(sys.executable, *arguments, **variables)

    def run(self, *command: str, **variables: str) -> str:
        done = subprocess.run(
            command, env={**self.environment, **variables}, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def menu(self, *clicks: str) -> list[dict[str, Any]]:
        """The icon's properties, its menu, what was clicked, and the menu after it: one value for each."""
        arguments = [word for label in clicks for word in ("--click", label)]
        lines = self.run("/usr/bin/python3", str(SHARED / "tray_menu.py"), *arguments).splitlines()
        return [json.loads(line) for line in lines]

    def labels(self, *clicks: str) -> list[str]:
        """The labels of the menu, after the clicks."""
        menu = self.menu(*clicks)[-1]["menu"]
        return [entry["label"].replace("_", "") for entry in menu if "label" in entry]

    def labels_by_now(self) -> list[str]:
        """As `labels`; none while there is no icon."""
        try:
            return self.labels()
        except AssertionError:
            return []

    def notifications(self) -> str:
        """Every notification that went over the bus so far, as dbus-monitor writes it."""
        return (self.logs / "notify.monitor").read_text("utf-8")


@contextmanager
def desktop_session(*options: str, **variables: str) -> Iterator[Desktop]:
    """A desktop for as long as the block runs, with the environment variables given."""
    report = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"
    session = subprocess.Popen(
        [str(SHARED / "desktop-session"), *options, sys.executable, "-c", report],
        env={**os.environ, **variables, "KEEP_ENV": " ".join(variables)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert session.stdin is not None
    assert session.stdout is not None
    try:
        line = session.stdout.readline()
        assert line, "the desktop session did not start"
        yield Desktop(json.loads(line))
    finally:
        session.stdin.close()
        try:
            session.wait(30)
        except subprocess.TimeoutExpired:
            session.kill()


@contextmanager
def desktop_without_notifications(folder: Path, *options: str) -> Iterator[Desktop]:
    """A desktop where nothing takes notifications, nor is started to: D-Bus would start the daemon that is installed.

    `folder` is for the file that keeps it from that.
    """
    services = folder / "dbus-1" / "services"
    services.mkdir(parents=True)
    (services / "none.service").write_text("[D-BUS Service]\nName=org.freedesktop.Notifications\nExec=/bin/false\n")
    with desktop_session("--no-notifications", *options, XDG_DATA_DIRS=f"{folder}:/usr/share") as desktop:
        yield desktop


class Driver:
    """tray_driver.py, running. Its lines are read as they come."""

    def __init__(self, desktop: Desktop, drafts: list[tuple[str, str]], folder: str, **variables: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("tray_driver.py")), json.dumps(drafts), folder],
            env={**desktop.environment, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._rest = b""

    def publish(self, **event: object) -> None:
        """Hand it an event as `events.to_json` writes it."""
        self.order(**event)

    def order(self, **order: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def says(self, **what: object) -> bool:
        """Whether it has said this by now."""
        assert self.process.stdout is not None
        with suppress(BlockingIOError):
            self._rest += os.read(self.process.stdout.fileno(), 65536)
        *lines, self._rest = self._rest.split(b"\n")
        self.heard += [json.loads(line) for line in lines]
        return what in [{name: line.get(name) for name in what} for line in self.heard]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@contextmanager
def tray(desktop: Desktop, *drafts: tuple[str, str], folder: str = "", **variables: str) -> Iterator[Driver]:
    """The icon, shown in the desktop by tray_driver.py."""
    driver = Driver(desktop, list(drafts), folder, **variables)
    try:
        eventually(lambda: driver.says(visible=True), "the icon to be visible")
        yield driver
    finally:
        driver.end()


@contextmanager
def process(desktop: Desktop, *command: str) -> Iterator[None]:
    """Another program in the desktop, for as long as the block runs; it is killed then."""
    running = subprocess.Popen(command, env=desktop.environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.kill()
        running.wait()


@contextmanager
def panel_s_needs(desktop: Desktop) -> Iterator[None]:
    """Its settings and its window manager, as desktop-session has them."""
    settings = Path(desktop.environment["HOME"], ".config/xfce4/xfconf/xfce-perchannel-xml")
    settings.mkdir(parents=True)
    shutil.copy(SHARED / "xfce4-panel.xml", settings)
    daemon = next(Path("/usr/lib").glob("*/xfce4/xfconf/xfconfd"))
    with process(desktop, "openbox"), process(desktop, str(daemon)):
        yield


def entries_of(desktop: Desktop) -> dict[str, dict[str, Any]]:
    """The menu's entries by their labels."""
    return {entry["label"].replace("_", ""): entry for entry in desktop.menu()[1]["menu"] if "label" in entry}


def entries_with(desktop: Desktop, label: str, item: str) -> dict[str, dict[str, Any]]:
    """The entries once there is one named `label` that has an item whose name `item` is in; none before."""
    entries = entries_of(desktop)
    return entries if item in str(entries.get(label, {}).get("items")) else {}


def fake_zenity(folder: Path, script: str) -> str:
    """A zenity that writes down its arguments and then does what `script` says. Returns the PATH with it in front."""
    program = folder / "zenity"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/asked"\n{script}\n')
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def eventually(look: Callable[[], T], what: str, timeout_s: float = 60) -> T:
    """The first true value of `look`. Fails when that takes longer than `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)
    return seen
