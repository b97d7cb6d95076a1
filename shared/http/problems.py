"""Problem documents (RFC 9457): every error answer has a stable code, a sentence, and the fields at fault if any."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.config.problem import did_you_mean
from shared.errors import CommitUnknown, Fault
from shared.http.instruments import CLIENTS_GONE
from shared.telemetry.logs import logger

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
MOST_ERRORS = 100
"""More would not help, and an answer should not outgrow its request."""

_NO_OBJECT = frozenset({"missing", "model_attributes_type", "dict_type", "list_type"})
"""Pydantic's error types for a body that is missing, or is not an object."""

_IN_DOUBT = "all of it was stored, or nothing; the same request with the same id or Idempotency-Key is safe to repeat"

log = logger(__name__)


class FieldProblem(BaseModel):
    """One field and what is wrong with it."""

    field: str
    reason: str


class HTTPProblem(HTTPException):
    """An error answer; raised anywhere under a route, it becomes the response.

    Starlette's own exception is its base because FastAPI lets no other one through while it reads a body.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        errors: Sequence[FieldProblem] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.status = status
        self.code = code
        self.errors = tuple(errors)

    def response(self) -> Response:
        """Return the problem document."""
        return document(self.status, self.code, self.detail, self.errors, dict(self.headers or {}))


def unprocessable(field: str, reason: str) -> HTTPProblem:
    """Return a 422 about one field."""
    return HTTPProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        f"{field}: {reason}",
        [FieldProblem(field=field, reason=reason)],
    )


def not_found(what: str) -> HTTPProblem:
    """Return a 404 that says what was not found."""
    return HTTPProblem(HTTPStatus.NOT_FOUND, "not_found", f"{what} was not found")


def document(
    status: HTTPStatus,
    code: str,
    detail: str,
    errors: Sequence[FieldProblem] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem document."""
    return Response(body_of(status, code, detail, errors), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def body_of(status: HTTPStatus, code: str, detail: str, errors: Sequence[FieldProblem] = ()) -> bytes:
    """Return the JSON of a problem document."""
    more = {"errors": [error.model_dump() for error in errors]} if errors else {}
    about = {"type": "about:blank", "title": status.phrase, "status": status, "code": code, "detail": detail}
    return orjson.dumps(about | more)


def install(app: FastAPI) -> None:
    """Make every failure of an app a problem document."""

    @app.exception_handler(HTTPProblem)
    async def _problem(_request: Request, problem: HTTPProblem) -> Response:
        return problem.response()

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, problem: HTTPException) -> Response:
        status = HTTPStatus(problem.status_code)
        return document(status, status.name.lower(), str(problem.detail), headers=dict(problem.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, problem: RequestValidationError) -> Response:
        errors = [
            FieldProblem(field=".".join(map(str, entry["loc"][1:])) or "body", reason=_reason(entry, request))
            for entry in problem.errors()[:MOST_ERRORS]
        ]
        first = errors[0]
        return document(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", f"{first.field}: {first.reason}", errors)

    @app.exception_handler(Fault)
    async def _fault(request: Request, fault: Fault) -> Response:
        if fault.retryable:
            return document(
                HTTPStatus.SERVICE_UNAVAILABLE,
                fault.code,
                _IN_DOUBT if isinstance(fault, CommitUnknown) else "nothing was stored; try again",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        log.error("request_failed", code=fault.code, path=request.scope["path"])
        return document(HTTPStatus.INTERNAL_SERVER_ERROR, fault.code, "the request failed; the log names the reason")

    @app.exception_handler(ClientDisconnect)
    async def _gone(request: Request, _gone: ClientDisconnect) -> Response:
        # The client has hung up and reads no answer; that is no failure of this process.
        CLIENTS_GONE.inc()
        log.debug("client_gone", route=getattr(request.scope.get("route"), "path", None))
        return document(HTTPStatus.BAD_REQUEST, "client_gone", "the request ended before its body did")

    @app.exception_handler(Exception)
    async def _bug(request: Request, bug: Exception) -> Response:
        # The server logs where it happened; its message may quote the request.
        log.error("request_crashed", error=type(bug).__name__, route=getattr(request.scope.get("route"), "path", None))
        return document(HTTPStatus.INTERNAL_SERVER_ERROR, "bug", "the request failed; the log says where")


def _reason(entry: Mapping[str, Any], request: Request) -> str:
    """Return what is wrong with a field; for an unknown one, with the nearest known name."""
    if tuple(entry["loc"]) == ("body",) and entry["type"] in _NO_OBJECT:
        is_json = "json" in request.headers.get("content-type", "")
        return "must be a JSON object" if is_json else "must be JSON, sent with Content-Type: application/json"
    if entry["type"] != "extra_forbidden":
        return str(entry["msg"]).removeprefix("Value error, ")
    known = _names_at(entry["loc"], request)
    return f"unknown field; {did_you_mean(str(entry['loc'][-1]), known)}" if known else "unknown field"


def _names_at(place: Sequence[Any], request: Request) -> list[str]:
    """Return the field names that a request may have at this place of its body; none if that is unknown."""
    body = getattr(request.scope.get("route"), "body_field", None)
    inner: Any = body.field_info.annotation if body is not None else None
    for part in place[1:-1]:
        found = [model.model_fields[part].annotation for model in _models(inner) if part in model.model_fields]
        if found:
            inner = found[0]
        elif not isinstance(part, int):
            return []
    return [name for model in _models(inner) for name in model.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models in an annotation, whatever they are wrapped in: an option, a list, a tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
