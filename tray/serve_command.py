"""`coze-tray serve`: the program without an icon, and its API for who has the key, as a cloud has that calls it."""

from __future__ import annotations

import ipaddress
import os
import secrets as random
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from tray import instance, logs, secrets, terminal
from tray.desktop import start
from tray.desktop.program import Program
from tray.errors import SecretsError, SettingsError, TrayError
from tray.home import home
from tray.locale import _
from tray.web import docs
from tray.web.gate import Gate
from tray.web.key_guard import KeyGuard, digest_of
from tray.web.pages import Pages
from tray.web.server import Server
from tray.web.site import served_site

if TYPE_CHECKING:
    from tray.app import App
    from tray.settings import Settings

VARIABLE = "COZE_TRAY_API_KEY"
SHORTEST_KEY = 24
MOST_BODY_BYTES = 16_000_000
"""Whoever has the key sends texts, not media."""
_ENTRY = "api-key"
"""In the keyring, beside the tokens, which are stored under names of hosts."""


def serve(host: str, port: int) -> None:
    """Listen, and serve the API at that address, until Ctrl-C or SIGTERM. Raises TrayError."""
    digest = _digest()
    listening = _bound(host, port)
    held = instance.acquire_or_tell(home())
    logs.log_to(home())
    program = _Served(home(), held, listening, KeyGuard(digest))
    try:
        _say_where(listening)
        start.run_without_icon(program, program.open)
    finally:
        program.close()


def new_key() -> str:
    """Make a new key, the only one from then on. What is stored of it tells whether a key is the right one, but not
    the key. Raises SecretsError."""
    key = random.token_urlsafe(32)
    try:
        secrets.write(_ENTRY, secrets.Token(digest_of(key)))
    except SecretsError as error:
        raise _or_by_variable(error) from None
    return key


class _Served(Program):
    """The program, and its API at `listening`."""

    def __init__(self, home: Path, held: instance.Instance, listening: socket.socket, guard: KeyGuard) -> None:
        super().__init__(home, held)
        self._listening, self._guard = listening, guard
        self._server: Server | None = None

    def open(self, settings: Settings | None = None, *, resume: bool = True, token: str | None = None) -> App:
        app = super().open(settings, resume=resume, token=token)
        shown = Pages(app)
        gate = Gate(served_site(app, shown), self._guard, MOST_BODY_BYTES)
        self._server = Server(gate, self._listening, None, shown.streams.close, lambda: None)
        return app

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._listening.close()
        super().close()


def _digest() -> str:
    """Of the key that is to be sent. Raises TrayError where there is none."""
    key = os.environ.pop(VARIABLE, None)  # no process that is started from here needs it
    if key is not None:
        if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
            raise SettingsError(
                _("{name} is no key: it must have at least {n} characters, and no blanks.").format(
                    name=VARIABLE, n=SHORTEST_KEY
                ),
                _("Make one: coze-tray serve --new-key"),
            )
        return digest_of(key)
    try:
        stored = secrets.read(_ENTRY)
    except SecretsError as error:
        raise _or_by_variable(error) from None
    if not isinstance(stored, secrets.Token):
        raise SettingsError(
            _("There is no key for the API yet, and without one nobody is served."),
            _("Make one: coze-tray serve --new-key, or set {name}.").format(name=VARIABLE),
        )
    return stored.token


def _or_by_variable(error: SecretsError) -> SecretsError:
    """The keyring's own advice speaks of signing in to Coze."""
    return SecretsError(
        error.message,
        _("Set {name} to a key of your own instead, of at least {n} characters.").format(name=VARIABLE, n=SHORTEST_KEY),
    )


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, _kind, _protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, OverflowError) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        raise TrayError(
            _("{host} port {port} can't be served: {error}").format(host=host, port=port, error=why),
            _("Choose another --port, or another --host: an address of this computer."),
        ) from None


def _say_where(listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    text = _("The API is at {url}; Ctrl-C ends it.")
    terminal.err.print(text.format(url=f"http://{shown}:{port}{docs.OPENAPI}"), markup=False)
    if not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        terminal.show_warning(
            _("This is plain HTTP: anyone on the way can read the key. Serve 127.0.0.1 and put a proxy with TLS in"
              " front of it (Caddy, nginx), unless this network is your own.")
        )  # fmt: skip
