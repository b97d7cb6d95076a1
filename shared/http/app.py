"""The app factory: routers in, one ASGI app out, with health, metrics, limits and problem documents."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response

from shared.http import problems
from shared.http.address import CleanAddress
from shared.http.auth import Keys
from shared.http.body import BodyLimit
from shared.http.plain import PlainRoutes, plain_routes
from shared.telemetry import metrics
from shared.telemetry.health import Health

Lifespan = Callable[[], AbstractAsyncContextManager[None]]


def create_app(
    title: str,
    routers: Sequence[APIRouter],
    *,
    keys: Keys,
    health: Health,
    max_body_bytes: int,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return an app that serves the routers, `/healthz`, `/readyz` and `/metrics`.

    `lifespan` is entered before the first request and left after the last.
    """

    @asynccontextmanager
    async def around(_app: FastAPI) -> AsyncIterator[None]:
        if lifespan is None:
            yield
            return
        async with lifespan():
            yield

    app = FastAPI(title=title, lifespan=around, docs_url="/docs", redoc_url=None)
    app.state.keys = keys
    problems.install(app)
    app.add_middleware(PlainRoutes, routes=plain_routes(routers), faults=app)
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    app.add_middleware(CleanAddress)
    for router in routers:
        app.include_router(router)
    app.include_router(operations(health))
    return app


def operations(health: Health) -> APIRouter:
    """Return the doors of the operator: alive, ready, scraped."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="Is the process alive?")
    async def healthz() -> Response:
        stopped = health.deaths()
        status = HTTPStatus.SERVICE_UNAVAILABLE if stopped else HTTPStatus.OK
        return JSONResponse({"status": "stopped" if stopped else "ok", "problems": stopped}, status_code=status)

    @router.get("/readyz", summary="Should it be given work?")
    async def readyz() -> Response:
        wrong = await health.report()
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return JSONResponse({"status": "not ready" if wrong else "ok", "problems": wrong}, status_code=status)

    @router.get("/metrics", summary="Prometheus metrics")
    async def scrape() -> Response:
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)

    return router
