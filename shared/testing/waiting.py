"""Waiting in tests: for something to be seen, never for a time to pass."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
LOOK_SECONDS = 0.03


async def until(seen: Callable[[], Awaitable[T | None]], seconds: float = 90.0) -> T:
    """Look until there is something true to see, and return it.

    Raises:
        AssertionError: it was not seen in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        found = await seen()
        if found:
            return found
        if loop.time() > deadline:
            raise AssertionError(f"not seen within {seconds:.0f} s: {seen}")
        await asyncio.sleep(LOOK_SECONDS)
