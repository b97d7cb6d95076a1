"""The OpenAPI document: an id for each operation that reads well in a generated client, and every error it may answer.

Errors are problem documents everywhere (RFC 9457), so they are described here once and not at each route.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.routing import APIRoute

from shared.http.problems import MEDIA_TYPE

_VERBS: Final = frozenset(
    {"search", "revoke", "assign", "close", "read", "review", "release", "resolve", "redrive", "discard", "dismiss"}
    | {"test", "start", "save", "lookup", "verify", "reveal", "cancel", "check"}
)
"""Last parts of a path that say what is done; others are things."""
_BY_METHOD: Final = {"get": "get", "post": "create", "put": "replace", "patch": "change", "delete": "delete"}
_WITH_BODY: Final = frozenset({"post", "put", "patch"})
_JSON: Final = "application/json"
_PROBLEM: Final = "Problem"
_PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
    "title": _PROBLEM,
    "type": "object",
    "description": "What went wrong (RFC 9457); `code` is stable, `detail` says what to do.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}
_WORDS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read, or names this host by another name.",
    HTTPStatus.UNAUTHORIZED: "No key, or none that is known.",
    HTTPStatus.FORBIDDEN: "The key lacks the scope, or asks for another merchant.",
    HTTPStatus.NOT_FOUND: "The merchant has nothing of this id.",
    HTTPStatus.CONFLICT: "What is stored does not allow it; the code says why.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body has another media type.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A field is wrong; `errors` names it and says why.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too much at once; `Retry-After` says when to ask again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not at this moment; safe to repeat with the same id or Idempotency-Key.",
}


def operation_id(route: APIRoute) -> str:
    """Return the id of a route's operation: `get_follow_ups`, `create_follow_ups`, `search_follow_ups`."""
    method = min(route.methods or {"get"}).lower()
    things, named = [], [part for part in route.path_format.split("/") if part and part != "v1"]
    verb = _BY_METHOD.get(method, method)
    for at, part in enumerate(named):
        is_last = at == len(named) - 1
        if part.startswith("{"):
            if is_last:
                things.append("by")
                things.append(part.strip("{}").partition(":")[0])
        elif is_last and method != "get" and part in _VERBS:
            verb = part
        else:
            things.append(part)
    return "_".join([verb, *things]).replace("-", "_").replace(".", "_")


def named(route: APIRoute) -> None:
    """Give a route, and the answer it describes, the id of its operation."""
    route.unique_id = operation_id(route)
    if route.response_field is not None:
        route.response_field.name = f"Response_{route.unique_id}"


def described(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with the errors that each operation may answer."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas[_PROBLEM] = dict(_PROBLEM_SCHEMA)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for methods in document["paths"].values():
        for method, operation in methods.items():
            answers = operation.setdefault("responses", {})
            for status in _errors(method, operation):
                own = answers.get(str(status.value), {})
                words = str(own.get("description", ""))
                if _JSON in own.get("content", {}) or "content" not in own:  # FastAPI's own 422, or none
                    is_own = words not in {"", "Validation Error"}
                    answers[str(status.value)] = _problem(words if is_own else _WORDS[status])
            for status, answer in answers.items():
                if status.isdigit() and int(status) >= HTTPStatus.BAD_REQUEST and "content" not in answer:
                    answer["content"] = _problem("")["content"]
    return document


def _errors(method: str, operation: Mapping[str, Any]) -> Iterator[HTTPStatus]:
    """Yield the errors that an operation may answer."""
    yield HTTPStatus.BAD_REQUEST
    if operation.get("security"):
        yield from (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    elif method in _WITH_BODY:  # signed by who sends it
        yield HTTPStatus.UNAUTHORIZED
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        yield HTTPStatus.NOT_FOUND
    if method in _WITH_BODY:
        yield from (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if "422" in operation.get("responses", {}):
        yield HTTPStatus.UNPROCESSABLE_ENTITY
    yield from (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def _problem(words: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{_PROBLEM}"}
    return {"description": words, "content": {MEDIA_TYPE: {"schema": schema}}}
