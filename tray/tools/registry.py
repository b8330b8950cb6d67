"""Makes tools of plain typed functions. Whatever goes wrong becomes an answer that the bot can act on."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model, model_validator

from tray.errors import JournalError, TrayError
from tray.locale import _
from tray.text import whole_characters
from tray.tools.context import ToolContext

log = logging.getLogger(__name__)

Function = Callable[..., Awaitable[dict[str, Any]]]


class ToolError(TrayError):
    """A tool can't do what it was called for; its text goes to the bot."""


class Arguments(BaseModel):
    """What every tool's arguments have in common."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _texts(cls, said: Any) -> Any:
        """A model fills in a text parameter with the JSON it holds, as often as with its text."""
        if not isinstance(said, dict):
            return said
        texts = [name for name, field in cls.model_fields.items() if field.annotation in (str, str | None)]
        changed = {name: json.dumps(said[name], ensure_ascii=False) for name in texts if _is_json(said.get(name))}
        return {**said, **changed}


@dataclass(frozen=True)
class Tool:
    """A function `async (ctx: ToolContext, …) -> dict`; its name, docstring and signature are the tool's."""

    name: str
    function: Function
    arguments: type[Arguments]


class Registry:
    """The tools by name."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    def __iter__(self) -> Iterator[Tool]:
        return iter(tuple(self._tools.values()))

    def tool(self, function: Function) -> Function:
        """Register `function` (a decorator). Its first parameter is the context, the others are the arguments."""
        hints = get_type_hints(function)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        fields: dict[str, Any] = {
            p.name: (hints[p.name], ... if p.default is inspect.Parameter.empty else p.default) for p in parameters
        }
        model = create_model(function.__name__, __base__=Arguments, **fields)
        self._tools[function.__name__] = Tool(function.__name__, function, model)
        return function

    async def call(self, name: str, arguments: str, ctx: ToolContext) -> str:
        """Run the tool `name` with `arguments` (JSON text of an object, or ""). Always returns JSON text of an object
        with a `status`: an unknown tool, bad arguments and a failing tool are {"status": "error", "message": …}. Raises
        JournalError alone."""
        try:
            result = await self._called(name, arguments, ctx)
        except JournalError:  # the bot is not told: the call is made again when the journal can be written
            raise
        except TrayError as error:
            log.warning("tool %s: %s", name, error)
            result = {"status": "error", "message": str(error)}
        except Exception as error:  # a bug in a tool must not end the listener, and the bot must be told
            log.exception("tool %s failed", name)
            result = {
                "status": "error",
                "message": _(
                    "The tool {name} failed on the user's computer ({error}); its log has the details."
                ).format(name=name, error=type(error).__name__),
            }
        return whole_characters(json.dumps(result, ensure_ascii=False))

    async def _called(self, name: str, arguments: str, ctx: ToolContext) -> dict[str, Any]:
        tool = self._tools.get(name)
        if tool is None:
            raise ToolError(
                _("There is no tool “{name}” on the user's computer.").format(name=name),
                _("It has: {names}.").format(names=", ".join(sorted(self._tools))),
            )
        try:
            parsed = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError) as error:
            raise ToolError(_("The arguments are not JSON: {error}").format(error=error)) from None
        if not isinstance(parsed, dict):
            raise ToolError(_("The arguments must be a JSON object."))
        try:
            checked = tool.arguments.model_validate(parsed)
        except ValidationError as error:
            details = "; ".join(
                f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors(include_url=False)
            )
            raise ToolError(_("The arguments are wrong: {details}").format(details=details)) from None
        return await tool.function(ctx, **{key: getattr(checked, key) for key in tool.arguments.model_fields})


def _is_json(value: Any) -> bool:
    return isinstance(value, (dict, list))
