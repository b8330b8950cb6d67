"""`coze-tray selftest`: does everything that this program needs of a machine work here? It tries each for real.

Nothing of the user's is touched: the drafts, the journal and the log lie in a folder of their own that goes again, the
keyring's entry has a name of its own, and starting at login is afterwards as it was.
"""

from __future__ import annotations

import gettext
import importlib
import json
import logging
import pkgutil
import secrets as random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tray
from tray import events, instance, locale
from tray.coze import sdk
from tray.desktop import autostart, host, notify
from tray.desktop.images import icon_path
from tray.desktop.program import Program
from tray.desktop.tray import Tray
from tray.errors import TrayError
from tray.locale import _

log = logging.getLogger(__name__)

STEP_S = 120.0
"""For how long a step may go on. The draft takes 3 s, under Wine 20."""

PACKAGES = (
    *("cozepy", "pyJianYingDraft", "pystray", "plyer", "keyring", "PIL.Image", "pillow_heif", "httpx", "socksio"),
    *("httpx_sse", "anyio", "aiohttp", "aiohttp_socks", "pydantic", "tomlkit", "typer", "rich", "platformdirs"),
    *("pathvalidate", "filelock", "stamina", "orjson", "opentimelineio", "av", "fastapi", "uvicorn", "jinja2"),
    *("python_multipart", "limits", "segno", "send2trash", "watchdog", "cronsim"),
)
"""What pyproject.toml asks for, by the names it is imported by."""


@dataclass(frozen=True)
class Result:
    """`step`: the same in every language. `ok` None: it could not be tried here, and `text` says why."""

    step: str
    ok: bool | None
    text: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        state = {True: "ok", False: "failed", None: "skipped"}[self.ok]
        return {"step": self.step, "state": state, "text": self.text, "seconds": round(self.seconds, 2)}


class CanNotBeTriedError(Exception):
    """This machine has nothing to try it with; the text says what is missing."""


def title(step: str) -> str:
    """The step's name for people."""
    return {
        "imports": _("libraries"),
        "files": _("icons and translation"),
        "icon": _("tray icon"),
        "notification": _("notification"),
        "draft": _("draft"),
        "second_start": _("second start"),
        "keyring": _("keyring"),
        "autostart": _("start at login"),
    }[step]


def run(tell: Callable[[Result], None]) -> bool:
    """Try everything, telling each result as it comes. Returns whether nothing failed.

    The icon is shown meanwhile, where there is a tray; call it in the main thread.
    """
    results: list[Result] = []

    def told(step: str, work: Callable[[], str]) -> None:
        results.append(_tried(step, work))
        tell(results[-1])

    with tempfile.TemporaryDirectory(prefix="coze-tray selftest 自检 ", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        told("imports", _imports)
        told("files", _own_files)
        held = instance.acquire_or_tell(home)
        program = Program(home, held)
        try:
            _with_icon(program, told)
        finally:
            program.close()
            _close_log(home)
    return all(result.ok is not False for result in results)


def machine() -> str:
    """Which program on which system, in a line."""
    import platform

    kind = "packaged" if getattr(sys, "frozen", False) else "Python"
    return f"coze-tray {tray.__version__} ({kind} {platform.python_version()}, {platform.platform()})"


def _tried(step: str, work: Callable[[], str]) -> Result:
    """The work in a thread of its own: one that never ends fails, and the others are tried all the same."""
    said: list[tuple[bool | None, str]] = []

    def guarded() -> None:
        try:
            said.append((True, work()))
        except CanNotBeTriedError as missing:
            said.append((None, str(missing)))
        except TrayError as error:
            said.append((False, str(error)))
        except Exception as error:
            log.exception("the step %s failed", step)
            said.append((False, f"{type(error).__name__}: {error}"))

    start = time.monotonic()
    worker = threading.Thread(target=guarded, name="selftest", daemon=True)
    worker.start()
    worker.join(STEP_S)
    ok, text = said[0] if said else (False, _("It did not end within {n} s.").format(n=round(STEP_S)))
    return Result(step, ok, text, time.monotonic() - start)


def _with_icon(program: Program, told: Callable[[str, Callable[[], str]], None]) -> None:
    """The steps that belong to a running program, with its icon in the tray where there is one."""
    missing = host.prepare()
    icon: Any = None
    failed: list[Exception] = []

    def shown() -> str:
        if nowhere := missing or host.no_tray():
            raise CanNotBeTriedError(nowhere)
        return _("shown ({kind})").format(kind=type(icon).__module__.rpartition(".")[2].lstrip("_"))

    def steps() -> None:
        told("icon", shown)
        told("notification", lambda: _notification(icon))
        told("draft", lambda: _draft(program))
        told("second_start", lambda: _second_start(program))
        told("keyring", _keyring)
        told("autostart", _autostart)

    if missing is not None:
        steps()
        return
    shown_tray = Tray(program, program.bus)

    def in_the_tray() -> None:
        nonlocal icon
        icon = shown_tray.icon
        try:
            steps()
        except Exception as error:  # noqa: BLE001 - raised again below, where the icon is gone
            failed.append(error)
        finally:
            shown_tray.stop()

    shown_tray.run(in_the_tray)
    if failed:
        raise failed[0]


def _imports() -> str:
    own = [module.name for module in pkgutil.walk_packages(tray.__path__, "tray.") if module.name != "tray.__main__"]
    # Without a display pystray raises an error of Xlib's: it is not what is tried here.
    no_display = sys.platform not in ("win32", "darwin") and host.prepare() is not None
    packages = [name for name in PACKAGES if not (name == "pystray" and no_display)]
    sdk.whole()  # before whatever imports cozepy too: it would print a warning of authlib's
    for name in (*own, *packages):
        importlib.import_module(name)
    return _("{n} modules, {m} packages").format(n=len(own), m=len(packages))


def _own_files() -> str:
    """Icons and translations: what a package may lack and shows only when it is looked for."""
    icon_path()
    if gettext.find("coze-tray", Path(locale.__file__).parent, ["zh_CN"]) is None:
        raise FileNotFoundError(_("The Chinese translation is missing."))
    return _("icons, Chinese")


def _close_log(home: Path) -> None:
    """Windows deletes no file that is open."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler) and home in Path(handler.baseFilename).parents:
            logging.getLogger().removeHandler(handler)
            handler.close()


def _notification(icon: Any | None) -> str:
    if sys.platform == "linux" and not notify.has_session_bus():
        raise CanNotBeTriedError(_("no desktop session here"))
    notifier = notify.notifier(icon)
    with _logged(notify.log) as failures:  # as the notifier raises nothing
        notifier.show(_("Self-test"), _("coze-tray can show notifications."))
        if not notifier.flush(20):
            raise TrayError(_("The desktop takes no notifications."))
    if failures:
        raise TrayError(failures[0])
    return _("sent")


@contextmanager
def _logged(logger: logging.Logger) -> Iterator[list[str]]:
    """The warnings and errors that are logged meanwhile."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            said.append(f"{record.getMessage()}: {error}" if error else record.getMessage())

    ear = Ear(logging.WARNING)
    logger.addHandler(ear)
    try:
        yield said
    finally:
        logger.removeHandler(ear)


def _draft(program: Program) -> str:
    """A simulated bot's draft: the listener, the local plugin, the worker process and every media library."""
    from tray import app, words
    from tray.asked import Asked
    from tray.settings import Settings
    from tray.simulator import demo

    root = program.home / "drafts 草稿"
    root.mkdir()
    with demo.simulator(pace_s=0) as cloud:
        settings = Settings(api_base=cloud.base_url, bot_id="demo", drafts_dir=root, allow_hosts=(cloud.host,))
        opened = program.open(settings, resume=False, token="selftest")  # noqa: S106 - the simulator takes any
        receipt: events.Receipt | None = None
        for event in app.ask(opened, app.NewRequest(Asked(settings.base_url, "bot", "demo", "selftest"), None)):
            if isinstance(event, events.RequestFailed):
                raise TrayError(event.failure.message, event.failure.advice)
            if isinstance(event, events.DraftWritten):
                receipt = event.receipt
    if receipt is None:
        raise TrayError(_("The bot was done, and there is no draft."))
    content = json.loads(Path(receipt.path, "draft_content.json").read_text("utf-8"))
    materials = content["materials"]
    media = [Path(one["path"]) for kind in ("videos", "audios") for one in materials[kind]]
    if len(media) != 2 * len(materials["texts"]) or not all(file.stat().st_size for file in media):
        raise TrayError(_("The draft is not whole."))
    return f"{words.of_segments(receipt)}, {words.size(receipt.media_bytes)}"


def _second_start(program: Program) -> str:
    """The lock keeps another process out, and the socket lets it ask."""
    if instance.acquire(program.home) is not None:
        raise TrayError(_("A second coze-tray could be started beside this one."))
    address = instance.running(program.home)
    if address is None or not list(instance.hand_on(address, {"op": "state"})):
        raise TrayError(_("The running program could not be asked."))
    return _("handed on to the running program")


def _keyring() -> str:
    """A record so long that it needs several entries, under a name that no API host can have."""
    from tray import secrets

    name = f"selftest {random.token_hex(4)}"
    stored = secrets.Token(random.token_hex(1500))
    secrets.read(name)  # raises where the keyring is locked or was never set up, instead of asking for a password
    secrets.write(name, stored)
    try:
        if secrets.read(name) != stored:
            raise TrayError(_("The keyring gave back something else than was stored."))
    finally:
        secrets.delete(name)
    if secrets.read(name) is not None:
        raise TrayError(_("The keyring still holds what was deleted from it."))
    return _("stored, read, deleted")


def _autostart() -> str:
    with autostart.as_it_was():
        autostart.enable()
        registered = autostart.status()
        if registered is None:
            raise TrayError(_("Starting at login was switched on, but it is not registered."))
        autostart.disable()
        if autostart.status() is not None:
            raise TrayError(_("Starting at login was switched off, but it is still registered."))
    return registered.command
