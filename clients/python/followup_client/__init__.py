"""A client of Followup's HTTP API: every operation a method, every body and answer a type, every error an exception."""

from followup_client import models
from followup_client.async_client import AsyncFollowup
from followup_client.client import Followup
from followup_client.errors import (
    BadRequestError,
    ConflictError,
    FieldError,
    FollowupError,
    ForbiddenError,
    InvalidError,
    NoAnswerError,
    NotFoundError,
    ProblemError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    UnreadableAnswerError,
)
from followup_client.pages import async_pages, pages
from followup_client.retries import Retries

__all__ = [
    "AsyncFollowup",
    "BadRequestError",
    "ConflictError",
    "FieldError",
    "Followup",
    "FollowupError",
    "ForbiddenError",
    "InvalidError",
    "NoAnswerError",
    "NotFoundError",
    "ProblemError",
    "Retries",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnavailableError",
    "UnreadableAnswerError",
    "async_pages",
    "models",
    "pages",
]
