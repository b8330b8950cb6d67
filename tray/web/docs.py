"""What the API is, for who writes programs that call it: OpenAPI, and a page that shows it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from tray.web.pages import Pages
from tray.web.shapes import Problem

if TYPE_CHECKING:
    from tray.app import App

_TAGS = {
    "requests": "What is asked of bots, workflows and tools: asked, followed, answered, cancelled.",
    "drafts": "The drafts on this computer.",
    "tools": "What can be done on this computer, without any bot.",
    "program": "The running program: listening, mailboxes, its log.",
    "setup": "What is set up: settings, targets, the drafts folder.",
    "account": "Signing in to Coze.",
    "demo": "A simulated bot, to see how it works.",
}
OPENAPI = "/api/v1/openapi.json"
_METHODS = ("get", "post", "put", "patch", "delete")
_PROBLEM = {
    "description": "It is not done: why, and what to do.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_STREAM = (
    "Server-sent events, whose data is JSON. `status`: a Status, at first and whenever it changes. `request`: a"
    " RequestOut, whenever one changes. `text`: {request_id, at, delta}, what an answer goes on with from its"
    " character `at`."
)
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")
"""Its own way to say what is wrong with a request; here it is a Problem as everything else."""


def router(app: App, shown: Pages) -> APIRouter:  # noqa: ARG001 - as every part
    pages = APIRouter(include_in_schema=False)

    @pages.get("/api")
    def api(request: Request) -> Response:
        schema = request.app.openapi()
        return shown.page(request, "api", groups=groups(schema), schemas=shapes(schema))

    @pages.get(OPENAPI)
    def openapi(request: Request) -> JSONResponse:
        """With the address that it was asked at, where it is one for others."""
        schema = request.app.openapi()
        return JSONResponse({**schema, "servers": [{"url": _address(request)}]} if "security" in schema else schema)

    return pages


def describe(made: FastAPI) -> None:
    """Let its OpenAPI say all there is to say: each operation's summary is how its docstring begins, and what goes
    wrong is a Problem everywhere. It is OpenAPI 3.0, which more programs read than read 3.1 (Coze's among them)."""
    made.openapi_version = "3.0.3"
    made.openapi_tags = [{"name": name, "description": text} for name, text in _TAGS.items()]
    generate = made.openapi

    def openapi() -> dict[str, Any]:
        if made.openapi_schema is None:
            schema = _in_3_0(generate())
            for _path, _method, operation in operations(schema):
                _finish(operation)
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            for name in _OF_FASTAPI:
                schemas.pop(name, None)
            schemas["Problem"] = Problem.model_json_schema()
            made.openapi_schema = schema
        return made.openapi_schema

    made.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def needs_key(made: FastAPI) -> None:
    """Let its OpenAPI say that callers send a key."""
    schema = made.openapi()
    schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    schema["security"] = [{"key": []}]


def name_of(route: APIRoute) -> str:
    """The operation's, as programs have it that are made of the OpenAPI: a tool's own name, else method and path."""
    words = re.findall(r"\w+", route.path_format.removeprefix("/api/v1"))
    if words[:1] == ["tools"] and len(words) == 2:
        return words[1]
    return "_".join([*sorted(route.methods or ()), *words]).lower()


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of each."""
    return [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    ]


def groups(schema: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, as the page shows them: what they take and give, as texts."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, method, operation in operations(schema):
        bodies = operation.get("requestBody", {}).get("content", {})
        shown = {
            "method": method.upper(),
            "path": path,
            "summary": operation["summary"],
            "description": operation.get("description", ""),
            "parameters": [
                {
                    "name": one["name"],
                    "where": one["in"],
                    "type": text_of(one["schema"]),
                    "required": one.get("required", False),
                    "description": one.get("description", ""),
                }
                for one in operation.get("parameters", [])
            ],
            "bodies": [(kind, text_of(one.get("schema", {}))) for kind, one in bodies.items()],
            "answers": [
                (code, kind, text_of(one.get("schema", {})), said.get("description", ""))
                for code, said in operation["responses"].items()
                for kind, one in said.get("content", {"": {}}).items()
            ],
        }
        found.setdefault(operation["tags"][0], []).append(shown)
    return found


def shapes(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The models by name, as the page shows them."""
    return {
        name: {
            "description": one.get("description", ""),
            "fields": [
                {
                    "name": key,
                    "type": text_of(field),
                    "required": key in one.get("required", ()),
                    "description": field.get("description", ""),
                }
                for key, field in one.get("properties", {}).items()
            ],
        }
        for name, one in sorted(schema["components"]["schemas"].items())
    }


def text_of(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words: RequestOut, string, [Draft], "a" | "b"."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(f'"{one}"' for one in schema["enum"])
    for key in ("anyOf", "allOf"):
        if key in schema:
            return " | ".join(text_of(one) for one in schema[key])
    if schema.get("type") == "array":
        return f"[{text_of(schema.get('items', {}))}]"
    values = schema.get("additionalProperties")
    if isinstance(values, dict) and values:
        return f"{{…: {text_of(values)}}}"
    return str(schema.get("type", "any"))


def _finish(operation: dict[str, Any]) -> None:
    said, _end, rest = operation.get("description", "").partition("\n\n")
    first, dot, more = " ".join(said.split()).partition(". ")
    if first:
        operation["summary"] = first.removesuffix(".")
        operation["description"] = "\n\n".join(filter(None, [f"{first}{dot}{more}", rest]))
    operation.setdefault("tags", ["requests"])
    fine = {code: one for code, one in operation["responses"].items() if not code.startswith("4")}
    for one in fine.values():
        if "text/event-stream" in one.get("content", {}):
            one["description"], one["content"] = _STREAM, {"text/event-stream": {"schema": {"type": "string"}}}
    operation["responses"] = {**fine, "4XX": _PROBLEM}


def _in_3_0(value: Any) -> Any:
    """A JSON Schema as OpenAPI 3.0 has it, with all that is in it: null is no type there."""
    if isinstance(value, list):
        return [_in_3_0(one) for one in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _in_3_0(one) for key, one in value.items()}
    kinds = changed.get("anyOf")
    if isinstance(kinds, list) and {"type": "null"} in kinds:
        kinds.remove({"type": "null"})
        changed["nullable"] = True
        if len(kinds) == 1:
            del changed["anyOf"]
            changed.update({"allOf": kinds} if "$ref" in kinds[0] else kinds[0])
    if changed.pop("contentMediaType", None):
        changed["format"] = "binary"
    if isinstance(changed.get("type"), str) and "const" in changed:
        changed["enum"] = [changed.pop("const")]
    return changed


def _address(request: Request) -> str:
    """Of this API as its caller has it; a proxy in front says so. It goes to nobody but the caller."""
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else "http"
    return f"{scheme}://{request.headers.get('host', '')}"
