"""OAuth with Coze, through cozepy: signing in by device code and by PKCE, and a credential that refreshes itself.

Documented (docs.coze.cn, oauth_device_code and oauth_pkce): an access token lives 15 min, a refresh token 30 days and
dies when it is used; `expires_in` of tokens is a point in time, of a device code a duration. How a refused refresh
token is answered is not recorded: any error that Coze itself words counts, unless it is one that passes.

cozepy's OAuth apps take no HTTP client of one's own, so their request layer (`_requester`, a private attribute: the
version is pinned) is replaced by one with this program's proxy, TLS context and time-outs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from tray.coze import sdk
from tray.coze.errors import RETRIED, CozeError, NetworkAwayError
from tray.errors import TrayError
from tray.locale import _
from tray.network import proxy_for, tls
from tray.network import why as why_in_words
from tray.secrets import OAuth

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

REFRESH_TOKEN_S = 30 * 86_400.0
_ACCESS_TOKEN_S = 900.0
_LONGEST_TOKEN = 20_000

T = TypeVar("T")
Flow = Literal["device", "pkce"]


@dataclass(frozen=True)
class DeviceCode:
    """What a person enters (`user_code`) at `url`, which has it in it already. Seconds."""

    url: str
    user_code: str
    device_code: str = field(repr=False)
    expires_s: float
    interval_s: float


@dataclass(frozen=True)
class Consent:
    """The page (`url`) where a person agrees; `state` comes back with the code that `consented` takes."""

    url: str
    redirect: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def device_code(base_url: str, client_id: str) -> DeviceCode:
    """Ask for a device code. Raises CozeError (`invalid_client`: no such app) and NetworkAwayError."""
    said, _response = _asked(base_url, "device", client_id, lambda app: app.get_device_code())
    expires_s, interval_s = float(said.expires_in or 300), float(said.interval or 5)
    return DeviceCode(
        url=str(said.verification_url),
        user_code=str(said.user_code),
        device_code=str(said.device_code),
        expires_s=min(max(expires_s, 30.0), 1800.0),
        interval_s=min(max(interval_s, 1.0), 60.0),
    )


def await_device(
    base_url: str, client_id: str, code: DeviceCode, *, pause: Callable[[float], object] = time.sleep
) -> OAuth:
    """Wait until the person has agreed, asking every `interval_s`. Raises TrayError where they refuse or the code
    expires; a network that is away for a moment only costs time."""
    waited_s, interval_s = 0.0, code.interval_s
    while waited_s + interval_s <= code.expires_s:
        pause(interval_s)
        waited_s += interval_s
        try:
            said, response = _asked(
                base_url, "device", client_id, lambda app: app.get_access_token(code.device_code), code.device_code
            )
        except NetworkAwayError as error:
            log.info("asking for the tokens: %s", error.message)
        except CozeError as error:
            if error.code == "slow_down":
                interval_s += 5.0  # RFC 8628, 3.5
            elif error.code == "access_denied":
                raise TrayError(_("The sign-in was refused in the browser."), _("Run the command again.")) from None
            elif error.code == "expired_token":
                break
            elif error.code != "authorization_pending":
                raise
        else:
            return _record(said, response, client_id, "device")
    raise TrayError(_("The code has expired before anyone agreed."), _("Run the command again and be quicker."))


def consent(base_url: str, client_id: str, redirect: str) -> Consent:
    """Begin a sign-in by PKCE, which ends with a redirect to `redirect`. Asks nothing of the network."""
    verifier, state = token_urlsafe(64), token_urlsafe(24)
    url = sdk.whole().PKCEOAuthApp(client_id, base_url=base_url).get_oauth_url(redirect, verifier, "S256", state)
    return Consent(url, redirect, state, verifier)


def consented(base_url: str, client_id: str, begun: Consent, code: str) -> OAuth:
    """The tokens for the `code` that came with the redirect. Raises CozeError and NetworkAwayError."""
    said, response = _asked(
        base_url,
        "pkce",
        client_id,
        lambda app: app.get_access_token(begun.redirect, code, begun.verifier),
        code,
        begun.verifier,
    )
    return _record(said, response, client_id, "pkce")


def refreshed(base_url: str, stored: OAuth) -> OAuth:
    """New tokens for the refresh token of `stored`, which is dead from now on. Raises CozeError where Coze does not
    take it, NetworkAwayError where it is not known whether it would."""
    said, response = _asked(
        base_url,
        stored.flow,
        stored.client_id,
        lambda app: app.refresh_access_token(stored.refresh_token),
        stored.refresh_token,
    )
    return _record(said, response, stored.client_id, stored.flow, stored)


def _asked(
    base_url: str, flow: Flow, client_id: str, ask: Callable[[Any], T], *unsaid: str
) -> tuple[T, httpx.Response]:
    """What `ask` gets of cozepy's app, and the HTTP response that it came with. `unsaid`: never part of an error."""
    import httpx

    cozepy, layer = sdk.whole(), sdk.request_layer()
    # It logs to standard error: each poll as a warning, every token as a debug message.
    logging.getLogger("cozepy").disabled = True
    answers: list[httpx.Response] = []
    http: httpx.Client = layer.SyncHTTPClient(
        verify=tls(),
        trust_env=False,
        proxy=proxy_for(base_url),
        follow_redirects=False,
        timeout=httpx.Timeout(15.0, connect=10.0),
        event_hooks={"response": [answers.append]},
    )
    app = (cozepy.DeviceOAuthApp if flow == "device" else cozepy.PKCEOAuthApp)(client_id, base_url=base_url)
    app._requester = layer.Requester(sync_client=http)
    with http:
        try:
            return ask(app), answers[-1]
        except httpx.TransportError as error:
            text = _("{url} can't be reached ({why}).").format(url=base_url, why=why_in_words(error))
            raise NetworkAwayError(text, sent=bool(answers)) from None
        except Exception:  # noqa: BLE001 - cozepy raises whatever it runs into; some of that quotes the tokens
            if not answers:
                raise CozeError("request", _("the request can't be sent as it is")) from None
        raise _refusal(answers[-1], unsaid) from None


def _refusal(response: httpx.Response, unsaid: tuple[str, ...]) -> TrayError:
    """What an answer without tokens says: CozeError where Coze refuses, NetworkAwayError for all that may pass."""
    logid = str(response.headers.get("x-tt-logid") or "")
    try:
        body = response.json()
    except ValueError:
        body = None
    said = body if isinstance(body, dict) else {}
    code = next((str(said[key]) for key in ("error_code", "error", "code") if said.get(key)), "")
    message = next((str(said[key]) for key in ("error_message", "error_description", "msg") if said.get(key)), "")
    for secret in unsaid:
        message = message.replace(secret, "…")
    status = response.status_code
    if not code or status >= 500 or status == 429 or code in RETRIED:
        why = _("Coze's gateway answered {code}: {text}").format(code=code or status, text=message[:200])
        return NetworkAwayError(why, sent=True, logid=logid)
    return CozeError(code, message[:200], logid)


def _record(said: Any, response: httpx.Response, client_id: str, flow: Flow, before: OAuth | None = None) -> OAuth:
    """What is to be stored of an answer. Times are by this machine's clock, which may be wrong: the answer's `Date`
    tells how long the token is valid."""
    access = str(said.access_token)
    refresh = str(said.refresh_token) or (before.refresh_token if before else "")
    for token in (access, refresh):
        if not token.isascii() or not token.isprintable() or not 0 < len(token) <= _LONGEST_TOKEN:
            raise NetworkAwayError(
                _("Coze's gateway answered {code}: {text}").format(code=response.status_code, text=_("no token")),
                sent=True,
            )
    now = time.time()
    return OAuth(
        client_id=client_id,
        access_token=access,
        refresh_token=refresh,
        expires_at=now + _valid_s(said.expires_in, response, now),
        refresh_expires_at=now + REFRESH_TOKEN_S,
        flow=flow,
    )


def _valid_s(said: int, response: httpx.Response, now: float) -> float:
    if said < 10**9:  # no point in time since 2001: a duration, as elsewhere in OAuth
        valid_s = float(said)
    else:
        try:
            now = parsedate_to_datetime(response.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            log.info("an answer without a date")
        valid_s = said - now
    return valid_s if 0 < valid_s <= REFRESH_TOKEN_S else _ACCESS_TOKEN_S
