"""What every connection of the program shares: the system's proxy, and one TLS context."""

from __future__ import annotations

import functools
import ssl
import urllib.request
from urllib.parse import urlsplit

import httpx


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
    return httpx.create_ssl_context()
