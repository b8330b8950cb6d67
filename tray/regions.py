"""Where the Coze API is, and which addresses a token may be sent to."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from tray.errors import SettingsError
from tray.locale import _
from tray.network import is_loopback

REGIONS = {"cn": "https://api.coze.cn", "com": "https://api.coze.com"}


def check_base_url(url: str) -> None:
    """Raise SettingsError unless a token may be sent to `url`: https, or this machine itself."""
    try:
        parts = urlsplit(url)
        is_address = (
            bool(parts.hostname)
            and "@" not in parts.netloc  # a password would be shown and logged
            and parts.scheme in ("https", "http")
            and (parts.port or 80) > 0
        )
    except ValueError:  # a port that is no number
        is_address = False
    if not is_address:
        raise SettingsError(
            _("“{url}” is no address of a Coze API.").format(url=url),
            _("It begins with https://, like {}.").format(REGIONS["cn"]),
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise SettingsError(
            _("{url} is not https: the token would travel unprotected.").format(url=url), _("Use the https address.")
        )


def _address(said: str) -> str:
    try:
        if said:
            check_base_url(said)
    except SettingsError as error:
        raise ValueError(str(error)) from None
    return said


Address = Annotated[str, AfterValidator(_address)]
"""Of a Coze API, or empty."""
