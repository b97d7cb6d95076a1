"""A real nginx on the shipped configuration: which service gets which request, and which requests are refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx2
import pytest

from shared.testing.process import free_port
from tests.deploy.ingress import nginx
from tests.deploy.routing import Nginx

pytestmark = pytest.mark.connected


@dataclass(slots=True)
class Answering:
    """An upstream that answers with its name and the first line it was asked with."""

    name: str

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = f"{self.name} {asked.splitlines()[0]}".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def ingress(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """nginx, with an upstream on this machine behind each name."""
    async with AsyncExitStack() as stack:
        addresses = {}
        for name in Nginx.of_compose().upstreams:
            upstream = await stack.enter_async_context(await asyncio.start_server(Answering(name), "127.0.0.1", 0))
            addresses[name] = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
        yield await stack.enter_async_context(nginx(tmp_path, free_port(), addresses))


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/v1/webhooks/shopify/acme", "ingest"),
        ("/v1/events", "ingest"),
        ("/v1/follow-ups", "scheduler"),
        ("/v1/follow-ups/search", "scheduler"),
        ("/v1/consents/imports", "compliance"),
        ("/preferences/abc.def", "compliance"),
        ("/v1/providers/main/acme/replies", "sender"),
        ("/r/Ab12", "sender"),
        ("/v1/facts?measure=sent&from=a%2Fb", "metrics"),
        ("/console/static/console.css", "console"),
        ("/v1/audit/console/days", "console"),
        ("/simulator/phones/+12125550123.json", "simulator"),
    ],
)
async def test_a_request_reaches_its_owner_unchanged(ingress: httpx2.AsyncClient, path: str, owner: str) -> None:
    answer = await ingress.get(path)
    assert answer.text == f"{owner} GET {path} HTTP/1.1"


async def test_nothing_internal_is_answered(ingress: httpx2.AsyncClient) -> None:
    for path in ("/metrics", "/healthz", "/readyz", "/docs", "/v1/../metrics", "/r/../metrics", "//metrics"):
        request = ingress.build_request("GET", path)
        assert (await ingress.send(request)).status_code == 404, path


async def test_a_body_larger_than_the_services_take_is_refused_by_the_proxy(ingress: httpx2.AsyncClient) -> None:
    for path, most in (("/v1/events", 1_048_576), ("/v1/webhooks/shopify/acme", 10 * 1_048_576)):
        answer = await ingress.post(path, content=b"x" * (most + 1))
        assert (path, answer.status_code) == (path, 413)
        assert (await ingress.post(path, content=b"x" * most)).status_code != 413


async def test_a_call_of_the_console_does_not_come_through_the_public_door(ingress: httpx2.AsyncClient) -> None:
    for given, expected in (("Bearer fc_x.y", 401), ("bearer  fc_x.y", 401), ("Bearer fu_x", 200)):
        answer = await ingress.get("/v1/controls", headers={"Authorization": given})
        assert (given, answer.status_code) == (given, expected)


async def test_a_name_that_is_not_ours_is_led_nowhere(ingress: httpx2.AsyncClient) -> None:
    answer = await ingress.get("/simulator/phones/+12025550123.json", headers={"Host": "rebound.example"})
    assert answer.status_code == HTTPStatus.MISDIRECTED_REQUEST
