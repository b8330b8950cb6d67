"""`coze-tray listen` and `coze-tray targets listen`: what it costs, and what comes."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from tomlkit import TOMLDocument

from tray import app, events, instance, standing, targets, terminal, words
from tray import settings as settings_module
from tray.draft.problems import in_words
from tray.errors import HandOffError, SettingsError
from tray.home import home as home_folder
from tray.locale import _, ngettext
from tray.mailbox_pace import HOLD_S, runs_a_day
from tray.settings import Settings
from tray.settings_target import Target
from tray.standing import Wanted

log = logging.getLogger(__name__)

FREE_PLAN_CALLS = 500
"""What a free plan of Coze has in all (documented; see the README)."""
_TRIES = 100


def listen(said: str | None, interval: str | None) -> terminal.Outcome:
    """Listen to a mailbox until Ctrl-C, here or by the coze-tray that runs already. `said`: its name or id, None for
    the default; `interval`: as in the settings, None for theirs."""
    settings = settings_module.load_for_people()
    name, target = targets.find(said, "workflow", settings)
    wanted = Wanted.of((name, _with_interval(target, interval)), settings)
    terminal.err.print(cost(wanted.interval_s, wanted.runs_a_day), markup=False)
    text = _("Listening to {name} as {device}; Ctrl-C ends it.")
    terminal.err.print(text.format(name=wanted.name, device=standing.device(settings)), markup=False)
    watched = _Watched()
    try:
        with closing(_happenings(home_folder(), settings, wanted)) as happenings:
            for event in happenings:
                watched.heard(event)
                if watched.outcome.failure is not None:
                    break
    except KeyboardInterrupt:
        if terminal.err.is_terminal:
            terminal.err.print()  # the line that “^C” stands in
    watched.end()
    return watched.outcome


def listen_always(name: str, on: bool, interval: str | None, yes: bool) -> None:
    """Write into the settings whether the program listens to that target whenever it runs; what it costs is shown
    before, and unless `yes`, agreed to. Raises SettingsError."""
    settings = settings_module.load_for_people()
    if name not in settings.targets:
        raise SettingsError(
            _("There is no target “{name}”.").format(name=name),
            _("Give the mailbox workflow a name first: coze-tray targets add {name} --workflow ID").format(name=name),
        )
    name, target = targets.find(name, "workflow", settings)
    target = _with_interval(target, interval)
    if on:
        terminal.err.print(cost(target.interval_s, target.runs_a_day), markup=False)
        if not yes and not _agrees():
            terminal.show_warning(_("Nothing was changed."))
            return
    changes: dict[str, Any] = {"listen": on, **({"interval": interval} if interval is not None else {})}

    def change(document: TOMLDocument) -> None:
        tables: Any = document["targets"]
        tables[name].update(changes)

    settings_module.edit(change)
    instance.tell(home_folder(), {"op": "settings"})
    text = _("coze-tray listens to {name} whenever it runs.") if on else _("coze-tray no longer listens to {name}.")
    terminal.out.print(text.format(name=name), markup=False)


def cost(interval_s: float | None, cap: int) -> str:
    """What listening costs, in a sentence or two."""
    n = runs_a_day(interval_s, cap)
    if interval_s is None:
        pace = ngettext(
            "This keeps a run of the workflow open, and runs it again when it ends: {n} run a day at most, no two"
            " within {seconds} s.",
            "This keeps a run of the workflow open, and runs it again when it ends: {n} runs a day at most, no two"
            " within {seconds} s.",
            n,
        ).format(n=f"{n:,}", seconds=round(HOLD_S))
    else:
        pace = ngettext(
            "This runs the workflow every {interval}, {n} time a day at most; less often while nothing comes.",
            "This runs the workflow every {interval}, {n} times a day at most; less often while nothing comes.",
            n,
        ).format(n=f"{n:,}", interval=_in_words(interval_s))
    plan = _("Each run is one of the calls that your plan has: a free plan of Coze has {n} in all.")
    return f"{pace} {plan.format(n=FREE_PLAN_CALLS)}"


class _Watched:
    """Shows what happens to a mailbox's items as it happens."""

    def __init__(self) -> None:
        self.outcome = terminal.Outcome()
        self._failed = 0
        self._not_whole: dict[str, str] = {}  # what a tool could not do, by request
        self._state = ""
        self._bar = terminal.Bar()

    def heard(self, event: events.Event) -> None:
        if isinstance(event, events.ToolStarted):
            self._bar.say(_("Calling {tool}").format(tool=event.tool))
        elif isinstance(event, events.MediaProgress):
            self._bar.media(event.done, event.total, event.received_bytes)
        elif isinstance(event, events.StateChanged):
            self._show_state(event)
        else:
            self._bar.pause()
            self._show(event)

    def _show(self, event: events.Event) -> None:
        if isinstance(event, events.Noticed):
            terminal.show_warning(event.text)
        elif isinstance(event, events.ToolFinished):
            if not event.ok:
                self._not_whole[event.request_id] = event.message
        elif isinstance(event, events.DraftWritten):
            if event.receipt.draft_id not in [known.draft_id for known in self.outcome.receipts]:
                self.outcome.receipts.append(event.receipt)
                terminal.show_receipt(event.receipt)
        elif isinstance(event, events.RequestDone):
            if warning := self._not_whole.pop(event.request_id, ""):
                terminal.show_warning(warning)
        elif isinstance(event, events.RequestFailed) and not event.request_id:
            self.outcome.failure = event.failure
        elif isinstance(event, events.RequestFailed):
            self._not_whole.pop(event.request_id, None)
            self._failed += not event.failure.kept
            terminal.show_problem(event.failure.message, event.failure.advice, event.failure.logid)
        elif isinstance(event, events.RequestCancelled):
            self._not_whole.pop(event.request_id, None)
            terminal.show_warning(_("An item was cancelled: {id}").format(id=event.request_id))

    def end(self) -> None:
        """Say how it was."""
        self._bar.pause()
        failure = self.outcome.failure
        if failure is not None:
            terminal.show_problem(failure.message, failure.advice, failure.logid)
        self.outcome.done = failure is None
        n = len(self.outcome.receipts)
        parts = [ngettext("{n} draft came.", "{n} drafts came.", n).format(n=n)]
        if self._failed:
            text = ngettext("{n} item could not be built.", "{n} items could not be built.", self._failed)
            parts.append(text.format(n=self._failed))
        terminal.out.print(" ".join(parts))
        if self.outcome.receipts:
            terminal.how_to_see_it()

    def _show_state(self, event: events.StateChanged) -> None:
        """What keeps drafts from coming, once; that it is over, too. What errors there are is told of itself."""
        troubles = ("reconnecting", "sign_in")
        if event.state not in (*troubles, "idle", "working") or event.state == self._state:
            return
        if event.state in troubles:
            self._bar.pause()
            terminal.show_warning(event.detail or words.of_state(event.state))
        elif self._state in troubles:
            self._bar.pause()
            terminal.err.print(_("Listening again."), style="dim")
        self._state = event.state


def _happenings(home: Path, settings: Settings, wanted: Wanted) -> Generator[events.Event, None, None]:
    """What happens to the items: by the listener made here, or by the program that holds the lock; when that ends, it
    goes on here."""
    tries = 0
    while tries < _TRIES:
        tries += 1
        held, address = instance.acquire(home), instance.running(home)
        if held is not None:
            face = app.Face(quit=standing.end)
            opened = app.open_app(settings, home, held, events.Bus(), resume=False, face=face)
            try:
                yield from opened.notices()
                yield from standing.listen(opened, wanted)
            finally:
                opened.close()
            return
        if address is not None:
            try:
                for event in standing.listen_running(address, wanted):
                    tries = 0
                    yield event
            except HandOffError as error:
                log.info("%s", error)
        threading.Event().wait(0.1)  # it has only just started, or is just ending
    raise instance.taken(home)


def _with_interval(target: Target, interval: str | None) -> Target:
    if interval is None:
        return target
    try:
        return Target.model_validate({**target.model_dump(), "interval": interval})
    except ValidationError as error:
        _key, why = next(in_words(error))
        raise SettingsError(_("“{said}” can't be used as an interval: {why}.").format(said=interval, why=why)) from None


def _agrees() -> bool:
    """Raises SettingsError where nobody can be asked."""
    if not sys.stdin or not sys.stdin.isatty():
        raise SettingsError(_("Nobody is here to agree to that."), _("Say it with --yes."))
    return typer.confirm(_("Listen to it whenever coze-tray runs?"), err=True)


def _in_words(interval_s: float) -> str:
    if interval_s % 3600 == 0:
        return _("{n} h").format(n=round(interval_s / 3600))
    if interval_s % 60 == 0 and interval_s > 60:
        return _("{n} min").format(n=round(interval_s / 60))
    return _("{n:g} s").format(n=interval_s)
