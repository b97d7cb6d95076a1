"""Fast routes: served before FastAPI's layers, with the limits and the problem documents of every other route."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute

from shared.config.directory import MerchantDirectory
from shared.errors import DatabaseUnavailable
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit, unauthorized
from shared.http.fast_routes import built_routes_of, fast_routes_of
from shared.telemetry.health import Health
from shared.testing.clock import FakeClock

LIMIT_BYTES = 1000


class Bug(Exception):
    """An unexpected exception."""


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    router = APIRouter()

    async def measure(request: Request) -> Response:
        return Response(f"{request.path_params['name']}: {len(await request.body())}")

    async def refuse(_request: Request) -> Response:
        raise unauthorized()

    async def wait(_request: Request) -> Response:
        raise DatabaseUnavailable

    async def crash(_request: Request) -> Response:
        raise Bug("+12125550123")

    @router.get("/measure/{name}")
    async def described(name: str) -> dict[str, str]:
        return {"described": name}

    for path, door in (("/measure/{name}", measure), ("/refuse", refuse), ("/wait", wait), ("/crash", crash)):
        router.add_route(path, door, methods=["POST"])
    keys = Keys(MerchantDirectory.load(tmp_path, {}), RateLimit(3, FakeClock()))
    return create_app("test", [router], keys=keys, health=Health(), max_body_bytes=LIMIT_BYTES)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_fast_route_is_served_by_path_and_method_and_the_rest_by_fastapi(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/measure/it", content=b"123")).text == "it: 3"
    assert (await client.get("/measure/it")).json() == {"described": "it"}
    assert (await client.put("/measure/it")).status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert (await client.get("/healthz")).status_code == HTTPStatus.OK


async def test_a_fast_route_has_the_limit_of_every_body_announced_or_not(client: httpx2.AsyncClient) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    answers = [
        await client.post("/measure/it", content=b"x" * (LIMIT_BYTES + 1)),
        await client.post("/measure/it", content=stream()),
    ]
    assert [answer.status_code for answer in answers] == [HTTPStatus.REQUEST_ENTITY_TOO_LARGE] * 2
    assert {answer.json()["code"] for answer in answers} == {"body_too_large"}
    assert (await client.post("/measure/it", content=b"x" * LIMIT_BYTES)).text == f"it: {LIMIT_BYTES}"


@pytest.mark.parametrize("path", ["/measure/a%00b", "/measure/a?b=%00"])
async def test_a_nul_never_reaches_a_fast_route(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.post(path)).status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/refuse", 401, "unauthorized"), ("/wait", 503, "database_unavailable"), ("/crash", 500, "bug")],
)
async def test_what_a_fast_route_raises_is_a_problem_document(
    client: httpx2.AsyncClient, path: str, status: int, code: str
) -> None:
    answer = await client.post(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "2125550123" not in answer.text


async def test_a_bug_in_a_fast_route_is_still_a_crash_for_the_server_to_log(app: FastAPI) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        with pytest.raises(Bug):
            await client.post("/crash")


def test_a_fast_route_has_no_place_in_the_document(app: FastAPI) -> None:
    paths: dict[str, Any] = app.openapi()["paths"]
    assert list(paths["/measure/{name}"]) == ["get"]
    assert "/crash" not in paths


def test_the_fast_routes_of_included_routers_are_found() -> None:
    async def answer(_request: Request) -> Response:
        return Response()

    outer, inner, innermost = APIRouter(), APIRouter(), APIRouter()
    innermost.add_route("/receipts", answer, methods=["POST"])
    innermost.add_api_route("/receipts", lambda: None, methods=["POST"])
    inner.include_router(innermost)
    outer.include_router(inner)
    outer.add_route("/links", answer)
    assert sorted(route.path for route in fast_routes_of([outer])) == ["/links", "/receipts"]


async def test_what_an_inclusion_adds_to_routes_holds_in_an_app_that_takes_them_as_they_are() -> None:
    def refuse() -> None:
        raise Bug

    plain, outer, guarded, prefixed = APIRouter(), APIRouter(), APIRouter(), APIRouter()
    for router, path in ((plain, "/plain"), (guarded, "/guarded"), (prefixed, "/prefixed")):
        router.add_api_route(path, lambda: "answered")
    outer.include_router(plain)
    outer.include_router(guarded, dependencies=[Depends(refuse)])
    outer.include_router(prefixed, prefix="/under")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes.extend(built_routes_of([outer]))
    assert [type(route) is APIRoute for route in app.router.routes] == [True, False, False]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/plain")).json() == "answered"
        assert (await client.post("/plain")).status_code == 405
        assert (await client.get("/under/prefixed")).json() == "answered"
        assert (await client.get("/prefixed")).status_code == 404
        with pytest.raises(Bug):
            await client.get("/guarded")
