"""Accounts: the credential that requests are signed with, and what login, logout and status do about them."""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
import math
import os
import sys
import threading
import time
import webbrowser
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from tray import instance, secrets
from tray import settings as settings_module
from tray.coze.credential import Credential, FixedToken
from tray.coze.stored import StoredCredential, bearer, locked
from tray.errors import SecretsError, SettingsError, TrayError
from tray.home import home as home_folder
from tray.home import write_private
from tray.locale import _, ngettext
from tray.network import is_loopback
from tray.secrets import OAuth, Stored, Token
from tray.settings import Settings, check_base_url
from tray.text import for_terminal

log = logging.getLogger(__name__)

WARN_DAYS = 3.0
"""So long before a sign-in ends, it is said."""
BROWSER_S = 300.0
_DAY_S = 86_400.0

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

    if told.region is not None and told.region not in settings_module.REGIONS:
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
    for line in lines(about(settings)):
        terminal.out.print(line, markup=False)
    if secrets.environment_token():
        terminal.show_warning(_("COZE_API_TOKEN is set and is used instead of it."))
    instance.tell(home_folder(), {"op": "signed_in"})


def sign_in(token: str, settings: Settings, days: float | None = None) -> str:
    """Store that token, which the user has pasted and which is valid for so many days, and ask Coze whose it is.
    Returns what the user is to be told. Raises SecretsError."""
    ends_at = None if days is None else time.time() + days * _DAY_S
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
    _remember(host, None)
    return deleted


def is_known(settings: Settings) -> bool:
    """Whether there is a token, as far as can be told without asking the keyring."""
    return bool(secrets.environment_token()) or bool(_remembered().get(settings.api_host))


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
                _remember_end(host, None)
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


def about(settings: Settings) -> dict[str, Any]:
    """Who is signed in, as far as this computer knows: the keyring is read, the network is not asked. `days_left` None:
    not known. `scopes_missing` None: never asked (`check`)."""
    stored: Stored | None = None
    problem = ""
    how = "environment" if secrets.environment_token() else "keyring"
    if how == "keyring":
        try:
            stored = secrets.read(settings.api_host)
        except SecretsError as error:
            problem = str(error)
    signed_in = how == "environment" or stored is not None
    known = _remembered().get(settings.api_host)
    if not signed_in or not isinstance(known, dict) or known.get("how") != how:
        known = {}
    return {
        "signed_in": signed_in,
        "account": known.get("account"),
        "scopes_missing": known.get("scopes_missing"),
        "days_left": days_left(stored),
        "keyring": problem,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """What `about` found, for people."""
    if found["keyring"]:
        return [found["keyring"]]
    if not found["signed_in"]:
        return []
    said = found["account"]
    unknown = _("not known (coze-tray status --check asks Coze)")
    shown = [_("Account: {account}").format(account=f"{said['name']} ({said['id']})" if said else unknown)]
    if found["scopes_missing"]:
        scopes = ", ".join(found["scopes_missing"])
        shown.append(_("The token lacks these scopes: {scopes}. Make one that has them.").format(scopes=scopes))
    days = found["days_left"]
    if days is None:
        shown.append(_("Valid for: not known"))
    else:
        n = max(0, math.floor(days))
        shown.append(ngettext("Valid for: {n} more day", "Valid for: {n} more days", n).format(n=n))
        if days <= WARN_DAYS:
            shown.append(_expiry(days))
    return shown


def days_left(stored: Stored | None) -> float | None:
    """For how many days the sign-in is still valid, unused; None where that is not known."""
    ends_at = _ends_at(stored)
    return None if ends_at is None else (ends_at - time.time()) / _DAY_S


def _ends_at(stored: Stored | None) -> float | None:
    return stored.refresh_expires_at if isinstance(stored, OAuth) else stored.expires_at if stored else None


def expiry_warning(settings: Settings) -> str | None:
    """What to say of a sign-in that ends within three days, None for nothing. Reads the keyring, in up to 5 s."""
    if secrets.environment_token():
        return None
    try:
        days = days_left(secrets.read(settings.api_host))
    except SecretsError as error:
        log.info("the keyring: %s", error)
        return None
    return None if days is None or days > WARN_DAYS else _expiry(days)


def remembered_warning(settings: Settings) -> str | None:
    """As `expiry_warning`, by what was last read of the sign-in or stored: the keyring's libraries take 11 MB on Linux
    until the program ends, and a program that has nothing to do needs no token."""
    known = _remembered().get(settings.api_host)
    ends_at = known.get("ends_at") if isinstance(known, dict) else None
    if secrets.environment_token() or not isinstance(ends_at, (int, float)):
        return None
    days = (ends_at - time.time()) / _DAY_S
    return None if days > WARN_DAYS else _expiry(days)


def _expiry(days: float) -> str:
    if days <= 0:
        said = _("The sign-in has expired.")
    elif days < 1:
        said = _("The sign-in expires within a day.")
    else:
        n = math.floor(days)
        said = ngettext("The sign-in expires in {n} day.", "The sign-in expires in {n} days.", n).format(n=n)
    advice = _("Sign in again: coze-tray login")
    return f"{said} {advice}"


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
    return Token(token, None if days is None else time.time() + days * _DAY_S)


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
    try:
        webbrowser.open(url)
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
    _remember(settings.api_host, {"how": how, "account": asdict(who) if who else None, "scopes_missing": missing})


def _read(host: str) -> Stored | None:
    stored = secrets.read(host)
    _remember_end(host, stored)
    return stored


def _write(host: str, stored: Stored) -> Stored | None:
    replaced = secrets.write(host, stored)
    _remember_end(host, stored)
    return replaced


def _remember_end(host: str, stored: Stored | None) -> None:
    """That there is a sign-in, and when it ends, is nothing secret; `is_known` and `remembered_warning` ask for it."""
    known = _remembered()
    account = known.get(host)
    account = account if isinstance(account, dict) else {}
    account = {**account, "ends_at": _ends_at(stored)} if stored else {}
    if account == known.get(host, {}):
        return
    try:
        _store_accounts({**known, host: account})
    except OSError as error:  # nobody is kept from signing in by it
        log.warning("when the sign-in ends could not be stored: %s", error)


def _remembered() -> dict[str, Any]:
    try:
        said = json.loads((home_folder() / "account.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _remember(host: str, what: dict[str, Any] | None) -> None:
    """Keep what Coze said of an account, which is nothing secret; None: forget it."""
    known = _remembered()
    before = known.get(host)
    if what is not None:
        ends_at = before.get("ends_at") if isinstance(before, dict) else None
        what = {**what, "checked_at": round(time.time()), "ends_at": ends_at}
    _store_accounts({**known, host: what})


def _store_accounts(known: dict[str, Any]) -> None:
    known = {key: value for key, value in known.items() if value}
    path = home_folder() / "account.json"
    if not known and not path.exists():
        return
    write_private(path, json.dumps(known, ensure_ascii=False, indent=1))


def _lock() -> Path:
    return home_folder() / "sign-in.lock"
