"""The app factory: routers in, one ASGI app out, with health, metrics, limits and problem documents."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from shared.db.readers import ReadingForARequest
from shared.http import docs_page, problems
from shared.http.access import AccessPolicy, refusal_of
from shared.http.auth import Keys
from shared.http.body import BodyLimit
from shared.http.description import described, named, operation_id
from shared.http.fast_routes import FastRoutes, built_routes_of, fast_routes_of
from shared.telemetry import metrics
from shared.telemetry.health import Health


class HTTPApplication(FastAPI):
    """FastAPI behind an access policy, a body limit and the fast routes, which need nothing else."""

    bounded: BodyLimit
    access: AccessPolicy | None

    def openapi(self) -> dict[str, Any]:
        """Return the document of the routes, with every error they may answer."""
        if self.openapi_schema is None:
            self.openapi_schema = described(super().openapi())
        return self.openapi_schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        with ReadingForARequest():
            if (refusal := refusal_of(scope, self.access)) is not None:
                await refusal.response()(scope, receive, send)
            else:
                await self.bounded(scope, receive, send)


def create_app(
    title: str,
    routers: Sequence[APIRouter],
    *,
    keys: Keys,
    health: Health,
    max_body_bytes: int,
    max_webhook_body_bytes: int | None = None,
    lifespan: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    access: AccessPolicy | None = None,
) -> FastAPI:
    """Return an app that serves the routers, `/healthz`, `/readyz` and `/metrics`.

    `lifespan` is entered before the first request and left after the last. Without an `access` policy every host name
    is answered, and the operator's pages are open: for tests of a route alone.
    """
    app = HTTPApplication(
        title=title,
        lifespan=lambda _app: lifespan(),
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    problems.install(app)
    routes = FastRoutes(super(HTTPApplication, app).__call__, fast_routes_of(routers), app.exception_handlers)
    app.bounded = BodyLimit(routes, max_body_bytes, max_webhook_body_bytes)
    app.access = access
    app.state.keys = keys
    for route in built_routes_of([*routers, operations(health), docs_page.router_of(app)]):
        if isinstance(route, APIRoute):
            named(route)
        app.router.routes.append(route)
    return app


def operations(health: Health) -> APIRouter:
    """Return the router of the operator: liveness, readiness, metrics."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Show whether the process is alive")
    async def healthz() -> Response:
        stopped = health.deaths()
        status = HTTPStatus.SERVICE_UNAVAILABLE if stopped else HTTPStatus.OK
        return JSONResponse({"status": "stopped" if stopped else "ok", "problems": stopped}, status_code=status)

    @router.get("/readyz", summary="Show whether it should be given work")
    async def readyz() -> Response:
        wrong, concerns = await health.report(), await health.concerns()
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        word = "not ready" if wrong else "degraded" if concerns else "ok"
        return JSONResponse({"status": word, "problems": wrong, "concerns": concerns}, status_code=status)

    @router.get("/metrics", summary="Show the metrics for Prometheus")
    async def scrape() -> Response:
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)

    return router
