"""What each command does, for people: it asks the parts and shows what they say."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tray import app, control, events, instance, known_account, locale, logs, signing_in, terminal, watching, words
from tray import settings as settings_module
from tray.asked import Asked
from tray.draft import coze_json, own_spec, pipeline
from tray.draft.folders import Profile
from tray.draft.pipeline import Built
from tray.draft.problems import DraftError, Problem
from tray.draft.source import TimeUnit
from tray.draft.spec import Place
from tray.errors import HandOffError, SettingsError, TrayError
from tray.home import home as home_folder
from tray.locale import _
from tray.running import question, title
from tray.settings import Settings
from tray.text import for_terminal

log = logging.getLogger(__name__)

MOST_BYTES = 500_000_000
"""More is not read: as text it would be longer than a draft may be, or nearly all of it media in data: URLs."""
DEMO_SECONDS_AFTER = 4.0
"""For how long the demo's icon stays when the draft is there: long enough to see it."""


def demo(drafts_dir: Path | None, *, icon: bool) -> int:
    """Run the real listener against the simulated cloud. Returns the exit code."""
    from tray.desktop.program import Program
    from tray.desktop.start import run_without_icon, show
    from tray.simulator.demo import simulator

    home = home_folder() / "demo"
    root = (drafts_dir or home / "drafts").absolute()
    if drafts_dir is None:
        root.mkdir(parents=True, exist_ok=True)
    program = Program(home, instance.acquire_or_tell(home))
    outcome = terminal.Outcome()
    failed: list[Exception] = []
    shows_icon = icon
    with simulator() as cloud:
        settings = Settings(api_base=cloud.base_url, bot_id="demo", drafts_dir=root, allow_hosts=(cloud.host,))

        def play() -> None:
            nonlocal outcome
            opened = program.open(settings, resume=False, token="demo")  # noqa: S106 - the simulator takes any
            prompt = _("Make a short video of a day in four scenes")
            terminal.out.print(_("You ask: {prompt}").format(prompt=prompt))
            outcome = watching.watch(
                app.ask(opened, app.NewRequest(Asked(settings.base_url, "bot", settings.bot_id, prompt), None))
            )
            terminal.show_outcome(outcome, where_to_see_it="" if drafts_dir else _elsewhere())
            if outcome.receipts and shows_icon:
                program.ended.wait(DEMO_SECONDS_AFTER)

        def work() -> None:
            try:
                play()
            except Exception as error:  # noqa: BLE001 - raised again below; the demo's icon must not stay
                failed.append(error)
            finally:
                program.quit()

        def without_icon(why: str) -> None:
            nonlocal shows_icon
            shows_icon = False
            terminal.show_warning(why)

        try:
            if icon:
                show(program, work, without_icon)
            else:
                run_without_icon(program, work)
        finally:
            program.close()
    if failed:
        raise failed[0]
    if not outcome.done and (outcome.failure is None or outcome.failure.code == "stopped"):
        raise KeyboardInterrupt  # the program was told to quit before the bot was done
    return 0 if outcome.receipts and not outcome.failure else 1


def _elsewhere() -> str:
    return _(
        "It lies in the demo's own folder, which JianYing does not show. To see one in JianYing: coze-tray demo "
        "--drafts-dir, followed by its drafts folder."
    )


@dataclass(frozen=True)
class BuildOptions:
    """What `build` was told on the command line; None: as the settings say."""

    drafts_dir: Path | None = None
    profile: Profile | None = None
    time_unit: TimeUnit | None = None
    strict: bool = False
    portable: bool = False


def build(export: Path, options: BuildOptions) -> Built:
    """Build the drafts in the file and show what became of each."""
    logs.log_to(home_folder())
    settings = settings_module.load_for_people()
    said = {"profile": options.profile, "time_unit": options.time_unit, "strict": options.strict or None}
    settings = settings.model_copy(update={key: value for key, value in said.items() if value is not None})
    try:
        with terminal.Bar() as bar:
            bar.say(_("Reading the export"))
            text = _text_of(export)
            shop = app.workshop(settings, home_folder(), options.drafts_dir)
            shop = replace(shop, options=replace(shop.options, portable=options.portable), unnamed=export.stem)
            built = asyncio.run(pipeline.build(text, shop, locale.use(settings.language or None), progress=bar.media))
    except (DraftError, OSError) as error:
        built = Built(problems=[Problem(Place(), str(error))])
    for receipt in built.receipts:
        terminal.show_receipt(receipt)
    if built.receipts:
        terminal.how_to_see_it()
    for warning in built.warnings:
        terminal.show_warning(warning)
    for problem in built.problems:
        terminal.show_problem(str(problem), problem.place.url or "")
    return built


def schema() -> None:
    """Print the JSON Schema of the spec."""
    print(json.dumps(own_spec.schema(), ensure_ascii=False, indent=2))  # noqa: T201 - rich would colour and wrap it


def not_built(why: events.Failure) -> Built:
    """The outcome of a build that did not even begin."""
    return Built(problems=[Problem(Place(), str(TrayError(why.message, why.advice)))])


def _text_of(file: Path) -> str:
    """What is written in a file. Raises DraftError for one that is too big or no text."""
    with file.open("rb") as opened:
        data = opened.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise DraftError(
            _("{file} is too big to be a draft: more than {most} MB.").format(file=file, most=MOST_BYTES // 10**6),
            _("Give the JSON alone, without media in it."),
        )
    try:
        return coze_json.text_of(data)
    except UnicodeDecodeError:
        raise DraftError(
            _("{file} is no text: it is neither in UTF-8 nor in UTF-16 nor in GBK.").format(file=file),
            _("Give a JSON or SRT file, saved as UTF-8."),
        ) from None


def status(*, check: bool) -> dict[str, Any]:
    """Show whether the program runs and is signed in, its mailboxes, the requests asked last and what they ask back.
    `check`: ask Coze about the account, which costs some calls."""
    from tray.journal_rows import recent_requests

    settings, home = settings_module.load_for_people(), home_folder()
    state, detail, program = _state()
    if check:
        signing_in.check(settings)
    account = known_account.about(settings)
    terminal.out.print(_("Program: {state}").format(state=detail))
    terminal.out.print(
        _("Coze: {url}, {how}").format(
            url=settings.base_url, how=_("signed in") if account["signed_in"] else _("not signed in (coze-tray login)")
        )
    )
    for line in known_account.lines(account):
        terminal.out.print(f"  {line}", markup=False)
    terminal.out.print(_("Bot: {bot}").format(bot=settings.bot_id or _("none chosen")), markup=False)
    mailboxes = [{"name": name, "interval": one.interval} for name, one in settings.targets.items() if one.listen]
    for mailbox in mailboxes:
        text = _("Mailbox: {name}, listened to whenever coze-tray runs ({interval})")
        terminal.out.print(for_terminal(text.format_map(mailbox)), markup=False)
    live = {one["request_id"]: _how_far(one) for one in program["requests"]} if program else {}
    requests: list[dict[str, Any]] = []
    for request in recent_requests(home / "journal.db"):
        asks = question(request)
        requests.append(
            {
                "request_id": request.id,
                "prompt": title(request.asked),
                "state": request.state,
                "question": asks and asks.text,
            }
        )
        prompt = for_terminal(title(request.asked))[:60]
        terminal.out.print(
            f"  {request.id}  {live.get(request.id) or words.of_request(request.state)}  {prompt}", markup=False
        )
        if asks is not None:
            options = f" ({' / '.join(asks.options)})" if asks.options else ""
            terminal.out.print(f"    ? {for_terminal(' '.join(asks.text.split()))[:200]}{options}", markup=False)
    if any(request["question"] for request in requests):
        terminal.out.print(_("Answer with: coze-tray answer {id} TEXT").format(id="ID"), markup=False)
    return {
        "running": state != "off",
        "state": state,
        "program": program,
        "base_url": settings.base_url,
        **account,
        "bot_id": settings.bot_id,
        "mailboxes": mailboxes,
        "requests": requests,
    }


def doctor() -> int:
    """Show every check. Returns the exit code: 1 where something is missing."""
    from tray.doctor import checks

    with suppress(SettingsError):  # the checks say what is wrong with them
        locale.use(settings_module.load().language or None)
    missing = 0
    for check in checks():
        sign = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "·"}[check.ok]
        terminal.out.print(sign, end=" ")
        terminal.out.print(_("{name}: {text}").format(name=check.name, text=check.found), markup=False)
        if check.ok is False:
            missing += 1
            if check.mend:
                terminal.out.print(f"  → {check.mend}", markup=False)
    return 1 if missing else 0


def _state() -> tuple[str, str, dict[str, Any] | None]:
    """The running program's state as a word, and in words; and all that it says of itself. "off" where none runs."""
    try:
        said = control.ask("state")
    except HandOffError as error:
        return "silent", str(error), None
    if said is None:
        return "off", _("not running"), None
    state = said["state"]["state"]
    shown = words.of_state(state)
    if detail := " ".join(said["state"]["detail"].split()):
        shown = _("{state}: {detail}").format(state=shown, detail=for_terminal(detail))
    if said["icon"]:
        who = _("process {pid}, with its icon, since {time}")
    elif said["stays"]:
        who = _("process {pid}, without an icon, since {time}")
    else:
        who = _("process {pid}, a command in a terminal, since {time}")
    since = datetime.fromtimestamp(said["since_s"]).astimezone()
    is_today = since.date() == datetime.now(since.tzinfo).date()
    who = who.format(pid=said["pid"], time=since.strftime("%H:%M" if is_today else "%Y-%m-%d %H:%M"))
    return state, f"{shown} ({who})", {**said, "since": since.isoformat(timespec="seconds")}


def _how_far(running: dict[str, Any]) -> str:
    """What one request that runs is at."""
    state = words.of_running(running["state"])
    if not running["total"]:
        return state
    return _("{state}: {detail}").format(state=state, detail=words.of_media(running["done"], running["total"]))
