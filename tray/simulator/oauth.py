"""Signing in to the simulated cloud: OAuth by device code and by PKCE, refresh tokens that die on use, scopes.

Documented: docs.coze.cn, oauth_device_code and oauth_pkce. The shape of an error (`error_code`, `error_message`, HTTP
400) is that of the SDKs' own tests (coze-dev/coze-go auth_test.go); the documentation says `error` and
`error_description` (`documented_errors`). The text of code 4101 is that of field reports."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tray.simulator.exchange import Exchange
from tray.simulator.server import Simulator

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
SCOPES = {
    "/v3/chat": "chat",
    "/v3/chat/submit_tool_outputs": "submitToolChat",
    "/v3/chat/retrieve": "getChat",
    "/v3/chat/message/list": "listMessage",
    "/v3/chat/cancel": "cancelChat",
    "/v1/conversation/create": "createConversation",
    "/v1/conversation/retrieve": "retrieveConversation",
    "/v1/conversations": "listConversation",
    "/v1/files/upload": "uploadFile",
    "/v1/bot/get_online_info": "getMetadata",
    "/v1/workflow/run": "run",
    "/v1/workflow/stream_run": "run",
    "/v1/workflows/": "listRunHistory",
}
ALL = frozenset(SCOPES.values())


class _Valid(set[str]):
    """The access tokens that are taken now: those that have expired are in it no more."""

    def __init__(self, accounts: SignIn) -> None:
        super().__init__()
        self._accounts = accounts

    def __contains__(self, token: object) -> bool:
        return self._accounts.expires_at.get(str(token), 0) > self._accounts.now()


@dataclass
class SignIn:
    """Gives `cloud` its sign-in; from then on it takes only tokens that were issued or `granted`, each for what its
    scopes allow. `polls`: what asking with a device code is answered, in order, before it is granted."""

    cloud: Simulator
    client_id: str = "1234.app.coze"
    access_s: float = 900.0
    refresh_s: float = 30 * 86_400.0
    now: Callable[[], float] = time.time
    scopes: frozenset[str] = ALL
    length: int = 64
    """Characters of a token."""
    interval_s: int = 5
    code_s: int = 300
    polls: list[str] = field(default_factory=list)
    documented_errors: bool = False
    expires_at: dict[str, float] = field(default_factory=dict)
    refresh_tokens: dict[str, float] = field(default_factory=dict)
    """Those alive, and when each expires."""
    issued: list[dict[str, Any]] = field(default_factory=list)
    """Every answer with tokens in it, in order."""
    refreshed_with: list[str] = field(default_factory=list)
    """Every refresh token that was sent here, dead ones too."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._scopes: dict[str, frozenset[str]] = {}
        self._devices: set[str] = set()
        self._codes: dict[str, tuple[str, str]] = {}
        self.cloud.tokens = _Valid(self)
        self.cloud.open_routes.update(
            {
                "/api/permission/oauth2/device/code": self._device,
                "/api/permission/oauth2/token": self._token,
                "/api/permission/oauth2/authorize": self._authorize,
            }
        )
        self.cloud.routes["/v1/users/me"] = self._me
        for path, scope in SCOPES.items():
            self.cloud.routes[path] = self._scoped(scope, self.cloud.routes.get(path, _nothing_there))

    def granted(self, token: str, scopes: frozenset[str] = ALL, *, for_s: float = 86_400.0) -> str:
        """A personal access token: `token`, valid from now on."""
        self.expires_at[token], self._scopes[token] = self.now() + for_s, scopes
        return token

    def issue(self) -> dict[str, Any]:
        """The answer that gives an access token and a refresh token. `expires_in` is a point in time, as in Coze."""
        access = self.granted(f"czu_{_random(self.length)}", self.scopes, for_s=self.access_s)
        refresh = f"rfr_{_random(self.length)}"
        self.refresh_tokens[refresh] = self.now() + self.refresh_s
        said = {"access_token": access, "expires_in": int(self.expires_at[access]), "refresh_token": refresh}
        self.issued.append(said)
        return {**said, "token_type": "Bearer"}

    def secrets(self) -> set[str]:
        """Everything given out that nobody else may see."""
        return {said[name] for said in self.issued for name in ("access_token", "refresh_token")} | self._devices

    def _device(self, exchange: Exchange) -> None:
        if exchange.body.get("client_id") != self.client_id:
            self._refuse(exchange, "invalid_client", "the client id is unknown")
            return
        code = f"dev_{_random(32)}"
        self._devices.add(code)
        exchange.json(
            {
                "device_code": code,
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{self.cloud.base_url}/device",
                "expires_in": self.code_s,
                "interval": self.interval_s,
            }
        )

    def _authorize(self, exchange: Exchange) -> None:
        """The page where the user agrees, who does so at once."""
        query = exchange.query
        if query.get("client_id") != self.client_id or query.get("code_challenge_method") != "S256":
            self._refuse(exchange, "invalid_client", "the client id is unknown")
            return
        code = f"code_{_random(32)}"
        self._codes[code] = (query["redirect_uri"], query["code_challenge"])
        there = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        exchange.whole(b"", "text/html", 302, {"Location": there})

    def _token(self, exchange: Exchange) -> None:
        body = exchange.body
        if body.get("client_id") != self.client_id:
            self._refuse(exchange, "invalid_client", "the client id is unknown")
            return
        with self._lock:
            refused = {
                DEVICE: self._refused_device,
                "authorization_code": self._refused_code,
                "refresh_token": self._refused_refresh,
            }[body["grant_type"]](body)
            said = None if refused else self.issue()
        if said is None:
            self._refuse(exchange, refused, f"refused: {refused}")
        else:
            exchange.json(said)

    def _refused_device(self, body: dict[str, Any]) -> str:
        if body["device_code"] not in self._devices:
            return "expired_token"
        return self.polls.pop(0) if self.polls else ""

    def _refused_code(self, body: dict[str, Any]) -> str:
        redirect, challenge = self._codes.pop(body["code"], ("", ""))
        digest = hashlib.sha256(body["code_verifier"].encode()).digest()
        fits = challenge == base64.urlsafe_b64encode(digest).rstrip(b"=").decode() and redirect == body["redirect_uri"]
        return "" if fits else "invalid_grant"

    def _refused_refresh(self, body: dict[str, Any]) -> str:
        self.refreshed_with.append(body["refresh_token"])
        alive = self.refresh_tokens.pop(body["refresh_token"], 0.0) > self.now()
        return "" if alive else "invalid_grant"

    def _refuse(self, exchange: Exchange, code: str, message: str) -> None:
        if self.documented_errors:
            exchange.json({"error": code, "error_description": message}, 400)
        else:
            exchange.json({"error_code": code, "error_message": message}, 400)

    def _me(self, exchange: Exchange) -> None:
        exchange.data({"user_id": "12345", "user_name": "user12345", "nick_name": "小明", "avatar_url": ""})

    def _scoped(self, scope: str, then: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
        def answer(exchange: Exchange) -> None:
            token = exchange.headers.get("Authorization", "").partition(" ")[2]
            if scope in self._scopes.get(token, ALL):
                then(exchange)
            else:
                exchange.refuse(4101, f"Your token does not have permission to access {scope}. Please verify whether "
                                "the resource ID or token is correct.")  # fmt: skip

        return answer


def _nothing_there(exchange: Exchange) -> None:
    exchange.refuse(4200, "the resource does not exist")


def _random(length: int) -> str:
    return secrets.token_urlsafe(length)[:length]
