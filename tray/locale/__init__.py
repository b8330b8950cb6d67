"""The user's language: `_` and `ngettext`, English in the code and Chinese in the catalogue beside this file."""

from __future__ import annotations

import gettext
import os
import sys
from pathlib import Path

_catalogue: gettext.NullTranslations = gettext.NullTranslations()
_used = "en"


def _(message: str) -> str:
    """`message` (English) in the user's language."""
    return _catalogue.gettext(message) if message else ""


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it
    """`message` as it is: it is put into the catalogue, and translated with `_` where it is shown."""
    return message


def ngettext(one: str, many: str, n: int) -> str:
    """The form for `n` of a counted message, in the user's language."""
    return _catalogue.ngettext(one, many, n)


def use(language: str | None = None) -> str:
    """Switch to `language` ("zh_CN" or "en"); by default to the system's. Returns the one in use."""
    global _catalogue, _used  # noqa: PLW0603 - the process speaks one language at a time
    _used = chosen = language or ("zh_CN" if _system_language().lower().startswith("zh") else "en")
    _catalogue = gettext.translation("coze-tray", Path(__file__).parent, [chosen], fallback=True)
    return chosen


def used() -> str:
    """The language in use."""
    return _used


def _system_language() -> str:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return os.environ[name]
    if sys.platform == "win32":
        import ctypes
        import locale

        return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
    if sys.platform == "darwin":  # an application started from Finder has no LANG
        from Foundation import NSLocale

        return str(NSLocale.preferredLanguages()[0])
    return ""
