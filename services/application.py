"""The HTTP application of a process: the routes and health of its services, and the upkeep that runs beside them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from fastapi import FastAPI

from shared.housekeeping import Housekeeping
from shared.http.access import AccessPolicy
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit, operator_scopes
from shared.http.console_tokens import TokenVerifier
from shared.service import Runtime, Service
from shared.telemetry.health import Health


class MonitoredPart(Protocol):
    """A part of the process whose health is reported under a name of its own."""

    async def readiness(self) -> str | None:
        """Return why it should get no work, or None."""
        ...

    async def concerns(self) -> str | None:
        """Return what an operator should look into although it works, or None."""
        ...

    def halted(self) -> str | None:
        """Return why it stopped for good, or None."""
        ...


def create_application(
    title: str,
    runtime: Runtime,
    services: Sequence[Service],
    token: str,
    *,
    log: MonitoredPart | None = None,
    around: Callable[[], AbstractAsyncContextManager[None]] | None = None,
    console: TokenVerifier | None = None,
) -> FastAPI:
    """Return the app of a process; its services and its housekeeping run while the app does.

    Args:
        title: of the API's page.
        runtime: of the process.
        services: in the order in which they start.
        token: the operator's.
        log: reported under "log", where the process reads one that can fail by itself.
        around: entered before the first service starts, left after the last has stopped.
        console: checks the console's calls; by default against the public key of the settings.
    """
    readers = [service for service in services if service.consumer is not None]
    housekeeping = Housekeeping(runtime, [service.system_tables for service in readers])
    parts: dict[str, MonitoredPart] = {service.name: service for service in services}
    if log is not None:
        parts["log"] = log
    health = Health()
    for name, part in parts.items():
        health.add(name, part.readiness, part.halted)
        health.add_concern(name, part.concerns)
    health.add("process", housekeeping.readiness, housekeeping.halted)
    health.add_concern("merchant files", housekeeping.concerns)
    health.add_concern("quotas", runtime.quotas.concern)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if around is not None:
                await stack.enter_async_context(around())
            for service in services:
                await stack.enter_async_context(service.running())
            await stack.enter_async_context(housekeeping.running())
            yield

    settings = runtime.settings
    return create_app(
        title,
        [router for service in services for router in service.routers],
        keys=_keys(runtime, token, console),
        health=health,
        max_body_bytes=settings.max_body_bytes,
        max_webhook_body_bytes=settings.max_webhook_body_bytes,
        lifespan=lifespan,
        access=AccessPolicy.of(settings, token, runtime.merchants.hosts),
    )


def _keys(runtime: Runtime, token: str, console: TokenVerifier | None) -> Keys:
    """Return what finds the caller of a request."""
    settings, clock = runtime.settings, runtime.clock
    verifier = console or TokenVerifier(settings.console_public_key, clock)
    limit, scopes = RateLimit(settings.requests_per_second, clock), operator_scopes(settings.operator_scopes)
    return Keys(runtime.merchants, limit, token, verifier, scopes)
