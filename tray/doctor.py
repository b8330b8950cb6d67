"""What is set up, what is missing, and how to mend it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tray import settings as settings_module
from tray.desktop import notify
from tray.draft import folders
from tray.draft.problems import DraftError
from tray.errors import SIGN_IN, SettingsError
from tray.home import home as home_folder
from tray.locale import _
from tray.text import for_terminal


@dataclass(frozen=True)
class Check:
    """`ok` None: neither good nor bad, to know. `mend`: what to do where it is not ok."""

    name: str
    ok: bool | None
    found: str
    mend: str = ""


def checks() -> Iterator[Check]:
    """Every check, one after the other; some ask the keyring and the desktop and take a moment."""
    home = home_folder()
    yield Check(_("home folder"), True, str(home))
    try:
        read = settings_module.look()
    except SettingsError as error:
        yield Check(_("settings"), False, error.message, error.advice)
        return
    settings, file = read.settings, settings_module.settings_file()
    yield Check(_("settings"), True, str(file) if file.exists() else _("the defaults; no {file} yet").format(file=file))
    for unknown in read.unknown:
        yield Check(_("settings"), None, str(unknown))
    yield Check(_("Coze"), True, settings.base_url)
    yield from _token(settings)
    yield Check(
        _("bot"),
        bool(settings.bot_id),
        settings.bot_id or _("none chosen"),
        _("Set bot_id in the settings or COZE_BOT_ID, or give --bot."),
    )
    yield from _folders(settings)
    yield _icon()
    if sys.platform == "linux":
        has_sender = shutil.which("notify-send") is not None or importlib.util.find_spec("dbus") is not None
        found = "notify-send" if has_sender else _("none")
        if not notify.has_session_bus():
            yield Check(_("notifications"), None, _("no desktop session here"))
        else:
            yield Check(_("notifications"), has_sender, found, "sudo apt install libnotify-bin")
    from tray.desktop import autostart

    registered = autostart.status()
    yield Check(_("start at login"), None, str(registered.where) if registered else _("off"))
    yield Check(_("log"), None, str(home / "coze-tray.log"))


def _token(settings: settings_module.Settings) -> Iterator[Check]:
    from tray import known_account, secrets

    if secrets.environment_token():
        yield Check(_("token"), True, _("from COZE_API_TOKEN"))
        return
    found = known_account.about(settings)
    if found["keyring"]:
        yield Check(_("token"), False, found["keyring"])
        return
    where = _("in the keyring, for {host}").format(host=settings.api_host)
    yield Check(_("token"), found["signed_in"], where if found["signed_in"] else _("none"), _(SIGN_IN))
    if warning := known_account.expiry_warning(settings):
        yield Check(_("token"), False, warning)
    if found["scopes_missing"]:
        missing = _("lacks {scopes}").format(scopes=", ".join(found["scopes_missing"]))
        yield Check(_("token"), False, missing, _("Make one that has them, and sign in with it."))


def _folders(settings: settings_module.Settings) -> Iterator[Check]:
    found = folders.candidates()
    for app in folders.APPS:
        yield from _application(app, [candidate for candidate in found if candidate.app == app])
    for file, error in folders.unreadable():
        text = _("{file} can't be read: {error}").format(file=file, error=error.strerror or error)
        yield Check(_("drafts folder"), None, text)
    try:
        chosen = folders.drafts_folder(settings.drafts_dir)
    except DraftError as error:
        yield Check(_("drafts folder"), False, error.message, error.advice)
    else:
        there = chosen if os.path.lexists(chosen) else chosen.parent  # it is made where only its last part is missing
        usable = _is_folder(there) and os.access(there, os.W_OK)
        text = _("{path} (for {app})").format(path=chosen, app=folders.APPS[folders.profile_of(chosen, found)])
        yield Check(_("drafts folder"), usable, text, _("It can't be written: choose another folder."))
    for name, path in settings.folders.items():
        yield Check(_("folder {name}").format(name=name), _is_folder(path), str(path), _("Make it, or mend its path."))


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for what may not be looked at


def _application(app: folders.Profile, found: list[folders.Candidate]) -> Iterator[Check]:
    """What is known of JianYing or CapCut: its version, and each place where something says its drafts are."""
    if version := folders.version_of(app):
        yield Check(folders.APPS[app], None, _("version {version}").format(version=version))
    for candidate in found:
        if candidate.usable:
            text = _("{path} (usable)")
        else:
            text = _("{path} (can't be written)") if candidate.there else _("{path} (not there)")
        yield Check(candidate.source, None, text.format(path=for_terminal(str(candidate.path))))
    if folders.disagreeing(found):
        text = _("its settings file and the registry name different folders; the first of them that can be used is "
                 "taken. Set drafts_dir to choose.")  # fmt: skip
        yield Check(folders.APPS[app], None, text)


def _icon() -> Check:
    from tray.desktop import host

    missing = host.prepare() or host.no_tray()
    return Check(_("tray icon"), missing is None, _("can be shown") if missing is None else missing)
