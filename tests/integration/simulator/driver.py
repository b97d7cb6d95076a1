"""Runs the simulator and a shop that it calls back, each on a real port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from services.simulator.app import Simulator, create_app
from services.simulator.config import SimulatorConfig

ACCOUNT = "AC" + "0" * 32
TOKEN = "made-up-token"
SHOP_NUMBER = "+12025550100"
PHONE = "+12025550123"


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait for a condition that another process or thread fulfils, without an event in this loop."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


async def _is(value: bool) -> bool:  # noqa: FBT001 - the value is all there is
    return value


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await eventually(lambda: _is(server.started))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


@dataclass
class Call:
    url: str
    form: dict[str, str]
    signature: str


@dataclass
class Shop:
    """Keeps every call it gets; answers with `answer`."""

    url: str = ""
    answer: str = "<Response/>"
    calls: list[Call] = field(default_factory=list)
    redirects_to: str = ""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        async with request.form() as form:
            fields = {name: str(value) for name, value in form.items()}
        self.calls.append(Call(str(request.url), fields, request.headers["x-twilio-signature"]))
        if self.redirects_to:
            return RedirectResponse(self.redirects_to, 307)
        return Response(self.answer, media_type="text/xml")

    def statuses(self) -> list[str]:
        return [call.form["MessageStatus"] for call in self.calls if "MessageStatus" in call.form]

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        await eventually(lambda: _is(condition()), seconds)


class SimulatorDriver:
    """A running simulator with a client in front and a shop behind."""

    def __init__(self, data_file: Path, shop: Shop, **settings: Any) -> None:
        self.config = SimulatorConfig(
            data_file=data_file,
            accounts={ACCOUNT: TOKEN},
            **{"latency_ms": 20, "inbound_url": f"{shop.url}/replies", **settings},
        )
        self.shop = shop
        self.url = ""

    async def __aenter__(self) -> Self:
        self._serving = served(create_app(Simulator(self.config)))
        self.url = await self._serving.__aenter__()
        self.http = aiohttp.ClientSession(self.url, timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()
        await self._serving.__aexit__(kind, error, trace)

    @property
    def messages(self) -> str:
        return f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"

    @property
    def credentials(self) -> dict[str, str]:
        return {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}

    async def post(self, **fields: str) -> tuple[int, dict[str, Any]]:
        """Ask for one text; fields left out are filled in, empty ones left out."""
        form = {"To": PHONE, "From": SHOP_NUMBER, "Body": "Hello", **fields}
        form = {name: value for name, value in form.items() if value}
        async with self.http.post(self.messages, data=form, headers=self.credentials) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        async with self.http.get(path, params=query, headers=self.credentials) as answer:
            content: dict[str, Any] = await answer.json()
            return content

    async def statuses(self) -> list[str]:
        return [text["status"] for text in (await self.get("/simulator/texts"))["texts"]]

    async def until_statuses(self, wanted: list[str]) -> None:
        async def are_there() -> bool:
            return await self.statuses() == wanted

        await eventually(are_there)

    async def reply(self, text: str, **more: str) -> dict[str, Any]:
        async with self.http.post(f"/simulator/phones/{PHONE}/replies", json={"text": text, **more}) as answer:
            content: dict[str, Any] = await answer.json()
            return {"http_status": answer.status, **content}

    async def hold(self, **order: Any) -> None:
        async with self.http.post(f"/simulator/phones/{PHONE}/hold", json=order) as answer:
            assert answer.status == 204

    async def faults(self, *rules: dict[str, Any], seed: int = 1) -> None:
        async with self.http.put("/simulator/faults", json={"seed": seed, "rules": rules}) as answer:
            assert answer.status == 200, await answer.text()
