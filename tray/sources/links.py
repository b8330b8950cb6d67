"""Links to this program: `coze-tray://ask?target=NAME&prompt=TEXT` and `coze-tray://open`.

Any page of the web can open one, so it asks nothing by itself: it opens the page, on which the user sees what would be
asked, and sends it or not.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from tray.errors import TrayError
from tray.locale import _
from tray.text import whole_characters

SCHEME = "coze-tray"
LONGEST = 8_000
"""Characters: what a browser takes of an address, with room for its encoding."""


def path_of(link: str) -> str:
    """The path of the page that the link opens. Raises TrayError for what is no such link."""
    if len(link) > LONGEST:
        raise TrayError(
            _("This link is too long."), _("Open the page from the icon's menu, and paste there what is to be asked.")
        )
    try:
        parts = urlsplit(link)
        said = parse_qs(parts.query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        parts, said = urlsplit(""), {}
    what = (parts.netloc or parts.path).strip("/").lower()
    if parts.scheme != SCHEME or what not in ("ask", "open"):
        raise TrayError(
            _("“{link}” is no link that coze-tray knows.").format(link=whole_characters(link)[:200]),
            _("It begins with {begin} or is {open}.").format(begin="coze-tray://ask?prompt=", open="coze-tray://open"),
        )
    names = [name for name in ("target", "prompt") if name in said and what == "ask"]
    filled = [(name, whole_characters(said[name][0])) for name in names]
    return f"?{urlencode(filled)}" if filled else ""
