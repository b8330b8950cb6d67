"""Settings and targets as fields of a form: what each is called, and how it is filled in."""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tray.locale import N_, _
from tray.settings import Settings
from tray.settings_target import Target

Kind = Literal["switch", "choice", "number", "text", "long_text", "folder", "lines", "pairs"]
"""lines: a list, one a line. pairs: names with a value each."""


class Choice(BaseModel):
    value: str
    label: str


class Field(BaseModel):
    """`about`: a sentence, "" where the label says all. `minimum`, `maximum`: of a number. `required`: it can't be
    empty. `texts`: the values of pairs are texts, else any JSON."""

    key: str
    label: str
    about: str
    kind: Kind
    choices: list[Choice] = []
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False
    texts: bool = True


_LABELS = {
    "language": N_("Language"),
    "region": N_("Region"),
    "api_base": N_("API address"),
    "bot_id": N_("Default bot"),
    "workflow_id": N_("Default workflow"),
    "oauth_client_id": N_("OAuth app (client id)"),
    "drafts_dir": N_("Drafts folder"),
    "profile": N_("Made for"),
    "time_unit": N_("Unit of times"),
    "strict": N_("Build no draft with effects, filters or fonts that JianYing doesn't have"),
    "at_once": N_("Requests at the same time"),
    "silent_s": N_("Silent stream (seconds)"),
    "device": N_("Name of this computer"),
    "notifications": N_("Show notifications"),
    "media_folders": N_("Media folders"),
    "allow_hosts": N_("Private media hosts"),
    "max_media_bytes": N_("Largest media file (bytes)"),
    "cache_hours": N_("Keep links for (hours)"),
    "cache_max_bytes": N_("Size of the media cache (bytes)"),
    "folders": N_("Further drafts folders"),
    "inbox": N_("Inbox folder"),
    "hotkey": N_("Hotkey"),
}
_TARGET_LABELS = {
    "kind": N_("Kind"),
    "id": N_("Id, or its address in Coze"),
    "region": N_("Region"),
    "api_base": N_("API address"),
    "prompt": N_("Saved prompt"),
    "parameters": N_("Inputs"),
    "variables": N_("User variables"),
    "bot_id": N_("Runs for the bot (id)"),
    "app_id": N_("Runs for the application (id)"),
    "listen": N_("Always listen to it, as a mailbox"),
    "interval": N_("Run it every"),
    "runs_a_day": N_("Runs a day at most"),
    "schedule": N_("Schedule"),
}
_CHOICES = {
    "language": {"": N_("As the system"), "zh_CN": "简体中文", "en": "English"},
    "region": {"": N_("As for everything"), "cn": "coze.cn", "com": "coze.com"},
    "profile": {"auto": N_("What the folder belongs to"), "jianying": N_("JianYing"), "capcut": "CapCut"},
    "time_unit": {"auto": N_("Found out"), "ms": N_("Milliseconds"), "us": N_("Microseconds"), "s": N_("Seconds")},
    "kind": {"bot": N_("bot"), "workflow": N_("workflow"), "chatflow": N_("chatflow")},
}
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (N_("This program"), ("language", "notifications", "inbox", "hotkey", "at_once")),
    (N_("Drafts"), ("profile", "time_unit", "strict", "media_folders")),
)
_ELSEWHERE = ("version", "targets")
"""No fields of the form: the one stays as it is, the others have a form of their own."""


def of_settings() -> dict[str, Field]:
    """Every setting but those that are no field."""
    return {
        name: _field(name, field, _LABELS) for name, field in Settings.model_fields.items() if name not in _ELSEWHERE
    }


def groups() -> list[tuple[str, list[str]]]:
    """The keys of the settings below headings; the last ones are those that few people ever change."""
    grouped = [(_(heading), list(keys)) for heading, keys in _GROUPS]
    known = {key for _heading, keys in grouped for key in keys}
    others = [key for key in of_settings() if key not in known]
    return [*grouped, (_("More settings"), others)]


def of_target() -> dict[str, Field]:
    """The fields of a target, but its name."""
    return {name: _field(name, field, _TARGET_LABELS) for name, field in Target.model_fields.items()}


def in_words(field: Field, value: Any) -> str:
    """A value as a person is told it."""
    if field.kind == "switch":
        return _("on") if value else _("off")
    if found := next((one.label for one in field.choices if one.value == value), ""):
        return found
    return str(value) if value or value == 0 else _("nothing")


def _field(name: str, field: FieldInfo, labels: Mapping[str, str]) -> Field:
    kind, about = _kind(name, field.annotation), _(str(field.description or ""))
    return Field(
        key=name,
        label=_(labels[name]) if name in labels else name,
        about="" if name in labels and (kind in ("switch", "choice") or name == "id") else about,
        kind=kind,
        choices=_choices(name, field.annotation),
        minimum=_bound(field, "ge"),
        maximum=_bound(field, "le"),
        required=field.is_required(),
        texts=not (kind == "pairs" and get_args(field.annotation)[1] is Any),
    )


def _kind(name: str, annotation: Any) -> Kind:
    of = _bare(annotation)
    origin = get_origin(of)
    if name == "prompt":
        return "long_text"
    if origin is Literal:
        return "choice"
    if origin is tuple or origin is dict:
        return "lines" if origin is tuple else "pairs"
    if isinstance(of, type):
        for kind, kinds in _KINDS:
            if issubclass(of, kinds):
                return kind
    return "text"


_KINDS: tuple[tuple[Kind, tuple[type, ...]], ...] = (
    ("switch", (bool,)),  # which is an int too
    ("number", (int, float)),
    ("folder", (Path,)),
)


def _bare(annotation: Any) -> Any:
    """Without what is said beside a type, and without None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _bare(next(one for one in get_args(annotation) if one is not type(None)))
    return annotation


def _choices(name: str, annotation: Any) -> list[Choice]:
    of = _bare(annotation)
    if get_origin(of) is not Literal:
        return []
    labels = _CHOICES.get(name, {})
    return [Choice(value=value, label=_(labels.get(value, value))) for value in get_args(of)]


def _bound(field: FieldInfo, name: Literal["ge", "le"]) -> float | None:
    found = (getattr(one, name, None) for one in field.metadata)
    return next((float(one) for one in found if isinstance(one, (int, float))), None)
