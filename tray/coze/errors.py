"""What the cloud refuses: one table of its codes, with what this program does about each and what the user can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tray.errors import SIGN_IN_AGAIN, TrayError
from tray.locale import N_, _

Deed = Literal["fail", "retry", "retry_unless_begun", "sign_in", "new_conversation", "gone"]
"""What this program does. "retry": it passes by itself, and it is said instead of doing what was asked. "sign_in": the
token is renewed, else the request waits for the user. "new_conversation": the chat begins in another one. "gone": what
was begun is no longer there."""


@dataclass(frozen=True)
class Code:
    """`meaning` and `advice` are sentences in English, to be translated when they are shown."""

    deed: Deed
    meaning: str
    advice: str


_SIGN_IN = Code("sign_in", N_("The token is wrong or has expired."), SIGN_IN_AGAIN)
_BALANCE = Code("fail", N_("The account's balance is used up."), N_("Top it up in Coze, then run it again."))
_SCOPE = Code(
    "fail",
    N_("The token may not do this."),
    N_("Make one with the scopes that the README lists, for the workspace of the bot or workflow."),
)
_RATE = Code("retry", N_("Too many requests in a short time."), N_("Run it again in a minute."))
_BUSY = Code("retry", N_("Coze is busy."), N_("Run it again in a few minutes."))
_CONVERSATION_GONE = Code(
    "new_conversation", N_("The conversation is no longer there."), N_("Begin a new conversation.")
)
_ELSEWHERE = Code("fail", N_("The address leads elsewhere."), N_("Is the API's address in the settings right?"))
_RUN_GONE = Code("gone", N_("The run is no longer there, or is over."), N_("Run it again."))

CODES: dict[str, Code] = {
    # Coze's own: docs.coze.cn, error codes.
    "4000": Code(
        "fail", N_("Coze did not understand the request."), N_("Check the id of the bot or workflow and its inputs.")
    ),
    "4001": Code("gone", N_("The chat is no longer there."), N_("Run it again.")),
    "4002": _CONVERSATION_GONE,
    "4008": Code("fail", N_("Today's quota is used up."), N_("Run it again tomorrow, or raise the plan in Coze.")),
    "4009": _BUSY,
    "4011": _BALANCE,
    "4013": Code(
        "retry_unless_begun",
        N_("The model failed."),
        N_("Run it again later, or choose another model for the bot."),
    ),
    "4015": Code(
        "fail",
        N_("The bot is not published to the API."),
        N_("Publish the bot in Coze with the channel “API” ticked, then run it again."),
    ),
    "4016": Code(
        "new_conversation",
        N_("A chat still runs in this conversation."),
        N_("Wait for its end, or begin a new conversation."),
    ),
    "4019": _BALANCE,
    "4020": _RATE,
    "4022": _BALANCE,
    "4100": _SIGN_IN,
    "4101": _SCOPE,
    "4102": Code("retry", N_("Coze's risk control holds the request back."), N_("Run it again in a few minutes.")),
    "4104": Code("fail", N_("The chat can't be cancelled now."), N_("Wait for its end.")),
    "4200": Code(
        "fail", N_("The workflow is not there, or was never published."), N_("Check its id, and publish it in Coze.")
    ),
    "4314": _RUN_GONE,
    "4315": _RUN_GONE,
    "5000": Code(
        "retry",
        N_("Coze had an internal error."),
        N_("Run it again; if it stays, report it to Coze with the logid."),
    ),
    "700012006": _SIGN_IN,
    # Signing in by OAuth.
    "invalid_client": Code(
        "fail",
        N_("Coze knows no such OAuth app."),
        N_("Check its client id (it ends with .app.coze), its kind and its region; the README has the steps."),
    ),
    # HTTP statuses, where a gateway answers and gives no code. Those of 5xx that are not here, as a time-out (504),
    # leave open whether Coze is at work.
    "301": _ELSEWHERE,
    "302": _ELSEWHERE,
    "307": _ELSEWHERE,
    "308": _ELSEWHERE,
    "401": _SIGN_IN,
    "403": _SCOPE,
    "404": Code("fail", N_("There is no such address."), N_("Is the API's address in the settings right?")),
    "408": _BUSY,
    "413": Code("fail", N_("The request is too large."), N_("Send less text, or smaller files.")),
    "429": _RATE,
    "500": _BUSY,
    "502": _BUSY,
    "503": _BUSY,
    # This program's own.
    "network": Code(
        "retry",
        N_("The network is away."),
        N_("Check the network; a proxy is taken from the system or HTTPS_PROXY."),
    ),
    "tls": Code(
        "retry",
        N_("The connection is not trusted."),
        N_(
            "Is this computer's clock right? If it is, a proxy or virus scanner may be opening encrypted connections:"
            " let it leave Coze alone, or install its certificate in the system."
        ),
    ),
    "lost": Code(
        "fail",
        N_("Nobody knows whether Coze has begun."),
        N_("Coze may be at work on it, so it was not asked again by itself. If no draft comes, run it again."),
    ),
    "request": Code(
        "fail",
        N_("The request can't be sent as it is."),
        N_("Look for odd characters in what is asked; if there are none, sign in again: coze-tray login"),
    ),
    "too_big": Code(
        "fail", N_("Coze's answer is too large."), N_("Let the bot or workflow say less, or say it in parts.")
    ),
}

_OURS = ("network", "tls", "lost", "request", "too_big")

RETRIED = frozenset(code for code, known in CODES.items() if known.deed == "retry")
"""Worth another try at any time."""
RETRIED_UNLESS_BEGUN = RETRIED | {code for code, known in CODES.items() if known.deed == "retry_unless_begun"}
"""Worth another try while nothing runs in the cloud."""
SIGN_IN = frozenset(code for code, known in CODES.items() if known.deed == "sign_in")
NEW_CONVERSATION = frozenset(code for code, known in CODES.items() if known.deed == "new_conversation")


class CozeError(TrayError):
    """The cloud answered with an error. `code` is Coze's, or the HTTP status where it gave none."""

    def __init__(self, code: str, message: str, logid: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(said(code, message), advice(code))
        self.code = code
        self.logid = logid
        self.retry_after_s = retry_after_s


class NetworkAwayError(TrayError):
    """The cloud could not be reached, or the connection broke. `sent`: the request may have arrived all the same.
    `code`: "network" or "tls"."""

    def __init__(self, message: str, *, sent: bool, logid: str = "", code: str = "network") -> None:
        super().__init__(message, advice(code))
        self.sent = sent
        self.code = code
        self.logid = logid


def said(code: str, message: str) -> str:
    """What Coze answered, and what that means where it is known."""
    meaning = _(CODES[code].meaning) if code in CODES else ""
    if code in _OURS:
        return _("{meaning} ({why})").format(meaning=meaning, why=message)
    words = _("Coze answered {code}: {message}").format(code=code, message=message)
    return f"{meaning} {words}" if meaning else words


def code_of(code: str, message: str) -> str:
    """The code that says what is wrong. Field reports (coze-dev/coze-go issue 56): a chat is refused a wrong token with
    4101, which is documented for a missing scope, and these words."""
    return "4100" if code == "4101" and "token you entered is incorrect" in message.lower() else code


def advice(code: str) -> str:
    """What the user can do about `code`."""
    known = CODES[code] if code in CODES else CODES["5000"]
    return _(known.advice)


def may_succeed(code: str) -> bool:
    """Whether the same, run again, may well succeed, as far as is known."""
    return code not in CODES or CODES[code].deed != "fail"
