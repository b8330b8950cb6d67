"""A call that is made again, as of a caller who has heard no answer, is the same request."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

from fastapi import Header

from tray import app as app_module
from tray.asked import Asked
from tray.errors import TrayError
from tray.locale import _

if TYPE_CHECKING:
    from tray.app import App

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="The caller's own name for this call: the same call made again under it is the same request.",
    ),
]


def begin(app: App, asked: Asked, key: str | None) -> str:
    """Ask; under a `key` that was used before, go on with the request of then. Returns the request's id. Raises
    TrayError where something else was asked under that key."""
    if key is None:
        return app_module.begin(app, app_module.NewRequest(asked, None))
    # Hashed: a key must not be the id of another request, nor look as if it belonged to a group of them.
    request_id = hashlib.sha256(key.encode()).hexdigest()[:32]
    app_module.begin(app, app_module.NewRequest(asked, None, request_id=request_id))
    if app.journal.request(request_id).asked != asked:
        raise TrayError(
            _("Something else was asked before under the Idempotency-Key {key}.").format(key=key),
            _("Give each request a key of its own."),
        )
    return request_id
