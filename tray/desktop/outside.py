"""The environment of programs that are not ours: the file manager, the browser, a window that asks."""

from __future__ import annotations

import os
import sys

_OURS = (
    *("GTK_PATH", "GTK_EXE_PREFIX", "GTK_DATA_PREFIX", "GIO_MODULE_DIR", "GI_TYPELIB_PATH", "GDK_PIXBUF_MODULE_FILE"),
    *("PANGO_LIBDIR", "PANGO_SYSCONFDIR"),
)
"""What PyInstaller's hooks set for the libraries that it packages (PyInstaller/hooks/rthooks)."""
_PATHS = ("LD_LIBRARY_PATH", "XDG_DATA_DIRS")


def environment() -> dict[str, str]:
    """This process's, without what leads to the libraries that the packaged program brings: they are another system's,
    and programs of this one break with them (PyInstaller, issue 8917)."""
    found = dict(os.environ)
    inside = getattr(sys, "_MEIPASS", None)
    if inside is None or not sys.platform.startswith("linux"):
        return found
    found = {name: value for name, value in found.items() if name not in _OURS and not name.startswith("_PYI_")}
    if (before := found.pop("LD_LIBRARY_PATH_ORIG", None)) is not None:
        found["LD_LIBRARY_PATH"] = before
    for name in _PATHS:
        paths = [path for path in found.get(name, "").split(":") if path and not path.startswith(inside)]
        found.pop(name, None)
        if paths:
            found[name] = ":".join(paths)
    return found
