"""The OpenAPI document: an id for each operation that reads well in a generated client, and every error it may answer.

Errors are problem documents everywhere (RFC 9457), so they are described here once and not at each route.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.routing import APIRoute

from shared.http.operation_groups import GROUPS
from shared.http.operation_names import operation_name
from shared.http.problems import MEDIA_TYPE

_WITH_BODY: Final = frozenset({"post", "put", "patch"})
_JSON: Final = "application/json"
_ABOUT: Final = (
    "Send an API key as `Authorization: Bearer fu_…`; a key belongs to one merchant and has scopes. Instants are "
    "RFC 3339 with a zone, phone numbers E.164, money in minor units with its currency. Lists are pages: send "
    "`next_cursor` as `cursor` for the next one, until it is null. Every error is a problem document (RFC 9457) with a "
    "stable `code`."
)
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
_ERRORS: Final[Mapping[HTTPStatus, tuple[str, str]]] = {
    HTTPStatus.BAD_REQUEST: ("BadRequest", "The request cannot be read, or names this host by another name."),
    HTTPStatus.UNAUTHORIZED: ("Unauthorized", "No key, or none that is known."),
    HTTPStatus.FORBIDDEN: ("Forbidden", "The key lacks the scope, or asks for another merchant."),
    HTTPStatus.NOT_FOUND: ("NotFound", "The merchant has nothing of this id."),
    HTTPStatus.CONFLICT: ("Conflict", "What is stored does not allow it; the code says why."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("TooLarge", "The body is too large."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("UnsupportedMediaType", "The body has another media type."),
    HTTPStatus.UNPROCESSABLE_ENTITY: ("Invalid", "A field is wrong; `errors` names it and says why."),
    HTTPStatus.TOO_MANY_REQUESTS: ("TooManyRequests", "Too much at once; `Retry-After` says when to ask again."),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "Unavailable",
        "Not at this moment; safe to repeat with the same id or Idempotency-Key.",
    ),
}
"""What an error that needs no words of its own is called in the document, and what it says."""


def operation_id(route: APIRoute) -> str:
    """Return the id of a route's operation: `list_follow_ups`, `enqueue_follow_up`, `search_follow_ups`."""
    return operation_name(min(route.methods or {"GET"}), route.path_format)


def named(route: APIRoute) -> None:
    """Give a route, and the answer it describes, the id of its operation."""
    route.unique_id = operation_id(route)
    if route.response_field is not None:
        route.response_field.name = f"Response_{route.unique_id}"


def described(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with its groups, and the errors that each operation may answer."""
    document["info"]["description"] = _ABOUT
    used = {tag for methods in document["paths"].values() for each in methods.values() for tag in each.get("tags", ())}
    document["tags"] = [{"name": name, "description": words} for name, words in GROUPS.items() if name in used]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas[_PROBLEM] = dict(_PROBLEM_SCHEMA)
    document["components"]["responses"] = {name: _problem(words) for name, words in _ERRORS.values()}
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
                    answers[str(status.value)] = _problem(words) if is_own else _refers_to(status)
            for status, answer in answers.items():
                is_error = status.isdigit() and int(status) >= HTTPStatus.BAD_REQUEST
                if is_error and not {"content", "$ref"} & answer.keys():
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


def _refers_to(status: HTTPStatus) -> dict[str, Any]:
    return {"$ref": f"#/components/responses/{_ERRORS[status][0]}"}
