"""The cloud: it says what a run said and asks for, in the same few events whatever the mode; it knows no drafts."""

import warnings

from authlib.deprecate import AuthlibDeprecationWarning

# cozepy 0.20.0 imports authlib.jose; the user can do nothing about that, and it would stand in every terminal.
warnings.filterwarnings("ignore", category=AuthlibDeprecationWarning)
