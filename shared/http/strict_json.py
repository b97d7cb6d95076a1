"""Strict JSON: what is accepted can also be stored, so that nothing fails half way."""

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request, Response

from shared.http.auth import SignedInRoute
from shared.http.problems import HTTPProblem
from shared.worker_thread import in_worker_thread

MOST_LEVELS = 64
"""How deep lists and objects may be nested; no shop nests deeper."""
MOST_MEMBERS = 200_000
"""Members, lists and objects in one document: they take longest to read; many times what a shop sends at once."""
_MANY_DIGITS = re.compile(rb"[0-9]{19}")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


class NotStorable(ValueError):
    """The document cannot be stored: too many members, nested too deep, or with a NUL, which PostgreSQL refuses."""


class TooManyMembers(NotStorable):
    """It holds more members than any shop sends at once, and is not parsed."""


def read(body: bytes) -> Any:
    """Return the value of a JSON text: UTF-8, no lone surrogates, no NaN, numbers within the range of a double.

    Raises:
        orjson.JSONDecodeError: it is not such a text.
        NotStorable: it cannot be stored.
    """
    opened = body.count(b"[") + body.count(b"{")
    if opened + body.count(b'":') > MOST_MEMBERS:
        raise TooManyMembers(f"holds more than {MOST_MEMBERS:,} members")
    value = orjson.loads(body)
    if b"\\u0000" in body or opened > MOST_LEVELS:  # only then can it be impossible to store
        _check(value)
    return value


def parsed(body: bytes) -> Any:
    """Return the value of a request's JSON body, each integer exactly.

    Raises:
        HTTPProblem: 422 saying what is wrong with it.
    """
    try:
        value = read(body)
    except orjson.JSONDecodeError:
        raise _problem("the body is not JSON") from None
    except NotStorable as problem:
        raise _problem(f"the body {problem}") from None
    if _MANY_DIGITS.search(body) and not all(_SMALLEST <= number <= _LARGEST for number in _integers(json.loads(body))):
        raise _problem("the body holds an integer beyond 64 bits")
    return value


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """Return the body's value; 422 for anything else."""
        if not hasattr(self, "_json"):
            body = await self.body()
            self._json = await in_worker_thread(lambda: parsed(body), len(body))
        return self._json


class StrictRoute(SignedInRoute):
    """A route that authenticates and then reads JSON strictly; for `APIRouter(route_class=...)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, given a strict request."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


def _check(value: Any) -> None:
    """Check every part, level by level."""
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        if any("\0" in part for part in level if isinstance(part, str)):
            raise NotStorable("holds a NUL character")
        level = [inner for outer in level for inner in _parts(outer)]
        if not level:
            return
    raise NotStorable(f"is nested more than {MOST_LEVELS} levels deep")


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    for part in _parts(value):
        yield from _integers(part)


def _problem(reason: str) -> HTTPProblem:
    return HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", reason)
