"""What signs in to Coze, in the operating system's keyring and nowhere else: one record for each API host.

A keyring call blocks for as long as the keyring waits for its unlock password, so each runs in a thread of its own,
which is left behind when the time is over.

Windows takes 1,280 UTF-16 characters for an entry, so a longer record is split over several, on every platform the same
way. The entry named by the host is the head: a bare token, a record as JSON, or the list of the parts that hold the
record. The parts lie in one of two places, in turns: a new record is written into the place that the head does not
name, and only then the head is replaced. Whatever ends a write in the middle, the head names a whole record.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets as random
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

from tray.errors import SIGN_IN_AGAIN, SecretsError
from tray.keyring_lock import KeyringLock
from tray.locale import _

SERVICE = "coze-tray"
PART = 1_000
"""Characters in one entry of the keyring, which are ASCII all."""

_VARIABLE = "COZE_API_TOKEN"
_READ_S = 5.0
_WRITE_S = 60.0
"""Longer: the user may be typing the password that unlocks the keyring."""
_MOST_PARTS = 100

T = TypeVar("T")
_Found = Literal["open", "locked", "none"]

_lock = KeyringLock()


@dataclass(frozen=True)
class Token:
    """A personal access token or a service token. `expires_at`: Unix seconds, None where nobody said."""

    token: str = field(repr=False)
    expires_at: float | None = None
    kind: ClassVar[str] = "token"


@dataclass(frozen=True)
class OAuth:
    """What an OAuth sign-in gave. Unix seconds, by this machine's clock. The refresh token dies when it is used."""

    client_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float
    refresh_expires_at: float
    flow: Literal["device", "pkce"]
    kind: ClassVar[str] = "oauth"


Stored = Token | OAuth


def checked(token: str, where: str) -> str:
    """`token` without blanks around it. Raises SecretsError if it can't be one; `where` says where it comes from."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SecretsError(
            _("What {where} holds is no token: it is empty or has odd characters in it.").format(where=where),
            _("Copy the whole token from Coze once more."),
        )
    return token


_from_environment: list[str] = []


def environment_token() -> str | None:
    """The token that COZE_API_TOKEN gives this process, if any, as it was written there."""
    return os.environ.get(_VARIABLE) or (_from_environment[0] if _from_environment else None)


def keep_from_children() -> None:
    """Take COZE_API_TOKEN out of the environment, which every process started from here would inherit. Once, when the
    program starts; `environment_token` still knows it."""
    if token := os.environ.pop(_VARIABLE, None):
        _from_environment[:] = [token]


def read(host: str) -> Stored | None:
    """What is stored for `host` (as api.coze.cn), None for nothing. At most 5 s. Raises SecretsError."""
    return _within(_READ_S, lambda keyring: _read(keyring, host))


def write(host: str, stored: Stored) -> Stored | None:
    """Store it for `host`. Returns what it replaced. At most 60 s. Raises SecretsError; then the old one is still
    there."""
    return _within(_WRITE_S, lambda keyring: _write(keyring, host, stored), may_set_up=True)


def delete(host: str) -> bool:
    """Delete what is stored for `host`, all of it. False where there was nothing. At most 60 s. Raises SecretsError."""
    return _within(_WRITE_S, lambda keyring: _delete(keyring, host))


def when_unlocked(act: Callable[[], None]) -> Callable[[], None]:
    """Call `act` each time that the keyring answers again after it was locked; in a thread of its own. Returns the
    function that ends it."""
    _lock.to_tell.append(act)

    def end() -> None:
        with suppress(ValueError):  # it was ended before
            _lock.to_tell.remove(act)

    return end


def _read(keyring: Any, host: str) -> Stored | None:
    for _attempt in range(3):  # another process may be writing: its head and its parts do not fit for an instant
        head = keyring.get_password(SERVICE, host)
        if head is None:
            return None
        place, tag, count = _parts_of(head)
        if not place:
            return _record(head, host)
        parts = [keyring.get_password(SERVICE, _part(host, place, n)) or "" for n in range(count)]
        if all(part.startswith(tag) for part in parts):
            return _record("".join(part[len(tag) :] for part in parts), host)
    raise _damaged(host)


def _write(keyring: Any, host: str, stored: Stored) -> Stored | None:
    try:
        before = _read(keyring, host)
    except SecretsError:  # damaged: what is written now mends it
        before = None
    head = keyring.get_password(SERVICE, host)
    old, _tag, _count = _parts_of(head or "")
    text, place = _text(stored), ""
    if len(text) > PART:
        place, tag = ("b" if old == "a" else "a"), random.token_hex(4)
        step = PART - len(tag)
        parts = [tag + text[start : start + step] for start in range(0, len(text), step)]
        for n, part in enumerate(parts):
            keyring.set_password(SERVICE, _part(host, place, n), part)
        text = json.dumps({"place": place, "tag": tag, "parts": len(parts)})
        _delete_parts(keyring, host, place, len(parts))  # of a write that was cut short
    keyring.set_password(SERVICE, host, text)
    for other in {"a", "b"} - {place}:
        _delete_parts(keyring, host, other)
    return before


def _delete(keyring: Any, host: str) -> bool:
    # Backends say "there is none" and "you may not" by the same error.
    there = keyring.get_password(SERVICE, host) is not None
    if there:
        keyring.delete_password(SERVICE, host)
    for place in ("a", "b"):
        _delete_parts(keyring, host, place)
    return there


def _delete_parts(keyring: Any, host: str, place: str, first: int = 0) -> None:
    names = [_part(host, place, n) for n in range(first, _MOST_PARTS)]
    there = list(itertools.takewhile(lambda name: keyring.get_password(SERVICE, name) is not None, names))
    for name in reversed(there):  # cut short, it leaves no gap that would hide the rest
        keyring.delete_password(SERVICE, name)


def _part(host: str, place: str, n: int) -> str:
    return f"{host} {place}{n}"


def _text(stored: Stored) -> str:
    """A token without more to say is stored bare, as it always was."""
    if isinstance(stored, Token) and stored.expires_at is None and not stored.token.startswith("{"):
        return stored.token
    return json.dumps({"kind": stored.kind, **asdict(stored)})


def _parts_of(head: str) -> tuple[str, str, int]:
    """Where the parts lie that a head lists, how each begins, how many they are; ("", "", 0) where it holds the record
    itself."""
    if not head.startswith("{"):
        return "", "", 0
    try:
        said = json.loads(head)
        place, tag, count = str(said["place"]), str(said["tag"]), int(said["parts"])
    except (ValueError, KeyError, TypeError):
        return "", "", 0
    return (place, tag, count) if 0 < count <= _MOST_PARTS else ("", "", 0)


def _record(text: str, host: str) -> Stored:
    if not text.startswith("{"):
        return Token(text)
    try:
        said = json.loads(text)
        kind = said.pop("kind")
        made: Stored = OAuth(**said) if kind == OAuth.kind else Token(**said)
        float(made.expires_at or 0)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(host) from None  # the error's own text would quote the record
    return made


def _damaged(host: str) -> SecretsError:
    return SecretsError(_("What the keyring holds for {host} is damaged.").format(host=host), _(SIGN_IN_AGAIN))


def _within(seconds: float, call: Callable[[Any], T], *, may_set_up: bool = False) -> T:
    """`call` with the keyring's backend, in a thread. Raises SecretsError for whatever goes wrong.

    Where no keyring was ever set up, the desktop asks for a new one's password if it `may_set_up`. While it asks for
    the password of one that is locked, whoever only reads does not make it ask a second time.
    """
    answer: list[T] = []
    failure: list[Exception] = []
    found: _Found = "open"
    given_up = threading.Event()

    def work() -> None:
        nonlocal found
        try:
            backend = _backend()
            found = _look(backend)
            if found == "none" and not may_set_up:
                raise _not_set_up()  # noqa: TRY301 - it goes the way of the backend's own errors
            if found == "locked":
                _lock.seen_locked()
                if _lock.is_asked_for and not may_set_up:
                    raise _locked(seconds)  # noqa: TRY301
            with _lock.asked_for():
                answer.append(call(_Heeded(backend, given_up)))
        except _GivenUpError:
            _lock.seen_open()  # or it would block still
        except Exception as error:  # noqa: BLE001 - backends raise errors of their own; raised again by the caller
            failure.append(error)
        else:
            _lock.seen_open()

    worker = threading.Thread(target=work, name="keyring", daemon=True)
    worker.start()
    worker.join(seconds)
    given_up.set()
    if failure:
        raise _explained(failure[0]) from failure[0]
    if answer:
        return answer[0]
    if found == "none":
        raise _not_set_up()
    _lock.silent(lambda: bool(answer))
    raise _locked(seconds)


class _GivenUpError(Exception):
    pass


class _Heeded:
    """The backend for one call. Once that is given up, it changes nothing any more: a record that was refreshed since
    would be replaced by an older one, or be mixed with its parts."""

    def __init__(self, backend: Any, given_up: threading.Event) -> None:
        self._backend, self._given_up = backend, given_up

    def get_password(self, service: str, name: str) -> str | None:
        found: str | None = self._backend.get_password(service, name)
        return found

    def set_password(self, service: str, name: str, password: str) -> None:
        self._heed()
        self._backend.set_password(service, name, password)

    def delete_password(self, service: str, name: str) -> None:
        self._heed()
        self._backend.delete_password(service, name)

    def _heed(self) -> None:
        if self._given_up.is_set():
            raise _GivenUpError


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


def _look(backend: Any) -> _Found:
    """Whether a Secret Service has its default keyring open. "none": it holds none yet, so any call would ask for a new
    password. Others don't tell: "open"."""
    if type(backend).__module__ != "keyring.backends.SecretService":
        return "open"
    import secretstorage

    with closing(secretstorage.dbus_init()) as connection:
        try:
            return "locked" if secretstorage.Collection(connection).is_locked() else "open"
        except secretstorage.ItemNotFoundException:
            return "none"


def _locked(seconds: float) -> SecretsError:
    return SecretsError(
        _("The keyring is locked: it did not answer within {seconds} s.").format(seconds=round(seconds)),
        _("Unlock it (log in to the desktop, or open its password manager) and try again, or set COZE_API_TOKEN."),
    )


def _not_set_up() -> SecretsError:
    return SecretsError(
        _("This computer's keyring was never set up."),
        _(
            "Sign in from the icon's menu, or with coze-tray login on the desktop, and choose a password for the "
            "keyring when it asks, or set COZE_API_TOKEN."
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
