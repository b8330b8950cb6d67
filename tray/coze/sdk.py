"""cozepy, as much of it as is needed: `import cozepy` loads every model of the API, its websockets, and a JWT library
over cryptography, which is 16 MB for as long as the program runs. Of its modules the one that makes requests needs none
of that, but Python imports no module of a package before the whole package."""

from __future__ import annotations

import importlib
import sys
import threading
import warnings
from importlib.util import find_spec, module_from_spec
from types import ModuleType

_guard = threading.RLock()
"""What is imported meanwhile by another thread must not find the package half made."""


def request_layer() -> ModuleType:
    """`cozepy.request` alone. May take a tenth of a second the first time."""
    with _guard:
        if "cozepy.request" in sys.modules:
            return sys.modules["cozepy.request"]
        spec = find_spec("cozepy")
        if spec is None:
            raise ModuleNotFoundError("cozepy", name="cozepy")
        sys.modules["cozepy"] = module_from_spec(spec)  # its __init__ is not run
        try:
            return importlib.import_module("cozepy.request")
        finally:
            del sys.modules["cozepy"]  # who wants the whole package gets it


def whole() -> ModuleType:
    """The whole package; takes about half a second and 16 MB the first time."""
    with _guard:
        from authlib.deprecate import AuthlibDeprecationWarning

        # cozepy 0.20.0 imports authlib.jose; the user can do nothing about that, and it would stand in every terminal.
        warnings.filterwarnings("ignore", category=AuthlibDeprecationWarning, module=r"cozepy\.")
        return importlib.import_module("cozepy")
