"""The API token, in the operating system's keyring and nowhere else. One token for each API host.

A keyring call blocks for as long as the keyring waits for its unlock password, so each runs in a thread of its own,
which is left behind when the time is over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from tray.errors import SecretsError
from tray.locale import _

SERVICE = "coze-tray"

_READ_S = 5.0
_WRITE_S = 60.0
"""Longer: the user may be typing the password that unlocks the keyring."""

T = TypeVar("T")


def checked(token: str, where: str) -> str:
    """`token` without blanks around it. Raises SecretsError if it can't be one; `where` says where it comes from."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SecretsError(
            _("What {where} holds is no token: it is empty or has odd characters in it.").format(where=where),
            _("Copy the whole token from Coze once more."),
        )
    return token


def read_token(host: str) -> str | None:
    """The token for `host` (as api.coze.cn), or None where none is stored. At most 5 s. Raises SecretsError."""
    token: str | None = _within(_READ_S, lambda keyring: keyring.get_password(SERVICE, host))
    return token


def write_token(host: str, token: str) -> None:
    """Store the token for `host` in place of any other. At most 60 s. Raises SecretsError."""
    _within(_WRITE_S, lambda keyring: keyring.set_password(SERVICE, host, token), may_set_up=True)


def delete_token(host: str) -> bool:
    """Delete the token for `host`. False where there was none. At most 60 s. Raises SecretsError."""

    def delete(keyring: Any) -> bool:
        # Backends say "there is none" and "you may not" by the same error.
        if keyring.get_password(SERVICE, host) is None:
            return False
        keyring.delete_password(SERVICE, host)
        return True

    return _within(_WRITE_S, delete)


def _within(seconds: float, call: Callable[[Any], T], *, may_set_up: bool = False) -> T:
    """`call` with the keyring's backend, in a thread. Raises SecretsError for whatever goes wrong.

    Where no keyring was ever set up, the desktop asks for a new one's password if it `may_set_up`.
    """
    answer: list[T] = []
    failure: list[Exception] = []
    set_up = True

    def work() -> None:
        nonlocal set_up
        try:
            backend = _backend()
            set_up = _is_set_up(backend)
            if not set_up and not may_set_up:
                raise _not_set_up()  # noqa: TRY301 - it goes the way of the backend's own errors
            answer.append(call(backend))
        except Exception as error:  # noqa: BLE001 - backends raise errors of their own; raised again by the caller
            failure.append(error)

    worker = threading.Thread(target=work, name="keyring", daemon=True)
    worker.start()
    worker.join(seconds)
    if failure:
        raise _explained(failure[0]) from failure[0]
    if not answer:
        raise _locked(seconds) if set_up else _not_set_up()
    return answer[0]


def _backend() -> Any:
    """The keyring's backend. Raises SecretsError for none, and for one that keeps secrets in a plain file."""
    import keyring
    from keyring.backends import chainer, fail, null

    found = keyring.get_keyring()
    members = list(found.backends) if isinstance(found, chainer.ChainerBackend) else [found]
    members = [member for member in members if not isinstance(member, fail.Keyring | null.Keyring)]
    if not members:
        raise SecretsError(_("This computer has no keyring."), _other_ways())
    for member in members:
        if not type(member).__module__.startswith("keyrings.alt.file"):
            return member
    raise SecretsError(
        _("The keyring that is set up keeps its secrets in a file; the token is not put there."), _other_ways()
    )


def _is_set_up(backend: Any) -> bool:
    """False where a Secret Service runs and holds no default keyring yet: any call would ask for a new password."""
    if type(backend).__module__ != "keyring.backends.SecretService":
        return True
    import secretstorage

    with closing(secretstorage.dbus_init()) as connection:
        try:
            secretstorage.Collection(connection)
        except secretstorage.ItemNotFoundException:
            return False
    return True


def _locked(seconds: float) -> SecretsError:
    return SecretsError(
        _("The keyring is locked: it did not answer within {seconds} s.").format(seconds=round(seconds)),
        _("Unlock it (log in to the desktop, or open its password manager) and try again, or set COZE_API_TOKEN."),
    )


def _not_set_up() -> SecretsError:
    return SecretsError(
        _("This computer's keyring was never set up."),
        _(
            "Sign in with coze-tray login on the desktop and choose a password for the keyring when it asks, "
            "or set COZE_API_TOKEN."
        ),
    )


def _other_ways() -> str:
    return _(
        "Install a Secret Service (on Debian and Ubuntu: sudo apt install gnome-keyring) and log in again, "
        "or set COZE_API_TOKEN."
    )


def _explained(error: Exception) -> SecretsError:
    if isinstance(error, SecretsError):
        return error
    from keyring import errors

    if isinstance(error, errors.NoKeyringError):
        return SecretsError(_("This computer has no keyring."), _other_ways())
    if isinstance(error, errors.KeyringLocked):
        return SecretsError(_("The keyring is locked."), _("Unlock it and try again, or set COZE_API_TOKEN."))
    return SecretsError(
        _("The keyring refused: {error}.").format(error=str(error).rstrip(".") or type(error).__name__),
        _("Allow coze-tray in the system's password manager and try again, or set COZE_API_TOKEN."),
    )
