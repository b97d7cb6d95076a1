"""One call: how it is sent, sent again, and how its answer is read; in a thread and in an event loop."""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Final, Self
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

from followup_client.errors import NoAnswerError, UnreadableAnswerError, problem_of
from followup_client.retries import Retries, wait_after_answer, wait_after_silence

TIMEOUT_SECONDS: Final = 10.0
"""For each attempt: to connect, and then between any two parts of the answer."""
_NOT_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    idempotency_key: str | None = None
    has_key: bool = False
    """Whether the operation takes a key; without one of the caller's, the call gets one, the same for each attempt."""
    body: Any = None
    is_repeatable: bool = False
    """Whether a second call does nothing twice."""


def segment(value: object) -> str:
    """Return a value as one segment of a path.

    Raises:
        ValueError: it is empty or stands for another folder, and would lead to another operation.
    """
    if (words := str(value)) in {"", ".", ".."}:
        raise ValueError(f"an id cannot be {words!r}")
    return quote(words, safe="")


class _Calls:
    """What both ways of calling share."""

    def __init__(self, address: str, key: str, retries: Retries | None, chance: Callable[[], float]) -> None:
        self._address, self._key = address.rstrip("/"), key
        self._retries, self._chance = retries or Retries(), chance

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address!r})"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}", "User-Agent": "followup-client"}

    def _wait_after(self, call: Call, attempt: int, outcome: httpx2.Response | httpx2.TransportError) -> float | None:
        """Return how many seconds to wait before the next attempt; None: the answer is there, and good.

        Raises:
            ProblemError: it was refused, and is not sent again.
            NoAnswerError: no answer came, and it is not sent again.
        """
        chance, is_repeatable = self._chance(), call.is_repeatable
        if isinstance(outcome, httpx2.Response):
            if outcome.is_success:
                return None
            status, asked = outcome.status_code, _retry_after_seconds(outcome)
            wait = wait_after_answer(self._retries, attempt, chance, status, asked, is_repeatable=is_repeatable)
            if wait is None:
                raise problem_of(status, _json_of(outcome), asked)
            return wait
        happened = not isinstance(outcome, _NOT_SENT)
        silence = wait_after_silence(
            self._retries, attempt, chance, may_have_happened=happened, is_repeatable=is_repeatable
        )
        if silence is None:
            words = f"{call.method} {call.path}: {type(outcome).__name__} after {attempt} attempts"
            raise NoAnswerError(words, may_have_happened=happened) from outcome
        return silence


class ThreadedCalls(_Calls):
    """Calls that a thread waits for; use it with `with`, or call `close`. Threads may share it."""

    def __init__(
        self,
        address: str,
        key: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: Retries | None = None,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(address, key, retries, chance)
        self._sleep = sleep
        self._client = httpx2.Client(timeout=timeout_seconds, transport=transport, headers=self._headers())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def answer_of(self, call: Call, answer: Any) -> Any:
        """Return what a call is answered with, as the type `answer`.

        Raises:
            ProblemError: the service refused.
            NoAnswerError: no answer came.
            UnreadableAnswerError: the answer is not what this client knows.
        """
        sent = _sent(self._address, call)
        for attempt in range(1, self._retries.attempts + 1):
            outcome: httpx2.Response | httpx2.TransportError
            try:
                outcome = self._client.request(**sent)
            except httpx2.TransportError as silence:
                outcome = silence
            if (wait := self._wait_after(call, attempt, outcome)) is None and isinstance(outcome, httpx2.Response):
                return _read(call, outcome, answer)
            self._sleep(wait or 0.0)
        raise AssertionError("the last attempt returns or raises")


class AsynchronousCalls(_Calls):
    """Calls that an event loop waits for; use it with `async with`, or call `aclose`."""

    def __init__(
        self,
        address: str,
        key: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: Retries | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(address, key, retries, chance)
        self._sleep = sleep
        self._client = httpx2.AsyncClient(timeout=timeout_seconds, transport=transport, headers=self._headers())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def answer_of(self, call: Call, answer: Any) -> Any:
        """Return what a call is answered with, as the type `answer`; raises as `ThreadedCalls.answer_of` does."""
        sent = _sent(self._address, call)
        for attempt in range(1, self._retries.attempts + 1):
            outcome: httpx2.Response | httpx2.TransportError
            try:
                outcome = await self._client.request(**sent)
            except httpx2.TransportError as silence:
                outcome = silence
            if (wait := self._wait_after(call, attempt, outcome)) is None and isinstance(outcome, httpx2.Response):
                return _read(call, outcome, answer)
            await self._sleep(wait or 0.0)
        raise AssertionError("the last attempt returns or raises")


def _sent(address: str, call: Call) -> dict[str, Any]:
    """Return the arguments of a request; the same for each attempt."""
    headers = {name: value for name, value in call.headers.items() if value is not None}
    if call.has_key:
        headers["Idempotency-Key"] = call.idempotency_key or str(uuid.uuid4())
    sent: dict[str, Any] = {
        "method": call.method,
        "url": f"{address}{call.path}",
        "params": {name: _words(value) for name, value in call.query.items() if value is not None},
        "headers": headers,
    }
    if call.body is not None:
        sent["json"] = _jsonable(call.body)
    return sent


def _words(value: Any) -> str | list[str]:
    """Return a value of a query as it is sent; a list is sent as its name several times."""
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _jsonable(body: Any) -> Any:
    if isinstance(body, BaseModel):
        return body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(body, list | tuple):
        return [_jsonable(each) for each in body]
    return body


def _read(call: Call, response: httpx2.Response, answer: Any) -> Any:
    if answer is None:
        return None
    try:
        return _adapter(answer).validate_json(response.content)
    except ValidationError as problem:
        raise UnreadableAnswerError(f"{call.method} {call.path}: {problem}") from problem


@cache
def _adapter(answer: Any) -> TypeAdapter[Any]:
    return TypeAdapter(answer)


def _json_of(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _retry_after_seconds(response: httpx2.Response) -> float | None:
    words = response.headers.get("Retry-After", "")
    return float(words) if words.isdecimal() else None
