"""A route of its own class is fast however deep its router is included."""

from fastapi import APIRouter, Request, Response

from shared.http.fast_routes import fast_routes_of


async def answer(_request: Request) -> Response:
    return Response()


def test_the_fast_routes_of_included_routers_are_found() -> None:
    outer, inner, innermost = APIRouter(), APIRouter(), APIRouter()
    innermost.add_route("/receipts", answer, methods=["POST"])
    innermost.add_api_route("/receipts", lambda: None, methods=["POST"])
    inner.include_router(innermost)
    outer.include_router(inner)
    outer.add_route("/links", answer)
    assert sorted(route.path for route in fast_routes_of([outer])) == ["/links", "/receipts"]
