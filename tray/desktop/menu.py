"""The icon's menu, as data: its entries, made of what is known of the program, compared, and handed to pystray."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tray import __version__, words
from tray.desktop.clicks import Clicks
from tray.desktop.controls import Choice
from tray.desktop.notify import cut, units
from tray.desktop.opener import Application
from tray.events import QuestionAsked, StateChanged
from tray.locale import _
from tray.progress import Running, media
from tray.text import for_terminal

_LABEL_UNITS = 80
"""Of an entry, in UTF-16 units; longer ones make the menu too wide to be read."""
_TITLE_UNITS = 50
"""Of a request's title, so that what is said behind it stays."""
_HOST_UNITS = 50
"""Of a page's host, so that what a click does stays before it."""
_STOPPED = StateChanged("stopped")
_LANGUAGES = (("zh_CN", "简体中文"), ("en", "English"))
"""Each named in itself: who can't read the one in use must find theirs."""


@dataclass(frozen=True)
class Seen:
    """What the menu shows. It is gathered in a thread, as the menu itself is made in the main thread."""

    state: StateChanged = _STOPPED
    running: tuple[Running, ...] = ()
    listening: bool = False
    recent_drafts: tuple[tuple[str, str], ...] = ()
    drafts_folder: Path | None = None
    application: Application | None = None
    starts_at_login: bool = False
    notifies: bool = True
    language: str = ""
    has_token: bool = True
    sign_in_ends: bool = False
    has_default_bot: bool = False
    targets: tuple[Choice, ...] = ()
    questions: tuple[QuestionAsked, ...] = ()
    to_run_again: tuple[tuple[str, str], ...] = ()
    home_folder: Path = Path()


@dataclass(frozen=True)
class Do:
    """What a click does. Two that do the same are equal, as functools.partial's are not."""

    what: Callable[..., object]
    about: tuple[Any, ...] = ()

    def __call__(self) -> None:
        self.what(*self.about)


@dataclass(frozen=True)
class Entry:
    """`items`: those of its submenu. `checked` None: it has no tick."""

    label: str
    do: Do | None = None
    items: tuple[Entry, ...] = ()
    checked: bool | None = None
    radio: bool = False


LINE = Entry("")


def entries(seen: Seen, clicks: Clicks) -> tuple[Entry, ...]:
    """The whole menu. Entries about what there is none of are left out."""
    listening = (
        Entry(_("Stop listening"), Do(clicks.stop)) if seen.listening else Entry(_("Start listening"), Do(clicks.start))
    )
    drafts = tuple(_draft(name, folder, seen.application, clicks) for name, folder in seen.recent_drafts)
    open_all = Do(clicks.open_folder, (seen.drafts_folder,)) if seen.drafts_folder else None
    return _with_lines(
        [Entry(in_words(seen.state, seen.running))],
        [listening],
        [Entry(_("Open page"), Do(clicks.open_own_page))],
        _requests(seen, clicks),
        [
            Entry(_("Recent drafts"), items=drafts or (Entry(_("(none yet)")),)),
            Entry(_("Open drafts folder"), open_all),
        ],
        [
            Entry(_("Pause notifications"), Do(clicks.set_notifies, (not seen.notifies,)), checked=not seen.notifies),
            Entry(
                _("Start at login"), Do(clicks.set_login, (not seen.starts_at_login,)), checked=seen.starts_at_login
            ),
            Entry(_language_label(), items=tuple(_languages(seen, clicks))),
        ],
        [
            Entry(_("Log"), Do(clicks.open_log)),
            Entry(_("About"), items=_about(seen, clicks)),
            Entry(_("Quit"), Do(clicks.quit)),
        ],
    )  # fmt: skip


def in_words(changed: StateChanged, running: Sequence[Running] = ()) -> str:
    """The state as the menu and the tooltip say it, with its progress."""
    state = words.of_state(changed.state)
    done, total = media(running)
    detail = changed.detail or (words.of_media(done, total) if changed.state == "working" and total else "")
    return _("{state}: {detail}").format(state=state, detail=detail) if detail else state


def new_labels(before: tuple[Entry, ...], after: tuple[Entry, ...]) -> list[tuple[tuple[int, ...], str]] | None:
    """Where nothing but labels differs: each changed one by its place, from the menu's top down. Else None."""
    if len(before) != len(after):
        return None
    found: list[tuple[tuple[int, ...], str]] = []
    for place, (one, other) in enumerate(zip(before, after, strict=True)):
        below = new_labels(one.items, other.items)
        if below is None or (one.do, one.checked, one.radio) != (other.do, other.checked, other.radio):
            return None
        if (one == LINE) != (other == LINE):
            return None
        if one.label != other.label:
            found.append(((place,), shown(other.label)))
        found += [((place, *rest), label) for rest, label in below]
    return found


def for_pystray(made: Iterable[Entry], click: Callable[[Do], None]) -> list[Any]:
    """The entries as pystray's items. What is clicked is handed to `click`."""
    from pystray import Menu, MenuItem

    def item(entry: Entry) -> Any:
        if entry == LINE:
            return Menu.SEPARATOR
        if entry.items:
            return MenuItem(shown(entry.label), Menu(*for_pystray(entry.items, click)))
        do, checked = entry.do, entry.checked
        return MenuItem(
            shown(entry.label),
            None if do is None else lambda: click(do),
            checked=None if checked is None else lambda _item: checked,
            radio=entry.radio,
            enabled=do is not None,
        )

    return [item(entry) for entry in made]


def shown(label: str) -> str:
    """A text as a menu entry: one short line, and on Windows no "&" that would underline the next letter."""
    line = cut(" ".join(label.split()), _LABEL_UNITS)
    return line.replace("&", "&&") if sys.platform == "win32" else line


def _requests(seen: Seen, clicks: Clicks) -> list[Entry]:
    found = []
    if seen.state.state == "sign_in" or not seen.has_token or seen.sign_in_ends:
        found.append(Entry(_("Sign in…"), Do(clicks.sign_in)))
    if seen.has_default_bot:
        found.append(Entry(_("New request…"), Do(clicks.ask, (None,))))
    found.append(Entry(_("New draft from clipboard"), Do(clicks.draft_from_clipboard)))
    for label, items in (
        (_("Targets"), [_target(target, clicks) for target in seen.targets]),
        (_("Running"), [_running(one, clicks) for one in seen.running]),
        (_("Questions"), [_question(question, clicks) for question in seen.questions]),
        (_("Run again"), [Entry(title, Do(clicks.again, (id_,))) for id_, title in seen.to_run_again]),
    ):
        if items:
            found.append(Entry(label, items=tuple(items)))
    return found


def _target(target: Choice, clicks: Clicks) -> Entry:
    label = f"{target.name}…" if target.needs_prompt else target.name
    return Entry(label, Do(clicks.ask, (target,)))


def _running(one: Running, clicks: Clicks) -> Entry:
    how_far = words.of_running(one.state)
    if one.total:
        how_far = f"{one.done}/{one.total} · {words.percent(one.done, one.total)}"
    title = cut(" ".join(one.title.split()), _TITLE_UNITS)
    label = _("{state}: {detail}").format(state=title, detail=how_far)
    return Entry(label, items=(Entry(_("Cancel"), Do(clicks.cancel, (one.request_id,))),))


def _question(question: QuestionAsked, clicks: Clicks) -> Entry:
    items = []
    if question.url:
        page = _("Open the page at {host}").format(host=_host(question.url))
        items = [Entry(page, Do(clicks.open_page, (question.url,)))]
        items.append(Entry(_("Answer…"), Do(clicks.answer, (question,))))
    items += [Entry(option, Do(clicks.choose, (question, option))) for option in question.options]
    if items:
        return Entry(question.text, items=tuple(items))
    return Entry(question.text, Do(clicks.answer, (question,)))


def _host(url: str) -> str:
    """Whom the page belongs to: the end of a host's name says that, so a long one loses its beginning; and what stands
    before an "@" is no part of it."""
    host = for_terminal(urlsplit(url).netloc.rpartition("@")[2])
    if units(host) <= _HOST_UNITS:
        return host
    return "…" + host.encode("utf-16-le")[-2 * (_HOST_UNITS - 1) :].decode("utf-16-le", "ignore")


def _draft(name: str, folder: str, application: Application | None, clicks: Clicks) -> Entry:
    opens = Do(clicks.open_folder, (Path(folder),))
    if application is None:
        return Entry(name, opens)
    start = _("Open JianYing") if application.app == "jianying" else _("Open CapCut")
    starts = Do(clicks.start_application, (application,))
    return Entry(name, items=(Entry(_("Open folder"), opens), Entry(start, starts)))


def _language_label() -> str:
    """In the language in use, and in English: who can't read the one must find the way to the other."""
    label = _("Language")
    return label if label == "Language" else f"{label} (Language)"


def _languages(seen: Seen, clicks: Clicks) -> Iterable[Entry]:
    for language, name in (("", _("As the system")), *_LANGUAGES):
        yield Entry(name, Do(clicks.set_language, (language,)), checked=seen.language == language, radio=True)


def _about(seen: Seen, clicks: Clicks) -> tuple[Entry, ...]:
    folders = []
    if seen.drafts_folder is not None:
        text = _("Drafts: {folder}").format(folder=seen.drafts_folder)
        folders.append(Entry(text, Do(clicks.open_folder, (seen.drafts_folder,))))
    text = _("Settings and log: {folder}").format(folder=seen.home_folder)
    folders.append(Entry(text, Do(clicks.open_folder, (seen.home_folder,))))
    return _with_lines([Entry(f"coze-tray {__version__}"), Entry(_("Free software under the MIT licence"))], folders)


def _with_lines(*groups: list[Entry]) -> tuple[Entry, ...]:
    """The groups with a line between each two, none where there is nothing: pystray would leave those out, and the
    places of the entries would be other ones than here."""
    made: list[Entry] = []
    for group in groups:
        made += [LINE, *group] if made and group else group
    return tuple(made)
