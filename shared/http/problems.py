"""Problem documents (RFC 9457): every error answer has a stable code, a sentence, and where it helps, fields."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.errors import Fault
from shared.telemetry.logs import logger

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

log = logger(__name__)


class FieldProblem(BaseModel):
    """One field and what is wrong with it."""

    field: str
    reason: str


class HTTPProblem(Exception):  # noqa: N818 - the glossary's word
    """An error answer; raised anywhere under a route, it becomes the response."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        errors: Sequence[FieldProblem] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers or {}

    def response(self) -> Response:
        """Return the problem document."""
        return document(self.status, self.code, self.detail, self.errors, self.headers)


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
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors:
        body["errors"] = [error.model_dump() for error in errors]
    return Response(orjson.dumps(body), status_code=status, headers=headers, media_type=MEDIA_TYPE)


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
    async def _invalid(_request: Request, problem: RequestValidationError) -> Response:
        errors = [
            FieldProblem(field=".".join(map(str, entry["loc"][1:])) or "body", reason=str(entry["msg"]))
            for entry in problem.errors()
        ]
        first = errors[0]
        return document(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", f"{first.field}: {first.reason}", errors)

    @app.exception_handler(Fault)
    async def _fault(request: Request, fault: Fault) -> Response:
        if fault.retryable:
            return document(
                HTTPStatus.SERVICE_UNAVAILABLE,
                fault.code,
                "nothing was stored; try again",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        log.error("request_failed", code=fault.code, path=request.scope["path"])
        return document(HTTPStatus.INTERNAL_SERVER_ERROR, fault.code, "the request failed; the log has the reason")
