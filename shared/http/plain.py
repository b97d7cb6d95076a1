"""Plain routes: doors with so much traffic that walking FastAPI's layers would cost more than what they do.

A router adds one with `router.add_route(...)`. It is reached past the body limit, with the same problem documents as
every other door, and without dependencies, validation or a place in the OpenAPI document.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send


def plain_routes(routers: Sequence[APIRouter]) -> list[Route]:
    """Return the plain routes of routers; those of FastAPI are of another class."""
    return [route for router in routers for route in router.routes if type(route) is Route]


class PlainRoutes:
    """ASGI middleware that serves plain routes; everything else goes on into the app."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[Route], faults: FastAPI) -> None:
        """Serve `routes`; what they raise is answered by the exception handlers of `faults`."""
        self._app = app
        self._routes = tuple(routes)
        handlers = {kind: handler for kind, handler in faults.exception_handlers.items() if kind is not Exception}
        self._handlers: tuple[dict[Any, Any], dict[int, Any]] = (handlers, {})
        """By exception and by status, as Starlette's own middleware hands them on."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose path and method are one of the routes'."""
        if scope["type"] == "http":
            for route in self._routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    scope["starlette.exception_handlers"] = self._handlers
                    await route.handle(scope, receive, send)
                    return
        await self._app(scope, receive, send)
