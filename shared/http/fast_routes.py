"""Fast routes: those with so much traffic that FastAPI's layers would cost more than their work.

A router adds one with `router.add_route(...)`. It is reached past the body limit, with the same problem documents as
every other route, and without dependencies, validation or a place in the OpenAPI document.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send


def fast_routes_of(routers: Iterable[APIRouter]) -> list[Route]:
    """Return the fast routes of routers; FastAPI's own are of another class."""
    return [route for route in routes_of(routers) if type(route) is Route]


def routes_of(routers: Iterable[APIRouter]) -> Iterator[BaseRoute]:
    """Yield the routes of routers and of the routers they include, which FastAPI keeps as one entry each."""
    for router in routers:
        for route in router.routes:
            included = getattr(route, "original_router", None)
            yield from [route] if included is None else routes_of([included])


def built_routes_of(routers: Iterable[APIRouter]) -> Iterator[BaseRoute]:
    """Yield the routes of routers as they are, for an app that adds nothing to them.

    `FastAPI.include_router` builds each route a second time, which is a third of an application's start. A router that
    is included in another with something added, such as a prefix or a dependency, stays one entry, as FastAPI has it.
    """
    for router in routers:
        for route in router.routes:
            included = getattr(route, "original_router", None)
            if included is None or _adds_something(getattr(route, "include_context", None)):
                yield route
            else:
                yield from built_routes_of([included])


def _adds_something(context: Any) -> bool:
    """Return whether an inclusion changes the routes of its router; one of a kind unknown here may."""
    plain: dict[str, Any] = {
        "prefix": "",
        "tags": [],
        "dependencies": [],
        "responses": {},
        "callbacks": [],
        "form_limits": {},
    }
    plain |= {"deprecated": None, "include_in_schema": True, "max_body_size": None}
    missing = object()
    return any(getattr(context, name, missing) != value for name, value in plain.items())


class FastRoutes:
    """ASGI middleware that serves fast routes; every other request goes on into the app."""

    def __init__(self, app: ASGIApp, routes: Sequence[Route], handlers: Mapping[Any, Any]) -> None:
        """Serve `routes`; what they raise is answered by the app's own exception `handlers`, by class."""
        self._app = app
        self._routes = tuple((route.path.partition("{")[0], route) for route in routes)
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose path and method match a fast route."""
        if scope["type"] == "http":
            path: str = scope["path"]
            for start, route in self._routes:
                if not path.startswith(start):
                    continue  # nearly every request is for another route, and its prefix shows that
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    await self._serve(route, scope, receive, send)
                    return
        await self._app(scope, receive, send)

    async def _serve(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer: Response = await route.endpoint(request)
        except Exception as problem:
            kind = next(kind for kind in type(problem).__mro__ if kind in self._handlers)
            answer = await self._handlers[kind](request, problem)
            if kind is Exception:  # a bug is answered too, and is still raised, so that the server logs it
                await answer(scope, receive, send)
                raise
        await answer(scope, receive, send)
