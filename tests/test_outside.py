"""What programs that are not ours are started with."""

from __future__ import annotations

import os
import sys

import pytest

from tray.desktop import outside

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there libraries are found so")


@needs_linux
def test_a_program_that_the_packaged_one_starts_sees_nothing_of_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", "/opt/coze-tray/_internal", raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/coze-tray/_internal")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/usr/local/lib:/opt/coze-tray/_internal/x")
    monkeypatch.setenv("XDG_DATA_DIRS", "/opt/coze-tray/_internal/share:/usr/share")
    monkeypatch.setenv("GIO_MODULE_DIR", "/opt/coze-tray/_internal/gio_modules")
    monkeypatch.setenv("GTK_THEME", "Adwaita")
    found = outside.environment()
    assert found["LD_LIBRARY_PATH"] == "/usr/local/lib"
    assert found["XDG_DATA_DIRS"] == "/usr/share"
    assert "GIO_MODULE_DIR" not in found and "LD_LIBRARY_PATH_ORIG" not in found
    assert found["GTK_THEME"] == "Adwaita"


def test_from_source_the_environment_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    assert outside.environment() == dict(os.environ)
