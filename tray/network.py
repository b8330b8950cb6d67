"""What every connection of the program shares: the system's proxy, and one TLS context."""

from __future__ import annotations

import errno
import functools
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

from tray.locale import _


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine by itself, without asking a resolver."""
    return host in ("localhost", "127.0.0.1", "::1")


def proxy_for(url: str) -> str | None:
    """The proxy that the environment or the system sets for `url`, None for none. Loopback never goes through one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = urllib.request.getproxies()
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    # GNOME and some proxy clients write the scheme without its version, which httpx refuses.
    return proxy.replace("socks://", "socks5://", 1) if proxy.startswith("socks://") else proxy


@functools.cache
def tls() -> ssl.SSLContext:
    """One TLS context for the process: making one reads the whole certificate store."""
    import httpx

    return httpx.create_ssl_context()


def why(error: BaseException) -> str:
    """What kept a connection from being made, in the user's language; the library's words where it is not known."""
    import httpx

    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return _("its name is not known; is this computer online?")
        if isinstance(cause, ConnectionRefusedError):
            return _("the connection was refused")
        if isinstance(cause, ConnectionResetError):
            return _("the connection was cut")
        if isinstance(cause, (TimeoutError, httpx.TimeoutException)):
            return _("no answer in time")
        if isinstance(cause, OSError) and cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
            return _("no way leads there; is this computer online?")
    return str(error) or type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, groups (of tries with several addresses) and all."""
    left, seen = [error], set[int]()
    while left:
        one = left.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        above = (one.__cause__, one.__context__, *getattr(one, "exceptions", ()), getattr(one, "os_error", None))
        left += [cause for cause in above if isinstance(cause, BaseException)]


def keep_alive() -> list[tuple[int, int, int]]:
    """Socket options that let the system itself notice within about a minute that the other end is gone."""
    wanted = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}  # macOS has the second
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    return options + [
        (socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in wanted.items() if hasattr(socket, name)
    ]
