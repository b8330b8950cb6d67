"""Why a request failed, of whatever was raised while it ran."""

from __future__ import annotations

import logging

from tray.coze.errors import SIGN_IN, CozeError, NetworkAwayError
from tray.errors import SecretsError, TrayError
from tray.events import Failure
from tray.journal_rows import UnreadableError
from tray.locale import _

log = logging.getLogger(__name__)


def failure_of(request_id: str, error: Exception) -> Failure:
    """`kept` where what it waits for comes by itself, or by signing in. A bug must not end the listener: it is logged,
    and told as one."""
    if isinstance(error, (NetworkAwayError, CozeError)):
        away, signed_out = isinstance(error, NetworkAwayError), error.code in SIGN_IN
        code = "sign_in" if signed_out and not away else error.code
        return Failure(code, error.message, error.advice, error.logid, kept=away or signed_out)
    if isinstance(error, SecretsError):
        return Failure("sign_in", error.message, error.advice, kept=True)
    if isinstance(error, TrayError):
        code = "unreadable" if isinstance(error, UnreadableError) else "settings"
        return Failure(code, error.message, error.advice)
    log.error("request %s", request_id, exc_info=error)
    return Failure(
        "internal",
        _("Something in this program failed: {error}").format(error=f"{type(error).__name__}: {error}"),
        _("Its log has the details: coze-tray doctor says where it is."),
    )
