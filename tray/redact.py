"""What no log and no report may hold: tokens, codes and signatures are taken out of a text, and the home folder's name.
The standard library alone."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

_GONE = "…"
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
"""Where a word begins; in what Python shows of a text, after an end of a line too, which is written \\n there."""
_PATTERNS = (
    # Coze's tokens: personal (pat_), service (sat_), of OAuth (cz?_)
    (re.compile(_START + r"(pat|sat|cz[a-z])_[\w.~+/=-]{3,}"), rf"\1_{_GONE}"),
    (re.compile(_START + r"(Bearer|Basic)\s+[\w.~+/=-]{3,}", re.IGNORECASE), rf"\1 {_GONE}"),
    (re.compile(_START + r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), _GONE),  # a JSON web token
    # A password in an address, and whatever follows the path: signed links are signed there.
    (re.compile(_START + r"(\w+://)[^\s/@\"'<>]+@"), rf"\1{_GONE}@"),
    (re.compile(_START + r"(\w+://[^\s?#\"'<>“”]*)[?#][^\s\"'<>“”]+"), rf"\1?{_GONE}"),
    (
        re.compile(r"""(authorization["']?\s*[:=,]\s*(?:b?["'])?)(?:(?:Bearer|Basic)\s+)?[^\s"']{3,}""", re.IGNORECASE),
        rf"\1{_GONE}",
    ),
    (re.compile(r"""((?:set-)?cookie["']?\s*[:=,]\s*(?:b?["'])?)[^"'\n]{3,}""", re.IGNORECASE), rf"\1{_GONE}"),
    # As JSON, as a form, as a header or as Python shows a dict, by the name of what it is.
    (
        re.compile(
            _START
            + r"""((?:access_?|refresh_?|id_?|api_?|auth_?|session_?|csrf_?)?token|(?:client_?)?secret|password"""
            r"""|passwd|api_?key|auth_?key|code_verifier|device_code|user_code"""
            r"""|x-amz-[\w-]+|x-tos-[\w-]+|x-oss-[\w-]+|x-expires|x-signature|sign|signature|OSSAccessKeyId)"""
            r"""(\\*["']?\s*[:=]\s*(?:b?\\*["'])?)([^\s"'&,;}\\]{8,})""",
            re.IGNORECASE,
        ),
        rf"\1\2{_GONE}",
    ),
    (re.compile(_START + r"""((?:code|state)=)[\w.~+/%-]{12,}"""), rf"\1{_GONE}"),  # of OAuth; an error's is shorter
    (re.compile(r"""(["']code\\*["']\s*:\s*\\*["'])[\w.~+/=-]{12,}"""), rf"\1{_GONE}"),
)


_TOKEN = re.compile(_START + r"(?:pat|sat|cz[a-z])_[A-Za-z0-9]{20}")
"""What is one rather than a name that begins so: Coze's have 64 letters and digits and more."""


def holds_token(text: str) -> bool:
    """Whether something in `text` looks like a whole token of Coze's."""
    return _TOKEN.search(text) is not None


def redacted(text: str) -> str:
    """`text` without what could be used by whoever reads it, and with ~ for the user's home folder."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    home = _home()
    return home.sub("~", text) if home else text


@cache
def _home() -> re.Pattern[str] | None:
    """The user's home folder as it may be written: with either slash, and with doubled backslashes."""
    path = str(Path.home())
    if len(path) < 4:
        return None
    parts = [re.escape(part) for part in re.split(r"[\\/]+", path)]
    flags = re.IGNORECASE if os.name == "nt" else 0
    return re.compile(r"(?:/|\\{1,2})".join(parts) + r"(?![\w.-])", flags)
