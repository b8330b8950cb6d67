"""What can go wrong, as the user is told it.

TrayError                     what happened, and what to do next
├── SettingsError             settings.toml or the environment
├── SecretsError              the OS keyring
├── JournalError              the journal's file
├── HandOffError              the running program could not be reached
├── coze.CozeError            the cloud said no (code, logid)
│   └── coze.NetworkAway      the cloud could not be reached
├── draft.DraftError          a draft or a drafts folder
└── tools.ToolError           a tool's arguments
"""

from __future__ import annotations

from tray.locale import N_, _

SIGN_IN = N_("Sign in from the icon's menu, or with: coze-tray login")
SIGN_IN_AGAIN = N_("Sign in again from the icon's menu, or with: coze-tray login")
"""What to do next, to be translated when it is shown. Many a user never saw a terminal."""


class TrayError(Exception):
    """An error to show: `message` says what happened and to which thing, `advice` what to do next (may be empty)."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        if not self.advice:
            return self.message
        if self.message.endswith((".", "。", "!", "?")):
            return f"{self.message} {self.advice}"
        return _("{message}. {advice}").format(message=self.message, advice=self.advice)


class SettingsError(TrayError):
    """A setting can't be used."""


class SecretsError(TrayError):
    """The OS keyring is missing, locked or refuses."""


class JournalError(TrayError):
    """The journal can't be opened."""


class HandOffError(TrayError):
    """The running coze-tray holds the lock but does not answer."""
