"""What the API says of itself: complete, for programs and for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from listening import Listening
from tray import locale
from tray.simulator.server import Simulator
from tray.web import docs
from web import visit

SECRETS = re.compile(r"token|secret|password|api_?key|cookie|credential|authorization", re.I)
SAYS_WHETHER = re.compile(r"^(has|is|can)_|_days$|_expires|_at$|_url$")
"""Of a token, without being one."""


@pytest.fixture
def client(listen: Callable[..., Listening], cloud: Simulator) -> Iterator[httpx.Client]:
    with visit(listen(cloud).app) as client:
        yield client


@pytest.fixture
def schema(client: httpx.Client) -> Any:
    return client.get("api/v1/openapi.json").json()


def test_every_operation_says_what_it_does_and_how_it_fails(schema: Any) -> None:
    found = docs.operations(schema)
    assert len(found) > 10
    for path, method, operation in found:
        assert operation["summary"] and operation["tags"], (path, method)
        [failure] = [code for code in operation["responses"] if code.startswith("4")]
        said = operation["responses"][failure]["content"]["application/json"]["schema"]
        assert said == {"$ref": "#/components/schemas/Problem"}, (path, method)
        assert all(one["description"] for one in operation["responses"].values())


def test_operations_have_names_of_their_own(schema: Any) -> None:
    names = [operation["operationId"] for _path, _method, operation in docs.operations(schema)]
    assert sorted(set(names)) == sorted(names)


def test_every_shape_that_is_named_is_there_and_none_is_of_openapi_3_1(schema: Any) -> None:
    assert schema["openapi"].startswith("3.0.")
    named: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            named.update(str(one).rpartition("/")[2] for key, one in value.items() if key == "$ref")
            assert value.get("type") != "null" and not isinstance(value.get("type"), list), value
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(schema)
    assert named <= set(schema["components"]["schemas"])


def test_no_answer_has_a_field_for_a_secret(schema: Any) -> None:
    """What the user types in is another matter: it goes one way."""
    answers = [text for _path, _method, operation in docs.operations(schema) for text in [operation["responses"]]]
    told: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name and name not in told:
                told.add(name)
                walk(schema["components"]["schemas"][name])
            for key, one in value.get("properties", {}).items():
                assert (
                    not SECRETS.search(key) or SAYS_WHETHER.search(key) or one.get("type") in ("boolean", "integer")
                ), key
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(answers)
    assert "RequestOut" in told


def test_streams_say_what_comes_in_them(schema: Any) -> None:
    said = schema["paths"]["/api/v1/events"]["get"]["responses"]["200"]
    assert set(said["content"]) == {"text/event-stream"}
    assert all(name in said["description"] for name in ("status", "request", "text", "RequestOut"))


def test_the_secret_path_is_not_in_what_a_user_may_hand_on(client: httpx.Client, schema: Any) -> None:
    assert client.base_url.path.strip("/") not in client.get("api/v1/openapi.json").text
    assert "servers" not in schema


@pytest.mark.parametrize(("language", "word"), [("en", "Answers"), ("zh_CN", "API")])
def test_the_page_shows_all_of_it(client: httpx.Client, schema: Any, language: str, word: str) -> None:
    locale.use(language)
    try:
        text = client.get("api").text
    finally:
        locale.use()
    for path, _method, operation in docs.operations(schema):
        assert path in text and operation["summary"] in text.replace("&#39;", "'")
    for name in schema["components"]["schemas"]:
        assert f'id="{name}"' in text
    assert word in text
