"""Addresses and headers as we take them: whatever is said in them can be written down on every database."""

from http import HTTPStatus
from itertools import chain

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.problems import HTTPProblem

_NUL = b"\0"
_ENCODED_NUL = b"%00"


class CleanAddress:
    """ASGI middleware that answers 400 where path, query or a header holds a NUL: no text of PostgreSQL may hold one.

    Bytes that are no UTF-8 need no such care: servers and parsers turn them into the replacement character.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it before anybody reads it."""
        if scope["type"] == "http" and _holds_nul(scope):
            refusal = HTTPProblem(
                HTTPStatus.BAD_REQUEST, "invalid_request", "the address or a header holds a NUL character"
            )
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _holds_nul(scope: Scope) -> bool:
    query: bytes = scope["query_string"]
    if "\0" in scope["path"] or _NUL in query or _ENCODED_NUL in query:
        return True
    return _NUL in b"".join(chain.from_iterable(scope["headers"]))  # every request pays for this: one look at all
