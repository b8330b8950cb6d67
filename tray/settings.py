"""The settings: `settings.toml` in the program's home folder, and the environment, which wins.

No secret is ever among them: the token is in the OS keyring (tray/secrets.py).
"""

from __future__ import annotations

import difflib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import tomlkit
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from tomlkit import TOMLDocument

from tray import locale, toml_file
from tray.draft.problems import in_words, said_of
from tray.errors import SettingsError
from tray.home import home, write_private
from tray.locale import N_, _
from tray.regions import REGIONS, Address
from tray.settings_target import Target
from tray.text import UNFIT

log = logging.getLogger(__name__)

VERSION = 1
"""Of the file's form."""
VARIABLES = {
    "api_base": "COZE_API_BASE",
    "bot_id": "COZE_BOT_ID",
    "workflow_id": "COZE_WORKFLOW_ID",
    "drafts_dir": "COZE_TRAY_DRAFTS_DIR",
    "oauth_client_id": "COZE_OAUTH_CLIENT_ID",
    "allow_hosts": "COZE_TRAY_ALLOW_HOSTS",
}
"""Settings that the environment may say; there, several values stand with commas between them."""


def _folder(said: Any) -> Any:
    """In double quotes, the backslash of D:\\textures makes a tab."""
    if isinstance(said, str) and (UNFIT.search(said) or "\t" in said or "\n" in said):
        raise ValueError(_("it holds a tab or the like: write a Windows path between single quotes"))
    return home_expanded(said) if isinstance(said, str) else said


def home_expanded(said: str) -> Path:
    """Raises ValueError for the home folder (~NAME) of nobody."""
    try:
        return Path(said).expanduser()
    except RuntimeError:
        raise ValueError(_("there is no home folder of that name")) from None


_Folder = Annotated[Path, BeforeValidator(_folder)]
_KEYS = r"((<(ctrl|alt|shift|cmd)>\+)+([a-z0-9]|<space>)|(<(ctrl|alt|shift|cmd)>\+)*<f([1-9]|1[0-9])>)"


def _hotkey(said: str) -> str:
    said = "".join(said.split()).lower()
    if said and not re.fullmatch(_KEYS, said):
        raise ValueError(_("it is keys like <ctrl>+<alt>+j: one or more of ctrl, alt, shift and cmd, and a letter"))
    return said


class Settings(BaseModel):
    """What the user has set; `description` is what the file says of each."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: int = Field(1, ge=1, description=N_("The form of this file; it stays as it is."))
    language: Literal["", "zh_CN", "en"] = Field("", description=N_("The language: zh_CN or en; empty: the system's."))
    region: Literal["cn", "com"] = Field("cn", description=N_("Where the account is: cn (coze.cn) or com (coze.com)."))
    api_base: Address = Field("", description=N_("The address of another Coze API; empty: that of the region."))
    bot_id: str = Field("", description=N_("The bot that is asked where none is named; its id ends the bot's address."))
    workflow_id: str = Field("", description=N_("The workflow that is run, or listened to, where none is named."))
    oauth_client_id: str = Field(
        "", description=N_("The OAuth app that login --device and login --browser sign in with.")
    )
    drafts_dir: Annotated[_Folder | None, BeforeValidator(lambda said: said or None)] = Field(
        None, description=N_("The folder that drafts are made in; not set: JianYing's or CapCut's own.")
    )
    inbox: Annotated[_Folder | None, BeforeValidator(lambda said: said or None)] = Field(
        None,
        description=N_(
            "A folder whose files become requests: .txt and .md are prompts, .json exports, .csv tables of a workflow's"
            " inputs; not set: none."
        ),
    )
    hotkey: Annotated[str, AfterValidator(_hotkey)] = Field(
        "",
        description=N_("Keys that open the page from anywhere, as <ctrl>+<alt>+j; empty: none. Windows and X11 alone."),
    )
    profile: Literal["auto", "jianying", "capcut"] = Field(
        "auto",
        description=N_("For which application drafts are made: jianying, capcut, or auto: the drafts folder's."),
    )
    time_unit: Literal["auto", "ms", "us", "s"] = Field(
        "auto", description=N_("The unit of an export's times: ms, us, s, or auto: what its media's real length tells.")
    )
    strict: bool = Field(
        False, description=N_("true: no draft is built of effects, filters, fonts, … that JianYing doesn't have.")
    )
    at_once: int = Field(4, ge=1, le=64, description=N_("Requests that work at the same time, 1 to 64."))
    """Each in a conversation of its own."""
    silent_s: float = Field(
        120, ge=5, description=N_("A stream that says nothing for so many seconds is taken for dead; 5 or more.")
    )
    device: str = Field("", description=N_("How mailboxes know this computer; empty: by its own name."))
    notifications: bool = Field(True, description=N_("false: no notifications are shown."))
    media_folders: tuple[_Folder, ...] = Field(
        (), description=N_("Folders of this computer that a bot may take media from.")
    )
    allow_hosts: tuple[str, ...] = Field((), description=N_("Private hosts that media may come from."))
    max_media_bytes: int = Field(
        2 * 1024**3, ge=1, description=N_("A media file may be so big, in bytes (2147483648 are 2 GiB).")
    )
    cache_hours: float = Field(
        24, ge=0, description=N_("A media link is not fetched again for so many hours; 0: it is asked for each time.")
    )
    cache_max_bytes: int = Field(
        10 * 1000**3,
        ge=0,
        description=N_("Above so many bytes, the media not used for longest leave the cache (10000000000 are 10 GB)."),
    )
    folders: dict[str, _Folder] = Field({}, description=N_("Further drafts folders by name, which a bot may choose."))
    """As `output_folder`."""
    targets: dict[str, Target] = Field({}, description=N_("Bots, workflows and chatflows by the names you give them."))

    @property
    def base_url(self) -> str:
        return (self.api_base or REGIONS[self.region]).rstrip("/")

    def base_url_of(self, target: Target) -> str:
        return (target.api_base or REGIONS.get(target.region) or self.base_url).rstrip("/")

    @property
    def api_host(self) -> str:
        """The host that a token belongs to, with its port if it has one."""
        return urlsplit(self.base_url).netloc


def settings_file() -> Path:
    return home() / "settings.toml"


@dataclass(frozen=True)
class Unknown:
    """A key that no setting has. `near`: the setting that may be meant, or ""."""

    key: str
    line: int | None
    near: str

    def __str__(self) -> str:
        text = (
            _("{key}: no such setting is known; is “{near}” meant?")
            if self.near
            else _("{key}: no such setting is known")
        )
        return said_of(_place(self.line), text.format(key=self.key, near=self.near))


@dataclass(frozen=True)
class Found:
    """The settings in force, and what stands beside them in the file."""

    settings: Settings
    unknown: tuple[Unknown, ...] = ()


def look() -> Found:
    """The settings in force. Raises SettingsError, naming key and line (or variable) of each that can't be used."""
    global _last  # noqa: PLW0603 - the menu asks often; the file is read again when it is another
    variables = environment()
    key = (settings_file(), _stamp(), repr(variables))
    if _last is not None and _last[0] == key:
        return _last[1]
    found = understood(toml_file.read(settings_file()), variables)
    _last = key, found
    return found


_Stamp = tuple[int, int, int] | None
_last: tuple[tuple[Path, _Stamp, str], Found] | None = None


def _stamp() -> _Stamp:
    """Another one when the file is another; None: there is none."""
    try:
        stat = settings_file().stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def load() -> Settings:
    """The settings in force. Raises SettingsError."""
    return look().settings


_warned: set[str] = set()


def load_for_people() -> Settings:
    """As `load`, for the command line: everything is said in the user's language from now on, first what is odd about
    the file, once."""
    from tray import terminal

    found = look()
    locale.use(found.settings.language or None)
    for warning in map(str, found.unknown):
        if warning not in _warned:
            _warned.add(warning)
            terminal.show_warning(warning)
    return found.settings


class InForce:
    """The settings of a running program: those that it was opened with, until the file is another. What is broken then,
    was better before."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._read = settings, _stamp()

    def now(self) -> Settings:
        if (stamp := _stamp()) != self._read:
            self._read = stamp
            try:
                self._settings = load()
            except SettingsError as error:
                log.warning("the settings are as before: %s", error)
        return self._settings


def environment() -> dict[str, Any]:
    """What the environment says of the settings, which wins over the file."""
    said: dict[str, Any] = {key: os.environ[name] for key, name in VARIABLES.items() if os.environ.get(name)}
    if "allow_hosts" in said:
        said["allow_hosts"] = [host.strip() for host in said["allow_hosts"].split(",") if host.strip()]
    return said


def understood(text: str, variables: Mapping[str, Any]) -> Found:
    """What the file's text and the environment mean. Raises SettingsError."""
    text = _current(text)
    said = _said(text, variables)
    if wrong := problems(text, variables):
        advice = _("Change it in {path} or in the environment.").format(path=settings_file())
        raise SettingsError("\n".join(wrong.values()), advice)
    return Found(Settings.model_validate(said), tuple(_unknown(text, said)))


def problems(text: str, variables: Mapping[str, Any] | None = None) -> dict[str, str]:
    """What can't be used, by key: where it stands and what is wrong with it. Raises SettingsError for what is no
    TOML."""
    found: dict[str, str] = {}
    try:
        Settings.model_validate(_said(text, variables or {}))
    except ValidationError as error:
        for detail, (key, why) in zip(error.errors(include_url=False), in_words(error), strict=True):
            location = [part for part in detail["loc"] if part != "[key]"]
            first = str(location[0])
            where = VARIABLES[first] if first in (variables or {}) else _place(toml_file.line_of(text, location))
            found.setdefault(key, said_of(where, said_of(key, why)))
    return found


def _said(text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    return {**toml_file.parse(text, settings_file()).unwrap(), **variables}


def _unknown(text: str, said: Mapping[str, Any]) -> Iterator[Unknown]:
    levels: list[tuple[tuple[str, ...], Mapping[str, Any], type[BaseModel]]] = [((), said, Settings)]
    levels += [(("targets", name), one, Target) for name, one in said.get("targets", {}).items()]
    for above, level, model in levels:
        for key in level.keys() - model.model_fields.keys():
            near = next(iter(difflib.get_close_matches(key, model.model_fields, 1, 0.6)), "")
            yield Unknown(".".join((*above, key)), toml_file.line_of(text, (*above, key)), near)


def _place(line: int | None) -> str:
    name = settings_file().name
    return _("{file}, line {line}").format(file=name, line=line) if line else name


def save(**changes: str | bool) -> None:
    """Write `changes` into the settings file."""

    def put(text: str) -> str:
        for key, value in changes.items():
            text = toml_file.put(text, key, value, settings_file())
        return text

    if changes:
        rewrite(put)


def edit(change: Callable[[TOMLDocument], None]) -> None:
    """Change the settings file, leaving everything else in it, comments too, as it is. Raises SettingsError."""

    def changed(text: str) -> str:
        document = toml_file.parse(text, settings_file())
        change(document)
        return tomlkit.dumps(document)

    rewrite(changed)


def rewrite(change: Callable[[str], str]) -> None:
    """Replace the file's text by what `change` makes of it; where there is no file yet, of one that says what can be
    set. A file of an earlier version is kept beside the new one. Raises SettingsError."""
    from tray import settings_template

    path = settings_file()

    def changed(text: str) -> str:
        if not text.strip():
            return change(settings_template.text())
        current = _current(text)
        if current != text:
            write_private(path.with_name(f"{path.name}.v{_version(toml_file.parse(text, path))}"), text)
        return change(current)

    toml_file.rewrite(path, changed)


MIGRATIONS: dict[int, Callable[[TOMLDocument], None]] = {}
"""What makes a file of one version one of the next."""


def _current(text: str) -> str:
    """The file's text in today's form. Raises SettingsError for one of a later version of this program."""
    document = toml_file.parse(text, settings_file())
    version = _version(document)
    if version > VERSION:
        raise SettingsError(
            _("{path} was written by a later coze-tray: its version is {version}, this one knows {known}.").format(
                path=settings_file(), version=version, known=VERSION
            ),
            _("Use that coze-tray, or move the file away to start with the defaults."),
        )
    if version == VERSION:
        return text
    for before in range(version, VERSION):
        MIGRATIONS[before](document)
    toml_file.put_inside(document, (), "version", VERSION)
    return tomlkit.dumps(document)


def _version(document: TOMLDocument) -> int:
    """What is no version is said by whoever checks the values."""
    said = document.unwrap().get("version", 1)
    return said if isinstance(said, int) and said >= 1 else VERSION
