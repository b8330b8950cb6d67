"""Who is asked: a target by its name in the settings, or by its id in Coze."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from tray.asked import Asked
from tray.errors import SettingsError
from tray.locale import _
from tray.settings import Settings
from tray.settings_target import Target
from tray.text import fit_json, whole_characters

TargetKind = Literal["bot", "workflow", "chatflow"]
MOST_BYTES = 20_000_000
"""Of a file whose text is an input: Coze takes no more in a whole workflow's (documented)."""


def find(said: str | None, kind: TargetKind, settings: Settings) -> tuple[str, Target]:
    """The target that the user means by a name or an id, and its name ("" for none); None: the default of that kind.
    Raises SettingsError."""
    default = {"bot": settings.bot_id, "workflow": settings.workflow_id, "chatflow": ""}[kind]
    known = said or default
    if not known:
        raise _none_chosen(kind)
    target = settings.targets.get(known)
    if target is None:
        if not known.isascii() or not known.isalnum():  # an id is a number; what is none was meant for a name
            names = ", ".join(name for name, other in settings.targets.items() if other.kind == kind) or _("none")
            raise SettingsError(
                _("There is no target “{name}”.").format(name=known),
                _("Named targets of this kind: {names}. coze-tray targets lists them all.").format(names=names),
            )
        return "", Target(kind=kind, id=known)
    if target.kind != kind:
        raise SettingsError(
            _("“{name}” is a {kind}.").format(name=known, kind=kind_in_words(target.kind)),
            how_to_ask(known, target.kind),
        )
    return known, target


def asked(
    named: tuple[str, Target],
    settings: Settings,
    prompt: str = "",
    parameters: Mapping[str, Any] | None = None,
    files: tuple[str, ...] = (),
) -> Asked:
    """What a request to that target asks, its defaults filled in. Raises SettingsError for `parameters` that can't be
    sent."""
    name, target = named
    try:
        said = fit_json(dict(parameters or {}))
    except ValueError as error:
        raise SettingsError(str(error), _("Change that input, then ask again.")) from None
    return Asked(
        base_url=settings.base_url_of(target),
        kind=target.kind,
        target_id=target.id,
        prompt=prompt or target.prompt,
        parameters={**target.parameters, **said},
        variables=target.variables,
        files=files,
        # A chatflow runs for a bot or an application (documented).
        bot_id=target.bot_id or (settings.bot_id if target.kind == "chatflow" and not target.app_id else ""),
        app_id=target.app_id,
        target=name,
    )


def parameters(said: Iterable[str]) -> dict[str, Any]:
    """Inputs as they are typed: `name=text`, `name:=JSON`, `name=@file` for the text of a file. Raises ValueError."""
    found: dict[str, Any] = {}
    for one in said:
        name, equals, value = one.partition("=")
        is_json, name = name.endswith(":"), name.removesuffix(":").strip()
        if not equals or not name:
            raise ValueError(_("“{said}” is not of the form name=value.").format(said=one))
        if is_json:
            found[whole_characters(name)] = json_value(whole_characters(value), name)
        else:
            found[whole_characters(name)] = (
                _text_of(value[1:], name) if value.startswith("@") else whole_characters(value)
            )
    return found


def json_value(text: str, name: str) -> Any:
    """What JSON says, for the parameter of that name. Raises ValueError."""

    def no_constant(said: str) -> Any:
        raise ValueError(said)

    try:
        return json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            _("{name}: “{said}” is no JSON ({error}).").format(name=name, said=text, error=error)
        ) from None


def _text_of(file: str, name: str) -> str:
    from tray.draft.coze_json import text_of

    path = Path(file).expanduser()
    try:
        with path.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(_("{name}: {file} is too big to be an input.").format(name=name, file=path))
        return text_of(data)
    except OSError as error:
        raise ValueError(f"{name}: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(_("{name}: {file} is no text.").format(name=name, file=path)) from None


def saved(name: str, settings: Settings) -> TargetKind | None:
    """The kind of the target of that name where a prompt is saved with it, so that the name alone asks it."""
    target = settings.targets.get(name)
    return target.kind if target is not None and target.prompt else None


def how_to_ask(name: str, kind: TargetKind, prompt: str = "") -> str:
    """The command that asks a named target. `prompt`: what is saved with it."""
    if prompt:
        return _("Ask it with: coze-tray ask {name}").format(name=f'"{name}"' if " " in name else name)
    return {
        "bot": _("Ask it with: coze-tray ask PROMPT --bot {name}"),
        "workflow": _("Run it with: coze-tray workflow {name}"),
        "chatflow": _("Ask it with: coze-tray ask PROMPT --chatflow {name}"),
    }[kind].format(name=f'"{name}"' if " " in name else name)


def kind_in_words(kind: TargetKind) -> str:
    return {"bot": _("bot"), "workflow": _("workflow"), "chatflow": _("chatflow")}[kind]


def _none_chosen(kind: TargetKind) -> SettingsError:
    return {
        "bot": SettingsError(
            _("Which bot? None is chosen."),
            _("Give --bot ID, set COZE_BOT_ID, or remember one: coze-tray login --bot ID. It ends the bot's address."),
        ),
        "workflow": SettingsError(
            _("Which workflow? None is chosen."),
            _("Give its id or its name, or set COZE_WORKFLOW_ID. The id is in the workflow's address."),
        ),
        "chatflow": SettingsError(_("Which chatflow? None is chosen."), _("Give --chatflow ID or NAME.")),
    }[kind]
