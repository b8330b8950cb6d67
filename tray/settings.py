"""The settings: `settings.toml` in the program's home folder, and the environment, which wins.

No secret is ever among them: the token is in the OS keyring (tray/secrets.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError

from tray import locale
from tray.errors import SettingsError
from tray.home import home, write_private
from tray.locale import _
from tray.network import is_loopback

_ENVIRONMENT = (
    ("api_base", "COZE_API_BASE"),
    ("bot_id", "COZE_BOT_ID"),
    ("workflow_id", "COZE_WORKFLOW_ID"),
    ("drafts_dir", "COZE_TRAY_DRAFTS_DIR"),
    ("oauth_client_id", "COZE_OAUTH_CLIENT_ID"),
)
REGIONS = {"cn": "https://api.coze.cn", "com": "https://api.coze.com"}


class Target(BaseModel):
    """A bot, workflow or chatflow that the user has given a name."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["bot", "workflow", "chatflow"]
    id: str = Field(min_length=1)
    region: Literal["", "cn", "com"] = ""
    """"": the settings'."""
    api_base: str = ""
    prompt: str = ""
    """What a bot or chatflow is asked where nothing else is said: a saved request, made at a click."""
    parameters: dict[str, Any] = {}
    """The inputs of a workflow or chatflow; what a request says wins."""
    variables: dict[str, str] = {}
    """User variables of a bot."""
    bot_id: str = ""
    app_id: str = ""
    """The bot or application that a workflow or chatflow runs for."""
    listen: bool = False
    """A workflow that is a mailbox: it is run again and again while the program listens."""
    interval: str = "60s"
    """Between two starts of a mailbox's run, as 30s, 5m or 1h; "hold": its run waits by itself."""
    runs_a_day: int = Field(1500, ge=1)
    """A mailbox is not run more often than so many times a day."""

    @property
    def interval_s(self) -> float | None:
        """None for "hold"."""
        return None if self.interval == "hold" else _seconds(self.interval)

    @field_validator("interval")
    @classmethod
    def _is_interval(cls, said: str) -> str:
        if said != "hold" and _seconds(said) < SHORTEST_INTERVAL_S:
            raise ValueError(_("it must be {n} s or longer").format(n=SHORTEST_INTERVAL_S))
        return said

    @model_validator(mode="after")
    def _can_be_listened_to(self) -> Target:
        if self.listen and self.kind != "workflow":
            raise ValueError(_("only a workflow can be listened to"))
        return self


SHORTEST_INTERVAL_S = 1


def _seconds(said: str) -> float:
    """As 30s, 5m or 1h. Raises ValueError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)", said.strip())
    if found is None:
        raise ValueError(_("it is a time like 30s, 5m or 1h, or hold"))
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


class Settings(BaseModel):
    """What the user has set. `region` cn or com, or any `api_base`; sizes in bytes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    region: str = "cn"
    api_base: str = ""
    bot_id: str = ""
    """The bot that is asked where none is named."""
    workflow_id: str = ""
    """The workflow that is run, or listened to, where none is named."""
    targets: dict[str, Target] = {}
    at_once: int = Field(4, ge=1, le=64)
    """Requests that work at the same time, each in a conversation of its own."""
    silent_s: float = Field(120, ge=5)
    """A stream that says nothing for so long is taken for dead."""
    device: str = ""
    """How mailboxes know this computer; its own name where empty."""
    oauth_client_id: str = ""
    """Of the OAuth app that `login --device` and `login --browser` sign in with; nothing secret."""
    language: Literal["", "zh_CN", "en"] = ""
    """"": the system's."""
    notifications: bool = True
    """Whether notifications are shown; else they are paused."""
    drafts_dir: Path | None = None
    folders: dict[str, Path] = {}
    """Further drafts folders by name, which a bot may choose from (`output_folder`)."""
    media_folders: tuple[Path, ...] = ()
    """Folders of this computer that a bot may take media from."""
    max_media_bytes: int = 2 * 1024**3
    cache_hours: float = Field(24, ge=0)
    """A media link fetched less than so many hours ago is not asked for again. 0: each is always asked for."""
    cache_max_bytes: int = Field(10 * 1000**3, ge=0)
    """Above it, the media that were not used for longest leave the cache."""
    allow_hosts: tuple[str, ...] = ()
    """Private hosts that media may come from."""
    profile: Literal["auto", "jianying", "capcut"] = "auto"
    """For which application drafts are made; auto: the one that the drafts folder belongs to."""
    time_unit: Literal["auto", "ms", "us", "s"] = "auto"
    """The unit of an export's times; auto: what its media's real length tells."""
    strict: bool = False
    """Whether an effect, filter, font, … that JianYing doesn't have keeps a draft from being built."""

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


def load() -> Settings:
    """The settings in force. Raises SettingsError, naming the key, where one can't be used."""
    path = settings_file()
    try:
        said: dict[str, Any] = tomlkit.parse(path.read_text("utf-8-sig")).unwrap() if path.exists() else {}
    except (TOMLKitError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            _("The settings can't be read: {path}: {error}").format(path=path, error=error),
            _("Mend the file, or delete it to start with the defaults."),
        ) from None
    for key, name in _ENVIRONMENT:
        if os.environ.get(name):
            said[key] = os.environ[name]
    if os.environ.get("COZE_TRAY_ALLOW_HOSTS"):
        said["allow_hosts"] = [host.strip() for host in os.environ["COZE_TRAY_ALLOW_HOSTS"].split(",") if host.strip()]
    try:
        settings = Settings.model_validate(said)
    except ValidationError as error:
        from tray.draft.problems import in_words

        key, why = next(in_words(error))
        raise SettingsError(
            _("The setting {key} can't be used: {why}.").format(key=key, why=why),
            _("Change it in {path} or in the environment.").format(path=path),
        ) from None
    _check(settings)
    for target in settings.targets.values():
        check_base_url(settings.base_url_of(target))
    return settings


def load_for_people() -> Settings:
    """As `load`; everything is said in their language from now on."""
    settings = load()
    locale.use(settings.language or None)
    return settings


def save(**changes: str) -> None:
    """Write `changes` into the settings file."""
    edit(lambda document: document.update(changes))


def edit(change: Callable[[TOMLDocument], None]) -> None:
    """Change the settings file, leaving everything else in it, comments too, as it is."""
    path = settings_file()
    document = tomlkit.parse(path.read_text("utf-8-sig")) if path.exists() else tomlkit.document()
    change(document)
    write_private(path, tomlkit.dumps(document))


def _check(settings: Settings) -> None:
    if settings.region not in REGIONS:
        raise SettingsError(
            _("The setting region is “{value}”.").format(value=settings.region),
            _("It is cn (coze.cn) or com (coze.com)."),
        )
    check_base_url(settings.base_url)


def check_base_url(url: str) -> None:
    """Raise SettingsError unless a token may be sent to `url`: https, or this machine itself."""
    try:
        parts = urlsplit(url)
        is_address = (
            bool(parts.hostname)
            and "@" not in parts.netloc  # a password would be shown and logged
            and parts.scheme in ("https", "http")
            and (parts.port or 80) > 0
        )
    except ValueError:  # a port that is no number
        is_address = False
    if not is_address:
        raise SettingsError(
            _("“{url}” is no address of a Coze API.").format(url=url),
            _("It begins with https://, like {}.").format(REGIONS["cn"]),
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise SettingsError(
            _("{url} is not https: the token would travel unprotected.").format(url=url), _("Use the https address.")
        )
