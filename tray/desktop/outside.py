"""The environment of programs that are not ours: the file manager, the browser, a window that asks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager

_OURS = (
    *("GTK_PATH", "GTK_EXE_PREFIX", "GTK_DATA_PREFIX", "GIO_MODULE_DIR", "GI_TYPELIB_PATH", "GDK_PIXBUF_MODULE_FILE"),
    *("PANGO_LIBDIR", "PANGO_SYSCONFDIR"),
)
"""What PyInstaller's hooks set for the libraries that it packages (PyInstaller/hooks/rthooks)."""
_PATHS = ("LD_LIBRARY_PATH", "XDG_DATA_DIRS")


def show_page(url: str) -> None:
    """Have the user's browser show it. Returns at once. Raises webbrowser.Error or OSError."""
    if sys.platform.startswith("linux") and hasattr(sys, "_MEIPASS"):
        nothing = subprocess.DEVNULL
        subprocess.Popen(  # noqa: S603 - a list of two, no shell
            ["xdg-open", url],  # noqa: S607 - the system's
            env=environment(),
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
        )
        return
    with without_our_libraries():
        webbrowser.open(url)


_one_at_a_time = threading.Lock()


@contextmanager
def without_our_libraries() -> Iterator[None]:
    """Start outside programs within this. On Windows they inherit where the packaged program looks for DLLs, and would
    load those (PyInstaller, "Launching External Programs from the Frozen Application"). Elsewhere it does nothing: see
    `environment`."""
    if sys.platform != "win32" or not hasattr(sys, "_MEIPASS"):
        yield
        return
    import ctypes

    set_directory = ctypes.windll.kernel32.SetDllDirectoryW  # type: ignore[attr-defined,unused-ignore]
    with _one_at_a_time:
        set_directory(None)
        try:
            yield
        finally:
            set_directory(ctypes.c_wchar_p(sys._MEIPASS))  # modules that are imported later need it


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
