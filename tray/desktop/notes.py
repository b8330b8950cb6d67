"""The texts of notifications: of one thing that happened, and of several of a kind in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tray import words
from tray.desktop.notify import MESSAGE_UNITS, Note, cut, units
from tray.events import Failure, QuestionAsked, Receipt
from tray.locale import _, ngettext

if TYPE_CHECKING:
    from tray.desktop.announce import Happened, Kind

_NAMES = 3
_NAME_UNITS = 32
_WARNING_UNITS = 70


def of(kind: Kind, happened: Sequence[Happened]) -> Note:
    """What is shown of what happened, one or more of a kind."""
    made: dict[Kind, Any] = {
        "drafts": (_draft, _drafts),
        "questions": (_question, _questions),
        "answers": (_answer, _answers),
        "failures": (_failure, _failures),
        "waiting": (_failure, _failures),
        "notices": (_notice, _notices),
    }
    one, several = made[kind]
    note: Note = one(happened[0]) if len(happened) == 1 else several(happened)
    return note


def names(found: Sequence[str]) -> str:
    """The first ones, each cut so that how many more there are is never cut off."""
    shown = _(", ").join(cut(" ".join(name.split()), _NAME_UNITS) for name in found[:_NAMES])
    n = len(found) - _NAMES
    return ngettext("{names} and {n} more", "{names} and {n} more", n).format(names=shown, n=n) if n > 0 else shown


def _draft(happened: Happened) -> Note:
    receipt: Receipt = happened.event.receipt
    lines = [_(", ").join((words.clock(receipt.duration_us), words.of_segments(receipt)))]
    if receipt.warnings:
        n = len(receipt.warnings) - 1
        ending = ngettext(" (and {n} more warning)", " (and {n} more warnings)", n).format(n=n) if n else ""
        warning = _("Warning: {text}").format(text=" ".join(receipt.warnings[0].split()))
        lines.append(cut(warning, _WARNING_UNITS) + ending)
    title = _("Draft ready: {name}").format(name=receipt.name)
    return Note(title, "\n".join(lines), words.how_to_see_it(), receipt.path)


def _drafts(happened: Sequence[Happened]) -> Note:
    receipts: list[Receipt] = [one.event.receipt for one in happened]
    n = len(receipts)
    lines = [names([receipt.name for receipt in receipts])]
    if warned := [receipt for receipt in receipts if receipt.warnings]:
        k = len(warned)
        lines.append(ngettext("{n} of them with warnings", "{n} of them with warnings", k).format(n=k))
    folders = {str(Path(receipt.path).parent) for receipt in receipts}
    folder = folders.pop() if len(folders) == 1 else ""
    return Note(
        ngettext("{n} draft ready", "{n} drafts ready", n).format(n=n), "\n".join(lines), words.how_to_see_it(), folder
    )


def _question(happened: Happened) -> Note:
    event: QuestionAsked = happened.event
    question = " ".join(event.text.split())
    if event.options:
        question = f"{question} ({' / '.join(event.options)})"
    how = _("Answer it in the icon's menu, or: coze-tray answer {id} TEXT").format(id=event.request_id)
    return Note(_about(_("A question for you"), happened), question, how)


def _questions(happened: Sequence[Happened]) -> Note:
    n = len(happened)
    title = ngettext("{n} question for you", "{n} questions for you", n).format(n=n)
    return Note(title, names([one.event.text for one in happened]), _("Answer them in the icon's menu."))


def _answer(happened: Happened) -> Note:
    return Note(_about(_("Answered"), happened), happened.event.text)


def _answers(happened: Sequence[Happened]) -> Note:
    n = len(happened)
    title = ngettext("{n} request answered", "{n} requests answered", n).format(n=n)
    return Note(title, names([one.about or one.event.text for one in happened]))


def _failure(happened: Happened) -> Note:
    failure: Failure = happened.event.failure
    if failure.kept:
        how = _("It is kept and goes on by itself.")
    elif failure.again:
        how = _("Run it again from the icon's menu, or: coze-tray again {id}").format(id=happened.event.request_id)
    else:
        how = ""
    what = _("The request waits") if failure.kept else _("The request failed")
    return Note(_about(what, happened), _why(failure, MESSAGE_UNITS - units(how) - 1), how)


def _failures(happened: Sequence[Happened]) -> Note:
    """Many that fail at once mostly fail for the same reason."""
    failures: list[Failure] = [one.event.failure for one in happened]
    first, n = failures[0], len(failures)
    if first.kept:
        title = ngettext("{n} request waits", "{n} requests wait", n).format(n=n)
        how = _("They are kept and go on by themselves.")
    else:
        title = ngettext("{n} request failed", "{n} requests failed", n).format(n=n)
        how = _("Run them again from the icon's menu.") if any(failure.again for failure in failures) else ""
    about = names([one.about or one.event.request_id for one in happened])
    why = _why(first, MESSAGE_UNITS - units(about) - units(how) - 2)
    if any(failure.message != first.message for failure in failures):
        why = _("The first: {why}").format(why=why)
    return Note(title, f"{about}\n{why}", how)


def _why(failure: Failure, room: int) -> str:
    """What happened and what to do; Coze's log id, which its support asks for, where it fits."""
    text = f"{failure.message} {failure.advice}".strip()
    with_logid = f"{text} (logid {failure.logid})"
    return with_logid if failure.logid and units(with_logid) <= room else text


def _notice(happened: Happened) -> Note:
    return Note("coze-tray", happened.event.text)


def _notices(happened: Sequence[Happened]) -> Note:
    texts = list(dict.fromkeys(one.event.text for one in happened))
    if len(texts) == 1:
        return _notice(happened[0])
    n = len(texts) - 1
    how = ngettext("{n} more message is in the log.", "{n} more messages are in the log.", n).format(n=n)
    return Note("coze-tray", texts[0], how)


def _about(what: str, happened: Happened) -> str:
    """With the request's title, where that is known."""
    return _("{state}: {detail}").format(state=what, detail=happened.about) if happened.about else what
