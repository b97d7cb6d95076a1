"""An ingress for tests: one address before many processes, each path to a replica of the service that owns it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

PATHS = {
    "/v1/webhooks": "ingest",
    "/v1/events": "ingest",
    "/v1/follow-ups": "scheduler",
    "/v1/flows": "scheduler",
    "/v1/controls": "scheduler",
    "/v1/approvals": "scheduler",
    "/v1/enrollments": "scheduler",
    "/v1/recipients/lookup": "scheduler",
    "/v1/contacts": "scheduler",
    "/v1/audit/scheduler": "scheduler",
    "/v1/audit/compliance": "compliance",
    "/v1/audit/sender": "sender",
    "/v1/consents": "compliance",
    "/v1/recipients": "compliance",
    "/v1/standings": "compliance",
    "/v1/gate": "compliance",
    "/v1/decisions": "compliance",
    "/v1/erasures": "compliance",
    "/v1/exports": "compliance",
    "/preferences": "compliance",
    "/v1/providers": "sender",
    "/v1/dispatches": "sender",
    "/v1/replies": "sender",
    "/r": "sender",
    "/v1/overview": "metrics",
    "/v1/facts": "metrics",
    "/v1/messages": "metrics",
    "/v1/kpis": "metrics",
    "/v1/journeys": "metrics",
    "/v1/deliveries": "connectors",
    "/v1/endpoints": "connectors",
    "/v1/audit/connectors": "connectors",
    "/v1/audit/console": "console",
    "/console": "console",
    "/2010-04-01": "simulator",
    "/simulator": "simulator",
}
"""The first parts of each path, and the service they belong to (design section 12)."""
_OF_THE_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length"})
_SECONDS = 20
_LARGEST_BODY = 4 * 1024 * 1024


@dataclass(slots=True)
class Ingress:
    """Forwards requests; one that finds no process at home is tried on the next replica, as a real ingress does."""

    port: int
    ports: dict[str, list[int]] = field(default_factory=dict)
    """Of each service's replicas."""
    _runner: web.AppRunner | None = None
    _client: aiohttp.ClientSession | None = None
    _turn: int = 0

    @property
    def url(self) -> str:
        """The address of the application."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Take requests."""
        self._client = aiohttp.ClientSession(
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=_SECONDS), cookie_jar=aiohttp.DummyCookieJar()
        )
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """Take no more."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    async def _forward(self, request: web.Request) -> web.Response:
        service = owner_of(request.path)
        if service is None:
            return web.Response(status=404)
        body = await request.read()
        for port in self._replicas(service):
            try:
                return await self._ask(port, request, body)
            except aiohttp.ClientConnectorError:
                continue
            except (aiohttp.ClientError, TimeoutError):
                return web.Response(status=502)
        return web.Response(status=503)

    async def _ask(self, port: int, request: web.Request, body: bytes) -> web.Response:
        assert self._client is not None  # noqa: S101 - made at the start
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _OF_THE_HOP]
        async with self._client.request(
            request.method,
            f"http://127.0.0.1:{port}{request.raw_path}",
            headers=headers,
            data=body,
            allow_redirects=False,
        ) as answer:
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OF_THE_HOP]
            return web.Response(status=answer.status, headers=dict(kept), body=await answer.read())

    def _replicas(self, service: str) -> Sequence[int]:
        """Return the replicas' ports, the first one another each time."""
        ports = self.ports.get(service, [])
        self._turn += 1
        first = self._turn % len(ports) if ports else 0
        return [*ports[first:], *ports[:first]]


def owner_of(path: str) -> str | None:
    """Return the service of a path; None if there is none."""
    return next((owner for prefix, owner in PATHS.items() if path == prefix or path.startswith(f"{prefix}/")), None)
