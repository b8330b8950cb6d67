"""The API of the account: signing in and out, and testing the connection. No secret is ever part of an answer."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Body, HTTPException
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field, SecretStr

from tray import configuring, known_account, secrets, signing_in
from tray.configuring import UnfitError
from tray.device_sign_in import DeviceSignIn, Waiting
from tray.doctor import Check
from tray.errors import SecretsError, SettingsError, TrayError
from tray.locale import _, ngettext
from tray.network import is_loopback
from tray.text import for_terminal
from tray.web import shapes
from tray.web.pages import Pages
from tray.web.setup_api import changing

if TYPE_CHECKING:
    from tray.app import App
    from tray.settings import Settings

log = logging.getLogger(__name__)


class DeviceOut(BaseModel):
    """A sign-in by device code. `url`: where the user agrees, with the code in it. `ends_us`: when the code expires.
    `message`: what came of it."""

    state: Literal["waiting", "agreed", "failed", "cancelled"]
    url: str
    user_code: str
    ends_us: int
    message: str


class SignInOut(BaseModel):
    """Who is signed in, as far as this computer knows. `lines`: that in words. `trouble`: with the keyring, and what to
    do. `tokens_url`: the page of Coze where tokens are made."""

    signed_in: bool
    host: str
    from_environment: bool
    account: str
    days_left: float | None
    scopes_missing: list[str]
    trouble: str
    lines: list[str]
    tokens_url: str
    device: DeviceOut | None
    message: str = ""


class TokenIn(BaseModel):
    """`days`: for how many it is valid, as Coze says."""

    token: SecretStr = Field(max_length=20_000)
    days: float | None = Field(None, gt=0, lt=10_000)


class CheckOut(BaseModel):
    """One check. `ok` null: neither good nor bad, or not known."""

    name: str
    ok: bool | None
    text: str
    advice: str


def router(app: App, shown: Pages) -> APIRouter:  # noqa: ARG001 - as every part
    api = APIRouter(prefix="/api/v1", tags=["account"], responses={409: {"model": shapes.Problem}})
    devices = DeviceSignIn(app.listener.signed_in, app.closing.is_set)

    @api.get("/sign-in")
    def account() -> SignInOut:
        """Who is signed in. The keyring is read, which takes some seconds where it is locked; Coze is not asked."""
        return _account(app, devices.now)

    @api.post("/sign-in/token")
    def token(said: TokenIn) -> SignInOut:
        """Sign in with a token: it goes to the keyring, and Coze is asked whose it is."""
        settings = _settings(app)
        try:
            message = signing_in.sign_in(said.token.get_secret_value(), settings, said.days)
        except SecretsError as error:
            raise UnfitError({"token": str(error)}) from None
        app.listener.signed_in()
        return _account(app, devices.now, message)

    @api.post("/sign-in/device", status_code=201)
    def device(client_id: Annotated[str, Body(embed=True, max_length=200)] = "") -> DeviceOut:
        """Begin to sign in by device code. The client id of the OAuth app is remembered."""
        settings = _settings(app)
        client_id = client_id.strip() or settings.oauth_client_id
        if not client_id or not client_id.isascii() or not client_id.isprintable():
            raise UnfitError({"client_id": _("Give the client id of your OAuth app in Coze; it ends with .app.coze.")})
        from tray.coze import auth

        try:
            code = auth.device_code(settings.base_url, client_id)
        except TrayError as error:
            raise UnfitError({"client_id": str(error)}) from None
        if client_id != settings.oauth_client_id:  # Coze knows it; nobody waits yet, should it not be possible
            with changing(app):
                configuring.save({"oauth_client_id": client_id})
        return _device(devices.begin(settings, client_id, code))

    @api.get("/sign-in/device")
    def waiting() -> DeviceOut:
        """The sign-in by device code that runs, or the last one."""
        return _device(_waiting(devices))

    @api.delete("/sign-in/device")
    def cancel() -> DeviceOut:
        """Wait for the user no more."""
        devices.cancel()
        return _device(_waiting(devices))

    @api.get("/sign-in/device/qr.svg", response_class=Response)
    def qr() -> Response:
        """The address where the user agrees, as a QR code: dark on light in every theme, or phones don't read it."""
        import segno

        picture = io.BytesIO()
        code = segno.make(_page(_waiting(devices).url), error="m", micro=False)
        code.save(picture, kind="svg", scale=5, border=4, dark="#000000", light="#ffffff")
        return Response(picture.getvalue(), media_type="image/svg+xml")

    @api.delete("/sign-in")
    def sign_out() -> SignInOut:
        """Delete what the keyring holds."""
        settings = _settings(app)
        host = settings.api_host
        deleted = signing_in.sign_out(settings)
        app.listener.signed_in()  # whoever holds the token looks again
        message = _("Signed out of {host}; the token is deleted.") if deleted else _("There was no token for {host}.")
        return _account(app, devices.now, message.format(host=host))

    @api.get("/checks", response_class=EventSourceResponse)
    async def checks() -> AsyncIterator[ServerSentEvent]:
        """Test the connection, as server-sent events: `check` (CheckOut) for each as it is known, `end` at the end.
        Costs about one call of the plan each."""
        async for check in _checks(app):
            out = CheckOut(name=check.name, ok=check.ok, text=for_terminal(check.found), advice=check.mend)
            yield ServerSentEvent(event="check", data=out)
        yield ServerSentEvent(event="end", data={})

    return api


def _settings(app: App) -> Settings:
    if app.settings_are_given:
        raise SettingsError(_("The demo needs no account."), _("Start coze-tray itself, and open its page."))
    return app.settings_now()


async def _checks(app: App) -> AsyncIterator[Check]:
    if app.settings_are_given:
        yield Check(_("Coze"), None, _("this is the demo; its cloud is simulated on this computer"))
        return
    from tray import connection

    settings = app.settings_now()
    credential = signing_in.credential_for(settings.base_url, settings)
    try:
        async for check in connection.checks(settings, credential, {tool.name for tool in app.tools}):
            yield check
    except Exception as error:  # the page waits for the end
        log.exception("testing the connection")
        text = _("Something in this program failed: {error}").format(error=type(error).__name__)
        yield Check(_("Coze"), False, text)


def _account(app: App, device: Waiting | None, message: str = "") -> SignInOut:
    settings = app.settings_now()
    if app.settings_are_given:
        found: dict[str, Any] = {
            "signed_in": True,
            "account": None,
            "scopes_missing": None,
            "days_left": None,
            "keyring": "",
        }
    else:
        found = known_account.about(settings)
    who = found["account"]
    return SignInOut(
        signed_in=found["signed_in"],
        host=settings.api_host,
        from_environment=bool(secrets.environment_token()),
        account=f"{who['name']} ({who['id']})" if who else "",
        days_left=found["days_left"],
        scopes_missing=found["scopes_missing"] or [],
        trouble=found["keyring"],
        lines=_lines(settings, found),
        tokens_url=f"{settings.base_url.replace('://api.', '://www.')}/open/oauth/pats",
        device=_device(device) if device else None,
        message=message,
    )


def _lines(settings: Settings, found: dict[str, Any]) -> list[str]:
    if found["keyring"]:
        return [str(found["keyring"])]
    if not found["signed_in"]:
        return [_("Not signed in to {host}.").format(host=settings.api_host)]
    lines = [_("Signed in to {host}.").format(host=settings.api_host)]
    if secrets.environment_token():
        lines = [_("Signed in to {host} with COZE_API_TOKEN.").format(host=settings.api_host)]
    if isinstance(who := found["account"], dict):
        lines.append(_("Account: {account}").format(account=f"{who['name']} ({who['id']})"))
    if isinstance(missing := found["scopes_missing"], list) and missing:
        text = _("The token lacks these scopes: {scopes}. Make one that has them.")
        lines.append(text.format(scopes=", ".join(missing)))
    if isinstance(days := found["days_left"], float):
        n = max(0, math.floor(days))
        lines.append(ngettext("Valid for: {n} more day", "Valid for: {n} more days", n).format(n=n))
    return lines


def _waiting(devices: DeviceSignIn) -> Waiting:
    if devices.now is None:
        raise HTTPException(404, _("Nobody is signing in."))
    return devices.now


def _device(waiting: Waiting) -> DeviceOut:
    return DeviceOut(
        state=waiting.state,
        url=_page(waiting.url),
        user_code=for_terminal(waiting.user_code),
        ends_us=round(waiting.ends_at_s * 1e6),
        message=waiting.message,
    )


def _page(url: str) -> str:
    """An address that a browser may open, "" for any other."""
    parts = urlsplit(url)
    usable = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    return for_terminal(url) if usable else ""
