"""The connection to Coze, tested: the token, its scopes, the bots, their plugin, the workflows. Each line costs about
one call of the plan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any
from urllib.parse import quote

from tray.coze import account
from tray.coze.client import Client
from tray.coze.credential import Credential
from tray.coze.errors import SIGN_IN, CozeError, NetworkAwayError
from tray.doctor import Check
from tray.errors import SecretsError
from tray.locale import _
from tray.settings import Settings
from tray.text import for_terminal

_NOT_PUBLISHED = ("4015", "4200", "4000")


async def checks(settings: Settings, credential: Credential, tools: Collection[str]) -> AsyncIterator[Check]:
    """One after the other, as they are known. `tools`: the names of those that a bot's plugin should have. Nothing is
    made or changed in Coze. After the first that leaves the others without sense, none comes."""
    async with Client(settings.base_url, credential, 20.0) as client:
        try:
            async for check in _checks(settings, client, tools):
                yield check
        except NetworkAwayError as error:
            yield Check(settings.base_url, False, error.message, error.advice)
        except SecretsError as error:
            yield Check(_("token"), False, error.message, error.advice)
        except CozeError as error:
            yield Check(_("token"), False, _with_logid(error), error.advice)


async def _checks(settings: Settings, client: Client, tools: Collection[str]) -> AsyncIterator[Check]:
    """Raises CozeError with a code in SIGN_IN, NetworkAwayError and SecretsError."""
    token = Check(_("token"), True, _("accepted"))
    try:
        if who := await account.account(client):
            token = Check(_("token"), True, _("accepted: {name} ({id})").format(name=who.name, id=who.id))
    except CozeError as error:
        token = Check(
            _("token"), False, _with_logid(error), _("Sign in once more, with a token that is whole and valid.")
        )
    yield Check(settings.base_url, True, _("can be reached"))
    yield token
    if token.ok is False:
        return
    async for check in _scopes(client):
        yield check
    for name, bot_id in _bots(settings).items():
        async for check in _bot(client, name, bot_id, tools):
            yield check
    for name, workflow_id in _workflows(settings).items():
        yield await _workflow(client, name, workflow_id)


async def _scopes(client: Client) -> AsyncIterator[Check]:
    asked = account.checked_scopes()
    for scope in asked:
        name = _("scope {name}").format(name=scope)
        if await account.lacks(client, scope):
            yield Check(name, False, _("missing"), _("Make a token that has it, and sign in with it."))
        else:
            yield Check(name, True, _("there, as far as Coze says"))
    others = ", ".join(scope for scope in account.SCOPES if scope not in asked)
    yield Check(
        _("other scopes"), None, _("can't be asked after without making something: {scopes}").format(scopes=others)
    )


def _bots(settings: Settings) -> dict[str, str]:
    """Those of this account, by the names to show."""
    found = {settings.bot_id: settings.bot_id} if settings.bot_id else {}
    return {**found, **_named(settings, ("bot",))}


def _workflows(settings: Settings) -> dict[str, str]:
    found = {settings.workflow_id: settings.workflow_id} if settings.workflow_id else {}
    return {**found, **_named(settings, ("workflow", "chatflow"))}


def _named(settings: Settings, kinds: tuple[str, ...]) -> dict[str, str]:
    return {
        name: target.id
        for name, target in settings.targets.items()
        if target.kind in kinds and settings.base_url_of(target) == settings.base_url
    }


async def _bot(client: Client, shown: str, bot_id: str, tools: Collection[str]) -> AsyncIterator[Check]:
    """Whether it is there and published as an API, and has the plugin (documented: `get_online_info` knows only bots
    that are published as an API; `plugin_info_list` holds the plugins of a bot with their tools. That a local plugin is
    among them was never seen: where it is not, nothing is known)."""
    name = _("bot {name}").format(name=shown)
    try:
        data, _logid = await client.call("GET", "/v1/bot/get_online_info", {"bot_id": bot_id})
    except CozeError as error:
        if error.code in SIGN_IN:
            raise
        yield Check(name, False, _with_logid(error), error.advice if error.code not in _NOT_PUBLISHED else _publish())
        return
    bot = data if isinstance(data, dict) else {}
    called = for_terminal(str(bot.get("name") or bot_id))[:100]
    yield Check(name, True, _("“{name}”, published as an API").format(name=called))
    plugin = _("plugin of {name}").format(name=shown)
    if found := sorted(_tools_of(bot) & set(tools)):
        yield Check(plugin, True, _("it has {tools}").format(tools=", ".join(found)))
    else:
        text = _("Coze does not name it among the bot's plugins, and may not name local plugins at all.")
        advice = _(
            "Ask the bot for a draft: if it says that it has no such tool, add the local plugin to it and publish it"
            " again."
        )
        yield Check(plugin, None, text, advice)


def _tools_of(bot: dict[str, Any]) -> set[str]:
    found = set[str]()
    plugins = bot.get("plugin_info_list")
    for plugin in plugins if isinstance(plugins, list) else []:
        tools = plugin.get("api_info_list") if isinstance(plugin, dict) else None
        found |= {str(tool.get("name")) for tool in tools or [] if isinstance(tool, dict)}
    return found


async def _workflow(client: Client, shown: str, workflow_id: str) -> Check:
    """Documented (get_workflow_info): GET /v1/workflows/ID. Not seen: what a token is told that may run it, and may not
    look at it."""
    name = _("workflow {name}").format(name=shown)
    try:
        data, _logid = await client.call("GET", f"/v1/workflows/{quote(workflow_id, safe='')}", {})
    except CozeError as error:
        if error.code in SIGN_IN:
            raise
        if error.code in ("4101", "403"):
            text = _("this token may not look at it; whether it may be run is not known")
            return Check(name, None, text, _("Run it once to see."))
        return Check(name, False, _with_logid(error), error.advice)
    detail = data.get("workflow_detail") if isinstance(data, dict) else None
    called = str(detail.get("workflow_name") or "") if isinstance(detail, dict) else ""
    return Check(name, True, _("found: {name}").format(name=for_terminal(called)[:100] or workflow_id))


def _publish() -> str:
    return _("Is the id the one at the end of the bot's address? In Coze, publish the bot to the channel “API”.")


def _with_logid(error: CozeError) -> str:
    return f"{error.message} (logid {error.logid})" if error.logid else error.message
