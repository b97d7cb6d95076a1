from typing import Any

import pytest

from tools.clients.document import read
from tools.clients.python_methods import ASYNCHRONOUS, module
from tools.clients.python_types import PythonTypes
from tools.clients.typescript import TypeScriptTypes

WORDS = {"$ref": "#/components/schemas/Words"}
ANSWER = {"properties": {"from": {"type": "string"}, "words": WORDS}, "required": ["from", "words"], "type": "object"}
BODY = {"properties": {"words": WORDS, "many": {"default": [], "type": "array"}}, "type": "object", "title": "Thing"}


def document() -> dict[str, Any]:
    """A document of one operation with a body that stands in it whole, and of one that no key may ask."""
    operation = {
        "operationId": "make_thing",
        "summary": "Make a thing",
        "tags": ["things"],
        "security": [{}],
        "parameters": [
            {"in": "path", "name": "thing", "required": True, "schema": {"type": "string"}},
            {"in": "header", "name": "Idempotency-Key", "required": False, "schema": {"type": "string"}},
        ],
        "requestBody": {"content": {"application/json": {"schema": BODY}}},
        "responses": {
            "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/AnAnswer"}}}},
            "400": {"$ref": "#/components/responses/BadRequest"},
        },
    }
    return {
        "paths": {"/v1/things/{thing}": {"post": operation}, "/healthz": {"get": {**operation, "security": []}}},
        "components": {
            "schemas": {
                "AnAnswer": ANSWER,
                "Words": {"enum": ["a", "b"], "type": "string"},
                "Unused": {"type": "object"},
            }
        },
    }


@pytest.mark.parametrize(
    ("schema", "sent", "answered"),
    [
        (WORDS, "Words", "Words | str"),
        ({"enum": ["a"]}, "Literal['a']", "Literal['a'] | str"),
        ({"anyOf": [{"type": "null"}, {"type": "string", "format": "date-time"}]}, *["AwareDatetime | None"] * 2),
        ({"type": "array", "items": WORDS}, "list[Words]", "list[Words | str]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, *["dict[str, int]"] * 2),
        ({"oneOf": [{"$ref": "#/components/schemas/AnAnswer"}]}, "AnAnswer", "AnAnswer | dict[str, Any]"),
        ({"const": "a"}, *["Literal['a']"] * 2),
        ({}, "Any", "Any"),
    ],
)
def test_what_is_sent_is_strict_and_what_is_answered_may_be_newer(
    schema: dict[str, Any], sent: str, answered: str
) -> None:
    types = PythonTypes(read(document()))
    assert (types.of(schema, is_sent=True), types.of(schema, is_sent=False)) == (sent, answered)


def test_a_body_that_stands_in_its_operation_has_a_name_and_what_nobody_uses_has_none() -> None:
    text = PythonTypes(read(document())).module()
    assert "class Thing(Body):" in text
    assert 'from_: str = Field(alias="from")' in text
    assert "many: list[Any] = Field(default_factory=list)" in text
    assert "Unused" not in text


def test_an_operation_is_a_method_with_a_key_and_what_no_key_may_ask_is_not_there() -> None:
    text = module(read(document()), ASYNCHRONOUS)
    assert text.count("async def ") == 1
    assert (
        "async def make_thing(\n        self,\n        thing: str,\n        body: models.Thing,\n        *,\n" in text
    )
    assert 'f"/v1/things/{segment(thing)}"' in text
    assert "has_key=True" in text


@pytest.mark.parametrize(
    ("schema", "sent", "answered"),
    [
        (WORDS, "Words", "Words | (string & {})"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, *["string | null"] * 2),
        ({"type": "array", "items": WORDS}, "Words[]", "(Words | (string & {}))[]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, *["Record<string, number>"] * 2),
        ({"const": True}, *["true"] * 2),
        ({}, "unknown", "unknown"),
    ],
)
def test_typescript_is_as_strict_and_as_lenient(schema: dict[str, Any], sent: str, answered: str) -> None:
    types = TypeScriptTypes(read(document()))
    assert (types.of(schema, is_sent=True), types.of(schema, is_sent=False)) == (sent, answered)


def test_an_address_has_its_parameters_body_and_answers() -> None:
    text = TypeScriptTypes(read(document())).module()
    assert '  "/v1/things/{thing}": {\n    /** Make a thing */\n    post: operations["make_thing"];\n  };' in text
    assert 'header?: { "Idempotency-Key"?: string }; path: { thing: string };' in text
    assert 'requestBody: { content: { "application/json": Thing } };' in text
    assert "  many?: unknown[];" in text
    assert "healthz" not in text
