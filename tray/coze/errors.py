"""What the cloud refuses, with what to do about it. The codes: docs.coze.cn, API error codes."""

from __future__ import annotations

from tray.errors import TrayError
from tray.locale import _

RETRIED = {"4009", "4013", "4020", "4102", "5000", "429", "503"}
"""Busy, a model's error, too many requests a minute, risk control, an internal error: these pass by themselves, and
they are said instead of doing what was asked."""
SIGN_IN = {"4100", "401", "700012006"}


class CozeError(TrayError):
    """The cloud answered with an error. `code` is Coze's, or the HTTP status where it gave none."""

    def __init__(self, code: str, message: str, logid: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(_("Coze answered {code}: {message}").format(code=code, message=message), advice(code))
        self.code = code
        self.logid = logid
        self.retry_after_s = retry_after_s


class NetworkAwayError(TrayError):
    """The cloud could not be reached, or the connection broke. `sent`: the request may have arrived all the same."""

    def __init__(self, message: str, *, sent: bool, logid: str = "") -> None:
        super().__init__(message, _("Check the network; a proxy is taken from the system or HTTPS_PROXY."))
        self.sent = sent
        self.code = "network"
        self.logid = logid


def advice(code: str) -> str:
    """What the user can do about `code`; "" where nothing is known."""
    return {
        "4000": _("The request was not understood; is the bot id right?"),
        "4008": _("Today's quota is used up. Go on tomorrow, or raise the plan in Coze."),
        "4011": _("The account's balance is used up. Top it up in Coze."),
        "4013": _("The model failed. Try again later, or choose another model for the bot."),
        "4015": _("Publish the bot in Coze with the channel “API” ticked, then ask again."),
        "4016": _("A chat still runs in this conversation. Wait for its end."),
        "4019": _("The account's balance is used up. Top it up in Coze."),
        "4020": _("Too many requests in a minute. Ask again in a minute."),
        "4022": _("The account's balance is used up. Top it up in Coze."),
        "4100": _("The token is wrong or has expired. Sign in again: coze-tray login"),
        "401": _("The token is wrong or has expired. Sign in again: coze-tray login"),
        "700012006": _("The token is wrong or has expired. Sign in again: coze-tray login"),
        "4101": _(
            "The token may not do this. Make one with the scopes that the README lists, for the bot's workspace."
        ),
        "403": _("The token may not do this. Make one with the scopes in the README, for the bot's workspace."),
        "4200": _("Is the id right, and is it published?"),
        "5000": _("Coze had an internal error. Try again; if it stays, report it to Coze with the logid."),
    }.get(code, "")
