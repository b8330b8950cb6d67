"""Signing in: the credential that requests are signed with, and what login and logout do about it."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import sys
import threading
import time
import webbrowser
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tray import instance, known_account, secrets
from tray import settings as settings_module
from tray.coze.credential import Credential, FixedToken
from tray.coze.stored import StoredCredential, bearer, locked
from tray.errors import SecretsError, SettingsError, TrayError
from tray.home import home as home_folder
from tray.locale import _
from tray.network import is_loopback
from tray.regions import REGIONS, check_base_url
from tray.secrets import Stored, Token
from tray.settings import Settings
from tray.text import for_terminal

log = logging.getLogger(__name__)

BROWSER_S = 300.0

_guard = threading.Lock()
_credentials: dict[tuple[str, str], StoredCredential] = {}


def credential_for(base_url: str, settings: Settings) -> Credential:
    """What signs requests to `base_url`: COZE_API_TOKEN, which is for the host of the settings, else what the keyring
    holds; that is read when the first token is asked for, which raises SecretsError where there is none. One for each
    host and process: a refreshed token that the keyring does not take lives on in it."""
    check_base_url(base_url)
    host = urlsplit(base_url).netloc
    if (token := secrets.environment_token()) and host == settings.api_host:
        return FixedToken(secrets.checked(token, "COZE_API_TOKEN"))
    lock = _lock()
    with _guard:
        found = _credentials.get((base_url, str(lock)))
        if found is None:
            found = _credentials[base_url, str(lock)] = StoredCredential(
                base_url, lambda: _read(host), lambda stored: _write(host, stored), lock
            )
    found.look_again()
    return found


@dataclass(frozen=True)
class Login:
    """What `login` was told. `days`: for how many a token is valid; `client_id`: of the OAuth app."""

    how: Literal["token", "device", "browser"] = "token"
    bot: str | None = None
    region: str | None = None
    days: float | None = None
    client_id: str | None = None


def login(told: Login) -> None:
    """Sign in, store it in the keyring, and ask Coze whose account it is."""
    from tray import terminal

    if told.region is not None and told.region not in REGIONS:
        raise SettingsError(_("The region is “{region}”.").format(region=told.region), _("It is cn or com."))
    settings = settings_module.load_for_people()
    if told.region is not None:
        settings = settings.model_copy(update={"region": told.region, "api_base": ""})
    if told.client_id is not None:
        settings = settings.model_copy(update={"oauth_client_id": told.client_id})
    made = {"token": _by_token, "device": _by_device, "browser": _by_browser}[told.how](settings, told)
    if unchecked := _keep(settings, made):
        terminal.show_warning(unchecked)
    remembered = {"region": told.region, "bot_id": told.bot, "oauth_client_id": told.client_id}
    settings_module.save(**{key: value for key, value in remembered.items() if value is not None})
    terminal.out.print(_signed_in(settings))
    for line in known_account.lines(known_account.about(settings)):
        terminal.out.print(line, markup=False)
    if secrets.environment_token():
        terminal.show_warning(_("COZE_API_TOKEN is set and is used instead of it."))
    instance.tell(home_folder(), {"op": "signed_in"})


def sign_in(token: str, settings: Settings, days: float | None = None) -> str:
    """Store that token, which the user has pasted and which is valid for so many days, and ask Coze whose it is.
    Returns what the user is to be told. Raises SecretsError."""
    ends_at = None if days is None else time.time() + days * known_account.DAY_S
    return keep(Token(secrets.checked(token, _("the input")), ends_at), settings)


def keep(made: Stored, settings: Settings) -> str:
    """Store what signing in has given, and ask Coze whose it is. Returns what the user is to be told. Raises
    SecretsError."""
    unchecked = _keep(settings, made)
    return f"{_signed_in(settings)} {unchecked}".strip()


def sign_out(settings: Settings) -> bool:
    """Delete what the keyring holds; False where there was nothing. Raises SecretsError."""
    host = settings.api_host
    with locked(_lock()):
        deleted = secrets.delete(host)
    known_account.remember(host, None)
    return deleted


def _keep(settings: Settings, made: Stored) -> str:
    """Store it unless Coze does not take it. Returns why that could not be asked, or "". Raises SecretsError; then what
    was stored before is stored still."""
    host = settings.api_host
    with locked(_lock()):
        before = _write(host, made)
    try:
        _look(settings, FixedToken(bearer(made)), "keyring")
    except SecretsError:
        with locked(_lock()):
            if before is None:
                secrets.delete(host)
                known_account.remember_end(host, None)
            else:
                _write(host, before)
        raise
    except TrayError as error:
        return _("Not checked: {error}").format(error=error.message)
    return ""


def _signed_in(settings: Settings) -> str:
    return _("Signed in to {host}; the token is in the keyring.").format(host=settings.api_host)


def logout() -> None:
    """Delete what the keyring holds."""
    from tray import terminal

    settings = settings_module.load_for_people()
    host = settings.api_host
    if sign_out(settings):
        terminal.out.print(_("Signed out of {host}; the token is deleted.").format(host=host))
        instance.tell(home_folder(), {"op": "signed_in"})
    else:
        terminal.out.print(_("There was no token for {host}.").format(host=host))


def check(settings: Settings) -> None:
    """Ask Coze whose account it is and what it may do, and remember it. Costs some calls of the plan. Raises
    TrayError."""
    how = "environment" if secrets.environment_token() else "keyring"
    _look(settings, credential_for(settings.base_url, settings), how)


def _by_token(settings: Settings, told: Login) -> Stored:
    """Read a token without echo, or from a pipe."""
    from tray import terminal

    days = told.days
    if sys.stdin.isatty():
        site = settings.base_url.replace("://api.", "://www.")
        terminal.err.print(
            _("Make a token at {url}/open/oauth/pats (scopes: see the README), and paste it here.").format(url=site)
        )
        try:
            said = getpass.getpass(_("Token (not shown): "))
        except KeyboardInterrupt:
            terminal.err.print()  # the prompt's line ends
            raise
        token = secrets.checked(said, _("the input"))
        if days is None:
            days = _asked_days()
    else:
        token = secrets.checked(sys.stdin.readline(), _("the input"))
    return Token(token, None if days is None else time.time() + days * known_account.DAY_S)


def _asked_days() -> float | None:
    from tray import terminal

    while True:
        terminal.err.print(_("For how many days is it valid, as Coze says? (Enter: not known)"), end=" ")
        said = input().strip()
        if not said:
            return None
        if said.isascii() and said.isdigit() and 0 < int(said) < 10_000:
            return float(said)


def _by_device(settings: Settings, _told: Login) -> Stored:
    from tray import terminal
    from tray.coze import auth

    client_id = _client_id(settings)
    code = auth.device_code(settings.base_url, client_id)
    url, user_code = for_terminal(code.url), for_terminal(code.user_code)
    terminal.out.print(_("Open {url} and agree; the code is {code}.").format(url=url, code=user_code), markup=False)
    _show_page(code.url)
    with terminal.Bar() as bar:
        bar.say(_("Waiting until you agree in the browser"))
        return auth.await_device(settings.base_url, client_id, code)


def _by_browser(settings: Settings, _told: Login) -> Stored:
    from tray import terminal
    from tray.coze import auth
    from tray.coze.callback import Callback, redirect

    client_id = _client_id(settings)
    begun = auth.consent(settings.base_url, client_id, redirect())
    with Callback(begun.state) as callback:
        terminal.out.print(_("Open {url} and agree.").format(url=begun.url), markup=False)
        _show_page(begun.url)
        with terminal.Bar() as bar:
            bar.say(_("Waiting until you agree in the browser"))
            code = callback.code(BROWSER_S)
    return auth.consented(settings.base_url, client_id, begun, code)


def _client_id(settings: Settings) -> str:
    said = settings.oauth_client_id
    if said and said.isascii() and said.isprintable():
        return said
    raise SettingsError(
        _("Which OAuth app? No client id is known."),
        _(
            "Make one in Coze (API & SDK, 授权, OAuth 应用; the README has the steps) and give its id once: "
            "--client-id ID, or set COZE_OAUTH_CLIENT_ID. A personal access token needs none: coze-tray login"
        ),
    )


def _show_page(url: str) -> None:
    """Open the page in the browser, where there is one on this screen."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return
    if sys.platform.startswith("linux") and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))):
        return  # a browser in this terminal would be in the way
    from tray.desktop import outside

    try:
        outside.show_page(url)
    except (webbrowser.Error, OSError) as error:
        log.info("no browser: %s", error)


def _look(settings: Settings, credential: Credential, how: str) -> None:
    """Ask Coze who it is and remember it. Raises SecretsError where Coze does not take the token."""
    from tray.coze import account
    from tray.coze.client import Client
    from tray.coze.errors import SIGN_IN, CozeError

    async def look() -> tuple[account.Account | None, list[str]]:
        async with Client(settings.base_url, credential, 20.0) as client:
            return await account.account(client), await account.missing_scopes(client)

    try:
        who, missing = asyncio.run(look())
    except CozeError as error:
        if error.code not in SIGN_IN:
            raise
        raise SecretsError(
            _("Coze does not take this token ({error}; logid {logid}).").format(
                error=error.message, logid=error.logid or "-"
            ),
            _("Copy the whole token from Coze once more."),
        ) from None
    whose = asdict(who) if who else None
    known_account.remember(settings.api_host, {"how": how, "account": whose, "scopes_missing": missing})


def _read(host: str) -> Stored | None:
    stored = secrets.read(host)
    known_account.remember_end(host, stored)
    return stored


def _write(host: str, stored: Stored) -> Stored | None:
    replaced = secrets.write(host, stored)
    known_account.remember_end(host, stored)
    return replaced


def _lock() -> Path:
    return home_folder() / "sign-in.lock"
