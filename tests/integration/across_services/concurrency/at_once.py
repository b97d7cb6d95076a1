"""Doing the same thing many times at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import httpx2

from shared.bus.router import Router
from shared.db.transaction import WritePriority
from shared.events.envelope import Event
from shared.service import Service
from shared.testing.harness import ServiceHarness

AT_ONCE = 6


async def all_at_once(ask: Callable[[], Awaitable[httpx2.Response]], times: int = AT_ONCE) -> list[httpx2.Response]:
    """Return the answers to one request, made by many callers at once."""
    return list(await asyncio.gather(*(ask() for _ in range(times))))


async def handled(harness: ServiceHarness, service: Service, *batches: Sequence[Event]) -> None:
    """Hand batches to a service's event handlers, each in its own unit of work, all at the same moment."""
    assert service.events is not None
    router: Router = service.events
    units = harness.runtime.units
    await asyncio.gather(*(units.run(partial(router.handle, batch), WritePriority.BATCHES) for batch in batches))
