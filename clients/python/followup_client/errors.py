"""What a call raises when it is not answered as wished."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any


class FollowupError(Exception):
    """A call went wrong."""


class NoAnswerError(FollowupError):
    """No answer came, after every attempt; `may_have_happened` says whether the service may have acted all the same."""

    def __init__(self, words: str, *, may_have_happened: bool) -> None:
        super().__init__(words)
        self.may_have_happened = may_have_happened


class UnreadableAnswerError(FollowupError):
    """The service did what was asked, and answered something that this client cannot read: look for a newer client."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field that is wrong, and why."""

    field: str
    reason: str


class ProblemError(FollowupError):
    """The service refused: a problem document (RFC 9457), whose `code` is stable and whose `detail` says what to do."""

    def __init__(
        self,
        *,
        status: int,
        code: str,
        title: str,
        detail: str,
        errors: tuple[FieldError, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        fields = "".join(f"\n  {each.field}: {each.reason}" for each in errors)
        super().__init__(f"{status} {code}: {detail or title}{fields}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds


class BadRequestError(ProblemError):
    """400: the request cannot be read."""


class UnauthorizedError(ProblemError):
    """401: no key, or none that is known."""


class ForbiddenError(ProblemError):
    """403: the key lacks the scope, or asks for another merchant."""


class NotFoundError(ProblemError):
    """404: the merchant has nothing of this id."""


class ConflictError(ProblemError):
    """409: what is stored does not allow it; the code says why."""


class InvalidError(ProblemError):
    """422: a field is wrong; `errors` names it and says why."""


class TooManyRequestsError(ProblemError):
    """429: too much at once; `retry_after_seconds` says when to ask again."""


class UnavailableError(ProblemError):
    """503: not at this moment."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    HTTPStatus.BAD_REQUEST: BadRequestError,
    HTTPStatus.UNAUTHORIZED: UnauthorizedError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidError,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequestsError,
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError,
}


def problem_of(status: int, document: Any, retry_after_seconds: float | None) -> ProblemError:
    """Return the error of an answer; a proxy's page has the code `no_problem_document`."""
    found = document if isinstance(document, Mapping) else {}
    errors = found.get("errors")
    return _BY_STATUS.get(status, ProblemError)(
        status=status,
        code=str(found.get("code", "no_problem_document")),
        title=str(found.get("title", "")),
        detail=str(
            found.get("detail", "What answered is not Followup: look at the address, and at proxies on the way.")
        ),
        errors=tuple(
            FieldError(str(each.get("field", "")), str(each.get("reason", "")))
            for each in (errors if isinstance(errors, list) else ())
            if isinstance(each, Mapping)
        ),
        retry_after_seconds=retry_after_seconds,
    )
