"""What a client signs in with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Credential(Protocol):
    """Gives the token for each request. Used by any number of requests at once."""

    async def token(self) -> str:
        """The token to send now. Raises SecretsError where there is none."""

    async def renew(self, refused: str) -> bool:
        """After Coze refused the token `refused`: whether `token` gives another one now."""


@dataclass(frozen=True)
class FixedToken:
    """A personal access token or a service token: it is what it is until it expires."""

    value: str = field(repr=False)

    async def token(self) -> str:
        return self.value

    async def renew(self, refused: str) -> bool:  # noqa: ARG002 - as the protocol says
        return False
