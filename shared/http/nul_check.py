"""Refuses NUL characters in addresses and headers: PostgreSQL cannot store them."""

from http import HTTPStatus
from itertools import chain

from starlette.types import Scope

from shared.http.problems import HTTPProblem

_NUL = b"\0"
_ENCODED_NUL = b"%00"


UNCLEAN = HTTPProblem(HTTPStatus.BAD_REQUEST, "invalid_request", "the address or a header holds a NUL character")


def holds_nul(scope: Scope) -> bool:
    """Return whether path, query or a header holds a NUL.

    Bytes that are not UTF-8 need no check: servers and parsers turn them into the replacement character.
    """
    query: bytes = scope["query_string"]
    if "\0" in scope["path"] or _NUL in query or _ENCODED_NUL in query:
        return True
    return _NUL in b"".join(chain.from_iterable(scope["headers"]))  # every request pays for this: one search over all
