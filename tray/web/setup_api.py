"""The API of what is set: the settings, the targets, the drafts folder, starting at login."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from tray import app as app_module
from tray import configuring, named_targets
from tray import settings as settings_module
from tray.configuring import UnfitError
from tray.desktop import autostart
from tray.draft import folders
from tray.draft.problems import DraftError
from tray.errors import SettingsError, TrayError
from tray.locale import _
from tray.pasted import pasted
from tray.web import forms, shapes
from tray.web.pages import Pages

if TYPE_CHECKING:
    from tray.app import App
    from tray.settings import Settings

_IDS = ("bot_id", "workflow_id")


class SettingOut(BaseModel):
    """A setting. `default_text`: the default in words. `source`: where its value is from. `overruled_by`: the variable
    of the environment that says it. `next_start`: a change counts from the program's next start."""

    field: forms.Field
    value: Any
    default: Any
    default_text: str
    source: Literal["file", "environment", "default"]
    overruled_by: str
    next_start: bool


class PastedOut(BaseModel):
    """What a pasted address of Coze means; `kind` and `region` null: it does not say."""

    id: str
    kind: shapes.KindOfTarget | None
    region: str | None
    app_id: str


class CandidateOut(BaseModel):
    """A folder where drafts may belong, and what says so."""

    path: str
    app: str
    source: str
    there: bool
    usable: bool


class FolderOut(BaseModel):
    """The drafts folder. `path` null: there is none, and `problem` says why. `why`: what says that it is this one."""

    path: str | None
    app: str
    why: str
    chosen: bool = Field(description="It was chosen by the user; else it was found.")
    problem: str
    candidates: list[CandidateOut]


class FolderIn(BaseModel):
    """`path` null: the one that is found."""

    path: str | None = Field(None, max_length=4000)


class LoginStart(BaseModel):
    """Starting at login. `where`: what starts it. `other`: that is another installation of the program."""

    on: bool
    where: str = ""
    other: bool = False


def router(app: App, shown: Pages) -> APIRouter:  # noqa: ARG001 - as every part
    api = APIRouter(prefix="/api/v1", tags=["setup"], responses={409: {"model": shapes.Problem}})

    @api.get("/settings")
    def settings() -> list[SettingOut]:
        """Every setting, with where its value comes from."""
        return all_settings(app.settings_now())

    @api.patch("/settings")
    def change(changes: Annotated[dict[str, Any], Body()]) -> list[SettingOut]:
        """Set settings by their keys, all or none; null takes one out of the file. A further drafts folder has the key
        folders.NAME."""
        with changing(app):
            configuring.save({key: _meant(key, value) for key, value in changes.items()})
        return all_settings(settings_module.load())

    @api.get("/targets")
    def targets() -> dict[str, Any]:
        """The named targets, by their names."""
        return {name: one.model_dump(mode="json") for name, one in app.settings_now().targets.items()}

    @api.post("/targets", status_code=201)
    def add(said: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """Name a target: `name`, and the keys of a target in the settings."""
        return _put(app, None, said)

    @api.put("/targets/{name:path}")
    def replace(name: str, said: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """Let a target be another; what is not said has its default. `name`: its new one."""
        return _put(app, name, {"name": name, **said})

    @api.delete("/targets/{name:path}")
    def remove(name: str) -> dict[str, Any]:
        with changing(app):
            named_targets.remove(name, settings_module.load())
        return targets()

    @api.post("/pasted")
    def meaning(text: Annotated[str, Body(embed=True, max_length=4000)]) -> PastedOut:
        """What a pasted address of a bot or workflow means."""
        return PastedOut(**vars(pasted(text)))

    @api.get("/drafts-folder")
    def folder() -> FolderOut:
        return drafts_folder(app.settings_now())

    @api.put("/drafts-folder")
    def choose(said: FolderIn) -> FolderOut:
        """Choose it. It must be possible to write there."""
        chosen = said.path.strip() if said.path else None
        with changing(app):
            if chosen:
                _try(chosen)
            configuring.save({"drafts_dir": chosen or None})
        return drafts_folder(settings_module.load())

    @api.post("/drafts-folder/test")
    def test(said: FolderIn) -> FolderOut:
        """See that drafts can be written to the folder, without choosing it."""
        settings = app.settings_now()
        _try(said.path.strip() if said.path else str(folders.drafts_folder(settings.drafts_dir)))
        return drafts_folder(settings)

    @api.get("/autostart")
    def starts() -> LoginStart:
        return starts_at_login()

    @api.put("/autostart")
    def start(said: LoginStart) -> LoginStart:
        """Start at login from now on, or no more."""
        (autostart.enable if said.on else autostart.disable)()
        app.bus.publish(app.listener.state)  # the menu shows it too
        return starts_at_login()

    return api


def all_settings(settings: Settings) -> list[SettingOut]:
    """Those that are fields of a form. Raises SettingsError."""
    fields = forms.of_settings()
    return [
        SettingOut(
            field=fields[one["key"]],
            value=one["value"],
            default=one["default"],
            default_text=forms.in_words(fields[one["key"]], one["default"]),
            source=one["from"],
            overruled_by=configuring.is_overruled(one["key"]),
            next_start=one["key"] in configuring.WITH_THE_NEXT_START,
        )
        for one in configuring.every(settings)
        if one["key"] in fields
    ]


def drafts_folder(settings: Settings) -> FolderOut:
    """Which it is, and all that could be."""
    found = folders.candidates()
    shown = [
        CandidateOut(path=str(one.path), app=_name_of(one.app), source=one.source, there=one.there, usable=one.usable)
        for one in found
    ]
    try:
        path = folders.drafts_folder(settings.drafts_dir)
    except DraftError as error:
        advice = _("Start JianYing once, or choose a folder here.")
        problem = f"{error.message} {advice}"
        return FolderOut(path=None, app="", why="", chosen=False, problem=problem, candidates=shown)
    try:
        folders.try_to_write(path)
        problem = ""
    except DraftError as error:
        problem = str(error)
    chosen = settings.drafts_dir is not None
    return FolderOut(
        path=str(path),
        app=_name_of(folders.profile_of(path, found)),
        why=_("you chose it") if chosen else next((one.source for one in found if one.path == path), ""),
        chosen=chosen,
        problem=problem,
        candidates=shown,
    )


def _name_of(app: folders.Profile) -> str:
    return _("JianYing") if app == "jianying" else folders.APPS[app]


def starts_at_login() -> LoginStart:
    found = autostart.registered()
    if found is None or found.switched_off or not found.exists:
        return LoginStart(on=False, where=found.where if found else "")
    return LoginStart(on=True, where=found.where, other=not autostart.is_this(found))


@contextlib.contextmanager
def changing(app: App) -> Iterator[None]:
    """The settings file is changed in the block; the running program takes it over. Raises SettingsError."""
    if app.settings_are_given:
        raise SettingsError(_("The demo's settings can't be changed."), _("Start coze-tray itself, and open its page."))
    try:
        yield
    except OSError as error:
        raise SettingsError(
            _("The settings can't be written: {path}: {error}").format(
                path=settings_module.settings_file(), error=error.strerror or error
            ),
            _("Is the disk full, or the folder read-only?"),
        ) from None
    app_module.settings_changed(app)


def _meant(key: str, value: Any) -> Any:
    """A value as it is kept: of an id, whose address may have been pasted, the id."""
    return pasted(value).id if key in _IDS and isinstance(value, str) else value


def _put(app: App, name: str | None, said: Mapping[str, Any]) -> dict[str, Any]:
    """Add the target, or let the one of that name be another. Raises UnfitError with everything that is wrong."""
    settings = app.settings_now()
    fields: dict[str, str] = {}
    new_name, values = str(said.get("name", "")), {key: value for key, value in said.items() if key != "name"}
    if isinstance(values.get("id"), str):
        values["id"] = pasted(values["id"]).id
    try:
        new_name = named_targets.checked_name(new_name)
        if new_name != name and new_name in settings.targets:
            fields["name"] = _("There is a target “{name}” already.").format(name=new_name)
    except TrayError as error:
        fields["name"] = str(error)
    try:
        target = named_targets.understood(values)
    except UnfitError as error:
        raise UnfitError({**fields, **error.fields}, error.advice) from None
    if fields:
        raise UnfitError(fields, _("Nothing was changed."))
    with changing(app):
        if name is None:
            named_targets.add(new_name, target, settings)
        else:
            named_targets.change(name, new_name, target, settings)
    return {"name": new_name, **target.model_dump(mode="json")}


def _try(path: str) -> None:
    """Raises UnfitError."""
    try:
        there = settings_module.home_expanded(path)
    except ValueError as error:
        raise UnfitError({"drafts_dir": str(error)}) from None
    if not there.is_absolute():
        raise UnfitError({"drafts_dir": _("Give the whole path, from the drive or / on.")})
    try:
        folders.try_to_write(there)
    except DraftError as error:
        raise UnfitError({"drafts_dir": str(error)}) from None
