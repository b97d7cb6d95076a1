"""Waiting for what no fake clock can hurry: brokers, threads, other tasks."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 90.0
_LOOK_SECONDS = 0.005


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
    """Return when `condition` holds.

    Raises:
        TimeoutError: it did not within `seconds`.
    """
    async with asyncio.timeout(seconds):
        while not await _holds(condition):  # noqa: ASYNC110 - what is waited for is not ours to make an event of
            await asyncio.sleep(_LOOK_SECONDS)


async def _holds(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    """Return whether it holds now."""
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer
