"""What the desktop opens for the user: folders, texts, pages, and the application that drafts are for."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tray.desktop import outside

if TYPE_CHECKING:
    from tray.draft.folders import Machine, Profile

log = logging.getLogger(__name__)

_WINDOWS_NAMES: dict[Profile, str] = {"jianying": "JianyingPro", "capcut": "CapCut"}
_MAC_BUNDLES: dict[Profile, tuple[str, ...]] = {
    "jianying": ("VideoFusion-macOS.app", "剪映专业版.app", "JianyingPro.app"),
    "capcut": ("CapCut.app",),
}


@dataclass(frozen=True)
class Application:
    """JianYing or CapCut on this computer: an .exe on Windows, a bundle on macOS."""

    app: Profile
    path: Path


def open_folder(path: str | os.PathLike[str]) -> None:
    """Open the folder in the file manager and return at once. What goes wrong is logged."""
    threading.Thread(target=_open_folder, args=(Path(path),), name="open-folder", daemon=True).start()


def open_text(path: Path) -> None:
    """Open a text of the program's own in what the desktop shows texts with; where it is not there yet, its folder.
    Returns at once; what goes wrong is logged."""
    action = _open if path.is_file() else _open_folder
    threading.Thread(target=action, args=(path if path.is_file() else path.parent,), name="open", daemon=True).start()


def open_page(url: str) -> None:
    """Open the page. What goes wrong is logged; what is not https is not opened."""
    if url.startswith("https://"):
        _browse(url)
    else:
        log.warning("the page %s is not opened: it is not https", url)


def open_own_page(url: str) -> None:
    """Open a page of this program's own, on this computer."""
    if url.startswith("http://127.0.0.1:"):
        _browse(url)


def _browse(url: str) -> None:
    if sys.platform.startswith("linux"):
        _open(url)
    else:
        try:
            outside.show_page(url)
        except (webbrowser.Error, OSError) as error:
            log.warning("the page %s could not be opened: %s", url.partition("?")[0], error)


def application_for(drafts: Path, machine: Machine | None = None) -> Application | None:
    """The application that shows the drafts in that folder, where it is installed: JianYing or CapCut, which run on
    Windows and macOS alone.

    No way is published to have either open a certain draft, so it can only be started. Where they are: on Windows
    `%LOCALAPPDATA%/<name>/Apps` or the registry's `installDir` (which other tools read), on macOS
    VideoFusion-macOS.app (Homebrew's cask jianyingpro). Neither was seen on a real computer by who wrote this."""
    from tray.draft.folders import profile_of, this_machine

    app = profile_of(drafts)
    found = next((path for path in _places(app, machine or this_machine()) if path.exists()), None)
    return None if found is None else Application(app, found)


def start(application: Application) -> None:
    """Start it, or bring it to the front. Returns at once; what goes wrong is logged."""
    threading.Thread(target=_open, args=(application.path,), name="open-application", daemon=True).start()


def _places(app: Profile, machine: Machine) -> Iterator[Path]:
    if machine.platform == "win32":
        name = _WINDOWS_NAMES[app]
        if local := machine.env.get("LOCALAPPDATA"):
            yield Path(local, name, "Apps", f"{name}.exe")
        if installed := machine.registry(rf"Software\Bytedance\{name}", "installDir"):
            yield Path(installed, f"{name}.exe")
            yield Path(installed, "Apps", f"{name}.exe")
    elif machine.platform == "darwin":
        for folder in (Path("/Applications"), machine.home / "Applications"):
            for bundle in _MAC_BUNDLES[app]:
                yield folder / bundle


def _open_folder(folder: Path) -> None:
    if folder.is_dir():  # and so never a program that lies where a folder was
        _open(folder)
    else:
        log.warning("the folder %s is not there", folder)


def _open(path: Path | str) -> None:
    """A folder, a text or an application found above, or a page."""
    try:
        if sys.platform == "win32":
            # With its separator at the end, a folder is no program that has its name but for “.exe”.
            what = f"{path}{os.sep}" if isinstance(path, Path) and path.is_dir() else path
            with outside.without_our_libraries():
                os.startfile(what)  # noqa: S606 - no shell
            return
        opener = "open" if sys.platform == "darwin" else "xdg-open"
        subprocess.run(  # noqa: S603 - a list of two, no shell
            [opener, path if isinstance(path, str) else str(path.absolute())],
            env=outside.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what it opens outlives the tray
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        log.warning("%s could not be opened: %s", path, error)
