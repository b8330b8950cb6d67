"""Where a real desktop can't be run the tests skip and say why; in CI that is a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from real_desktop import SHARED, Desktop, desktop_session, missing


@pytest.fixture(autouse=True, scope="session")
def _real_desktop() -> None:
    why = missing()
    if why is None:
        return
    if os.environ.get("CI") == "true" and SHARED.is_dir():
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def panel() -> Iterator[Desktop]:
    """A desktop with a panel that shows icons, a notification daemon and an unlocked keyring."""
    with desktop_session("--panel") as desktop:
        yield desktop


@pytest.fixture(scope="module")
def bare() -> Iterator[Desktop]:
    """A desktop without a panel."""
    with desktop_session() as desktop:
        yield desktop
