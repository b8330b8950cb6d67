"""Which addresses media may come from: what a bot sends is untrusted, and must not reach into the user's network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass, field

from tray.locale import _

FAKE_ADDRESSES = ipaddress.ip_network("198.18.0.0/15")
"""The addresses that Clash and other TUN proxies answer for every name; Python calls them private."""


_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
"""All that is ever given out. Python calls much else global, old forms that hold an IPv4 address among it."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".localdomain")


class RefusedError(Exception):
    """The address is not one that media may come from; the text says why."""


@dataclass
class AddressBook:
    """Resolves hosts once and lets only public addresses through.

    `allow_hosts` are host names (or host:port) that may be private: the user's own media server, or a test's.
    """

    allow_hosts: frozenset[str] = frozenset()
    _known: dict[tuple[str, int], asyncio.Task[list[str]]] = field(default_factory=dict)

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host`, each checked. Raises RefusedError, or OSError where the name can't be resolved."""
        task = self._known.get((host, port))
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._known[host, port] = asyncio.ensure_future(self._resolve(host, port))
        return await asyncio.shield(task)

    def check_name(self, host: str, port: int) -> None:
        """Refuse what is private by its very name; all that can be done when a proxy resolves the name."""
        if self._allowed(host, port):
            return
        plain = host.rstrip(".")  # the root's dot changes nothing
        address = _as_address(plain)
        if address is not None:
            _check(host, address)
        elif "." not in plain or plain.endswith(_LOCAL_NAMES):  # a router answers for its own
            raise RefusedError(_("{host} is a name of the local network").format(host=host))

    async def _resolve(self, host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        if not self._allowed(host, port):
            for address in addresses:
                _check(host, ipaddress.ip_address(address.partition("%")[0]))
        return addresses

    def _allowed(self, host: str, port: int) -> bool:
        plain = host.rstrip(".")
        return plain in self.allow_hosts or f"{plain}:{port}" in self.allow_hosts


def _as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address `host` spells, in any of the spellings a resolver takes (0x7f.1, 2130706433)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(host))
    except OSError:
        return None


def _check(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    inner: ipaddress.IPv4Address | ipaddress.IPv6Address = address
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (address, address))[1]
        if address in _NAT64:  # the last 32 bits are the real address
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner in FAKE_ADDRESSES:
        return
    if not inner.is_global or inner.is_multicast or (inner.version == 6 and inner not in _GLOBAL_V6):
        text = _("{host} ({address}) is in a private network. If it is a server of yours, name it in allow_hosts.")
        raise RefusedError(text.format(host=host, address=address))
