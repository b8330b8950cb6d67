"""coze-tray: a Coze (扣子) bot makes JianYing (剪映) drafts on its user's own computer."""

import sys

__version__ = "0.1.0"

# httpx imports its own command line with itself where rich and click are there, as they are for ours: six megabytes of
# memory that a program in the background would hold for nothing. It does without where that can't be imported.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
