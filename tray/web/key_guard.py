"""Who may call the API that is served to other computers: who knows its key."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from tray.locale import _
from tray.web.gate import Refusal

CALLS = RateLimitItemPerMinute(60, namespace="calls")
WRONG_KEYS = RateLimitItemPerMinute(10, namespace="wrong")
"""Both from one address."""


def digest_of(key: str) -> str:
    """All that is kept of a key. It is long and random, so that nothing slower is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class KeyGuard:
    """Lets in who sends `Authorization: Bearer KEY`, below /api/v1.

    Calls are counted by the address that the connection comes from: what X-Forwarded-For says, anyone may say. Behind a
    proxy all have its address, so wrong keys use up nothing of what who has the right one may do.
    """

    def __init__(self, digest: str) -> None:
        self._digest = digest
        self._limits = FixedWindowRateLimiter(MemoryStorage())

    def enter(self, scope: Scope, headers: Headers) -> Response | None:
        is_right = self._is_right(headers.getlist("authorization"))
        self._count(CALLS if is_right else WRONG_KEYS, _address_of(scope))
        if not is_right:
            how = _("Send the key of this API: Authorization: Bearer KEY. coze-tray serve --new-key makes one.")
            raise Refusal(401, how, {"WWW-Authenticate": "Bearer"})
        if not scope["path"].startswith("/api/v1/"):
            raise Refusal(404, _("There is nothing here; the API begins at /api/v1/openapi.json."))
        return None

    def _is_right(self, given: list[str]) -> bool:
        kind, _space, key = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        # Starlette has read the header as Latin-1, in which a key can't be said that is not ASCII.
        return hmac.compare_digest(digest_of(key.strip()), self._digest) and kind.lower() == "bearer"

    def _count(self, limit: RateLimitItem, address: str) -> None:
        if not self._limits.hit(limit, address):
            wait_s = max(1, round(self._limits.get_window_stats(limit, address).reset_time - time.time()))
            said = _("Too many calls in a minute: try again in {n} s.").format(n=wait_s)
            raise Refusal(429, said, {"Retry-After": str(wait_s)})


def _address_of(scope: Scope) -> str:
    """Who calls. Of IPv6 its network, as each computer has any number of addresses in its own."""
    if not scope["client"]:
        return ""
    address = ipaddress.ip_address(scope["client"][0].partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
