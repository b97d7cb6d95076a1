"""Endpoints to measure, each a process: ingest alone on its own file, or a bare route that checks the same signature.

Run as ``python -m bench.endpoints ingest|bare PORT FOLDER``.
"""

import base64
import hashlib
import hmac
import socket
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response

import services.ingest.app
from shared import process
from shared.bus.local import LocalLog
from shared.clock import SystemClock
from shared.config.directory import MerchantDirectory
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.telemetry.health import Health
from shared.testing.harness import harness
from shared.testing.make_ingest import SECRET, merchants_folder

_ANY_RATE = 1_000_000
_MAX_BODY_BYTES = 1_048_576


def bare() -> FastAPI:
    """Return one route that checks Shopify's signature and keeps nothing."""
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/webhooks/shopify/acme")
    async def webhook(request: Request) -> Response:
        expected = base64.b64encode(hmac.digest(SECRET.encode(), await request.body(), hashlib.sha256))
        genuine = hmac.compare_digest(expected, request.headers.get("x-shopify-hmac-sha256", "").encode())
        return Response(b'{"status":"accepted"}', 200 if genuine else 401, media_type="application/json")

    return app


async def serve(kind: str, port: int, folder: Path) -> None:
    """Serve one of the endpoints until stopped."""
    async with AsyncExitStack() as stack:
        app = await _ingest(folder, stack) if kind == "ingest" else bare()
        listener = socket.create_server(("127.0.0.1", port), reuse_port=False, backlog=1024)
        process.freeze_startup_objects()
        config = uvicorn.Config(app, log_config=None, access_log=False)
        await uvicorn.Server(config).serve(sockets=[listener])


async def _ingest(folder: Path, stack: AsyncExitStack) -> FastAPI:
    """Open ingest on a file of its own, with its event log, which has no reader."""
    clock = SystemClock()
    directory = MerchantDirectory.load(merchants_folder(folder), {})
    built = await stack.enter_async_context(harness(folder, clock, directory))
    runtime = replace(built.runtime, log=LocalLog(built.runtime.database))  # the harness's log checks what it writes
    service = services.ingest.app.build(runtime)
    await built.create(service.metadata)
    await stack.enter_async_context(service.running())
    keys = Keys(directory, RateLimit(_ANY_RATE, clock))
    return create_app("ingest", service.routers, keys=keys, health=Health(), max_body_bytes=_MAX_BODY_BYTES)


if __name__ == "__main__":
    process.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
