"""Who is asked: a target by its name in the settings, or by its id in Coze."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tray.asked import Asked
from tray.errors import SettingsError
from tray.locale import _
from tray.settings import Settings, Target

TargetKind = Literal["bot", "workflow", "chatflow"]


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
            {
                "bot": _("Ask it with: coze-tray ask PROMPT --bot {name}"),
                "workflow": _("Run it with: coze-tray workflow {name}"),
                "chatflow": _("Ask it with: coze-tray ask PROMPT --chatflow {name}"),
            }[target.kind].format(name=known),
        )
    return known, target


def asked(
    named: tuple[str, Target],
    settings: Settings,
    prompt: str = "",
    parameters: Mapping[str, Any] | None = None,
    files: tuple[str, ...] = (),
) -> Asked:
    """What a request to that target asks, its defaults filled in."""
    name, target = named
    return Asked(
        base_url=settings.base_url_of(target),
        kind=target.kind,
        target_id=target.id,
        prompt=prompt,
        parameters={**target.parameters, **(parameters or {})},
        variables=target.variables,
        files=files,
        bot_id=target.bot_id,
        app_id=target.app_id,
        target=name,
    )


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
