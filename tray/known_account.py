"""The account as far as this computer knows it: whose it is, what it lacks and when its sign-in ends. What Coze said of
it is kept in `account.json`, nothing secret; the network is never asked here."""

from __future__ import annotations

import json
import logging
import math
import time
from typing import Any

from tray import secrets
from tray.errors import SIGN_IN_AGAIN, SecretsError
from tray.home import home, write_private
from tray.locale import _, ngettext
from tray.secrets import OAuth, Stored
from tray.settings import Settings

log = logging.getLogger(__name__)

WARN_DAYS = 3.0
"""So long before a sign-in ends, it is said."""
DAY_S = 86_400.0


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
        "days_left": _days_left(stored),
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


def is_known(settings: Settings) -> bool:
    """Whether there is a token, as far as can be told without asking the keyring."""
    return bool(secrets.environment_token()) or bool(_remembered().get(settings.api_host))


def expiry_warning(settings: Settings) -> str | None:
    """What to say of a sign-in that ends within three days, None for nothing. Reads the keyring, in up to 5 s."""
    if secrets.environment_token():
        return None
    try:
        days = _days_left(secrets.read(settings.api_host))
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
    days = (ends_at - time.time()) / DAY_S
    return None if days > WARN_DAYS else _expiry(days)


def remember(host: str, what: dict[str, Any] | None) -> None:
    """Keep what Coze said of an account, which is nothing secret; None: forget it."""
    known = _remembered()
    before = known.get(host)
    if what is not None:
        ends_at = before.get("ends_at") if isinstance(before, dict) else None
        what = {**what, "checked_at": round(time.time()), "ends_at": ends_at}
    _store_accounts({**known, host: what})


def remember_end(host: str, stored: Stored | None) -> None:
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


def _days_left(stored: Stored | None) -> float | None:
    """For how many days the sign-in is still valid, unused; None where that is not known."""
    ends_at = _ends_at(stored)
    return None if ends_at is None else (ends_at - time.time()) / DAY_S


def _ends_at(stored: Stored | None) -> float | None:
    return stored.refresh_expires_at if isinstance(stored, OAuth) else stored.expires_at if stored else None


def _expiry(days: float) -> str:
    if days <= 0:
        said = _("The sign-in has expired.")
    elif days < 1:
        said = _("The sign-in expires within a day.")
    else:
        n = math.floor(days)
        said = ngettext("The sign-in expires in {n} day.", "The sign-in expires in {n} days.", n).format(n=n)
    advice = _(SIGN_IN_AGAIN)
    return f"{said} {advice}"


def _remembered() -> dict[str, Any]:
    try:
        said = json.loads((home() / "account.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _store_accounts(known: dict[str, Any]) -> None:
    known = {key: value for key, value in known.items() if value}
    path = home() / "account.json"
    if not known and not path.exists():
        return
    write_private(path, json.dumps(known, ensure_ascii=False, indent=1))
